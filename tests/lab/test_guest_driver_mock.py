# SPDX-License-Identifier: GPL-2.0-or-later
"""ballonet.ko against a device that does what no hypervisor would.

The device is a module in the guest (lab/mock/), so it can offer any feature, keep buffers for ever
and count every access past its configuration space.
"""
import time

import pytest

from lab.cache import ROOT
from lab.driver import DriverGuest, spec, stalls
from lab.guest import AgentError
from lab.headers import module
from lab.process import wait_for

# kept in tools/check; the others run with --all
SHORT = ("test_device_that_never_answers_costs_no_page",
         "test_configuration_space_that_ends_before_its_features_do_costs_no_page")
PARAMETERS = "/sys/module/mock_balloon/parameters"
(MUST_TELL, STATS, OOM, HINT, POISON, REPORTING, VERSION_1, PRESSURE, PRESS, BIG) = (
    1 << bit for bit in (0, 1, 2, 3, 4, 5, 32, 50, 51, 52))
(NUM_PAGES, ACTUAL, HINT_CMD, POISON_VAL, PRESS_SEQ, PRESS_PAGES, PRESSED_SEQ,
 PRESSED_PAGES) = range(8)
HINT_STOP, HINT_DONE = 0, 1
PATIENCE_S = 5  # guest/ballonet.h, DEVICE_PATIENCE
MIB = 1 << 20


class Mock:
    """The device; its driver is loaded once it is there."""

    def __init__(self, guest, features, config_len=32, driver_args=""):
        self.guest = guest
        guest.insmod("mock_balloon", f"features={VERSION_1 | features} config_len={config_len}")
        guest.insmod("ballonet", driver_args)

    def read(self, name):
        return self.guest.cat(f"{PARAMETERS}/{name}").strip()

    def field(self, index):
        return int(self.read("config").split()[index])

    def set(self, index, value):
        self.guest.write(f"{PARAMETERS}/config", f"{index * 4} {value}")

    def stats(self):
        """New statistics, by tag: those that the driver had ready come back first."""
        for _ in range(2):
            sent = self.guest.state()["stats_sent"]
            self.guest.write(f"{PARAMETERS}/stats", "new")
            wait_for("statistics", lambda: self.guest.state()["stats_sent"] > sent, 10)
        pairs = (pair.split("=") for pair in self.read("stats").split())
        return {int(tag): int(value) for tag, value in pairs}

    def answer(self, yes):
        self.guest.write(f"{PARAMETERS}/ack", "Y" if yes else "N")

    def leave(self, overruns=False):
        self.guest.rmmod("ballonet", 60)
        assert (self.read("overruns") != "0") == overruns
        self.guest.rmmod("mock_balloon")


@pytest.fixture
def guest(request, series):
    """A guest with the device; its parameter is more of the kernel's command line."""
    mock = module(series, source=ROOT / "lab" / "mock", name="mock_balloon")
    wanted = spec(series, None, memory_mib=512, data=False, balloon=False,
                  append=getattr(request, "param", ""), spare_drivers=(mock, module(series)))
    with DriverGuest(wanted) as one:
        yield one
        assert one.complaints() == []


def in_balloon(guest, pages, deadline_s=20):
    wait_for(f"{pages} pages", lambda: guest.state()["size_pages"] == pages, deadline_s)


def test_device_without_any_feature_is_driven(guest):
    mock = Mock(guest, 0, config_len=8)
    mock.set(NUM_PAGES, 10000)
    in_balloon(guest, 10000)
    wait_for("actual", lambda: mock.field(ACTUAL) == 10000, 5)
    mock.set(NUM_PAGES, 0)
    in_balloon(guest, 0)
    assert mock.read("pfns") == "10000,10000" and int(mock.read("longest_b")) <= 4096 * 4
    mock.leave()


def test_all_features_at_once_are_served(guest):
    mock = Mock(guest, MUST_TELL | STATS | OOM | HINT | POISON | REPORTING | PRESSURE | PRESS | BIG)
    mock.set(NUM_PAGES, 20000)
    in_balloon(guest, 20000)
    state = guest.state()
    assert state["must_tell_host"] and state["deflate_on_oom"] and state["deflate_on_pressure"]
    mock.set(NUM_PAGES, 0)
    in_balloon(guest, 0)
    assert mock.read("pfns") == "20000,20000"
    mock.leave()


