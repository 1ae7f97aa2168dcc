# SPDX-License-Identifier: GPL-2.0-or-later
"""tools/bench sim [STORY...]: the simulator's speed, the policy's, and the policy beside others.

In:  a built ballonet and bench_policy; the stories to tell: speed, step, mixed, honest, tight; none
     is all.
Out: a row per figure, build/bench/sim.json; exit status 1 when a goal was not reached.

The policy in the simulator is the daemon's own. The others are models of what is published of
them; each meets the same seeded worlds. Processor time is what the programs say of themselves.
"""
import json
import subprocess
import sys
from typing import Any

from lab.cache import BUILD
from lab.figures import Figures

GIB = 1 << 30
SEEDS = (1, 2, 3)
MANY, FEW = 10_000, 1_000
STEPS = 400
HONEST = "flatters: 0\nfrozen: 0\nbabbles: 0\nsilent: 0\nstuck: 0%\n"


def simulate(text: str, controller: str = "ballonet") -> list[dict[str, Any]]:
    """Runs the scenario whose lines are @text."""
    done = subprocess.run(
        [BUILD / "src/cli/ballonet", "simulate", "--json", "--scenario", "/dev/stdin",
         "--controller", controller], input=text, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)["runs"]


def speed(figures: Figures) -> None:
    """What 10,000 machines cost, and whether each costs more than one of 1,000 does."""
    cost = {}
    for vms in (FEW, MANY):
        run = simulate(f"vms: {vms}\nlength: 24h\n")[0]
        cost[vms] = run["cpu_us"] / vms
        if vms == MANY:
            figures.at_most(f"{MANY} machines, 24 h: processor time", run["cpu_us"] / 1e6, 60, "s")
            figures.told("the same: times a machine was looked at", run["ticks"] / 1e6, "million")
            figures.told("the same: for each of these", run["cpu_us"] / run["ticks"], "us")
    figures.at_most(f"cost of each of {MANY} machines, of one of {FEW}",
                    100 * cost[MANY] / cost[FEW], 110, "%")
    for vms in (FEW, MANY):
        run = simulate(f"vms: {vms}\nvms_per_host: {vms}\nlength: 2h\n")[0]
        cost[vms] = run["cpu_us"] / run["ticks"]
    figures.told(f"the same, all on one host ({MANY} no longer fit into a cache)",
                 100 * cost[MANY] / cost[FEW], "%")


def step(figures: Figures) -> None:
    """One call of policy_fold() and policy_decide() for many VMs that are all due."""
    for vms in (100, FEW, MANY):
        done = subprocess.run([BUILD / "tests/bench/bench_policy", str(vms), str(STEPS)],
                              check=True, capture_output=True, text=True)
        median_us = json.loads(done.stdout)["median_us"]
        if vms == FEW:
            figures.at_most(f"one policy step for {vms} machines", median_us / 1000, 1, "ms")
        figures.told(f"the same for {vms}: each machine's part", 1000 * median_us / vms, "ns")


def summed(runs: list[list[dict[str, Any]]]) -> dict[str, dict[str, float]]:
    """By controller, the sums over all worlds."""
    names = [run["controller"] for run in runs[0]]
    keys = [key for key, value in runs[0][0].items() if isinstance(value, int)]
    return {name: {key: sum(run[place][key] for run in runs) for key in keys}
            for place, name in enumerate(names)}


def compare(figures: Figures, world: str, text: str) -> None:
    """The integral of resident bytes beside the best of the others; distress beside reporting."""
    runs = [simulate(f"{text}vms: {FEW}\nlength: 24h\nseed: {seed}\n", "all") for seed in SEEDS]
    by_name = summed(runs)
    for name, run in by_name.items():
        figures.told(f"{world}: {name}: resident", run["resident_mib_s"] / 1024 / 3600, "GiB h")
        figures.told(f"{world}: {name}: stalled", run["stall_us"] / 3.6e9, "h")
        figures.told(f"{world}: {name}: OOM kills in guests", run["guest_oom_kills"], "")
        figures.told(f"{world}: {name}: OOM kills of machines", run["host_oom_kills"], "")
    # one that has machines killed has fewer of them resident, which is no merit
    others = {name: run for name, run in by_name.items() if not name.startswith("ballonet")}
    best = min(others, key=lambda name: others[name]["resident_mib_s"])
    ours, reporting = by_name["ballonet"], by_name["reporting"]
    figures.at_most(f"{world}: ballonet: resident of the best other ({best})",
                    100 * ours["resident_mib_s"] / others[best]["resident_mib_s"], 80, "%")
    figures.told(f"{world}: ballonet without reporting: the same",
                 100 * by_name["ballonet-alone"]["resident_mib_s"] / others[best]["resident_mib_s"],
                 "%")
    for key, words, scale, unit in (
            ("guest_oom_kills", "OOM kills", 1, ""),
            ("swap_out_b", "swapped out", GIB, "GiB"),
            ("major_faults", "major faults", 1e6, "million"),
            ("stall_us", "stalled, reading its files again included", 3.6e9, "h")):
        figures.at_most(f"{world}: ballonet: {words}, beside reporting alone", ours[key] / scale,
                        reporting[key] / scale, unit)
    figures.told(f"{world}: ballonet: file data read again", ours["refault_b"] / GIB, "GiB")


STORIES = {
    "speed": speed,
    "step": step,
    "mixed": lambda figures: compare(figures, "mixed", ""),
    "honest": lambda figures: compare(figures, "honest", HONEST),
    "tight": lambda figures: compare(figures, "tight", "host_share: 80%\n"),
}


def main(wanted: list[str]) -> int:
    figures = Figures("sim", "none: model machines")
    for name, story in STORIES.items():
        if wanted and name not in wanted:
            continue
        try:
            story(figures)
        except (subprocess.CalledProcessError, ValueError, KeyError) as error:
            figures.failed(name, error)
    print(f"written to {figures.write()}")
    return 0 if figures.reached else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
