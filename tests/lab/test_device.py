# SPDX-License-Identifier: GPL-2.0-or-later
"""ballonet-device with real guests: squeezed, killed, paused, and left without an owner."""
import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from lab import rustfront
from lab.daemon import KEEN, Daemon, Watch
from lab.device import Device, DeviceGuest, huge_folder
from lab.guest import MIB, Spec
from lab.headers import module
from lab.process import wait_for

SQUEEZE_B = 512 * MIB
BIT_PRESSURE, BIT_PRESS = 50, 51


# kept in tools/check; the others run with --all
SHORT = ("test_the_daemon_has_a_guest_press_that_can",
         "test_the_daemon_squeezes_a_guest_on_the_device_as_any_other",
         "test_huge_pages_go_back_whole_and_the_others_stay_huge",
         "test_a_worker_killed_a_few_times_in_a_squeeze_harms_no_guest",
         "test_a_guest_with_our_driver_negotiates_bits_50_and_51_and_presses",
         "test_a_killed_daemon_leaves_a_balloon_that_goes_to_0")


@pytest.fixture
def boot_device(request):
    guests = []

    def boot(*options: str, **wishes) -> DeviceGuest:
        guest = DeviceGuest(Spec(name="device", **wishes), options)
        guests.append(guest)
        return guest.__enter__()
    yield boot
    for guest in guests:
        guest.close()


def squeeze(control, size_b: int, deadline_s: float = 60) -> None:
    control.balloon(size_b)
    control.wait("inflated balloon", lambda state: state["balloon_b"] == size_b, deadline_s)
    control.balloon(0)
    control.wait("empty balloon", lambda state: state["balloon_b"] == 0, deadline_s)


def test_a_stock_guest_is_squeezed_and_its_memory_stays_with_the_host(boot_device, series):
    guest = boot_device("--no-reporting", series=series)
    control = guest.control()
    guest.run("touch", 600, 0)
    before = control.ask_state()["resident_b"]
    squeeze(control, SQUEEZE_B)
    after = control.ask_state()
    assert before - after["resident_b"] > 0.9 * SQUEEZE_B
    assert after["freed_b"] > 0.9 * SQUEEZE_B
    assert after["punches"] < SQUEEZE_B / MIB * 4  # 4096 byte pages would be 131072
    stats = control.ask_stats()
    assert stats["5"] > 900 * MIB and stats["4"] > 0


def test_free_page_reporting_gives_back_what_a_guest_frees(boot_device):
    guest = boot_device()
    control = guest.control()
    guest.run("touch", 512, 0)
    high = control.ask_state()["resident_b"]
    control.wait("reported memory", lambda state: high - state["resident_b"] > 400 * MIB, 20)


def kill_workers(guest: DeviceGuest, wanted: int) -> None:
    """A balloon goes up and down under load while its worker is killed at random points."""
    control = guest.control()
    guest.run("touch", 500, 0)
    before = control.ask_state()["resident_b"]
    hot = guest.start_work("hot", 200)  # checks what it put into every page, all the time
    wait_for("hot pages", lambda: guest.work(hot)["passes"] >= 1, 60)
    kills, last, up = 0, 0, False
    chance = random.Random(1)
    while kills < wanted:
        state = control.ask_state()
        if state["balloon_b"] == state["target_b"]:
            up = not up
            control.balloon(400 * MIB if up else 0)
        time.sleep(chance.uniform(0, 0.03))  # the random point
        if state["worker"] and state["worker"] != last:  # one that was killed may not have been missed yet
            last = state["worker"]
            try:
                os.kill(last, signal.SIGKILL)
                kills += 1
            except ProcessLookupError:
                pass  # it has been another one for a moment
    control.balloon(0)
    state = control.wait("empty balloon", lambda state: state["balloon_b"] == 0, 60)
    assert state["restarts"] >= wanted - 1 and not state["broken"] and state["boots"] == 1
    work = guest.work(hot)
    assert work["state"] == "running" and work["errors"] == 0
    guest.stop_works()
    squeeze(control, 400 * MIB)
    assert before - control.ask_state()["resident_b"] > 250 * MIB


