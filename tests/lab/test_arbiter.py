# SPDX-License-Identifier: GPL-2.0-or-later
"""Many guests over time: the trace, a host that is short, reservations, right-sizing.

Goals in per cent and seconds belong to `tools/bench arbiter`; the thresholds here are wide enough
for a machine that is busy with something else.
"""
import signal
import subprocess
from pathlib import Path

import pytest

from lab.daemon import Daemon
from lab.driver import spec
from lab.footprint import Series
from lab.guest import Guest, Spec
from lab.host import ShortHost
from lab.hostview import HostView
from lab.process import Process
from lab.rightsize import SIZED_DEADLINE_S, SMALL_STEPS, grow_when_sized
from lab.short import RESERVED_MIB, WELL, serve_pressure, serve_reservation, serve_spike
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


def test_short_host_kills_what_needs_more_than_it_has(tmp_path):
    with ShortHost(64 * MIB) as host:
        hungry = Process("hungry", ["/usr/bin/python3", "-c", "b'x' * (256 << 20)"],
                         tmp_path / "log", own_cgroup=True, parent=host.cgroup)
        assert hungry.wait(30) == -signal.SIGKILL
        assert host.oom_kills() == 1
        hungry.stop()


def test_short_host_counts_its_guests_and_says_what_is_left():
    with ShortHost(1024 * MIB) as host, Guest(Spec(memory_mib=256, host=host.cgroup)) as guest:
        resident = guest.footprint().resident_b
        assert host.used_b() == pytest.approx(resident, rel=0.2)
        assert host.available_b() == pytest.approx(1024 * MIB - resident, rel=0.1)
        available_b = host.available_b()
        guest.run("touch", 128, 0)
        assert available_b - host.available_b() > 64 * MIB


def test_a_program_can_be_shown_another_host():
    with HostView([], 3 << 30) as host:
        seen = subprocess.run([*host.prefix, "cat", "/proc/meminfo"], check=True,
                              capture_output=True, text=True).stdout
    assert "MemTotal:        3145728 kB" in seen and "MemAvailable:    3145728 kB" in seen
    assert "MemTotal:        3145728 kB" not in Path("/proc/meminfo").read_text(encoding="ascii")


@pytest.mark.long
def test_spike_where_nobody_manages_costs_a_guest():
    run = serve_spike(limited=True, managed=False)
    assert run.host_oom_kills >= 1 and run.lost_guests


def test_spike_is_served_from_the_others():
    run = serve_spike(limited=True, managed=True)
    assert run.host_oom_kills == run.guest_oom_kills == 0 and not run.lost_guests, run.told
    assert run.state == "done" and all(one.worst == 0 for one in run.harm.values()), run.told
    assert run.given_b > 0.5 * run.lacked_b > 0, run.told


def test_pressure_of_the_host_frees_memory_until_it_is_well():
    run = serve_pressure(1)[0]
    assert run.first_us > run.trigger_us, run
    assert run.available_share > 0.95 * WELL, run  # the lab reads it a moment later


def test_reserved_room_is_there_for_the_vm_that_comes():
    run = serve_reservation(within_s=60)  # how fast it comes is what tools/bench arbiter tells
    assert run.available_before_b < RESERVED_MIB * MIB and run.there_s is not None, run
    assert run.newcomer == "done" and run.exit_code == 0, run


@pytest.mark.parametrize("how", ["ballonet", "stock", "stock-with-oom-notifier"])
def test_right_sized_guest_has_its_memory_back_when_it_grows(how):
    wanted = {"ballonet": spec("6.1", name="sized", driver_args="deflate_on=pressure"),
              "stock": Spec(name="sized"),
              "stock-with-oom-notifier": Spec(name="sized", deflate_on_oom=True)}[how]
    # a guest that cannot help itself depends on the daemon, which takes a moment to see it
    run = grow_when_sized(wanted, steadily=how == "stock")
    assert run.freed_mib > 0.6 * run.balloon_mib, run
    assert run.state == "done" and run.harm.oom_kills == run.harm.bad_pages == 0, run
    assert run.left_mib < run.balloon_mib, run


def test_idle_guest_that_is_sized_by_small_steps_is_not_called_a_liar(boot):
    guest = boot(name="sized")
    with Daemon([guest], SMALL_STEPS) as daemon:
        daemon.wait_vm(guest.name, "balloon of many steps",
                       lambda vm: (vm["balloon_b"] or 0) >= 128 * MIB, SIZED_DEADLINE_S)
        assert not [one for one in daemon.why(guest.name)["recent"]
                    if one["reason"].startswith("stop-")]


def test_right_sized_guest_that_is_only_watched_says_for_how_long(boot):
    guest = boot(name="watched", memory_mib=512)
    with Daemon([guest], {"mode": "rightsize", "interval": "1s"}) as daemon:
        vm = daemon.wait_vm(guest.name, "verdict", lambda vm: vm["reason"] == "size-watched", 60)
        assert "size_watch" in vm["why"] and "2 h 5" in vm["why"] and vm["balloon_b"] == 0
        assert "size_watch" in daemon.command("status")[1]
