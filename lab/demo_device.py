# SPDX-License-Identifier: GPL-2.0-or-later
"""tools/demo device: a guest on ballonet-device is squeezed, and loses its worker on the way.

In:  a built ballonet-device.
Out: a line per step; exit status 1 when nothing was won.
"""
import os
import signal
import sys
import time

from lab.device import DeviceGuest
from lab.guest import MIB, Spec

SQUEEZE_B = 512 * MIB


def tell(text: str) -> None:
    print(text, flush=True)


def main() -> int:
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
        return 0 if won > 0.8 * SQUEEZE_B else 1


if __name__ == "__main__":
    sys.exit(main())
