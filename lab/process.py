# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes that die with the lab, each in a memory cgroup of its own where one can be made.

In:  a command line.
Out: Process, with a pid, a cgroup (or None), signals and an orderly end.

The death signal comes when the *thread* that started the process ends, so processes are started
from the main thread; they are started through setpriv(1), because code between fork and exec is not
safe in a program that has threads.
"""
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
PREFIX = "ballonet-lab"
CGROUP_V1 = Path("/sys/fs/cgroup/memory")
CGROUP_V2 = Path("/sys/fs/cgroup")
JOIN = 'test -z "$1" || echo $$ >"$1/cgroup.procs"; shift; exec setpriv --pdeathsig KILL -- "$@"'


def wait_for(what: str, condition: Callable[[], T], deadline_s: float, step_s: float = 0.05) -> T:
    """The first true value of @condition, or TimeoutError that says what did not come."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"no {what} within {deadline_s:g} s")
        time.sleep(step_s)


def own_folder(name: str, parent: Path | None = None) -> Path:
    """A new temporary folder, which carries our pid; those of labs that are gone are removed."""
    parent = parent or Path(tempfile.gettempdir())
    for old in _orphans(parent):
        shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{PREFIX}.{os.getpid()}.{name}.", dir=parent))


def memory_cgroup(name: str, parent: Path | None = None) -> Path | None:
    """A new memory cgroup, below @parent where one is given, or None where we may not make one."""
    for root, usage in ((CGROUP_V1, "memory.usage_in_bytes"), (CGROUP_V2, "memory.current")):
        if parent and root not in parent.parents:
            continue
        for old in _orphans(root):
            for place in (*filter(Path.is_dir, old.glob("*")), old):
                with suppress(OSError):
                    place.rmdir()  # which the kernel refuses while anything runs in it
        place = (parent or root) / f"{PREFIX}.{os.getpid()}.{name}"
        try:
            place.mkdir()
        except OSError:
            continue
        if (place / usage).exists():
            return place
        place.rmdir()
    return None


def _orphans(folder: Path) -> list[Path]:
    """What a lab that was killed has left in @folder: all it started died with it."""
    found = ((path, path.name.split(".")) for path in folder.glob(f"{PREFIX}.*"))
    return [path for path, words in found
            if words[1].isdigit() and not Path(f"/proc/{words[1]}").exists()]


class Process:
    """One process we started; it is ended by us and by nobody else's name."""

    def __init__(self, name: str, argv: list[str | Path], log: Path, own_cgroup: bool = False,
                 env: Mapping[str, str] | None = None, parent: Path | None = None) -> None:
        """@parent: the cgroup that its own is below."""
        self.name = name
        self.log = log
        self.cgroup = memory_cgroup(name, parent) if own_cgroup else None
        with open(log, "ab") as out:
            self._popen = subprocess.Popen(
                ["sh", "-c", JOIN, "sh", str(self.cgroup or ""), *map(str, argv)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env={**os.environ, **(env or {})}, start_new_session=True)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs."""
        return self._popen.poll()

    def cpu_s(self) -> float:
        """Processor time it has used so far, all threads together."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def send(self, number: int) -> None:
        self._popen.send_signal(number)

    def wait(self, deadline_s: float) -> int:
        return self._popen.wait(deadline_s)

    def stop(self, number: int = signal.SIGKILL, deadline_s: float = 10) -> int:
        """Ends it, if need be by force, and takes its cgroup away."""
        if self.returncode is None:
            self.send(signal.SIGCONT)
            self.send(number)
            try:
                self.wait(deadline_s)
            except subprocess.TimeoutExpired:
                self.send(signal.SIGKILL)
                self.wait(deadline_s)
        if self.cgroup and self.cgroup.exists():
            wait_for(f"end of the cgroup of {self.name}", self._cgroup_removed, deadline_s)
        return self._popen.returncode

    def _cgroup_removed(self) -> bool:
        try:
            self.cgroup.rmdir()
        except OSError:
            return False  # the kernel lets go of the last page a moment after the process
        return True