def huge_b(pid: int) -> int:
    """Bytes that a process has mapped by huge pages of shared memory."""
    smaps = Path(f"/proc/{pid}/smaps").read_text(encoding="ascii")
    return sum(1024 * int(kib) for kib in re.findall(r"ShmemPmdMapped: +(\d+) kB", smaps))


def test_huge_pages_go_back_whole_and_the_others_stay_huge(boot_device):
    with huge_folder() as folder:
        guest = boot_device("--no-reporting", "--huge", memory_folder=folder)
        control = guest.control()
        guest.run("touch", 600, 0)
        hot = guest.start_work("hot", 100)
        before, huge_before_b = control.ask_state()["resident_b"], huge_b(guest.process.pid)
        if huge_before_b < 500 * MIB:
            pytest.skip(f"this host gave only {huge_before_b // MIB} MiB in huge pages")
        squeeze(control, 400 * MIB)
        state = control.ask_state()
        gone_b = before - state["resident_b"]
        assert gone_b > 300 * MIB and state["splits"] == 0
        # 2 MiB a punch at least, and what is left is mapped as it was
        assert state["punches"] <= gone_b / (2 * MIB)
        assert huge_b(guest.process.pid) > huge_before_b - gone_b - 16 * MIB
        assert guest.work(hot)["errors"] == 0


@pytest.mark.parametrize("option", ["--no-huge", "--must-tell-host"])
def test_a_worker_killed_200_times_in_a_squeeze_harms_no_guest(boot_device, option):
    kill_workers(boot_device("--no-reporting", option), 200)


def test_a_worker_killed_a_few_times_in_a_squeeze_harms_no_guest(boot_device):
    kill_workers(boot_device("--no-reporting", "--must-tell-host"), 20)


@pytest.mark.skipif(rustfront.missing() is not None, reason=f"{rustfront.missing()}")
def test_a_front_end_of_rust_vmm_negotiates_inflates_and_stops_and_starts(tmp_path):
    program = rustfront.rust_front(tmp_path / "front")
    with Device() as device:
        control = device.control()
        with subprocess.Popen([program, device.vhost], stdout=subprocess.PIPE, text=True) as front:
            lines = iter(front.stdout)
            assert next(lines).startswith("negotiated")
            assert next(lines) == "inflated\n"
            control.balloon(MIB)
            assert next(lines) == f"target {MIB // 4096}\n"
            control.wait("balloon", lambda state: state["balloon_b"] == MIB, 10)
            assert next(lines) == "done\n"
        assert front.returncode == 0
        state = control.wait("end of the front end", lambda state: not state["front"], 10)
        assert not state["broken"] and not state["errors"] and not state["restarts"]


def test_a_paused_guest_and_one_that_restarts_its_rings_keep_their_balloon(boot_device):
    guest = boot_device("--no-reporting")
    control = guest.control()
    control.balloon(256 * MIB)
    control.wait("inflated balloon", lambda state: state["balloon_b"] == 256 * MIB, 60)
    guest.pause()
    assert control.wait("stopped rings", lambda state: not state["driver"], 30)
    guest.resume()
    state = control.wait("rings", lambda state: state["driver"], 30)
    assert state["boots"] == 1 and state["balloon_b"] == 256 * MIB
    control.balloon(0)
    control.wait("empty balloon", lambda state: state["balloon_b"] == 0, 60)


def test_a_balloon_without_an_owner_goes_to_0(boot_device):
    guest = boot_device()
    control = guest.control()
    control.balloon(256 * MIB)
    control.wait("inflated balloon", lambda state: state["balloon_b"] == 256 * MIB, 60)
    control.balloon(256 * MIB, 3)
    control.wait("empty balloon", lambda state: state["balloon_b"] == 0, 30)


