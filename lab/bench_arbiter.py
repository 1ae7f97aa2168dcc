# SPDX-License-Identifier: GPL-2.0-or-later
"""tools/bench arbiter [STORY...]: many guests on one host, and what the policy does over time.

In:  a built ballonetd; the stories to tell (see STORIES); none is all. --pairs N says how many
     pairs of twins a trace takes (5), --add counts those of earlier runs of the same daemon too.
Out: a row per figure, build/bench/arbiter.json, each pair of a trace in build/bench/trace.jsonl;
     exit status 1 when a goal was not reached.
"""
import argparse
import hashlib
import json
import math
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from lab.cache import BUILD
from lab.daemon import KEEN, Daemon
from lab.figures import Figures
from lab.guest import AgentError, Spec, accelerator
from lab.short import (FREED_MIB, RESERVED_MIB, WITHIN_S, serve_pressure, serve_reservation,
                       serve_spike)
from lab.trace import AFTERNOON, Run, trace_twins
from lab.workloads import MIB

PAIRS = 5
ROUNDS = 5  # of pressure
RECORDS = BUILD / "bench" / "trace.jsonl"


@dataclass(frozen=True)
class Pair:
    """Twins: a base, and the same guest otherwise managed."""

    base: str
    other: str
    spec: Spec
    other_spec: Spec
    managed: bool  # the other one, by ballonetd
    oracle: bool  # the other one
    settings: dict[str, str]  # of that ballonetd
    goal: float | None  # of the other's integral, in per cent of the base's
    busy_goal: float | None  # of the time its own operations take


STOCK = Spec(name="trace")
REPORTING = Spec(name="trace", free_page_reporting=True)
# An operator's who wants memory back soon and trusts small guests to live with little: looks every
# second, and a third of the default reserve. The goals are told for it, what the defaults reach too.
SOON = {**KEEN, "interval": "1s", "reserve_min": "32MiB", "reserve_share": "2%"}
TRACES = {
    "reporting-keen": Pair("reporting alone", "keen ballonetd over reporting", REPORTING,
                           REPORTING, True, False, SOON, 82, 105),
    "stock-keen": Pair("unmanaged", "keen ballonetd without reporting", STOCK, STOCK, True, False,
                       SOON, 75, 105),
    "reporting": Pair("reporting alone", "ballonetd over reporting", REPORTING, REPORTING,
                      True, False, {}, None, None),
    "stock": Pair("unmanaged", "ballonetd without reporting", STOCK, STOCK, True, False, {}, None,
                  None),
    "oracle": Pair("reporting alone", "oracle over reporting", REPORTING, REPORTING,
                   False, True, {}, None, None),
    "alone": Pair("unmanaged", "reporting alone", STOCK, REPORTING, False, False, {},
                  None, None),
}


def daemon_digest(name: str) -> str | None:
    """Which daemon a pair is of; None where it has none."""
    if not TRACES[name].managed:
        return None
    return hashlib.sha256(Daemon.binary().read_bytes()).hexdigest()[:16]


def known_pairs(name: str) -> list[dict[str, Any]]:
    """Those of the daemon that is built now."""
    if not RECORDS.exists():
        return []
    records = map(json.loads, RECORDS.read_text(encoding="utf-8").splitlines())
    return [record for record in records
            if record["pair"] == name and record["daemon"] == daemon_digest(name)]


def run_pair(name: str, number: int) -> dict[str, Any]:
    """One pair; written to RECORDS as soon as it is there."""
    pair = TRACES[name]
    base, other, events = trace_twins(pair.spec, pair.other_spec, pair.managed, pair.oracle,
                                      other_first=number % 2 == 1, defaults=pair.settings)
    record = {"pair": name, "daemon": daemon_digest(name), "base": base.record(),
              "other": other.record(), "events": events}
    RECORDS.parent.mkdir(parents=True, exist_ok=True)
    with open(RECORDS, "a", encoding="utf-8") as out:
        out.write(json.dumps(record) + "\n")
    return record


def median(runs: list[Run], value: Callable[[Run], float]) -> float:
    return statistics.median(map(value, runs))


def median_of(values: list[float | None]) -> float | None:
    """Not known where one of them is not."""
    return None if None in values else statistics.median(values)


def trace(figures: Figures, options: argparse.Namespace, name: str) -> None:
    pair = TRACES[name]
    records = known_pairs(name) if options.add else []
    records += [run_pair(name, len(records) + number) for number in range(options.pairs)]
    bases, others = ([Run(**record[which]) for record in records] for which in ("base", "other"))
    for who, runs in ((pair.base, bases), (pair.other, others)):
        figures.told(f"{who}: resident", median(runs, lambda run: run.integral), "GiB s")
        figures.told(f"{who}: operations", median(runs, lambda run: run.busy_s), "s")
    for phase in AFTERNOON.phases():
        figures.told(f"{pair.other}: won, {phase}", statistics.median(
            base.phases[phase] - other.phases[phase] for base, other in zip(bases, others)),
            "GiB s")
    for step in bases[0].steps_s:
        figures.told(f"{pair.other}: {step} takes longer by", 1000 * statistics.median(
            other.steps_s[step] - base.steps_s[step] for base, other in zip(bases, others)), "ms")
    for what, goal, ratios in (
            ("resident", pair.goal,
             [other.integral / base.integral for base, other in zip(bases, others)]),
            ("operations", pair.busy_goal,
             [other.busy_s / base.busy_s for base, other in zip(bases, others)])):
        for number, ratio in enumerate(ratios, 1):
            figures.told(f"{pair.other}: {what} of its twin's, pair {number}", 100 * ratio, "%")
        row = f"{pair.other}: {what}, median of {len(ratios)}"
        if goal is None:
            figures.told(row, 100 * statistics.median(ratios), "%")
        else:
            figures.at_most(row, 100 * statistics.median(ratios), goal, "%")
    figures.at_most(f"{pair.other}: OOM kills, swap-outs, lost works", sum(
        run.oom_kills + run.swapped_out_pages + run.lost_works for run in others), 0, "")


