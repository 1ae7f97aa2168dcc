# SPDX-License-Identifier: GPL-2.0-or-later
"""Stories of right-sizing: a balloon that is left inflated, and a guest that grows under it.

In:  a guest, with the kernel's own driver or with ballonet.ko.
Out: measured figures, which tests and benchmarks judge.
"""
import time
from dataclasses import dataclass

from lab.daemon import Daemon, Settings
from lab.guest import Guest, Spec
from lab.process import wait_for
from lab.workloads import MIB, Harm, harm, spike

# the pace of a test: the defaults take 1 % every 10 s
SMALL_STEPS: Settings = {"mode": "rightsize", "interval": "1s", "size_every": "1s",
                         "size_watch": "0s"}
BRISK_SIZING: Settings = {**SMALL_STEPS, "size_step": "10%"}
SIZED_MIB = 400  # of 1 GiB; an idle guest can do without that much at the least
GROWN_MIB = 650
PIECES = 5  # of it, a second apart, where a guest is to grow at a pace that can be followed
SIZED_DEADLINE_S = 90


@dataclass(frozen=True)
class Sized:
    """How a guest fared that was right-sized and then grew."""

    balloon_mib: float  # when it began to grow
    freed_mib: float  # at the host by then
    state: str  # of the work
    filled_ms: float
    left_mib: float  # of the balloon, when the work was done
    harm: Harm
    why: str  # what the daemon says last


def grow_when_sized(spec: Spec, steadily: bool = False, settings: Settings | None = None) -> Sized:
    """The whole story. The guest grows at once, or @steadily: in pieces, a second apart."""
    with Guest(spec) as guest:
        spike(guest)
        before_b, before = guest.footprint().resident_b, guest.report()
        with Daemon([guest], settings or BRISK_SIZING) as daemon:
            daemon.wait_vm(guest.name, f"balloon of {SIZED_MIB} MiB",
                           lambda vm: (vm["balloon_b"] or 0) >= SIZED_MIB * MIB, SIZED_DEADLINE_S)
            ballooned = spec.memory_mib - guest.balloon_actual_b() / MIB
            freed_mib = (before_b - guest.footprint().resident_b) / MIB
            works = []
            for piece in range(PIECES if steadily else 1):
                start = time.monotonic()
                works.append(guest.start_work("burst", GROWN_MIB // (PIECES if steadily else 1),
                                              1000 + 1000 * (PIECES - piece) * steadily))
                wait_for("the next piece", lambda start=start: time.monotonic() - start >= steadily,
                         5)
            ended = [guest.finish(number) for number in works]
            left = spec.memory_mib - guest.balloon_actual_b() / MIB
            states = sorted(work["state"] for work in ended)
            return Sized(ballooned, freed_mib, "done" if states == ["done"] * len(works) else
                         ", ".join(states), max(work["filled_us"] for work in ended) / 1000, left,
                         harm(before, guest.report()), daemon.vm(guest.name)["why"])
