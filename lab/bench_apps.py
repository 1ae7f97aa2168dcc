# SPDX-License-Identifier: GPL-2.0-or-later
"""tools/bench apps [NAME...] [OPTION...]: real applications on real Debian guests, and what
ballonetd wins and costs there.

In:  a built ballonetd; the applications (lab/apps/); none is all.
Out: a table for each application and a row per figure; build/bench/apps.json, build/apps/NAME.html
     with a chart of the last pair, and its journal; exit status 1 when a goal was not reached.

Each pair is a managed guest and its unmanaged twin side by side, which go through the same story
(lab/story.py). What else the machine does meets both; figures are of the twin's, medians of pairs.
"""
import argparse
import statistics
import sys
from collections.abc import Iterable
from dataclasses import replace

from lab.apps import APPS
from lab.apps.app import App
from lab.cache import BUILD
from lab.distro import RELEASES
from lab.figures import Figures
from lab.footprint import now_us
from lab.guest import AgentError, accelerator
from lab.report import story_page
from lab.story import FIRST, MIB, QUICK, Pair, Part, Setting, Times, told_twice

FOLDER = BUILD / "apps"
HEADER = ("phase", "seconds", "operations/s", "twin", "of twin's", "p99 ms", "twin", "of twin's",
          "RAM MiB", "twin", "of twin's", "read MiB", "twin", "faults", "twin", "swapped", "killed")
THROUGHPUT_LEAST, P99_MOST, FIRST_LEAST, BACK_LEAST = 97, 110, 95, 85  # percent
RESIDENT_MOST, IN_VAIN_MOST, COST_MOST = 80, 10, 1  # percent
S = 1_000_000


def main(argv: list[str]) -> int:
    asked = _options().parse_args(argv)
    unknown = [name for name in asked.names if name not in APPS]
    if unknown:
        print(f"bench apps: no application {unknown[0]!r}; there are: {', '.join(APPS)}",
              file=sys.stderr)
        return 2
    times = QUICK if asked.quick else Times()
    if asked.minutes:
        times = replace(times, idle=round(asked.minutes * 60))
    setting = Setting(asked.release, asked.memfd, asked.reporting,
                      dict(word.split("=", 1) for word in asked.set))
    FOLDER.mkdir(parents=True, exist_ok=True)
    figures = Figures("apps", accelerator())
    told: dict[str, list[Pair]] = {}
    for name in asked.names or APPS:
        try:
            told[name] = _tell(APPS[name], times, setting, asked.pairs)
        except (TimeoutError, AgentError, RuntimeError) as error:
            figures.failed(name, error)
            continue
        _judge(figures, name, told[name])
    _judge_all(figures, told, setting)
    where = figures.write(setting=vars(setting), times=vars(times), pairs={
        name: [pair.record() for pair in pairs] for name, pairs in told.items()})
    print(f"written to {where}, charts in {FOLDER}")
    return 0 if figures.reached else 1


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tools/bench apps", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="\n".join(f"{app.name:<12}{app.title}" for app in APPS.values()))
    parser.add_argument("names", nargs="*", metavar="NAME", help="applications; none is all")
    parser.add_argument("--pairs", type=int, default=5, help="how often, in turns; default 5")
    parser.add_argument("--minutes", type=float, help="how long the guest is idle; default 5")
    parser.add_argument("--quick", action="store_true", help="short phases, to try something")
    parser.add_argument("--release", choices=RELEASES, default=RELEASES[0], help="Debian's")
    parser.add_argument("--memfd", action="store_true", help="RAM in a memfd; else anonymous")
    parser.add_argument("--reporting", action="store_true", help="free page reporting on")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="a default of ballonetd; may be given several times")
    return parser


def _tell(app: App, times: Times, setting: Setting, pairs: int) -> list[Pair]:
    start_us = now_us()

    def say(what: str) -> None:
        print(f"{(now_us() - start_us) / S:7.1f} s  {what}", flush=True)

    told = []
    for number in range(pairs):
        say(f"{app.title}: pair {number + 1} of {pairs}")
        told.append(told_twice(app, times, setting, number % 2 == 0, say,
                               FOLDER / f"{app.name}.jsonl"))
        _print_table(told[-1])
        (FOLDER / f"{app.name}.html").write_text(
            story_page(app.title, told[-1], HEADER, list(_rows(told[-1]))), encoding="utf-8")
    return told


def _share(of: float | None, whole: float | None) -> float | None:
    return 100 * of / whole if of is not None and whole else None


def _rows(pair: Pair) -> Iterable[list[str]]:
    for phase in pair.phases:
        seconds = (phase.to_us - phase.from_us) / S
        both = (phase.managed, phase.alone)
        cells = [phase.name, f"{seconds:.0f}"]
        cells += _compared([part.rate if phase.loaded else None for part in both], "{:.1f}")
        cells += _compared([part.p99_us / 1000 if part.p99_us else None for part in both], "{:.1f}")
        cells += _compared([part.integral * 1024 / seconds for part in both], "{:.0f}")
        cells += [f"{part.read_b / MIB:.0f}" for part in both]
        cells += [str(part.harm.major_faults) for part in both]
        cells += [_two(both, "swapped_out_pages"), _two(both, "oom_kills")]
        yield cells


