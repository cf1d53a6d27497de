"""Configurations as others write them: what php-fpm says of them is what it does."""

from __future__ import annotations

import os
import subprocess
from collections import Counter

import pytest
from pool_files import POOL_FILES, USER
from real_daemons import disagreement, free_port, in_the_foreground, wait_until, wishless
from real_load import crash

from initpy.control.ask import ask_configuration
from initpy.state.configuration import read_configuration

pytestmark = pytest.mark.real

TITLE = "php-fpm: pool "


def write(fpm, text):
    """Write a configuration: see pool_files."""
    at = fpm.path("sockets")
    for folder in (
        at,
        fpm.place.path("vhosts/example.org"),
        fpm.place.path("vhosts/sub.example.org"),
    ):
        os.makedirs(folder)
    names = {f"port{number or ''}": free_port() for number in (0, 2, 3)}
    names.update(at=at, place=fpm.place.root, pidfile=fpm.pidfile, log=fpm.log)
    names.update(relative=os.path.relpath(fpm.path(), "/usr"))
    os.unlink(fpm.path("pool.d", "www.conf"))
    first, *others = text.split("## ")
    files = [("pool.d/www.conf", first)] if first else []
    files += [part.split("\n", 1) for part in others]
    for name, content in files:
        fpm.place.write(f"{fpm.folder}/{name}", content.format(**names))


def seen(fpm):
    """Return how many workers every pool has, by their titles."""
    titles = [title for title in fpm.place.processes().values() if title.startswith(TITLE)]
    return Counter(title[len(TITLE) :] for title in titles)


def wanted(config):
    """Return how many workers every pool is to start with, if it is not on demand."""
    return {pool.name: pool.workers for pool in config.pools if not pool.on_demand}


def inodes(fpm, *processes):
    """Return the listening sockets that those processes hold."""
    listening = {socket.inode for socket in fpm.host.listening_sockets()}
    return listening & set().union(*map(fpm.host.socket_inodes, processes))


# One in how many is tried: all in scripts/soak.
EVERY = int(os.environ.get("INITPY_TEST_POOL_FILES", "3"))


@pytest.mark.parametrize("name", list(POOL_FILES)[::EVERY])
def test_pool_file(fpm, name):
    """However it is written, php-fpm is started, upgraded, recovered and stopped."""
    write(fpm, POOL_FILES[name])

    started = fpm.act("start")
    read = read_configuration(fpm.service, fpm.host)
    told = ask_configuration(fpm.service, fpm.host)
    differ, workers, old = disagreement(told, fpm.master, fpm.host), seen(fpm), fpm.master
    upgraded = fpm.act("upgrade")
    new = fpm.master
    left = crash(fpm)
    held = inodes(fpm, *left) if left else set()
    recovered = fpm.act("start")
    kept = inodes(fpm, fpm.master)
    ended = fpm.act("stop")

    results = [started, upgraded, recovered, ended]
    assert [0, 0, 0, 0] == [result.code for result in results], results
    assert (set(), set()) == differ
    assert wishless(told) == wishless(read)
    assert wanted(told) == workers
    assert old != new
    assert held <= kept
    assert {} == fpm.place.processes()
    assert [] == os.listdir(fpm.path("sockets"))


@pytest.mark.parametrize("name", ["php image", "alpine", "azure", "nixos", "pantheon"])
def test_in_the_foreground(fpm, name):
    """What says daemonize = no is reloaded where a supervisor runs it, and not taken over."""
    write(fpm, POOL_FILES[name])
    fpm.crew = sum(wanted(ask_configuration(fpm.service, fpm.host)).values())
    with in_the_foreground(fpm) as master:
        reloaded = fpm.act("reload")
        upgraded = fpm.act("upgrade", timeout=0.5)
        told, workers = ask_configuration(fpm.service, fpm.host), seen(fpm)

        assert (0, 3) == (reloaded.code, upgraded.code), (reloaded, upgraded)
        assert master == fpm.master
        assert (set(), set()) == disagreement(told, master, fpm.host)
        assert wanted(told) == workers


# As images have it whose pools are set by variables, all of them or the name of the socket.
VARIABLES = f"[www]\n{USER}listen = {{at}}/${{{{FPM_NAME}}}}.sock\npm = ${{{{FPM_PM}}}}\n"
VARIABLES += "pm.max_children = ${{FPM_CHILDREN}}\n"


@pytest.fixture
def variables(fpm, monkeypatch):
    """Give a php-fpm whose pool is set by variables that only its environment has."""
    for name, value in (("NAME", "app"), ("PM", "static"), ("CHILDREN", "2")):
        monkeypatch.setenv(f"FPM_{name}", value)
    write(fpm, VARIABLES)
    fpm.crew = 2
    return fpm


def test_variables_in_the_foreground(variables):
    """A configuration that names the master's variables is read with them in a reload."""
    with in_the_foreground(variables) as master:
        before = variables.workers
        reloaded = variables.act("reload")
        upgraded = variables.act("upgrade", timeout=0.5)

        assert (0, 3) == (reloaded.code, upgraded.code), (reloaded, upgraded)
        assert master == variables.master
        assert 2 == len(variables.workers - before)


def test_variables_of_a_master(variables):
    """A new master has its predecessor's variables; a start has none of them, and is refused."""
    arguments = ["--daemonize", "--fpm-config", variables.config, "--pid", variables.pidfile]
    subprocess.run([variables.daemon, *arguments], check=True)
    wait_until(lambda: len(variables.workers) == 2, "two workers")
    first = variables.master

    upgraded, second = variables.act("upgrade"), variables.master
    reloaded, third = variables.act("reload"), variables.master
    restarted = variables.act("restart")

    codes = (upgraded.code, reloaded.code, restarted.code)
    assert (0, 0, 6) == codes, (upgraded, reloaded, restarted)
    assert first != second
    assert third == variables.master
    assert ["app.sock"] == os.listdir(variables.path("sockets"))
    assert 2 == len(variables.workers)
