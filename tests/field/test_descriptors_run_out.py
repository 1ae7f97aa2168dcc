# SPDX-License-Identifier: GPL-2.0-or-later
"""There are more VMs than the daemon may have descriptors for."""
import time
from collections import Counter

VMS = 20


def test_operators_are_served_and_the_log_says_it_once(fakes, manage):
    guests = [fakes.add(f"vm{i}", ram_mib=16) for i in range(VMS)]
    daemon = manage(*guests, connected=False, prefix=("prlimit", "--nofile=32"))
    fakes.wait("some VMs", lambda states: sum(state.connected for state in states.values()) > 3)
    begin_s = time.monotonic()
    while time.monotonic() < begin_s + 5:
        assert len(daemon.vms()) == VMS
        assert daemon.host()["available_b"]
    events = Counter(line.split()[0] for line in daemon.log.read_text().splitlines()
                     if "Too many open files" in line)
    assert sum(events.values()) == 1, events
