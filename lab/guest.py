# SPDX-License-Identifier: GPL-2.0-or-later
"""A real guest: QEMU, a Debian kernel, and the agent at the other end of a virtio-serial port.

In:  Spec, what the machine is like; $BALLONET_BOOTED, a folder for guests that have booted, or none.
Out: Guest: start, ask the agent, footprint, and the QMP socket that a manager may have for itself.

Where there is such a folder, one guest of a kind boots, and what it was when its agent said hello is
saved. Each guest of the kind is a copy of that: as fresh, and up in half a second instead of seven.

The manager's QMP socket is never used by the lab: QEMU talks to one client at a time, so the lab
has a second monitor of its own.
"""
import hashlib
import json
import os
import shutil
import signal
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab.cache import BUILD, locked, made_once
from lab.disk import copy_swap_disk, data_disk, swap_disk
from lab.footprint import Footprint, footprint
from lab.initramfs import BALLOON, initramfs
from lab.kernels import kernel
from lab.process import Process, own_folder, wait_for

QEMU = "qemu-system-x86_64"
AGENT_PORT = "org.ballonet.lab"
BOOT_DEADLINE_S = 180  # 8 to 16 s under TCG; another build may have both cores
PROBE_DEADLINE_S = 20  # KVM that works boots in 2 s, KVM that does not may hang for ever
TB_SIZE_MIB = 32  # TCG's translations count as the guest's resident memory: keep them small
ANSWER_DEADLINE_S = 30
SAVE_DEADLINE_S = 60
SAVE_B_PER_S = 1 << 40  # QEMU's own limit is that of a network
PCI_SLOTS = {"serial": "0x10", "data": "0x11", "swap": "0x12"}  # libvirt gives out lower ones
KERNEL_LINE = "console=ttyS0 loglevel=4 panic=-1 mitigations=off tsc=reliable no_timer_check "
MIB = 1 << 20


@dataclass(frozen=True)
class Spec:
    """A guest as its user would describe it."""

    name: str = "guest"
    series: str = "6.1"
    memory_mib: int = 1024
    vcpus: int = 1
    balloon: bool = True  # the device
    driver: str | Path | None = BALLOON  # the guest's: a module's name, a .ko, or none
    driver_args: str = ""  # parameters of the driver
    spare_drivers: tuple[str | Path, ...] = ()  # for Guest.insmod()
    balloon_args: str = ""  # more properties of the device, after a comma each
    append: str = ""  # more of the kernel's command line
    deflate_on_oom: bool = False
    free_page_reporting: bool = False
    swap_mib: int = 0
    memfd: bool = False
    memory_folder: Path | None = None  # its file is the memory instead, aligned to huge pages
    reboots: bool = False  # a reset starts it again; else it ends
    own_cgroup: bool = True
    host: Path | None = None  # a memory cgroup that its own is below (lab/host.py)
    data: bool = True
    accel: str | None = None  # None: what works on this machine
    tb_size_mib: int = TB_SIZE_MIB  # 0: as QEMU does by itself
    qemu: str = QEMU
    qemu_args: tuple[str, ...] = ()
    boots: bool = False  # by itself, even where it could be a copy of one that has booted


@dataclass(frozen=True)
class Boot:
    """What QEMU starts, as a boot loader would."""

    vmlinuz: Path
    initrd: Path
    append: str


class AgentError(Exception):
    """The agent refused, or the guest is gone."""


