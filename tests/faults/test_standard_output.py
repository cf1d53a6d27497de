"""Logs that lead to the standard output, as in the images of containers."""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress
from glob import glob

import pytest
from boxes import log_to_standard_output

pytestmark = pytest.mark.fault

LONG = "x" * 3000
MOST = 1 << 20  # bytes


def write_log(site):
    """Ask until a log must be longer than 1 MiB."""
    if site.kind == "php-fpm":
        for _ in range(MOST // 3000 + 1):
            site.ask(uri=f"/status?{LONG}")
        return
    request = f"GET /{LONG} HTTP/1.1\r\nHost: test\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", site.port), 5) as connection:
        for _ in range(MOST // 3000 + 1):
            connection.sendall(request)
            assert b"200 OK" in connection.recv(65536)


def in_memory(site):
    """Return how many bytes the files without a name have that its processes have open."""
    sizes = {}
    for process in site.place.processes():
        for path in glob(f"/proc/{process}/fd/*"):  # none if it has ended meanwhile
            with suppress(FileNotFoundError):  # a connection, closed meanwhile
                if os.readlink(path).startswith("/memfd:"):
                    info = os.stat(path)
                    assert stat.S_ISREG(info.st_mode)
                    sizes[info.st_ino] = info.st_size
    return sum(sizes.values())


def test_logs_to_standard_output(site):
    """Logs lead to /dev/stdout and /dev/stderr: nothing fills the memory, every action works."""
    log_to_standard_output(site)
    site.start()
    for action in ("status", "reload", "reopen", "upgrade", "restart"):
        write_log(site)
        assert in_memory(site) < MOST

        result = site.act(action)

        assert 0 == result.code, (action, result)
        assert site.ask()
    write_log(site)
    assert in_memory(site) < MOST
    assert 0 == site.act("stop").code
    assert {} == site.place.processes()


def test_reason_of_a_start_that_fails(site):
    """Logs lead to /dev/stderr, and a start fails: the reason is told."""
    log_to_standard_output(site)
    with socket.socket() as held:
        held.bind(("127.0.0.1", site.port))
        held.listen()

        result = site.act("start")

    assert 1 == result.code, result
    assert "Address already in use" in result.err
