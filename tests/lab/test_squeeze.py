# SPDX-License-Identifier: GPL-2.0-or-later
"""ballonetd on real guests: it wins memory back, and whatever happens no guest is hurt by it.

What was won is measured by the lab; goals in per cent and seconds belong to `tools/bench squeeze`,
the thresholds here are wide enough for a machine that is busy with something else.
"""
import os
import select
import signal
import threading
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from lab.cache import BUILD
from lab.daemon import KEEN, Daemon, HostMemory, UnconfiguredDaemon, Watch
from lab.footprint import ram_bytes
from lab.guest import AloneGuest, Spec
from lab.process import Process, wait_for
from lab.scenarios import (BRISK, DECISION_DEADLINE_S, SLOW, burst_during_inflate, burst_while_held,
                           daemon_lost, wait_balloon_empty, wait_mid_inflate)
from lab.workloads import MIB, archive, busy, harm, spike

pytestmark = pytest.mark.skipif(not Daemon.binary().exists(), reason="ballonetd is not built")


LOST_DEADLINE_S = 60


def squeezed(vm):
    """Its first squeeze is over."""
    return vm["phase"] in ("verifying", "resting") and vm["squeezes"] >= 1


def wait_squeezed(daemon, guest):
    return daemon.wait_vm(guest.name, "squeeze", squeezed, DECISION_DEADLINE_S)


def wait_freed(guest, before_b: int, mib: int = 500) -> None:
    """On a machine that is busy a first squeeze may be given up as too slow; there is a second."""
    wait_for(f"{mib} MiB of {guest.name} at the host",
             lambda: before_b - guest.footprint().resident_b > mib * MIB, 2 * DECISION_DEADLINE_S)


def later(at_s: float) -> bool:
    return time.monotonic() > at_s


@pytest.fixture
def manage():
    """manage(guest, ..., defaults=...) gives a daemon that manages these guests."""
    with ExitStack() as stack:
        def start(*guests, defaults=None, per_guest=None, arguments=()):
            return stack.enter_context(Daemon(guests, defaults or BRISK, per_guest, arguments))
        yield start


def test_stale_memory_comes_back_to_the_host(boot, manage, series):
    guest = boot(series=series, swap_mib=256)
    spike(guest)
    before, report = guest.footprint().resident_b, guest.report()
    daemon = manage(guest)
    wait_squeezed(daemon, guest)
    assert guest.balloon_actual_b() == 1024 * MIB
    wait_freed(guest, before)
    assert harm(report, guest.report()).worst == 0


def test_cold_cache_comes_back_without_swapping(boot, manage, series):
    guest = boot(series=series, swap_mib=256)
    archive(guest)
    before, report = guest.footprint().resident_b, guest.report()
    daemon = manage(guest, defaults={**BRISK, **KEEN})
    # first a part of it, to see that it is cold; then all
    wait_for("cold cache at the host",
             lambda: before - guest.footprint().resident_b > 300 * MIB, DECISION_DEADLINE_S + 40)
    daemon.wait_vm(guest.name, "end of it", lambda vm: vm["phase"] == "verifying", 20)
    assert harm(report, guest.report()).worst == 0


def test_a_won_figure_of_the_daemon_agrees_with_the_labs_own(boot, manage):
    guest = boot()
    spike(guest)
    before = guest.footprint().resident_b
    daemon = manage(guest)
    vm = wait_squeezed(daemon, guest)
    own = before - guest.footprint().resident_b
    assert vm["yield_total_b"] == pytest.approx(own, rel=0.1)
    ram_b = ram_bytes(guest.process.pid, guest.spec.memory_mib * MIB)
    assert vm["resident_source"] in ("pagemap", "mapping")
    assert vm["resident_b"] == pytest.approx(ram_b, abs=0.1 * before)
    assert vm["resident_b"] <= 1024 * MIB and vm["swapped_b"] == 0


def test_shared_memory_is_squeezed_too(boot, manage):
    guest = boot(memfd=True, own_cgroup=False)
    spike(guest)
    before = guest.footprint()
    assert before.source == "memfd"
    daemon = manage(guest)
    assert wait_squeezed(daemon, guest)["resident_source"] == "memfd"
    wait_freed(guest, before.resident_b)


