from __future__ import annotations

import ast
import os

import pytest

import initpy
from initpy.cli import ACTIONS

ROOT = os.path.dirname(initpy.__file__)

# The picture of the architecture, the lowest first. A module imports from the
# layers below its own and from nowhere else. ``host`` is a package, and one
# module here. The front door, ``initpy`` itself, loads whatever is asked for.
LAYERS = [
    {"lsb", "record", "console", "daemonize", "foster"},
    {"errors", "schedule"},
    {"host", "service"},
    {"wait", "pidfile", "identity", "settings", "diagnose"},
    {"lock", "killing", "program", "pidof"},
    {"configuration", "install"},
    {"census", "serving", "sockets"},
    {"survey"},
    {"settling", "configtesting", "draining", "repair", "reporting"},
    {
        "intruders",
        "orphans",
        "proving",
        "reopening",
        "discover",
        "redirect",
        "services.nginx",
        "services.php_fpm",
    },
    {"bringup", "oldbin", "stopping"},
    {"replacing", "takeover"},
    {"reloading", "upgrading"},
    {"starting"},
    {"cli"},
    {"wrappers", "units"},
    {"command"},
]

# What a module but ``host`` takes from outside. None of it looks at the machine:
# of os.path only what computes is used, of signal in ``schedule`` the names.
# daemonize is a program of its own.
FROM_OUTSIDE = {
    "cli": {"json", "sys"},
    "command": {"argparse", "os.path", "sys"},
    "configtesting": {"os.path"},
    "configuration": {"os.path", "re"},
    "console": {"sys"},
    "daemonize": {"daemon", "daemon.pidfile", "os", "sys"},
    "diagnose": {"re"},
    "discover": {"re"},
    "identity": {"os.path"},
    "install": {"sys"},
    "pidof": {"os.path"},
    "schedule": {"_signal"},
    "settings": {"shlex"},
}
COMPUTES = {"abspath", "basename", "dirname", "join", "normpath"}  # of os.path

# Who catches InitError: the edges, which turn it into an exit code, and who has
# something to take back, or a sentence to say, before it goes on.
CATCHES = [
    ("bringup", "bring_up"),
    ("cli", "_act"),
    ("cli", "_redirected"),
    ("cli", "_status"),
    ("command", "main"),
    ("lock", "__enter__"),
    ("pidfile", "read_pidfile"),
    ("repair", "repair_pidfile"),
    ("replacing", "_finish"),
    ("replacing", "_forward"),
    ("replacing", "_succeed"),
    ("takeover", "_begin"),
    ("takeover", "_finish"),
]


