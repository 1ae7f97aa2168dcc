# SPDX-License-Identifier: GPL-2.0-or-later
"""tools/bench guest [STORY...]: ballonet.ko beside the kernel's own driver, in guests of one kind.

In:  the stories to tell: inflate, cache, rescue, overasked, available, press, streaming; none
     is all.
Out: a row per figure, build/bench/guest.json; exit status 1 when a goal was not reached.

Both drivers are timed in turns, so that they see the same host and the same memory. A ratio is the
median of the ratios of the turns, each of two runs that followed one another.
"""
import statistics
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import product

from lab.driver import (OURS, STOCK, CachePress, DriverGuest, Emptying, Streaming, available,
                        oom_rescue, over_asked, spec)
from lab.figures import Figures
from lab.guest import AgentError, accelerator
from lab.process import wait_for

TURNS = 5
PRESS_TURNS = 3
STREAM_TURNS, STREAM_S = 5, 120
SERIES = "6.1"
PAGES_PER_MIB = 256


def ratio(slow: Iterable[float], fast: Iterable[float]) -> float:
    """The median of the paired ratios."""
    return statistics.median(one / other for one, other in zip(slow, fast, strict=True))


def in_turns(zeroing: bool, reporting: bool, touched: bool) -> dict[str, list[float]]:
    """Seconds of an inflate by 256 MiB with each driver, turn by turn."""
    wanted = replace(spec(SERIES, append=f"init_on_alloc={int(zeroing)}"), spare_drivers=(STOCK,),
                     free_page_reporting=reporting)
    times: dict[str, list[float]] = {OURS: [], STOCK: []}
    with DriverGuest(wanted) as guest:
        guest.rmmod("ballonet")
        for turn in range(TURNS):
            for driver in (OURS, STOCK) if turn % 2 else (STOCK, OURS):
                guest.insmod(driver)
                wait_for("driver", lambda: guest.ballooned_mib == 0, 10)
                if touched:
                    guest.run("touch", 700)
                times[driver].append(guest.balloon(256))
                guest.balloon(0)
                guest.rmmod(driver)
    return times


def inflate(figures: Figures) -> None:
    """By free memory that the host backs or does not, on devices with free page reporting or not."""
    for reporting, zeroing, touched in product((True, False), (False, True), (True, False)):
        took = in_turns(zeroing, reporting, touched)
        title = (f"inflate 256 MiB of free memory, reporting {'on' if reporting else 'off'}, "
                 f"init_on_alloc={int(zeroing)}, {'used before' if touched else 'unbacked'}")
        figures.at_least(f"{title}: times faster", ratio(took[STOCK], took[OURS]),
                         1.3 if zeroing else 2, "x")
        figures.told(f"{title}: ballonet", 1000 * statistics.median(took[OURS]), "ms")
        figures.told(f"{title}: virtio_balloon", 1000 * statistics.median(took[STOCK]), "ms")


def cache(figures: Figures, series: str) -> None:
    guarded, free = [], []
    with CachePress(series) as story:
        for _ in range(PRESS_TURNS):
            guarded.append(story.press(guarded=True))
            free.append(story.press(guarded=False))
    title = f"inflate 500 MiB against cache {series}"
    figures.at_most(f"{title}: allocated / kept", max(
        run.allocated_pages / run.kept_pages for run in guarded), 1, "")
    figures.at_most(f"{title}: given back", sum(run.given_back_pages for run in guarded), 0,
                    "pages")
    figures.at_most(f"{title}: did not reach it", sum(not run.reached for run in guarded), 0, "")
    fast, slow = ([run.seconds for run in runs] for runs in (guarded, free))
    figures.at_least(f"{title}: times faster than without guard", ratio(slow, fast), 3, "x")
    figures.told(f"{title}: with the guard", statistics.median(fast), "s")
    figures.told(f"{title}: without", statistics.median(slow), "s")
    for name in ("allocated", "given_back"):
        figures.told(f"{title}: without, {name.replace('_', ' ')}", statistics.median(
            getattr(run, f"{name}_pages") for run in free), "pages")


def rescue(figures: Figures, series: str) -> None:
    ours, stock = oom_rescue(series, OURS), oom_rescue(series, STOCK)
    title = f"OOM rescue {series}"
    figures.at_most(f"{title}: kills", ours.oom_kills + (not ours.done), 0, "")
    figures.at_most(f"{title}: notifier calls", ours.notifier_calls, 10, "")
    figures.at_most(f"{title}: stalls, of virtio_balloon's",
                    100 * ours.stalls / max(stock.stalls, 1), 10, "%")
    figures.told(f"{title}: stalls, ballonet", ours.stalls, "")
    figures.told(f"{title}: stalls, virtio_balloon", stock.stalls, "")
    figures.told(f"{title}: filled in, ballonet", ours.filled_ms, "ms")
    figures.told(f"{title}: filled in, virtio_balloon", stock.filled_ms, "ms")


