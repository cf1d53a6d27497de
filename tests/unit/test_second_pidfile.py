"""An upgrade in which the old master keeps its pidfile, and the new one has the second."""

from __future__ import annotations

import pytest
from daemons import FakeNginx
from fakes import ALL_SIGNALS

from initpy import reload, start, status, stop, upgrade
from initpy.daemons.nginx import NGINX
from initpy.errors import InitError, Reverted, RollbackFailed
from initpy.protocols.upgrading.awaiting import wait_for_oldbin
from initpy.state.snapshot import take_snapshot

KEEPER = NGINX.replace(second_suffix=".2", second_is_new=True)
SECOND = f"{KEEPER.pidfile}.2"
RENAMED = 0.9  # seconds after its end until the new master takes the old one's pidfile


class FakeKeeper(FakeNginx):
    """Keeps its pidfile on USR2, as gunicorn does (Arbiter.reexec, maybe_promote_master)."""

    def hand_over(self, master):
        """Start the new binary."""
        if master.successor or not self.alive(master):
            return
        more = {"ppid": master.pid, "session": master.session, "sockets": master.sockets}
        new = self.new_master(born_of=master.pid, forked=False, **more)
        new.blocked, new.argv = ALL_SIGNALS, (KEEPER.daemon, "-c", KEEPER.config)
        new.senior, master.successor = master, new
        new.at_end.append(lambda: setattr(master, "successor", None))
        master.at_end.append(lambda: self.host.at(RENAMED, lambda: self.promote(new), by=new))
        if new.kind in ("fails", "late"):
            seconds = 0.5 if new.kind == "late" else 0.003
            self.log(master, f"[emerg] {new.pid}#0: it cannot go on")
            self.host.at(seconds, lambda: self.host.end(new))
        elif new.kind != "freezes":
            self.host.at(self.booting, lambda: self.come_up(new), by=new)

    def come_up(self, master):
        """Be a new master: write the second pidfile, then start workers."""
        if not hasattr(master, "senior"):
            super().come_up(master)
            return
        master.blocked, master.title = 0, self.title
        self.host.put(SECOND, f"{master.pid}\n")
        if master.kind != "workerless":
            self.host.at(0.002, lambda: self.new_workers(master), by=master)

    def promote(self, master):
        """Have the old one's pidfile."""
        self.host.files.pop(SECOND, None)
        self.host.put(KEEPER.pidfile, f"{master.pid}\n")

    def clean_up(self, master):
        """Remove the pidfile that names it."""
        for path in (KEEPER.pidfile, SECOND):
            if path in self.host.files and f"{master.pid}\n" == self.host.files[path].text:
                del self.host.files[path]


@pytest.fixture
def keeper(host):
    """Return such a daemon, installed and stopped."""
    return FakeKeeper(host, KEEPER)


@pytest.fixture
def old(keeper):
    """Return the master of a running one whose binary has been replaced."""
    master = keeper.run()
    keeper.replace()
    return master


def asserts_serves_alone(keeper, master):
    """Assert that this master serves, that the pidfile names it, and that no other is there."""
    assert [master] == [one for one in keeper.masters if keeper.alive(one)]
    assert [master.pid] == keeper.serving()
    assert master.pid == keeper.named()
    assert SECOND not in keeper.host.files


def test_upgrade(host, keeper, old):
    """The new one serves, the old one is told to quit; then the first pidfile is awaited."""
    upgrade(KEEPER, host)

    asserts_serves_alone(keeper, keeper.masters[-1])
    assert not keeper.alive(old)
    assert keeper.host.file_id(KEEPER.daemon) == keeper.masters[-1].exe_id


def test_two_upgrades(host, keeper, old):
    """The next one begins from there."""
    upgrade(KEEPER, host)

    upgrade(KEEPER, host)

    asserts_serves_alone(keeper, keeper.masters[-1])
    assert 3 == len(keeper.masters)


@pytest.mark.parametrize(
    ("kind", "reason", "within"),
    [
        ("fails", "ended before it was up: .*it cannot go on", 0.1),
        ("late", "ended before it was up: .*it cannot go on", 1),
        ("freezes", f"waited 30 s for the new .* to write {SECOND}", 40),
        ("workerless", "waited 30 s for the workers", 40),
    ],
)
def test_bad_binary_is_reverted(host, keeper, old, kind, reason, within):
    """However the new binary fails, the old master serves as before, and that is seen soon."""
    keeper.replace(kind)

    with pytest.raises(Reverted, match=f"{reason}.*serves as before"):
        upgrade(KEEPER, host)

    asserts_serves_alone(keeper, old)
    assert host.now < within


def test_ignored_usr2_is_noticed(host, keeper, old):
    """A master that is idle and has executed nothing is not waited for."""
    with pytest.raises(InitError, match="ignored USR2, or what it started ended at once"):
        wait_for_oldbin(KEEPER, old.id, host)

    assert host.now < 0.01


def half_upgrade(keeper, old):
    """Do what a killed script leaves behind: both masters live. Return the new one."""
    keeper.usr2(old)
    keeper.host.sleep(0.1)
    return keeper.masters[-1]


def test_both_masters(host, keeper, old):
    """Who has the second pidfile is the master; the other one is the old."""
    new = half_upgrade(keeper, old)

    seen = take_snapshot(KEEPER, host)

    assert (new.id, old.id) == (seen.master, seen.old_master)
    assert seen.upgrading
    assert not seen.lost
    assert not seen.leftover


@pytest.mark.parametrize("lost", [(), (SECOND,), (KEEPER.pidfile,), (SECOND, KEEPER.pidfile)])
def test_unfinished_upgrade_is_finished(host, keeper, old, lost):
    """An upgrade goes on from where a killed script has left it, pidfiles or not."""
    new = half_upgrade(keeper, old)
    for path in lost:
        del host.files[path]

    upgrade(KEEPER, host)

    asserts_serves_alone(keeper, new)


def test_stop_ends_both(host, keeper, old):
    """Stop in the middle of an upgrade ends both, and leaves no pidfile."""
    half_upgrade(keeper, old)

    stop(KEEPER, host)

    assert not [one for one in keeper.masters if keeper.alive(one)]
    assert not {KEEPER.pidfile, SECOND} & set(host.files)


def test_reload_is_refused_between(host, keeper, old):
    """While both serve, a reload would reach only one."""
    half_upgrade(keeper, old)

    with pytest.raises(InitError, match="an upgrade is unfinished"):
        reload(KEEPER, host)


def test_the_old_one_was_killed(host, keeper, old):
    """The new one takes over the pidfile by itself; until then it is the service all the same."""
    new = half_upgrade(keeper, old)
    for one in (old, *keeper.workers(old)):
        host.end(one)

    between = status(KEEPER, host)
    start(KEEPER, host)
    host.sleep(1)

    assert (0, new.id) == (between.code, between.snapshot.master)
    assert ("an upgrade",) != between.notes[:1]
    asserts_serves_alone(keeper, new)


def test_stale_second_pidfile(host, keeper, old):
    """One that names no master is in nobody's way."""
    host.put(SECOND, "99998\n")

    upgrade(KEEPER, host)

    asserts_serves_alone(keeper, keeper.masters[-1])


def test_a_new_one_that_dies_before_it_is_alone(host, keeper, old):
    """The old one has quit by then: that nothing serves is said."""
    keeper.promote = host.end

    with pytest.raises(RollbackFailed, match="died"):
        upgrade(KEEPER, host)
