# SPDX-License-Identifier: GPL-2.0-or-later
"""ballonet.ko in real guests: it gives what it can, takes back what it must, and loses no page.

Figures with goals belong to `tools/bench guest`; the thresholds here are wide enough for a machine
that is busy with something else.
"""
import re
import time
from dataclasses import replace

import pytest

from lab.daemon import Daemon
from lab.driver import (DEVICES, OURS, STOCK, DriverGuest, Streaming, available, empty_by_press,
                        oom_rescue, over_asked, press_cache, spec)
from lab.guest import AgentError
from lab.headers import module
from lab.process import wait_for

MIB = 1 << 20
MARK_KIND, MARK = 0xff0, 0xba0
TRACING = "/sys/kernel/debug/tracing"
ODD_DEVICES = (
    ",disable-modern=on,disable-legacy=off", ",disable-legacy=on", ",packed=on,disable-legacy=on",
    ",event_idx=off,indirect_desc=off", ",qemu-4-0-config-size=on", ",page-poison=off",
    ",free-page-reporting=on,page-poison=off",
)

# kept in tools/check; the others run with --all
SHORT = ("test_module_builds_without_a_warning_of_gcc_or_sparse",
         "test_process_is_rescued_from_oom_in_few_calls",
         "test_daemon_squeezes_a_guest_with_ballonet_as_any_other",
         "test_turns_are_traced",
         "test_balloon_follows_the_target_to_the_page",
         "test_statistics_are_those_of_the_kernel_and_tell_the_driver",
         "test_pressure_shrinks_the_balloon_before_anything_is_swapped_or_killed",
         "test_over_asked_guest_neither_swaps_nor_kills")


@pytest.fixture
def drive():
    """drive(series, ...) is a guest with ballonet.ko, checked for complaints at the end."""
    guests = []

    def one(series, **wishes):
        guest = DriverGuest(spec(series, **wishes))
        guests.append(guest)
        guest.__enter__()
        return guest
    yield one
    try:
        for guest in guests:
            if guest.alive:
                assert guest.complaints() == []
    finally:
        for guest in guests:
            guest.close()


def stats(guest):
    """Fresh statistics by QEMU, which knows tags 0 to 9."""
    path = "/machine/peripheral/balloon0"
    old = guest.monitor("qom-get", path=path, property="guest-stats")["last-update"]
    for interval in (0, 1):
        guest.monitor("qom-set", path=path, property="guest-stats-polling-interval", value=interval)
    return wait_for("statistics", lambda: (
        now := guest.monitor("qom-get", path=path, property="guest-stats")
    )["last-update"] > old and now["stats"], 20)


def test_module_builds_without_a_warning_of_gcc_or_sparse(series):
    assert module(series, sparse=True).stat().st_size > 0


def test_balloon_follows_the_target_to_the_page(drive, series):
    guest = drive(series, memory_mib=512)
    for mib in (200, 64, 300, 0):
        guest.balloon(mib)
        wait_for("idle", lambda: guest.state()["state"] == "idle", 5)
        assert guest.state()["size_pages"] == mib * 256
    state = guest.state()
    assert state["inflated_pages"] == state["deflated_pages"] == state["allocated_pages"]
    assert guest.vmstat()["balloon_inflate"] == state["inflated_pages"]


def test_statistics_are_those_of_the_kernel_and_tell_the_driver(drive, series):
    guest = drive(series, memory_mib=512, driver_args="deflate_on=oom,pressure")
    found, meminfo = stats(guest), guest.report()["meminfo_kib"]
    total = found["stat-total-memory"]
    assert total & MARK_KIND == MARK and total & 3 == 3
    assert total & ~0xfff == meminfo["MemTotal"] * 1024
    assert abs(found["stat-free-memory"] - meminfo["MemFree"] * 1024) < 16 * MIB
    assert abs(found["stat-available-memory"] - meminfo["MemAvailable"] * 1024) < 16 * MIB
    assert found["stat-minor-faults"] > 0