def test_a_stopped_worker_does_not_hold_up_the_hypervisor(boot_device):
    guest = boot_device()
    os.kill(guest.worker_pid(), signal.SIGSTOP)
    guest.pause()  # the monitor has a deadline; QEMU's main loop waits for the device
    guest.resume()
    guest.control().ask_stats()


def test_a_guest_that_reboots_begins_with_an_empty_balloon(boot_device):
    guest = boot_device()
    control = guest.control()
    control.balloon(128 * MIB)
    control.wait("inflated balloon", lambda state: state["balloon_b"] == 128 * MIB, 60)
    guest.monitor("set-action", reboot="reset")  # the lab's guests end with a reboot otherwise
    guest.monitor("system_reset")
    state = control.wait("second boot", lambda state: state["boots"] == 2, 120)
    assert state["target_b"] == 0


def test_the_daemon_squeezes_a_guest_on_the_device_as_any_other(boot_device):
    guest = boot_device("--no-reporting")
    guest.run("touch", 600, 0)
    before = guest.control_state()["resident_b"]
    with Daemon([guest]) as daemon, Watch(daemon) as watch:
        daemon.wait_vm(guest.name, "statistics", lambda vm: vm["free_b"], 30)
        daemon.squeeze(guest.name)
        watch.wait_first(guest.name, "verifying", 60)
        shown = daemon.wait_vm(guest.name, "measurement", lambda vm: vm["yield_total_b"], 30)
    assert shown["state"] == "running" and shown["yield_total_b"] > 500 * MIB
    control = guest.control()
    state = control.wait("empty balloon", lambda state: state["balloon_b"] == 0, 30)
    assert before - state["resident_b"] > 500 * MIB


def test_the_daemon_has_a_guest_press_that_can(boot_device):
    guest = boot_device(driver=module("6.1"))
    guest.run("read", 600, 1)
    before = guest.control_state()
    at_once = {**KEEN, "cache_age": "0s", "cold_probe": "100%"}
    with Daemon([guest], defaults=at_once) as daemon, Watch(daemon) as watch:
        watch.wait_first(guest.name, "verifying", 60)
        shown = daemon.wait_vm(guest.name, "measurement", lambda vm: vm["yield_total_b"], 30)
    state = guest.control_state()
    assert state["pressed_seq"] == state["press_seq"] > 0 and state["inflated_b"] == 0
    assert before["resident_b"] - state["resident_b"] > 300 * MIB
    assert shown["yield_total_b"] > 300 * MIB


def test_a_killed_daemon_leaves_a_balloon_that_goes_to_0(boot_device):
    guest = boot_device("--no-reporting")
    control = guest.control()
    guest.run("touch", 600, 0)
    with Daemon([guest]) as daemon:
        control.wait("balloon of the daemon", lambda state: state["balloon_b"] > 0, 60)
        daemon.process.stop(signal.SIGKILL)
    control.wait("empty balloon", lambda state: state["target_b"] == state["balloon_b"] == 0, 30)


def test_a_guest_with_our_driver_negotiates_bits_50_and_51_and_presses(boot_device, series):
    guest = boot_device("--deflate-on-pressure", series=series, driver=module(series))
    control = guest.control()
    features = control.ask_state()["features"]
    assert features >> BIT_PRESSURE & 1 and features >> BIT_PRESS & 1
    hot = guest.start_work("hot", 600)
    wait_for("touched memory", lambda: guest.work(hot)["passes"] > 0, 60)
    touched_b = control.ask_state()["resident_b"]
    guest.stop_works()
    before = control.ask_state()
    control.send(f"press {SQUEEZE_B}")
    state = control.wait("end of the press", lambda state: state["press_seq"] != 0
                         and state["pressed_seq"] == state["press_seq"], 20)
    assert state["reported_b"] - before["reported_b"] >= 0.9 * SQUEEZE_B
    # free page reporting may have begun: the press and it together gave back what was freed
    assert touched_b - state["resident_b"] > 0.8 * SQUEEZE_B
    assert state["balloon_b"] == 0 and not state["broken"]
    squeeze(control, 256 * MIB)
