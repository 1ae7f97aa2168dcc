# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest as its owner would install it: Debian with systemd, its own kernel, its own balloon driver.

In:  a release of Debian, and an application (lab/apps/).
Out: DistroGuest: a Guest whose agent says hello when the application is ready, with a Load.

Two disks: the root, one for each release, with the packages of every application; and the
application's own, below /srv, filled on the host in a chroot of that root, so that a guest that
boots has its data already. Both are shared by all guests; what a guest writes goes into an overlay
that ends with it. There is no network.
"""
import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from lab.apps import APPS
from lab.apps.app import App
from lab.apt import KEYRING, mirror
from lab.cache import cached
from lab.guest import AGENT_PORT, Boot, Guest, Spec
from lab.initramfs import agent, static_binary
from lab.load import LOAD_PORT, Load

HERE = Path(__file__).resolve().parent
MIB = 1 << 20
BOOT_DEADLINE_S = 400  # 40 s under TCG; others may have both processors
RELEASES = ("bookworm",)  # trixie: its udev does not configure in a chroot by mmdebstrap 1.3
SYSTEM = ("systemd-sysv", "udev", "dbus", "linux-image-cloud-amd64", "initramfs-tools", "zstd",
          "earlyoom")
UNUSED = ("usr/share/doc/*", "usr/share/man/*", "usr/share/locale/*")
MASKED = ("getty.target", "systemd-journal-flush.service", "systemd-random-seed.service",
          "systemd-update-utmp.service", "systemd-update-utmp-runlevel.service",
          "systemd-pcrphase.service", "systemd-pcrphase-sysinit.service")
# what one ordinary volume of a cloud gives: an answer from the host's memory would flatter all
DISK_LIMITS = "throttling.iops-total=3000,throttling.bps-total=131072000"
KERNEL_LINE = "root=LABEL=root rw quiet systemd.show_status=0 "
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

START = """#!/bin/sh -eu
# what this guest shall have besides, then its application
for word in $(cat /proc/cmdline); do
	case $word in
	lab.zram)
		modprobe zram
		echo 512M >/sys/block/zram0/disksize
		mkswap /dev/zram0 >/dev/null
		swapon -p 100 /dev/zram0 ;;
	lab.earlyoom)
		systemd-run -q --unit=lab-earlyoom earlyoom ;;
	esac
done
exec sh -eu /srv/start
"""
UNIT = f"""[Unit]
Description=The application of this guest, and the agent of the lab
RequiresMountsFor=/srv
FailureAction=poweroff-force

[Service]
ExecStartPre=/usr/local/sbin/lab-start
ExecStart=/srv/bin/agent /dev/virtio-ports/{AGENT_PORT}
TimeoutStartSec=infinity
StandardOutput=journal+console
StandardError=journal+console

[Install]
WantedBy=multi-user.target
"""
FSTAB = "LABEL=root / ext4 noatime 0 0\nLABEL=srv /srv ext4 noatime 0 0\n"


@dataclass(frozen=True)
class Root:
    """A release, installed."""

    release: str
    digest: str
    tree: Path
    disk: Path
    boot: Boot


class DistroGuest(Guest):
    """A Guest of that kind; what it is made of besides, its Spec says."""

    def __init__(self, spec: Spec, app: App, release: str = "bookworm") -> None:
        self.app = app
        self.root = root(release)
        self._disk = application_disk(self.root, app)
        super().__init__(replace(
            spec, data=False, driver=None, memory_mib=app.memory_mib, tb_size_mib=0,
            boots=True,
            qemu_args=(*spec.qemu_args, *_drive("root", self.root.disk, "0x13"),
                       *_drive("srv", self._disk, "0x14"))))
        self.loads = [Load(self.folder / f"load{number}") for number in range(len(app.asks))]

    @property
    def load(self) -> Load:
        """That of an application that has one."""
        return self.loads[0]

    def command(self, accel: str) -> list[str]:
        ports = [word for number in range(len(self.loads)) for word in (
            "-chardev", f"socket,id=load{number},path={self.folder}/load{number},"
                        "server=on,wait=off",
            "-device", f"virtserialport,chardev=load{number},name={LOAD_PORT}{number}")]
        return [*super().command(accel), *ports]

    def boot(self) -> Boot:
        wishes = "".join(f" lab.{wish}" for wish in self.app.wishes)
        return replace(self.root.boot, append=KERNEL_LINE + wishes)

    def wait_ready(self, deadline_s: float = BOOT_DEADLINE_S) -> None:
        super().wait_ready(deadline_s)
        for load in self.loads:
            load.connect()

    def close(self) -> None:
        for load in self.loads:
            load.close()
        super().close()

    def vcpu_us(self) -> int:
        """Processor time of its vCPUs so far."""
        ticks = 0
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            name, rest = (task / "stat").read_text().rsplit(")", 1)
            if "(CPU " in name:
                ticks += sum(map(int, rest.split()[11:13]))
        return ticks * 1_000_000 // os.sysconf("SC_CLK_TCK")

    def bytes_read(self) -> int:
        """What it has read from its disks so far."""
        return sum(device["stats"]["rd_bytes"] for device in self.monitor("query-blockstats"))


def _drive(name: str, image: Path, slot: str) -> list[str]:
    return ["-drive", f"if=none,id={name},file={image},format=raw,snapshot=on,{DISK_LIMITS}",
            "-device", f"virtio-blk-pci,drive={name},serial={name},addr={slot}"]


# ------------------------------------------------------------------------ root


def root(release: str) -> Root:
    """Made on first use: some minutes, most of them the mirror's."""
    packages = sorted({*SYSTEM, *(name for app in APPS.values() for name in app.packages)})
    installed = cached("distro", f"{release}-{_digest(*packages, *UNUSED)}",
                       lambda folder: _install(folder, release, packages))
    tree = installed / "tree"
    digest = _digest(installed.name, START, UNIT, FSTAB, *MASKED)

    def make(folder: Path) -> None:
        copy = folder / "tree"
        subprocess.run(["cp", "-a", "--reflink=auto", tree, copy], check=True)
        _settle(copy)
        _make_disk(copy, folder / "disk.img", "root", spare_mib=256)
        shutil.rmtree(copy)

    made = cached("distro", f"{release}-root-{digest}", make)
    return Root(release, digest, tree, made / "disk.img",
                Boot(installed / "vmlinuz", installed / "initrd", ""))


