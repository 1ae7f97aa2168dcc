# SPDX-License-Identifier: GPL-2.0-or-later
"""tools/setup asks for nothing when everything is there, or names what is missing."""
import os

from repository import ROOT, run, tree


def test_every_row_of_the_list_says_why():
    rows = [line for line in (ROOT / "tools/packages").read_text(encoding="ascii").splitlines()
            if not line.startswith("#")]
    assert rows == list(dict.fromkeys(rows))
    assert all(len(row.split(None, 1)) == 2 for row in rows)


def test_it_asks_nobody_when_everything_is_there(tmp_path):
    """So it is quick: an apt-get of our own would end it with an error."""
    tree(tmp_path, {"list": "dpkg  here\n", "bin/apt-get": "#!/bin/sh\nexit 7\n"})
    (tmp_path / "bin/apt-get").chmod(0o755)
    done = run("tools/setup", BALLONET_PACKAGES=str(tmp_path / "list"),
               PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert (done.returncode, done.stdout) == (0, "")


def test_it_lists_what_is_missing_and_changes_nothing(tmp_path):
    tree(tmp_path, {"list": "dpkg  here\n# a comment\nno-such-package-x  missing\n"})
    done = run("tools/setup", "--list", BALLONET_PACKAGES=str(tmp_path / "list"))
    assert (done.returncode, done.stdout) == (0, "no-such-package-x\n")


def test_a_package_that_cannot_be_installed_is_one_clear_error(tmp_path):
    """With an apt-get and an id of our own, so that nothing is asked of the network."""
    tree(tmp_path, {"list": "no-such-package-x  missing\n", "bin/apt-get": "#!/bin/sh\nexit 100\n",
                    "bin/id": "#!/bin/sh\necho 0\n"})
    for name in ("apt-get", "id"):
        (tmp_path / "bin" / name).chmod(0o755)
    done = run("tools/setup", BALLONET_PACKAGES=str(tmp_path / "list"),
               PATH=f"{tmp_path}/bin:{os.environ['PATH']}")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "setup: apt-get could not install: no-such-package-x "


def test_without_root_it_says_what_to_type(tmp_path):
    tree(tmp_path, {"list": "no-such-package-x  missing\n", "bin/id": "#!/bin/sh\necho 1000\n"})
    (tmp_path / "bin/id").chmod(0o755)
    done = run("tools/setup", BALLONET_PACKAGES=str(tmp_path / "list"),
               PATH=f"{tmp_path}/bin:{os.environ['PATH']}")
    assert done.returncode == 1
    assert "as root: apt-get install no-such-package-x" in done.stdout
