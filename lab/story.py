# SPDX-License-Identifier: GPL-2.0-or-later
"""One day of a real guest in some minutes, told twice at once: managed, and left alone.

In:  an application, how long each phase lasts, how the guests and the daemon are set.
Out: Pair: for each phase what both guests did, cost and suffered; each squeeze, and what it took.

All figures are the lab's own: operations by the load in the guest, resident bytes of the guest's
RAM by the kernel's page tables, processor time by the vCPU threads, the balloon by QEMU. Only when
a squeeze was, and why, is the daemon's word.
"""
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lab.apps.app import App
from lab.daemon import Daemon, Settings, Watch
from lab.distro import DistroGuest
from lab.footprint import Series, now_us, ram_bytes
from lab.guest import Spec
from lab.load import Span
from lab.trace import integral
from lab.workloads import MIB, Harm, harm

S = 1_000_000
SAMPLE_S = 1
FIRST = "first 10 s"  # after waking: a phase of its own, inside of "wake"
FIRST_S = 10
BATCH_MIB = 500
BEGIN_S = 180  # until a load has done its first operation; it may read much before
BATCH_DEADLINE_S = 300
BACK_AFTER_S = 60  # what a batch freed is looked for at the host
YIELD_LEAST = 4  # a squeeze that frees less than this part of what it inflated was for nothing


@dataclass(frozen=True)
class Times:
    """Seconds."""

    warm: int = 60
    work: int = 120
    idle: int = 300
    wake: int = 60
    batch: int = 20  # it keeps its memory
    rest: int = 180
    again: int = 60


QUICK = Times(warm=20, work=30, idle=75, wake=25, batch=8, rest=70, again=20)


@dataclass(frozen=True)
class Setting:
    """How both guests are made, and how the daemon is set."""

    release: str = "bookworm"
    memfd: bool = False
    reporting: bool = False
    defaults: Settings = field(default_factory=dict)


@dataclass
class Part:
    """One guest in one phase."""

    rate: float  # operations a second; 0 in a phase without a load
    p99_us: float | None
    operations_per_cpu_s: float | None  # of its vCPUs: what others took of this machine left out
    integral: float  # GiB x s of RAM resident
    read_b: int  # from its disks
    harm: Harm


@dataclass
class Phase:
    name: str
    from_us: int
    to_us: int
    loaded: bool
    managed: Part
    alone: Part
    why: str = ""  # what the daemon said at its end


@dataclass
class Squeeze:
    """Bytes are of RAM, measured by the lab."""

    from_us: int
    to_us: int
    inflated_b: int
    before_b: int
    after_b: int  # with the balloon at 0 again
    minute_b: int  # a minute later
    vcpu_s: float  # of the squeezed guest, meanwhile
    twin_vcpu_s: float
    rate: float  # operations a second meanwhile
    twin_rate: float

    @property
    def freed_b(self) -> int:
        return self.before_b - self.after_b

    @property
    def in_vain(self) -> bool:
        return YIELD_LEAST * self.freed_b < self.inflated_b


@dataclass
class Track:
    """One guest's figures over time; times are CLOCK_MONOTONIC microseconds."""

    ram: Series = field(default_factory=Series)
    vcpu_us: Series = field(default_factory=Series)
    balloon: Series = field(default_factory=Series)
    rates: list[tuple[int, int]] = field(default_factory=list)  # operations of each second


@dataclass
class Pair:
    app: str
    phases: list[Phase]
    squeezes: list[Squeeze]
    batch_back: tuple[float, float]  # of what the batch freed, at the host; managed, alone
    boot_s: tuple[float, float]
    daemon_cpu_share: float
    said: list[tuple[int, str]]  # what the daemon decided, and why
    tracks: dict[str, Track]

    def phase(self, name: str) -> Phase:
        return next(phase for phase in self.phases if phase.name == name)

    @property
    def integrals(self) -> tuple[float, float]:
        return (sum(phase.managed.integral for phase in self.phases if phase.name != FIRST),
                sum(phase.alone.integral for phase in self.phases if phase.name != FIRST))

    def record(self) -> dict[str, Any]:
        return asdict(self) | {"integrals": self.integrals}