def test_busy_guest_is_left_alone_until_it_is_quiet(boot, manage):
    guest = boot(swap_mib=256)
    spike(guest, 600)
    busy(guest, 300)
    before, report = guest.footprint().resident_b, guest.report()
    daemon = manage(guest)
    vm = daemon.wait_vm(guest.name, "verdict", lambda vm: vm["reason"] == "busy",
                        DECISION_DEADLINE_S)
    assert vm["squeezes"] == 0 and guest.balloon_actual_b() == 1024 * MIB
    guest.stop_works()
    wait_freed(guest, before)
    assert harm(report, guest.report()).worst == 0


def test_busy_guest_gives_a_short_host_only_what_it_does_not_use(boot):
    guest = boot(swap_mib=256)
    host = HostMemory(guest.folder)
    host.available(0.5)
    spike(guest, 600)
    work = busy(guest, 300)
    before, report = guest.footprint().resident_b, guest.report()
    with Daemon([guest], BRISK, prefix=host.prefix()) as daemon:
        daemon.wait_vm(guest.name, "verdict", lambda vm: vm["reason"] == "busy",
                       DECISION_DEADLINE_S)
        host.available(0.02)
        wait_freed(guest, before, 150)
        passes = guest.work(work)["passes"]
        wait_for("further passes", lambda: guest.work(work)["passes"] > passes + 3, 60)
        assert guest.footprint().resident_b > 300 * MIB
    assert harm(report, guest.report()).worst == 0


@pytest.mark.parametrize("deflate_on_oom", [False, True])
def test_burst_during_an_inflate_is_served(deflate_on_oom, series):
    run = burst_during_inflate(
        Spec(name="burst", series=series, deflate_on_oom=deflate_on_oom), 700)
    assert run.balloon_at_start_b >= 128 * MIB
    assert run.state == "done" and run.harm.oom_kills == 0 and run.harm.bad_pages == 0


@pytest.mark.parametrize("deflate_on_oom", [False, True])
def test_burst_while_the_balloon_is_held_is_served(deflate_on_oom):
    run = burst_while_held(Spec(name="held", deflate_on_oom=deflate_on_oom), 780)
    assert run.balloon_at_start_b >= 128 * MIB
    assert run.state == "done" and run.harm.oom_kills == 0 and run.harm.bad_pages == 0


def test_held_balloon_goes_when_the_host_is_well_again(boot):
    guest = boot()
    host = HostMemory(guest.folder)
    host.available(0.02)
    spike(guest)
    with Daemon([guest], BRISK, prefix=host.prefix()) as daemon:
        daemon.wait_vm(guest.name, "hold", lambda vm: vm["phase"] == "holding", DECISION_DEADLINE_S)
        assert guest.balloon_actual_b() < 900 * MIB
        host.available(0.5)
        vm = wait_squeezed(daemon, guest)
    assert vm["last_squeeze"]["stop"] == "stop-host-well"
    assert guest.balloon_actual_b() == 1024 * MIB


def test_killed_daemon_leaves_no_balloon():
    daemon_lost(Spec(), signal.SIGKILL, LOST_DEADLINE_S)


def test_killed_daemon_leaves_the_statistics_as_they_were(boot, manage):
    guest = boot()
    spike(guest)
    polling = {"path": "/machine/peripheral/balloon0", "property": "guest-stats-polling-interval"}
    guest.monitor("qom-set", **polling, value=33)
    daemon = manage(guest, defaults=SLOW)
    wait_mid_inflate(guest)
    assert guest.monitor("qom-get", **polling) not in (0, 33)
    daemon.process.send(signal.SIGKILL)
    wait_balloon_empty(guest, LOST_DEADLINE_S)
    wait_for("old interval", lambda: guest.monitor("qom-get", **polling) == 33, 10)


def test_guest_that_is_reset_when_the_daemon_was_killed_gets_its_memory_back(boot, manage):
    guest = boot(reboots=True)
    spike(guest)
    daemon = manage(guest, defaults=SLOW)
    wait_mid_inflate(guest)
    daemon.process.send(signal.SIGSTOP)
    guest.monitor("system_reset")
    daemon.process.send(signal.SIGKILL)
    wait_balloon_empty(guest, 90)  # its driver has to be there again first


def test_stopped_daemon_leaves_no_balloon():
    daemon_lost(Spec(), signal.SIGSTOP, LOST_DEADLINE_S)


def test_ended_daemon_leaves_no_balloon():
    daemon_lost(Spec(), signal.SIGTERM, LOST_DEADLINE_S)


def test_guest_without_a_driver_is_told_and_left_alone(boot, manage):
    guest = boot(driver=None, memory_mib=512)
    spike(guest, 300)
    daemon = manage(guest)
    vm = daemon.wait_vm(guest.name, "verdict", lambda vm: vm["reason"] == "no-driver", 30)
    assert "driver" in vm["why"] and vm["squeezes"] == 0


