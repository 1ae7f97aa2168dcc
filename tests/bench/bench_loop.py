# SPDX-License-Identifier: GPL-2.0-or-later
"""tools/bench loop: what the daemon itself costs, against a thousand fake QMP servers.

In:  a built ballonetd, and fake_qmp, which serves VMs that are calm and answer at once.
Out: a row per figure, build/bench/loop.json; exit status 1 when a goal was not reached.

A floor (one request through epoll and json-c, by tests/bench/floor.c) is measured in the same run,
before and after the daemon, against the same servers of one process; what it costs to wake a
sleeping process for each request, as in the world, is told as well. Either way each VM has a
process of its own to be looked at. How late VMs are looked at is told with one of ten silent.

Processor time is the daemon's own (the scheduler's nanoseconds, all its threads), ticks are those
it counts itself. It is read after the metrics at the start of a window and before them at its end,
so that asking costs no figure anything.
"""
import argparse
import http.client
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.cache import BUILD
from lab.figures import Figures
from lab.process import Process, wait_for

GOAL_US_PER_TICK = 25
GOAL_CORE_PERCENT = 0.8
GOAL_LATE_P99_MS = 50
GOAL_RESIDENT_MIB = 32
START_DEADLINE_S = 60


@dataclass(frozen=True)
class Sample:
    """The daemon at one instant."""

    at_s: float
    cpu_s: float
    ticks: int


class Daemon:
    """A ballonetd that looks after the VMs of one folder at one interval."""

    def __init__(self, folder: Path, interval_s: int) -> None:
        self.control = folder / "control.sock"
        config = folder / f"ballonet-{interval_s}.yaml"
        config.write_text(f"control: {self.control}\njournal: {folder}/journal.jsonl\nstate: {folder}\n"
                          f"discover: false\nsockets: [\"{folder}/*.qmp\"]\n"
                          f"defaults:\n  interval: {interval_s}s\n", encoding="ascii")
        self.log = folder / f"daemon-{interval_s}.log"
        self.process = Process("ballonetd", [BUILD / "src/daemon/ballonetd", "--config", config],
                               self.log)

    def metric(self, name: str) -> int | None:
        """The value of a metric without labels; None while the daemon does not answer."""
        if self.process.returncode is not None:
            raise RuntimeError(f"ballonetd ended with {self.process.returncode}:\n"
                               f"{self.log.read_text(errors='replace')[-2000:]}")
        connection = http.client.HTTPConnection("localhost", timeout=10)
        try:
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(str(self.control))
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        except OSError:
            return None
        finally:
            connection.close()
        match = re.search(rf"^{re.escape(name)} ([0-9.e+]+)$", text, re.MULTILINE)
        return int(float(match[1])) if match else None

    def late(self) -> dict[float, int]:
        """VMs that were looked at, by how many milliseconds late they were at most."""
        classes = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 1)
        name = 'ballonet_tick_late_seconds_bucket{le="%s"}'
        found = {1000 * le: self.metric(name % f"{le:.6f}") or 0 for le in classes}
        return found | {float("inf"): self.metric(name % "+Inf") or 0}

    def ticks(self) -> int:
        value = self.metric("ballonet_vm_ticks_total")
        if value is None:
            raise RuntimeError("ballonetd tells no ballonet_vm_ticks_total")
        return value

    def cpu_s(self) -> float:
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def resident_mib(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)[1]) / 1024

    def windows(self, count: int, length_s: float) -> Iterator[tuple[Sample, Sample]]:
        for _ in range(count):
            ticks = self.ticks()
            first = Sample(time.monotonic(), self.cpu_s(), ticks)
            time.sleep(length_s)
            cpu_s, at_s = self.cpu_s(), time.monotonic()
            yield first, Sample(at_s, cpu_s, self.ticks())


@contextmanager
def servers(folder: Path, count: int, how: str) -> Iterator[Process]:
    """@count fake QMP servers, all listening, served "together", "mute" or "apart"."""
    log = folder / "fake_qmp.log"
    process = Process("fake_qmp", [BUILD / "tests/bench/fake_qmp", folder, str(count), how],
                      log)
    try:
        wait_for("fake_qmp to listen",
                 lambda: process.returncode is not None or "ready" in log.read_text(),
                 START_DEADLINE_S)
        if process.returncode is not None:
            raise RuntimeError(f"fake_qmp ended: {log.read_text()[-2000:]}")
        yield process
    finally:
        process.stop(signal.SIGTERM)


