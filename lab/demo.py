# SPDX-License-Identifier: GPL-2.0-or-later
"""tools/demo: three real guests, and what a squeeze gives back to their host.

In:  a built ballonetd.
Out: live progress, a table, build/demo/report.html and the journal beside it,
     build/bench/demo.json; exit status 1 when a guest was harmed or nothing was won.

A fourth guest does the same as the busy one and is left unmanaged: what else this machine does
slows both alike, so what differs between the two is the daemon's doing.
"""
import shutil
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from typing import Any

from lab.cache import BUILD
from lab.daemon import KEEN, Daemon, Event, Watch
from lab.figures import Figures
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
     "walks a hot set of 250 MiB all the time, and so is left alone; freed 250 MiB before"),
    (Spec("twin", "6.1", memory_mib=768, swap_mib=512),
     "does the same as busy, and is not managed: the comparison"),
)
TITLES = {spec.name: title for spec, title in SPECS}
FOLDER = BUILD / "demo"
HOT_MIB = 250
WATCHED_S = 62  # a squeeze is judged a minute later
SQUEEZE_DEADLINE_S = 90
OLD_DEADLINE_S = 90  # a probe of the cache may be followed by the whole squeeze
TELL_EVERY_S = 10
RATE_LEAST_PERCENT = 90  # less is a real loss, beyond what chance explains on two processors
WON_LEAST_MIB = 64  # the daemon's own idea of what is worth a squeeze
HEADER = ("guest", "before", "lowest", "a minute on", "won", "stale", "cache", "OOM kills",
          "swap-outs", "major faults", "work rate")


@dataclass
class Outcome:
    """One guest's row; bytes as the host paid for them."""

    name: str
    before_b: int
    lowest_b: int
    minute_b: int
    cache_b: int  # by which the guest's page cache is smaller
    harm: Harm
    rate: float | None = None

    @property
    def won_b(self) -> int:
        return self.before_b - self.minute_b

    @property
    def stale_b(self) -> int:
        """What else was won had been freed by the guest before."""
        return self.won_b - self.cache_b

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
        """Waits for @condition, not for ever, and says every now and then what the guests cost."""
        next_us = now_us() + TELL_EVERY_S * S

        def look() -> bool:
            nonlocal next_us
            if now_us() > next_us:
                next_us += TELL_EVERY_S * S
                self.say("lab", f"waiting for {what}; resident: " + ", ".join(
                    f"{guest.name} {_mib(guest.footprint().resident_b)} MiB" for guest in guests))
            return condition()
        with suppress(TimeoutError):  # then the table will say what is missing
            wait_for(what, look, deadline_s, 0.1)

    def event(self, event: Event) -> None:
        self.say(event.name, f"{event.phase}: {event.sentence}")


def main() -> int:
    tell = Teller()
    FOLDER.mkdir(parents=True, exist_ok=True)
    accel = accelerator()
    tell.say("lab", f"booting three guests and a twin under {accel.upper()}")
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
    spiky, reader, worker, twin = guests
    managed = guests[:-1]
    for guest, does in ((spiky, spike), (reader, archive)):
        tell.say(guest.name, TITLES[guest.name])
        does(guest)
        tell.say(guest.name, f"done; {_mib(guest.footprint().resident_b)} MiB resident")
    works = {}
    for guest in (worker, twin):
        tell.say(guest.name, TITLES[guest.name])
        spike(guest, 2 * HOT_MIB)
        works[guest.name] = busy(guest, HOT_MIB)
        tell.say(guest.name, f"at work; {_mib(guest.footprint().resident_b)} MiB resident")

    before = {guest.name: guest.report() for guest in guests}
    marks = {now_us(): "ballonetd starts"}
    with Daemon(managed, KEEN) as daemon, Watch(daemon, tell.event) as watch:
        tell.say("lab", "ballonetd started, with the profile keen")
        meters = {guest: RateMeter(guest, works[guest.name]) for guest in (worker, twin)}
        ends = _await_squeezes(watch, managed[:-1], tell)  # the busy one is left alone
        rates = {guest: meter.rate() for guest, meter in meters.items()}
        after = {guest.name: guest.report() for guest in guests}
        shutil.copy(daemon.journal, FOLDER / "journal.jsonl")

    outcomes = [_outcome(guest, sampler, min(marks), ends.get(guest.name, max(ends.values())),
                         before[guest.name], after[guest.name]) for guest in guests]
    outcomes[guests.index(worker)].rate = rates[worker].mib_per_s / rates[twin].mib_per_s
    return _conclude(accel, guests, sampler, watch, marks, outcomes)


