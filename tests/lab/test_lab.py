# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab itself: a measurement is worth no more than the instrument it was taken with."""
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from lab import cache
from lab.footprint import Sampler, footprint
from lab.guest import AgentError, Spec, booted
from lab.process import Process, own_folder, wait_for

MIB = 1 << 20


def test_guest_boots_on_each_kernel_with_a_working_balloon(boot, series):
    guest = boot(series=series, memory_mib=512, boots=True)
    assert guest.hello["release"].startswith(series)
    guest.monitor("balloon", value=384 * MIB)
    wait_for("inflation", lambda: guest.balloon_actual_b() <= 384 * MIB, 20)
    guest.monitor("balloon", value=512 * MIB)
    wait_for("deflation", lambda: guest.balloon_actual_b() == 512 * MIB, 20)
    vmstat = guest.report()["vmstat"]
    assert vmstat["balloon_inflate"] >= 128 * MIB // 4096


def test_touched_memory_stays_resident_at_the_host_after_it_was_freed(boot):
    guest = boot(memory_mib=512)
    before = guest.footprint().resident_b
    work = guest.run("touch", 256)
    assert work["bytes"] == 256 * MIB and work["errors"] == 0 and work["held_b"] == 0
    assert guest.footprint().resident_b - before > 200 * MIB
    assert guest.report()["meminfo_kib"]["MemFree"] * 1024 > 300 * MIB


def test_read_fills_the_page_cache_from_the_disk(boot):
    guest = boot(memory_mib=512)
    before = guest.report()
    work = guest.run("read", 200, 1, 100)
    after = guest.report()
    assert work["bytes"] == 200 * MIB and work["passes"] == 1 and work["errors"] == 0
    assert after["meminfo_kib"]["Cached"] - before["meminfo_kib"]["Cached"] > 190 * 1024
    assert after["vmstat"]["pgpgin"] - before["vmstat"]["pgpgin"] > 190 * 1024


def test_several_workloads_run_side_by_side_until_they_are_stopped(boot):
    guest = boot(memory_mib=512)
    hot, read = guest.start_work("hot", 32), guest.start_work("read", 64, 0)
    wait_for("progress", lambda: min(guest.work(hot)["passes"], guest.work(read)["passes"]) > 2, 30)
    assert guest.work(hot)["errors"] == 0 and guest.work(read)["errors"] == 0
    guest.ask("stop", hot)
    assert guest.work(hot)["state"] == "stopped" and guest.work(read)["state"] == "running"
    guest.stop_works()
    assert guest.ask("works")["works"] == []


def test_oom_kill_of_a_burst_is_noticed_and_the_guest_lives_on(boot):
    guest = boot(memory_mib=512)
    before = guest.report()["vmstat"]["oom_kill"]
    work = guest.finish(guest.start_work("burst", 1024, 0))
    assert work["state"] == "killed"
    assert guest.report()["vmstat"]["oom_kill"] > before
    assert guest.run("burst", 64, 0)["state"] == "done"


def test_guest_with_swap_swaps(boot):
    guest = boot(memory_mib=256, swap_mib=128)
    assert guest.report()["meminfo_kib"]["SwapTotal"] > 120 * 1024
    work = guest.run("touch", 256)
    assert work["errors"] == 0
    assert guest.report()["vmstat"]["pswpout"] > 0


def test_guest_without_a_balloon_device_has_none(boot):
    guest = boot(memory_mib=256, balloon=False)
    with pytest.raises(AgentError, match="[Bb]alloon"):
        guest.balloon_actual_b()


def test_guest_without_a_driver_never_moves_its_balloon(boot):
    guest = boot(memory_mib=512, driver=None)
    guest.monitor("balloon", value=128 * MIB)
    guest.run("touch", 32)
    assert guest.balloon_actual_b() == 512 * MIB


def test_deflate_on_oom_gives_pages_back(boot):
    guest = boot(memory_mib=512, deflate_on_oom=True)
    guest.monitor("balloon", value=256 * MIB)
    wait_for("inflation", lambda: guest.balloon_actual_b() <= 256 * MIB, 20)
    assert guest.run("burst", 260, 0)["state"] == "done"
    assert guest.report()["vmstat"]["oom_kill"] == 0


def test_shared_memory_is_counted_by_its_blocks(boot):
    guest = boot(memory_mib=256, memfd=True, own_cgroup=False)
    found = guest.footprint()
    assert found.source == "memfd" and 0 < found.resident_b <= 256 * MIB
    guest.run("touch", 100)
    assert 50 * MIB < guest.footprint().resident_b - found.resident_b < 120 * MIB


