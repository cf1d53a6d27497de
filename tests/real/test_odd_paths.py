"""A configuration names paths that are no text: their bytes are not UTF-8."""

from __future__ import annotations

import os
import socket

import pytest

pytestmark = pytest.mark.real

ODD = {
    "nginx": "access_log {0}/a.log; server {{ listen unix:{0}/s; location / {{ return 200 x; }} }}",
    "php-fpm": (
        "[odd]\nlisten = {0}/s\nuser = nobody\ngroup = nogroup\npm = static\n"
        "pm.max_children = 1\naccess.log = {0}/a.log\n"
    ),
}


@pytest.fixture
def odd(site):
    """Have the site listen, and log, at paths that are no text; return its socket."""
    folder = site.path("x\udcff\udce9")
    os.mkdir(folder)
    included = site.path("pool.d", "odd.conf")
    os.makedirs(os.path.dirname(included), exist_ok=True)
    with open(included, "w", errors="surrogateescape") as file:
        file.write(ODD[site.kind].format(folder))
    if site.kind == "nginx":
        site.configure(http=f"include {included};")
    return f"{folder}/s"


def can_connect(path):
    """Tell whether somebody listens there."""
    with socket.socket(socket.AF_UNIX) as one:
        return one.connect_ex(os.fsencode(path)) == 0


def test_a_life(site, odd):
    """Each action does what it says, and the socket is handed on as any other."""
    for action in ("configtest", "start", "status", "reload", "reopen", "upgrade", "restart"):
        result = site.act(action)
        assert 0 == result.code, result
        assert action == "configtest" or can_connect(odd)
    assert 0 == site.act("stop").code
    assert {} == site.place.processes()


def test_recovery(site, odd):
    """After the master was killed, a start takes over from its workers."""
    assert 0 == site.act("start").code
    master = site.master
    site.kill(master)
    site.see_gone(master)

    result = site.act("start")

    assert 0 == result.code, result
    assert can_connect(odd)
