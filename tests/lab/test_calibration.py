# SPDX-License-Identifier: GPL-2.0-or-later
"""The simulator's guests do what real ones do: the same story yields the same, and costs the same.

`python3 -m lab.calibration` prints both sides.
"""
import json
from pathlib import Path

import pytest

from lab.calibration import Outcome, apps_in_the_simulator, in_the_lab, in_the_simulator
from lab.daemon import Daemon
from lab.workloads import MIB

pytestmark = pytest.mark.skipif(not Daemon.binary().exists(), reason="ballonetd is not built")
SHORT = {"test_freed_memory_and_files_read_once_agree_within_15_percent",
         "test_two_outcomes_agree_only_within_15_percent",
         "test_a_model_database_has_the_ram_of_the_recorded_one",
         "test_a_model_batch_comes_back_as_the_recorded_one_did",
         "test_a_model_database_whose_cache_was_pressed_is_as_slow_as_the_recorded_one"}
RECORDED = json.loads((Path(__file__).parent / "recorded/apps-postgresql.json").read_text())

WITHIN = 0.15
NOTHING_B = 16 * MIB  # a guest's own noise


def agrees(real_b: int, model_b: int) -> bool:
    return abs(model_b - real_b) <= max(WITHIN * real_b, NOTHING_B)


def apart(real: Outcome, model: Outcome) -> list[str]:
    """Which figures do not agree."""
    return [f"{what}: {getattr(real, what) / MIB:.0f} MiB, in the simulator "
            f"{getattr(model, what) / MIB:.0f}"
            for what in ("resident_b", "yield_b", "refault_b")
            if not agrees(getattr(real, what), getattr(model, what))]


def check(*names: str) -> None:
    assert {name: apart(real, in_the_simulator(name))
            for name, real in in_the_lab(names).items()} == {name: [] for name in names}


def test_freed_memory_and_files_read_once_agree_within_15_percent():
    check("touch", "read-once")


def test_files_read_again_and_hot_memory_agree_within_15_percent():
    check("hot", "read-again")


def test_a_model_database_has_the_ram_of_the_recorded_one():
    model = {phase.name: phase.twin_ram_b / MIB for phase in apps_in_the_simulator("balanced")}
    for name, recorded_mib in RECORDED["unmanaged_ram_mib"].items():
        assert model[name] == pytest.approx(recorded_mib, rel=WITHIN), name


def test_a_model_batch_comes_back_as_the_recorded_one_did():
    model = {phase.name: phase.ram_b / MIB for phase in apps_in_the_simulator("balanced")}
    assert model["batch"] - model["minute"] == pytest.approx(RECORDED["batch_back_mib"],
                                                             rel=WITHIN)


def test_a_model_database_whose_cache_was_pressed_is_as_slow_as_the_recorded_one():
    model = {phase.name: phase.throughput for phase in apps_in_the_simulator("keen")}
    for name, recorded in RECORDED["keen_throughput"].items():
        assert model[name] == pytest.approx(recorded, rel=WITHIN), name


def test_two_outcomes_agree_only_within_15_percent():
    real = Outcome(800 * MIB, 400 * MIB, 0)
    assert apart(real, Outcome(800 * MIB, 455 * MIB, 10 * MIB)) == []
    assert apart(real, Outcome(800 * MIB, 465 * MIB, 0)) != []
    assert apart(real, Outcome(800 * MIB, 335 * MIB, 0)) != []
    assert apart(real, Outcome(800 * MIB, 400 * MIB, 20 * MIB)) != []
