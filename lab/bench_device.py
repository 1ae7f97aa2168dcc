# SPDX-License-Identifier: GPL-2.0-or-later
"""tools/bench device [STORY...]: what ballonet-device costs, beside QEMU's own virtio-balloon.

In:  a built ballonet-device; the stories to tell: unback, squeeze, press, idle; none is all.
Out: a row per figure, build/bench/device.json; exit status 1 when a goal was not reached.
"""
import json
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from lab.cache import BUILD
from lab.device import Control, DeviceError, DeviceGuest, huge_folder
from lab.figures import Figures
from lab.guest import MIB, AgentError, Guest, Spec, accelerator
from lab.headers import module
from lab.initramfs import BALLOON
from lab.newqemu import new_qemu
from lab.process import wait_for

SQUEEZE_B = 512 * MIB
MEMORY_MIB = 1024
STOCK_BUFFERS = 256, 1  # PFNs in a buffer, buffers under way: a stock driver
OUR_BUFFERS = 4096, 16  # ... ballonet.ko with bit 52
NOISE_S = 10
SHMEM_HUGE = Path("/sys/kernel/mm/transparent_hugepage/shmem_enabled")


def thread_cpu_s(pid: int, tid: int | None = None) -> float:
    """Processor time of one thread, by default of the first; 0 for one that has gone."""
    try:
        text = Path(f"/proc/{pid}/task/{tid or pid}/schedstat").read_text(encoding="ascii")
    except OSError:
        return 0.0
    return int(text.split()[0]) / 1e9


def device_cpu_s(guest: DeviceGuest, control: Control) -> float:
    return thread_cpu_s(guest.device.process.pid) + thread_cpu_s(control.ask_state()["worker"])


def stock_spec(name: str) -> Spec:
    return Spec(name=name, memory_mib=MEMORY_MIB, memfd=True, qemu=str(new_qemu()))


def stock_squeeze(guest: Guest) -> tuple[float, float]:
    """QEMU's own device: seconds from start to finish, and processor time of its main loop."""
    start, cpu = time.monotonic(), thread_cpu_s(guest.process.pid)
    for wanted in (MEMORY_MIB * MIB - SQUEEZE_B, MEMORY_MIB * MIB):
        guest.monitor("balloon", value=wanted)
        wait_for("balloon", lambda: guest.balloon_actual_b() == wanted, 60, 0.02)
    return time.monotonic() - start, thread_cpu_s(guest.process.pid) - cpu


def record(folder: Path, driver: str | Path) -> Path:
    """The PFNs that a guest sends for one inflate, as QEMU's trace tells them."""
    log, stream = folder / "trace", folder / f"stream-{Path(driver).stem}"
    spec = Spec(name="record", memory_mib=MEMORY_MIB, qemu=str(new_qemu()), driver=driver,
                qemu_args=("-trace", "virtio_balloon_handle_output", "-D", str(log)))
    with Guest(spec) as guest:
        guest.run("touch", 600, 0)
        guest.monitor("balloon", value=MEMORY_MIB * MIB - SQUEEZE_B)
        wait_for("balloon", lambda: guest.balloon_actual_b() == MEMORY_MIB * MIB - SQUEEZE_B, 60)
    with open(log, encoding="ascii", errors="replace") as lines:
        pages = [int(line.split("gpa:")[1].split()[0], 16) >> 12
                 for line in lines if "gpa:" in line]
    if len(pages) < 0.9 * SQUEEZE_B / 4096:
        raise RuntimeError(f"QEMU traced {len(pages)} pages only")
    stream.write_bytes(struct.pack(f"<{len(pages)}I", *pages))
    return stream


