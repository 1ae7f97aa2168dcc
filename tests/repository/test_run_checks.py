# SPDX-License-Identifier: GPL-2.0-or-later
"""tools/run_checks.py counts honestly: what failed, hung, proved nothing or was not run is told."""
import sys
import time

import pytest

from repository import ROOT, run

sys.path.insert(0, str(ROOT / "tools"))

import run_checks  # noqa: E402  (needs the path above)
from run_checks import Runner, Step, with_needs  # noqa: E402


@pytest.fixture
def total(tmp_path, monkeypatch):
    """total(steps) runs them and gives (passed, failed, skipped)."""
    monkeypatch.setattr(run_checks, "LOGS", tmp_path)
    monkeypatch.setattr(run_checks, "ROOT", tmp_path)

    def run_all(*steps):
        runner = Runner()
        runner.run(list(steps))
        return runner.total.passed, runner.total.failed, runner.total.skipped
    return run_all


def test_a_step_that_works_is_one_passed(total):
    assert total(Step("a", "true")) == (1, 0, [])


def test_a_step_that_fails_is_one_failed_and_shows_the_end_of_its_log(total, capsys):
    assert total(Step("a", "echo the reason; false")) == (0, 1, [])
    assert "    the reason\n" in capsys.readouterr().out


def test_a_failure_inside_a_pipe_is_a_failure(total):
    assert total(Step("a", "false | cat")) == (0, 1, [])


def test_what_needs_a_failed_step_is_skipped_and_named(total):
    steps = Step("a", "false"), Step("b", "true", needs=("a",))
    assert total(*steps) == (0, 1, ["b: not run: a failed"])


def test_what_needs_a_step_starts_after_it(total, tmp_path):
    steps = Step("b", "test -f made", needs=("a",)), Step("a", "sleep 0.3; touch made")
    assert total(*steps) == (2, 0, [])


def test_a_step_that_must_be_alone_starts_after_all_others(total):
    steps = Step("a", "test -f made", alone=True), Step("b", "sleep 0.3; touch made")
    assert total(*steps) == (2, 0, [])


def test_a_step_that_hangs_is_ended_with_all_it_started_and_has_failed(total, tmp_path):
    begin = time.monotonic()
    assert total(Step("a", "sleep 60 & sleep 60", limit_s=1)) == (0, 1, [])
    assert time.monotonic() - begin < 10


def test_lines_are_counted_one_by_one(total):
    assert total(Step("a", "echo ok x; echo not ok y; echo ok z; exit 1", "lines")) == (2, 1, [])


def test_lines_that_are_all_well_do_not_hide_a_failing_command(total):
    assert total(Step("a", "echo ok x; exit 1", "lines")) == (1, 1, [])


def test_a_step_that_ran_no_test_has_failed(total):
    assert total(Step("a", "true", "lines")) == (0, 1, [])
    assert total(Step("a", "true", "meson:nowhere")) == (0, 1, [])
    assert total(Step("a", "true", "pytest:nowhere")) == (0, 1, [])


def test_meson_tests_are_counted_and_skips_are_named(total, tmp_path):
    log = tmp_path / "b/meson-logs/testlog.json"
    log.parent.mkdir(parents=True)
    rows = "".join(f'{{"name": "{name}", "result": "{result}"}}\n' for name, result in
                   (("x", "OK"), ("y", "SKIP"), ("z", "FAIL"), ("t", "TIMEOUT")))
    command = f"cat >b/meson-logs/testlog.json <<'E'\n{rows}E\nexit 1"
    assert total(Step("a", command, "meson:b")) == (1, 2, ["a: y"])


def test_counts_of_a_former_run_are_not_counted_again(total, tmp_path):
    log = tmp_path / "b/meson-logs/testlog.json"
    log.parent.mkdir(parents=True)
    log.write_text('{"name": "x", "result": "OK"}\n', encoding="ascii")
    assert total(Step("a", "false", "meson:b")) == (0, 1, [])


def test_pytest_tests_are_counted_and_skips_are_named(total, tmp_path):
    (tmp_path / "test_it.py").write_text(
        "import pytest\ndef test_a(): pass\ndef test_b(): assert 0\n"
        "def test_c(): pytest.skip('no room')\n", encoding="ascii")
    command = f"/usr/bin/python3 -m pytest -p no:cacheprovider --junitxml=t.xml {tmp_path}/test_it.py"
    passed, failed, skipped = total(Step("a", command, "pytest:t"))
    assert (passed, failed) == (1, 1)
    assert len(skipped) == 1 and "no room" in skipped[0]


def test_named_steps_bring_what_they_need():
    known = [Step("a", ""), Step("b", "", needs=("a",)), Step("c", "")]
    assert [step.name for step in with_needs(["b"], known)] == ["a", "b"]


def test_an_unknown_step_is_one_clear_error():
    done = run("tools/check", "no-such-step")
    assert done.returncode == 1
    assert "no step 'no-such-step'; known: gcc" in done.stdout
