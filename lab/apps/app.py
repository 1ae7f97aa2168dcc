# SPDX-License-Identifier: GPL-2.0-or-later
"""What an application is to the lab."""
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class App:
    """Scripts are for sh -eu and run as root; /srv is the application's own disk.

    When @start returns, the application is ready for its load. @load is a program in the guest; for
    each operation it prints a line of numbers, separated by spaces.
    """

    name: str
    title: str
    packages: tuple[str, ...]
    fill: str  # in a chroot of the guest's root, while the disk is made
    start: str  # in the guest, at each boot
    load: str
    latency_column: int = 1  # of a line, in microseconds
    second_column: int = 0  # when it was done, since the epoch; 0: when the line came
    memory_mib: int = 1536
    files: Mapping[str, Path] = field(default_factory=dict)  # copied to /srv before it is filled
    wishes: tuple[str, ...] = ()  # what its guest has besides: "zram", "earlyoom"
