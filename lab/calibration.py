# SPDX-License-Identifier: GPL-2.0-or-later
"""The same short stories in real guests and in the simulator, so that one is held to the other.

In:  names of stories; on the command line, none is all. "apps" is the one of tools/bench apps,
     in the simulator alone.
Out: Outcome: what a guest yielded when it was squeezed, and what it read again after that; of a
     real guest, and of the model guest of `ballonet simulate --scenario calibration-NAME`.
"""
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass

from lab.cache import BUILD
from lab.daemon import KEEN, Daemon
from lab.footprint import Sampler, now_us
from lab.guest import Guest, Spec
from lab.process import wait_for
from lab.workloads import MIB, busy, spike

PAGE_B = 4096
S = 1_000_000
# one squeeze, or two where the first tries the cache, and of a busy guest too, whatever it
# inflates for that; src/sim/scenario.c says the same
SETTINGS = {**KEEN, "min_efficiency": "0%", "interval": "1s", "rest_min": "1h",
            "calm_cpu": "6400%"}
SETTLE_S = 2  # until free pages and the hypervisor's own memory have come to rest
SQUEEZED_DEADLINE_S = 180  # a minute of each is the policy's own measuring


@dataclass(frozen=True)
class Outcome:
    """Bytes: resident before, what squeezing freed of it, what was read again after that."""

    resident_b: int
    yield_b: int
    refault_b: int


@dataclass(frozen=True)
class Story:
    """What the guest does before it is squeezed, and after."""

    before: Callable[[Guest], object]
    after: Callable[[Guest], object]


STORIES = {
    "touch": Story(lambda guest: spike(guest, 600), lambda guest: time.sleep(SETTLE_S)),
    "read-once": Story(lambda guest: guest.run("read", 600, 1),
                       lambda guest: guest.run("read", 600, 1)),
    "read-again": Story(lambda guest: guest.run("read", 400, 4),
                        lambda guest: guest.run("read", 400, 1)),
    "hot": Story(lambda guest: (spike(guest, 600), busy(guest, 300)),
                 lambda guest: time.sleep(SETTLE_S)),
}


def refaulted_b(guest: Guest) -> int:
    return PAGE_B * guest.report()["vmstat"]["workingset_refault_file"]


def settle(sampler: Sampler) -> None:
    end_us = now_us() + SETTLE_S * S
    wait_for("guests to settle", lambda: now_us() > end_us, SETTLE_S + 10, 0.1)


def in_the_lab(names: Iterable[str], series: str = "6.1") -> dict[str, Outcome]:
    """Guests side by side are told a story each, are squeezed, and then are told its end."""
    with ExitStack() as stack:
        guests = {name: stack.enter_context(Guest(Spec(name=name, series=series)))
                  for name in names}
        sampler = stack.enter_context(Sampler())

        def resident_b() -> dict[str, int]:
            settle(sampler)
            return {name: sampler.series[name].at(now_us()) for name in guests}
        for name, guest in guests.items():
            sampler.watch(name, guest.process.pid, guest.process.cgroup)
            STORIES[name].before(guest)
        before_b = resident_b()
        with Daemon(guests.values(), SETTINGS) as daemon:
            for name in guests:
                daemon.wait_vm(name, "end of squeezing", lambda vm: vm["phase"] == "resting",
                               SQUEEZED_DEADLINE_S)
        after_b = resident_b()
        outcomes = {}
        for name, guest in guests.items():
            refault_b = refaulted_b(guest)
            STORIES[name].after(guest)
            outcomes[name] = Outcome(before_b[name], before_b[name] - after_b[name],
                                     refaulted_b(guest) - refault_b)
        return outcomes


def in_the_simulator(name: str) -> Outcome:
    """The scenario marks three instants: before the squeeze, after it, and at the end."""
    done = subprocess.run([BUILD / "src/cli/ballonet", "simulate", "--json", "--scenario",
                           f"calibration-{name}"], check=True, capture_output=True, text=True)
    before, after, end = json.loads(done.stdout)["runs"][0]["marks"]
    return Outcome(before["resident_b"], before["resident_b"] - after["resident_b"],
                   end["refault_b"] - after["refault_b"])


APPS_PHASES = ("boot", "warm", "work", "idle", "first 10 s", "wake", "batch", "minute", "rest",
               "again")  # what the marks of the scenario "apps" stand at the end of


@dataclass(frozen=True)
class Phase:
    """A phase of the story of tools/bench apps, in the simulator."""

    name: str
    ram_b: int  # at its end
    twin_ram_b: int
    throughput: float | None  # of the unmanaged twin's; None: nothing worked


def apps_in_the_simulator(profile: str) -> list[Phase]:
    """A database under the policy, without reporting, beside its unmanaged twin."""
    marks = {}
    for controller in ("ballonet-alone", "none"):
        done = subprocess.run(
            [BUILD / "src/cli/ballonet", "simulate", "--json", "--scenario", "apps", "--profile",
             profile, "--controller", controller], check=True, capture_output=True, text=True)
        marks[controller] = json.loads(done.stdout)["runs"][0]["marks"]
    before = {controller: {"work_us": 0, "lost_us": 0} for controller in marks}
    phases = []
    for name, *both in zip(APPS_PHASES, *marks.values(), strict=True):
        rates = []
        for mark, last in zip(both, before.values()):
            work_us, lost_us = (mark[key] - last[key] for key in ("work_us", "lost_us"))
            rates.append(1 - lost_us / work_us if work_us else None)
        phases.append(Phase(name, both[0]["ram_b"], both[1]["ram_b"],
                            rates[0] / rates[1] if rates[1] else None))
        before = dict(zip(marks, both))
    return phases


def print_apps() -> None:
    print(f"{'database':<10} {'phase':<11} {'RAM MiB':>8} {'twin':>6} {'throughput of twin':>19}")
    for profile in ("gentle", "balanced", "keen"):
        for phase in apps_in_the_simulator(profile):
            rate = "" if phase.throughput is None else f"{100 * phase.throughput:.1f} %"
            print(f"{profile:<10} {phase.name:<11} {phase.ram_b / MIB:>8.0f} "
                  f"{phase.twin_ram_b / MIB:>6.0f} {rate:>19}")


def main(wanted: list[str]) -> None:
    if wanted == ["apps"]:
        print_apps()
        return
    print(f"{'story':<12} {'':<9} {'resident MiB':>13} {'yield MiB':>10} {'read again MiB':>15}")
    for name, real in in_the_lab(wanted or STORIES).items():
        for where, outcome in (("real", real), ("simulator", in_the_simulator(name))):
            print(f"{name:<12} {where:<9} {outcome.resident_b / MIB:>13.0f} "
                  f"{outcome.yield_b / MIB:>10.0f} {outcome.refault_b / MIB:>15.0f}")


if __name__ == "__main__":
    main(sys.argv[1:])