class Guest:
    """One running guest, as a context manager; all its files are in a folder of its own."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.name = spec.name
        self.folder = own_folder(spec.name)
        self.qmp = self.folder / "qmp"
        self.console = self.folder / "console.log"
        self.hello: dict[str, Any] = {}
        self.process: Process | None = None
        self._booted: Path | None = None  # what it is a copy of
        self._agent: socket.socket | None = None
        self._rest = b""
        self._last_id = 0

    def __enter__(self) -> "Guest":
        try:
            self.start()
            self.wait_ready()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def start(self) -> None:
        """Starts QEMU and returns at once, so that several can boot side by side."""
        self._booted = booted(self.spec)
        if self._booted:
            copy_swap_disk(self._booted, self.folder)
        argv = self.command(self.spec.accel or accelerator())
        if self._booted:
            argv += ["-incoming", f"exec:cat {self._booted / 'state'}"]
        self.process = Process(self.name, argv, self.folder / "qemu.log", self.spec.own_cgroup,
                               parent=self.spec.host)

    def command(self, accel: str) -> list[str]:
        return qemu_command(self.spec, self.folder, accel, self.boot())

    def boot(self) -> Boot:
        """The lab's own user space, which is just the agent."""
        linux = kernel(self.spec.series)
        return Boot(linux.vmlinuz, initramfs(linux, self.spec.driver, self.spec.driver_args,
                                             self.spec.spare_drivers), self.spec.append)

    def wait_ready(self, deadline_s: float = BOOT_DEADLINE_S) -> None:
        """Returns when the agent has said hello."""
        try:
            self._agent = wait_for(f"agent socket of {self.name}", self._connect, deadline_s)
            if self._booted:
                wait_for(f"copy of {self.name}", self._loaded, deadline_s)
                self.resume()
            self.hello = self.report() if self._booted else self._read_answer(0, deadline_s)
        except (TimeoutError, AgentError) as error:
            raise AgentError(f"{error}\n{self._tails()}") from error

    def close(self) -> None:
        if self._agent:
            self._agent.close()
        if self.process:
            self.process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self) -> None:
        """Ends QEMU as a crash would; the guest's files stay until close()."""
        self.process.stop(signal.SIGKILL)

    def freeze(self) -> None:
        """Stops the whole QEMU process, its monitors too."""
        self.process.send(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send(signal.SIGCONT)

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.returncode is None

    def footprint(self) -> Footprint:
        found = footprint(self.process.pid, self.process.cgroup)
        if not found:
            raise AgentError(f"{self.name}: no footprint, QEMU is gone")
        return found

    # ------------------------------------------------------------- the agent

    def ask(self, *words: object, deadline_s: float = ANSWER_DEADLINE_S) -> dict[str, Any]:
        """Sends one request, returns its answer."""
        self._last_id += 1
        line = " ".join(map(str, (self._last_id, *words))) + "\n"
        try:
            self._agent.sendall(line.encode("ascii"))
        except OSError as error:
            raise AgentError(f"{self.name}: {error}") from error
        answer = self._read_answer(self._last_id, deadline_s)
        if "error" in answer:
            raise AgentError(f"{self.name}: {line.strip()}: {answer['error']}")
        return answer

    def report(self) -> dict[str, Any]:
        """Everything: "release", "now_us", "works", "meminfo_kib", "vmstat"."""
        return self.ask("report")

    def start_work(self, kind: str, mib: int, *arguments: int) -> int:
        """Starts touch, burst, hot or read; returns its number."""
        return self.ask("start", kind, mib, *arguments)["work"]

    def work(self, number: int) -> dict[str, Any]:
        return next(work for work in self.ask("works")["works"] if work["work"] == number)

    def finish(self, number: int, deadline_s: float = 120) -> dict[str, Any]:
        """Waits until a workload has ended, in whatever way."""
        def ended() -> dict[str, Any] | None:
            work = self.work(number)
            return work if work["state"] != "running" else None
        return wait_for(f"end of work {number} in {self.name}", ended, deadline_s)

    def run(self, kind: str, mib: int, *arguments: int, deadline_s: float = 120) -> dict[str, Any]:
        """Runs a workload to its end, which must be a good one."""
        work = self.finish(self.start_work(kind, mib, *arguments), deadline_s)
        if work["state"] != "done":
            raise AgentError(f"{self.name}: {kind} ended as {work['state']}: {work}")
        return work

    def stop_works(self) -> None:
        self.ask("stop")

    def cat(self, path: str) -> str:
        """The beginning of a file in the guest."""
        return self.ask("cat", path)["text"]

    def write(self, path: str, text: str, deadline_s: float = ANSWER_DEADLINE_S) -> int:
        """Writes to a file in the guest; returns how many microseconds that took."""
        return self.ask("write", path, text, deadline_s=deadline_s)["us"]

    def insmod(self, name: str, args: str = "") -> None:
        self.ask("insmod", name, args)

    def rmmod(self, name: str, deadline_s: float = ANSWER_DEADLINE_S) -> None:
        self.ask("rmmod", name, deadline_s=deadline_s)

    def warnings(self, level: int = 4) -> list[str]:
        """What the kernel has said as a warning (level 4) or worse."""
        return self.ask("log", level)["text"].splitlines()

    def _connect(self) -> socket.socket | None:
        if not self.alive:
            raise AgentError(f"QEMU of {self.name} ended with {self.process.returncode}")
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(str(self.folder / "agent"))
        except OSError:
            sock.close()
            return None
        return sock

    def _loaded(self) -> bool:
        if not self.alive:
            raise AgentError(f"QEMU of {self.name} ended with {self.process.returncode}")
        with suppress(FileNotFoundError, ConnectionRefusedError):  # its monitor comes in a moment
            return self.monitor("query-status")["status"] != "inmigrate"
        return False

    def _read_answer(self, wanted: int, deadline_s: float) -> dict[str, Any]:
        end = time.monotonic() + deadline_s
        while True:
            while b"\n" in self._rest:
                line, self._rest = self._rest.split(b"\n", 1)
                answer = json.loads(line)
                if answer["id"] == wanted:
                    return answer
            left = end - time.monotonic()
            if left <= 0:
                raise AgentError(f"{self.name}: the agent did not answer in {deadline_s:g} s")
            self._agent.settimeout(left)
            try:
                data = self._agent.recv(65536)
            except TimeoutError:
                continue
            except OSError as error:
                raise AgentError(f"{self.name}: {error}") from error
            if not data:
                raise AgentError(f"{self.name}: QEMU closed the agent's port")
            self._rest += data

    def _tails(self) -> str:
        """The ends of the guest's console and of QEMU's own words, for whoever has to find out."""
        return "\n".join(f"--- {path.name}\n" + path.read_text(errors="replace")[-2000:]
                         for path in (self.console, self.folder / "qemu.log") if path.exists())

    # ----------------------------------------------------------- the monitor

    def monitor(self, command: str, **arguments: Any) -> Any:
        """One command on the lab's own monitor; each call is a connection of its own."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(ANSWER_DEADLINE_S)
            sock.connect(str(self.folder / "monitor"))
            with sock.makefile("rw", encoding="utf-8") as lines:
                json.loads(lines.readline())
                for name, args in (("qmp_capabilities", {}), (command, arguments)):
                    lines.write(json.dumps({"execute": name, "arguments": args}) + "\n")
                    lines.flush()
                    answer = self._monitor_answer(lines)
        return answer

    @staticmethod
    def _monitor_answer(lines: Any) -> Any:
        while True:
            answer = json.loads(lines.readline())
            if "error" in answer:
                raise AgentError(f"monitor: {answer['error']}")
            if "return" in answer:
                return answer["return"]

    def balloon_actual_b(self) -> int:
        """What QEMU says the guest has left of its memory."""
        return self.monitor("query-balloon")["actual"]

    def pause(self) -> None:
        self.monitor("stop")

    def resume(self) -> None:
        self.monitor("cont")

    def save(self, path: Path) -> None:
        """Pauses the guest, and writes all that it is to a file."""
        def saved() -> bool:
            status = self.monitor("query-migrate")["status"]
            if status == "failed":
                raise AgentError(f"{self.name} could not be saved\n{self._tails()}")
            return status == "completed"

        self.pause()
        self.monitor("migrate-set-parameters", **{"max-bandwidth": SAVE_B_PER_S})
        self.monitor("migrate", uri=f"exec:cat >{path}")
        wait_for(f"saved {self.name}", saved, SAVE_DEADLINE_S)


class AloneGuest(Guest):
    """A guest that sees no other process than itself: it has namespaces of its own.

    What looks for guests on this host then sees this one only, and no other lab's. Of the machine's
    files, those below /var/lib, /run and /etc/ballonet are hidden from who enters.
    """

    def command(self, accel: str) -> list[str]:
        hide = "for dir in /var/lib /run /etc/ballonet; do " \
               "! test -d $dir || mount -t tmpfs tmpfs $dir; done; "
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c",
                hide + 'exec "$@"', "sh", *super().command(accel)]

    def enter(self) -> list[str]:
        """Runs a command in there; it ends with the guest."""
        parent = self.process.pid
        child = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()[0]
        return ["nsenter", "--target", child, "--pid", "--mount"]


def booted(spec: Spec) -> Path | None:
    """The folder with a guest of this kind that has booted; None: it has to boot by itself.

    It does where its memory is shared: to load a copy backs every page of it.
    """
    place = os.environ.get("BALLONET_BOOTED")
    if not place or spec.boots or spec.qemu_args or shared_memory(spec):
        return None
    kind = replace(spec, name="booted", own_cgroup=False, host=None, reboots=False, boots=True)

    def boot_into(folder: Path) -> None:
        with Guest(kind) as guest:
            guest.save(folder / "state")
            copy_swap_disk(guest.folder, folder)

    return made_once(Path(place) / hashlib.sha256(repr(kind).encode()).hexdigest()[:16], boot_into)


def qemu_command(spec: Spec, folder: Path, accel: str, boot: Boot) -> list[str]:
    """The command line; @folder takes the sockets, the console log and the swap disk."""
    shared = shared_memory(spec)
    argv = [
        spec.qemu, "-nodefaults", "-no-user-config", "-display", "none",
        *([] if spec.reboots else ["-no-reboot"]),
        "-name", f"guest={spec.name},debug-threads=on",
        "-machine", "q35,usb=off,smm=off" + (",memory-backend=ram" if shared else ""),
        "-m", str(spec.memory_mib), "-smp", str(spec.vcpus),
        "-kernel", str(boot.vmlinuz), "-initrd", str(boot.initrd),
        "-append", KERNEL_LINE + boot.append, *attachments(spec, folder),
    ]
    if accel == "kvm":
        argv += ["-accel", "kvm", "-cpu", "host"]
    else:
        size = f",tb-size={spec.tb_size_mib}" if spec.tb_size_mib else ""
        argv += ["-accel", f"tcg{size}", "-cpu", "qemu64"]
    if shared:
        argv += ["-object", f"{shared},id=ram,size={spec.memory_mib}M,share=on"]
    if spec.balloon:
        argv += ["-device", "virtio-balloon-pci,id=balloon0"
                 f",deflate-on-oom={_on(spec.deflate_on_oom)}"
                 f",free-page-reporting={_on(spec.free_page_reporting)}{spec.balloon_args}"]
    return argv + list(spec.qemu_args)


def shared_memory(spec: Spec) -> str | None:
    """The backend of memory that others may map; QEMU aligns a memfd to 4 KiB only."""
    if spec.memory_folder:
        return f"memory-backend-file,mem-path={spec.memory_folder},align=2M"
    return "memory-backend-memfd" if spec.memfd else None


def attachments(spec: Spec, folder: Path) -> list[str]:
    """What connects a guest with the lab and with a manager, and its disks."""
    argv = [
        "-chardev", f"file,id=console,path={folder / 'console.log'}", "-serial", "chardev:console",
        "-device", f"virtio-serial-pci,addr={PCI_SLOTS['serial']}",
        "-chardev", f"socket,id=agent,path={folder / 'agent'},server=on,wait=off",
        "-device", f"virtserialport,chardev=agent,name={AGENT_PORT}",
        "-qmp", f"unix:{folder / 'qmp'},server=on,wait=off",
        "-chardev", f"socket,id=monitor,path={folder / 'monitor'},server=on,wait=off",
        "-mon", "chardev=monitor,mode=control",
    ]
    if spec.data:
        argv += _drive("data", data_disk(), readonly=True)
    if spec.swap_mib:
        argv += _drive("swap", swap_disk(folder, spec.swap_mib))
    return argv


def _drive(name: str, image: Path, readonly: bool = False) -> list[str]:
    cache = "none" if _direct_io(image) else "writeback"
    return ["-drive", f"if=none,id={name},file={image},format=raw,cache={cache},"
                      f"readonly={_on(readonly)}",
            "-device", f"virtio-blk-pci,drive={name},serial={name},addr={PCI_SLOTS[name]}"]


def _direct_io(path: Path) -> bool:
    """Whether reads of @path can go past the host's page cache."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_DIRECT))
    except OSError:
        return False
    return True


def _on(value: bool) -> str:
    return "on" if value else "off"


def accelerator() -> str:
    """Returns kvm if a guest really boots on it, else tcg; found out once per boot of the host."""
    forced = os.environ.get("BALLONET_ACCEL")
    if forced:
        return forced
    note = BUILD / "lab" / "accel.json"
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    with locked(BUILD / "lab" / ".accel.lock"):
        try:
            known = json.loads(note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            known = {}
        if known.get("boot_id") != boot_id:
            known = {"boot_id": boot_id, "accel": "kvm" if _kvm_boots() else "tcg"}
            draft = note.with_suffix(".new")
            draft.write_text(json.dumps(known) + "\n", encoding="utf-8")
            draft.rename(note)
    return known["accel"]


def _kvm_boots() -> bool:
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    guest = Guest(Spec(name="kvm-probe", memory_mib=256, data=False, accel="kvm", boots=True))
    try:
        guest.start()
        guest.wait_ready(PROBE_DEADLINE_S)
    except AgentError:
        return False
    finally:
        guest.close()
    return True
