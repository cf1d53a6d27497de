"""Paths of unix sockets that are lost, and those of pools that the configuration drops."""

from __future__ import annotations

import pytest

from initpy.actions.reload import reload
from initpy.actions.start import start
from initpy.actions.upgrade import upgrade
from initpy.control.record import record_running
from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.errors import InitError, NotPermitted
from initpy.protocols.sockets.paths import remove_dropped_paths
from initpy.state.sockets import held_sockets, lost_paths

PLACE = "/run/php/php8.2-fpm.sock"


def lose(host, how="removed"):
    """Have the path of php-fpm's socket lost."""
    del host.files[PLACE]
    if how != "removed":
        host.put(PLACE, kind=how)


@pytest.mark.parametrize("how", ["removed", "file", "socket"])
@pytest.mark.parametrize("action", [start, reload])
def test_lost_path_is_mended(host, fpm, action, how):
    """A new master takes over and makes its socket anew, and the old one ends."""
    old = fpm.run()
    lose(host, how)

    action(PHP_FPM, host)

    (new,) = filter(fpm.alive, fpm.masters)
    assert old != new
    assert PLACE in host.files
    assert [] == lost_paths(held_sockets(new.id, host), new.id, host)
    sentence = f"no client reaches {PLACE}: its socket is not there any more; "
    assert f"{sentence}a new master has made it anew" in host.told


@pytest.mark.parametrize("action", [start, reload])
def test_lost_path_of_a_supervised_master(host, fpm, action):
    """It is not replaced: the action fails, and names the path and restart."""
    old = fpm.run()
    old.unit = "php.service"
    host.put("/run/systemd/system", kind="dir")
    lose(host)

    with pytest.raises(InitError, match=f"no client reaches {PLACE}: .*restart") as failed:
        action(PHP_FPM, host)

    assert 1 == failed.value.exit_code
    assert fpm.serving()


@pytest.mark.parametrize("action", [start, reload])
def test_new_master_fails(host, fpm, action):
    """It is 1: the old one serves as before, which is too little."""
    old = fpm.run()
    lose(host)
    fpm.replace("fails")

    with pytest.raises(InitError, match=f"no client reaches {PLACE}: .*serves as before") as failed:
        action(PHP_FPM, host)

    assert 1 == failed.value.exit_code
    assert [old] == list(filter(fpm.alive, fpm.masters))


@pytest.mark.parametrize("action", [start, reload, upgrade])
def test_daemon_that_inherits_the_lost_socket(host, nginx, action):
    """Nothing of what nginx does mends it: the action fails."""
    master = nginx.run()
    master.sockets[5] = "/run/x.sock"

    with pytest.raises(InitError, match=r"no client reaches /run/x.sock: .*restart") as failed:
        action(NGINX, host)

    assert 1 == failed.value.exit_code
    assert nginx.serving()


def test_path_that_only_the_master_sees(host, nginx):
    """A unit may have a /tmp of its own."""
    master = nginx.run()
    master.sockets[5] = "/tmp/x.sock"
    host.bound[5] = 77
    master.sees["/tmp/x.sock"] = (1, 77)

    assert [] == lost_paths(held_sockets(master.id, host), master.id, host)


def test_socket_that_was_renamed(host, nginx):
    """A daemon may bind another name first, and put that in the place of an older socket."""
    master = nginx.run()
    master.sockets[5] = "/run/x.sock.tmp"
    host.bound[5] = host.put("/run/x.sock", kind="socket").inode

    assert [] == lost_paths(held_sockets(master.id, host), master.id, host)


def test_path_that_may_not_be_seen_as_the_master_sees_it(host, nginx, monkeypatch):
    """Then what we see counts."""
    master = nginx.run()
    master.sockets[5] = "/run/x.sock"

    def refuse(*_):
        raise NotPermitted("no")

    monkeypatch.setattr(host, "file_seen_by", refuse)

    assert ["/run/x.sock"] == lost_paths(held_sockets(master.id, host), master.id, host)


# Dropped pools.

MORE = "/run/php/more.sock"


@pytest.fixture
def dropping(host, fpm):
    """Return a master with a second socket, which the configuration does not name any more."""
    master = fpm.run()
    master.sockets[5] = MORE
    host.bound[5] = host.put(MORE, kind="socket", uid=33).inode
    for worker in fpm.workers(master):
        worker.sockets[5] = MORE
    return master


def test_dropped_path_is_removed(host, fpm, dropping):
    """When the old workers have finished; and that is told."""
    upgrade(PHP_FPM, host)

    assert MORE not in host.files
    assert PLACE in host.files
    assert f"removed {MORE}: the configuration does not name it any more" in host.told


def test_dropped_path_of_orphans_is_removed(host, fpm, dropping):
    """The same in a recovery."""
    record_running(PHP_FPM, host)
    host.end(dropping)

    start(PHP_FPM, host)

    assert MORE not in host.files


def test_dropped_path_stays_after_a_failure(host, fpm, dropping):
    """The old master serves on, and its pool with it."""
    fpm.replace("exits")

    with pytest.raises(InitError):
        upgrade(PHP_FPM, host)

    assert MORE in host.files


def test_dropped_path_that_the_kernel_does_not_tell(host, fpm, dropping):
    """Without the file of a socket nothing is known, and nothing removed."""
    del host.bound[5]

    upgrade(PHP_FPM, host)

    assert MORE in host.files


def test_dropped_path_that_is_bound(host, fpm, dropping):
    """Another process has the socket, or a new one at that path: it stays, which is told."""
    host.add(sockets={5: MORE})

    upgrade(PHP_FPM, host)

    assert MORE in host.files
    assert f"{MORE} stays, a process still has that socket" in host.told


def test_dropped_path_that_is_replaced_meanwhile(host, fpm, dropping):
    """Whenever another file is put there, that one stays."""
    version = host.version(MORE)
    host.end(dropping)
    for worker in list(host.processes.values()):
        worker.sockets.clear()
    host.put(MORE, kind="socket")

    remove_dropped_paths({MORE: version}, host)

    assert MORE in host.files
    assert [] == host.told
