"""What any user of the host may name as he likes, and initpy reads."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

pytestmark = pytest.mark.fault


def test_socket_whose_name_has_lines(site, place):
    """Another user's socket has lines in its name: a start that fails says why all the same."""
    with socket.socket(socket.AF_UNIX) as odd, socket.socket() as taken:
        odd.bind(place.path("x\na b"))
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", site.port))
        taken.listen()

        result = site.act("start")

    assert 1 == result.code, result
    assert "ddress already in use" in result.err
    assert "Traceback" not in result.err


ELSEWHERE = """
import os, socket, sys
root, path = sys.argv[1:]
os.chroot(root)
os.makedirs(os.path.dirname(path))
one = socket.socket(socket.AF_UNIX)
one.bind(path)
one.listen()
print(flush=True)
sys.stdin.read()
"""


def test_socket_of_that_name_in_another_root(nginx, place):
    """A socket in another root has a stale one's path: the start after a crash removes that."""
    path, root = place.path("run.sock"), place.path("root")
    os.mkdir(root)
    nginx.configure(http=f"server {{ listen unix:{path}; }}")
    command = [sys.executable, "-IS", "-c", ELSEWHERE, root, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        crashed = [nginx.start(), *nginx.workers]
        for process in crashed:
            nginx.kill(process)
        for process in crashed:
            nginx.see_gone(process)

        result = nginx.act("start")
        declared = nginx.act("restart", listens=(path,))
        child.communicate()

    assert (0, 0) == (result.code, declared.code), (result, declared)