def test_sources_of_the_footprint_agree(boot):
    guest = boot(memory_mib=512)
    guest.run("touch", 200)
    if guest.process.cgroup is None:
        pytest.skip("no memory cgroup can be made here")
    own, smaps = guest.footprint(), footprint(guest.process.pid)
    assert own.source == "cgroup" and smaps.source == "smaps"
    assert own.resident_b == pytest.approx(smaps.resident_b, rel=0.2)


def test_monitor_pauses_and_resumes(boot):
    guest = boot(memory_mib=512)
    guest.pause()
    with pytest.raises(AgentError):
        guest.ask("works", deadline_s=1)
    guest.resume()
    assert guest.ask("works")["works"] == []


def test_agent_refuses_nonsense_and_goes_on(boot):
    guest = boot(memory_mib=512)
    for words in (("dance",), ("start",), ("start", "hot", 0), ("start", "sing", 3), ("x" * 5000,)):
        with pytest.raises(AgentError):
            guest.ask(*words)
    assert guest.ask("works")["works"] == []


def test_copies_of_a_guest_that_has_booted_are_guests_of_their_own(boot, tmp_path, monkeypatch):
    monkeypatch.setenv("BALLONET_BOOTED", str(tmp_path))
    one, other = boot(name="one", swap_mib=64), boot(name="other", swap_mib=64)
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1  # one of them has booted
    one.run("touch", 200)
    one.monitor("balloon", value=512 * MIB)
    wait_for("inflation", lambda: one.balloon_actual_b() == 512 * MIB, 60)
    assert other.balloon_actual_b() == 1024 * MIB and other.footprint().resident_b < 400 * MIB
    assert other.report()["meminfo_kib"]["SwapTotal"] > 0
    other.kill()
    assert one.run("touch", 64)["errors"] == 0


def test_a_guest_whose_memory_is_shared_boots(tmp_path, monkeypatch):
    monkeypatch.setenv("BALLONET_BOOTED", str(tmp_path))
    assert booted(Spec(memfd=True)) is None and booted(Spec(memory_folder=tmp_path)) is None
    assert booted(Spec(boots=True)) is None and list(tmp_path.iterdir()) == []


def test_sampler_keeps_a_series(tmp_path):
    process = Process("sleeper", ["sleep", "60"], tmp_path / "log")
    with Sampler(0.01) as sampler:
        sampler.watch("sleeper", process.pid, None)
        series = sampler.series["sleeper"]
        wait_for("samples", lambda: len(series.values_b) > 3, 5)
    process.stop()
    last = series.times_us[-1]
    assert series.at(last) == series.values_b[-1] and series.at(0) is None
    assert series.lowest(0, last) == min(series.values_b)


def test_process_dies_with_the_lab(tmp_path):
    code = ("import os, sys; from pathlib import Path; from lab.process import Process\n"
            f"p = Process('x', ['sleep', '1000'], Path({str(tmp_path / 'log')!r}))\n"
            "print(p.pid, flush=True); sys.stdin.read()")
    lab = subprocess.Popen([sys.executable, "-c", code], cwd=cache.ROOT, text=True,
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    pid = int(lab.stdout.readline())
    wait_for("exec", lambda: b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes()[:6], 5)
    lab.send_signal(signal.SIGKILL)
    lab.communicate()

    def gone():
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
        except OSError:
            return True
    wait_for("death", gone, 5)


def test_leftovers_of_a_lab_that_was_killed_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    lab = subprocess.run([sys.executable, "-c", "import os; from lab.process import own_folder\n"
                          "own_folder('x'); os._exit(9)"], cwd=cache.ROOT,
                         env={**os.environ, "TMPDIR": str(tmp_path)}, check=False)
    assert lab.returncode == 9 and len(list(tmp_path.iterdir())) == 1
    own = own_folder("y")
    assert list(tmp_path.iterdir()) == [own]
    assert own_folder("z").exists() and own.exists()


def test_cache_makes_a_folder_once_even_for_many_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("BALLONET_CACHE", str(tmp_path))
    made = []

    def make(folder):
        made.append(folder)
        (folder / "x").write_text("whole")

    def use():
        assert (cache.cached("kind", "name", make) / "x").read_text() == "whole"
    users = [threading.Thread(target=use) for _ in range(8)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert len(made) == 1


def test_cache_keeps_nothing_of_a_build_that_failed(tmp_path, monkeypatch):
    monkeypatch.setenv("BALLONET_CACHE", str(tmp_path))

    def fail(folder):
        (folder / "half").touch()
        raise RuntimeError("no")
    with pytest.raises(RuntimeError):
        cache.cached("kind", "name", fail)
    assert [name for name in os.listdir(tmp_path / "kind") if not name.endswith(".lock")] == []
