# SPDX-License-Identifier: GPL-2.0-or-later
"""ballonet-dkms, installed for real in a root that is thrown away, and removed again. A guest is
never left without a balloon."""
import subprocess

import pytest

from lab.cache import ROOT
from lab.driver import DriverGuest
from lab.guest import Spec
from lab.kernels import kernel
from lab.package import Root

SHORT = ()  # builds the module twice by DKMS: runs with tools/check --all
DEVICE = "virtio:d00000005v00001AF4"  # what a balloon device asks udev for


@pytest.fixture(scope="module")
def package():
    done = subprocess.run([ROOT / "tools" / "package-dkms"], check=True, capture_output=True,
                          text=True)
    name = next(word for word in done.stdout.split() if word.strip("'.").endswith(".deb"))
    return ROOT / name.strip("'.")


@pytest.fixture(scope="module")
def installed(package):
    """The root after apt-get would have installed the package, with one kernel."""
    with Root("6.1") as root:
        root.run("dpkg", "-i", package)
        yield root


# what stands for the kernel: loads nothing, tells what it was given, and refuses what a test says
MODPROBE = """#!/bin/sh
for module; do :; done
case " $REFUSED " in
*" $module "*) echo "modprobe: ERROR: could not insert '$module': Key was rejected by service" >&2; exit 1 ;;
esac
/sbin/modprobe -n -q -i -S "$RELEASE" "$module" || { echo "modprobe: FATAL: no $module" >&2; exit 1; }
echo "loaded $module"
"""


def driver_of_the_device(root, release, refused=""):
    """What udev loads, in order, and what is said: kmod resolves and reads the configuration, and
    only the loading itself is not real."""
    root.run("sh", "-c", f"mkdir -p /lab && cat > /lab/modprobe <<'END'\n{MODPROBE}END\n"
             "chmod 755 /lab/modprobe")
    said = ""
    for module in root.run("modprobe", "-b", "-S", release, "--resolve-alias", DEVICE).split():
        shown = root.run("modprobe", "-n", "-v", "-b", "-S", release, module)
        if not shown:
            continue  # it is on a blacklist
        command = shown.partition("install ")[2] or f"modprobe {module}"
        said += root.run("env", "PATH=/lab:/usr/sbin:/usr/bin:/sbin:/bin", f"RELEASE={release}",
                         f"REFUSED={refused}", "sh", "-c", f"{command}\nexit 0")
    return [line.split()[1] for line in said.splitlines() if line.startswith("loaded ")], said


def test_package_builds_the_module_and_prefers_it(installed):
    release = kernel("6.1").release
    assert "installed" in installed.run("dkms", "status", "-m", "ballonet", "-k", release)
    assert set(driver_of_the_device(installed, release)[0]) == {"ballonet"}
    assert installed.run("modinfo", "-k", release, "-F", "version", "ballonet") == "0.1.0\n"


def test_module_that_dkms_built_drives_a_guest(installed, tmp_path):
    release = kernel("6.1").release
    built = tmp_path / "ballonet.ko"
    built.write_bytes(installed.read(f"/lib/modules/{release}/updates/dkms/ballonet.ko"))
    with DriverGuest(Spec(series="6.1", driver=built, memory_mib=256, data=False)) as guest:
        guest.balloon(64)
        assert guest.state()["size_pages"] == 64 * 256


def test_kernel_that_comes_later_gets_the_module_as_well(installed):
    release = installed.add_kernel("6.12")
    installed.run("dkms", "autoinstall", "-k", release)  # what a kernel's package has DKMS do
    assert set(driver_of_the_device(installed, release)[0]) == {"ballonet"}


def test_manual_page_is_there(installed):
    assert "virtio balloon driver" in installed.run("sh", "-c", "man -l /usr/share/man/man4/"
                                                    "ballonet.4.gz || zcat /usr/share/man/man4/"
                                                    "ballonet.4.gz")


def test_module_that_the_kernel_refuses_leaves_the_kernels_own_driver(installed):
    """As under Secure Boot without an enrolled key."""
    loaded, said = driver_of_the_device(installed, kernel("6.1").release, refused="ballonet")
    assert loaded == ["virtio_balloon"]
    assert "ballonet is not used, virtio_balloon is: " in said and "Key was rejected" in said


def test_file_of_an_administrator_goes_back(installed):
    installed.run("sh", "-c", "echo 'blacklist ballonet' > /etc/modprobe.d/ballonet.conf")
    loaded, _ = driver_of_the_device(installed, kernel("6.1").release)
    installed.run("rm", "/etc/modprobe.d/ballonet.conf")
    assert loaded == ["virtio_balloon"]


BROKEN = {"does not build": "rm $(readlink -f {})/../*-common/include/linux/page_reporting.h",
          "headers are not installed": "rm {}"}


@pytest.mark.parametrize("why", BROKEN)
def test_kernel_without_the_module_keeps_its_own_driver(package, why):
    release = kernel("6.1").release
    with Root("6.1") as root:
        root.run("sh", "-c", BROKEN[why].format(f"/lib/modules/{release}/build"))
        said = root.run("dpkg", "-i", package)
        assert f"{release} keeps virtio_balloon: " in said and why in said
        assert driver_of_the_device(root, release)[0] == ["virtio_balloon"]


def test_removing_the_package_goes_back(package):
    release = kernel("6.1").release
    with Root("6.1") as root:
        before = driver_of_the_device(root, release)[0]
        root.run("dpkg", "-i", package)
        root.run("dpkg", "-r", "ballonet-dkms")
        assert driver_of_the_device(root, release)[0] == before == ["virtio_balloon"]
        assert "ballonet" not in root.run("dkms", "status")
        assert "ballonet" not in root.run("sh", "-c", "find /lib/modules /usr/src -name 'ballonet*'")
