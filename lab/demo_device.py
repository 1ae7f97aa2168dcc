# SPDX-License-Identifier: GPL-2.0-or-later
"""tools/demo device: one guest is squeezed through ballonet-device, one with ballonet.ko is pressed.

In:  a built ballonet-device and ballonetd.
Out: a line per step, a row per figure, build/bench/demo-device.json; exit status 1 when nothing was
     won.
"""
import os
import signal
import sys
import time

from lab.daemon import KEEN, Daemon, Watch
from lab.device import DeviceGuest
from lab.figures import Figures
from lab.guest import MIB, Spec, accelerator
from lab.headers import module

SQUEEZE_B = 512 * MIB
BIT_PRESSURE, BIT_PRESS = 50, 51
# a demo does not wait to see what is cold
AT_ONCE = {**KEEN, "cache_age": "0s", "cold_probe": "100%"}


def tell(text: str) -> None:
    print(text, flush=True)


def squeezed() -> int:
    """By hand, and the worker is lost on the way; bytes won."""
    tell("booting a guest with Linux 6.1 and its own balloon driver on QEMU 11.1")
    with DeviceGuest(Spec(name="demo"), ("--no-reporting",)) as guest:
        control = guest.control()
        start = time.monotonic()
        stats = control.ask_stats()
        tell(f"statistics in {1000 * (time.monotonic() - start):.2f} ms: "
             f"{stats['4'] // MIB} of {stats['5'] // MIB} MiB are free")
        guest.run("touch", 600, 0)
        before = control.ask_state()
        tell("the guest touched 600 MiB and freed them: "
             f"{before['resident_b'] // MIB} MiB resident")
        start = time.monotonic()
        control.balloon(SQUEEZE_B)
        control.wait("half of the balloon", lambda state: state["balloon_b"] > SQUEEZE_B // 2, 60)
        os.kill(control.ask_state()["worker"], signal.SIGKILL)
        tell("its worker is killed in the midst of the squeeze")
        control.wait("inflated balloon", lambda state: state["balloon_b"] == SQUEEZE_B, 60)
        control.balloon(0)
        state = control.wait("empty balloon", lambda state: state["balloon_b"] == 0, 60)
        took_s = time.monotonic() - start
        tell(f"squeezed by 512 MiB and the balloon is at 0 again, in {took_s:.1f} s: "
             f"{state['resident_b'] // MIB} MiB resident, {state['punches']} system calls, "
             f"{state['restarts']} worker restarted")
        won = before["resident_b"] - state["resident_b"]
        tell(f"the host has {won // MIB} MiB back")
        return won


def pressed() -> tuple[bool, int]:
    """By ballonetd, which acts when it pays; whether bits 50 and 51 were taken, and bytes won."""
    tell("booting a guest with Linux 6.1 and ballonet.ko")
    spec = Spec(name="demo", driver=module("6.1"))
    with DeviceGuest(spec, ("--deflate-on-pressure",)) as guest:
        features = guest.control_state()["features"]
        both = bool(features >> BIT_PRESSURE & 1 and features >> BIT_PRESS & 1)
        tell(f"it took the features 0x{features:x}: bits 50 and 51 {'are' if both else 'are NOT'} in")
        guest.run("read", 600, 1)
        before = guest.control_state()
        tell(f"it read 600 MiB of files once: {before['resident_b'] // MIB} MiB resident")
        with Daemon([guest], defaults=AT_ONCE) as daemon, Watch(daemon) as watch:
            watch.wait_first(guest.name, "inflating", 90)
            tell(f"ballonetd: {daemon.why(guest.name)['sentence']}")
            watch.wait_first(guest.name, "verifying", 60)
            tell(f"ballonetd: {daemon.why(guest.name)['sentence']}")
        state = guest.control_state()
        won = before["resident_b"] - state["resident_b"]
        tell(f"the guest pressed {state['pressed_b'] // MIB} MiB, {state['inflated_b'] // MIB} MiB were "
             f"in a balloon, and the host has {won // MIB} MiB back")
        return both, won


def main() -> int:
    by_hand = squeezed()
    both, by_daemon = pressed()
    figures = Figures("demo-device", accelerator())
    figures.at_least("squeezed by hand, its worker lost: won", by_hand / MIB,
                     0.8 * SQUEEZE_B / MIB, "MiB")
    figures.at_least("bits 50 and 51 taken", both, 1, "")
    figures.at_least("pressed by ballonetd: won", by_daemon / MIB, 200, "MiB")
    print(f"written to {figures.write()}")
    return 0 if figures.reached else 1


if __name__ == "__main__":
    sys.exit(main())
