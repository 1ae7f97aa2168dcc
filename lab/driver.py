# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole stories about the guest's driver: what it does when it is asked for too much, too late.

In:  a series, and which driver: ballonet.ko, or the kernel's own for comparison.
Out: measured figures, which tests and benchmarks judge.

Times are taken at the host, from the request to QEMU's word that it is done, for both drivers alike.
"""
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from lab.guest import AgentError, Guest, Spec
from lab.headers import module
from lab.initramfs import BALLOON
from lab.process import wait_for

MIB = 1 << 20
PAGE_B = 4096
DEVICES = "/sys/bus/virtio/devices"
DEBUG = "/sys/kernel/debug/ballonet"
OURS, STOCK = "ballonet", BALLOON
UNGUARDED = "one-direction"  # lab/patches: a driver whose guard can be taken away
MAX_DEVICES = 8
SLEEP_DEADLINE_S = 120
KICK_S = {OURS: 15, STOCK: 4}  # ours ends it earlier; when it is short it waits for 10 s
# what a kernel says when something is broken, as against when it is short of memory
BROKEN = re.compile(r"\bBUG\b|WARNING: |Oops|general protection|Bad page|bad page|refcount_t|KFENCE"
                    r"|KASAN|UBSAN|lockdep|possible .*deadlock|corrupt|unable to handle|RIP: 0010"
                    r"|blocked for more than|sleeping function|leaked|scheduling while|stuck for")


def spec(series: str, driver: str = OURS, **wishes: Any) -> Spec:
    """A guest with ballonet.ko, or with the kernel's own driver, and the other in reserve."""
    return Spec(series=series, driver=module(series) if driver == OURS else driver, **wishes)


class DriverGuest(Guest):
    """A guest whose balloon is looked into."""

    def __init__(self, wanted: Spec) -> None:
        super().__init__(wanted)
        self._device = ""

    @property
    def device(self) -> str:
        """The name of the balloon's device in the guest, as long as ballonet.ko drives it."""
        if not self._device:
            for number in range(MAX_DEVICES):
                try:
                    self.cat(f"{DEBUG}/virtio{number}")
                except AgentError:
                    continue
                self._device = f"virtio{number}"
                return self._device
            raise AgentError(f"{self.name}: ballonet.ko drives no device: {self.warnings()}")
        return self._device

    def state(self) -> dict[str, Any]:
        """What debugfs says: numbers as numbers."""
        pairs = (line.split(": ") for line in self.cat(f"{DEBUG}/{self.device}").splitlines())
        return {name: int(value) if value.lstrip("-").isdigit() else value for name, value in pairs}

    def parameter(self, name: str, value: object) -> None:
        self.write(f"/sys/module/ballonet/parameters/{name}", str(value))

    def ask_for(self, remaining_mib: int) -> None:
        """Tells QEMU how much the guest may keep, and does not wait."""
        self.monitor("balloon", value=remaining_mib * MIB)

    @property
    def ballooned_mib(self) -> float:
        return self.spec.memory_mib - self.balloon_actual_b() / MIB

    def balloon(self, mib: int, deadline_s: float = 60) -> float:
        """Brings the balloon to @mib; returns how many seconds that took."""
        start = time.monotonic()
        self.ask_for(self.spec.memory_mib - mib)
        wait_for(f"{mib} MiB in the balloon of {self.name}",
                 lambda: self.ballooned_mib == mib, deadline_s, 0.002)
        return time.monotonic() - start

    def press(self, mib: int, deadline_s: float = 60) -> float:
        """Presses by sysfs; returns how many seconds the write took in the guest."""
        return self.write(f"{DEVICES}/{self.device}/press", f"{mib}M", deadline_s) / 1e6

    def fill_cache(self, mib: int) -> None:
        self.run("read", mib, 1)

    def suspend(self) -> None:
        """Suspends the guest to memory and wakes it again; returns when its agent is back."""
        def sleeps() -> bool:
            return self.monitor("query-status")["status"] == "suspended"

        with ThreadPoolExecutor(1) as pool:
            write = pool.submit(self.write, "/sys/power/state", "mem", SLEEP_DEADLINE_S)
            # an event that was left over may wake it at once
            wait_for("sleep", lambda: write.done() or sleeps(), SLEEP_DEADLINE_S, 0.02)
            if not write.done():
                self.monitor("system_wakeup")
            write.result()

    def hibernate(self) -> None:
        """Freezes the guest, writes its memory to its swap disk, and thaws it, without an end.

        What was written is not booted: reading it back at once, as the kernel then tries, is refused
        where the disk is in use as swap.
        """
        self.write("/sys/power/disk", "test_resume")
        try:
            self.write("/sys/power/state", "disk", SLEEP_DEADLINE_S)
        except AgentError as error:
            if "busy" not in str(error):
                raise

    def vmstat(self) -> dict[str, int]:
        return self.report()["vmstat"]

    def complaints(self) -> list[str]:
        """What the kernel's log says of a thing that is broken."""
        return [line for line in self.warnings() if BROKEN.search(line)]