def test_pressure_may_have_another_bit(guest):
    mock = Mock(guest, 1 << 55, driver_args="pressure_bit=55")
    assert guest.state()["deflate_on_pressure"] == 1 and guest.state()["deflate_on_oom"] == 0
    mock.leave()


def test_press_is_done_when_the_device_asks(guest):
    mock = Mock(guest, REPORTING | PRESS)
    mock.set(PRESS_PAGES, 30000)
    mock.set(PRESS_SEQ, 7)
    wait_for("press", lambda: mock.field(PRESSED_SEQ) == 7, 20)
    assert mock.field(PRESSED_PAGES) == guest.state()["pressed_pages"] == 30000
    mock.set(NUM_PAGES, 100)  # another change is not another request
    in_balloon(guest, 100)
    assert guest.state()["presses"] == 1
    mock.leave()


@pytest.mark.parametrize("must_tell", [0, MUST_TELL])
def test_device_that_never_answers_costs_no_page(guest, must_tell):
    before = guest.report()["meminfo_kib"]["MemTotal"]
    mock = Mock(guest, must_tell)
    mock.set(NUM_PAGES, 10000)
    in_balloon(guest, 10000)
    mock.answer(False)
    mock.set(NUM_PAGES, 30000)
    wait_for("verdict", lambda: guest.state()["stuck"] == 1, 20)
    assert guest.run("touch", 100)["errors"] == 0
    mock.leave()
    assert guest.report()["meminfo_kib"]["MemTotal"] == before
    assert guest.run("touch", 250)["errors"] == 0
    assert any("has not answered" in line for line in guest.warnings())


def test_device_that_answers_late_is_served_on(guest):
    mock = Mock(guest, 0)
    mock.answer(False)
    mock.set(NUM_PAGES, 50000)
    wait_for("verdict", lambda: guest.state()["stuck"] == 1, 20)
    mock.answer(True)
    in_balloon(guest, 50000)
    assert guest.state()["stuck"] == 0
    mock.set(NUM_PAGES, 0)
    in_balloon(guest, 0)
    assert mock.read("pfns") == "50000,50000"
    mock.leave()


@pytest.mark.parametrize("pages", [0xffffffff, 1 << 30])
def test_huge_target_leaves_the_reserve(guest, pages):
    mock = Mock(guest, 0)
    mock.set(NUM_PAGES, pages)
    wait_for("reserve", lambda: guest.state()["ended_reserve"] > 1, 20)
    assert guest.report()["meminfo_kib"]["MemAvailable"] > 50 * 1024
    mock.set(NUM_PAGES, 0)
    in_balloon(guest, 0)
    assert guest.vmstat()["oom_kill"] == 0
    mock.leave()


def test_module_goes_in_the_middle_of_an_inflate(guest):
    for _ in range(5):
        mock = Mock(guest, OOM | PRESSURE | REPORTING)
        mock.set(NUM_PAGES, 60000)
        mock.leave()


def test_press_that_the_device_never_sees_ends_with_the_module(guest):
    mock = Mock(guest, REPORTING | PRESS)
    mock.answer(False)
    mock.set(PRESS_PAGES, 10000)
    mock.set(PRESS_SEQ, 1)
    wait_for("verdict", lambda: guest.state()["stuck"] == 1, 20)
    mock.leave()
    assert guest.run("touch", 250)["errors"] == 0


def test_configuration_space_that_ends_before_its_features_do_costs_no_page(guest):
    """A transport that does not tell how much there is: what is not there reads as all ones."""
    mock = Mock(guest, HINT | REPORTING | PRESS, config_len=8)
    mock.set(NUM_PAGES, 10000)
    in_balloon(guest, 10000)
    guest.press(64)
    mock.set(NUM_PAGES, 0)
    in_balloon(guest, 0)
    mock.leave(overruns=True)
    assert guest.run("touch", 250)["errors"] == 0


