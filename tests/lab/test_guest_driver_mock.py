# SPDX-License-Identifier: GPL-2.0-or-later
"""ballonet.ko against a device that does what no hypervisor would.

The device is a module in the guest (lab/mock/), so it can offer any feature, keep buffers for ever
and count every access past its configuration space.
"""
import pytest

from lab.cache import ROOT
from lab.driver import DriverGuest, spec
from lab.headers import module
from lab.process import wait_for

SHORT = ()  # all of them run with tools/check --all
PARAMETERS = "/sys/module/mock_balloon/parameters"
(MUST_TELL, STATS, OOM, HINT, POISON, REPORTING, VERSION_1, PRESSURE, PRESS, BIG) = (
    1 << bit for bit in (0, 1, 2, 3, 4, 5, 32, 50, 51, 52))
NUM_PAGES, ACTUAL, PRESS_SEQ, PRESS_PAGES, PRESSED_SEQ, PRESSED_PAGES = 0, 1, 4, 5, 6, 7


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

    def answer(self, yes):
        self.guest.write(f"{PARAMETERS}/ack", "Y" if yes else "N")

    def leave(self):
        self.guest.rmmod("ballonet", 60)
        assert self.read("overruns") == "0"
        self.guest.rmmod("mock_balloon")


@pytest.fixture(params=["6.1", "6.12"])
def guest(request):
    series = request.param
    mock = module(series, source=ROOT / "lab" / "mock", name="mock_balloon")
    wanted = spec(series, None, memory_mib=512, data=False, balloon=False,
                  spare_drivers=(mock, module(series)))
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
    mock = Mock(guest, 1 << 44, driver_args="pressure_bit=44")
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


def test_unknown_features_are_left_alone(guest):
    mock = Mock(guest, 0x3f << 53 | 0x7 << 41 | 0x1c0)
    mock.set(NUM_PAGES, 100)
    in_balloon(guest, 100)
    mock.leave()
