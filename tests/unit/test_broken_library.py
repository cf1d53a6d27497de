"""Wrappers whose library is gone, or was left half written."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from itertools import cycle

import pytest
from broken import BREAKAGES, MODULES, broken, copy_library

import initpy
from initpy.daemons.nginx import NGINX
from initpy.tools.init_script import render

CHANGING = ("start", "stop", "upgrade", "reload", "restart")


class Wrapper:
    """The wrapper of a private nginx, which is installed and stopped."""

    def __init__(self, folder, libraries, *, conffile):
        """Write it into *folder*. It imports from *libraries*, which need not be there."""
        self.path = folder / "nginx"
        service = NGINX.replace(
            daemon="/bin/false", config=f"{folder}/conf", pidfile=f"{folder}/pid"
        )
        folders = [str(libraries)]
        text = render(
            service, NGINX, interpreter=sys.executable, folders=folders, conffile=conffile
        )
        self.path.write_text(text)
        self.path.chmod(0o755)

    def __call__(self, *argv, **streams):
        """Run it; return its exit code and what it said."""
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        ended = subprocess.run([self.path, *argv], text=True, check=False, **streams)
        return ended.returncode, ended.stdout, ended.stderr

    def fails(self, *argv):
        """Check that an action fails with one line that says why, and return that."""
        return self.failed(self(*argv), 4 if "status" in argv else 1)

    def failed(self, ended, code):
        """Check that an action has ended so, with one line that says why, and return that."""
        assert code == ended[0], ended
        # An action that has begun has its line of output, too.
        assert "" == ended[1] or ended[1].endswith("[FAILED]\n"), ended
        err = ended[2]
        assert err.startswith("nginx: initpy cannot be used: "), err
        assert 1 == err.count("\n") == len(err.splitlines())
        return err


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    """Return a folder with a copy of the library, which a test may break."""
    folder = tmp_path_factory.mktemp("libraries")
    copy_library(folder)
    return folder


@pytest.fixture(params=[False, True], ids=["plain", "debian"])
def wrapper(request, tmp_path, libraries):
    """Return each kind of wrapper, with that library."""
    return Wrapper(tmp_path, libraries, conffile=request.param)


@pytest.fixture
def plain(tmp_path):
    """Return a wrapper as ``initpy generate`` makes it, without a library."""
    return Wrapper(tmp_path, tmp_path / "libraries", conffile=False)


@pytest.fixture
def debian(tmp_path):
    """Return a wrapper as Debian's package has it, without a library."""
    return Wrapper(tmp_path, tmp_path / "libraries", conffile=True)


def test_whole_library(wrapper):
    """With all of its library, the status of a stopped service is 3."""
    assert (3, "nginx: stopped\n", "") == wrapper("status")


@pytest.mark.parametrize("argv", [["status"], ["--json", "status"], *([a] for a in CHANGING), []])
def test_library_gone(plain, argv):
    """The daemon may well run: its state is unknown, and nothing was done."""
    assert "ModuleNotFoundError: No module named 'initpy'" in plain.fails(*argv)


@pytest.mark.parametrize("left", [".", "libraries/initpy/actions/__pycache__/x.cpython-311.pyc"])
def test_package_removed(debian, tmp_path, left):
    """Removed and not purged, whatever of Python's own is left: quiet, as Debian wants it."""
    os.makedirs(tmp_path / os.path.dirname(left), exist_ok=True)
    (tmp_path / left).touch()

    assert (3, "", "") == debian("status")
    assert (3, "", "") == debian("--json", "status")
    assert [(0, "", "")] * len(CHANGING) == [debian(action) for action in CHANGING]


@pytest.mark.parametrize(
    "left", ["initpy/cli.py", "initpy/host/procfs.py", "initpy/cli.py.dpkg-new", "initpy"]
)
def test_package_half_removed(debian, tmp_path, left):
    """With anything else left of it, the library is not removed but broken."""
    path = tmp_path / "libraries" / left
    path.parent.mkdir(parents=True)
    path.touch()

    for action in ("status", "start", "stop"):
        debian.fails(action)


def test_library_that_cannot_be_reached(debian, tmp_path):
    """A folder that cannot be looked into is not a removed package."""
    (tmp_path / "libraries").symlink_to("libraries")  # ELOOP, even for root

    for action in ("status", "start", "stop"):
        debian.fails(action)


