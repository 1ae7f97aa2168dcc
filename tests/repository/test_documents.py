# SPDX-License-Identifier: GPL-2.0-or-later
"""The documents speak of what is there: every path and link in them exists."""
import re
import subprocess

import pytest

from repository import ROOT, run

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
FOLDERS = "src|guest|include|tests|tools|lab|man|docs|packaging|\\.ci"
PATH = re.compile(rf"`((?:{FOLDERS})/[A-Za-z0-9_./-]*)`")
PLACEHOLDER = re.compile(r"[A-Z]{4,}")  # tests/unit/LAYER/ stands for many
# `tests/x.c:name`, or `:name` for one more of the file that was named last
TEST = re.compile(r"`(tests/[A-Za-z0-9_./-]+\.(?:c|py))?:([a-z]\w+)`")
LINK = re.compile(r"\]\(([^)#:]*)(?:#([\w-]+))?\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_path_that_is_named_exists(document):
    text = document.read_text(encoding="utf-8")
    named = set(PATH.findall(text))
    assert [name for name in sorted(named)
            if not PLACEHOLDER.search(name) and not (ROOT / name).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document):
    links = LINK.findall(document.read_text(encoding="utf-8"))
    assert [link for link in links if not leads_somewhere(document, *link)] == []


def leads_somewhere(document, name, anchor):
    target = document.parent / name if name else document
    return target.exists() and (not anchor or anchor in anchors(target.read_text(encoding="utf-8")))


def anchors(text):
    """What a forge makes of each heading: lower case, blanks as hyphens, no punctuation."""
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)", text, re.MULTILINE)}


def defined_in(path):
    """The tests; those of a C program are static, so the compiler sees that each is run."""
    if not path.exists():
        return set()
    start = r"^def (test_\w+)\(" if path.suffix == ".py" else r"^static void (\w+)\(void \*\*"
    return set(re.findall(start, path.read_text(encoding="utf-8"), re.MULTILINE))


def named_tests_that_are_not_there(text):
    missing, path = [], ""
    for match in TEST.finditer(text):
        path = match[1] or path
        if match[2] not in defined_in(ROOT / path):
            missing.append(f"{path}:{match[2]}")
    return missing


def test_every_invariant_names_tests_that_are_there():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    section = text[text.index("\n## Invariants\n"):].split("\n## ")[1]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 7
    assert [row for row in rows if not TEST.search(row)] == []
    assert named_tests_that_are_not_there(text) == []


def test_a_named_test_that_is_not_there_is_found():
    here = "tests/repository/test_documents.py"
    assert named_tests_that_are_not_there(
        f"`{here}:defined_in`, `:test_every_link_leads_somewhere`, `:test_none`, `tests/no.c:none`"
    ) == [f"{here}:defined_in", f"{here}:test_none", "tests/no.c:none"]


def test_every_layer_of_the_map_is_there_and_every_folder_is_on_the_map():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    on_map = set(re.findall(r"^\| `src/(\w+)/` \|", text, re.MULTILINE))
    files = subprocess.run(["git", "ls-files", "src/*/*"], cwd=ROOT, check=True,
                           capture_output=True, text=True).stdout
    assert on_map == {name.split("/")[1] for name in files.split()}


def test_every_source_file_says_what_it_is():
    """SPDX and a role: a file without them is a riddle."""
    riddles = []
    for path in [*ROOT.glob("src/**/*.[ch]"), *ROOT.glob("include/**/*.h")]:
        head = path.read_text(encoding="utf-8")[:400]
        if ("SPDX-License-Identifier: GPL-2.0-or-later" not in head
                or f" * {path.name} - " not in head):
            riddles.append(str(path.relative_to(ROOT)))
    assert riddles == []


def built(program):
    path = ROOT / "build/src" / program
    if not path.exists():
        pytest.skip("build/ is not built")
    return path


def test_settings_in_the_documents_are_those_of_the_program():
    done = run("tools/update-docs", "--check", built("daemon/ballonetd"))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("program, manual", [
    ("daemon/ballonetd", "ballonetd.8"), ("cli/ballonet", "ballonet.1"),
    ("device/ballonet-device", "ballonet-device.8")])
