# SPDX-License-Identifier: GPL-2.0-or-later
"""A host as a manager shall see it: /proc/meminfo of a small host that its guests fill.

In:  guests, and how much memory the host would have.
Out: HostView: a command prefix; what is started with it reads that host's /proc/meminfo.

Peers know no memory cgroup as their host. In a mount namespace of its own a program can be shown
another file; ballonetd is shown the same one, so that both see one host.
"""
import os
import threading
from collections.abc import Iterable

from lab.guest import AgentError, Guest
from lab.process import own_folder

INTERVAL_S = 0.25
# every figure that MOM and ballonetd read; the rest of the real file is left out
TEXT = """MemTotal:       {total:>8} kB
MemFree:        {free:>8} kB
MemAvailable:   {free:>8} kB
Buffers:        {none:>8} kB
Cached:         {none:>8} kB
AnonPages:      {used:>8} kB
SwapTotal:      {none:>8} kB
SwapFree:       {none:>8} kB
"""


class HostView(threading.Thread):
    """Keeps the file true, as a context manager."""

    def __init__(self, guests: Iterable[Guest], total_b: int) -> None:
        super().__init__(name="hostview", daemon=True)
        self.total_b = total_b
        self._guests = list(guests)
        self._end = threading.Event()
        self.path = own_folder("hostview") / "meminfo"
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        self._tell()

    @property
    def prefix(self) -> tuple[str, ...]:
        return ("unshare", "--mount", "sh", "-ec",
                'mount --bind "$0" /proc/meminfo; exec "$@"', str(self.path))

    def used_b(self) -> int:
        used = 0
        for guest in self._guests:
            try:
                used += guest.footprint().resident_b
            except AgentError:
                continue  # one that is gone uses nothing
        return used

    def _tell(self) -> None:
        used = min(self.used_b(), self.total_b) // 1024
        total = self.total_b // 1024
        text = TEXT.format(total=total, free=total - used, used=used, none=0)
        os.pwrite(self._file, text.encode("ascii"), 0)  # in place: readers keep it open

    def run(self) -> None:
        while not self._end.wait(INTERVAL_S):
            self._tell()

    def __enter__(self) -> "HostView":
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._end.set()
        self.join()
        os.close(self._file)
        self.path.unlink()
        self.path.parent.rmdir()
