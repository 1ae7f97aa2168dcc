# SPDX-License-Identifier: GPL-2.0-or-later
"""One guest's afternoon in 110 s: what it costs its host, and how long its own work takes.

In:  twins, of which one is managed in another way than the other.
Out: Run: the integral of host-resident bytes over the trace, per phase, and the time that the
     guest's own operations took.

The guest holds memory and frees it, reads files, rests, reads them again, holds memory and frees
it, rests. What is stale, what is cold and what is still wanted all occur, at known times. The
oracle knows the trace: it drops the page cache when the files were read for the last time, which no
controller can know.

The times were chosen so that the figures known from before come out again: 68.8 GiB s unmanaged,
49 with free page reporting alone, and 0.77 of that for the oracle.
"""
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from lab.daemon import Daemon, Event, Settings, Watch
from lab.footprint import Sampler, Series, now_us
from lab.guest import Guest, Spec
from lab.process import wait_for
from lab.workloads import MIB, Harm, harm

S = 1_000_000
GIB = 1 << 30
SAMPLE_S = 0.1
DEADLINE_S = 120  # for the next step
LAST_READ = "read again"
DROP_CACHES = "/proc/sys/vm/drop_caches"


@dataclass(frozen=True)
class Step:
    at_s: float
    name: str
    work: tuple[Any, ...]  # of Guest.start_work()


@dataclass(frozen=True)
class Trace:
    steps: tuple[Step, ...]
    end_s: int

    def phases(self) -> dict[str, tuple[float, float]]:
        """From each step to the next, and what comes before the first."""
        ends = [*(step.at_s for step in self.steps[1:]), self.end_s]
        return {"before": (0, self.steps[0].at_s)} | {
            step.name: (step.at_s, end_s) for step, end_s in zip(self.steps, ends)}


AFTERNOON = Trace((
    Step(17, "hold 500 MiB", ("touch", 500, 5000)),
    Step(35, "read 300 MiB", ("read", 300, 1)),
    Step(70, LAST_READ, ("read", 300, 1)),
    Step(88, "hold 400 MiB", ("touch", 400, 5000)),
), 110)


@dataclass
class Run:
    """What one guest cost and did. Integrals are GiB x s."""

    integral: float
    phases: dict[str, float]
    busy_s: float
    steps_s: dict[str, float]
    oom_kills: int
    swapped_out_pages: int
    major_faults: int
    lost_works: int
    samples: list[tuple[float, float]] = field(default_factory=list)  # second, MiB: one a second

    def record(self) -> dict[str, Any]:
        return asdict(self)


def integral(series: Series, from_us: int, to_us: int) -> float:
    """GiB x s by trapezoid; the ends are taken from the samples around them."""
    points = list(zip(series.times_us, series.values_b))
    total = 0.0
    for (t0, v0), (t1, v1) in zip(points, points[1:]):
        a, b = max(t0, from_us), min(t1, to_us)
        if a < b:
            va, vb = (v0 + (v1 - v0) * (t - t0) / (t1 - t0) for t in (a, b))
            total += (va + vb) / 2 * (b - a)
    return total / GIB / S


def trace_twins(base: Spec, other: Spec, managed: bool, oracle: bool, other_first: bool = False,
                defaults: Settings | None = None) -> tuple[Run, Run, list[dict[str, Any]]]:
    """(base, other, phases the other one went through): the trace in two guests side by side."""
    guests = [Guest(replace(base, name=f"{base.name}-base")),
              Guest(replace(other, name=f"{other.name}-other"))]
    name = guests[1].name
    order = guests[::-1] if other_first else guests
    with ExitStack() as stack:
        for guest in order:
            stack.callback(guest.close)
            guest.start()
        for guest in order:
            guest.wait_ready()
        events: list[Event] = []
        if managed:
            daemon = stack.enter_context(Daemon([guests[1]], defaults))
            events = stack.enter_context(Watch(daemon)).events
        start_us = now_us()
        runs = run_trace(order, frozenset([name] if oracle else []))
        phases = [{"second": round((event.time_us - start_us) / S, 1), "phase": event.phase,
                   "why": event.sentence} for event in list(events)]
        return runs[guests[0].name], runs[name], phases


def run_trace(guests: Iterable[Guest], oracle: frozenset[str] = frozenset(),
              trace: Trace = AFTERNOON) -> dict[str, Run]:
    """Runs @trace in all @guests at once; for those named in @oracle the cache is dropped."""
    guests = list(guests)
    with Sampler(SAMPLE_S) as sampler:
        for guest in guests:
            sampler.watch(guest.name, guest.process.pid, guest.process.cgroup)
        for series in sampler.series.values():
            wait_for("samples", lambda series=series: len(series.times_us) >= 2, 10)
        before = {guest.name: guest.report() for guest in guests}
        start_us = now_us()
        busy: dict[str, dict[str, float]] = {guest.name: {} for guest in guests}
        lost = dict.fromkeys(busy, 0)
        for step in trace.steps:
            _wait_until(start_us + step.at_s * S)
            works = [guest.start_work(*step.work) for guest in guests]
            for guest, number in zip(guests, works):
                work = guest.finish(number)
                busy[guest.name][step.name] = work["busy_us"] / S
                lost[guest.name] += work["state"] != "done"
                if step.name == LAST_READ and guest.name in oracle:
                    guest.write(DROP_CACHES, "1")
            for guest in guests:
                guest.stop_works()
        _wait_until(start_us + trace.end_s * S + S // 2)
    return {guest.name: _run(trace, sampler.series[guest.name], start_us, busy[guest.name],
                             harm(before[guest.name], guest.report()), lost[guest.name])
            for guest in guests}


def _run(trace: Trace, series: Series, start_us: int, busy: dict[str, float], harmed: Harm,
         lost: int) -> Run:
    parts = {name: integral(series, start_us + int(a * S), start_us + int(b * S))
             for name, (a, b) in trace.phases().items()}
    return Run(sum(parts.values()), parts, sum(busy.values()), busy, harmed.oom_kills,
               harmed.swapped_out_pages, harmed.major_faults, lost,
               [(second, round((series.at(start_us + second * S) or 0) / MIB, 1))
                for second in range(trace.end_s)])


def _wait_until(time_us: float) -> None:
    wait_for("the next step", lambda: now_us() >= time_us, DEADLINE_S, 0.02)
