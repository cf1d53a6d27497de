from __future__ import annotations

import pytest
from daemons import FakeNginx
from fakes import FakeHost
from moments import at_every_look

from initpy.daemons.nginx import NGINX
from initpy.errors import InitError
from initpy.protocols.verify import verify_master
from initpy.state.workers import SETTLE


def scene():
    """Return a host, and a new master that has taken a second to start its first workers."""
    host = FakeHost()
    nginx = FakeNginx(host)
    master = nginx.new_master(age=1)
    nginx.new_workers(master, infancy=0)
    nginx.replace_worker = lambda master: None
    return host, nginx, master


def verified(host, nginx, master):
    """Verify it with nothing in the way."""
    verify_master(NGINX, master.id, host)


@at_every_look(scene, verified)
def test_workers_that_end_at_any_look(number, host, nginx, master):
    """A master whose workers have ended too early is not proven by its own age."""
    ended = []

    def end():
        ended.append(host.now)
        for worker in nginx.workers(master):
            host.end(worker)

    host.before_look(number, end)
    try:
        verify_master(NGINX, master.id, host)
    except InitError:
        assert ended
    else:
        assert ended[0] >= SETTLE


def test_master_without_telling_workers(host, nginx):
    """It has to live on for a moment after it is up, however long it has taken for that."""
    master = nginx.new_master(age=1)
    host.at(SETTLE / 2, lambda: host.end(master))

    with pytest.raises(InitError, match="died"):
        verify_master(NGINX.replace(worker_titles=()), master.id, host)


def test_many_workers_that_end(host, nginx):
    """However many they are, the message has one line."""
    master = nginx.new_master()
    nginx.new_workers(master, infancy=0, count=500)
    host.at(0.02, lambda: [host.end(worker) for worker in nginx.workers(master)])

    with pytest.raises(InitError, match=r"lost its workers (\d+, ){8}\.\.\.$"):
        verify_master(NGINX, master.id, host)


def test_old_workers(host, nginx):
    """Those that have run for long need not be waited for."""
    master = nginx.run()
    host.sleep(SETTLE * 2)
    before = host.now

    verify_master(NGINX, master.id, host)

    assert before == host.now
