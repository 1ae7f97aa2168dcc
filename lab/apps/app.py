# SPDX-License-Identifier: GPL-2.0-or-later
"""What an application is to the lab."""
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Ask:
    """A program in the guest that prints a line of numbers for each operation."""

    command: str
    latency_column: int = 1  # of a line, in microseconds
    second_column: int = 2  # when it was done, since the epoch; 0: when the line came


@dataclass(frozen=True)
class App:
    """Scripts are for sh -eu and run as root; /srv is the application's own disk.

    When @start returns, the application is ready to be asked.
    """

    name: str
    title: str
    packages: tuple[str, ...]
    fill: str  # in a chroot of the guest's root, while the disk is made
    start: str  # in the guest, at each boot
    asks: tuple[Ask, ...]  # all at once
    memory_mib: int = 1536
    files: Mapping[str, Path] = field(default_factory=dict)  # copied to /srv before it is filled
    wishes: tuple[str, ...] = ()  # what its guest has besides: "zram", "earlyoom"


def together(name: str, *apps: App) -> App:
    """Several in one guest."""
    def chained(scripts: list[str]) -> str:
        return "".join(f"(\n{script})\n" for script in scripts)

    return App(
        name=name,
        title="; ".join(app.title for app in apps),
        packages=tuple(package for app in apps for package in app.packages),
        fill=chained([app.fill for app in apps]),
        start=chained([app.start for app in apps]),
        asks=tuple(ask for app in apps for ask in app.asks),
        files={name: path for app in apps for name, path in app.files.items()},
    )
