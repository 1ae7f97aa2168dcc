# SPDX-License-Identifier: GPL-2.0-or-later
"""Many guests over time: the trace, a host that is short, reservations, right-sizing.

Goals in per cent and seconds belong to `tools/bench arbiter`; the thresholds here are wide enough
for a machine that is busy with something else.
"""
import pytest

from lab.footprint import Series
from lab.trace import GIB, LAST_READ, S, Step, Trace, integral, run_trace
from lab.workloads import MIB

MINUTE = Trace((Step(1, "hold", ("touch", 300, 500)), Step(4, "read", ("read", 200, 1)),
                Step(7, LAST_READ, ("read", 200, 1)), Step(10, "hold again", ("touch", 100, 500))),
               14)


def test_integral_is_taken_between_two_times_by_trapezoid():
    series = Series([0, 2 * S, 4 * S], [0, 2 * GIB, 2 * GIB])
    assert integral(series, 0, 4 * S) == pytest.approx(2 + 4)
    assert integral(series, S, 3 * S) == pytest.approx(1.5 + 2)
    assert integral(series, 4 * S, 5 * S) == 0


def test_trace_tells_what_a_guest_cost_and_what_dropping_its_cache_would_save(boot):
    twins = [boot(name="base"), boot(name="oracle")]
    runs = run_trace(twins, frozenset(["oracle"]), MINUTE)
    assert all(run.lost_works == run.oom_kills == 0 for run in runs.values())
    assert all(set(run.steps_s) == {step.name for step in MINUTE.steps} and run.busy_s > 0
               for run in runs.values())
    base = runs["base"]
    assert base.integral == pytest.approx(sum(base.phases.values()))
    # 300 MiB touched stay with a stock guest, whatever becomes of its cache
    assert base.samples[-1][1] - base.samples[0][1] > 250
    assert twins[0].report()["meminfo_kib"]["Cached"] * 1024 > 150 * MIB
    assert twins[1].report()["meminfo_kib"]["Cached"] * 1024 < 100 * MIB
