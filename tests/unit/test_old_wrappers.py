"""The wrappers of earlier versions, which stay in ``/etc/init.d`` while the library changes.

``generated/VERSION`` holds wrappers as that version's ``render()`` made them, for
daemons of which everything is in /srv/private: plain ones for a folder of Python
3.11, and Debian's, which are conffiles. They are never generated again: a failure
here says that installed wrappers would fail, and that the library has to change. A
release that changes the format adds a folder of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import initpy

LIBRARIES = os.path.dirname(os.path.dirname(initpy.__file__))
COPIES = sorted(Path(__file__).with_name("generated").glob("*/*"))
PRIVATE = "/srv/private"
FOLDERS = ("lib/python3.11/site-packages", "dist-packages")
TITLES = {
    "nginx": "nginx: master process {0}/sbin/nginx -c {0}/nginx.conf",
    "php-fpm": "php-fpm: master process ({0}/php-fpm.conf)",
}


class Wrapper:
    """A copy of an old wrapper, with another place for /srv/private. Its daemon is a cat(1)."""

    def __init__(self, copy, folder):
        _, _, self.daemon = copy.name.partition("-")
        self.folder = folder
        self.path = folder / f"private-{self.daemon}"
        self.path.write_text(copy.read_text().replace(PRIVATE, str(folder)))
        self.executable = folder / "sbin" / self.daemon
        self.executable.parent.mkdir()
        shutil.copy("/bin/cat", self.executable)
        for name in FOLDERS:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to(LIBRARIES)

    def __call__(self, *argv):
        """Run it; return its exit code, and what it said."""
        command = [sys.executable, "-IS", self.path, *argv]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        said = [line for line in ended.stderr.splitlines() if "generated for Python" not in line]
        return ended.returncode, ended.stdout, said


@pytest.fixture(params=COPIES, ids=lambda path: "/".join(path.parts[-2:]))
def wrapper(request, tmp_path):
    """Return each of them."""
    return Wrapper(request.param, tmp_path)


def test_copies():
    """There are wrappers of the first version that was released, for each daemon."""
    first = {copy.name for copy in COPIES if copy.parent.name == "0.1.0"}

    assert {f"{kind}-{daemon}" for kind in ("plain", "debian") for daemon in TITLES} == first


def test_stopped(wrapper):
    """It knows its service."""
    assert (3, f"private-{wrapper.daemon}: stopped\n", []) == wrapper("status")


def test_running(wrapper):
    """It knows a running one by the facts that it names."""
    title = TITLES[wrapper.daemon].format(wrapper.folder)
    with subprocess.Popen([title], executable=wrapper.executable, stdin=subprocess.PIPE) as master:
        (wrapper.folder / f"{wrapper.daemon}.pid").write_text(f"{master.pid}\n")

        code, out, said = wrapper("status", "--json")

    told = json.loads(out)
    assert (0, []) == (code, said)
    assert ("running", master.pid) == (told["state"], told["master"])


def test_wrong_usage(wrapper):
    """What it does not know is 2, with a usage line."""
    code, out, said = wrapper("frobnicate")

    assert (2, "") == (code, out)
    assert f"Usage: /etc/init.d/private-{wrapper.daemon} " in said[-1]


@pytest.mark.parametrize(
    "wrapper", [copy for copy in COPIES if copy.name.startswith("debian-")], indirect=True
)
def test_daemon_removed(wrapper):
    """Debian's has nothing to start when the daemon is removed, and not purged."""
    wrapper.executable.unlink()

    assert (0, "", []) == wrapper("start")
