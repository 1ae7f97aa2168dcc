# SPDX-License-Identifier: GPL-2.0-or-later
"""tools/bench squeeze [STORY...]: what a squeeze wins and costs, beside the same guest unmanaged.

In:  a built ballonetd; the stories to tell: stale, cold, burst, busy, lost; none is all.
Out: a row per figure, build/bench/squeeze.json; exit status 1 when a goal was not reached.
"""
import signal
import statistics
import sys
from functools import partial

from lab.daemon import GUARDIAN_AFTER_S, KEEN
from lab.figures import Figures
from lab.guest import AgentError, Guest, Spec, accelerator
from lab.scenarios import burst_during_inflate, burst_while_held, busy_twins, daemon_lost, reclaim
from lab.workloads import MIB, archive, spike

WORK_MIB = 600
HOT_MIB = 300
STALE_MIB = 300
PAIRS = 4  # an even number: in half of them the managed one is the first
ROUND_S = 90  # long enough for a squeeze, and the minute in which it would be verified
BURST_MIB = 780  # of about 850 that a 1 GiB guest has available


def stale(figures: Figures, series: str) -> None:
    managed, alone = reclaim(Spec(name="stale", series=series), spike, (10, 70))
    share = 100 / (WORK_MIB * MIB)
    figures.at_least(f"stale {series}: back within 10 s", managed.freed_b[10] * share, 90, "%")
    figures.at_least(f"stale {series}: still back 60 s later", managed.freed_b[70] * share, 85, "%")
    figures.told(f"stale {series}: the same unmanaged, after 10 s", alone.freed_b[10] * share, "%")
    figures.at_most(f"stale {series}: OOM kills", managed.harm.oom_kills, 0, "")


def cold(figures: Figures, series: str) -> None:
    managed, alone = reclaim(Spec(name="cold", series=series, swap_mib=512), archive, (20,),
                             KEEN)
    share = 100 / (WORK_MIB * MIB)
    figures.at_least(f"cold cache {series}, keen: back within 20 s", managed.freed_b[20] * share, 50, "%")
    figures.told(f"cold cache {series}: the same unmanaged", alone.freed_b[20] * share, "%")
    figures.at_most(f"cold cache {series}: pages swapped out", managed.harm.swapped_out_pages, 0,
                    "")
    figures.at_most(f"cold cache {series}: OOM kills", managed.harm.oom_kills, 0, "")


def busy(figures: Figures) -> None:
    runs = [busy_twins(Spec(name="busy", swap_mib=512), HOT_MIB, STALE_MIB, ROUND_S,
                       managed_first=pair % 2 == 1) for pair in range(PAIRS)]
    by_clock = [100 * run.managed.rate.mib_per_s / run.alone.rate.mib_per_s for run in runs]
    by_cpu = [100 * run.managed.rate.mib_per_cpu_s / run.alone.rate.mib_per_cpu_s for run in runs]
    for number, share in enumerate(by_clock, 1):
        figures.told(f"busy guest, pair {number}: work rate of unmanaged", share, "%")
    figures.at_least(f"busy guest: work rate of unmanaged, median of {PAIRS}",
                     statistics.median(by_clock), 97, "%")
    figures.told("busy guest: the same per second of processor time", statistics.median(by_cpu),
                 "%")
    figures.told("busy guest: slowest pass, managed",
                 max(run.managed.slowest_pass_ms for run in runs), "ms")
    figures.told("busy guest: slowest pass, unmanaged",
                 max(run.alone.slowest_pass_ms for run in runs), "ms")
    figures.at_most("busy guest: squeezes of it, in all runs", sum(run.squeezes for run in runs), 0,
                    "")
    figures.at_least("busy guest: lowest resident above its hot set", min(
        run.managed.resident_low_b / MIB - HOT_MIB for run in runs), 0, "MiB")
    figures.at_most("busy guest: OOM kills, swap-outs, lost pages and works",
                    sum(run.managed.harm.worst for run in runs), 0, "")
    figures.told("busy guest: processor time of the daemon, of one core",
                 100 * statistics.median(run.daemon_cpu_share for run in runs), "%")


def burst(figures: Figures, series: str) -> None:
    with Guest(Spec(name="burst", series=series)) as guest:
        spike(guest)
        alone_ms = guest.run("burst", BURST_MIB, 500)["filled_us"] / 1000
    for deflate_on_oom in (False, True):
        word = "on" if deflate_on_oom else "off"
        run = burst_during_inflate(
            Spec(name="burst", series=series, deflate_on_oom=deflate_on_oom), BURST_MIB)
        title = f"burst in an inflate {series}, deflate-on-oom {word}"
        figures.at_most(f"{title}: OOM kills", run.harm.oom_kills + (run.state != "done"), 0, "")
        figures.told(f"{title}: balloon when it began", run.balloon_at_start_b / MIB, "MiB")
        figures.told(f"{title}: filled in", run.filled_ms, "ms")
    held = burst_while_held(Spec(name="burst", series=series), BURST_MIB)
    title = f"burst while a balloon is held {series}, deflate-on-oom off"
    figures.at_most(f"{title}: OOM kills", held.harm.oom_kills + (held.state != "done"), 0, "")
    figures.told(f"{title}: filled in", held.filled_ms, "ms")
    figures.told(f"burst {series}, unmanaged: filled in", alone_ms, "ms")


def lost(figures: Figures) -> None:
    spec = Spec(name="lost")
    figures.at_most("SIGKILL of the daemon mid-inflate: balloon at 0 after",
                    daemon_lost(spec, signal.SIGKILL, 30), 3, "s")
    figures.at_most("SIGSTOP of the daemon mid-inflate: balloon at 0 after",
                    daemon_lost(spec, signal.SIGSTOP, 60), GUARDIAN_AFTER_S + 3, "s")


def main(wanted: list[str]) -> int:
    figures = Figures("squeeze", accelerator())
    stories = [partial(story, series=series) for story in (stale, cold, burst)
               for series in ("6.1", "6.12")] + [partial(busy), partial(lost)]
    for story in stories:
        if wanted and story.func.__name__ not in wanted:
            continue
        try:
            story(figures)
        except (TimeoutError, AgentError, RuntimeError) as error:
            figures.failed(story.func.__name__, error)
    print(f"written to {figures.write()}")
    return 0 if figures.reached else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