def test_unknown_features_are_left_alone(guest):
    mock = Mock(guest, 0x3f << 53 | 0x7 << 41 | 0x1c0)
    mock.set(NUM_PAGES, 100)
    in_balloon(guest, 100)
    mock.leave()


def test_every_kernel_sends_all_sixteen_statistics(guest):
    mock = Mock(guest, STATS, driver_args="all_stats=1")
    guest.run("touch", 300)
    found, report = mock.stats(), guest.report()
    vmstat, meminfo = report["vmstat"], report["meminfo_kib"]
    assert sorted(found) == list(range(16))
    assert found[5] & ~0xfff == meminfo["MemTotal"] * 1024
    for tag, name in ((4, "MemFree"), (6, "MemAvailable"), (7, "Cached")):
        assert abs(found[tag] - meminfo[name] * 1024) < 32 * MIB
    for tag, name in ((0, "pswpin"), (1, "pswpout"), (10, "oom_kill"), (12, "pgscan_kswapd"),
                      (13, "pgscan_direct"), (14, "pgsteal_kswapd"), (15, "pgsteal_direct")):
        assert found[tag] == vmstat[name]
    assert found[11] == stalls(vmstat)
    assert 0 < found[3] <= vmstat["pgfault"] and found[2] <= vmstat["pgmajfault"]
    mock.leave()


def test_statistics_that_are_asked_for_at_once_are_sent(guest):
    guest.insmod("mock_balloon", f"features={VERSION_1 | STATS}")
    guest.write(f"{PARAMETERS}/stats", "new")  # before there is a driver
    guest.insmod("ballonet")
    wait_for("second statistics", lambda: guest.state()["stats_sent"] == 2, 10)


@pytest.mark.parametrize("must_tell", [0, MUST_TELL])
def test_pages_are_used_before_the_device_knows_only_where_it_allows(guest, must_tell):
    mock = Mock(guest, must_tell)
    mock.set(NUM_PAGES, 50000)
    in_balloon(guest, 50000)
    free = guest.report()["meminfo_kib"]["MemFree"]
    mock.answer(False)
    mock.set(NUM_PAGES, 48000)
    in_balloon(guest, 48000)
    came = guest.report()["meminfo_kib"]["MemFree"] - free
    assert came < 2000 if must_tell else came > 4000  # of 8000 KiB
    mock.answer(True)
    wait_for("all pages", lambda: guest.report()["meminfo_kib"]["MemFree"] - free > 4000, 10)
    mock.leave()


@pytest.mark.parametrize("guest", ["init_on_free=1"], indirect=True)
@pytest.mark.parametrize("poison", [0, POISON])
def test_pattern_of_free_pages_is_told_or_reporting_is_not_used(guest, poison):
    guest.insmod("mock_balloon", f"features={VERSION_1 | REPORTING | poison} config_len=32")
    guest.write(f"{PARAMETERS}/config", f"{POISON_VAL * 4} 77")
    guest.insmod("ballonet")
    assert guest.state()["reporting"] == (1 if poison else 0)
    told = int(guest.cat(f"{PARAMETERS}/config").split()[POISON_VAL])
    assert told == (0 if poison else 77)


def test_free_blocks_are_hinted_and_held_until_the_device_is_done(guest):
    mock = Mock(guest, HINT)
    free = guest.report()["meminfo_kib"]["MemFree"]
    mock.set(HINT_CMD, 0x80000001)
    wait_for("end of the round", lambda: mock.read("hint_cmds") == f"{0x80000001},{HINT_STOP}", 20)
    held = guest.state()["hinted_pages"] * 4096
    assert held > 200 * MIB and int(mock.read("hinted_b")) == held
    assert free - guest.report()["meminfo_kib"]["MemFree"] > held // 1024 * 0.9
    mock.set(HINT_CMD, HINT_DONE)
    wait_for("blocks", lambda: free - guest.report()["meminfo_kib"]["MemFree"] < 20000, 10)
    mock.leave()


def test_hinted_blocks_come_back_when_the_guest_runs_out_of_memory(guest):
    mock = Mock(guest, HINT | OOM)
    mock.set(HINT_CMD, 0x80000001)
    wait_for("hints", lambda: mock.read("hint_cmds").endswith(f",{HINT_STOP}"), 20)
    assert guest.finish(guest.start_work("burst", 350, 100))["state"] == "done"
    assert guest.vmstat()["oom_kill"] == 0 and guest.state()["oom_pages"] > 0
    mock.leave()