class Meter(threading.Thread):
    """Takes every guest's figures once a second."""

    def __init__(self, guests: list[DistroGuest]) -> None:
        super().__init__(name="meter", daemon=True)
        self.tracks = {guest.name: Track() for guest in guests}
        self._guests = guests
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.wait(SAMPLE_S):
            for guest in self._guests:
                if guest.alive:
                    self._look(guest, self.tracks[guest.name])

    @staticmethod
    def _look(guest: DistroGuest, track: Track) -> None:
        ram_b = guest.spec.memory_mib * MIB
        for series, look in ((track.ram, lambda: ram_bytes(guest.process.pid, ram_b)),
                             (track.vcpu_us, guest.vcpu_us),
                             (track.balloon, lambda: ram_b - guest.balloon_actual_b())):
            try:
                value = look()
            except (OSError, ValueError):
                continue  # it is just starting, or ending
            series.times_us.append(now_us())
            series.values_b.append(value)

    def __enter__(self) -> "Meter":
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._end.set()
        self.join()


def told_twice(app: App, times: Times, setting: Setting, managed_first: bool,
               say: Callable[[str], None], journal: Path | None = None) -> Pair:
    """The whole story. @journal: where to leave the daemon's."""
    spec = {"deflate_on_oom": True, "memfd": setting.memfd,
            "free_page_reporting": setting.reporting}
    managed, alone = (DistroGuest(Spec(name=f"{app.name}-{word}", **spec), app, setting.release)
                      for word in ("managed", "alone"))
    with ExitStack() as stack:
        started_us = now_us()
        for guest in (managed, alone) if managed_first else (alone, managed):
            stack.callback(guest.close)
            guest.start()
        meter = stack.enter_context(Meter([managed, alone]))
        daemon = stack.enter_context(Daemon([managed], setting.defaults))
        watch = stack.enter_context(Watch(daemon, lambda event: say(
            f"ballonetd: {event.phase}: {event.sentence}")))
        told = _Telling(managed, alone, meter, say, lambda: daemon.vm(managed.name)["why"])
        boot_s = told.boot(started_us)
        batch_b, batch_end_us = told.phases_of(times)
        end_us = now_us()
        cpu_share = daemon.process.cpu_s() * S / (end_us - started_us)
        for guest in (managed, alone):
            meter.tracks[guest.name].rates = guest.load.rates()
        if journal:
            shutil.copy(daemon.journal, journal)
        return Pair(app.name, told.phases, told.squeezes(watch.squeezes(managed.name)),
                    told.batch_back(batch_b, batch_end_us), boot_s, cpu_share,
                    [(event.time_us, f"{event.phase}: {event.sentence}")
                     for event in watch.events], meter.tracks)


