# SPDX-License-Identifier: GPL-2.0-or-later
"""tools/demo: three real guests, and what a squeeze gives back to their host.

In:  a built ballonetd.
Out: live progress, a table, build/demo/report.html, build/demo/demo.json; exit status 1 when a
     guest was harmed or nothing was won.

The three run side by side first without management, then with the daemon, so that each is its own
comparison.
"""
import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab.cache import BUILD
from lab.daemon import Daemon, Event, Watch
from lab.figures import machine
from lab.footprint import Sampler, now_us
from lab.guest import Guest, Spec, accelerator
from lab.process import wait_for
from lab.report import GuestStory, page
from lab.workloads import MIB, Harm, RateMeter, archive, busy, harm, spike

S = 1_000_000
SPECS = (
    (Spec("spike", "6.12"), "had a spike: 600 MiB touched and freed"),
    (Spec("archive", "6.1", swap_mib=512), "read 600 MiB of files once"),
    (Spec("busy", "6.1", memory_mib=768, swap_mib=512),
     "walks a hot set of 250 MiB all the time; freed another 250 MiB before"),
)
HOT_MIB = 250
UNMANAGED_S = 20
WATCHED_S = 62  # a squeeze is judged a minute later
SQUEEZE_DEADLINE_S = 90
TELL_EVERY_S = 10
RATE_HARM = 0.90  # a real loss, beyond what other work on this machine explains
WON_LEAST_B = 64 * MIB  # the daemon's own idea of what is worth a squeeze
HEADER = ("guest", "before", "lowest", "a minute on", "won", "stale", "cache", "OOM kills",
          "swap-outs", "major faults", "work rate")


@dataclass
class Outcome:
    """One guest's row; bytes as the host paid for them."""

    name: str
    before_b: int
    lowest_b: int
    minute_b: int
    stale_b: int | None
    cache_b: int | None
    harm: Harm
    rate: float | None = None

    @property
    def won_b(self) -> int:
        return self.before_b - self.minute_b

    @property
    def harmed(self) -> bool:
        return bool(self.harm) or (self.rate is not None and self.rate < RATE_HARM)

    def cells(self) -> list[str]:
        rate = "" if self.rate is None else f"{100 * self.rate:.1f} %"
        return [self.name, *map(_mib, (self.before_b, self.lowest_b, self.minute_b, self.won_b,
                                       self.stale_b, self.cache_b)),
                str(self.harm.oom_kills), str(self.harm.swapped_out_pages),
                str(self.harm.major_faults), rate]


class Teller:
    """Says what is being done, with the seconds since the start."""

    def __init__(self) -> None:
        self._start_us = now_us()

    def say(self, who: str, what: str) -> None:
        print(f"{(now_us() - self._start_us) / S:6.1f} s  {who:<8}  {what}", flush=True)

    def wait(self, what: str, condition: Callable[[], bool], deadline_s: float,
             guests: list[Guest]) -> None:
        """Waits for @condition, and says every now and then what the guests cost meanwhile."""
        next_us = now_us() + TELL_EVERY_S * S

        def look() -> bool:
            nonlocal next_us
            if now_us() > next_us:
                next_us += TELL_EVERY_S * S
                self.say("lab", f"waiting for {what}; resident: " + ", ".join(
                    f"{guest.name} {_mib(guest.footprint().resident_b)} MiB" for guest in guests))
            return condition()
        wait_for(what, look, deadline_s, 0.1)

    def event(self, event: Event) -> None:
        self.say(event.name, f"{event.phase}: {event.sentence}")


def main() -> int:
    tell = Teller()
    accel = accelerator()
    tell.say("lab", f"booting three guests under {accel.upper()}")
    with ExitStack() as stack:
        guests = [Guest(spec) for spec, _ in SPECS]
        for guest in guests:
            stack.callback(guest.close)
        for guest in guests:
            guest.start()
        sampler = stack.enter_context(Sampler())
        for guest in guests:
            guest.wait_ready()
            sampler.watch(guest.name, guest.process.pid, guest.process.cgroup)
            tell.say(guest.name, f"Linux {guest.hello['release']}, {guest.spec.memory_mib} MiB, "
                                 f"{_mib(guest.footprint().resident_b)} MiB resident at the host")
        return _show(tell, accel, guests, sampler)