@contextmanager
def daemon(folder: Path, interval_s: int, count: int) -> Iterator[Daemon]:
    """A daemon that knows its VMs: one not judged calm yet is looked at more often."""
    one = Daemon(folder, interval_s)
    try:
        wait_for("ballonetd to look after all VMs",
                 lambda: (one.metric("ballonet_vm_ticks_total") or 0) >= 3 * count,
                 START_DEADLINE_S + 3 * interval_s)
        time.sleep(interval_s)
        yield one
    finally:
        one.process.stop(signal.SIGTERM, deadline_s=30)


def costs_of_a_tick(folder: Path, count: int) -> list[float]:
    """Microseconds of processor time per VM and tick, in windows of a few seconds."""
    with daemon(folder, 1, count) as one:
        return [1e6 * (last.cpu_s - first.cpu_s) / max(last.ticks - first.ticks, 1)
                for first, last in one.windows(6, 5)]


def floor_us(folder: Path) -> float:
    """Microseconds of processor time per request, at least."""
    done = subprocess.run([BUILD / "tests/bench/floor", folder, "3"], check=True,
                          capture_output=True, text=True)
    return float(done.stdout)


def cost_of_a_tick(figures: Figures, folder: Path, count: int) -> None:
    with servers(folder, count, "together"):
        before = floor_us(folder)
        costs = costs_of_a_tick(folder, count)
        after = floor_us(folder)
        figures.told("the floor before and after, one request through epoll and json-c",
                     (before + after) / 2, "us")
        figures.told("a VM and tick in floors", statistics.median(costs) * 2 / (before + after),
                     "x")
        figures.at_most(f"processor time per VM and tick, {count} VMs, every 1 s",
                        statistics.median(costs), GOAL_US_PER_TICK, "us")
        figures.told("the cheapest of 6 windows", min(costs), "us")
        figures.told("the dearest of 6 windows", max(costs), "us")


def cost_of_waking(figures: Figures, folder: Path, count: int) -> None:
    with servers(folder, count, "apart"):
        figures.told("the same, each server asleep in a process of its own",
                     statistics.median(costs_of_a_tick(folder, count)), "us")


def lateness(figures: Figures, folder: Path, count: int) -> None:
    with servers(folder, count, "mute"), daemon(folder, 1, count) as one:
        before = one.late()
        time.sleep(30)
        seen = {ms: n - before[ms] for ms, n in one.late().items()}
        p99 = min(ms for ms, n in seen.items() if n >= 0.99 * seen[float("inf")])
        figures.at_most(f"99 of 100 ticks late by, {count} VMs, one of ten silent", p99,
                        GOAL_LATE_P99_MS, "ms")


def cost_of_a_calm_host(figures: Figures, folder: Path, count: int) -> None:
    with servers(folder, count, "apart"), daemon(folder, 10, count) as one:
        shares = [100 * (last.cpu_s - first.cpu_s) / (last.at_s - first.at_s)
                  for first, last in one.windows(3, 10)]
        figures.at_most(f"share of a core, {count} calm VMs, every 10 s", statistics.median(shares),
                        GOAL_CORE_PERCENT, "%")
        figures.at_most(f"resident memory, {count} VMs", one.resident_mib(), GOAL_RESIDENT_MIB,
                        "MiB")


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools/bench loop")
    parser.add_argument("--vms", type=int, default=1000, help="how many (default %(default)s)")
    count = parser.parse_args().vms
    figures = Figures("loop", "none: no guests")
    for story in (cost_of_a_tick, cost_of_waking, lateness, cost_of_a_calm_host):
        # a fresh folder and fresh servers: the second daemon must not find what the first left
        with tempfile.TemporaryDirectory(prefix="ballonet-bench-") as name:
            try:
                story(figures, Path(name), count)
            except (RuntimeError, TimeoutError) as error:
                figures.failed(story.__name__.replace("_", " "), error)
    print(f"written to {figures.write()}")
    return 0 if figures.reached else 1


if __name__ == "__main__":
    sys.exit(main())
