# SPDX-License-Identifier: GPL-2.0-or-later
"""A connection is lost right after a target went out, to a guest that begins to follow it later.

A storm of such losses found balloons of 128 MiB that the daemon called empty: the size that was
read after the reconnect was the one before the guest had begun.
"""
import signal
import time

import pytest

OVER = ("verifying", "resting", "watch")


def lose_in_a_squeeze(daemon, guest):
    """The first target arrives, and its answer is lost."""
    guest.set(lose_after="balloon")
    daemon.squeeze(guest.name)
    return guest.wait("target", lambda state: state.targets)


@pytest.mark.parametrize("lag_s", [1, 3])
def test_it_is_over_only_after_all_memory_was_asked_for_and_answered(fakes, manage, lag_s):
    guest = fakes.add("a", lag_s=lag_s)
    daemon = manage(guest)
    lose_in_a_squeeze(daemon, guest)
    daemon.wait_vm("a", "end", lambda vm: vm["phase"] in OVER, 30)
    state = guest.state()
    assert state.targets[-1][1] == state.ram, "all memory was never asked for"
    assert state.balloon_mib == 0
    begin_s = state.targets[0][0] + lag_s
    guest.wait("time to begin", lambda _: time.monotonic() > begin_s + 0.5)
    assert guest.state().balloon_mib == 0


def test_all_memory_is_the_first_thing_that_is_asked_for_after_the_reconnect(fakes, manage):
    guest = fakes.add("a", lag_s=1)
    daemon = manage(guest)
    lose_in_a_squeeze(daemon, guest)
    daemon.wait_vm("a", "end", lambda vm: vm["phase"] in OVER, 30)
    state = guest.state()
    assert [target == state.ram for _, target in state.targets][:2] == [False, True]
    assert state.words[:2] == ["qmp_capabilities", "balloon"]


def test_a_daemon_that_is_killed_before_it_asked_leaves_it_to_the_guardian(fakes, manage):
    guest = fakes.add("a", lag_s=2)
    daemon = manage(guest)
    lose_in_a_squeeze(daemon, guest)
    guest.set(greeting="")  # the next connection is never greeted, so nothing can be asked
    guest.wait("connection", lambda state: state.connected)
    daemon.process.stop()
    guest.set(greeting=None)
    guest.drop()
    guest.wait("word of the guardian", lambda state: state.targets[-1][1] == state.ram, 60)
    guest.wait("balloon at 0", lambda state: state.balloon_mib == 0)


def test_a_qemu_that_was_stopped_for_longer_than_a_command_may_take(fakes, manage):
    guest = fakes.add("a", lag_s=15)
    daemon = manage(guest)
    daemon.squeeze("a")
    guest.wait("target", lambda state: state.targets)
    fakes.process.send(signal.SIGSTOP)
    daemon.wait_vm("a", "lost connection", lambda vm: vm["state"] == "down", 60)
    fakes.process.send(signal.SIGCONT)
    daemon.wait_vm("a", "end", lambda vm: vm["phase"] in OVER, 60)
    state = guest.state()
    assert state.targets[-1][1] == state.ram
    assert state.balloon_mib == 0
