# SPDX-License-Identifier: GPL-2.0-or-later
"""Somebody else's balloon goes while the VM is only observed, and no event tells of it."""


def test_a_balloon_that_is_gone_is_not_shown_for_ever(fakes, manage):
    guest = fakes.add("a", balloon_mib=64, quiet=True)
    daemon = manage(guest, mode="observe")
    assert daemon.vm("a")["balloon_b"] == 64 << 20
    guest.own_balloon(0)
    daemon.wait_vm("a", "end of the balloon", lambda vm: vm["balloon_b"] == 0, 20)