class _Telling:
    """The story under way."""

    def __init__(self, managed: DistroGuest, alone: DistroGuest, meter: Meter,
                 say: Callable[[str], None], why: Callable[[], str]) -> None:
        self.phases: list[Phase] = []
        self._guests = (managed, alone)
        self._meter = meter
        self._say = say
        self._why = why

    def boot(self, started_us: int) -> tuple[float, float]:
        took = []
        for guest in self._guests:
            guest.wait_ready()
            took.append((now_us() - started_us) / S)
            self._say(f"{guest.name}: up after {took[-1]:.0f} s")
        return took[0], took[1]

    def phases_of(self, times: Times) -> tuple[tuple[int, ...], int]:
        """All phases. Returns what each guest had resident at the end of its batch, and when."""
        with self._phase("warm", loaded=True):
            self._go()
            time.sleep(times.warm)
        with self._phase("work", loaded=True):
            time.sleep(times.work)
            self._stop()
        with self._phase("idle"):
            time.sleep(times.idle)
        with self._phase("wake", loaded=True):
            self._go()
            time.sleep(times.wake)
        with self._phase("batch", loaded=True):
            works = [guest.start_work("touch", BATCH_MIB, times.batch * 1000)
                     for guest in self._guests]
            for guest, work in zip(self._guests, works):
                guest.finish(work, BATCH_DEADLINE_S)
            self._stop()
        end_us = now_us()
        from_us = end_us - (times.batch + 5) * S
        peaks = tuple(self._track(guest).ram.highest(from_us, end_us) or 0
                      for guest in self._guests)
        with self._phase("rest"):
            time.sleep(times.rest)
        with self._phase("again", loaded=True):
            self._go()
            time.sleep(times.again)
            self._stop()
        wake = self.phase_named("wake")
        self.phases.insert(self.phases.index(wake), self._first(wake))
        return peaks, end_us

    def phase_named(self, name: str) -> Phase:
        return next(phase for phase in self.phases if phase.name == name)

    def squeezes(self, spans: list[tuple[int, int]]) -> list[Squeeze]:
        managed, twin = (self._track(guest) for guest in self._guests)
        found = []
        for from_us, to_us in spans:
            rates = [guest.load.span(from_us, to_us).rate for guest in self._guests]
            found.append(Squeeze(
                from_us, to_us, managed.balloon.highest(from_us, to_us + S) or 0,
                managed.ram.at(from_us) or 0,
                managed.ram.at(to_us + 2 * S) or 0, managed.ram.at(to_us + 60 * S) or 0,
                *(_grown(track.vcpu_us, from_us, to_us) / S for track in (managed, twin)),
                *rates))
        return found

    def batch_back(self, peaks: tuple[int, ...], end_us: int) -> tuple[float, float]:
        left = [(peak - (self._track(guest).ram.at(end_us + BACK_AFTER_S * S) or peak))
                / (BATCH_MIB * MIB) for peak, guest in zip(peaks, self._guests)]
        return left[0], left[1]

    def _track(self, guest: DistroGuest) -> Track:
        return self._meter.tracks[guest.name]

    def _go(self) -> None:
        for guest in self._guests:
            guest.load.go()
        for guest in self._guests:
            guest.load.wait_begun(BEGIN_S)

    def _stop(self) -> None:
        for guest in self._guests:
            guest.load.stop()

    @contextmanager
    def _phase(self, name: str, loaded: bool = False) -> Iterator[None]:
        self._say(f"{name}; RAM resident " + ", ".join(
            f"{guest.name} {(self._track(guest).ram.at(now_us()) or 0) // MIB} MiB"
            for guest in self._guests))
        before = [(guest.report(), guest.bytes_read()) for guest in self._guests]
        from_us = now_us()
        yield
        to_us = now_us()
        parts = []
        for guest, (report, read_b) in zip(self._guests, before):
            parts.append(self._part(guest, from_us, to_us, loaded, guest.bytes_read() - read_b,
                                    harm(report, guest.report())))
        self.phases.append(Phase(name, from_us, to_us, loaded, *parts, self._why()))

    def _first(self, wake: Phase) -> Phase:
        """The first seconds of @wake, apart; what it read and suffered stands there."""
        to_us = wake.from_us + FIRST_S * S
        return Phase(FIRST, wake.from_us, to_us, True, *(
            self._part(guest, wake.from_us, to_us, True, 0, Harm(0, 0, 0, 0, 0))
            for guest in self._guests))

    def _part(self, guest: DistroGuest, from_us: int, to_us: int, loaded: bool, read_b: int,
              harmed: Harm) -> Part:
        span = guest.load.span(from_us, to_us) if loaded else Span()
        track = self._track(guest)
        vcpu_s = _grown(track.vcpu_us, from_us, to_us) / S
        return Part(span.rate, span.percentile_us(0.99),
                    span.operations / vcpu_s if loaded and vcpu_s else None,
                    integral(track.ram, from_us, to_us), read_b, harmed)


def _grown(series: Series, from_us: int, to_us: int) -> int:
    return (series.at(to_us) or 0) - (series.at(from_us) or 0)
