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

# By what it is done to.
RUNNING = {
    status: 0,
    check_configuration: 0,
    reload: 0,
    reopen: 0,
    start: 1,  # for orphans beside it
    stop: 1,  # for whoever is left
    restart: 3,  # for another old master; for whoever is left; and when the old workers are gone
    upgrade: 2,  # for orphans of an upgrade that has failed; for whoever is left
}
TAKEOVER = 4  # also for another old master, and when the old workers are gone
# A start looks twice: another program may have started the service meanwhile.
STOPPED = {status: 2, stop: 1, start: 2, restart: 2}
CRASHED = {status: 2, stop: 3, start: 3, restart: 3}


def looks(host, action, service):
    """Do an action; return how often it has looked at a process that is nobody's business."""
    stranger = host.add(4711, title="/usr/sbin/sshd")
    asked = []
    title = host.title
    host.title = lambda pid: asked.append(pid) or title(pid)

    action(service, host)

    return asked.count(stranger.pid)


@pytest.fixture(params=["nginx", "fpm"])
def daemon(request):
    """Return each of the two, stopped."""
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("action", RUNNING)
def test_running(host, daemon, action):
    """Where the pidfile names the master, only strays are looked for, where they may be."""
    daemon.run()
    taken_over = daemon.service.inherit and daemon.service.reload_execs and action is upgrade

    assert (TAKEOVER if taken_over else RUNNING[action]) == looks(host, action, daemon.service)


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
