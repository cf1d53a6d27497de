from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import pytest

import initpy

ROOT = os.path.dirname(os.path.dirname(initpy.__file__))

# What costs as much to import as an action's own work, or more.
COSTLY = {
    "argparse",
    "asyncio",
    "collections",
    "ctypes",
    "daemon",
    "dataclasses",
    "enum",
    "functools",
    "importlib",
    "inspect",
    "json",
    "lockfile",
    "logging",
    "pathlib",
    "psutil",
    "re",
    "shlex",
    "shutil",
    "signal",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
    "typing",
    "typing_extensions",
    "warnings",
}

# What each action loads of a stopped service whose daemon is missing: what it costs at
# least. A change shows as a change of this file, which INITPY_ACCEPT=1 writes anew.
RECORDED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "loaded.txt")
ACTIONS = ("status", "stop", "configtest", "reopen", "start", "reload", "upgrade")
RUNNING = "status, running"

# What status may load of a running service: it takes longer to load than to look.
MOST_MODULES = 24
MOST_SOURCE = 135_000  # bytes

PROGRAM = """
import sys
opened = []
sys.addaudithook(lambda event, args: event == "open" and opened.append(str(args[0])))
before = set(sys.modules)
root, directory, action = sys.argv[1:]
sys.path.insert(0, root)
sys.argv = ["/etc/init.d/x", action, "--quiet"]
from initpy.cli import main
from initpy.daemons.nginx import NGINX
service = NGINX.replace(
    name="initpy-test-imports", pidfile=directory + "/x.pid", daemon=directory + "/x",
    config=directory + "/x.conf", lockfile=directory + "/subsys",
    # No process of the machine that runs the tests has these titles.
    master_title="initpy-test: master {argv}", worker_titles=("initpy-test: worker",),
)
if action != "status":
    import initpy.state.record
    initpy.state.record.DIRECTORY = directory + "/lock"
main(service)
after = sorted(set(sys.modules) - before)
import json
print(json.dumps([after, opened]))
"""


def run(action, directory):
    """Return the modules that an action loads in an interpreter of its own, and what it opens."""
    command = [sys.executable, "-I", "-S", "-c", PROGRAM, ROOT, str(directory), action]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded, opened = json.loads(ended.stdout)
    return set(loaded), opened


def loaded_by(action, directory):
    """Return the modules that an action loads in an interpreter of its own."""
    return run(action, directory)[0]


def ours(loaded):
    """Return those of the package, without its name."""
    prefix = "initpy."
    return {name[len(prefix) :] for name in loaded if name.startswith(prefix)}


@pytest.fixture(scope="session")
def recorded():
    """Return what each action loaded when that was last accepted."""
    with open(RECORDED) as file:
        lines = (line.partition(": ") for line in file.read().splitlines())
    return {action: set(names.split()) for action, _, names in lines}


def seen(recorded, action, loaded):
    """Compare what was loaded with the record, or write it down."""
    if os.environ.get("INITPY_ACCEPT"):
        recorded[action] = ours(loaded)
        lines = [f"{name}: {' '.join(sorted(recorded[name]))}\n" for name in recorded]
        with open(RECORDED, "w") as file:
            file.writelines(lines)
    assert recorded[action] == ours(loaded), "INITPY_ACCEPT=1 writes tests/unit/loaded.txt anew"
    assert set() == loaded & COSTLY


@pytest.mark.parametrize("action", ACTIONS)
def test_what_an_action_loads(tmp_path, recorded, action):
    """An action pays for what it does and for nothing else."""
    seen(recorded, action, loaded_by(action, tmp_path))


@pytest.fixture
def running(tmp_path):
    """Have a master run, and return what ``status`` loads and opens then."""
    title = f"initpy-test: master {tmp_path}/x -c {tmp_path}/x.conf"
    with subprocess.Popen([title], executable="/bin/cat", stdin=subprocess.PIPE) as master:
        (tmp_path / "x.pid").write_text(str(master.pid))
        yield run("status", tmp_path)
        master.kill()


def test_what_status_loads_of_a_running_service(running, recorded):
    """A monitor that asks every few seconds pays for the least."""
    seen(recorded, RUNNING, running[0])


def test_status_keeps_its_budget(running):
    """Its time is that of its modules: how many they are, and how large."""
    modules = [name for name in running[0] if name.split(".")[0] == "initpy"]
    paths = [importlib.util.find_spec(name).origin for name in modules]

    assert len(modules) <= MOST_MODULES
    assert sum(map(os.path.getsize, paths)) <= MOST_SOURCE


def test_status_loads_no_os(running):
    """It loads the classes of collections.abc, in a third of the time of a whole status."""
    assert set() == {"os", "_collections_abc"} & running[0]


def test_status_reads_no_source(running):
    """What a shipped declaration names is known to be there."""
    assert [] == [path for path in running[1] if path.endswith(".py")]


def test_front_door_loads_nothing():
    """To import the package is to pay for nothing yet."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); import initpy; print(*sys.modules)"
    command = [sys.executable, "-I", "-S", "-c", code, ROOT]

    ended = subprocess.run(command, capture_output=True, text=True, check=True)

    loaded = ended.stdout.split()
    assert ["initpy"] == [name for name in loaded if name.startswith("initpy")]
    assert set() == COSTLY & set(loaded)


@pytest.mark.parametrize("name", initpy.__all__)
def test_front_door_leads_to_every_name(name):
    """Each public name is found where it lives."""
    found = getattr(initpy, name)

    assert name == found.__name__


def test_front_door_has_no_other_name():
    """A name that is not public is no attribute."""
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = initpy.nothing
