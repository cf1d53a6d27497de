"""Daemons that are another user's from the start."""

from __future__ import annotations

import os
import signal

import pytest
from real_daemons import wait_until

from initpy import Service
from initpy.actions.configtest import check_configuration
from initpy.control.run import start_daemon
from initpy.control.starting.launch import launch
from initpy.control.starting.prepare import start_command
from initpy.errors import InitError
from initpy.host.procfs import status_line
from initpy.state.pidfile import read_pidfile

pytestmark = pytest.mark.real

USER = "www-data"


def environment_of(pid):
    """Return the environment variables of a process; {} in the middle of its execve(2)."""
    with open(f"/proc/{pid}/environ") as file:
        return dict(line.split("=", 1) for line in file.read().split("\0") if line)


def wait_for_daemon(service, pid, host):
    """Wait until a process has executed the daemon: its environment is the last to be set."""
    wait_until(
        lambda: service.daemon == host.exe(pid) and environment_of(pid),
        "the daemon to be executed",
    )


def facts_of(pid):
    """Return what the kernel says of a process that is given by its user."""
    with open(f"/proc/{pid}/status") as file:
        status = file.read()
    environment = environment_of(pid)
    return {
        "uids": set(status_line(status, "Uid").split()),
        "gids": set(status_line(status, "Gid").split()),
        "groups": set(status_line(status, "Groups").split()),
        "umask": status_line(status, "Umask"),
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
        wait_for_daemon(service, pid, host)

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


def test_directory_behind_a_link_of_the_users(place):
    """Where the user can make links, none leads root to another directory."""
    own, target = place.path("own"), place.path("target")
    uid = place.host.account(USER).uid
    os.mkdir(target)
    os.mkdir(own)
    os.symlink(target, f"{own}/run")
    os.lchown(f"{own}/run", uid, uid)
    os.chown(own, uid, uid)

    for path in (f"{own}/run", f"{own}/run/below"):
        with pytest.raises(InitError, match=f"is a link of {USER}'s, which is not followed"):
            place.host.own_directory(path, 0o755, uid, uid)

    assert 0 == os.stat(target).st_uid
    assert [] == os.listdir(target)


def test_directories_of_a_start(place, sleeper):
    """They are made before the test of the configuration, and again if they are lost."""
    folders = {place.path("run"): 0o2750, place.path("run/inner"): 0o700}
    service = sleeper.replace(
        directories=folders, test_args=(), daemon=place.copy("/bin/true", "t")
    )

    check_configuration(service, place.host)

    infos = [os.stat(path) for path in folders]
    account = place.host.account(service.user)
    assert [0o2750, 0o700] == [info.st_mode & 0o7777 for info in infos]
    assert {(account.uid, account.gid)} == {(info.st_uid, info.st_gid) for info in infos}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"directory": "/nowhere"}, "No such file or directory: '/nowhere'"),
        ({"daemon": "/etc/passwd"}, "Permission denied"),
    ],
    ids=["directory", "no program"],
)
def test_what_cannot_be_put_in_the_background(sleeper, place, change, why):
    """It is told in one sentence, at once, and no pidfile is left."""
    service = sleeper.replace(background=True, **change)

    with pytest.raises(InitError) as caught:
        launch(service, place.host)

    assert why in str(caught.value)
    assert "it cannot be put in the background: " in str(caught.value)
    assert "Traceback" not in caught.value.output
    assert not os.path.exists(service.pidfile)


@pytest.mark.parametrize("background", [True, False], ids=["background", "foreground"])
def test_capabilities(place, sleeper, background):
    """It is let do what the declaration says, and nothing else that only root may do."""
    lent = ("CAP_NET_BIND_SERVICE", "CAP_KILL")
    service, host = sleeper.replace(background=background, capabilities=lent), place.host
    child = start_daemon(service, start_command(service, host), host)
    try:
        pid = child.pid
        if background:
            pid = wait_until(lambda: read_pidfile(service.pidfile, host).pid, "its pidfile")
        wait_for_daemon(service, pid, host)

        with open(f"/proc/{pid}/status") as file:
            status = file.read()
    finally:
        host.kill(host.find(pid), signal.SIGKILL)
        child.close()

    both = {1 << 10 | 1 << 5}
    keys = ("CapInh", "CapPrm", "CapEff", "CapAmb")
    assert both == {int(status_line(status, key), 16) for key in keys}