def test_guest_without_a_balloon_device_is_told_and_left_alone(boot, manage):
    guest = boot(balloon=False, memory_mib=256)
    vm = manage(guest).wait_vm(guest.name, "verdict", lambda vm: vm["reason"] == "no-device", 30)
    assert vm["squeezes"] == 0


def test_paused_guest_is_left_alone_until_it_runs(boot, manage):
    guest = boot()
    spike(guest)
    guest.pause()
    daemon = manage(guest)
    vm = daemon.wait_vm(guest.name, "pause", lambda vm: vm["reason"] == "paused", 30)
    assert vm["state"] == "paused" and guest.balloon_actual_b() == 1024 * MIB
    guest.resume()
    wait_squeezed(daemon, guest)


def test_guest_paused_in_an_inflate_gets_its_memory_back(boot, manage):
    guest = boot()
    spike(guest)
    daemon = manage(guest, defaults=SLOW)
    wait_mid_inflate(guest)
    guest.pause()
    daemon.wait_vm(guest.name, "end of the inflate", lambda vm: vm["phase"] != "inflating", 30)
    guest.resume()
    wait_balloon_empty(guest, LOST_DEADLINE_S)


def test_guest_reset_in_an_inflate_gets_its_memory_back(boot, manage):
    guest = boot(reboots=True)
    spike(guest)
    daemon = manage(guest, defaults=SLOW)
    wait_mid_inflate(guest)
    guest.monitor("system_reset")
    daemon.wait_vm(guest.name, "reset", lambda vm: vm["phase"] == "deflating", 10)
    # QEMU shows the old size until the new guest's driver is made to tell it anew
    wait_balloon_empty(guest, 90)
    daemon.wait_vm(guest.name, "end of it", lambda vm: vm["phase"] != "deflating", 20)


def test_cache_that_is_read_again_is_probed_once_and_left_alone(boot, manage):
    guest = boot(swap_mib=256)
    guest.run("read", 300, 1)
    report = guest.report()
    daemon = manage(guest, defaults={**BRISK, **KEEN})
    probed, end = 0, time.monotonic() + DECISION_DEADLINE_S
    while probed < 3 and time.monotonic() < end:
        guest.run("read", 300, 1)
        wait_for("the next reading", partial(later, time.monotonic() + 8), 20)
        probed += daemon.vm(guest.name)["squeezes"] > 0
    # a stock guest whose cache is all active may swap a few pages before the probe ends
    hurt = harm(report, guest.report())
    assert hurt.oom_kills + hurt.bad_pages + hurt.lost_works == 0
    assert hurt.swapped_out_pages * 4096 <= 0.02 * 300 * MIB
    vm = daemon.vm(guest.name)
    assert vm["yield_total_b"] - vm["return_total_b"] < 150 * MIB


def test_killed_guest_costs_only_its_own_connection(boot, manage):
    doomed, other = boot(name="doomed"), boot(name="other")
    for guest in (doomed, other):
        spike(guest)
    before = other.footprint().resident_b
    daemon = manage(doomed, other, defaults=SLOW, per_guest={"other": {"step": "128MiB"}})
    wait_mid_inflate(doomed)
    doomed.kill()
    daemon.wait_vm("doomed", "loss", lambda vm: vm["state"] == "down", 10)
    wait_squeezed(daemon, other)
    wait_freed(other, before)


def test_frozen_guest_does_not_delay_another(boot, manage):
    frozen, other = boot(name="frozen"), boot(name="other")
    for guest in (frozen, other):
        spike(guest)
    before = other.footprint().resident_b
    frozen.freeze()
    daemon = manage(frozen, other)
    wait_squeezed(daemon, other)
    wait_freed(other, before)
    frozen.thaw()
    wait_squeezed(daemon, frozen)


def test_guest_frozen_in_an_inflate_is_deflated_when_it_thaws(boot, manage):
    guest = boot()
    spike(guest)
    manage(guest, defaults=SLOW)
    wait_mid_inflate(guest)
    guest.freeze()
    timer = threading.Timer(8, guest.thaw)  # the daemon's own deadlines pass meanwhile
    timer.start()
    timer.join()
    wait_balloon_empty(guest, 60)


