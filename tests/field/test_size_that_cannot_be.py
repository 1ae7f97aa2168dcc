# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU names a size of the guest's memory that is above what the machine has.

A storm of random answers ended seven deflations with it: less than no balloon was taken for none.
"""


def test_a_size_above_the_ram_ends_no_deflation(fakes, manage):
    guest = fakes.add("a", deflate_mib_s=20)
    daemon = manage(guest)
    daemon.squeeze("a")
    guest.wait("balloon", lambda state: state.balloon_mib > 64)
    guest.set(extra_mib=[512] * 40)  # of 40 answers, more than there is
    daemon.wait_vm("a", "end", lambda vm: vm["phase"] not in ("inflating", "deflating"), 60)
    assert guest.state().balloon_mib == 0


def test_a_size_above_the_ram_in_an_event_is_asked_again(fakes, manage):
    guest = fakes.add("a", balloon_mib=64)
    daemon = manage(guest)
    assert daemon.vm("a")["balloon_b"] == 64 << 20
    guest.event("BALLOON_CHANGE", actual=1 << 40)
    guest.wait("question", lambda state: state.words[-1] == "query-balloon" or
               "query-balloon" in state.words[10:])
    daemon.wait_vm("a", "balloon", lambda vm: vm["balloon_b"] == 64 << 20, 10)
    assert daemon.vm("a")["ram_b"] == 256 << 20


def test_the_guardian_does_not_believe_it_either(fakes, manage):
    guest = fakes.add("a", deflate_mib_s=20)
    daemon = manage(guest)
    daemon.squeeze("a")
    guest.wait("balloon", lambda state: state.balloon_mib > 64)
    guest.set(extra_mib=[512] * 20)
    daemon.process.stop()
    guest.wait("end of the guardian", lambda state: not state.connected and
               state.targets[-1][1] == state.ram, 60)
    assert guest.state().balloon_mib == 0
