# SPDX-License-Identifier: GPL-2.0-or-later
"""An installation has all its parts, and the unit starts the daemon where it was put."""
import re
import shutil
import subprocess

import pytest

from repository import ROOT


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A root folder that ballonet was installed into."""
    if not (ROOT / "build/src/daemon/ballonetd").exists():
        pytest.skip("build/ is not built")
    folder = tmp_path_factory.mktemp("root")
    subprocess.run(["meson", "install", "-C", ROOT / "build", "--no-rebuild", "--destdir", folder],
                   check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("part", [
    "sbin/ballonetd", "bin/ballonet", "libexec/ballonet/ballonet-guardian",
    "lib/systemd/system/ballonetd.service", "lib/systemd/system/ballonetd.socket",
    "share/man/man1/ballonet.1",
    "share/man/man5/ballonet.yaml.5", "share/man/man8/ballonetd.8", "sbin/ballonet-device",
    "share/man/man8/ballonet-device.8",
    "ballonet/ballonet.yaml", "ballonet/ballonet.d"])
def test_every_part_is_installed(root, part):
    assert len(list(root.glob(f"**/{part}"))) == 1


def test_the_unit_starts_the_daemon_where_it_is(root):
    unit = next(root.glob("**/ballonetd.service")).read_text(encoding="utf-8")
    start = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
    program = start.partition("=")[2]
    assert (root / program.lstrip("/")).is_file()
    assert "@" not in program


def test_the_unit_leaves_the_guardian_alive_when_the_daemon_is_gone(root):
    """With KillMode=mixed, or SIGABRT to the whole unit, it would die with the daemon."""
    unit = next(root.glob("**/ballonetd.service")).read_text(encoding="utf-8").splitlines()
    assert "KillMode=control-group" in unit
    assert "WatchdogSignal=SIGTERM" in unit


def test_systemd_finds_nothing_wrong_with_the_unit(root, tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze here")
    text = next(root.glob("**/ballonetd.service")).read_text(encoding="utf-8")
    program = ROOT / "build/src/daemon/ballonetd"
    unit = tmp_path / "ballonetd.service"
    unit.write_text(re.sub(r"^ExecStart=\S+", f"ExecStart={program}", text, flags=re.MULTILINE),
                    encoding="utf-8")
    socket = next(root.glob("**/ballonetd.socket"))
    (tmp_path / socket.name).write_text(socket.read_text(encoding="utf-8"), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True,
                          text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
