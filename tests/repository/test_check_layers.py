# SPDX-License-Identifier: GPL-2.0-or-later
"""tools/check-layers passes this tree, and fails each way of crossing a layer."""
import pytest

from repository import run, tree

GOOD = {
    "src/base/num.h": "#include <stdint.h>\n",
    "src/model/plan.h": '#include "base/num.h"\n#include "ballonet/wire.h"\n',
    "src/policy/step.c": '#include "policy/step.h"\n#include <string.h>\n#include "model/plan.h"\n',
    "src/policy/step.h": "#include <stdbool.h>\n",
    "src/host/psi.c": '#include <sys/epoll.h>\n#include "model/plan.h"\n',
    "src/host/psi.h": "",
    "src/vmm/qmp.h": "#include <json-c/json.h>\n",
    "include/ballonet/wire.h": "",
}


def test_this_repository_keeps_to_its_layers():
    done = run("tools/check-layers")
    assert done.returncode == 0, done.stdout


def test_a_tree_that_keeps_to_the_layers_passes(tmp_path):
    done = run("tools/check-layers", tree(tmp_path, GOOD))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name, line, told", [
    ("base/a.c", '#include "model/plan.h"', "base may include nothing"),
    ("policy/a.c", '#include "host/psi.h"', "policy may include base, model"),
    ("host/a.c", '#include "vmm/qmp.h"', "host may include base, model"),
    ("vmm/a.c", '#include "host/psi.h"', "vmm may include base, model, qmp, ballonet"),
    ("model/a.c", '#include "policy/step.h"', "model may include base, ballonet"),
    ("base/a.c", '#  include   "model/plan.h"', "base may include nothing"),
    ("policy/a.c", '#include "step.h"', 'write it as "layer/file.h"'),
    ("policy/a.c", '#include "../host/psi.h"', 'write it as "layer/file.h"'),
    ("policy/a.c", '#include "policy/../host/psi.h"', 'write it as "layer/file.h"'),
    ("policy/a.c", "#include <host/psi.h>", "included with quotes"),
    ("policy/a.c", '#include "nowhere/x.h"', "there is no layer nowhere"),
    ("policy/a.c", '#include "model/gone.h"', "there is no such file"),
    ("policy/a.c", "#include PLACE", "not a plain file name"),
    ("policy/a.c", "#include <time.h>", "policy is pure"),
    ("model/a.c", "#include <stdlib.h>", "model is pure"),
    ("host/a.c", "#include <json-c/json.h>", "only journal, qmp, vmm, guardian, client, cli, api"),
    ("vmm/a.c", "#include <systemd/sd-event.h>", "only daemon"),
    ("vmm/a.c", "#include <microhttpd.h>", "only api"),
    ("daemon/a.c", "#include <curl/curl.h>", "only client"),
    ("attic/a.c", "", "attic is no layer"),
])
def test_a_crossing_fails_with_its_place(tmp_path, name, line, told):
    done = run("tools/check-layers", tree(tmp_path, GOOD | {f"src/{name}": f"/* */\n{line}\n"}))
    assert done.returncode == 1
    assert told in done.stdout
    assert done.stdout.startswith(f"src/{name}:{2 if line else 1}: ")
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize("files", [
    {"src/host/a.c": '#include "host/b.h"\n', "src/host/b.h": "", "src/host/a.h": "",
     "src/host/b.c": '#include "host/a.h"\n'},
    {"guest/a.c": '#include "b.h"\n', "guest/b.h": '#include "c.h"\n', "guest/a.h": "",
     "guest/c.h": '#include "a.h"\n'},
])
def test_files_that_include_each_other_fail(tmp_path, files):
    done = run("tools/check-layers", tree(tmp_path, GOOD | files))
    assert done.returncode == 1
    assert "a circle: " in done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_an_empty_tree_proves_nothing_and_fails(tmp_path):
    assert run("tools/check-layers", tree(tmp_path, {"src/README": ""})).returncode == 1
