"""How often an action looks at every process of the host: what that costs is the host's size."""

from __future__ import annotations

import pytest

from initpy.actions.configtest import check_configuration
from initpy.actions.reload import reload
from initpy.actions.reopen import reopen
from initpy.actions.restart import restart
from initpy.actions.start import start
from initpy.actions.status import status
from initpy.actions.stop import stop
from initpy.actions.upgrade import upgrade
from initpy.state.scan import RECENT
from initpy.state.snapshot import take_snapshot

# By what it is done to.
RUNNING = {
    status: 0,
    check_configuration: 0,
    reload: 0,
    reopen: 0,
    start: 1,  # for orphans beside it
    stop: 1,  # for whoever is left
    restart: 1,  # for another old master; and again for whoever is left, at what is new
    upgrade: 1,  # for orphans of an upgrade that has failed; the same
}
# Nobody else listens where the started one does: a second one is looked for at what is new.
STOPPED = {status: 1, stop: 1, start: 1, restart: 1}
CRASHED = {status: 1, stop: 2, start: 1, restart: 1}


def looks(host, action, *arguments, **options):
    """Do an action; return how often it has looked at a process that is nobody's business."""
    stranger = host.processes.get(4711) or host.add(4711, title="/usr/sbin/sshd")
    asked = []
    title = host.title
    host.title = lambda pid: asked.append(pid) or title(pid)

    try:
        action(*arguments, host, **options)
    finally:
        host.title = title

    return asked.count(stranger.pid)


@pytest.fixture(params=["nginx", "fpm"])
def daemon(request):
    """Return each of the two, stopped."""
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("action", RUNNING)
def test_running(host, daemon, action):
    """Where the pidfile names the master, only strays are looked for, where they may be."""
    daemon.run()

    assert RUNNING[action] == looks(host, action, daemon.service)


@pytest.mark.parametrize("action", STOPPED)
def test_stopped(host, daemon, action):
    """A master whose pidfile is lost may be anywhere."""
    assert STOPPED[action] == looks(host, action, daemon.service)


@pytest.mark.parametrize("action", CRASHED)
def test_crashed(host, daemon, action):
    """Orphans are looked for, and looked for again when those are gone."""
    master = daemon.run()
    host.end(master)

    assert CRASHED[action] == looks(host, action, daemon.service)


def test_strangers_are_read_again_after_a_while(host, daemon):
    """Any process may execute the daemon: what is known of it is not believed for long."""
    daemon.run()
    counted = []

    for seconds in (0, 0, RECENT):
        host.now += seconds
        counted.append(looks(host, take_snapshot, daemon.service, thorough=True))

    assert [1, 0, 1] == counted


def test_strangers_are_read_again_without_a_master(host, daemon):
    """Where nothing is proven, every process may be the service."""
    master = daemon.run()
    assert 1 == looks(host, take_snapshot, daemon.service, thorough=True)

    host.end(master)

    assert 1 == looks(host, take_snapshot, daemon.service)


def test_strangers_are_those_of_one_service(host, daemon):
    """What is nobody's business to one service is another's."""
    daemon.run()
    other = daemon.service.replace(pidfile="/run/other.pid")
    assert 1 == looks(host, take_snapshot, other, thorough=True)

    assert 1 == looks(host, take_snapshot, daemon.service, thorough=True)


def test_another_process_with_the_number_of_a_stranger(host, daemon):
    """It is read, as soon as that one was."""
    service = daemon.service
    master = daemon.run()
    assert 1 == looks(host, take_snapshot, service, thorough=True)

    host.end(host.processes[4711])
    host.now += 0.5
    other = host.add(4711, title=master.title, exe=master.exe)

    assert (other.id,) == take_snapshot(service, host, thorough=True).others


def test_no_descriptor_of_a_stranger_is_read(host, daemon):
    """A new master inherits the sockets: who else has them does not matter to a restart."""
    daemon.run()
    stranger = host.add(4711, title="/usr/sbin/sshd")
    asked = []
    inodes = host.socket_inodes
    host.socket_inodes = lambda process: asked.append(process) or inodes(process)

    restart(daemon.service, host)

    assert stranger.id not in asked
