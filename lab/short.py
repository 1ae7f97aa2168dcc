# SPDX-License-Identifier: GPL-2.0-or-later
"""Stories of a host that is short: guests that were promised more than it has.

In:  whether the host has its limit, and whether ballonetd is there.
Out: measured figures, which tests and benchmarks judge.

Spike: four guests share a memory cgroup two thirds as large as their memory together. Three of them
have been busy and left stale memory and cold cache behind; the fourth then needs what they have.

Pressure: two guests with stale memory nearly fill their host, and programs read a file through
what is left. The kernel has to reclaim for them all the time, which is pressure of the real kind,
harms nobody, and ends with the programs.
"""
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lab.cache import BUILD
from lab.daemon import Daemon, Watch
from lab.footprint import BLOCK_B, Sampler, now_us
from lab.guest import AgentError, Guest, Spec
from lab.host import ShortHost
from lab.process import Process, wait_for
from lab.workloads import MIB, Harm, harm, spike

S = 1_000_000
MEMORY_MIB = 1024
OTHERS = ("one", "two", "three")
SPIKER = "spiker"
PROMISED = 1.5  # the guests' memory, of the host's
LIMIT_B = int(MEMORY_MIB * MIB * (len(OTHERS) + 1) / PROMISED)
STALE_MIB = 500  # each of the others frees this much,
CACHE_MIB = 150  # and reads this much into a part of it
SPIKE_MIB = 800
SPIKE_PASSES = 20
# no guest is squeezed unless its host wants it to be
ONLY_ASKED = {"interval": "1s", "min_yield": "900GiB"}


@dataclass
class Spike:
    """How one guest's sudden need was served."""

    state: str  # of the work: done, or killed by whom
    busy_s: float | None
    guest_oom_kills: int
    host_oom_kills: int
    lost_guests: list[str]
    used_before_b: int  # of the host
    used_most_b: int
    lacked_b: int  # what the host had too little for the work
    given_b: int  # by how much the others had shrunk at most while the work ran
    harm: dict[str, Harm] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)  # what the daemon did, with seconds


@contextmanager
def guests_of(host: ShortHost, names: tuple[str, ...], **wishes: object) -> Iterator[list[Guest]]:
    """Guests that share @host, up and running."""
    guests = [Guest(Spec(**{"name": name, "memory_mib": MEMORY_MIB, "host": host.cgroup, **wishes}))
              for name in names]
    with ExitStack() as stack:
        for guest in guests:
            stack.callback(guest.close)
            guest.start()
        for guest in guests:
            guest.wait_ready()
        yield guests


def leave_behind(guests: list[Guest]) -> None:
    """All at once: each needs memory, frees it, and reads files once."""
    for work in (("touch", STALE_MIB, 0), ("read", CACHE_MIB, 1)):
        numbers = [guest.start_work(*work) for guest in guests]
        for guest, number in zip(guests, numbers):
            guest.finish(number)


def serve_spike(limited: bool, managed: bool) -> Spike:
    """The whole story. The daemon has seen all guests at rest, and squeezes none unasked."""
    with ExitStack() as stack:
        host = stack.enter_context(ShortHost(LIMIT_B if limited else None))
        guests = stack.enter_context(guests_of(host, (*OTHERS, SPIKER)))
        spiker, others = guests[-1], guests[:-1]
        sampler = stack.enter_context(Sampler(0.1))
        for guest in guests:
            sampler.watch(guest.name, guest.process.pid, guest.process.cgroup)
        sampler.watch("host", spiker.process.pid, host.cgroup)
        leave_behind(others)
        events = None
        if managed:
            daemon = stack.enter_context(Daemon(guests, ONLY_ASKED, host=host))
            events = stack.enter_context(Watch(daemon)).events
            for guest in guests:
                daemon.wait_vm(guest.name, "calm", lambda vm: vm["calm"], 60)
        before = {guest.name: guest.report() for guest in guests}
        used_before_b, start_us = host.used_b(), now_us()
        work = work_of(spiker, "hot", SPIKE_MIB, SPIKE_PASSES)
        end_us = now_us()
        alive = [guest for guest in guests if guest.alive]
        given_b = sum(max(series.values_b) - series.lowest(start_us, end_us)
                      for series in (sampler.series[guest.name] for guest in others))
        return Spike(
            state=work["state"], busy_s=work["busy_us"] / S if work["state"] == "done" else None,
            guest_oom_kills=sum(harm(before[guest.name], guest.report()).oom_kills
                                for guest in alive),
            host_oom_kills=host.oom_kills(),
            lost_guests=[guest.name for guest in guests if not guest.alive],
            used_before_b=used_before_b,
            lacked_b=SPIKE_MIB * MIB - (LIMIT_B - used_before_b),
            used_most_b=max(v for t, v in zip(sampler.series["host"].times_us,
                                              sampler.series["host"].values_b) if t >= start_us),
            given_b=given_b,
            harm={guest.name: harm(before[guest.name], guest.report()) for guest in alive},
            told=[f"{(event.time_us - start_us) / S:6.2f} s {event.name}: {event.phase}: "
                  f"{event.sentence}" for event in list(events or ())])


