# SPDX-License-Identifier: GPL-2.0-or-later
"""libvirtd under the lab's hand, and guests that it starts: what a peer needs to be run beside us.

In:  Debian's libvirt, installed here when it is missing (only `tools/bench peers` needs it).
Out: Libvirtd (a URI for its clients), LibvirtGuest: a Guest, but started by libvirtd.

It runs in namespaces of its own: its folders below /etc, /run and /var are not this machine's, and
all it started ends with it.
"""
import os
import subprocess
import sys
import uuid
from pathlib import Path
from types import ModuleType
from xml.sax.saxutils import escape

from lab.guest import KERNEL_LINE, TB_SIZE_MIB, Guest, Spec, accelerator, attachments
from lab.initramfs import initramfs
from lab.kernels import kernel
from lab.process import Process, own_folder, wait_for

PACKAGES = ("libvirt-daemon", "libvirt-daemon-driver-qemu", "python3-libvirt", "python3-six",
            "procps")
FOLDERS = ("/etc/libvirt", "/run/libvirt", "/var/lib/libvirt", "/var/cache/libvirt",
           "/var/log/libvirt")
# folders of its own, the user that Debian's libvirt-daemon-system would add, and the settings that
# spare it what this machine has not: systemd, a security driver, virtlogd
START = """
for folder in {folders}; do mkdir -p $folder; mount -t tmpfs tmpfs $folder; done
for file in passwd group; do
	cp /etc/$file {own}/$file
	echo libvirt-qemu:x:64055:64055::/:/bin/false >>{own}/$file
	mount --bind {own}/$file /etc/$file
done
cat >/etc/libvirt/qemu.conf <<'END'
security_driver = "none"
stdio_handler = "file"
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
namespaces = []
cgroup_controllers = []
END
# the shell stays: as the first process of its namespace it has to reap what libvirtd lets go of
libvirtd --config {own}/libvirtd.conf & wait $!
"""
DOMAIN = """
<domain type='{type}' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='MiB'>{memory_mib}</memory>
  <vcpu>{vcpus}</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>{kernel}</kernel>
    <initrd>{initrd}</initrd>
    <cmdline>{append}</cmdline>
  </os>
  <features><acpi/>{tcg}</features>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>destroy</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <emulator>{emulator}</emulator>
    <controller type='usb' model='none'/>
    <memballoon model='virtio' autodeflate='{oom}' freePageReporting='{reporting}'/>
  </devices>
  <qemu:commandline>{arguments}</qemu:commandline>
</domain>
"""


def install() -> None:
    """Debian's packages, where they are missing; nothing is upgraded."""
    known = ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\\n", *PACKAGES]
    found = subprocess.run(known, capture_output=True, text=True, check=False).stdout
    missing = [name for name in PACKAGES if f"{name} installed" not in found.splitlines()]
    if missing:
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends",
                        "--no-upgrade", *missing], check=True, stdout=sys.stderr,
                       env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})


class Libvirtd:
    """As a context manager; its guests end with it."""

    def __init__(self) -> None:
        install()
        self.folder = own_folder("libvirtd")
        self.log = self.folder / "libvirtd.log"
        self.socket = self.folder / "libvirt-sock"
        self.uri = f"qemu+unix:///system?socket={self.socket}"
        self.process: Process | None = None
        self.connection = None

    def __enter__(self) -> "Libvirtd":
        config = self.folder / "libvirtd.conf"
        config.write_text(f'unix_sock_dir = "{self.folder}"\nauth_unix_rw = "none"\n'
                          f'auth_unix_ro = "none"\nlog_outputs = "3:stderr"\n', encoding="utf-8")
        script = START.format(folders=" ".join(FOLDERS), own=self.folder)
        self.process = Process("libvirtd", [
            "unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc",
            "sh", "-ec", script], self.log)
        try:
            self.connection = wait_for("answer of libvirtd", self._open, 20)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        if self.connection:
            self.connection.close()
        if self.process:
            self.process.stop()

    def pid(self) -> int:
        """Of libvirtd itself, as this machine sees it."""
        return _find(lambda words: words[0].endswith(b"libvirtd"), _descendants(self.process.pid))

    def _open(self) -> object:
        if self.process.returncode is not None:
            raise RuntimeError(f"libvirtd ended\n{self.log.read_text(errors='replace')[-2000:]}")
        if not self.socket.exists():
            return None
        try:
            return binding().open(self.uri)
        except binding().libvirtError:
            return None


def binding() -> ModuleType:
    """python3-libvirt, quiet about what it throws anyway."""
    import libvirt  # pylint: disable=import-outside-toplevel  # installed on the way
    libvirt.registerErrorHandler(lambda context, error: None, None)
    return libvirt


class _Qemu:
    """A process that somebody else started, with as much of lab.process.Process as guests need."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.cgroup = None

    @property
    def returncode(self) -> int | None:
        return None if Path(f"/proc/{self.pid}").exists() else -1

    cpu_s = Process.cpu_s


class LibvirtGuest(Guest):
    """A guest that libvirtd starts; all else is as with any other."""

    def __init__(self, spec: Spec, libvirtd: Libvirtd) -> None:
        super().__init__(spec)
        self.uuid = str(uuid.uuid4())
        self._libvirtd = libvirtd
        self._domain = None

    def start(self) -> None:
        self._domain = self._libvirtd.connection.createXML(domain_xml(self.spec, self.uuid,
                                                                      self.folder), 0)
        wanted = self.uuid.encode()
        self.process = _Qemu(_find(lambda words: any(wanted in word for word in words),
                                   _descendants(self._libvirtd.process.pid)))

    def close(self) -> None:
        process, self.process = self.process, None
        if process and process.returncode is None:
            self._domain.destroy()
        super().close()


def domain_xml(spec: Spec, identity: str, folder: Path) -> str:
    boot = kernel(spec.series)
    accel = accelerator()
    arguments = "".join(f"<qemu:arg value='{escape(word)}'/>"
                        for word in attachments(spec, folder))
    return DOMAIN.format(
        type="kvm" if accel == "kvm" else "qemu", name=spec.name, uuid=identity,
        memory_mib=spec.memory_mib, vcpus=spec.vcpus, kernel=boot.vmlinuz,
        initrd=initramfs(boot, spec.driver, spec.driver_args, spec.spare_drivers),
        append=escape(KERNEL_LINE + spec.append), emulator=spec_emulator(spec),
        tcg="" if accel == "kvm" else f"<tcg><tb-cache unit='MiB'>{TB_SIZE_MIB}</tb-cache></tcg>",
        oom="on" if spec.deflate_on_oom else "off",
        reporting="on" if spec.free_page_reporting else "off", arguments=arguments)


def spec_emulator(spec: Spec) -> str:
    """libvirt wants the whole path."""
    return subprocess.run(["sh", "-c", 'command -v "$1"', "sh", spec.qemu], check=True,
                          capture_output=True, text=True).stdout.strip()


def _find(wanted, pids: list[int]) -> int:
    for pid in pids:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0] and wanted(words):
            return pid
    raise RuntimeError("a process that should run is not there")


def _descendants(pid: int) -> list[int]:
    """All that came from @pid, itself included."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            found += map(int, task.read_text(encoding="ascii").split())
    return found
