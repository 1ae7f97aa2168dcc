# SPDX-License-Identifier: GPL-2.0-or-later
"""Reports of the demo and of `bench apps`: one HTML file each that needs nothing else, in light and dark.

In:  what was measured, as plain records.
Out: the page's text.

Each guest has a chart of its own on one common time axis, because lines that cross tell a reader
less than lines that stand below each other.
"""
import html
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from lab.footprint import Series
from lab.story import FIRST, Pair

MIB = 1 << 20
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 860, 190, 72, 12, 10, 26

STYLE = """
:root { --bg: #fbfbf9; --ink: #1d2329; --soft: #5c6670; --rule: #d9dcdf; --line: #1f6feb;
  --band: #f4b94255; --ok: #1a7f37; --bad: #c0262d; }
@media (prefers-color-scheme: dark) { :root { --bg: #14181c; --ink: #e7eaed; --soft: #98a2ad;
  --rule: #333b43; --line: #6cb0ff; --band: #d59f2e55; --ok: #56d364; --bad: #ff7b72; } }
body { background: var(--bg); color: var(--ink); font: 16px/1.5 system-ui, sans-serif;
  max-width: 900px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem } h2 { font-size: 1.1rem; margin: 2rem 0 .3rem }
p { margin: .3rem 0 } .soft { color: var(--soft) }
.ok { color: var(--ok) } .bad { color: var(--bad) }
.wide { overflow-x: auto } table { width: 100%; border-collapse: collapse;
  font-variant-numeric: tabular-nums }
th, td { text-align: right; padding: .25rem .7rem; border-bottom: 1px solid var(--rule) }
th { color: var(--soft); font-weight: 500 } tr > :first-child, .text { text-align: left }
.text:last-child { width: 100% }
svg { width: 100%; height: auto; display: block } svg text { fill: var(--soft); font-size: 12px }
.grid { stroke: var(--rule); stroke-width: 1 } .line { fill: none; stroke: var(--line);
  stroke-width: 2; stroke-linejoin: round } .twin { fill: none; stroke: var(--soft);
  stroke-width: 1.5; stroke-linejoin: round; opacity: .7 } .band { fill: var(--band) }
.mark { stroke: var(--soft); stroke-dasharray: 3 3 }
"""


@dataclass
class GuestStory:
    """One guest's part of the report."""

    name: str
    title: str
    series: Series
    memory_b: int
    squeezes: Sequence[tuple[int, int]] = ()
    sentences: list[tuple[int, str]] = field(default_factory=list)  # time, what was decided and why


def page(verdict: str, good: bool, machine: str, header: Sequence[str],
         rows: Iterable[Sequence[str]], stories: Sequence[GuestStory],
         marks: dict[int, str]) -> str:
    """The whole page. @marks are moments that concern all guests, by CLOCK_MONOTONIC us."""
    start_us = min(story.series.times_us[0] for story in stories)
    end_us = max(story.series.times_us[-1] for story in stories)
    body = [f"<h1>ballonet demo</h1><p class='{'ok' if good else 'bad'}'>{_text(verdict)}</p>",
            f"<p class='soft'>{_text(machine)}. Sizes are in MiB, measured at the host and not "
            "told by the daemon. Shaded: the balloon was up.</p>", _table(header, rows)]
    for story in stories:
        body.append(f"<h2>{_text(story.name)}</h2><p class='soft'>{_text(story.title)}</p>")
        body.append(_chart(story, start_us, end_us, marks))
        body.append(_table(("seconds", "what was decided, and why"),
                           [(f"{(when - start_us) / 1e6:.1f}", sentence)
                            for when, sentence in story.sentences], text=True))
    return _document("ballonet demo", "".join(body))


def _document(title: str, body: str) -> str:
    return ("<!doctype html><html lang='en'><meta charset='utf-8'>"
            "<meta name='viewport' content='width=device-width'>"
            "<meta name='color-scheme' content='light dark'>"
            f"<title>{_text(title)}</title><style>{STYLE}</style>"
            f"<body>{body}</body></html>")


def _text(text: str) -> str:
    return html.escape(text)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], text: bool = False) -> str:
    kind = " class='text'" if text else ""
    head = "".join(f"<th{kind}>{_text(cell)}</th>" for cell in header)
    lines = ["<tr>" + "".join(f"<td{kind}>{_text(cell)}</td>" for cell in row) + "</tr>"
             for row in rows]
    return f"<div class='wide'><table><tr>{head}</tr>{''.join(lines)}</table></div>"


