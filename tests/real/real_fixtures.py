"""The fixtures of the tests on real daemons; ``tests/faults`` uses them too."""

from __future__ import annotations

import os
import subprocess

import pytest
from real_daemons import Client, Fpm, Nginx, Place


@pytest.fixture
def place():
    """Give a directory of one's own; at the end nothing runs from it, and it is gone."""
    if os.geteuid() != 0:
        raise AssertionError("tests on real daemons need root: run them as root")
    mine = Place()
    try:
        yield mine
    finally:
        mine.close()


@pytest.fixture
def nginx(place):
    """Give a private nginx, stopped."""
    return Nginx(place)


@pytest.fixture
def fpm(place):
    """Give a private php-fpm, stopped."""
    return Fpm(place)


@pytest.fixture(params=["nginx", "fpm"])
def site(request, place):
    """Give each of the daemons in turn, stopped."""
    return {"nginx": Nginx, "fpm": Fpm}[request.param](place)


@pytest.fixture
def client(nginx):
    """Give a client that asks nginx, which is started for it, without a pause."""
    nginx.start()
    asking = Client(nginx)
    try:
        yield asking
    finally:
        asking.close()


@pytest.fixture
def stranger():
    """Give a process that must not get any signal."""
    child = subprocess.Popen(["/bin/sleep", "600"])
    try:
        yield child
    finally:
        child.kill()
        child.wait()
