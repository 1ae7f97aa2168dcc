# SPDX-License-Identifier: GPL-2.0-or-later
"""What guests do, and how to tell that it hurt.

In:  a running guest.
Out: work done in it; rates by the guest's own clock; Harm between two reports.

The same functions serve managed and unmanaged guests: the comparison is the point.
"""
import time
from dataclasses import dataclass
from typing import Any

from lab.guest import Guest
from lab.process import wait_for

MIB = 1 << 20


@dataclass(frozen=True)
class Harm:
    """What the guest suffered between two reports. Pages are 4 KiB."""

    oom_kills: int
    swapped_out_pages: int
    major_faults: int
    bad_pages: int
    lost_works: int

    @property
    def worst(self) -> int:
        """0 is unharmed. Major faults are not in it: any program that starts has some."""
        return self.oom_kills + self.swapped_out_pages + self.bad_pages + self.lost_works


def harm(before: dict[str, Any], after: dict[str, Any]) -> Harm:
    """Compares two reports of one guest."""
    def grown(key: str) -> int:
        return after["vmstat"][key] - before["vmstat"][key]
    return Harm(grown("oom_kill"), grown("pswpout"), grown("pgmajfault"),
                sum(work["errors"] for work in after["works"]),
                sum(work["state"] in ("killed", "failed") for work in after["works"]))


def spike(guest: Guest, mib: int = 600) -> None:
    """Needs memory once, and frees it: what is left is stale."""
    guest.run("touch", mib, 0)


def archive(guest: Guest, mib: int = 600) -> None:
    """Reads files once and never again: what is left is cold cache."""
    guest.run("read", mib, 1)


def busy(guest: Guest, mib: int) -> int:
    """Starts walking a hot working set; returns when the first passes are done."""
    work = guest.start_work("hot", mib)
    wait_for(f"first passes of {guest.name}", lambda: guest.work(work)["passes"] >= 3, 60)
    return work


@dataclass(frozen=True)
class Rate:
    """Work by the guest's clock, and by the processor time it cost the host.

    The first is what the guest's user sees. The second leaves out what other programs on this
    machine took, and so says what of a difference was not the daemon's doing.
    """

    mib_per_s: float
    mib_per_cpu_s: float


class RateMeter:
    """Work done from here on."""

    def __init__(self, guest: Guest, work: int) -> None:
        self._guest = guest
        self._work = work
        self._from = self._look()

    def _look(self) -> tuple[int, int, float]:
        answer = self._guest.ask("works")
        work = next(work for work in answer["works"] if work["work"] == self._work)
        return answer["now_us"], work["bytes"], self._guest.process.cpu_s()

    def rate(self) -> Rate:
        now_us, done, cpu_s = (now - was for now, was in zip(self._look(), self._from))
        return Rate(done / MIB / (now_us / 1e6), done / MIB / cpu_s)

    def wait(self, seconds: float) -> Rate:
        """The rate over @seconds. Nobody is asked meanwhile: to answer is work, too."""
        end = time.monotonic() + seconds
        wait_for(f"{seconds:g} s", lambda: time.monotonic() >= end, seconds + 10, 0.25)
        return self.rate()
