"""Who has a place, whatever another user calls his own sockets."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from initpy.host import HERE

PROGRAM = """
import socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
print(flush=True)
sys.stdin.read()
"""


@pytest.fixture
def bound(tmp_path):
    """Return what binds a unix socket by another process, and gives its pid and path."""
    started = []

    def bind(name):
        path = str(tmp_path / name)
        child = subprocess.Popen(
            [sys.executable, "-IS", "-c", PROGRAM, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        started.append(child)
        child.stdout.readline()
        return child.pid, path

    yield bind
    for child in started:
        child.communicate()


def family_of(pid):
    """Return the pids that may be named for a process: its own, and those of its parents."""
    named = {pid}
    while facts := HERE.look(pid):
        pid = facts.ppid
        named.add(pid)
    return named


@pytest.mark.parametrize("name", ["x", "x y", "x\na b", "x\n0: 2 0 10000 1 1 7 y", "\udcff"])
def test_path(bound, name):
    """The process that listens at a path is named."""
    pid, path = bound(name)

    (found,) = HERE.holders(path)

    assert found.pid in family_of(pid)


def test_address_beside_odd_names(bound):
    """The name of a socket is no line of the kernel's table."""
    bound("x\na b")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert [] == HERE.holders(f"127.0.0.1:{port}")  # we are none of them


def test_name_of_a_path_that_leads_elsewhere(bound):
    """A socket keeps the name that it was bound to; who has it has that path no more."""
    _, path = bound("x")
    os.rename(path, f"{path}.old")
    assert [] == HERE.holders(path)
    pid, _ = bound("x")

    (found,) = HERE.holders(path)

    assert found.pid in family_of(pid)
