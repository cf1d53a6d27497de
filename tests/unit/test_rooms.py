"""The walls of the house: which room may know which, and what only one of them may do."""

from __future__ import annotations

import ast
import os

import pytest

import initpy
from initpy.cli import ACTIONS

ROOT = os.path.dirname(initpy.__file__)

# The rooms, the lowest first: folders, and the modules that stand beside them. A room
# imports from the rooms below it, and from nowhere else.
FLOORS = [
    {"errors", "signal_names", "value"},
    {"schedule"},
    {"host"},
    {"arguments", "contradictions"},
    {"service", "contracts", "console"},
    {"daemons"},
    {"state"},
    {"control", "settings"},
    {"protocols"},
    {"actions", "openrc", "systemctl", "usage"},
    {"cli"},
    {"tools"},
]
MOST_MODULES = 14  # in one folder, its __init__ not counted
MOST_LINES = 250  # of one module

# What a module outside ``host`` may import from elsewhere: nothing of it looks at the
# machine. Of os.path only what computes is used. ``control.starting.background`` is a program of
# its own.
HARMLESS = {
    "argparse",
    "gc",
    "importlib",
    "importlib.util",
    "json",
    "os.path",
    "pkgutil",
    "re",
    "shlex",
    "sys",
    "_signal",
}
COMPUTES = {"abspath", "basename", "dirname", "join", "normpath"}  # of os.path
PROGRAMS = {"control.starting.background"}
# It executes a declaration of somebody else.
EXECUTES = {"tools.generating.files": {"exec", "compile"}}

# Where an InitError may be caught: where something is undone, or said, before it goes on.
# The edge, which turns it into an exit code, catches everything.
CATCHERS = {"control", "openrc", "protocols", "settings", "tools"}


def at_runtime(node):
    """Yield a node and those below it, but for what only the type checker sees."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and "TYPE_CHECKING" == ast.unparse(child.test)):
            yield from at_runtime(child)


def read():
    """Return the syntax tree of every module of the package by its name: "state.scan"."""
    trees = {}
    for directory, _, names in os.walk(ROOT):
        for name in names:
            if name.endswith(".py"):
                path = os.path.join(directory, name)
                module = os.path.relpath(path, ROOT)[: -len(".py")].replace("/", ".")
                with open(path) as file:
                    trees[module.removesuffix(".__init__")] = ast.parse(file.read())
    del trees["__init__"]  # the front door: it loads whatever is asked for
    return trees


TREES = read()
OUTSIDE_HOST = sorted(module for module in TREES if module.split(".")[0] != "host")


def nodes(module, kind):
    """Return every node of a kind in a module, at runtime."""
    return [node for node in at_runtime(TREES[module]) if isinstance(node, kind)]


def room(module):
    """Return the room in which a module stands."""
    return module.split(".")[0]


def imported(module):
    """Yield the modules of the package that a module imports."""
    package = module.split(".")
    if not any(other.startswith(f"{module}.") for other in TREES):
        package = package[:-1]
    for node in nodes(module, ast.ImportFrom):
        if not node.level:
            continue
        base = package[: len(package) - node.level + 1]
        for alias in node.names:
            names = [*base, *(node.module or "").split("."), alias.name]
            name = ".".join(filter(None, names))
            yield name if name in TREES else name.rpartition(".")[0]


IMPORTS = {module: set(imported(module)) - {module, ""} for module in TREES}


def test_every_module_has_its_room():
    """No module stands outside the picture, and no room of the picture is empty."""
    assert set().union(*FLOORS) == set(map(room, TREES))


@pytest.mark.parametrize("module", sorted(TREES))
def test_imports_point_one_way(module):
    """No room knows the rooms that stand on it, or beside it."""
    floor = next(number for number, rooms in enumerate(FLOORS) if room(module) in rooms)
    below = set().union({room(module)}, *FLOORS[:floor])

    above = {name for name in IMPORTS[module] if room(name) not in below}

    assert set() == above


def test_no_circles():
    """Whatever a module imports can be read before it."""
    left = dict(IMPORTS)
    while ready := [module for module, names in left.items() if not names & left.keys()]:
        for module in ready:
            del left[module]

    assert {} == left


def test_rooms_are_few_and_low():
    """A room imports through ten levels at most."""
    levels = {}
    for rooms in FLOORS:
        for name in rooms:
            inside = [module for module in IMPORTS if room(module) == name]
            used = {room(other) for module in inside for other in IMPORTS[module]}
            levels[name] = 1 + max((levels[other] for other in used - {name}), default=0)

    assert max(levels.values()) <= 10


@pytest.mark.parametrize(
    "folder", sorted({os.path.dirname(module.replace(".", "/")) for module in TREES} - {""})
)
def test_folders_can_be_seen_at_one_glance(folder):
    """A folder has about a dozen modules at most."""
    names = os.listdir(os.path.join(ROOT, folder))

    assert len([name for name in names if not name.startswith("__")]) <= MOST_MODULES


@pytest.mark.parametrize("module", sorted(TREES))
def test_one_idea_fits_on_some_pages(module):
    """A module that needs a table of contents is two modules."""
    assert max((node.end_lineno for node in TREES[module].body), default=0) <= MOST_LINES


def test_actions_stand_below_the_edge():
    """What ``cli`` imports by name when it is asked for stands below it too."""
    below = set().union(*FLOORS[: FLOORS.index({"cli"})])

    assert {room(module) for module, _, _ in ACTIONS.values()} <= below


@pytest.mark.parametrize("module", OUTSIDE_HOST)
def test_only_the_host_makes_system_calls(module):
    """What could look at the machine, or touch it, is imported by ``host`` alone."""
    names = {alias.name for node in nodes(module, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes(module, ast.ImportFrom) if not node.level}
    attributes = [ast.unparse(node) for node in nodes(module, ast.Attribute)]
    calls = {ast.unparse(node.func) for node in nodes(module, ast.Call)}

    if module in PROGRAMS:
        return
    assert names - {"__future__"} <= HARMLESS
    assert {name for name in attributes if name.startswith("os.path.")} <= {
        f"os.path.{name}" for name in COMPUTES
    }
    looks = {"open", "exec", "eval", "input", "compile"}
    assert EXECUTES.get(module, set()) == calls & looks


def test_only_wait_sleeps():
    """Every pause is ``wait``'s, so every pause has a deadline and a sentence."""
    sleepers = {
        module
        for module in TREES
        for node in nodes(module, ast.Attribute)
        if "host.sleep" == ast.unparse(node)
    }

    assert {"host.wait"} == sleepers


