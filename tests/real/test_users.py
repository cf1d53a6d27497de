"""Daemons that are another user's from the start."""

from __future__ import annotations

import os
import signal

import pytest
from real_daemons import wait_until

from initpy import Service
from initpy.control.run import start_daemon
from initpy.control.starting.prepare import start_command
from initpy.host.procfs import parse_status
from initpy.state.pidfile import read_pidfile

pytestmark = pytest.mark.real

USER = "www-data"


def facts_of(pid):
    """Return what the kernel says of a process that is given by its user."""
    with open(f"/proc/{pid}/status") as file:
        status = parse_status(file.read())
    with open(f"/proc/{pid}/environ") as file:
        environment = dict(line.split("=", 1) for line in file.read().split("\0") if line)
    return {
        "uids": set(status["Uid"].split()),
        "gids": set(status["Gid"].split()),
        "groups": set(status["Groups"].split()),
        "umask": status["Umask"],
        "directory": os.readlink(f"/proc/{pid}/cwd"),
        "home": environment["HOME"],
        "own": environment.get("OWN"),
    }


@pytest.fixture
def sleeper(place):
    """Give a daemon that tells nothing, in the background or by itself."""
    return Service(
        name=f"{place.name}-sleeper",
        daemon=place.copy("/bin/sleep", "sleeper"),
        pidfile=place.path("sleeper.pid"),
        start_args=("600",),
        user=f"{USER}:adm",
        directory="/usr/share",
        umask=0o027,
        environment={"OWN": "its"},
    )


@pytest.mark.parametrize("background", [True, False], ids=["background", "foreground"])
def test_user_of_a_daemon(place, sleeper, background):
    """It has the numbers, the groups, the umask, the directory and the variables of its user."""
    service, host = sleeper.replace(background=background), place.host
    account = host.account(service.user)
    child = start_daemon(service, start_command(service, host), host)
    try:
        pid = child.pid
        if background:
            pid = wait_until(lambda: read_pidfile(service.pidfile, host).pid, "its pidfile")
        wait_until(lambda: service.daemon == host.exe(pid), "the daemon to be executed")

        facts = facts_of(pid)
    finally:
        host.kill(host.find(pid), signal.SIGKILL)
        child.close()

    assert {
        "uids": {str(account.uid)},
        "gids": {str(account.gid)},
        "groups": {str(account.gid), *map(str, os.getgrouplist(USER, account.gid))},
        "umask": "0027",
        "directory": "/usr/share",
        "home": "/var/www",
        "own": "its",
    } == facts


def test_pidfile_is_roots(place, sleeper):
    """The pidfile of a daemon in the background is written before its user is given to it."""
    service, host = sleeper.replace(background=True), place.host
    child = start_daemon(service, start_command(service, host), host)
    pid = wait_until(lambda: read_pidfile(service.pidfile, host).pid, "its pidfile")
    host.kill(host.find(pid), signal.SIGKILL)
    child.close()

    info = os.stat(service.pidfile)

    assert (0, 0o644) == (info.st_uid, info.st_mode & 0o7777)