def stalls(vmstat: dict[str, int]) -> int:
    return sum(value for name, value in vmstat.items() if name.startswith("allocstall"))


@dataclass(frozen=True)
class Pressed:
    """An inflate against page cache."""

    seconds: float
    reached: bool
    allocated_pages: int
    given_back_pages: int  # until it was as big as asked for

    @property
    def kept_pages(self) -> int:
        return self.allocated_pages - self.given_back_pages


class CachePress:
    """A guest whose memory is full of cache, with DEFLATE_ON_PRESSURE: 500 MiB are nearly all of it.

    The smaller the share of the cache that is left, the more of what reclaim finds is the balloon's.
    """

    def __init__(self, series: str, memory_mib: int = 768) -> None:
        self.guest = DriverGuest(Spec(series=series, driver=module(series, patch=UNGUARDED),
                                      driver_args="deflate_on=pressure holdoff_ms=0",
                                      memory_mib=memory_mib))

    def __enter__(self) -> "CachePress":
        self.guest.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self.guest.close()

    def press(self, guarded: bool, mib: int = 500, deadline_s: float = 60) -> Pressed:
        """One inflate by @mib, from an empty balloon and a full cache to an empty balloon."""
        guest = self.guest
        guest.parameter("one_direction", "Y" if guarded else "N")
        guest.fill_cache(1000)
        before = guest.state()
        start = time.monotonic()
        try:
            guest.balloon(mib, deadline_s)
            reached = True
        except TimeoutError:
            reached = False
        seconds = time.monotonic() - start
        after = guest.state()
        guest.balloon(0)
        return Pressed(seconds, reached, *(after[name] - before[name] for name in
                                           ("allocated_pages", "pressure_pages")))


def press_cache(series: str, guarded: bool = True) -> Pressed:
    with CachePress(series) as story:
        return story.press(guarded)


@dataclass(frozen=True)
class Rescue:
    """A process that needs what is in the balloon."""

    done: bool
    oom_kills: int
    notifier_calls: int | None
    stalls: int
    filled_ms: float


def oom_rescue(series: str, driver: str, need_mib: int = 320) -> Rescue:
    wanted = spec(series, driver, memory_mib=512, deflate_on_oom=True)
    with DriverGuest(wanted) as guest:
        guest.balloon(300)
        before = guest.vmstat()
        work = guest.finish(guest.start_work("burst", need_mib, 200))
        after = guest.vmstat()
        return Rescue(work["state"] == "done", after["oom_kill"] - before["oom_kill"],
                      guest.state()["oom_calls"] if driver == OURS else None,
                      stalls(after) - stalls(before), work["filled_us"] / 1000)


@dataclass(frozen=True)
class Streamed:
    """A guest that reads files of three times its memory, beside a balloon that is to keep its size."""

    read_b: int
    deflates: int
    given_back_pages: int
    taken_again_pages: int


class Streaming:
    """As a context manager: a guest whose balloon of 100 MiB is part of 320, under its driver."""

    def __init__(self, series: str, driver: str) -> None:
        args = "deflate_on=pressure holdoff_ms=1000" if driver == OURS else ""
        self._ours = driver == OURS
        self.guest = DriverGuest(spec(series, driver, driver_args=args, memory_mib=320))

    def __enter__(self) -> "Streaming":
        self.guest.__enter__()
        self.guest.balloon(100)
        self._work = self.guest.start_work("read", 1000, 0)
        return self

    def __exit__(self, *exc: object) -> None:
        self.guest.close()

    def stream(self, seconds: float) -> Streamed:
        before, read_b = self._state(), self.guest.work(self._work)["bytes"]
        time.sleep(seconds)
        after = self._state()
        return Streamed(self.guest.work(self._work)["bytes"] - read_b, *(
            after.get(name, 0) - before.get(name, 0)
            for name in ("deflates", "pressure_pages", "inflated_pages")))

    def _state(self) -> dict[str, Any]:
        return self.guest.state() if self._ours else {}


