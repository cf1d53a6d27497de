"""Daemons that listen on unix sockets, as Debian's php-fpm does."""

from __future__ import annotations

import os
import socket

import pytest

pytestmark = pytest.mark.real


def can_connect(path):
    """Tell whether somebody takes requests there."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(path)
        except OSError:
            return False
        return True


def test_php_fpm(fpm):
    """php-fpm on a unix socket takes requests after each action, and none after stop."""
    path = fpm.path("fpm.sock")
    fpm.listen = path
    fpm.configure()

    seen = [
        (fpm.act(action).code, can_connect(path))
        for action in ("start", "reload", "restart", "stop")
    ]

    assert [(0, True)] * 3 + [(0, False)] == seen


def test_nginx(nginx):
    """Nginx on a unix socket takes requests after each action, upgrades too; none after stop."""
    path = nginx.path("nginx.sock")
    nginx.configure(server=f"listen unix:{path};")
    seen = []
    for action in ("start", "reload", "upgrade", "upgrade", "restart", "stop"):
        nginx.replace_binary()

        code = nginx.act(action).code

        seen.append((code, can_connect(path)))
    assert [(0, True)] * 5 + [(0, False)] == seen
    assert not os.path.exists(path)


def test_status_names_the_socket(fpm):
    """Status --json names a unix socket among what is listened on."""
    fpm.listen = fpm.path("fpm.sock")
    fpm.configure()
    fpm.start()

    told = fpm.act("status", "--json")

    assert [fpm.listen] == told.json["listening"]
