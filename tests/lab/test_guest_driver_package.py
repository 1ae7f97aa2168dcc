# SPDX-License-Identifier: GPL-2.0-or-later
"""ballonet-dkms, installed for real in a root that is thrown away, and removed again."""
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


def driver_of_the_device(root, release):
    """As udev has it loaded: by the alias, with the blacklist in force."""
    return root.run("modprobe", "-b", "-S", release, "--resolve-alias", DEVICE).split()


def test_package_builds_the_module_and_prefers_it(installed):
    release = kernel("6.1").release
    assert "installed" in installed.run("dkms", "status", "-m", "ballonet", "-k", release)
    assert driver_of_the_device(installed, release) == ["ballonet"]
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
    assert driver_of_the_device(installed, release) == ["ballonet"]


def test_manual_page_is_there(installed):
    assert "virtio balloon driver" in installed.run("sh", "-c", "man -l /usr/share/man/man4/"
                                                    "ballonet.4.gz || zcat /usr/share/man/man4/"
                                                    "ballonet.4.gz")


def test_empty_file_of_an_administrator_goes_back(installed):
    release = kernel("6.1").release
    installed.run("touch", "/etc/modprobe.d/ballonet.conf")
    assert "virtio_balloon" in driver_of_the_device(installed, release)
    installed.run("rm", "/etc/modprobe.d/ballonet.conf")


def test_removing_the_package_goes_back(package):
    release = kernel("6.1").release
    with Root("6.1") as root:
        before = driver_of_the_device(root, release)
        root.run("dpkg", "-i", package)
        root.run("dpkg", "-r", "ballonet-dkms")
        assert driver_of_the_device(root, release) == before == ["virtio_balloon"]
        assert "ballonet" not in root.run("dkms", "status")
        assert "ballonet" not in root.run("sh", "-c", "find /lib/modules /usr/src -name 'ballonet*'")