def spike(figures: Figures, options: argparse.Namespace) -> None:
    """Of --pairs: as many runs with free host memory, and with a limit and ballonetd, in turn."""
    free, managed = [], []
    for _ in range(options.pairs):
        free.append(serve_spike(limited=False, managed=False))
        managed.append(serve_spike(limited=True, managed=True))
    alone = serve_spike(limited=True, managed=False)
    figures.told("spike, unmanaged: host OOM kills", alone.host_oom_kills, "")
    figures.told("spike, unmanaged: guests lost", len(alone.lost_guests), "")
    figures.at_most("spike: host OOM kills and guests lost", sum(
        run.host_oom_kills + len(run.lost_guests) for run in managed), 0, "")
    figures.at_most("spike: guest OOM kills, swap-outs, lost works", sum(
        run.guest_oom_kills + (run.state != "done")
        + sum(one.swapped_out_pages for one in run.harm.values()) for run in managed), 0, "")
    for title, runs in (("free host", free), ("short host, ballonetd", managed)):
        figures.told(f"spike, {title}: run time", median_of([run.busy_s for run in runs]), "s")
        figures.told(f"spike, {title}: host used at most", max(
            run.used_most_b for run in runs) / MIB, "MiB")
    shares = [other.busy_s and 100 * other.busy_s / one.busy_s
              for one, other in zip(free, managed)]
    for number, share in enumerate(shares, 1):
        figures.told(f"spike: run time of free host's, pair {number}", share, "%")
    figures.at_most(f"spike: run time of free host's, median of {len(shares)}",
                    median_of(shares), 110, "%")
    figures.told("spike: given by the others", statistics.median(
        run.given_b / MIB for run in managed), "MiB")
    for run in managed:
        print("\n".join(run.told))


def pressure(figures: Figures, _options: argparse.Namespace) -> None:
    runs = serve_pressure(ROUNDS)
    for number, run in enumerate(runs, 1):
        figures.told(f"pressure: trigger to the first byte freed, round {number}", run.first_ms,
                     "ms")
        figures.told(f"pressure: trigger to {FREED_MIB} MiB freed, round {number}", run.freed_s,
                     "s")
    figures.told(f"pressure: rounds that did not free {FREED_MIB} MiB",
                 sum(run.freed_s is None for run in runs), "")
    for what, values, goal, unit in (
            ("the first byte freed", [run.first_ms for run in runs], 100, "ms"),
            (f"{FREED_MIB} MiB freed", [run.freed_s for run in runs], 3, "s")):
        # never is later than any time
        middle = statistics.median(math.inf if value is None else value for value in values)
        figures.at_most(f"pressure: trigger to {what}, median",
                        None if math.isinf(middle) else middle, goal, unit)


def reserve(figures: Figures, _options: argparse.Namespace) -> None:
    run = serve_reservation()
    print(f"ballonet reserve {RESERVED_MIB}M: {run.answer} (exit status {run.exit_code})")
    figures.told("reserve: available before", run.available_before_b / MIB, "MiB")
    figures.told(f"reserve: available after it, of {RESERVED_MIB} MiB wanted",
                 run.available_after_b / MIB, "MiB")
    figures.at_most(f"reserve: {RESERVED_MIB} MiB are there after", run.there_s, WITHIN_S, "s")
    figures.at_most("reserve: works lost of the VM that came", run.newcomer != "done", 0, "")


STORIES: dict[str, Callable[[Figures, argparse.Namespace], None]] = {
    **{f"trace-{name}": partial(trace, name=name) for name in TRACES},
    "spike": spike, "pressure": pressure, "reserve": reserve}


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tools/bench arbiter")
    parser.add_argument("stories", nargs="*", metavar="STORY",
                        help=f"of {', '.join(STORIES)}, or the beginning of some")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="of each trace and spike")
    parser.add_argument("--add", action="store_true",
                        help="count the pairs of earlier runs of the same daemon too")
    options = parser.parse_args(argv)
    wanted = [name for name in STORIES
              if not options.stories or name.startswith(tuple(options.stories))]
    if not wanted:
        parser.error(f"no such story: {' '.join(options.stories)}")
    figures = Figures("arbiter", accelerator())
    for name in wanted:
        try:
            STORIES[name](figures, options)
        except (TimeoutError, AgentError, RuntimeError) as error:
            figures.failed(name, error)
    print(f"written to {figures.write()}")
    return 0 if figures.reached else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