@pytest.mark.parametrize("how", BREAKAGES)
@pytest.mark.parametrize("module", ["cli.py", "host/files.py", "daemons/nginx/__init__.py"])
def test_broken_module(wrapper, libraries, module, how):
    """A module that every action needs is missing or broken: all of them say so."""
    with broken(libraries, module, how):
        for action in ("status", "start", "stop"):
            wrapper.fails(action)


@pytest.mark.parametrize(("module", "how"), list(zip(MODULES, cycle(BREAKAGES))))
def test_status_with_a_broken_module(tmp_path, libraries, module, how):
    """Status is 4, or what it is with the whole library, if the module is not needed."""
    wrapper = Wrapper(tmp_path, libraries, conffile=False)

    with broken(libraries, module, how):
        # Once: what it needs depends on what else runs on this host at the moment.
        ended = wrapper("status")

    if (3, "nginx: stopped\n", "") != ended:
        wrapper.failed(ended, 4)


@pytest.mark.parametrize("action", ["start", "stop", "upgrade", "reload", "reopen"])
def test_broken_module_of_one_action(wrapper, libraries, action):
    """An action whose own module is missing fails; status does not need it."""
    with broken(libraries, f"actions/{action}.py", "removed"):
        wrapper.fails(action)
        assert 3 == wrapper("status")[0]


def test_other_version_of_python(tmp_path):
    """Folders of another version of Python: a wrapper says so, whether it works or not."""
    libraries = tmp_path / "lib/python3.4/site-packages"
    wrapper = Wrapper(tmp_path, libraries, conffile=False)
    said = "generated for Python 3.4, {} Python {}.{}"

    gone = wrapper.fails("stop")
    copy_library(libraries)
    code, out, err = wrapper("status", "--json")

    assert said.format("run by", *sys.version_info) in gone
    assert said.format("and is run by", *sys.version_info) in err
    assert (3, "stopped") == (code, json.loads(out)["state"])


@pytest.fixture
def too_new(tmp_path):
    """Return a folder with a library that needs a later Python than this one."""
    copy_library(tmp_path / "libraries")
    path = tmp_path / "libraries/initpy/__init__.py"
    path.write_text(path.read_text().replace("OLDEST = (3, 9)", "OLDEST = (3, 99)"))
    return tmp_path / "libraries"


TOO_NEW = f"initpy needs Python 3.99 or later, and this is Python 3.{sys.version_info[1]}"


def test_python_that_is_too_old(tmp_path, too_new):
    """One sentence says which version is needed, and nothing was done."""
    wrapper = Wrapper(tmp_path, too_new, conffile=False)

    for action in ("status", "start", "stop"):
        assert TOO_NEW in wrapper.fails(action)


@pytest.mark.parametrize("argv", [["-m", "initpy.tools.command"], ["initpy"]])
def test_command_of_a_python_that_is_too_old(tmp_path, too_new, argv):
    """So does the command."""
    (tmp_path / "initpy").write_text("from initpy.tools.command import main\nmain()\n")
    ended = subprocess.run(
        [sys.executable, *argv, "--version"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(too_new)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (1, "", TOO_NEW + "\n") == (ended.returncode, ended.stdout, ended.stderr)


def test_what_an_old_python_reads(plain):
    """What it reads before it knows better, Python 3.6 can read, and the message is not lost."""
    wrapper = plain.path.read_text()
    with open(initpy.__file__) as file:
        library = file.read()

    for text in (wrapper, library):
        ast.parse(text, feature_version=(3, 6))
        assert "from __future__" not in text  # that of annotations is 3.7's
    assert "flush=True" in wrapper  # before 3.9 stderr may be buffered


@pytest.mark.parametrize(("action", "code"), [("status", 4), ("stop", 1)])
def test_stderr_that_cannot_be_written(plain, action, code):
    """What cannot be said does not change the exit code."""
    with open("/dev/full", "w") as full:
        assert code == plain(action, stderr=full)[0]


@pytest.mark.parametrize(
    ("raised", "remedy"),
    [
        ("OSError(24, 'Too many open files', '/x')", "try again"),
        ("ImportError('x.so: cannot open shared object file: Too many open files')", "try again"),
        ("ImportError('x.so: undefined symbol')", "install initpy again, or generate this script"),
    ],
)
def test_file_that_cannot_be_opened_now(plain, tmp_path, raised, remedy):
    """What may be over the next time is no broken library: to install it again would not help."""
    folder = tmp_path / "libraries" / "initpy"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "cli.py").write_text(f"raise {raised}\n")

    for action in ("status", "start"):
        assert plain.fails(action).partition("): ")[2].startswith(remedy)