def run_unback(stream: Path, pfns: int, buffers: int, huge: bool) -> dict[str, float]:
    """@buffers of @pfns each are under way at once, as the driver that sent the stream does."""
    done = subprocess.run([BUILD / "tests" / "bench" / "bench_unback", stream, str(MEMORY_MIB),
                           str(pfns), str(buffers), str(int(huge))],
                          check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def told_unback(figures: Figures, title: str, rates: dict[str, float], goal: int) -> None:
    figures.told(f"{title}: page by page", rates["page_by_page"], "GiB/s")
    figures.told(f"{title}: ballonet-device", rates["unback"], "GiB/s")
    figures.told(f"{title}: the whole range at once", rates["whole_range"], "GiB/s")
    figures.at_least(f"{title}: times page by page", rates["unback"] / rates["page_by_page"], goal,
                     "x")
    figures.at_least(f"{title}: of the whole range", 100 * rates["unback"] / rates["whole_range"],
                     60, "%")


@contextmanager
def huge_pages() -> Iterator[None]:
    """Shared memory that asks for huge pages gets them, as on a host that is set up for VMs."""
    before = SHMEM_HUGE.read_text(encoding="ascii").split("[")[1].split("]")[0]
    SHMEM_HUGE.write_text("advise", encoding="ascii")
    try:
        yield
    finally:
        SHMEM_HUGE.write_text(before, encoding="ascii")


def unback(figures: Figures) -> None:
    with tempfile.TemporaryDirectory(prefix="ballonet-bench-") as name:
        folder = Path(name)
        told_unback(figures, "4 KiB pages, per CPU second",
                    run_unback(record(folder, BALLOON), *STOCK_BUFFERS, False), 10)
        with huge_pages():
            told_unback(figures, "huge pages, per CPU second",
                        run_unback(record(folder, module("6.1")), *OUR_BUFFERS, True), 50)


def squeeze(figures: Figures) -> None:
    with Guest(stock_spec("stock")) as guest:
        guest.run("touch", 600, 0)
        stock_s, stock_cpu_s = stock_squeeze(guest)
        stock_left = guest.footprint().resident_b
    with DeviceGuest(Spec(name="device", memory_mib=MEMORY_MIB), ("--no-reporting",)) as guest:
        control = guest.control()
        guest.run("touch", 600, 0)
        loop_cpu_s, keeper_cpu_s = map(thread_cpu_s, (guest.process.pid, guest.device.process.pid))
        start, cpu_s = time.monotonic(), device_cpu_s(guest, control)
        for size_b in (SQUEEZE_B, 0):
            control.balloon(size_b)
            control.follow("balloon", lambda state: state["balloon_b"] == size_b, 60)
        ours_s, ours_cpu_s = time.monotonic() - start, device_cpu_s(guest, control) - cpu_s
        loop_cpu_s = thread_cpu_s(guest.process.pid) - loop_cpu_s
        keeper_cpu_s = thread_cpu_s(guest.device.process.pid) - keeper_cpu_s
        left = guest.footprint().resident_b
        state = control.ask_state()
    figures.told("squeeze of 512 MiB: CPU of QEMU's device", 1000 * stock_cpu_s, "ms")
    figures.told("squeeze of 512 MiB: CPU of ballonet-device", 1000 * ours_cpu_s, "ms")
    figures.told("squeeze of 512 MiB: of that the keeper", 1000 * keeper_cpu_s, "ms")
    figures.at_most("squeeze of 512 MiB: of QEMU's device", 100 * ours_cpu_s / stock_cpu_s, 25, "%")
    figures.told("squeeze of 512 MiB: QEMU's main loop beside it", 1000 * loop_cpu_s, "ms")
    figures.told("squeeze of 512 MiB: QEMU's device, start to end", stock_s, "s")
    figures.told("squeeze of 512 MiB: ballonet-device, start to end", ours_s, "s")
    figures.told("squeeze of 512 MiB: resident after it, QEMU's", stock_left / MIB, "MiB")
    figures.told("squeeze of 512 MiB: resident after it, ours", left / MIB, "MiB")
    figures.told("squeeze of 512 MiB: punches", state["punches"], "")


def press(figures: Figures) -> None:
    for huge in (False, True):
        for clearing in (True, False):
            with huge_folder() if huge else nullcontext() as folder:
                told_press(figures, folder, "init_on_alloc=1" if clearing else "init_on_alloc=0")


def told_press(figures: Figures, huge: Path | None, append: str) -> None:
    """Both on the same backing, in guests that clear what they allocate (Debian's do), or not."""
    title = f"press of 512 MiB, {'huge' if huge else '4 KiB'} pages, {append}"
    with Guest(replace(stock_spec("stock"), append=append, memory_folder=huge)) as guest:
        guest.run("touch", 600, 0)
        stock_s, _ = stock_squeeze(guest)
    press_s = median_press_s(huge, append)
    figures.told(f"{title}: stock inflate and deflate", 1000 * stock_s, "ms")
    figures.told(f"{title}: press", 1000 * press_s, "ms")
    figures.at_least(f"{title}: times faster", stock_s / press_s, 50, "x")


def median_press_s(huge: Path | None, append: str) -> float:
    """Of three presses by ballonet.ko, each after the guest has touched and freed 600 MiB."""
    times = []
    spec = Spec(name="press", memory_mib=MEMORY_MIB, driver=module("6.1"), append=append,
                memory_folder=huge)
    with DeviceGuest(spec, ["--huge"] if huge else []) as guest:
        control = guest.control()
        for _ in range(3):
            guest.run("touch", 600, 0)
            wanted = control.ask_state()["press_seq"] + 1
            start = time.monotonic()
            control.send(f"press {SQUEEZE_B}")
            while control.state["pressed_seq"] != wanted:
                control.read(20)
            times.append(time.monotonic() - start)
            if control.state["pressed_b"] < 0.9 * SQUEEZE_B:
                raise RuntimeError(f"pressed {control.state['pressed_b'] // MIB} MiB only")
    return statistics.median(times)


def idle(figures: Figures) -> None:
    with DeviceGuest(Spec(name="idle", memory_mib=MEMORY_MIB)) as guest:
        control = guest.control()
        times = []
        for _ in range(200):
            start = time.monotonic()
            control.ask_stats()
            times.append(time.monotonic() - start)
        time.sleep(3)  # what booting freed is reported by then
        start, cpu_s = time.monotonic(), device_cpu_s(guest, control)
        time.sleep(NOISE_S)
        used = (device_cpu_s(guest, control) - cpu_s) / (time.monotonic() - start)
        resident = sum(resident_b(pid) for pid in (guest.device.process.pid, control.ask_state()["worker"]))
    figures.at_most("statistics, round trip: median", 1000 * statistics.median(times), 2, "ms")
    figures.told("statistics, round trip: 90th percentile", 1000 * sorted(times)[180], "ms")
    figures.at_most("idle: share of a core", 100 * used, 0.1, "%")
    figures.at_most("resident, keeper and worker together", resident / MIB, 4, "MiB")


def resident_b(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


def main(wanted: list[str]) -> int:
    figures = Figures("device", accelerator())
    for story in (unback, squeeze, press, idle):
        if wanted and story.__name__ not in wanted:
            continue
        try:
            story(figures)
        except (OSError, AgentError, DeviceError, RuntimeError,
                subprocess.CalledProcessError) as error:
            figures.failed(story.__name__, error)
    print(f"written to {figures.write()}")
    return 0 if figures.reached else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
