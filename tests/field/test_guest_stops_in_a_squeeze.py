# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest is paused or shut down in the middle of an inflation.

With its balloon at 0 nothing is left to wait for. A storm found such VMs called stuck for ever.
"""
import pytest

STOPPED = {"STOP": "paused", "SHUTDOWN": "shutdown"}


@pytest.mark.parametrize("event", STOPPED)
def test_an_empty_balloon_of_a_guest_that_stopped_is_not_called_stuck(fakes, manage, event):
    guest = fakes.add("a", lag_s=60)  # it has not begun
    daemon = manage(guest)
    daemon.squeeze("a")
    guest.wait("target", lambda state: state.targets)
    guest.set(status=STOPPED[event])
    guest.event(event)
    daemon.wait_vm("a", "end", lambda vm: vm["phase"] not in ("inflating", "deflating"), 9)
    state = guest.state()
    assert state.targets[-1][1] == state.ram


def test_a_balloon_of_a_guest_that_stopped_is_at_0_soon_after_it_goes_on(fakes, manage):
    guest = fakes.add("a")
    daemon = manage(guest)
    daemon.squeeze("a")
    guest.wait("balloon", lambda state: state.balloon_mib > 16)
    guest.set(status="paused")
    guest.event("STOP")
    daemon.wait_vm("a", "word", lambda vm: vm["reason"] == "deflate-stuck", 60)
    assert guest.state().balloon_mib > 16
    guest.set(status="running")
    guest.event("RESUME")
    daemon.wait_vm("a", "end", lambda vm: vm["phase"] not in ("inflating", "deflating"), 30)
    assert guest.state().balloon_mib == 0