def test_host_is_sent_what_is_available_without_the_balloon(drive):
    guest = drive("6.1", driver_args="deflate_on=pressure")
    before = stats(guest)["stat-available-memory"]
    time.sleep(1)  # QEMU tells the age of statistics in whole seconds
    guest.balloon(256)
    time.sleep(1)
    after = stats(guest)["stat-available-memory"]
    # the kernel keeps up to a low watermark (55 MiB here) of what is reclaimable to itself
    assert 240 * MIB < before - after < 330 * MIB


def test_page_cache_is_pressed_without_giving_anything_back(series):
    run = press_cache(series)
    assert run.reached and run.given_back_pages == 0
    assert run.allocated_pages == 500 * 256


def test_without_the_guard_the_shrinker_gives_back_what_the_inflate_takes():
    run = press_cache("6.1", guarded=False)
    assert run.given_back_pages > 0 and run.allocated_pages > 500 * 256


def test_process_is_rescued_from_oom_in_few_calls(series):
    run = oom_rescue(series, OURS)
    assert run.done and run.oom_kills == 0 and 0 < run.notifier_calls <= 10


def test_oom_starts_a_hold_off_and_the_target_is_met_after_it(drive):
    guest = drive("6.1", memory_mib=512, deflate_on_oom=True, driver_args="holdoff_ms=20000")
    guest.balloon(300)
    guest.run("burst", 320, 100)
    state = guest.state()
    assert state["holding_off"] == 1 and state["size_pages"] < 300 * 256
    wait_for("target after the hold-off", lambda: guest.ballooned_mib == 300, 60)
    assert guest.state()["holding_off"] == 0


def test_oom_in_the_middle_of_an_inflate_ends_it(drive):
    guest = drive("6.1", memory_mib=768, deflate_on_oom=True, driver_args="reserve_mib=8")
    for _ in range(3):
        guest.ask_for(64)
        work = guest.finish(guest.start_work("burst", 500, 100))
        assert work["state"] == "done"
        guest.balloon(0)
    assert guest.vmstat()["oom_kill"] == 0


def test_pressure_shrinks_the_balloon_before_anything_is_swapped_or_killed(drive, series):
    guest = drive(series, memory_mib=768, swap_mib=256, driver_args="deflate_on=pressure")
    guest.balloon(400)
    before = guest.vmstat()
    assert guest.run("touch", 400, 100)["errors"] == 0
    after, state = guest.vmstat(), guest.state()
    assert state["pressure_pages"] > 0 and state["size_pages"] < 400 * 256
    assert after["oom_kill"] == before["oom_kill"]
    assert state["state"] == "idle"


def test_streaming_reads_take_nothing_out_of_the_balloon(series):
    """Cache that is not read again is no need: the kernel has it back at once."""
    with Streaming(series, OURS) as story:
        run = story.stream(30)
        assert run.read_b > 320 * MIB
        assert run.given_back_pages == run.taken_again_pages == 0
        assert story.guest.state()["size_pages"] == 100 * 256


def test_neither_relief_keeps_the_balloon_until_somebody_is_killed(drive):
    guest = drive("6.1", memory_mib=512, driver_args="deflate_on=none")
    guest.balloon(300)
    assert guest.finish(guest.start_work("burst", 320, 100))["state"] == "killed"
    assert guest.ballooned_mib == 300


@pytest.mark.parametrize("swap_mib, mglru", [(0, False), (256, True)])
def test_over_asked_guest_neither_swaps_nor_kills(swap_mib, mglru):
    run = over_asked("6.1", swap_mib, mglru, kicks=2)
    assert run.oom_kills == 0 and run.swapped_out_pages == 0 and run.complaints == []
    assert run.ballooned_mib > 300


@pytest.mark.parametrize("relief, counted, total_falls",
                         [("pressure", True, False), ("oom", False, False), ("none", False, True)])
def test_ballooned_memory_is_available_only_where_pressure_frees_it(relief, counted, total_falls):
    run = available("6.1", relief)
    if counted:
        assert run.fell_kib <= run.low_watermark_kib
    else:
        assert abs(run.fell_kib - 256 * 1024) < 8 * 1024
    assert (run.total_fell_kib >= 256 * 1024) == total_falls


