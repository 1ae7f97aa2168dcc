# SPDX-License-Identifier: GPL-2.0-or-later
"""A QEMU takes seconds for each reply: a snapshot, a slow disk, a host that swaps."""
import time


def test_a_qemu_that_takes_seconds_for_each_reply_comes_up(fakes, manage):
    guest = fakes.add("a", reply_s=1)  # six commands at once take longer than 5 s
    daemon = manage(guest, connected=False)
    daemon.wait_vm("a", "connection", lambda vm: vm["state"] == "running", 60)
    assert guest.state().accepted == 1


def test_one_that_is_slow_in_a_deflation_is_asked_for_no_more_than_it_answers(fakes, manage):
    guest = fakes.add("a")
    daemon = manage(guest)
    daemon.squeeze("a")
    guest.wait("balloon", lambda state: state.balloon_mib > 16)
    guest.set(deflate_mib_s=0, reply_s=3)  # more than its 32 commands would wait after 15 s
    daemon.release("a")
    commands = guest.state().commands
    since_s = time.monotonic()
    guest.wait("time", lambda _: time.monotonic() > since_s + 18, 60)
    assert guest.state().accepted == 1, daemon.tail()
    assert guest.state().commands < commands + 18
