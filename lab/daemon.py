# SPDX-License-Identifier: GPL-2.0-or-later
"""ballonetd under the lab's hand, a client of its control API, and a watcher of what it decides.

In:  the guests it shall manage, and settings.
Out: Daemon (start, stop, kill, API), Watch (each phase a guest goes through, with the reason).

Statements of the daemon are used to know *when* something was decided; *what* was won is measured
by the lab itself (footprint.py).
"""
import http.client
import json
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.cache import BUILD
from lab.footprint import now_us
from lab.guest import AloneGuest, Guest
from lab.host import ShortHost
from lab.process import Process, own_folder, wait_for

START_DEADLINE_S = 60
REQUEST_DEADLINE_S = 5
COMMAND_DEADLINE_S = 120
GUARDIAN_AFTER_S = 5  # a daemon that is silent for as long is taken to hang; the default
Settings = Mapping[str, str]
# what shows page cache being pressed: the default profile leaves it alone on a host with room
KEEN: Settings = {"profile": "keen"}


class ApiError(Exception):
    """The daemon refused a request."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=REQUEST_DEADLINE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Daemon:
    """One ballonetd that manages the given guests only, as a context manager."""

    def __init__(self, guests: Iterable[Guest], defaults: Settings | None = None,
                 per_guest: Mapping[str, Settings] | None = None,
                 arguments: Iterable[str] = (), host: ShortHost | None = None,
                 prefix: Iterable[str] = (), guardian_after_s: int = GUARDIAN_AFTER_S) -> None:
        """@host: what it takes for this machine's memory; @prefix: a command that starts it."""
        self._guardian_after_s = guardian_after_s
        self.folder = own_folder("ballonetd")
        self.control = self.folder / "control"
        self.journal = self.folder / "journal"
        self.log = self.folder / "daemon.log"
        self.config = self.folder / "ballonet.yaml"
        self._head = f"host_cgroup: /{host.cgroup.name}\n" if host else ""
        self.configure(guests, defaults, per_guest)
        self._prefix = list(prefix)
        self._arguments = list(arguments)
        self.process: Process | None = None

    @staticmethod
    def binary() -> Path:
        return BUILD / "src" / "daemon" / "ballonetd"

    def __enter__(self) -> "Daemon":
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def start(self) -> None:
        """Returns when it answers on its control socket."""
        argv = [*self._prefix, self.binary(), *self._which_configuration(), *self._arguments]
        self.process = Process("ballonetd", argv, self.log)
        wait_for("answer of ballonetd", self._answers, START_DEADLINE_S)

    def configure(self, guests: Iterable[Guest], defaults: Settings | None = None,
                  per_guest: Mapping[str, Settings] | None = None) -> None:
        """Writes its file; one that runs reads it at SIGHUP."""
        text = self._head + self._config(guests, defaults or {}, per_guest or {})
        self.config.write_text(text, encoding="utf-8")

    def close(self) -> None:
        if self.process:
            self.process.stop(signal.SIGTERM)
        shutil.rmtree(self.folder, ignore_errors=True)

    # --------------------------------------------------------------- the API

    def vms(self) -> list[dict[str, Any]]:
        return self._json("GET", "/v1/vms")["vms"]

    def vm(self, name: str) -> dict[str, Any]:
        return self._json("GET", f"/v1/vms/{name}")

    def why(self, name: str) -> dict[str, Any]:
        return self._json("GET", f"/v1/vms/{name}/why")

    def squeeze(self, name: str) -> None:
        self._call("POST", f"/v1/vms/{name}/squeeze")

    def release(self, name: str) -> None:
        self._call("POST", f"/v1/vms/{name}/release")

    def host(self) -> dict[str, Any]:
        return self._json("GET", "/v1/host")

    def command(self, *words: str) -> tuple[int, str]:
        """`ballonet WORDS`: its exit status, and what it said."""
        argv = [BUILD / "src" / "cli" / "ballonet", "--socket", self.control, *words]
        done = subprocess.run(argv, capture_output=True, text=True, check=False,
                              timeout=COMMAND_DEADLINE_S)
        return done.returncode, (done.stdout + done.stderr).strip()

    def metrics(self) -> str:
        return self._call("GET", "/metrics").decode()

    def wait_vm(self, name: str, what: str, condition: Callable[[dict[str, Any]], bool],
                deadline_s: float) -> dict[str, Any]:
        """The VM's record once @condition holds for it."""
        last: dict[str, Any] = {}

        def holds() -> dict[str, Any] | None:
            last.clear()
            last.update(self.vm(name))
            return last if condition(last) else None
        try:
            return wait_for(f"{what} of {name}", holds, deadline_s, 0.02)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; phase {last.get('phase')}, {last.get('why')}\n"
                               f"{self.tail()}") from error

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]

    def _json(self, method: str, path: str) -> dict[str, Any]:
        return json.loads(self._call(method, path))

    def _call(self, method: str, path: str) -> bytes:
        connection = _UnixConnection(self.control)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise ApiError(answer.status, body.decode(errors="replace").strip())
        return body

    def _answers(self) -> bool:
        if self.process.returncode is not None:
            raise RuntimeError(f"ballonetd ended with {self.process.returncode}\n{self.tail()}")
        try:
            self.vms()
        except OSError:
            return False
        return True

    def _which_configuration(self) -> list[str | Path]:
        return ["--config", self.config]

    def _config(self, guests: Iterable[Guest], defaults: Settings,
                per_guest: Mapping[str, Settings]) -> str:
        lines = [f"control: {self.control}", f"journal: {self.journal}",
                 f"state: {self.journal.parent}", "discover: false",
                 f"guardian_after: {self._guardian_after_s}s"]
        if defaults:
            lines += ["defaults:", *(f"  {key}: {value}" for key, value in defaults.items())]
        lines.append("vms:")
        for guest in guests:
            device = getattr(guest, "control_path", None)
            lines += [f"  - name: {guest.name}",
                      f"    device: {device}" if device else f"    qmp: {guest.qmp}"]
        if per_guest:
            lines.append("rules:")
        for name, settings in per_guest.items():
            lines += [f"  - match: {name}",
                      *(f"    {key}: {value}" for key, value in settings.items())]
        return "\n".join(lines) + "\n"