def _await_squeezes(watch: Watch, guests: list[Guest], tell: Teller) -> dict[str, int]:
    """Returns when each guest's last squeeze is a minute old, or none comes any more: when it was
    over, or the end of the waiting."""
    def last_end_us(guest: Guest) -> int:
        return max((end for _, end in watch.squeezes(guest.name)), default=0)
    tell.wait("the squeezes", lambda: all(map(last_end_us, guests)), SQUEEZE_DEADLINE_S, guests)

    def all_old() -> bool:
        return now_us() > max(map(last_end_us, guests)) + WATCHED_S * S
    tell.wait("a minute to pass, to see that it stays so", all_old, OLD_DEADLINE_S, guests)
    return {guest.name: last_end_us(guest) or now_us() - WATCHED_S * S for guest in guests}


def _outcome(guest: Guest, sampler: Sampler, start_us: int, end_us: int, before: dict[str, Any],
             after: dict[str, Any]) -> Outcome:
    series = sampler.series[guest.name]
    cache_kib = before["meminfo_kib"]["Cached"] - after["meminfo_kib"]["Cached"]
    before_b, minute_b = series.at(start_us), series.at(end_us + 60 * S)
    cache_b = max(min(cache_kib * 1024, before_b - minute_b), 0)
    return Outcome(guest.name, before_b, series.lowest(start_us, now_us()), minute_b, cache_b,
                   harm(before, after))


def _conclude(accel: str, guests: list[Guest], sampler: Sampler, watch: Watch,
              marks: dict[int, str], outcomes: list[Outcome]) -> int:
    rows = [outcome.cells() for outcome in outcomes]
    _print_table(HEADER, rows)
    print("MiB, measured at the host. Of what was won, cache is by how much the guest's page\n"
          "cache is smaller, stale is the rest. The last four columns are the guest's own, while\n"
          "the daemon ran; the work rate is the share of its twin's, which is not managed.\n")
    managed = outcomes[:-1]
    figures = _judge(accel, managed)
    before_b = sum(outcome.before_b for outcome in managed)
    won_b = sum(outcome.won_b for outcome in managed)
    verdict = (f"{_mib(won_b)} MiB of {_mib(before_b)} MiB came back to the host and stayed there; "
               + ("no guest was harmed" if figures.reached else "but not all is well"))
    stories = [GuestStory(guest.name, title, sampler.series[guest.name],
                          guest.spec.memory_mib * MIB, watch.squeezes(guest.name),
                          [(event.time_us, event.sentence) for event in watch.events
                           if event.name == guest.name and event.reason != "disconnected"])
               for guest, title in zip(guests, TITLES.values())]
    host = figures.machine
    where = (f"{host['cpu']}, {host['cpus']} processors, {host['memory_mib']} MiB, "
             f"Linux {host['kernel']}, {accel.upper()}; ballonetd with the profile keen")
    report = FOLDER / "report.html"
    report.write_text(page(verdict, figures.reached, where, HEADER, rows, stories, marks),
                      encoding="utf-8")
    figures.write(guests=[
        asdict(outcome) | {"won_b": outcome.won_b, "stale_b": outcome.stale_b}
        for outcome in outcomes])
    print(f"\n{verdict}\nreport: {report}\n"
          f"each decision again: build/src/cli/ballonet replay {FOLDER / 'journal.jsonl'}")
    return 0 if figures.reached else 1


def _judge(accel: str, managed: list[Outcome]) -> Figures:
    """Was something won, and nobody harmed?"""
    figures = Figures("demo", accel)
    figures.at_least("won at the host, a minute after the squeezes",
                     sum(outcome.won_b for outcome in managed) / MIB, WON_LEAST_MIB, "MiB")
    for outcome in managed:
        figures.at_most(f"{outcome.name}: OOM kills, swap-outs, lost pages and works",
                        outcome.harm.worst, 0, "")
        if outcome.rate is not None:
            figures.at_least(f"{outcome.name}: work rate, of its unmanaged twin's",
                             100 * outcome.rate, RATE_LEAST_PERCENT, "%")
    return figures


def _mib(value_b: int) -> str:
    return f"{value_b / MIB:.0f}"


def _print_table(header: tuple[str, ...], rows: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    print()
    for row in (header, *rows):
        print("  ".join(cell.ljust(width) if column == 0 else cell.rjust(width)
                        for column, (cell, width) in enumerate(zip(row, widths))))
    print()


if __name__ == "__main__":
    sys.exit(main())
