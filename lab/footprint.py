# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest costs its host, by the lab's own measurement.

In:  a pid, and its memory cgroup where it has one of its own.
Out: resident bytes with the source they came from; a Sampler keeps a series of them.

Resident set size lies about huge pages and about shared memory, so it is the last resort: first the
memory cgroup without its file cache, then the blocks of a shared memfd, then smaps_rollup.
"""
import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

KIB = 1024
BLOCK_B = 512  # st_blocks counts these, whatever the file system


@dataclass(frozen=True)
class Footprint:
    resident_b: int
    source: str


def footprint(pid: int, cgroup: Path | None = None) -> Footprint | None:
    """None when the process is gone."""
    try:
        if cgroup:
            return Footprint(cgroup_bytes(cgroup), "cgroup")
        shared = _memfd_bytes(pid)
        if shared:
            return Footprint(shared, "memfd")
        return Footprint(_smaps_bytes(pid), "smaps")
    except (OSError, KeyError):
        return None


def cgroup_bytes(cgroup: Path) -> int:
    """Usage, that of cgroups below it too, without file cache; shared memory counts as cache there,
    and is not."""
    stat = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
    if (cgroup / "memory.current").exists():
        usage, cache = "memory.current", int(stat["file"]) - int(stat["shmem"])
    else:
        usage, cache = "memory.usage_in_bytes", int(stat["total_cache"]) - int(stat["total_shmem"])
    return int((cgroup / usage).read_text()) - cache


def ram_bytes(pid: int, ram_b: int) -> int:
    """What is resident of a guest's RAM alone, without the hypervisor's own memory.

    That is the blocks of its memfd, else the largest mapping, if it is as large as the RAM.
    """
    shared = _memfd_bytes(pid)
    if shared:
        return shared
    size_b = rss_b = 0
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if line.startswith("Size:"):
            size_b = int(line.split()[1]) * KIB
        elif line.startswith("Rss:") and size_b >= ram_b:
            rss_b = max(rss_b, int(line.split()[1]) * KIB)
    if not rss_b:
        raise ValueError(f"process {pid} has no mapping of {ram_b} bytes")
    return rss_b


def _memfd_bytes(pid: int) -> int:
    seen = {}
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if os.readlink(fd).startswith("/memfd:"):
                stat = fd.stat()
                seen[stat.st_ino] = stat.st_blocks * BLOCK_B
        except FileNotFoundError:
            continue  # it closed one meanwhile
    return sum(seen.values())


def _smaps_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    values = {line.split(":")[0]: int(line.split()[1]) * KIB for line in lines}
    return values["Rss"]


def now_us() -> int:
    """CLOCK_MONOTONIC, the clock of the daemon's own times."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


@dataclass
class Series:
    """Resident bytes of one guest over time; times are CLOCK_MONOTONIC microseconds."""

    times_us: list[int] = field(default_factory=list)
    values_b: list[int] = field(default_factory=list)

    def at(self, time_us: int) -> int | None:
        """The last value taken at or before @time_us."""
        best = None
        for when, value in zip(self.times_us, self.values_b):
            if when > time_us:
                break
            best = value
        return best

    def lowest(self, from_us: int, to_us: int) -> int | None:
        return min(self._inside(from_us, to_us), default=None)

    def highest(self, from_us: int, to_us: int) -> int | None:
        return max(self._inside(from_us, to_us), default=None)

    def _inside(self, from_us: int, to_us: int) -> list[int]:
        return [value for when, value in zip(self.times_us, self.values_b)
                if from_us <= when <= to_us]


class Sampler(threading.Thread):
    """Takes the footprint of several processes again and again, until it is stopped."""

    def __init__(self, interval_s: float = 0.25) -> None:
        super().__init__(name="footprints", daemon=True)
        self.series: dict[str, Series] = {}
        self._watched: dict[str, tuple[int, Path | None]] = {}
        self._interval_s = interval_s
        self._end = threading.Event()

    def watch(self, name: str, pid: int, cgroup: Path | None) -> None:
        self.series[name] = Series()
        self._watched[name] = (pid, cgroup)

    def run(self) -> None:
        while not self._end.wait(self._interval_s):
            for name, (pid, cgroup) in list(self._watched.items()):
                found = footprint(pid, cgroup)
                if found:
                    self.series[name].times_us.append(now_us())
                    self.series[name].values_b.append(found.resident_b)

    def __enter__(self) -> "Sampler":
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._end.set()
        self.join()