def work_of(guest: Guest, *work: object) -> dict[str, object]:
    """A work, to its end or to that of its guest."""
    try:
        return guest.finish(guest.start_work(*work), 180)
    except AgentError as error:
        wait_for("end of the guest that does not answer", lambda: not guest.alive, 10)
        return {"state": f"lost with its guest ({error})"}


# ---------------------------------------------------------------- pressure

PRESSED = ("left", "right")
PRESSED_STALE_MIB = 600
SPARE_MIB = 150  # what the guests leave of their host
READ_MIB = 2048  # more than that, so that reading it is reclaim all the time
READERS = 3  # one alone stalls for 65 ms a second, which is hardly enough for a trigger
READ_TIMES = 1000  # for longer than anybody waits
FREED_MIB = 512
WELL = 0.45  # of the host's memory is available again
SERVED_DEADLINE_S = 120
# which it does by pressure, not by what is available, and then for more than FREED_MIB
BY_PRESSURE = {**ONLY_ASKED, "host_short": "2%", "host_well": f"{WELL:.0%}"}


class Blocks(threading.Thread):
    """The blocks of memory files, a thousand times a second, as a context manager."""

    def __init__(self, guests: list[Guest]) -> None:
        super().__init__(name="blocks", daemon=True)
        self.times_us: list[int] = []
        self.values_b: list[int] = []
        self._files = [fd for guest in guests
                       for fd in Path(f"/proc/{guest.process.pid}/fd").iterdir()
                       if os.readlink(fd).startswith("/memfd:")]
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.is_set():
            value = sum(os.stat(fd).st_blocks for fd in self._files) * BLOCK_B
            self.times_us.append(now_us())
            self.values_b.append(value)
            time.sleep(0.001)

    def freed_after(self, time_us: int, size_b: int) -> int | None:
        """When @size_b less were backed than at @time_us; None: never."""
        before = None
        for when, value in zip(self.times_us, self.values_b):
            if when <= time_us or before is None:
                before = value
            elif before - value >= size_b:
                return when
        return None

    def __enter__(self) -> "Blocks":
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._end.set()
        self.join()


@contextmanager
def readers(host: ShortHost) -> Iterator[None]:
    """Programs in @host that read a file again and again."""
    path = BUILD / "lab" / f"holes.{os.getpid()}"  # it takes no room on the disk
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        file.truncate(READ_MIB * MIB)
    with ExitStack() as stack:
        stack.callback(path.unlink)
        for number in range(READERS):
            process = Process(f"reader{number}", ["cat", *[path] * READ_TIMES], Path("/dev/null"),
                              own_cgroup=True, parent=host.cgroup)
            stack.callback(process.stop)
        yield


@dataclass(frozen=True)
class Pressed:
    """One round; times are microseconds of CLOCK_MONOTONIC."""

    trigger_us: int  # as the daemon's journal says
    first_us: int | None  # the first byte less at the host
    freed_us: int | None  # FREED_MIB less
    freed_b: int  # in the end
    available_share: float  # of the host's memory, when the daemon says that it is well again

    @property
    def first_ms(self) -> float | None:
        return None if self.first_us is None else (self.first_us - self.trigger_us) / 1000

    @property
    def freed_s(self) -> float | None:
        return None if self.freed_us is None else (self.freed_us - self.trigger_us) / S


