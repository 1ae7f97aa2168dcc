# SPDX-License-Identifier: GPL-2.0-or-later
"""What benches and the demo write: rows that say what was reached, and a page that stands alone."""
import json
import re
import sys

import pytest

from repository import ROOT

sys.path.insert(0, str(ROOT))

from lab import figures as lab_figures  # noqa: E402  (needs the path above)
from lab.footprint import Series  # noqa: E402
from lab.report import GuestStory, page  # noqa: E402


@pytest.fixture
def bench(tmp_path, monkeypatch):
    monkeypatch.setattr(lab_figures, "BUILD", tmp_path)
    return lab_figures.Figures("sample", "tcg")


@pytest.mark.parametrize("measured, least, most, reached", [
    (2.0, 2, 3, True), (1.9, 2, 3, False), (3.1, 2, 3, False), (None, 2, 3, False)])
def test_a_goal_is_reached_or_not(bench, measured, least, most, reached):
    bench.at_least("a", measured, least, "x")
    bench.at_most("b", measured, most, "x")
    assert bench.reached is reached


def test_what_is_only_told_has_no_goal_and_a_story_that_failed_has_none_reached(bench, capsys):
    bench.told("for comparison", None, "s")
    assert bench.reached
    bench.failed("story", RuntimeError("broke"))
    assert not bench.reached
    assert "story: broke" in capsys.readouterr().out


def test_rows_are_written_with_the_machine(bench, tmp_path):
    bench.at_most("a", 1.234, 2, "ms")
    path = bench.write(more=1)
    assert path == tmp_path / "bench" / "sample.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["machine"]["accelerator"] == "tcg" and content["more"] == 1
    assert content["figures"] == [{"name": "a", "measured": 1.23, "unit": "ms", "goal": "<= 2",
                                   "reached": True}]


def test_the_report_needs_nothing_else_and_is_light_or_dark():
    story = GuestStory(name="a<b", title="one & all",
                       series=Series([0, 1_000_000, 2_000_000], [5 << 20, 9 << 20, 3 << 20]),
                       memory_b=1 << 30, squeezes=[(500_000, 1_500_000)], sentences=[(500_000, "It begins.")])
    text = page("nobody was harmed", True, "a machine", ("guest", "won"), [("a<b", "6")], [story],
                {1_000_000: "a mark"})
    assert not re.search(r"https?://(?!www\.w3\.org)", text) and "<script src" not in text
    assert "prefers-color-scheme" in text and "a&lt;b" in text and "one &amp; all" in text
    assert "It begins." in text and "<svg" in text and "a mark" in text