def test_every_option_of_the_help_is_in_the_manual(program, manual):
    text = (ROOT / "man" / manual).read_text(encoding="utf-8")
    options = set(re.findall(r"--([a-z][a-z-]+)", run(built(program), "--help").stdout))
    assert options
    assert [option for option in sorted(options) if f"Fl -{option}" not in text] == []


def test_commands_and_exit_codes_of_the_help_are_those_of_the_manual():
    manual = (ROOT / "man/ballonet.1").read_text(encoding="utf-8")
    text = run(built("cli/ballonet"), "--help").stdout
    commands = re.findall(r"^  ([a-z]+)", text[:text.index("\noptions:")], re.MULTILINE)
    codes = re.findall(r"^  (\d)  ", text[text.index("\nexit codes:"):], re.MULTILINE)
    told = re.findall(r"^\.It Cm ([a-z]+)", manual[:manual.index("\nThe options are:")],
                      re.MULTILINE)
    status = manual[manual.index(".Sh EXIT STATUS"):manual.index(".Sh EXAMPLES")]
    assert set(commands) - {"help", "version"} == set(told)
    assert codes == re.findall(r"^\.It (\d)", status, re.MULTILINE)


@pytest.mark.parametrize("program", ["ballonet", "ballonetd", "ballonet-device"])
def test_a_wrong_option_is_told_without_the_path_of_the_program(program):
    folder = {"ballonet": "cli", "ballonetd": "daemon", "ballonet-device": "device"}[program]
    done = run(built(f"{folder}/{program}"), "--frob")
    assert done.returncode == 2
    assert done.stdout.startswith(f"{program}: ")


def test_every_manual_names_its_program_in_the_synopsis():
    for path in (ROOT / "man").glob("*.[18]"):
        synopsis = path.read_text(encoding="utf-8").partition(".Sh SYNOPSIS\n")[2]
        assert synopsis.startswith(".Nm"), path


def test_every_scenario_and_every_key_of_one_is_in_the_manual():
    source = (ROOT / "src" / "sim" / "scenario.c").read_text(encoding="utf-8")
    manual = (ROOT / "man" / "ballonet.1").read_text(encoding="utf-8")
    words = re.findall(r'^\t\{ "([\w-]+)", (?:"|UNIT_)', source, re.MULTILINE)
    assert len(words) > 40
    there = set(manual[manual.index(".Sh SCENARIOS"):].split())
    assert [word for word in words if word not in there] == []


def test_the_example_configuration_is_good_as_it_is_and_with_all_of_it_said(tmp_path):
    daemon = built("daemon/ballonetd")
    example = (ROOT / "packaging/ballonet.yaml").read_text(encoding="utf-8")
    said = "\n".join(line.removeprefix("# ") for line in example.splitlines()
                     if re.match(r"# *([a-z_]+:|- |  )", line))
    (tmp_path / "none").mkdir()
    for name, text in (("as-it-is", example), ("said", said)):
        path = tmp_path / f"{name}.yaml"
        path.write_text(text + "\n", encoding="utf-8")
        done = run(daemon, "--check-config", "--config", path)
        assert done.returncode == 0, f"{text}\n{done.stdout}"


@pytest.mark.parametrize("source, pattern", [
    ("src/api/routes.c", r'^\t\{ "(?:GET|POST|PATCH|DELETE)", "([^"]+)"'),
    ("src/api/metrics.c", r'"(ballonet_[a-z0-9_]+)"'),
])
def test_every_route_and_metric_is_in_the_document_of_the_api(source, pattern):
    text = (ROOT / "docs/control-api.md").read_text(encoding="utf-8")
    names = re.findall(pattern, (ROOT / source).read_text(encoding="utf-8"), re.MULTILINE)
    assert names
    assert [name for name in names if name not in text] == []


def test_every_key_of_an_answer_is_in_the_document_of_the_api():
    text = (ROOT / "docs/control-api.md").read_text(encoding="utf-8")
    keys = {key for path in ROOT.glob("src/api/view*.c")
            for key in re.findall(r'\bjson_\w+\(\w+, "(\w+)"', path.read_text(encoding="utf-8"))}
    assert len(keys) > 80
    assert [key for key in sorted(keys) if f"`{key}`" not in text and f'"{key}"' not in text] == []