def test_free_page_reporting_is_left_to_do_its_work(boot, manage):
    guest = boot(free_page_reporting=True)
    daemon = manage(guest)
    before = guest.footprint().resident_b
    spike(guest)
    wait_for("reported pages", lambda: guest.footprint().resident_b - before < 150 * MIB, 30)
    assert daemon.vm(guest.name)["squeezes"] == 0


def test_operator_squeezes_and_releases(boot, manage):
    guest = boot()
    daemon = manage(guest, defaults={**SLOW, "min_yield": "900GiB"})
    daemon.wait_vm(guest.name, "statistics", lambda vm: vm["free_b"] is not None, 30)
    spike(guest)
    daemon.squeeze(guest.name)
    wait_mid_inflate(guest)
    daemon.release(guest.name)
    wait_balloon_empty(guest, LOST_DEADLINE_S)
    assert daemon.vm(guest.name)["last_squeeze"]["stop"] == "stop-released"


def test_observed_guest_is_never_touched(boot, manage):
    guest = boot()
    spike(guest)
    daemon = manage(guest, defaults={**BRISK, "mode": "observe"})
    with Watch(daemon) as watch:
        vm = daemon.wait_vm(guest.name, "verdict", lambda vm: vm["reason"] == "mode-observe",
                            DECISION_DEADLINE_S)
    assert vm["squeezes"] == 0 and guest.balloon_actual_b() == 1024 * MIB
    assert not watch.squeezes(guest.name)


def test_why_tells_the_squeeze_step_by_step(boot, manage):
    guest = boot()
    spike(guest)
    daemon = manage(guest)
    wait_squeezed(daemon, guest)
    why = daemon.why(guest.name)
    reasons = [entry["reason"] for entry in why["recent"]]
    assert "begin" in reasons and all(entry["sentence"] for entry in why["recent"])
    times = [entry["time_us"] for entry in why["recent"]]
    assert times == sorted(times) or times == sorted(times, reverse=True)


def test_guest_is_found_and_squeezed_without_any_configuration():
    with AloneGuest(Spec(name="found")) as guest:
        spike(guest)
        before = guest.footprint().resident_b
        with UnconfiguredDaemon(guest) as daemon:
            wait_squeezed(daemon, guest)
            assert len(daemon.vms()) == 1
            assert guest.balloon_actual_b() == 1024 * MIB
            wait_freed(guest, before)


# real reclaim: files are written and read in a memory cgroup that is far too small for them
PRESS = "while :; do dd if=/dev/zero of=$0 bs=1M count=400 status=none; " \
        "for i in 1 2 3 4; do cat $0 >/dev/null & done; wait; done"


class HardPressure:
    """The kernel's own word that tasks wait for memory, four times as long as ballonetd asks for."""

    def __init__(self) -> None:
        self._fd = os.open("/proc/pressure/memory", os.O_RDWR | os.O_NONBLOCK)
        os.write(self._fd, b"some 400000 2000000\0")

    def within(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self._fd, select.POLLPRI)
        return bool(poll.poll(1000 * seconds))

    def close(self) -> None:
        os.close(self._fd)


def test_real_pressure_on_the_host_is_heard(manage, tmp_path):
    if not Path("/proc/pressure/memory").exists():
        pytest.skip("this kernel tells no pressure")
    daemon = manage(arguments=["--verbose"])
    if "no-pressure-triggers" in daemon.tail():
        pytest.skip(f"no trigger: {daemon.tail()}")
    hard = HardPressure()
    file = BUILD / "lab" / f"press.{os.getpid()}"
    press = Process("press", ["sh", "-c", PRESS, file], tmp_path / "log", own_cgroup=True)
    try:
        if not press.cgroup:
            pytest.skip("no memory cgroup can be made here")
        v2 = (press.cgroup / "memory.max").exists()
        (press.cgroup / ("memory.max" if v2 else "memory.limit_in_bytes")).write_text("24M")
        if not hard.within(30):
            pytest.skip("this machine writes too fast to be short of memory")
        wait_for("pressure that the daemon heard", lambda: "host-pressure" in daemon.tail(), 30)
    finally:
        hard.close()
        os.killpg(press.pid, signal.SIGKILL)
        press.stop()
        file.unlink(missing_ok=True)


def test_metrics_tell_each_vm(boot, manage):
    guest = boot(name="measured", memory_mib=256)
    daemon = manage(guest)
    daemon.wait_vm(guest.name, "statistics", lambda vm: vm["free_b"] is not None, 30)
    text = daemon.metrics()
    assert 'measured' in text and "# HELP" in text and "# TYPE" in text
