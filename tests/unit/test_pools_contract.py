"""What a php-fpm with several pools does: that in memory, and the real one.

As in ``test_daemon_contract``: what ``test_takeover_claims`` rests on.
"""

from __future__ import annotations

import os
import signal
from contextlib import closing

import pytest
from fakes import FakeHost
from pools import FakePools, Pool
from real_daemons import Fpm, Place
from test_daemon_contract import alive, ask, named, see, see_gone, start, up, workers

from initpy.errors import InitError


class InMemory:
    """A php-fpm in memory."""

    folder, port = "/run/php", 9001

    def __init__(self):
        self.host = FakeHost()
        self.daemon = FakePools(self.host, pools=[])
        self.service = self.daemon.service
        self.host.put(self.folder, kind="dir")

    def configure(self, *pools):
        """Have these pools on disk."""
        self.daemon.edit(pools)

    def start_in_foreground(self):
        """Start it as a supervisor would; return its master."""
        self.daemon.in_foreground = True
        self.daemon.run()
        return up(self)


class Real:
    """A private php-fpm of the machine we run on."""

    def __init__(self, place):
        self.site = Fpm(place)
        self.host, self.service = self.site.host, self.site.service
        self.folder, self.port = os.path.dirname(self.site.path("x")), self.site.port

    def configure(self, *pools):
        """Have these pools on disk."""
        keys = "user = www-data\ngroup = www-data\npm.min_spare_servers = 1\n"
        text = "".join(f"{pool.text}{keys}pm.max_spare_servers = 1\n" for pool in pools)
        self.site.place.write(self.site.path("pool.d/www.conf"), text)

    def start_in_foreground(self):
        """Start it as a supervisor would; return its master."""
        self.host.spawn([*self.service.command(self.service.start_args), "--nodaemonize"])
        return up(self)


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.real)])
def fpm(request):
    """Return a php-fpm, in memory and real, installed and stopped."""
    if request.param == "fake":
        yield InMemory()
        return
    with closing(Place()) as place:
        yield Real(place)


@pytest.fixture
def pools(fpm):
    """Return its pools: one on a unix socket, one on TCP, one that starts workers on demand."""
    found = (
        Pool("www", f"{fpm.folder}/www.sock", workers=1),
        Pool("api", f"127.0.0.1:{fpm.port}", "dynamic", workers=1),
        Pool("lazy", f"{fpm.folder}/lazy.sock", "ondemand", workers=1),
    )
    fpm.configure(*found)
    return found


def places(fpm, process):
    """Return where a process listens."""
    return fpm.host.listening_places(process)


def test_worker_has_the_socket_of_its_pool(fpm, pools):
    """Each worker is titled by its pool and listens for that alone; the master has them all."""
    master = start(fpm)

    def found():
        return {fpm.host.title(one.pid): places(fpm, one) for one in workers(fpm, master)}

    # A worker closes the sockets of the other pools after it has taken its title.
    expected = {f"php-fpm: pool {pool.name}": {pool.place} for pool in pools[:2]}
    see(fpm, lambda: expected == found(), "each worker to listen for its pool")
    assert {pool.place for pool in pools} == places(fpm, master)


def test_who_is_waited_for(fpm, pools):
    """The master itself watches the socket of the pool that starts workers on demand."""
    master = start(fpm)
    inodes = {one.place: one.inode for one in fpm.host.listening_sockets()}

    watched = see(fpm, lambda: fpm.host.watched_sockets(master) & {*inodes.values()})

    assert {inodes[pools[2].place]} == watched


def test_usr2_in_the_middle_of_another(fpm, pools):
    """Whoever sends USR2 again and again, to each it becomes, does not end it."""
    master = start(fpm)

    for number in range(300):
        if one := named(fpm):
            fpm.host.kill(one, signal.SIGUSR2)
        if number % 30 == 0:
            fpm.host.sleep(0.01)

    def spared():
        """Return the master whose workers no signal that was sent has ended."""
        crew = workers(fpm, one := named(fpm))
        return one if len(crew) == 2 and min(map(fpm.host.age, crew)) >= 1 else None

    new = see(fpm, spared)
    assert master != new
    assert {pool.place for pool in pools} == places(fpm, new)


def test_reload_with_other_pools(fpm, pools):
    """What is dropped is closed and its path removed; what is new is made; the rest is kept."""
    old = start(fpm)
    kept = {one.inode for one in fpm.host.listening_sockets() if one.place == pools[1].place}
    new_pool = pools[0]._replace(name="new", place=f"{fpm.folder}/new.sock")
    fpm.configure(new_pool, *pools[1:])

    ask(fpm, old, "USR2")
    new = up(fpm, old)

    assert not fpm.host.exists(pools[0].place)
    assert fpm.host.exists(new_pool.place)
    assert kept <= fpm.host.socket_inodes(new)
    assert {pool.place for pool in (new_pool, *pools[1:])} == places(fpm, new)


def test_reload_without_a_folder(fpm, pools):
    """One pool that cannot be bound ends them all; the paths of the others stay."""
    old = start(fpm)
    family = {old, *workers(fpm, old)}
    fpm.configure(*pools, pools[0]._replace(name="homeless", place="/nowhere/x.sock"))

    ask(fpm, old, "USR2")
    see_gone(fpm, *family)
    see(fpm, lambda: named(fpm) is None, "nobody")

    assert [True, True] == [fpm.host.exists(pool.place) for pool in (pools[0], pools[2])]


def test_reload_with_a_lost_path(fpm, pools):
    """It inherits a socket whose path is gone, and does not make it anew."""
    old = start(fpm)
    fpm.host.remove(pools[0].place)

    ask(fpm, old, "USR2")
    new = up(fpm, old)

    assert pools[0].place in places(fpm, new)
    assert not fpm.host.exists(pools[0].place)


def test_foreground(fpm, pools):
    """In the foreground it stays the same process, and has not forked since it was executed."""
    master = fpm.start_in_foreground()
    before = workers(fpm, master)
    forked = fpm.host.look(master.pid).forked

    ask(fpm, master, "USR2")
    see_gone(fpm, *before)
    see(fpm, lambda: len(workers(fpm, master)) == 2, "new workers")

    assert [False, False] == [forked, fpm.host.look(master.pid).forked]
    assert alive(fpm, master)
    assert master == named(fpm)
    ask(fpm, master, "TERM")
    see_gone(fpm, master)


def test_start_without_a_folder(fpm, pools):
    """A start with such a pool ends with an error, and leaves no process."""
    fpm.configure(*pools, pools[0]._replace(name="homeless", place="/nowhere/x.sock"))

    with pytest.raises((AssertionError, InitError)):
        start(fpm)

    assert named(fpm) is None
