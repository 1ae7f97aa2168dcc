# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole stories with a beginning and an end: a guest, a workload, the daemon, and what came of it.

In:  what kind of guest.
Out: measured figures, which tests and benchmarks judge.

A story that is told managed and unmanaged is told of twins: two guests of one kind, the same
workload in both, one of them under the daemon's eyes. Twins live side by side, because a host that
has other work to do is never the same twice: what slows one of them slows the other.
"""
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from lab.daemon import GUARDIAN_AFTER_S, Daemon, HostMemory, Settings, Watch
from lab.footprint import Sampler, now_us
from lab.guest import Guest, Spec
from lab.process import wait_for
from lab.workloads import MIB, Harm, Rate, RateMeter, busy, harm, spike

S = 1_000_000
DECISION_DEADLINE_S = 90  # the default interval is 10 s, and a guest must be seen calm first
# slow enough to do something to the daemon or the guest in the middle of an inflate
SLOW = {"interval": "1s", "step": "4MiB", "fast_interval": "100ms"}
BRISK = {"interval": "1s"}
NEVER_S = 3600  # later than any deadline of a test


@dataclass(frozen=True)
class Reclaim:
    """What one squeeze won, from the first decision on; all measured at the host by the lab."""

    resident_before_b: int
    freed_b: dict[int, int]  # seconds after the decision -> bytes less than before it
    harm: Harm


def reclaim(spec: Spec, work: Callable[[Guest], None], after_s: tuple[int, ...],
            settings: Settings | None = None) -> tuple[Reclaim, Reclaim]:
    """(managed, unmanaged) twins do @work; then the daemon is started, at its defaults if no
    @settings are given."""
    managed = Guest(replace(spec, name=f"{spec.name}-managed"))
    alone = Guest(replace(spec, name=f"{spec.name}-alone"))
    with managed, alone, Sampler() as sampler:
        reports = {}
        for guest in (managed, alone):
            work(guest)
            reports[guest.name] = guest.report()
            sampler.watch(guest.name, guest.process.pid, guest.process.cgroup)
            series = sampler.series[guest.name]
            wait_for("sample", lambda series=series: series.values_b, 10)
        with Daemon([managed], settings) as daemon, Watch(daemon) as watch:
            start_us = watch.wait_first(managed.name, "inflating", DECISION_DEADLINE_S).time_us
            last_us = start_us + max(after_s) * S
            wait_for("verdict", lambda: now_us() > last_us + S // 2, max(after_s) + 10, 0.25)
            return tuple(
                Reclaim(sampler.series[guest.name].at(start_us),
                        {s: sampler.series[guest.name].at(start_us)
                            - sampler.series[guest.name].at(start_us + s * S) for s in after_s},
                        harm(reports[guest.name], guest.report()))
                for guest in (managed, alone))


@dataclass(frozen=True)
class Busy:
    """How a working guest fared."""

    rate: Rate
    slowest_pass_ms: float
    resident_before_b: int
    resident_low_b: int
    harm: Harm


@dataclass(frozen=True)
class BusyPair:
    managed: Busy
    alone: Busy
    squeezes: int
    daemon_cpu_share: float  # of one processor, while the managed one was watched and squeezed


def busy_twins(spec: Spec, hot_mib: int, stale_mib: int, seconds: float,
               managed_first: bool) -> BusyPair:
    """A hot working set beside stale memory. At the defaults a busy guest is left alone."""
    managed = Guest(replace(spec, name=f"{spec.name}-managed"))
    alone = Guest(replace(spec, name=f"{spec.name}-alone"))
    order = (managed, alone) if managed_first else (alone, managed)
    with order[0], order[1], Sampler() as sampler:
        works = {}
        for guest in order:
            spike(guest, hot_mib + stale_mib)  # the hot set takes its part of it again
            works[guest.name] = busy(guest, hot_mib)
            sampler.watch(guest.name, guest.process.pid, guest.process.cgroup)
        before = {guest.name: (guest.report(), guest.footprint().resident_b) for guest in order}
        start_us = now_us()
        with Daemon([managed]) as daemon:
            cpu_s = daemon.process.cpu_s()
            meters = {guest.name: RateMeter(guest, works[guest.name]) for guest in order}
            meters[order[0].name].wait(seconds)
            rates = {guest.name: meters[guest.name].rate() for guest in order}
            cpu_s = daemon.process.cpu_s() - cpu_s
            squeezes = daemon.vm(managed.name)["squeezes"]

        def fared(guest: Guest) -> Busy:
            report, resident_b = before[guest.name]
            return Busy(rates[guest.name], guest.work(works[guest.name])["slowest_pass_us"] / 1000,
                        resident_b, sampler.series[guest.name].lowest(start_us, now_us()),
                        harm(report, guest.report()))
        return BusyPair(fared(managed), fared(alone), squeezes, cpu_s / seconds)


def wait_mid_inflate(guest: Guest, mib: int = 64,
                     deadline_s: float = 4 * DECISION_DEADLINE_S) -> None:
    """Returns when the balloon of @guest holds @mib MiB, by QEMU's own word.

    On a machine that is busy a first squeeze may be given up before that; there is a second. QEMU
    is not asked all the time: what it works for that would make its guest look busy.
    """
    wait_for(f"{mib} MiB in the balloon of {guest.name}",
             lambda: guest.balloon_actual_b() <= (guest.spec.memory_mib - mib) * MIB,
             deadline_s, 0.05)


def wait_balloon_empty(guest: Guest, deadline_s: float) -> float:
    """Seconds until the balloon of @guest is at 0."""
    start = time.monotonic()
    wait_for(f"empty balloon of {guest.name}",
             lambda: guest.balloon_actual_b() == guest.spec.memory_mib * MIB, deadline_s, 0.01)
    return time.monotonic() - start


@dataclass(frozen=True)
class Burst:
    state: str  # of the workload: done or killed
    filled_ms: float
    balloon_at_start_b: int
    harm: Harm


def burst_during_inflate(spec: Spec, mib: int) -> Burst:
    """All the guest has left is asked for at the very moment its balloon grows."""
    with Guest(spec) as guest:
        spike(guest)
        before = guest.report()
        with Daemon([guest], BRISK):
            wait_mid_inflate(guest, 128)
            balloon_b = spec.memory_mib * MIB - guest.balloon_actual_b()
            work = guest.finish(guest.start_work("burst", mib, 500))
            wait_balloon_empty(guest, 60)
        return Burst(work["state"], work["filled_us"] / 1000, balloon_b,
                     harm(before, guest.report()))


def burst_while_held(spec: Spec, mib: int) -> Burst:
    """All the guest has left is asked for while a host that is short holds its balloon."""
    with Guest(spec) as guest:
        host = HostMemory(guest.folder)
        host.available(0.02)
        spike(guest)
        before = guest.report()
        with Daemon([guest], BRISK, prefix=host.prefix()) as daemon, Watch(daemon) as watch:
            daemon.wait_vm(guest.name, "hold", lambda vm: vm["phase"] == "holding",
                           DECISION_DEADLINE_S)
            balloon_b = spec.memory_mib * MIB - guest.balloon_actual_b()
            work = guest.finish(guest.start_work("burst", mib, 500))
            # it was at 0 then; the host is still short, and may have it inflated again by now
            watch.wait_first(guest.name, "verifying", 60)
        return Burst(work["state"], work["filled_us"] / 1000, balloon_b,
                     harm(before, guest.report()))


def daemon_lost(spec: Spec, number: int, deadline_s: float) -> float:
    """Seconds from signal @number to ballonetd in the middle of an inflate to an empty balloon.

    One that is stopped is missed because it is silent. One that ends must be missed at once: there
    the guardian would wait for an hour for a silent one.
    """
    silent_s = GUARDIAN_AFTER_S if number == signal.SIGSTOP else NEVER_S
    with Guest(spec) as guest:
        spike(guest)
        with Daemon([guest], SLOW, guardian_after_s=silent_s) as daemon:
            wait_mid_inflate(guest)
            daemon.process.send(number)
            return wait_balloon_empty(guest, deadline_s)