def overasked(figures: Figures, series: str) -> None:
    for swap_mib in (0, 512):
        for mglru in (False, True):
            run = over_asked(series, swap_mib, mglru)
            title = (f"over-asked {series}, swap {'on' if swap_mib else 'off'}, "
                     f"MGLRU {'on' if mglru else 'off'}")
            figures.at_most(f"{title}: OOM kills", run.oom_kills, 0, "")
            figures.at_most(f"{title}: swapped out", run.swapped_out_pages, 0, "pages")
            figures.at_most(f"{title}: complaints", len(run.complaints), 0, "")
            figures.told(f"{title}: ballooned", run.ballooned_mib, "MiB")
        title = f"over-asked {series}, swap {'on' if swap_mib else 'off'}: virtio_balloon"
        run = over_asked(series, swap_mib, mglru=False, driver=STOCK)
        figures.told(f"{title}, OOM kills", run.oom_kills, "")
        figures.told(f"{title}, swapped out", run.swapped_out_pages, "pages")


def memory_available(figures: Figures, series: str) -> None:
    run = available(series, "pressure")
    figures.at_most(f"MemAvailable {series}, freeable: falls by, of the low watermark",
                    100 * run.fell_kib / run.low_watermark_kib, 100, "%")
    figures.told(f"MemAvailable {series}, freeable: falls by", run.fell_kib / 1024, "MiB")
    run = available(series, "none")
    figures.at_least(f"MemAvailable {series}, not freeable: falls by", run.fell_kib / 1024, 248,
                     "MiB")
    run = available(series, driver=STOCK)
    figures.told(f"MemAvailable {series}, virtio_balloon: falls by", run.fell_kib / 1024, "MiB")


def press(figures: Figures, series: str) -> None:
    for zeroing in (False, True):
        append = f"init_on_alloc={int(zeroing)}"
        ours, stock = [], []
        with Emptying(series, OURS, append) as one, Emptying(series, STOCK, append) as other:
            for _ in range(PRESS_TURNS):
                ours.append(one.empty())
                stock.append(other.empty())
        fast, slow = ([run.seconds for run in runs] for runs in (ours, stock))
        title = f"press 512 MiB {series}, {append}"
        figures.at_least(f"{title}: times faster than a balloon", ratio(slow, fast), 20, "x")
        figures.told(f"{title}: press", statistics.median(fast) * 1000, "ms")
        figures.told(f"{title}: virtio_balloon up and down", statistics.median(slow) * 1000, "ms")
        gone, want = (statistics.median(run.freed_mib for run in runs) for runs in (ours, stock))
        figures.at_least(f"{title}: host effect of a balloon's", 100 * gone / want, 97, "%")


def streaming(figures: Figures, series: str) -> None:
    """Ten minutes of both drivers at once, each in a guest of its own: so they see the same host."""
    ours, stock = [], []
    with Streaming(series, OURS) as one, Streaming(series, STOCK) as other, \
            ThreadPoolExecutor(2) as pool:
        for _ in range(STREAM_TURNS):
            runs = [pool.submit(story.stream, STREAM_S) for story in (one, other)]
            ours.append(runs[0].result())
            stock.append(runs[1].result())
    title = f"streaming reads {series}, 3 times the memory"
    minutes = STREAM_TURNS * STREAM_S / 60
    figures.at_most(f"{title}: deflates a minute", sum(run.deflates for run in ours) / minutes, 0, "")
    figures.at_most(f"{title}: given back", sum(run.given_back_pages for run in ours), 0, "pages")
    figures.at_most(f"{title}: taken again", sum(run.taken_again_pages for run in ours), 0, "pages")
    speed, usual = ([run.read_b / STREAM_S / (1 << 20) for run in runs] for runs in (ours, stock))
    figures.at_least(f"{title}: throughput, of virtio_balloon's", 100 * ratio(speed, usual), 95, "%")
    figures.told(f"{title}: ballonet", statistics.median(speed), "MiB/s")
    figures.told(f"{title}: virtio_balloon", statistics.median(usual), "MiB/s")


STORIES = {"inflate": inflate, "cache": cache, "rescue": rescue, "overasked": overasked,
           "available": memory_available, "press": press, "streaming": streaming}


def stories(wanted: Iterable[str]) -> Iterable[tuple[str, partial]]:
    for name, story in STORIES.items():
        if wanted and name not in wanted:
            continue
        if story is inflate:
            yield name, partial(story)
        else:
            yield from ((f"{name} {series}", partial(story, series=series))
                        for series in ("6.1", "6.12"))


def main(wanted: list[str]) -> int:
    figures = Figures("guest", accelerator())
    for name, story in stories(wanted):
        try:
            story(figures)
        except (TimeoutError, AgentError, RuntimeError) as error:
            figures.failed(name, error)
    print(f"written to {figures.write()}")
    return 0 if figures.reached else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