def at_runtime(node):
    """Yield a node and those below it, but for what only the type checker sees."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and "TYPE_CHECKING" == ast.unparse(child.test)):
            yield from at_runtime(child)


def read():
    """Return the syntax trees of the package by module, a list for each."""
    trees = {}
    for directory, _, names in os.walk(ROOT):
        package = os.path.relpath(directory, ROOT).replace("/", ".").strip(".")
        for name in names:
            module = f"{package}.{name[:-3]}".strip(".")
            if not name.endswith(".py") or module in ("__init__", "services.__init__"):
                continue
            with open(os.path.join(directory, name)) as file:
                tree = ast.parse(file.read())
            trees.setdefault("host" if package == "host" else module, []).append(tree)
    return trees


TREES = read()


def nodes(module, kind):
    """Return every node of a kind in a module, at runtime."""
    return [n for tree in TREES[module] for n in at_runtime(tree) if isinstance(n, kind)]


def ours(module):
    """Return the modules of the package that a module imports."""
    used = set()
    for node in nodes(module, ast.ImportFrom):
        if node.level:
            used |= {node.module} if node.module else {alias.name for alias in node.names}
    return {"host" if name.startswith("host") else name for name in used}


def test_every_module_has_its_layer():
    """No module stands outside the picture, or in it twice."""
    drawn = sorted(module for layer in LAYERS for module in layer)

    assert sorted(TREES) == drawn


@pytest.mark.parametrize("depth", range(len(LAYERS)))
def test_imports_point_one_way(depth):
    """No module imports from its own layer or from one that stands on it."""
    allowed = set().union(*LAYERS[:depth])

    for module in sorted(LAYERS[depth] - {"host"}):
        above = ours(module) - allowed
        assert set() == above, f"{module} imports {above}"


def test_host_stands_on_errors_and_records():
    """Of the package the host knows what can go wrong, and nothing else."""
    inside = {"files", "processes", "procfs", "programs", "sockets", "host"}

    assert {"errors", "record"} == ours("host") - inside


def test_actions_stand_below_the_edge():
    """What ``cli`` imports by name when it is asked for stands below it too."""
    below = set().union(*LAYERS[: LAYERS.index({"cli"})])

    assert {module for module, _, _ in ACTIONS.values()} <= below


def test_only_the_host_makes_system_calls():
    """What could look at the machine, or touch it, is imported by ``host`` alone."""
    found = {}
    for module in TREES.keys() - {"host"}:
        names = {alias.name for node in nodes(module, ast.Import) for alias in node.names}
        names |= {node.module for node in nodes(module, ast.ImportFrom) if not node.level}
        if names - {"__future__"}:
            found[module] = names - {"__future__"}

    assert FROM_OUTSIDE == found


@pytest.mark.parametrize("module", sorted(TREES.keys() - {"host", "daemonize"}))
def test_os_path_only_computes(module):
    """No module but ``host`` asks os.path what is there, or opens a file."""
    attributes = [ast.unparse(node) for node in nodes(module, ast.Attribute)]
    used = {name[len("os.path.") :] for name in attributes if name.startswith("os.path.")}
    calls = {ast.unparse(node.func) for node in nodes(module, ast.Call)}

    assert used <= COMPUTES
    assert not calls & {"open", "exec", "eval", "input", "compile"}
    assert not {name for name in attributes if name.startswith("os.")} - {
        "os.path",
        *(f"os.path.{name}" for name in COMPUTES),
    }


def test_only_wait_sleeps():
    """Every pause is ``wait``'s, so every pause has a deadline and a sentence."""
    sleepers = {
        module
        for module in TREES.keys() - {"host"}
        for node in nodes(module, ast.Attribute)
        if "sleep" == node.attr
    }

    assert {"wait"} == sleepers


def handlers(module):
    """Yield the function and the caught class of every ``except``."""
    for function in nodes(module, ast.FunctionDef):
        for node in ast.walk(function):
            if isinstance(node, ast.ExceptHandler):
                caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
                for one in caught:
                    yield function.name, one and ast.unparse(one)


def test_errors_are_caught_at_the_edge():
    """Where InitError is caught in between, something is taken back; the list is kept."""
    found = {
        (module, function)
        for module in TREES.keys() - {"host"}
        for function, caught in handlers(module)
        if "InitError" == caught
    }

    assert sorted(found) == CATCHES


def test_nobody_catches_whatever_comes():
    """A traceback is better than a wrong number: no bare except, and no Exception."""
    found = {
        (module, function)
        for module in TREES
        for function, caught in handlers(module)
        if caught in (None, "Exception")
    }

    assert set() == found


def test_nobody_prints_or_exits():
    """Actions return or raise: only the console writes, and only a wrapper exits."""
    found = {
        (module, called)
        for module in TREES.keys() - {"host"}
        for called in [ast.unparse(node.func) for node in nodes(module, ast.Call)]
        if called in ("print", "sys.exit", "exit", "SystemExit", "os._exit")
    }

    assert set() == found


@pytest.mark.parametrize("module", sorted(TREES.keys() - {"host"}))
def test_one_idea_fits_on_some_pages(module):
    """A module that needs a table of contents is two modules."""
    (tree,) = TREES[module]

    assert max(node.end_lineno for node in tree.body) <= 250
