# SPDX-License-Identifier: GPL-2.0-or-later
"""Fake QEMUs: the monitor of a QEMU and the memory of its guest, without a guest.

In:  what each VM is like and what befalls it (Wishes), from a test.
Out: FakeHost, a process with any number of FakeQemu in it, each behind a QMP socket of its own.

A guest's RAM is a real mapping of a memory file, and what its balloon takes is punched out of it,
so that the daemon measures what it would measure on a host. Times are of CLOCK_MONOTONIC, which
the test and this process share.
"""
import ctypes
import heapq
import json
import mmap
import os
import random
import resource
import selectors
import shutil
import socket
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lab.cache import ROOT
from lab.process import Process, own_folder, wait_for

MIB = 1 << 20
UNKNOWN = (1 << 64) - 1
LIBC = ctypes.CDLL(None)
PUNCH = 3  # FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE
MOVE_S = 0.02  # a balloon that moves is moved this often
EVENT_PAUSE_S = 1.0  # QEMU tells of a balloon at most once in this time
START_S = 30
WORDS_MAX = 20
GREETING = {"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 22}, "package": ""},
                    "capabilities": ["oob"]}}


@dataclass
class Wishes:
    """A VM, and what befalls it. Everything but ram_mib may be changed while it runs."""

    name: str
    ram_mib: int = 256
    backed_mib: int = -1          # of it, what the host has given so far; -1: all
    mapped: bool = True           # its RAM is there; hundreds of fakes do without
    used_mib: int = 48
    cache_mib: int = 16
    balloon_mib: int = 0          # what its balloon holds at first, by somebody else's wish
    interval_s: int = 0           # guest-stats-polling-interval
    inflate_mib_s: float = 128
    deflate_mib_s: float = 2000
    lag_s: float = 0              # from a new target to the moment the guest begins to follow it
    reply_s: Any = 0              # how long QEMU takes for a reply; [least, most]: at random
    status: str = "running"
    no_driver: bool = False
    mute: bool = False            # reads, and answers nothing
    deaf: bool = False            # neither accepts nor reads
    greeting: str | None = None   # instead of QEMU's, as it is
    errors: dict[str, str] = field(default_factory=dict)   # of a command: the class of its error
    answers: dict[str, str] = field(default_factory=dict)  # of a command: a line instead
    lose_after: str | None = None  # the connection is lost as soon as this command is carried out
    extra_mib: list[int] = field(default_factory=list)  # added to query-balloon's next answers
    quiet: bool = False           # tells of no change of its balloon
    swap_out_mib: int = 0


class Memory:
    """RAM in a memory file: its balloon takes pages from the end."""

    def __init__(self, size: int, backed: int) -> None:
        self.fd = os.memfd_create("ram")
        os.ftruncate(self.fd, size)
        self.map = mmap.mmap(self.fd, size)  # what the daemon looks for in /proc/PID/maps
        if backed:
            os.posix_fallocate(self.fd, 0, backed)

    def punch(self, start: int, end: int) -> None:
        if end > start:
            LIBC.fallocate(self.fd, PUNCH, ctypes.c_long(start), ctypes.c_long(end - start))

    def resident(self) -> int:
        return os.fstat(self.fd).st_blocks * 512