@dataclass(frozen=True)
class OverAsked:
    """What a guest that is asked for nearly everything gives, and at what cost."""

    ballooned_mib: float
    oom_kills: int
    swapped_out_pages: int
    complaints: list[str]


def _kick(guest: DriverGuest, remaining_mib: int, driver: str) -> float:
    """Asks for too much until the driver has given up and tried again; returns how much it gave."""
    def given_up() -> int:
        return sum(value for name, value in guest.state().items()
                   if name.startswith("ended_") and name != "ended_done") if driver == OURS else 0

    most, before, last = 0.0, given_up(), time.monotonic() + KICK_S[driver]
    guest.ask_for(remaining_mib)
    while given_up() < before + 3 and time.monotonic() < last:
        most = max(most, guest.ballooned_mib)
        time.sleep(0.2)
    guest.balloon(0)
    return most


def over_asked(series: str, swap_mib: int, mglru: bool, kicks: int = 5,
               driver: str = OURS) -> OverAsked:
    """720 of 768 MiB are asked for, again and again, over cache and a process at work."""
    wanted = spec(series, driver, memory_mib=768, swap_mib=swap_mib, deflate_on_oom=driver == STOCK,
                  driver_args="retry_ms=200" if driver == OURS else "")
    with DriverGuest(wanted) as guest:
        try:
            guest.write("/sys/kernel/mm/lru_gen/enabled", "7" if mglru else "0")
        except AgentError:
            if mglru:
                raise
        guest.fill_cache(400)
        guest.start_work("hot", 64)
        before = guest.vmstat()
        most = 0.0
        for _ in range(kicks):
            most = max(most, _kick(guest, 768 - 720, driver))
        after = guest.vmstat()
        return OverAsked(most, after["oom_kill"] - before["oom_kill"],
                         after["pswpout"] - before["pswpout"], guest.complaints())


@dataclass(frozen=True)
class Available:
    """What a balloon does to what a guest says it has."""

    fell_kib: int
    total_fell_kib: int
    low_watermark_kib: int


def available(series: str, deflate_on: str = "", mib: int = 256,
              driver: str = OURS) -> Available:
    args = f"deflate_on={deflate_on}" if driver == OURS else ""
    with DriverGuest(spec(series, driver, driver_args=args)) as guest:
        low = sum(int(words[1]) for words in map(str.split, guest.cat("/proc/zoneinfo").splitlines())
                  if words and words[0] == "low") * PAGE_B // 1024
        before = guest.report()["meminfo_kib"]
        guest.balloon(mib)
        after = guest.report()["meminfo_kib"]
        return Available(before["MemAvailable"] - after["MemAvailable"],
                         before["MemTotal"] - after["MemTotal"], low)


@dataclass(frozen=True)
class Emptied:
    """Stale memory that went back to the host."""

    seconds: float
    freed_mib: float


class Emptying:
    """A guest whose freed memory is given to the host: by a press, or by a balloon up and down."""

    def __init__(self, series: str, driver: str, append: str = "") -> None:
        # beside a press, reporting has no time; beside a balloon it would do the balloon's work
        self._press = driver == OURS
        self.guest = DriverGuest(spec(series, driver, free_page_reporting=self._press,
                                      append=append))

    def __enter__(self) -> "Emptying":
        self.guest.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self.guest.close()

    def empty(self, mib: int = 512) -> Emptied:
        self.guest.run("touch", 700)
        before_b = self.guest.footprint().resident_b
        if self._press:
            seconds = self.guest.press(mib)
        else:
            seconds = self.guest.balloon(mib) + self.guest.balloon(0)
        after_b = wait_for("the host's own accounting", self._settled, 5, 0.1)
        return Emptied(seconds, (before_b - after_b) / MIB)

    def _settled(self) -> int | None:
        """Resident bytes, once two looks agree."""
        first = self.guest.footprint().resident_b
        time.sleep(0.1)
        second = self.guest.footprint().resident_b
        return second if abs(first - second) < MIB else None


def empty_by_press(series: str, mib: int = 512) -> Emptied:
    with Emptying(series, OURS) as story:
        return story.empty(mib)
