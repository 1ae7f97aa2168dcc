# SPDX-License-Identifier: GPL-2.0-or-later
"""A host of the lab's own making: a memory cgroup that several guests share, with a limit.

In:  how much memory it shall have.
Out: ShortHost: the cgroup to put guests below, what is used of it, whom the kernel killed in it.

There is no swap behind it: a host that is out of memory kills, as the kernel of a real one does.
"""
from contextlib import suppress
from pathlib import Path

from lab.footprint import cgroup_bytes
from lab.process import memory_cgroup, wait_for

NO_LIMIT = 1 << 50


class ShortHost:
    """As a context manager; the guests in it must have ended before it does."""

    def __init__(self, limit_b: int | None) -> None:
        """No limit where @limit_b is None: the same host, with memory to spare."""
        place = memory_cgroup("host")
        if not place:
            raise RuntimeError("a short host needs the right to make memory cgroups")
        self.cgroup = place
        self._v2 = (place / "memory.current").exists()
        if self._v2:
            (place / "cgroup.subtree_control").write_text("+memory", encoding="ascii")
            with suppress(OSError):  # a kernel without swap accounting
                (place / "memory.swap.max").write_text("0", encoding="ascii")
        self.limit_b = NO_LIMIT
        if limit_b:
            self.limit(limit_b)

    def limit(self, limit_b: int) -> None:
        """The host has as much memory from now on."""
        name = "memory.max" if self._v2 else "memory.limit_in_bytes"
        (self.cgroup / name).write_text(str(limit_b), encoding="ascii")
        self.limit_b = limit_b

    def available_b(self) -> int:
        return self.limit_b - self.used_b()

    def used_b(self) -> int:
        """Without the page cache of files, which the kernel takes back by itself."""
        return cgroup_bytes(self.cgroup)

    def oom_kills(self) -> int:
        """In this cgroup and in those of its guests that are still there."""
        return sum(map(self._kills, (self.cgroup, *filter(Path.is_dir, self.cgroup.iterdir()))))

    def _kills(self, cgroup: Path) -> int:
        name = "memory.events.local" if self._v2 else "memory.oom_control"
        counters = dict(line.split() for line in (cgroup / name).read_text().splitlines())
        return int(counters.get("oom_kill", 0))

    def close(self) -> None:
        wait_for("end of the short host", self._removed, 10)

    def _removed(self) -> bool:
        try:
            self.cgroup.rmdir()
        except OSError:
            return False  # the kernel lets go of the last page a moment after the last process
        return True

    def __enter__(self) -> "ShortHost":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