def test_press_gives_freed_memory_to_the_host_and_leaves_no_balloon(series):
    run = empty_by_press(series, 400)
    assert run.freed_mib > 350


def test_press_takes_clean_cache_and_stops_at_the_reserve(drive):
    guest = drive("6.1", memory_mib=768, swap_mib=256, free_page_reporting=True)
    guest.fill_cache(500)
    before = guest.vmstat()
    guest.press(2000)
    after, state = guest.vmstat(), guest.state()
    assert state["presses"] == 1 and state["pressed_pages"] > 450 * 256
    assert after["pswpout"] == before["pswpout"] and after["oom_kill"] == before["oom_kill"]
    assert guest.run("touch", 400)["errors"] == 0


def test_press_without_reporting_is_refused(drive):
    guest = drive("6.1", memory_mib=256, data=False)
    with pytest.raises(AgentError, match="not supported"):
        guest.press(64)


@pytest.mark.parametrize("text", ["", "x", "-5", "1", "12Q", "99999999999999999999999"])
def test_press_refuses_what_is_no_size(drive, text):
    guest = drive("6.1", memory_mib=256, data=False, free_page_reporting=True)
    with pytest.raises(AgentError):
        guest.write(f"{DEVICES}/{guest.device}/press", text or "\t")
    assert guest.state()["presses"] == 0


def test_free_pages_are_reported(drive, series):
    guest = drive(series, memory_mib=768, free_page_reporting=True)
    guest.run("touch", 500)
    before_b = guest.footprint().resident_b
    wait_for("reported pages", lambda: before_b - guest.footprint().resident_b > 400 * MIB, 60)
    assert guest.state()["reported_pages"] > 100 * MIB // 4096


@pytest.mark.parametrize("kernel", ["6.1", "7"])
def test_only_blocks_as_large_as_the_kernels_own_driver_reports_are_reported(drive, kernel):
    """Since 7.1 an order of 0, which a driver that says nothing has, means each single page."""
    guest = drive(kernel, memory_mib=512, free_page_reporting=True)
    order = guest.cat("/sys/module/page_reporting/parameters/page_reporting_order")
    assert int(order) == 9  # a pageblock
    guest.run("touch", 300)
    wait_for("reported pages", lambda: guest.state()["reported_pages"] > 200 * 256, 60)
    assert guest.state()["reported_pages"] % 512 == 0


def test_pages_survive_reports_presses_and_balloons_under_load(drive, series):
    guest = drive(series, memory_mib=768, free_page_reporting=True, deflate_on_oom=True)
    hot = guest.start_work("hot", 150)
    read = guest.start_work("read", 300, 0)
    for _ in range(5):
        guest.balloon(250)
        guest.balloon(0)
        guest.press(200)
    for work in (hot, read):
        assert guest.work(work)["state"] == "running" and guest.work(work)["errors"] == 0


def test_turns_are_traced(drive):
    """Each transition of the one direction, and a press."""
    guest = drive("6.1", memory_mib=512, free_page_reporting=True)
    events = f"{TRACING}/events/ballonet"
    guest.write(f"{events}/enable", "1")
    guest.balloon(100)
    guest.balloon(0)
    wait_for("idle", lambda: guest.state()["state"] == "idle", 5)
    guest.press(64)
    trace = guest.cat(f"{TRACING}/trace")
    turns = re.findall(r"ballonet_direction: .*?(\w+) -> (\w+)", trace)
    assert turns == [("idle", "inflating"), ("inflating", "idle"), ("idle", "deflating"),
                     ("deflating", "idle")]
    assert "ballonet_press: " in trace


def test_balloon_pages_are_moved_by_compaction(drive, series):
    guest = drive(series, memory_mib=512)
    moved = 0
    for _ in range(20):  # it may find the balloon where it wants it
        guest.run("touch", 300)
        guest.balloon(350)
        guest.balloon(100)  # leaves holes
        guest.write("/proc/sys/vm/compact_memory", "1")
        moved = guest.state()["migrated_pages"]
        if moved:
            break
    assert guest.state()["size_pages"] == 100 * 256
    guest.balloon(0)
    wait_for("idle", lambda: guest.state()["state"] == "idle", 5)
    assert guest.state()["size_pages"] == 0 and guest.run("touch", 300)["errors"] == 0
    assert moved > 0


