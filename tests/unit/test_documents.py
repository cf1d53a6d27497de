"""README and docs: they parse, lead nowhere that is not there, and name what there is."""

from __future__ import annotations

import os
import shlex
import subprocess
from functools import cache
from pathlib import Path

import pytest
from docutils import nodes
from docutils.core import publish_doctree

from initpy.actions.status import status
from initpy.cli import ACTIONS, VERBS
from initpy.errors import ExitCode, StatusCode
from initpy.service import Service
from initpy.settings.keys import KEYS
from initpy.tools import command
from initpy.tools.declarations import declarations

ROOT = Path(__file__).parents[2]
# The folders that a path in a sentence may begin with.
FOLDERS = ("initpy", "docs", "scripts", "tests", "etc", "man", "debian", "packaging")
WARNING = 2  # of docutils; below it is what it tells by the way
# Programs of others that are shown.
PROGRAMS = (
    "ansible-playbook",
    "apt-get",
    "dpkg-buildpackage",
    "python3",
    "rpmbuild",
    "/opt/initpy/bin/pip",
)


@cache
def files():
    """Return the paths of the repository's files; of a source distribution, all but hidden ones."""
    if (ROOT / ".git").exists():
        words = ["git", "-c", "safe.directory=*", "ls-files"]
        listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
        return set(listed.stdout.splitlines())
    walked = (Path(folder, name) for folder, _, names in os.walk(ROOT) for name in names)
    paths = (str(path.relative_to(ROOT)) for path in walked)
    return {path for path in paths if not path.startswith(".")}  # as .venv


PAGES = sorted(name for name in files() if name.endswith(".rst"))


def exists(path):
    """Tell whether the repository has that file, or a folder of that name."""
    return path in files() or any(name.startswith(f"{path}/") for name in files())


@cache
def parsed(page):
    """Return the tree of a page, and what docutils has said about it."""
    settings = {"report_level": 5, "syntax_highlight": "none", "input_encoding": "utf-8"}
    tree = publish_doctree(
        (ROOT / page).read_text(encoding="utf-8"),
        source_path=page,
        settings_overrides={**settings, "raw_enabled": False, "file_insertion_enabled": False},
    )
    said = [node for node in tree.findall(nodes.system_message) if node["level"] >= WARNING]
    return tree, [node.astext() for node in said]


def every(page, kind):
    return list(parsed(page)[0].findall(kind))


def table(page, heading):
    """Return the first column of the tables below a heading, in words."""
    (section,) = [
        section
        for section in every(page, nodes.section)
        if section.next_node(nodes.title).astext() == heading
    ]
    rows = [row for body in section.findall(nodes.tbody) for row in body.findall(nodes.row)]
    cells = [row.children[0].astext() for row in rows]
    return [word for cell in cells for word in cell.replace(",", " ").split()]


def keys():
    """Return the keys of settings, of every daemon."""
    return {*KEYS, *(key for service in declarations().values() for key in service.settings)}


def shown(page):
    """Return the lines of a page's commands, each whole."""
    blocks = [one for one in every(page, nodes.literal_block) if "sh" in one["classes"]]
    return [line for one in blocks for line in one.astext().replace("\\\n", "").splitlines()]


@pytest.mark.parametrize("page", PAGES)
def test_page_is_restructured_text(page):
    """Docutils has nothing to say against it."""
    assert [] == parsed(page)[1]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    """Each link and image is a file of the repository, and an anchor is one of its headings."""
    targets = [one["refuri"] for one in every(page, nodes.reference) if "refuri" in one]
    targets += [one["uri"] for one in every(page, nodes.image)]

    for target in targets:
        path, _, anchor = target.partition("#")
        path = os.path.normpath(os.path.join(os.path.dirname(page), path))
        assert path in files(), target
        assert not anchor or anchor in parsed(path)[0].ids, target


@pytest.mark.parametrize("page", PAGES)
def test_paths_exist(page):
    """Each path that is named is a file or a folder of the repository."""
    named = [one.astext().split()[0] for one in every(page, nodes.literal)]
    paths = [
        word.rstrip("/")
        for word in named
        if word.startswith(tuple(f"{folder}/" for folder in FOLDERS))
        or word.endswith((".rst", ".cfg", ".toml"))
    ]

    assert [] == [path for path in paths if not exists(path)]


@pytest.mark.parametrize("page", PAGES)
def test_commands_exist(page):
    """Each command that is shown is one that there is, with options that it has."""
    for line in shown(page):
        words = shlex.split(line, comments=True)
        while words and "=" in words[0]:  # a setting, or a variable of the environment
            assert words.pop(0).partition("=")[0] in {*keys(), "INITPY_ACCEPT"}, line
        if not words:
            continue
        program, *arguments = words
        if os.path.basename(program) == "initpy":
            command._parser().parse_args(command._signal_last(arguments))
        elif program.startswith(("/etc/init.d/", "/tmp/")):
            assert arguments[0] in VERBS, line
        elif program not in PROGRAMS:
            assert os.access(ROOT / program, os.X_OK), line
        for path in (word for word in arguments if word.startswith(("tests/", "packaging/"))):
            assert exists(path), line


def test_actions():
    """The README has a line for every action and no other."""
    assert {*ACTIONS, "status"} == set(table("README.rst", "Actions"))


def test_exit_codes():
    """The README has every code of the actions, and of status."""
    codes = [
        str(value)
        for kind in (ExitCode, StatusCode)
        for name, value in vars(kind).items()
        if name.isupper()
    ]

    assert codes == table("README.rst", "Exit codes")


@pytest.mark.parametrize(
    ("page", "heading"), [("README.rst", "Settings"), ("docs/settings.rst", "The keys")]
)
def test_settings(page, heading):
    """Every key of the settings stands there and no other."""
    assert sorted(keys()) == sorted(table(page, heading))


def test_keys_of_status():
    """The README has the keys of a status that is printed for machines, in their order."""
    idle = Service(name="idle", daemon="/nowhere/idle", pidfile="/nowhere/idle.pid")

    said = " ".join(status(idle).as_dict())

    assert said in {" ".join(one.astext().split()) for one in every("README.rst", nodes.literal)}


def test_every_page_is_listed():
    """The list of pages leads to each of them."""
    linked = {one.get("refuri") for one in every("docs/index.rst", nodes.reference)}

    pages = {os.path.basename(page) for page in PAGES if page.startswith("docs/")}
    assert pages - {"index.rst"} <= linked


def test_readme_is_short():
    """A newcomer reads about 200 lines."""
    assert (ROOT / "README.rst").read_text().count("\n") <= 220