class Vm:
    """One fake QEMU inside the process."""

    def __init__(self, rack: "Rack", wishes: Wishes, path: str) -> None:
        self.rack, self.is_, self.path = rack, wishes, path
        self.ram = wishes.ram_mib * MIB
        backed = self.ram if wishes.backed_mib < 0 else wishes.backed_mib * MIB
        self.memory = Memory(self.ram, backed) if wishes.mapped else None
        self.target = self.actual = self.ram - wishes.balloon_mib * MIB
        self.follow_s = self.moved_s = 0.0  # it follows its target from then on; last moved
        self.told_s = 0.0
        self.told = self.actual
        self.update_s = self.faults = 0
        self.targets: list[list[float]] = []  # [when, bytes that are to remain]
        self.commands = self.accepted = 0
        self.words: list[str] = []  # of this connection, the first of them
        self.asked_s = 0.0  # when statistics were last asked for, and the longest pauses
        self.gap_s = {"calm": 0.0, "inflating": 0.0}
        self.client: socket.socket | None = None
        self.buffer = b""
        self.free_s = 0.0  # QEMU is done with the last reply then
        self.listener: socket.socket | None = None
        self.listen()

    # ------------------------------------------------------------ connections

    def listen(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(1)
        self.listener.setblocking(False)
        self.watch()

    def die(self) -> None:
        self.drop()
        if self.listener:
            self.rack.unwatch(self.listener)
            self.listener.close()
            self.listener = None
            os.unlink(self.path)

    def come_back(self) -> None:
        """Another QEMU is at its socket: a balloon of the one before is gone with it."""
        self.target = self.actual = self.told = self.ram
        self.is_.interval_s = 0
        if not self.listener:
            self.listen()

    def drop(self) -> None:
        if self.client:
            self.rack.unwatch(self.client)
            self.client.close()
        self.client, self.buffer, self.asked_s = None, b"", 0.0
        self.watch()

    def watch(self) -> None:
        """QEMU serves one client at a time, and a deaf one none."""
        if self.listener:
            self.rack.watch(self.listener, self.accept, not self.client and not self.is_.deaf)
        if self.client:
            self.rack.watch(self.client, self.read, not self.is_.deaf)

    def accept(self) -> None:
        with suppress(BlockingIOError, AttributeError):  # or not listening since this very turn
            self.client = self.listener.accept()[0]
            self.client.setblocking(False)
            self.accepted += 1
            self.words = []
            self.watch()
            text = self.is_.greeting
            self.reply((json.dumps(GREETING) + "\r\n" if text is None else text).encode())

    def read(self) -> None:
        if not self.client:
            return  # dropped in this very turn
        try:
            data = self.client.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.drop()
            return
        *lines, self.buffer = (self.buffer + data).split(b"\n")
        for line in lines:
            if self.client and not self.is_.mute:
                self.take(json.loads(line))

    def reply(self, data: bytes) -> None:
        """Sends it when QEMU is done with it: one reply after the other."""
        took = self.is_.reply_s
        took = random.uniform(*took) if isinstance(took, list) else took
        client = self.client
        self.free_s = max(self.free_s, time.monotonic()) + took
        if took:
            self.rack.at(self.free_s, lambda: self.send(data, client))
        else:
            self.send(data, client)

    def send(self, data: bytes, client: socket.socket | None = None) -> None:
        client = client or self.client
        if client and client is self.client:
            try:
                client.sendall(data)
            except OSError:
                self.drop()  # also one that reads so slowly that its socket is full

    def event(self, word: str, **data: Any) -> None:
        now = time.time()
        stamp = {"seconds": int(now), "microseconds": int(now % 1 * 1e6)}
        self.send((json.dumps({"timestamp": stamp, "event": word, "data": data}) + "\r\n").encode())

    # --------------------------------------------------------------- commands

    def take(self, message: dict[str, Any]) -> None:
        name, args = message["execute"], message.get("arguments", {})
        word = args["property"] if "property" in args and name == "qom-get" else name
        self.commands += 1
        if len(self.words) < WORDS_MAX:
            self.words.append(word)
        if word in self.is_.errors:
            body = {"error": {"class": self.is_.errors[word], "desc": "no such thing"}}
        else:
            body = {"return": self.execute(word, args)}
            if body["return"] is None:
                body = {"error": {"class": "CommandNotFound", "desc": f"no {word}"}}
        line = self.is_.answers.get(word, json.dumps(body))
        if self.is_.lose_after == word and (word != "balloon" or args["value"] < self.ram):
            self.is_.lose_after = None
            self.drop()
        else:
            self.reply(line.encode() + b"\r\n")

    def execute(self, word: str, args: dict[str, Any]) -> Any:
        extra = 0
        if word == "query-balloon" and self.is_.extra_mib:
            extra = self.is_.extra_mib.pop(0) * MIB
        match word:
            case "query-status":
                return {"status": self.is_.status, "running": self.is_.status == "running"}
            case "query-name":
                return {"name": self.is_.name}
            case "query-uuid":
                return {"UUID": str(uuid.uuid5(uuid.NAMESPACE_OID, self.is_.name))}
            case "qom-list":
                found = [{"name": "balloon0", "type": "child<virtio-balloon-pci>"}]
                return found if args["path"] == "/machine/peripheral" else []
            case "query-memory-size-summary":
                return {"base-memory": self.ram, "plugged-memory": 0}
            case "query-balloon":
                return {"actual": self.actual + extra}
            case "free-page-reporting":
                return False
            case "guest-stats-polling-interval":
                return self.is_.interval_s
            case "guest-stats":
                return self.statistics()
            case "qom-set":
                starts = args["value"] and not self.is_.interval_s
                self.is_.interval_s = args["value"]
                if starts:
                    self.guest_answers()
            case "balloon":
                self.set_target(min(args["value"], self.ram))
            case "qmp_capabilities":
                pass
            case _:
                return None
        return {}

    def set_target(self, target: int) -> None:
        self.targets.append([time.monotonic(), target])
        if self.target == self.actual != target:  # a driver that begins reads what is wanted then
            self.follow_s = time.monotonic() + self.is_.lag_s
        self.target = target
        self.moved_s = max(self.follow_s, time.monotonic())
        self.move()

    def guest_answers(self) -> None:
        if not self.is_.no_driver and self.is_.status == "running":
            self.update_s = int(time.time())
            self.faults += 7

    def statistics(self) -> dict[str, Any]:
        now = time.monotonic()
        if self.asked_s:
            kind = "inflating" if self.target < self.ram else "calm"
            self.gap_s[kind] = max(self.gap_s[kind], now - self.asked_s)
        self.asked_s = now
        interval = self.is_.interval_s
        if interval and time.time() >= self.update_s + interval:
            self.guest_answers()
        free = max(self.actual - (self.is_.used_mib + self.is_.cache_mib) * MIB, 0)
        known = {"free-memory": free, "total-memory": self.ram,
                 "available-memory": free + self.is_.cache_mib * MIB,
                 "disk-caches": self.is_.cache_mib * MIB, "major-faults": 100,
                 "minor-faults": self.faults, "swap-in": 0,
                 "swap-out": self.is_.swap_out_mib * MIB}
        return {"stats": {f"stat-{key}": value if self.update_s else UNKNOWN
                          for key, value in known.items()}, "last-update": self.update_s}

    # ------------------------------------------------------------ the balloon

    def move(self) -> None:
        """The guest follows its target, at its own pace; what the balloon takes is given back."""
        now = time.monotonic()
        held = self.is_.no_driver or self.is_.status != "running" or now < self.follow_s
        if held or self.actual == self.target:
            self.moved_s = now
        else:
            inflates = self.target < self.actual
            rate = self.is_.inflate_mib_s if inflates else self.is_.deflate_mib_s
            step = int((now - self.moved_s) * rate) * MIB
            if step:
                self.moved_s = now
                before = self.actual
                self.actual = (max(before - step, self.target) if inflates
                               else min(before + step, self.target))
                self.punch(before)
        self.tell()
        if self.actual != self.target or self.told != self.actual:
            self.rack.at(now + MOVE_S, self.move, key=id(self))

    def punch(self, end: int) -> None:
        if self.memory:
            self.memory.punch(self.actual, end)

    def tell(self) -> None:
        now = time.monotonic()
        if self.actual != self.told and now >= self.told_s + EVENT_PAUSE_S:
            self.told, self.told_s = self.actual, now
            if not self.is_.quiet:
                self.event("BALLOON_CHANGE", actual=self.actual)

    # ---------------------------------------------------------------- the hand

    def set(self, **wishes: Any) -> None:
        for key, value in wishes.items():
            setattr(self.is_, key, value)
        self.watch()
        self.move()

    def own_balloon(self, mib: int) -> None:
        """Somebody else sets its balloon, at once."""
        self.target = self.actual = self.ram - mib * MIB
        self.punch(self.ram)
        self.move()

    def say(self, text: str) -> None:
        """The bytes of @text (latin-1), as they are."""
        self.send(text.encode("latin-1"))

    def forget_gaps(self) -> None:
        self.gap_s = dict.fromkeys(self.gap_s, 0.0)
        self.asked_s = 0.0

    def state(self) -> dict[str, Any]:
        return {"target": self.target, "actual": self.actual, "ram": self.ram,
                "balloon_mib": (self.ram - self.actual) / MIB, "targets": self.targets,
                "resident": self.memory.resident() if self.memory else 0, "interval_s": self.is_.interval_s,
                "connected": self.client is not None, "accepted": self.accepted,
                "commands": self.commands, "words": self.words, "gap_s": self.gap_s, "wishes": asdict(self.is_)}


class Rack:
    """The process: all its VMs in one loop, and the hand of the test."""

    def __init__(self, path: str) -> None:
        self.selector = selectors.DefaultSelector()
        self.timers: list[tuple[float, int, Any, Callable[[], None]]] = []
        self.count = 0
        self.keys: set[Any] = set()
        self.vms: dict[str, Vm] = {}
        self.late_s = 0.0
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(1)
        self.hand = listener.accept()[0]
        self.words = self.hand.makefile("rwb")
        self.watch(self.hand, self.obey, True)

    def watch(self, sock: socket.socket, handle: Callable[[], None], wanted: bool) -> None:
        watched = sock in self.selector.get_map()
        if wanted and not watched:
            self.selector.register(sock, selectors.EVENT_READ, handle)
        elif watched and not wanted:
            self.selector.unregister(sock)

    def unwatch(self, sock: socket.socket) -> None:
        self.watch(sock, lambda: None, False)

    def at(self, when: float, do: Callable[[], None], key: Any = None) -> None:
        """@key: it waits once only."""
        if key is None or key not in self.keys:
            self.keys.add(key)
            self.count += 1
            heapq.heappush(self.timers, (when, self.count, key, do))

    def obey(self) -> None:
        line = self.words.readline()
        if not line:
            sys.exit(0)
        name, what, args, more = json.loads(line)
        if what == "add":
            self.vms[name] = Vm(self, Wishes(**more["wishes"]), more["path"])
            answer = None
        elif what == "lateness":
            answer, self.late_s = self.late_s, 0.0
        elif what == "states":
            answer = {vm.is_.name: vm.state() for vm in self.vms.values()}
        else:
            answer = getattr(self.vms[name], what)(*args, **more)
        self.words.write(json.dumps(answer).encode() + b"\n")
        self.words.flush()

    def run(self) -> None:
        while True:
            wait = max(self.timers[0][0] - time.monotonic(), 0) if self.timers else None
            for key, _ in self.selector.select(wait):
                key.data()
            while self.timers and self.timers[0][0] <= time.monotonic():
                when, _, key, do = heapq.heappop(self.timers)
                self.late_s = max(self.late_s, time.monotonic() - when)
                self.keys.discard(key)
                do()


# ------------------------------------------------------------- the side of a test


class FakeQemu:
    """The hand of a test on one fake; each method of Vm's hand is one of this."""

    def __init__(self, host: "FakeHost", name: str, qmp: Path) -> None:
        self.host, self.name, self.qmp = host, name, qmp

    def set(self, **wishes: Any) -> None:
        known = {row.name for row in fields(Wishes)}
        assert wishes.keys() <= known, wishes.keys() - known
        self.host.do(self.name, "set", **wishes)

    def state(self) -> SimpleNamespace:
        return SimpleNamespace(**self.host.do(self.name, "state"))

    def __getattr__(self, what: str) -> Callable[..., Any]:
        if what not in ("drop", "die", "listen", "say", "event", "own_balloon", "forget_gaps",
                        "come_back"):
            raise AttributeError(what)
        return lambda *args, **more: self.host.do(self.name, what, *args, **more)

    def wait(self, what: str, condition: Callable[[SimpleNamespace], bool],
             deadline_s: float = START_S) -> SimpleNamespace:
        """Its state once @condition holds for it."""
        def holds() -> SimpleNamespace | None:
            state = self.state()
            return state if condition(state) else None
        return wait_for(f"{what} of {self.name}", holds, deadline_s, 0.01)


class FakeHost:
    """A process with fake QEMUs in it, as a context manager."""

    def __init__(self) -> None:
        self.folder = own_folder("fakes")
        self.process = Process("fakeqemu", [sys.executable, "-m", "lab.fakeqemu",
                                            str(self.folder / "hand")],
                               self.folder / "log", env={"PYTHONPATH": str(ROOT)})
        self._hand = socket.socket(socket.AF_UNIX)
        wait_for("fake QEMUs", self._connect, START_S)
        self._words = self._hand.makefile("rwb")

    def _connect(self) -> bool:
        return self._hand.connect_ex(str(self.folder / "hand")) == 0

    def add(self, name: str, **wishes: Any) -> FakeQemu:
        path = self.folder / f"{name}.qmp"
        self.do(name, "add", wishes=asdict(Wishes(name, **wishes)), path=str(path))
        return FakeQemu(self, name, path)

    def do(self, vm: str, what: str, /, *args: Any, **more: Any) -> Any:
        line = b""
        with suppress(ConnectionError):
            self._words.write(json.dumps([vm, what, args, more]).encode() + b"\n")
            self._words.flush()
            line = self._words.readline()
        if not line:
            raise RuntimeError((self.folder / "log").read_text(errors="replace")[-3000:])
        return json.loads(line)

    def lateness(self) -> float:
        """By how much the process was late at most since the last call: what the machine does."""
        return self.do("", "lateness")

    def states(self) -> dict[str, SimpleNamespace]:
        return {name: SimpleNamespace(**state) for name, state in self.do("", "states").items()}

    def wait(self, what: str, condition: Callable[[dict[str, SimpleNamespace]], bool],
             deadline_s: float = START_S) -> dict[str, SimpleNamespace]:
        """The states of all once @condition holds for them."""
        def hold() -> dict[str, SimpleNamespace] | None:
            states = self.states()
            return states if condition(states) else None
        return wait_for(what, hold, deadline_s, 0.05)

    def __enter__(self) -> "FakeHost":
        return self

    def __exit__(self, *exc: object) -> None:
        self._words.close()
        self._hand.close()
        self.process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


if __name__ == "__main__":
    _, MOST = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST, MOST))
    Rack(sys.argv[1]).run()
