# SPDX-License-Identifier: GPL-2.0-or-later
"""tools/bench peers [PEER...]: MOM and ballonetd, in turn, on equal guests of one short host.

In:  a built ballonetd; Debian's libvirt (installed when it is missing) and MOM (unpacked only).
Out: a table with a column for each, build/bench/peers.json.

Three guests, all started by libvirtd: one has freed memory, one has read files once, one works. The
host has 10 % of its memory left, by which both managers must act: MOM acts below 20 %. Both are at
their defaults, MOM with its packaged example rules.
"""
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lab.daemon import Daemon
from lab.figures import Figures
from lab.footprint import Sampler, now_us
from lab.guest import AgentError, Guest, Spec, accelerator
from lab.hostview import HostView
from lab.libvirtd import Libvirtd, LibvirtGuest
from lab.mom import Mom
from lab.process import Process, wait_for
from lab.trace import integral
from lab.workloads import MIB, RateMeter, archive, busy, harm, spike

S = 1_000_000
MEMORY_MIB = 1024
WATCHED_S = 120
TICK_S = 10  # of both: MOM's policy engine, and ballonetd's default interval
FREE_SHARE = 0.10
HOT_MIB = 200
SPECS = tuple(Spec(name=name, memory_mib=MEMORY_MIB, own_cgroup=False, swap_mib=256)
              for name in ("spike", "archive", "busy"))


@dataclass
class Outcome:
    """What a manager did in WATCHED_S."""

    before_mib: float
    freed_mib: dict[str, float]  # at the end, by guest
    integral: float  # GiB x s of all guests
    major_faults: int
    swapped_out_pages: int
    oom_kills: int
    balloons_mib: float  # held by all balloons at the end
    rate: float  # of the busy guest, MiB/s
    cpu_ms: float  # per guest and tick
    libvirtd_cpu_ms: float  # per guest and tick


def cpu_s(pid: int, tree: bool = True) -> float:
    """Processor time of @pid, and of all that came from it: @tree."""
    ticks, todo = 0, [pid]
    for one in todo:
        try:
            fields = Path(f"/proc/{one}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
            ticks += sum(map(int, fields[11:15 if tree else 13]))  # 13 and 14: of those that ended
            if tree:
                todo += [int(child) for task in Path(f"/proc/{one}/task").glob("*/children")
                         for child in task.read_text(encoding="ascii").split()]
        except OSError:
            continue
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def mom(libvirtd: Libvirtd, _guests: list[Guest], host: HostView) -> Iterator[Process]:
    with Mom(libvirtd, host.prefix) as manager:
        yield manager.process


@contextmanager
def ballonetd(_libvirtd: Libvirtd, guests: list[Guest], host: HostView) -> Iterator[Process]:
    with Daemon(guests, prefix=host.prefix) as manager:
        yield manager.process


@contextmanager
def nobody(_libvirtd: Libvirtd, _guests: list[Guest], _host: HostView) -> Iterator[None]:
    yield None


PEERS: dict[str, Callable[..., Any]] = {"MOM": mom, "ballonetd": ballonetd, "unmanaged": nobody}


def run(peer: str) -> Outcome:
    """One manager's two minutes."""
    with ExitStack() as stack:
        libvirtd = stack.enter_context(Libvirtd())
        guests = [stack.enter_context(LibvirtGuest(spec, libvirtd)) for spec in SPECS]
        spike(guests[0], 500)
        archive(guests[1], 400)
        work = busy(guests[2], HOT_MIB)
        used_b = sum(guest.footprint().resident_b for guest in guests)
        host = stack.enter_context(HostView(guests, int(used_b / (1 - FREE_SHARE))))
        sampler = stack.enter_context(Sampler())
        for guest in guests:
            sampler.watch(guest.name, guest.process.pid, None)
        for series in sampler.series.values():
            wait_for("samples", lambda series=series: len(series.times_us) >= 2, 10)
        before = {guest.name: (guest.report(), guest.footprint().resident_b) for guest in guests}
        manager = stack.enter_context(PEERS[peer](libvirtd, guests, host))
        wait_for("the manager's first look", partial(_later, now_us() + TICK_S * S), 2 * TICK_S)
        meter, start_us = RateMeter(guests[2], work), now_us()

        def used_cpu_s() -> tuple[float, float]:
            return cpu_s(manager.pid) if manager else 0, cpu_s(libvirtd.pid(), tree=False)
        began = used_cpu_s()
        meter.wait(WATCHED_S)
        per = 1000 / len(guests) / ((now_us() - start_us) / S / TICK_S)
        own_ms, libvirtd_ms = ((now - was) * per for now, was in zip(used_cpu_s(), began))
        harms = [harm(before[guest.name][0], guest.report()) for guest in guests]
        return Outcome(
            before_mib=used_b / MIB,
            freed_mib={guest.name: (before[guest.name][1] - guest.footprint().resident_b) / MIB
                       for guest in guests},
            integral=sum(integral(sampler.series[guest.name], start_us, now_us())
                         for guest in guests),
            balloons_mib=sum(guest.spec.memory_mib - guest.balloon_actual_b() / MIB
                             for guest in guests),
            major_faults=sum(one.major_faults for one in harms),
            swapped_out_pages=sum(one.swapped_out_pages for one in harms),
            oom_kills=sum(one.oom_kills for one in harms),
            rate=meter.rate().mib_per_s, cpu_ms=own_ms, libvirtd_cpu_ms=libvirtd_ms)


def _later(time_us: int) -> bool:
    return now_us() >= time_us


def tell(figures: Figures, peer: str, outcome: Outcome) -> None:
    rows = (("host memory before", outcome.before_mib, "MiB"),
            ("host bytes freed", sum(outcome.freed_mib.values()), "MiB"),
            *((f"host bytes freed, of {name}", mib, "MiB")
              for name, mib in outcome.freed_mib.items()),
            (f"host memory over {WATCHED_S} s", outcome.integral, "GiB s"),
            ("balloons at the end", outcome.balloons_mib, "MiB"),
            ("guests' major faults", outcome.major_faults, ""),
            ("guests' pages swapped out", outcome.swapped_out_pages, ""),
            ("guests' OOM kills", outcome.oom_kills, ""),
            ("work rate of the busy guest", outcome.rate, "MiB/s"),
            ("CPU per guest and tick", outcome.cpu_ms, "ms"),
            ("CPU of libvirtd per guest and tick", outcome.libvirtd_cpu_ms, "ms"))
    for name, value, unit in rows:
        figures.told(f"{peer}: {name}", value, unit)


def table(figures: Figures, peers: list[str]) -> str:
    """All peers side by side."""
    cells: dict[str, dict[str, str]] = {}
    for row in figures.rows:
        peer, _, name = row.name.partition(": ")
        value = "unknown" if row.measured is None else f"{row.measured:g} {row.unit}".strip()
        cells.setdefault(name, {})[peer] = value
    lines = [f"{'':<38}" + "".join(f"{peer:>16}" for peer in peers)]
    lines += [f"{name:<38}" + "".join(f"{of.get(peer, ''):>16}" for peer in peers)
              for name, of in cells.items()]
    return "\n".join(lines)


def main(wanted: list[str]) -> int:
    figures = Figures("peers", accelerator())
    peers = [peer for peer in PEERS if not wanted or peer in wanted]
    for peer in peers:
        try:
            tell(figures, peer, run(peer))
        except (TimeoutError, AgentError, RuntimeError) as error:
            figures.failed(peer, error)
    print(f"\n{table(figures, peers)}\nwritten to {figures.write()}")
    return 0 if figures.reached else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