def _compared(both: list[float | None], form: str) -> list[str]:
    share = _share(*both)
    return ["" if value is None else form.format(value) for value in both] + [
        "" if share is None else f"{share:.1f} %"]


def _two(both: tuple[Part, Part], what: str) -> str:
    return " / ".join(str(getattr(part.harm, what)) for part in both)


def _print_table(pair: Pair) -> None:
    rows = list(_rows(pair))
    widths = [max(map(len, column)) for column in zip(HEADER, *rows)]
    print()
    for row in (HEADER, *rows):
        print("  ".join(cell.ljust(width) if column == 0 else cell.rjust(width)
                        for column, (cell, width) in enumerate(zip(row, widths))))
    for phase in pair.phases:
        if phase.why:
            print(f"at the end of {phase.name}: {phase.why}")
    for squeeze in pair.squeezes:
        work = (f", work {squeeze.rate:.0f} against {squeeze.twin_rate:.0f}"
                if squeeze.twin_rate else "")
        print(f"squeeze of {(squeeze.to_us - squeeze.from_us) / S:.1f} s: inflated "
              f"{squeeze.inflated_b // MIB} MiB, freed {squeeze.freed_b // MIB}, a minute later "
              f"{(squeeze.before_b - squeeze.minute_b) // MIB}; vCPU {squeeze.vcpu_s:.1f} s, "
              f"the twin's {squeeze.twin_vcpu_s:.1f}{work}")
    print(flush=True)


def _judge(figures: Figures, name: str, pairs: list[Pair]) -> None:
    def median(values: Iterable[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return statistics.median(known) if known else None

    for phase in pairs[0].phases:
        if not phase.loaded:
            continue
        both = [(pair.phase(phase.name).managed, pair.phase(phase.name).alone) for pair in pairs]
        least = FIRST_LEAST if phase.name == FIRST else THROUGHPUT_LEAST
        figures.at_least(f"{name}, {phase.name}: throughput of the twin's",
                         median(_share(a.rate, b.rate) for a, b in both), least, "%")
        figures.told(f"{name}, {phase.name}: the same per second of vCPU time", median(
            _share(a.operations_per_cpu_s, b.operations_per_cpu_s) for a, b in both), "%")
        figures.at_most(f"{name}, {phase.name}: p99 of the twin's",
                        median(_share(a.p99_us, b.p99_us) for a, b in both), P99_MOST, "%")
    figures.told(f"{name}: RAM resident over time, of the twin's",
                 median(_share(*pair.integrals) for pair in pairs), "%")
    figures.at_least(f"{name}: of the batch's memory back after 60 s",
                     100 * median(pair.batch_back[0] for pair in pairs), BACK_LEAST, "%")
    figures.told(f"{name}: the same, of the twin", 100 * median(
        pair.batch_back[1] for pair in pairs), "%")
    figures.told(f"{name}: bytes read more than the twin", median(sum(
        phase.managed.read_b - phase.alone.read_b for phase in pair.phases) / MIB
        for pair in pairs), "MiB")
    figures.told(f"{name}: major faults more than the twin", median(sum(
        phase.managed.harm.major_faults - phase.alone.harm.major_faults
        for phase in pair.phases) for pair in pairs), "")
    figures.at_most(f"{name}: kills and swap-outs more than the twin", max(sum(
        phase.managed.harm.worst - phase.alone.harm.worst for phase in pair.phases)
        for pair in pairs), 0, "")
    figures.told(f"{name}: processor time of the daemon, of one core",
                 100 * median(pair.daemon_cpu_share for pair in pairs), "%")


def _judge_all(figures: Figures, told: dict[str, list[Pair]], setting: Setting) -> None:
    """What is asked of all applications together."""
    pairs = [pair for of_app in told.values() for pair in of_app]
    squeezes = [squeeze for pair in pairs for squeeze in pair.squeezes]
    if not pairs:
        return
    managed, alone = (sum(pair.integrals[i] for pair in pairs) for i in (0, 1))
    figures.at_most("all: RAM resident over time, of the twins'", 100 * managed / alone,
                    100 if setting.reporting else RESIDENT_MOST, "%")
    figures.told("all: squeezes", len(squeezes), "")
    figures.at_most("all: squeezes that freed less than a fourth", 100 * sum(
        squeeze.in_vain for squeeze in squeezes) / max(len(squeezes), 1), IN_VAIN_MOST, "%")
    vcpu_s = sum(max(squeeze.vcpu_s - squeeze.twin_vcpu_s, 0) for squeeze in squeezes)
    whole_s = sum((pair.phases[-1].to_us - pair.phases[0].from_us) / S for pair in pairs)
    figures.at_most("all: squeezes' processor time in the guest, above the twin's",
                    100 * vcpu_s / whole_s, COST_MOST, "%")
    busy = [squeeze for squeeze in squeezes if squeeze.twin_rate]
    if busy:
        figures.told("all: throughput while squeezed, of the twins'", statistics.median(
            100 * squeeze.rate / squeeze.twin_rate for squeeze in busy), "%")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
