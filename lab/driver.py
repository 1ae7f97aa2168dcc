# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole stories about the guest's driver: what it does when it is asked for too much, too late.

In:  a series, and which driver: ballonet.ko, or the kernel's own for comparison.
Out: measured figures, which tests and benchmarks judge.

Times are taken at the host, from the request to QEMU's word that it is done, for both drivers alike.
"""
import re
import time
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
MAX_DEVICES = 8
# what a kernel says when something is broken, as against when it is short of memory
BROKEN = re.compile(r"\bBUG\b|WARNING: |Oops|general protection|Bad page|bad page|refcount_t|KFENCE"
                    r"|KASAN|UBSAN|lockdep|possible .*deadlock|corrupt|unable to handle|RIP: "
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
    given_back_pages: int  # while it was still inflating

    @property
    def kept_pages(self) -> int:
        return self.allocated_pages - self.given_back_pages


def press_cache(series: str, mib: int = 500, guarded: bool = True,
                deadline_s: float = 60) -> Pressed:
    """Inflates by @mib in a guest whose memory is full of cache, with DEFLATE_ON_PRESSURE."""
    wanted = spec(series, driver_args="deflate_on=pressure", memory_mib=1024)
    with DriverGuest(wanted) as guest:
        guest.parameter("one_direction", "Y" if guarded else "N")
        guest.fill_cache(1000)
        start = time.monotonic()
        try:
            guest.balloon(mib, deadline_s)
            reached = True
        except TimeoutError:
            reached = False
        seconds = time.monotonic() - start
        state = guest.state()
        return Pressed(seconds, reached, state["allocated_pages"], state["regained_pages"])


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
class OverAsked:
    """What a guest that is asked for nearly everything gives, and at what cost."""

    ballooned_mib: float
    oom_kills: int
    swapped_out_pages: int
    complaints: list[str]


def over_asked(series: str, swap_mib: int, mglru: bool, kicks: int = 5) -> OverAsked:
    """720 of 768 MiB are asked for, again and again, over cache and a process at work."""
    wanted = spec(series, memory_mib=768, swap_mib=swap_mib, driver_args="retry_ms=200")
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
            guest.ask_for(768 - 720)
            last = time.monotonic() + 4
            while time.monotonic() < last:
                most = max(most, guest.ballooned_mib)
                time.sleep(0.2)
            guest.balloon(0)
        after = guest.vmstat()
        return OverAsked(most, after["oom_kill"] - before["oom_kill"],
                         after["pswpout"] - before["pswpout"], guest.complaints())


@dataclass(frozen=True)
class Available:
    """What a balloon does to what a guest says it has."""

    fell_kib: int
    total_fell_kib: int
    low_watermark_kib: int


def available(series: str, deflate_on: str, mib: int = 256) -> Available:
    with DriverGuest(spec(series, driver_args=f"deflate_on={deflate_on}")) as guest:
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


def empty_by_press(series: str, mib: int = 512, append: str = "") -> Emptied:
    with DriverGuest(spec(series, free_page_reporting=True, append=append)) as guest:
        return _emptied(guest, mib, lambda: guest.press(mib))


def empty_by_stock_balloon(series: str, mib: int = 512, append: str = "") -> Emptied:
    with DriverGuest(spec(series, STOCK, append=append)) as guest:
        return _emptied(guest, mib, lambda: guest.balloon(mib) + guest.balloon(0))


def _emptied(guest: DriverGuest, mib: int, how: Any) -> Emptied:
    guest.run("touch", 700)
    before_b = guest.footprint().resident_b
    seconds = how()
    time.sleep(0.5)  # the host's own accounting
    return Emptied(seconds, (before_b - guest.footprint().resident_b) / MIB)