def rounds(guest, how_many, deadline_s=120):
    """Loads and unloads the driver with a full balloon, under memory load."""
    free_kib = None
    for _ in range(how_many):
        guest.ask_for(guest.spec.memory_mib - 250)
        wait_for("full balloon", lambda: guest.ballooned_mib == 250, deadline_s, 0.01)
        guest.rmmod("ballonet", deadline_s)
        assert guest.ballooned_mib == 0
        left = guest.report()["meminfo_kib"]["MemTotal"]
        assert free_kib in (None, left)
        free_kib = left
        guest.insmod("ballonet")


def test_driver_comes_and_goes_with_a_full_balloon(drive, series):
    guest = drive(series, memory_mib=768, free_page_reporting=True, deflate_on_oom=True)
    guest.start_work("hot", 100)
    guest.start_work("read", 200, 0)
    rounds(guest, 3)


def test_driver_comes_and_goes_twenty_times_under_memory_load(drive, series):
    # all that Debian's kernels can check of themselves; see lab/debug_kernel.py for one that can more
    guest = drive(series, memory_mib=768, free_page_reporting=True, deflate_on_oom=True,
                  append="slub_debug=FZPU init_on_free=1 kfence.sample_interval=10")
    works = guest.start_work("hot", 100), guest.start_work("read", 200, 0)
    rounds(guest, 20)
    assert [guest.work(work)["errors"] for work in works] == [0, 0]


def test_kernel_that_checks_itself_has_nothing_to_say(drive):
    """KASAN, lockdep, kmemleak, page poisoning: see lab/debug.config."""
    guest = drive("debug", memory_mib=1024, free_page_reporting=True, deflate_on_oom=True,
                  driver_args="deflate_on=oom,pressure holdoff_ms=200",
                  append="page_poison=1 debug_pagealloc=on")
    works = guest.start_work("hot", 60), guest.start_work("read", 150, 0)
    rounds(guest, 5)
    guest.balloon(300)
    guest.write("/proc/sys/vm/compact_memory", "1", 120)
    guest.finish(guest.start_work("burst", 450, 100), 300)
    guest.suspend()
    guest.press(200)
    guest.ask_for(1)
    wait_for("reserve", lambda: guest.state()["ended_reserve"] > 0, 60)
    assert [guest.work(work)["errors"] for work in works] == [0, 0]
    guest.stop_works()
    guest.rmmod("ballonet", 60)
    guest.write("/sys/kernel/debug/kmemleak", "scan", 120)
    assert "ballonet" not in guest.cat("/sys/kernel/debug/kmemleak")


def test_kernels_own_driver_takes_over_and_gives_back(drive):
    guest = drive("6.1", memory_mib=512, spare_drivers=(STOCK,))
    guest.balloon(200)
    guest.rmmod("ballonet")
    guest.insmod(STOCK)
    guest.balloon(100)
    guest.rmmod(STOCK)
    guest.insmod("ballonet")
    guest.balloon(50)
    assert guest.state()["size_pages"] == 50 * 256


def test_target_that_changes_all_the_time_is_followed_in_the_end(drive):
    guest = drive("6.1", memory_mib=512)
    end = time.monotonic() + 3
    n = 0
    while time.monotonic() < end:
        n += 1
        guest.ask_for(512 - (n * 37) % 300)
    guest.balloon(123)
    guest.balloon(0)
    wait_for("idle", lambda: guest.state()["state"] == "idle", 5)
    assert guest.state()["size_pages"] == 0


def test_target_of_everything_leaves_the_reserve(drive):
    guest = drive("6.1", memory_mib=256, data=False)
    guest.monitor("balloon", value=1)
    wait_for("reserve", lambda: guest.state()["ended_reserve"] > 1, 20)
    assert guest.vmstat()["oom_kill"] == 0
    assert guest.report()["meminfo_kib"]["MemAvailable"] > 30 * 1024
    guest.balloon(0)