def test_round_of_hints_that_the_device_has_ended_is_not_waited_for(guest):
    """QEMU leaves the last buffers of a migration that is cancelled until the next one begins."""
    mock = Mock(guest, HINT)
    mock.answer(False)
    mock.set(HINT_CMD, 0x80000001)
    mock.set(HINT_CMD, HINT_DONE)
    time.sleep(PATIENCE_S + 1)
    assert guest.state()["stuck"] == 0
    # the next one begins when it has them
    mock.set(HINT_CMD, 0x80000002)
    mock.answer(True)
    wait_for("end of the round", lambda: mock.read("hint_cmds") == f"{0x80000002},{HINT_STOP}", 20)
    mock.set(HINT_CMD, HINT_DONE)
    mock.leave()
    assert guest.run("touch", 250)["errors"] == 0


def test_press_by_hand_that_the_device_never_sees_fails_and_the_module_goes(guest):
    mock = Mock(guest, REPORTING)
    mock.answer(False)
    with pytest.raises(AgentError, match="timed out"):
        guest.press(64)
    with pytest.raises(AgentError, match="busy"):
        guest.press(64)
    mock.leave()
    assert guest.run("touch", 250)["errors"] == 0


def test_press_by_hand_is_served_when_the_device_answers_late(guest):
    mock = Mock(guest, REPORTING)
    mock.answer(False)
    with pytest.raises(AgentError, match="timed out"):
        guest.press(64)
    mock.answer(True)
    wait_for("press", lambda: guest.state()["pressed_pages"] == 64 * 256, 10)
    guest.press(32)
    assert guest.state()["presses"] == 2
    mock.leave()


def test_process_is_rescued_by_pages_that_a_press_still_holds(guest):
    mock = Mock(guest, REPORTING | OOM)
    guest.press(350)  # reports what is free where it lies, so the next has to take pages
    mock.answer(False)
    guest.write("/sys/module/ballonet/parameters/reserve_mib", "16")
    with pytest.raises(AgentError, match="timed out"):
        guest.press(400)
    # a buffer's worth is in the device's hands; the rest has to do
    assert guest.finish(guest.start_work("burst", 200, 100))["state"] == "done"
    state = guest.state()
    assert guest.vmstat()["oom_kill"] == 0 and state["oom_pages"] + state["pressure_pages"] > 0
    mock.leave()


def test_target_that_changes_every_millisecond_is_followed_in_the_end(guest):
    mock = Mock(guest, OOM | PRESSURE)
    guest.write(f"{PARAMETERS}/jitter", "2000")
    assert mock.field(NUM_PAGES) < 60000
    mock.set(NUM_PAGES, 12345)
    in_balloon(guest, 12345)
    mock.set(NUM_PAGES, 0)
    in_balloon(guest, 0)
    inflated, deflated = mock.read("pfns").split(",")
    assert inflated == deflated
    mock.leave()


def test_configuration_is_read_by_whole_fields(guest):
    mock = Mock(guest, OOM | HINT | POISON | PRESS | REPORTING)
    mock.set(NUM_PAGES, 1000)
    in_balloon(guest, 1000)
    assert mock.read("narrow") == "0"
    mock.leave()


def test_device_without_queues_is_left_alone(guest):
    guest.insmod("mock_balloon", f"features={VERSION_1} find_fails=1")
    guest.insmod("ballonet")
    assert guest.cat(f"{PARAMETERS}/dels").strip() == "0"
    guest.rmmod("ballonet")


def test_device_that_drops_statistics_it_does_not_know_gets_the_old_ones(guest, series):
    """As Firecracker did before 1.14: one unknown tag, and the buffer never comes back."""
    if series in ("6.12", "7"):
        pytest.skip("the kernel's own driver sends them too")
    guest.insmod("mock_balloon", f"features={VERSION_1 | STATS} stats_known=10")
    guest.insmod("ballonet")
    for sent in (2, 3, 4):
        guest.write(f"{PARAMETERS}/stats", "new")
        wait_for("statistics", lambda: guest.state()["stats_sent"] == sent, 10)