def trigger_us(journal: Path, after_us: int) -> int | None:
    """When a pressure trigger fired first after @after_us, by a daemon's journal."""
    for line in journal.read_text(encoding="utf-8").splitlines():
        try:
            fired = _find_key(json.loads(line), "pressure_us")
        except ValueError:
            continue  # the last line is being written
        if fired > after_us:
            return fired
    return None


def _find_key(value: object, key: str) -> int:
    if isinstance(value, dict):
        return value.get(key) or max((_find_key(one, key) for one in value.values()), default=0)
    if isinstance(value, list):
        return max((_find_key(one, key) for one in value), default=0)
    return 0


def serve_pressure(rounds: int) -> list[Pressed]:
    """Each round: stale memory anew, then pressure until it was served."""
    with ExitStack() as stack:
        host = stack.enter_context(ShortHost(None))
        guests = stack.enter_context(guests_of(host, PRESSED, memfd=True))
        for guest in guests:
            spike(guest, PRESSED_STALE_MIB)
        host.limit(host.used_b() + SPARE_MIB * MIB)
        return [_pressed(host, guests) for _ in range(rounds)]


def _pressed(host: ShortHost, guests: list[Guest]) -> Pressed:
    for guest in guests:
        spike(guest, PRESSED_STALE_MIB)
    # started when that is over: it would make room as soon as it sees memory fall
    with Daemon(guests, BY_PRESSURE, host=host) as daemon, Blocks(guests) as blocks:
        for guest in guests:
            daemon.wait_vm(guest.name, "calm", lambda vm: vm["calm"], 60)
        start_us = now_us()
        with readers(host):
            fired = wait_for("pressure trigger", lambda: trigger_us(daemon.journal, start_us), 60)
            wait_for("host that is well again", lambda: blocks.freed_after(fired, 1)
                     and daemon.host()["reason"] == "host-well", SERVED_DEADLINE_S, 0.1)
            available = host.available_b() / host.limit_b
    return Pressed(fired, blocks.freed_after(fired, 1), blocks.freed_after(fired, FREED_MIB * MIB),
                   blocks.values_b[0] - min(blocks.values_b), available)


# --------------------------------------------------------------- reservation

RESERVED_MIB = 850  # more than there is, and no more than VMs of unknown habits are trusted for
NEWCOMER_MIB = 700  # its hypervisor needs some as well
WITHIN_S = 10
SLACK_MIB = 8  # the lab's own reading of the host comes a moment later


@dataclass(frozen=True)
class Reserved:
    answer: str  # the command's own words
    exit_code: int
    available_before_b: int
    available_after_b: int  # when it was there, or when it should have been
    there_s: float | None  # since the command was given, by the host's own figures
    newcomer: str  # how the VM fared that then came: done, or in what way it did not


def serve_reservation(mib: int = RESERVED_MIB, within_s: int = WITHIN_S) -> Reserved:
    """Room is asked for, and a VM comes and needs it."""
    with ExitStack() as stack:
        host = stack.enter_context(ShortHost(LIMIT_B))
        guests = stack.enter_context(guests_of(host, OTHERS))
        leave_behind(guests)
        daemon = stack.enter_context(Daemon(guests, ONLY_ASKED, host=host))
        for guest in guests:
            daemon.wait_vm(guest.name, "calm", lambda vm: vm["calm"], 60)
        before_b, start = host.available_b(), time.monotonic()
        code, words = daemon.command("reserve", f"{mib}M", "--within", f"{within_s}s")
        end = start + within_s
        size_b = (mib - SLACK_MIB) * MIB
        wait_for("room", lambda: host.available_b() >= size_b or time.monotonic() > end,
                 2 * within_s, 0.05)
        there_s, after_b = time.monotonic() - start, host.available_b()
        newcomer = stack.enter_context(guests_of(host, (SPIKER,), memory_mib=NEWCOMER_MIB))[0]
        return Reserved(words, code, before_b, after_b,
                        there_s if after_b >= size_b else None,
                        work_of(newcomer, "touch", NEWCOMER_MIB - 200, 1000)["state"])