def _chart(story: GuestStory, start_us: int, end_us: int, marks: dict[int, str]) -> str:
    """Resident bytes over time, from 0 up: a part of the axis would exaggerate."""
    points = list(zip(story.series.times_us, story.series.values_b))
    top_b = max([story.memory_b, *story.series.values_b])
    return plot(f"resident memory of {story.name} over time", [("line", points)], top_b, 256 * MIB,
                lambda value_b: f"{value_b // MIB} MiB", start_us, end_us, story.squeezes, marks)


def plot(label: str, lines: Iterable[tuple[str, list[tuple[int, int]]]], top: int, step: int,
         name: Callable[[int], str], start_us: int, end_us: int,
         bands: Iterable[tuple[int, int]] = (), marks: dict[int, str] | None = None) -> str:
    """Lines of a class each over time, as SVG; @name is how a value of the grid is written."""
    floor = HEIGHT - BOTTOM

    def x(time_us: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (time_us - start_us) / max(end_us - start_us, 1)

    def y(value: int) -> float:
        return floor - (floor - TOP) * value / max(top, 1)

    out = [f"<svg viewBox='0 0 {WIDTH} {HEIGHT}' role='img' aria-label='{_text(label)}'>"]
    for from_us, to_us in bands:
        out.append(f"<rect class='band' x='{x(from_us):.1f}' y='{TOP}' height='{floor - TOP}' "
                   f"width='{max(x(to_us) - x(from_us), 3):.1f}'><title>squeeze, "
                   f"{(to_us - from_us) / 1e6:.1f} s</title></rect>")
    for value in range(0, top + 1, step):
        out.append(f"<line class='grid' x1='{LEFT}' x2='{WIDTH - RIGHT}' y1='{y(value):.1f}' "
                   f"y2='{y(value):.1f}'/><text x='{LEFT - 6}' y='{y(value) + 4:.1f}' "
                   f"text-anchor='end'>{_text(name(value))}</text>")
    seconds = (end_us - start_us) // 1_000_000
    for second in range(0, seconds + 1, 20 if seconds <= 300 else 60):
        out.append(f"<text x='{x(start_us + second * 1_000_000):.1f}' y='{HEIGHT - 8}' "
                   f"text-anchor='middle'>{second} s</text>")
    for time_us, word in (marks or {}).items():
        if start_us <= time_us <= end_us:
            out.append(f"<line class='mark' x1='{x(time_us):.1f}' x2='{x(time_us):.1f}' y1='{TOP}' "
                       f"y2='{floor}'/><text x='{x(time_us) + 4:.1f}' y='{TOP + 12}'>"
                       f"{_text(word)}</text>")
    for kind, points in lines:
        text = " ".join(f"{x(when):.1f},{y(value):.1f}" for when, value in points
                        if start_us <= when <= end_us)
        out.append(f"<polyline class='{kind}' points='{text}'/>")
    return "".join(out) + "</svg>"


def story_page(title: str, pair: Pair, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A managed guest and its twin on one time axis."""
    managed, alone = pair.tracks.values()
    start_us = min(track.ram.times_us[0] for track in (managed, alone))
    end_us = pair.phases[-1].to_us
    marks = {phase.from_us: phase.name for phase in pair.phases if phase.name != FIRST}
    bands = [(squeeze.from_us, squeeze.to_us) for squeeze in pair.squeezes]
    top = max((rate for track in (managed, alone) for _, rate in track.rates), default=1)
    step = 10 ** max(len(str(top)) - 1, 0)
    step = step if top >= 2 * step else max(step // 5, 1)
    body = [f"<h1>{_text(title)}</h1><p class='soft'>Blue: managed by ballonetd. Grey: its twin, "
            "unmanaged. Shaded: the balloon was up. All is measured by the lab.</p>",
            "<h2>operations a second</h2>",
            plot("operations a second", [("twin", alone.rates), ("line", managed.rates)], top, step,
                 str, start_us, end_us, bands, marks),
            "<h2>RAM resident at the host</h2>"]
    ram = [(kind, list(zip(track.ram.times_us, track.ram.values_b)))
           for kind, track in (("twin", alone), ("line", managed))]
    top_b = max(value for _, points in ram for _, value in points)
    body += [plot("RAM resident", ram, top_b, 256 * MIB, lambda value_b: f"{value_b // MIB} MiB",
                  start_us, end_us, bands, marks), _table(header, rows),
             _table(("seconds", "what was decided, and why"),
                    [(f"{(when - start_us) / 1e6:.1f}", sentence) for when, sentence in pair.said],
                    text=True)]
    return _document(title, "".join(body))