def _install(folder: Path, release: str, packages: list[str]) -> None:
    sources = [f"deb [signed-by={KEYRING}] {mirror(suite)} {suite} main"
               for suite in (release, f"{release}-security")]
    tree = folder / "tree"
    subprocess.run(
        ["mmdebstrap", "--quiet", "--mode=root", "--variant=essential",
         f"--include={','.join(packages)}", '--aptopt=APT::Install-Recommends "false"',
         *(f"--dpkgopt=path-exclude=/{pattern}" for pattern in UNUSED),
         "--essential-hook=mkdir -p $1/etc/initramfs-tools/conf.d; "
         "echo MODULES=list >$1/etc/initramfs-tools/conf.d/lab; "
         r"printf '%s\n' virtio_pci virtio_blk ext4 >$1/etc/initramfs-tools/modules",
         release, tree, *sources], check=True, stdin=subprocess.DEVNULL)
    for name in ("vmlinuz", "initrd.img"):
        newest = max((tree / "boot").glob(f"{name}-*"))
        shutil.copy(newest, folder / name.split(".")[0])


def _settle(tree: Path) -> None:
    """What makes of an installation this lab's guest."""
    for path, text, mode in (("usr/local/sbin/lab-start", START, 0o755),
                             ("etc/fstab", FSTAB, 0o644),
                             ("etc/systemd/system/lab.service", UNIT, 0o644),
                             ("etc/hostname", "guest\n", 0o644)):
        (tree / path).write_text(text, encoding="ascii")
        (tree / path).chmod(mode)
    units = tree / "etc/systemd/system"
    for unit in MASKED:
        (units / unit).unlink(missing_ok=True)
        (units / unit).symlink_to("/dev/null")
    for wanted in units.glob("*.target.wants"):
        shutil.rmtree(wanted)  # what packages start by themselves: applications, timers
    (units / "multi-user.target.wants").mkdir()
    (units / "multi-user.target.wants/lab.service").symlink_to("../lab.service")
    target = units / "default.target"
    target.unlink(missing_ok=True)
    target.symlink_to("/usr/lib/systemd/system/multi-user.target")


# ---------------------------------------------------------------- applications


def application_disk(on: Root, app: App) -> Path:
    """The disk of @app, with its data, the agent and the load; variants of one share it."""
    tools = {"agent": agent(), **{name: static_binary(HERE / "apps" / f"{name}.c")
                                  for name in ("load", "ask")}}
    start = app.start + "".join(
        f"\nsystemd-run -q --unit=lab-load{number} -p OOMScoreAdjust=-900 /srv/bin/load "
        f"/dev/virtio-ports/{LOAD_PORT}{number} {ask.latency_column} {ask.second_column} "
        f"{ask.command}\n" for number, ask in enumerate(app.asks))
    digest = _digest(on.tree.parent.name, app.fill, start, *(
        name + _content(path) for name, path in (*tools.items(), *app.files.items())))
    return cached("distro", f"{on.release}-app-{digest}",
                  lambda folder: _fill(folder, on, app, start, tools)) / "disk.img"


def _fill(folder: Path, on: Root, app: App, start: str, tools: dict[str, Path]) -> None:
    content = folder / "content"
    (content / "bin").mkdir(parents=True)
    for name, tool in tools.items():
        shutil.copy(tool, content / "bin" / name)
    for name, source in app.files.items():
        (shutil.copytree if source.is_dir() else shutil.copy)(source, content / name)
    (content / "start").write_text(start, encoding="utf-8")
    (folder / "fill").write_text(app.fill, encoding="utf-8")
    enter = ('mount --bind "$2" "$1/srv"; for dir in tmp run dev/shm; do mkdir -p "$1/$dir"; '
             'mount -t tmpfs -o mode=1777 tmpfs "$1/$dir"; done; mount -t proc proc "$1/proc"; '
             f'exec env -i PATH={PATH} LC_ALL=C chroot "$1" sh -eu')
    with open(folder / "fill", encoding="utf-8") as script:
        subprocess.run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc",
                        enter, "sh", on.tree, content], check=True, stdin=script)
    (folder / "fill").unlink()
    _make_disk(content, folder / "disk.img", "srv", spare_mib=384)
    shutil.rmtree(content)


def _make_disk(content: Path, image: Path, label: str, spare_mib: int) -> None:
    used = subprocess.run(["du", "-sm", "--apparent-size", content], check=True,
                          capture_output=True, text=True).stdout
    mib = int(used.split()[0]) * 11 // 10 + spare_mib
    image.touch()
    subprocess.run(["mkfs.ext4", "-q", "-F", "-L", label, "-d", content, image, f"{mib}M"],
                   check=True, env={**os.environ, "PATH": PATH})


def _content(path: Path) -> str:
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return _digest(*(f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}"
                     for file in files if file.is_file()))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