@pytest.mark.parametrize("negotiated", [0, OOM, PRESSURE], ids=["nothing", "oom", "pressure"])
def test_round_of_hints_kills_nobody(guest, negotiated):
    mock = Mock(guest, HINT | negotiated)
    mock.set(HINT_CMD, 0x80000001)
    wait_for("hints", lambda: mock.read("hint_cmds").endswith(f",{HINT_STOP}"), 20)
    assert guest.finish(guest.start_work("burst", 350, 100))["state"] == "done"
    assert guest.vmstat()["oom_kill"] == 0
    mock.leave()


def test_target_that_falls_while_an_inflate_ends_is_seen(guest):
    mock = Mock(guest, BIG, driver_args="retry_ms=600000")
    # so that the reserve is met while the device has it all in hand
    available_mib = guest.report()["meminfo_kib"]["MemAvailable"] // 1024
    guest.write("/sys/module/ballonet/parameters/reserve_mib", str(available_mib - 40))
    mock.answer(False)
    mock.set(NUM_PAGES, 100000)
    wait_for("reserve", lambda: guest.state()["allocated_pages"] > 5000, 10)
    mock.set(NUM_PAGES, 0)
    mock.answer(True)
    wait_for("end", lambda: guest.state()["ended_reserve"] > 0, 10)
    in_balloon(guest, 0)
    mock.leave()


def test_target_that_falls_is_met_while_a_press_waits_for_the_device(guest):
    mock = Mock(guest, REPORTING)
    mock.set(NUM_PAGES, 20000)
    in_balloon(guest, 20000)
    guest.write(f"{PARAMETERS}/deaf", "reporting")
    with pytest.raises(AgentError, match="timed out"):
        guest.press(64)
    mock.set(NUM_PAGES, 1000)
    in_balloon(guest, 1000)
    guest.write(f"{PARAMETERS}/deaf", "none")
    wait_for("answer", lambda: guest.state()["stuck"] == 0, 10)
    mock.set(NUM_PAGES, 5000)
    in_balloon(guest, 5000)
    mock.leave()


def test_pages_that_the_device_gives_back_late_are_used_again(guest):
    mock = Mock(guest, MUST_TELL)
    mock.set(NUM_PAGES, 50000)
    in_balloon(guest, 50000)
    free = guest.report()["meminfo_kib"]["MemFree"]
    mock.answer(False)
    mock.set(NUM_PAGES, 48000)
    wait_for("stuck", lambda: guest.state()["stuck"], 20)
    mock.answer(True)
    wait_for("all pages", lambda: guest.report()["meminfo_kib"]["MemFree"] - free > 6000, 10)
    assert guest.state()["stuck"] == 0
    mock.leave()


def test_guest_falls_asleep_while_a_press_waits_for_the_device(guest):
    mock = Mock(guest, REPORTING)
    mock.answer(False)
    with pytest.raises(AgentError, match="timed out"):
        guest.press(64)
    guest.suspend()
    guest.write(f"{PARAMETERS}/sleep", "1", 60)
    mock.answer(True)
    guest.write(f"{PARAMETERS}/sleep", "0", 60)
    mock.set(NUM_PAGES, 1000)
    in_balloon(guest, 1000)
    guest.press(16)
    mock.leave()


def test_hints_reach_the_device_from_a_driver_in_memory_without_a_linear_address(series):
    """kvzalloc() takes such memory when there is no block large enough."""
    mock_ko = module(series, source=ROOT / "lab" / "mock", name="mock_balloon")
    wanted = spec(series, None, memory_mib=512, data=False, balloon=False,
                  spare_drivers=(mock_ko, module(series, patch="vmalloc")))
    with DriverGuest(wanted) as guest:
        mock = Mock(guest, HINT)
        mock.set(HINT_CMD, 0x80000001)
        wait_for("end of the round",
                 lambda: mock.read("hint_cmds") == f"{0x80000001},{HINT_STOP}", 20)
        assert mock.read("wild") == "0"
        mock.leave()
        assert guest.complaints() == []