class UnconfiguredDaemon(Daemon):
    """One that reads no file at all and sees only the processes that the guest of @alone sees."""

    def __init__(self, alone: AloneGuest) -> None:
        super().__init__([], prefix=alone.enter())

    def _which_configuration(self) -> list[str | Path]:
        return ["--control", self.control]


class HostMemory:
    """What a daemon takes for the memory of its host: as it is, but for what is available."""

    def __init__(self, folder: Path) -> None:
        self._meminfo = folder / "meminfo"

    def available(self, share: float) -> None:
        """So much of the memory there is."""
        total, rest = Path("/proc/meminfo").read_text(encoding="ascii").split("\n", 1)
        kib = int(int(total.split()[1]) * share)
        lines = (f"MemAvailable: {kib} kB" if line.startswith("MemAvailable:") else line
                 for line in rest.split("\n"))
        # written as a whole and in place: it is mounted
        with open(self._meminfo, "r+" if self._meminfo.exists() else "w", encoding="ascii") as file:
            file.write("\n".join((total, *lines)))
            file.truncate()

    def prefix(self) -> list[str]:
        """Runs a command that sees this for /proc/meminfo."""
        return ["unshare", "--mount", "sh", "-c",
                'mount --bind "$0" /proc/meminfo && exec "$@"', str(self._meminfo)]


@dataclass(frozen=True)
class Event:
    """A guest's phase changed."""

    time_us: int
    name: str
    phase: str
    reason: str
    sentence: str


class Watch(threading.Thread):
    """Follows the phases of all VMs; @tell is called for each change."""

    def __init__(self, daemon: Daemon, tell: Callable[[Event], None] | None = None,
                 interval_s: float = 0.1) -> None:
        super().__init__(name="watch", daemon=True)
        self.events: list[Event] = []
        self._daemon = daemon
        self._tell = tell
        self._interval_s = interval_s
        self._phases: dict[str, str] = {}
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.wait(self._interval_s):
            try:
                vms = self._daemon.vms()
            except (OSError, ApiError, http.client.HTTPException):
                continue  # it was killed or stopped, which is what some scenarios do
            for vm in vms:
                self._look(vm)

    def _look(self, vm: dict[str, Any]) -> None:
        if self._phases.get(vm["name"]) == vm["phase"]:
            return
        self._phases[vm["name"]] = vm["phase"]
        event = Event(now_us(), vm["name"], vm["phase"], vm["reason"], vm["why"])
        self.events.append(event)
        if self._tell:
            self._tell(event)

    def first(self, name: str, phase: str) -> Event | None:
        return next((event for event in list(self.events)
                     if event.name == name and event.phase == phase), None)

    def wait_first(self, name: str, phase: str, deadline_s: float) -> Event:
        return wait_for(f"phase {phase} of {name}", lambda: self.first(name, phase), deadline_s)

    def squeezes(self, name: str) -> list[tuple[int, int]]:
        """When the balloon of @name was up: from the first inflating to the end of deflating."""
        spans, start = [], None
        for event in list(self.events):
            if event.name != name:
                continue
            if event.phase in ("inflating", "holding", "deflating"):
                start = start or event.time_us
            elif start:
                spans.append((start, event.time_us))
                start = None
        return spans

    def __enter__(self) -> "Watch":
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._end.set()
        self.join()
