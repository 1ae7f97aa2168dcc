# SPDX-License-Identifier: GPL-2.0-or-later
"""Real applications on a real Debian guest: they work, are measured, and are not hurt.

The first run on a machine makes the guest's disks, which takes minutes. `tools/bench apps` compares
with unmanaged twins; here nothing depends on how fast the machine is.
"""
import time

import pytest

from lab.apps import POSTGRESQL, TOGETHER
from lab.daemon import Daemon, Watch
from lab.distro import DistroGuest
from lab.footprint import footprint, now_us, ram_bytes
from lab.guest import Spec
from lab.load import LINEAR, Load, middle_us
from lab.process import wait_for
from lab.workloads import MIB, harm

pytestmark = pytest.mark.skipif(not Daemon.binary().exists(), reason="ballonetd is not built")
SHORT = {"test_latency_of_a_bucket_is_within_3_percent",
         "test_seconds_of_the_guest_are_told_in_the_hosts_time",
         "test_both_applications_work_while_their_guest_is_squeezed",
         "test_ram_is_counted_without_the_hypervisors_own_memory"}
BEGIN_S = 300  # PostgreSQL reads its database first, and others may have the processors
SQUEEZE_S = 180
BATCH_MIB = 500


def ram(guest: DistroGuest) -> int:
    return ram_bytes(guest.process.pid, guest.spec.memory_mib * MIB)


def test_both_applications_work_while_their_guest_is_squeezed():
    with DistroGuest(Spec(name="shared", deflate_on_oom=True), TOGETHER) as guest:
        begin_us, before = now_us(), guest.report()
        for load in guest.loads:
            load.go()
            load.wait_begun(BEGIN_S)
        with Daemon([guest]) as daemon, Watch(daemon) as watch:
            daemon.wait_vm(guest.name, "statistics", lambda vm: vm["stale_b"] is not None,
                           SQUEEZE_S)
            daemon.squeeze(guest.name)
            watch.wait_first(guest.name, "verifying", SQUEEZE_S)
            for load in guest.loads:
                load.wait_begun(BEGIN_S)
        for load in guest.loads:
            load.stop()
            span = load.span(begin_us, now_us())
            assert span.operations > 0
            assert 0 < span.percentile_us(0.5) <= span.percentile_us(0.99)
        assert guest.balloon_actual_b() == guest.spec.memory_mib * MIB
        assert harm(before, guest.report()).worst == 0


@pytest.mark.parametrize("memfd", [False, True])
def test_ram_is_counted_without_the_hypervisors_own_memory(boot, memfd):
    guest = boot(name="ram", memfd=memfd)
    work = guest.start_work("touch", BATCH_MIB, 10_000_000)
    wait_for("memory of the batch", lambda: guest.work(work)["filled_us"], BEGIN_S)
    ram_b, whole = ram(guest), footprint(guest.process.pid, guest.process.cgroup)
    assert BATCH_MIB * MIB < ram_b < whole.resident_b
    assert ram_b <= guest.spec.memory_mib * MIB


def test_young_busy_database_is_left_alone_and_what_a_batch_freed_comes_back():
    guest = DistroGuest(Spec(name="database", deflate_on_oom=True), POSTGRESQL)
    try:
        guest.start()
        with Daemon([guest]) as daemon, Watch(daemon) as watch:
            guest.wait_ready()
            guest.load.go()
            guest.load.wait_begun(BEGIN_S)
            busy_until = time.monotonic() + 60  # as long as the daemon needs to have an opinion
            wait_for("end of the work", lambda: time.monotonic() > busy_until, 90)
            assert watch.first(guest.name, "inflating") is None
            guest.run("touch", BATCH_MIB, 5000, deadline_s=BEGIN_S)
            peak_b = ram(guest)
            guest.load.stop()
            wait_for("memory of the batch at the host",
                     lambda: peak_b - ram(guest) >= 0.85 * BATCH_MIB * MIB, SQUEEZE_S)
            assert guest.report()["vmstat"]["oom_kill"] == 0
    finally:
        guest.close()


def test_latency_of_a_bucket_is_within_3_percent():
    def bucket_of(us: int) -> int:  # as load.c has it
        shift = 0 if us < LINEAR else us.bit_length() - 6
        return shift * 32 + (us >> shift)
    for us in (1, 63, 64, 65, 1000, 123_456, 60_000_000):
        assert abs(middle_us(bucket_of(us)) - us) <= max(0.03 * us, 0.5)


def test_seconds_of_the_guest_are_told_in_the_hosts_time(tmp_path):
    load = Load(tmp_path / "none")
    load.take("101500000 100 3 64:2 70:1", 7_500_000)  # the guest's clock is 94 s ahead
    load.take("103900000 102 1 64:1", 10_900_000)  # late
    assert load.rates() == [(6_000_000, 3), (7_000_000, 0), (8_000_000, 1)]
    assert load.span(6_000_000, 7_000_000).operations == 3
    assert load.span(6_000_000, 9_000_000).operations == 4
