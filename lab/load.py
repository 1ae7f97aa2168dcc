# SPDX-License-Identifier: GPL-2.0-or-later
"""The host's end of a load in a guest (lab/apps/load.c): says when, and keeps what was done.

In:  the socket of the guest's port.
Out: Load: go, stop, and for any span of time how much was done and how long it took.
"""
import socket
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from lab.footprint import now_us
from lab.process import wait_for

LOAD_PORT = "org.ballonet.load"  # and a number
CONNECT_S = 10
LINEAR = 64  # as in load.c
S = 1_000_000


@dataclass
class Span:
    """What was done in some time."""

    seconds: float = 0
    operations: int = 0
    buckets: Counter[int] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        return self.operations / self.seconds if self.seconds else 0

    def percentile_us(self, share: float) -> float | None:
        """The latency below which @share of the operations were."""
        left = share * self.operations
        for bucket in sorted(self.buckets):
            left -= self.buckets[bucket]
            if left <= 0:
                return middle_us(bucket)
        return None


def middle_us(bucket: int) -> float:
    if bucket < LINEAR:
        return bucket + 0.5
    shift = bucket // 32 - 1
    return ((bucket - shift * 32) + 0.5) * (1 << shift)


class Load:
    """Its times are the host's CLOCK_MONOTONIC."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket: socket.socket | None = None
        self._seconds: dict[int, tuple[int, Counter[int]]] = {}  # by the guest's clock
        self._offset_us: int | None = None  # what to add to it
        self._reader: threading.Thread | None = None
        self.heard_us = 0

    def connect(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(self._path))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def close(self) -> None:
        if self._socket:
            self._socket.shutdown(socket.SHUT_RDWR)
            self._reader.join()
            self._socket.close()
            self._socket = None

    def go(self) -> None:
        self._socket.sendall(b"go\n")

    def stop(self) -> None:
        self._socket.sendall(b"stop\n")

    def wait_begun(self, deadline_s: float) -> None:
        """Returns when something was done after now."""
        since_us = now_us()
        wait_for("operation of the load", lambda: self.heard_us > since_us, deadline_s)

    def span(self, from_us: int, to_us: int) -> Span:
        """The seconds whose middle lies in it."""
        found = Span((to_us - from_us) / S)
        for second, (operations, buckets) in list(self._seconds.items()):
            if from_us <= second * S + S // 2 + (self._offset_us or 0) < to_us:
                found.operations += operations
                found.buckets.update(buckets)
        return found

    def rates(self) -> list[tuple[int, int]]:
        """(when, operations) of each second, from the first to the last in which any was done."""
        done = {second: operations for second, (operations, _) in list(self._seconds.items())}
        return [(second * S + (self._offset_us or 0), done.get(second, 0))
                for second in range(min(done), max(done) + 1)] if done else []

    def _read(self) -> None:
        with self._socket.makefile("r", encoding="ascii") as lines:
            for line in lines:
                self.take(line, now_us())

    def take(self, line: str, arrived_us: int) -> None:
        """A line of load.c, and when it came."""
        words = line.split()
        told_us, second, operations = map(int, words[:3])
        # a line is late or in time, never early: the least difference is the nearest to the truth
        offset_us = arrived_us - told_us
        self._offset_us = (offset_us if self._offset_us is None
                           else min(offset_us, self._offset_us))
        done, buckets = self._seconds.setdefault(second, (0, Counter()))
        for word in words[3:]:
            bucket, count = map(int, word.split(":"))
            buckets[bucket] += count
        self._seconds[second] = (done + operations, buckets)
        self.heard_us = arrived_us
