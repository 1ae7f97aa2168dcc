# SPDX-License-Identifier: GPL-2.0-or-later
"""ballonet-device under the lab's hand, a guest that has it, and a client of its control socket.

In:  a guest's Spec, options of the device.
Out: DeviceGuest (a Guest whose balloon is ours), Control (commands, state, statistics).
"""
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from lab.cache import BUILD
from lab.guest import Guest, Spec
from lab.newqemu import new_qemu
from lab.process import Process, wait_for

START_DEADLINE_S = 60
ANSWER_DEADLINE_S = 5
LEASE_S = 60
CONFIG_B = 32  # include/ballonet/virtio_balloon.h, BALLOON_CONFIG_SIZE


class DeviceError(Exception):
    """The device refused a command."""


class Control:
    """One client of the control socket; what it was told last is kept."""

    def __init__(self, path: Path) -> None:
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.connect(str(path))
        self._rest = b""
        self.stats_seen = 0
        self.stats: dict[str, int] = {}
        self.state: dict[str, int] = {}

    def close(self) -> None:
        self._sock.close()

    def send(self, line: str) -> None:
        self._sock.sendall(line.encode() + b"\n")

    def read(self, deadline_s: float = ANSWER_DEADLINE_S) -> str:
        """Takes one line in, and returns its first word."""
        end = time.monotonic() + deadline_s
        while b"\n" not in self._rest:
            self._sock.settimeout(max(end - time.monotonic(), 0.001))
            data = self._sock.recv(65536)
            if not data:
                raise DeviceError("the device closed the connection")
            self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        word, _, text = line.decode().partition(" ")
        if word == "error":
            raise DeviceError(text)
        values = {key: int(value, 0) for key, value in
                  (pair.split("=", 1) for pair in text.split())}
        if word == "state":
            self.state = values
        else:
            self.stats = values
            self.stats_seen += 1
        return word

    def drain(self) -> None:
        """Takes in what came unasked: it is of before now."""
        self._sock.setblocking(False)
        try:
            while self._sock.recv(65536):
                pass
        except BlockingIOError:
            pass
        self._rest = b""

    def ask_state(self) -> dict[str, int]:
        self.drain()
        self.send("state")
        while self.read() != "state":
            pass
        return self.state

    def ask_stats(self) -> dict[str, int]:
        """Statistics of now: asks, and waits for the guest's answer."""
        seen = self.stats_seen
        self.send("stats")
        while self.stats_seen == seen:
            self.read()
        return self.stats

    def balloon(self, size_b: int, lease_s: int = LEASE_S) -> None:
        self.send(f"balloon {size_b} {lease_s}")

    def wait(self, what: str, condition, deadline_s: float) -> dict[str, int]:
        """The state once @condition holds for it."""
        def holds() -> dict[str, int] | None:
            state = self.ask_state()
            return state if condition(state) else None
        try:
            return wait_for(what, holds, deadline_s, 0.02)
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {self.state}") from error


    def follow(self, what: str, condition, deadline_s: float) -> dict[str, int]:
        """The same by what the device tells unasked, which costs it nothing more."""
        end = time.monotonic() + deadline_s
        while not condition(self.state):
            if time.monotonic() >= end:
                raise TimeoutError(f"{what} after {deadline_s} s: {self.state}")
            self.read(deadline_s)
        return self.state


class Device:
    """ballonet-device, listening."""

    def __init__(self, name: str = "device", options: Iterable[str] = ()) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"ballonet-lab-device-{name}-"))
        self.vhost, self.control_path = (self.folder / socket for socket in ("vhost", "control"))
        self.process: Process | None = None
        self._options = tuple(options)

    def __enter__(self) -> "Device":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @staticmethod
    def binary() -> Path:
        return BUILD / "src" / "device" / "ballonet-device"

    def start(self) -> None:
        self.process = Process("ballonet-device", [
            self.binary(), "--socket", self.vhost, "--control", self.control_path, *self._options],
            self.folder / "log")
        wait_for("socket of ballonet-device", self._listens, START_DEADLINE_S)

    def close(self) -> None:
        if self.process:
            self.process.stop(signal.SIGTERM)
        for path in self.folder.iterdir():
            path.unlink()
        self.folder.rmdir()

    def control(self) -> Control:
        return Control(self.control_path)

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def _listens(self) -> bool:
        if self.process.returncode is not None:
            raise DeviceError(f"ballonet-device ended with {self.process.returncode}: {self.log()}")
        return self.vhost.exists() and self.control_path.exists()


@contextmanager
def huge_folder() -> Iterator[Path]:
    """A file system in memory that gives huge pages to who asks, as QEMU does for its guests."""
    with tempfile.TemporaryDirectory(prefix="ballonet-huge-") as name:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "huge=advise", "tmpfs", name], check=True)
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "--lazy", name], check=True)


class DeviceGuest(Guest):
    """A guest on the newer QEMU, with ballonet-device for its balloon."""

    def __init__(self, spec: Spec, options: Iterable[str] = ()) -> None:
        self.device = Device(spec.name, options)
        super().__init__(replace(
            spec, qemu=str(new_qemu()), memfd=True, balloon=False,
            qemu_args=(*spec.qemu_args,
                       "-chardev", f"socket,id=balloon,path={self.device.vhost}", "-device",
                       "vhost-user-test-device-pci,virtio-id=5,num_vqs=5,vq_size=128,"
                       f"config_size={CONFIG_B},chardev=balloon")))

    def start(self) -> None:
        self.device.start()
        super().start()

    def close(self) -> None:
        super().close()
        self.device.close()

    @property
    def control_path(self) -> Path:
        return self.device.control_path

    def control(self) -> Control:
        return self.device.control()

    def memfd_b(self) -> int:
        """Host bytes that back the guest's memory."""
        return self.control_state()["resident_b"]

    def control_state(self) -> dict[str, int]:
        control = self.control()
        try:
            return control.ask_state()
        finally:
            control.close()

    def worker_pid(self) -> int:
        return self.control_state()["worker"]