@pytest.mark.parametrize("odd", ODD_DEVICES)
def test_device_with_odd_features_is_driven(drive, odd):
    guest = drive("6.1", memory_mib=256, data=False, balloon_args=odd)
    guest.balloon(64)
    guest.balloon(0)


@pytest.mark.parametrize("args", ["deflate_on=maybe", "seeks=0", "seeks=x", "reserve_mib=-1",
                                  "buffer_pfns=5000", "pressure_bit=64", "pressure_bit=32",
                                  "pressure_bit=41",
                                  "pressure_bit=51", "holdoff_ms=99999999999"])
def test_parameter_out_of_range_is_refused_with_a_clear_line(drive, args):
    guest = drive("6.1", memory_mib=256, data=False)
    guest.rmmod("ballonet")
    with pytest.raises(AgentError, match="insmod"):
        guest.insmod("ballonet", args)
    name = args.split("=")[0]
    assert any(name in line and "ballonet" in line for line in guest.warnings(3))
    guest.insmod("ballonet")
    guest.ask("log", 0)


@pytest.mark.parametrize("driver", [OURS, STOCK])
def test_daemon_squeezes_a_guest_with_ballonet_as_any_other(series, driver):
    with DriverGuest(spec(series, driver, memory_mib=768, deflate_on_oom=True)) as guest:
        guest.run("touch", 500)
        before_b = guest.footprint().resident_b
        with Daemon([guest], {"interval": "1s"}) as daemon:
            wait_for("squeeze", lambda: daemon.vm(guest.name)["squeezes"] > 0, 60)
            wait_for("yield", lambda: before_b - guest.footprint().resident_b > 300 * MIB, 30)
            wait_for("empty balloon", lambda: guest.ballooned_mib == 0, 30)
            assert (daemon.vm(guest.name)["relief"] == "ballonet.ko") == (driver == OURS)
        assert guest.complaints() == []


def asleep_and_awake(guest, sleep):
    """Whatever goes to sleep has given all its pages back; awake, it has its target again."""
    if guest.spec.series == "7":
        pytest.skip("the agent's own port does not come back from sleep on 7.3, without a balloon either")
    guest.balloon(200)
    before = guest.state()
    sleep()
    wait_for("full balloon again", lambda: guest.state()["size_pages"] == 200 * 256, 30)
    after = guest.state()
    assert after["deflated_pages"] - before["deflated_pages"] >= 200 * 256
    assert stats(guest)["stat-total-memory"] > 0  # the other queues serve as well
    assert guest.run("touch", 200)["errors"] == 0
    guest.balloon(0)


def test_guest_suspends_and_wakes_with_a_full_balloon(drive, series):
    guest = drive(series, memory_mib=512, free_page_reporting=True, driver_args="deflate_on=oom")
    for _ in range(2):
        asleep_and_awake(guest, guest.suspend)


def test_guest_hibernates_and_thaws_with_a_full_balloon(drive, series):
    guest = drive(series, memory_mib=512, swap_mib=512, driver_args="deflate_on=oom,pressure")
    asleep_and_awake(guest, guest.hibernate)


def test_migration_is_helped_by_hints(drive):
    guest = drive("6.1", memory_mib=512, data=False, balloon_args=",free-page-hint=on,iothread=io",
                  qemu_args=("-object", "iothread,id=io"))
    guest.run("touch", 300)
    guest.monitor("migrate", uri="exec:cat >/dev/null")
    wait_for("hints", lambda: guest.state()["hinted_pages"] > 200 * 256, 20)
    guest.monitor("migrate_cancel")
    wait_for("pages back", lambda: guest.report()["meminfo_kib"]["MemFree"] > 350 * 1024, 20)
    assert guest.run("touch", 300)["errors"] == 0


def test_reboot_with_a_full_balloon_is_quiet():
    wanted = replace(spec("6.1", memory_mib=256), data=False)
    with DriverGuest(wanted) as guest:
        guest.balloon(100)
        guest.write("/proc/sys/kernel/printk", "7")
        try:
            guest.ask("poweroff", deadline_s=20)
        except AgentError:
            pass
        wait_for("power off", lambda: not guest.alive, 20)
        assert "BUG" not in guest.console.read_text(errors="replace")