def _show(tell: Teller, accel: str, guests: list[Guest], sampler: Sampler) -> int:
    spiky, reader, worker = guests
    for guest, does in ((spiky, spike), (reader, archive)):
        tell.say(guest.name, dict((spec.name, title) for spec, title in SPECS)[guest.name])
        does(guest)
        tell.say(guest.name, f"done; {_mib(guest.footprint().resident_b)} MiB resident")
    spike(worker, 2 * HOT_MIB)
    work = busy(worker, HOT_MIB)
    tell.say("lab", f"measuring the busy guest unmanaged for {UNMANAGED_S} s")
    first_rate = RateMeter(worker, work).wait(UNMANAGED_S)

    before = {guest.name: guest.report() for guest in guests}
    marks = {now_us(): "ballonetd starts"}
    with Daemon(guests) as daemon, Watch(daemon, tell.event) as watch:
        tell.say("lab", "ballonetd started, with its defaults")
        meter = RateMeter(worker, work)
        ends = _await_squeezes(watch, guests, tell)
        managed_rate = meter.rate()
        told = {vm["name"]: vm for vm in daemon.vms()}
    marks[now_us()] = "and ends"
    tell.say("lab", f"ballonetd ended; the busy guest unmanaged again for {UNMANAGED_S} s")
    last_rate = RateMeter(worker, work).wait(UNMANAGED_S)

    outcomes = [_outcome(guest, sampler, min(marks), ends[guest.name], before[guest.name],
                         told[guest.name]) for guest in guests]
    outcomes[guests.index(worker)].rate = (
        managed_rate.mib_per_s / ((first_rate.mib_per_s + last_rate.mib_per_s) / 2))
    return _conclude(accel, guests, sampler, watch, marks, outcomes)


def _await_squeezes(watch: Watch, guests: list[Guest], tell: Teller) -> dict[str, int]:
    """For each guest the end of its first squeeze, or of the waiting for one; returns when the
    last is a minute old."""
    deadline_us = now_us() + SQUEEZE_DEADLINE_S * S

    def all_over() -> bool:
        return now_us() > deadline_us or all(watch.squeezes(guest.name) for guest in guests)
    tell.wait("the squeezes", all_over, SQUEEZE_DEADLINE_S + 5, guests)
    ends = {guest.name: next((end for _, end in watch.squeezes(guest.name)), now_us())
            for guest in guests}
    tell.wait("a minute to pass, to see that it stays so",
              lambda: now_us() > max(ends.values()) + WATCHED_S * S, WATCHED_S + 5, guests)
    return ends


def _outcome(guest: Guest, sampler: Sampler, start_us: int, end_us: int, before: dict[str, Any],
             told: dict[str, Any]) -> Outcome:
    series = sampler.series[guest.name]
    last = told["last_squeeze"] or {}
    return Outcome(guest.name, series.at(start_us), series.lowest(start_us, now_us()),
                   series.at(end_us + 60 * S), last.get("stale_b"), last.get("cold_b"),
                   harm(before, guest.report()))


def _conclude(accel: str, guests: list[Guest], sampler: Sampler, watch: Watch,
              marks: dict[int, str], outcomes: list[Outcome]) -> int:
    won_b = sum(outcome.won_b for outcome in outcomes)
    harmed = [outcome.name for outcome in outcomes if outcome.harmed]
    good = won_b >= WON_LEAST_B and not harmed
    before_b = sum(outcome.before_b for outcome in outcomes)
    verdict = (f"{_mib(won_b)} MiB of {_mib(before_b)} MiB came back to the host and stayed there; "
               + (f"harmed: {', '.join(harmed)}" if harmed else "no guest was harmed"))
    rows = [outcome.cells() for outcome in outcomes]
    _print_table(HEADER, rows)
    print("MiB, measured at the host, except: stale and cache are what the daemon took it for;\n"
          "the last four columns are the guest's own, while it was managed; the work rate is the\n"
          "share of the same guest unmanaged.\n")
    stories = [GuestStory(guest.name, title, sampler.series[guest.name],
                          guest.spec.memory_mib * MIB, watch.squeezes(guest.name),
                          [(event.time_us, event.sentence) for event in watch.events
                           if event.name == guest.name])
               for guest, (_, title) in zip(guests, SPECS)]
    host = machine(accel)
    where = (f"{host['cpu']}, {host['cpus']} processors, {host['memory_mib']} MiB, "
             f"Linux {host['kernel']}, {accel.upper()}")
    folder = BUILD / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "report.html", page(verdict, good, where, HEADER, rows, stories, marks))
    _write(folder / "demo.json", json.dumps({
        "machine": host, "good": good, "won_b": won_b, "guests": [
            asdict(outcome) | {"won_b": outcome.won_b} for outcome in outcomes]}, indent=2) + "\n")
    print(verdict + f"\nreport: {folder / 'report.html'}")
    return 0 if good else 1


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _mib(value_b: int | None) -> str:
    return "?" if value_b is None else f"{value_b / MIB:.0f}"


def _print_table(header: tuple[str, ...], rows: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    print()
    for row in (header, *rows):
        print("  ".join(cell.ljust(width) if column == 0 else cell.rjust(width)
                        for column, (cell, width) in enumerate(zip(row, widths))))
    print()


if __name__ == "__main__":
    sys.exit(main())
