"""Whose a file or a process is: what only root can arrange, on the real machine."""

from __future__ import annotations

import os
import signal

import pytest

from initpy.errors import InitError, NotPermitted
from initpy.host import Host

pytestmark = pytest.mark.real


@pytest.fixture
def machine():
    """Return the machine we run on."""
    return Host()


def test_lock_in_a_directory_of_somebody_else(machine, tmp_path):
    """Root's lock stands in root's directory or nowhere."""
    (tmp_path / "lock").mkdir()
    os.chown(tmp_path / "lock", 54321, -1)

    with pytest.raises(InitError, match="not a directory that root owns"):
        machine.lock(str(tmp_path / "lock/x"))


def test_files_of_others(machine, tmp_path):
    """Whose a directory or a file is, decides what root believes of it."""
    (tmp_path / "x").touch(0o644)
    path = str(tmp_path / "x")
    before = (machine.distrust(path), machine.distrust_for_root(path))
    os.chmod(tmp_path, 0o777)
    loose = (machine.distrust(path), machine.distrust_for_root(path))
    os.chmod(tmp_path, 0o700)
    os.chmod(path, 0o666)
    writable = machine.distrust_for_root(path)
    os.chown(path, 54321, -1)
    given = machine.distrust_for_root(path)
    os.chown(tmp_path, 54321, -1)

    after = machine.distrust(path)

    assert ("", "") == before
    assert (f"{tmp_path} can be written by others",) * 2 == loose
    assert "it can be written by others" == writable
    assert "it belongs to uid 54321" == given
    assert f"{tmp_path} belongs to uid 54321" == after
    assert "No such file or directory" == machine.distrust_for_root(path + "y")


def as_nobody(attempt):
    """Return what an attempt returns or raises in a process that is nobody's, as text."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgid(65534)
            os.setuid(65534)
            said = repr(attempt())
        except Exception as exc:  # noqa: BLE001 - what it raises is what is asked
            said = type(exc).__name__
        os.write(theirs, said.encode())
        os._exit(0)
    os.close(theirs)
    os.waitpid(child, 0)
    with open(ours) as file:
        return file.read()


def test_what_nobody_may(machine):
    """What the kernel refuses is NotPermitted or not known; what anybody may see is seen."""
    child = machine.spawn(["/bin/sleep", "60"])
    process = machine.find(child.pid)
    attempts = {
        "kill": lambda: machine.kill(process, signal.SIGTERM),
        "require_permission": lambda: machine.require_permission(process),
        "lock": lambda: machine.lock("/run/initpy-nobody/x"),
        "examine": lambda: machine.examine("/etc/shadow", 9),
        "copy_listeners": lambda: machine.copy_listeners(process),
        "exe": lambda: machine.look(process.pid).exe,
        "exe_file": lambda: machine.exe_file(process),
        "descriptors": lambda: machine.descriptors(process),
        "socket_inodes": lambda: machine.socket_inodes(process),
        "find": lambda: machine.find(process.pid) == process,
        "title": lambda: machine.title(process.pid),
    }

    said = {name: as_nobody(attempt) for name, attempt in attempts.items()}

    child.kill_group()
    child.close()
    denied = NotPermitted.__name__
    assert {
        "kill": denied,
        "require_permission": denied,
        "lock": denied,
        "examine": denied,
        "copy_listeners": "CannotCopy",
        "exe": "None",
        "exe_file": "None",
        "descriptors": "None",
        "socket_inodes": "set()",
        "find": "True",
        "title": "'/bin/sleep 60'",
    } == said