@pytest.mark.parametrize("module", [name for name in TREES if "state" == room(name)])
def test_state_changes_nothing(module):
    """A look sends no signal, writes no file, and starts nothing."""
    calls = {ast.unparse(node.func) for node in nodes(module, ast.Call)}
    changes = {
        "kill",
        "write",
        "remove",
        "remove_empty",
        "make_directory",
        "spawn",
        "launch",
        "lock",
    }

    assert set() == calls & {f"host.{name}" for name in changes}


def handlers(module):
    """Yield the caught class of every ``except``."""
    for node in nodes(module, ast.ExceptHandler):
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        yield from (one and ast.unparse(one) for one in caught)


def test_errors_are_caught_at_the_edge():
    """Where InitError is caught in between, something is undone, or said."""
    found = {room(module) for module in OUTSIDE_HOST if "InitError" in handlers(module)}

    # A pidfile that cannot be read is one of the things that a pidfile can be.
    assert CATCHERS | {"state"} == found
    assert ["state.pidfile"] == [
        module for module in TREES if "state" == room(module) and "InitError" in handlers(module)
    ]


# Where whatever comes is caught: at the edge, which has a sentence for it, and where two
# masters would be left.
LAST_HANDLERS = {
    "cli",
    "protocols.takeover",
    "protocols.unfinished",
    "protocols.upgrading.through",
    "tools.command",
    "tools.generating.files",
}


@pytest.mark.parametrize("module", sorted(set(TREES) - LAST_HANDLERS))
def test_nobody_catches_whatever_comes(module):
    """A fault of ours is told at the edge, and nowhere else taken for something else."""
    assert not {None, "Exception"} & set(handlers(module))


@pytest.mark.parametrize("module", OUTSIDE_HOST)
def test_nobody_prints_or_exits(module):
    """Actions return or raise: only the console writes, and only a program of its own exits."""
    if module in PROGRAMS:
        return
    called = {ast.unparse(node.func) for node in nodes(module, ast.Call)}

    assert set() == called & {"print", "sys.exit", "exit", "SystemExit", "os._exit"}


# The daemons by their modules and folders, and the words that such a name is made of.
DAEMONS = sorted(
    module.split(".")[1] for module in TREES if module.count(".") == 1 and "daemons" == room(module)
)
ENGLISH = {"named"}  # names of daemons that are words of the language, too
WORDS = {word for name in DAEMONS for word in (name, *name.split("_"))} - ENGLISH


def strings(module):
    """Yield every identifier and every string of a module, its docstrings included."""
    for node in ast.walk(TREES[module]):
        for value in vars(node).values():
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, str):
                    yield one.lower()


@pytest.mark.parametrize(
    "module", [name for name in TREES if room(name) not in ("daemons", "tools")]
)
def test_no_daemon_is_named_outside_its_folder(module):
    """What only one daemon needs stands in its folder; a comment may cite its source."""
    assert [] == [text for text in strings(module) if any(word in text for word in WORDS)]
