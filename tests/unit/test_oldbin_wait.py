from __future__ import annotations

from itertools import product

import pytest

from initpy.daemons.nginx import NGINX
from initpy.errors import InitError, Interrupted, RollbackFailed, WaitTimeout
from initpy.host import Process
from initpy.protocols.upgrading.awaiting import wait_for_oldbin
from initpy.protocols.upgrading.rollback import rollback
from initpy.state.phase import Phase, phase

OLD, NEW = Process(pid=10, started=1), Process(pid=20, started=2)


@pytest.mark.parametrize(
    ("pidfile", "oldbin", "moved", "expected"),
    [
        (OLD, None, False, Phase.PENDING),
        (None, None, False, Phase.PENDING),
        (NEW, None, False, Phase.PENDING),
        (None, NEW, True, Phase.PENDING),
        (None, OLD, False, Phase.HANDOVER),
        (None, OLD, True, Phase.HANDOVER),
        (OLD, OLD, True, Phase.HANDOVER),
        (NEW, OLD, False, Phase.BOTH),
        (NEW, OLD, True, Phase.BOTH),
        (OLD, None, True, Phase.REVERTED),
    ],
)
def test_phase(pidfile, oldbin, moved, expected):
    """Who stands in which pidfile tells where an upgrade is."""
    assert expected == phase(OLD, True, pidfile, oldbin, moved)


def test_without_the_old_master_all_is_lost():
    """Whatever the pidfiles say, a dead old master is no upgrade any more."""
    found = {
        phase(OLD, False, *rest) for rest in product((None, OLD, NEW), (None, OLD), (True, False))
    }

    assert {Phase.LOST} == found


@pytest.fixture
def old(nginx):
    """Return the master of a running nginx."""
    return nginx.run()


def test_new_master_is_returned(host, nginx, old):
    """What comes back is the master that has written the pidfile."""
    nginx.usr2(old)

    new = wait_for_oldbin(NGINX, old.id, host)

    assert nginx.masters[-1].id == new


def test_reverted_at_once_is_noticed_at_once(host, nginx, old):
    """A binary that is gone again within 5 ms is not waited for."""
    before = host.version(NGINX.pidfile)
    nginx.replace("fails")
    nginx.usr2(old)
    host.sleep(0.006)

    with pytest.raises(InitError, match="ended before it was up"):
        wait_for_oldbin(NGINX, old.id, host, before=before)

    assert host.now < 0.02


@pytest.mark.parametrize("seconds", [0.0005, 0.003, 0.5])
def test_rename_that_takes_a_while_is_no_revert(host, nginx, old, seconds):
    """rename(2) sets the ctime first: as long as it lasts the pidfile looks renamed back."""
    before = host.version(NGINX.pidfile)
    nginx.renaming = seconds
    nginx.usr2(old)

    new = wait_for_oldbin(NGINX, old.id, host, before=before)

    assert nginx.masters[-1].id == new


def test_ignored_usr2_is_noticed(host, nginx, old):
    """A master that is idle, also after another turn of its loop, has ignored USR2."""
    with pytest.raises(InitError, match="ignored USR2"):
        wait_for_oldbin(NGINX, old.id, host)

    assert [(0.0, old.pid, "SIGCHLD")] == host.sent
    assert host.now < 0.01


def test_skipped_usr2_is_seen(host, nginx, old):
    """In the turn of its loop in which a reload fails, nginx skips USR2: CHLD has it done."""
    nginx.bad = True
    nginx.take(old, {"SIGHUP", "SIGUSR2"})
    nginx.bad = False

    new = wait_for_oldbin(NGINX, old.id, host)

    assert nginx.masters[-1].id == new


@pytest.mark.parametrize("facts", [{"state": "R"}, {"pending": 1 << 11}, {"blocked": 1}])
def test_busy_master_has_not_ignored_usr2(host, nginx, old, facts):
    """A master that works, or has the signal still before it, gets all the time there is."""
    vars(old).update(facts)

    with pytest.raises(WaitTimeout):
        wait_for_oldbin(NGINX, old.id, host)

    assert 30 == round(host.now)


def test_dead_old_master_ends_the_wait(host, nginx, old):
    """When the old master dies, nothing is left to wait for."""
    nginx.occupy(old, 10)
    host.at(0.5, lambda: host.end(old))

    with pytest.raises(InitError, match=f"old master {old.pid} died"):
        wait_for_oldbin(NGINX, old.id, host)

    assert 0.5 <= host.now < 0.6


def test_empty_pidfile_is_not_yet(host, nginx, old):
    """Between open and write the pidfile is empty: that is waited out."""
    nginx.booting = 3
    nginx.usr2(old)
    host.at(0.01, lambda: host.put(NGINX.pidfile))

    new = wait_for_oldbin(NGINX, old.id, host)

    assert nginx.masters[-1].id == new


def test_wait_is_interruptible(host, nginx, old):
    """Told to end, it does not wait on."""
    nginx.replace("freezes")
    nginx.usr2(old)
    host.at(2, lambda: setattr(host, "interrupted_by", "SIGTERM"))

    with pytest.raises(Interrupted, match="SIGTERM"):
        wait_for_oldbin(NGINX, old.id, host)

    assert 2 <= host.now < 2.1


@pytest.mark.parametrize("new", ["good", "hangs", "workerless", "other"])
def test_rollback_leaves_the_old_one_alone(host, nginx, old, new):
    """Whatever the new binary is like, afterwards the old master serves, and nobody else."""
    nginx.replace(new)
    nginx.usr2(old)
    host.sleep(0.1)

    rollback(NGINX, old.id, host)

    assert [old.pid] == nginx.serving()
    assert old.pid == nginx.named()
    assert NGINX.oldbin not in host.files
    assert not nginx.alive(nginx.masters[-1])


def test_serving_new_master_may_finish_its_requests(host, nginx, old):
    """A new master that has taken requests is told QUIT, and waited for."""
    nginx.drain = 20
    nginx.usr2(old)
    host.sleep(0.1)
    new = nginx.masters[-1]

    rollback(NGINX, old.id, host)

    assert [(0.1, new.pid, "SIGQUIT")] == host.sent
    assert 20 < host.now < 21


def test_hung_new_master_needs_kill(host, nginx, old):
    """A binary that hangs with nginx's signals blocked is killed, and all its family."""
    nginx.replace("freezes")
    nginx.usr2(old)
    host.sleep(0.1)
    new = nginx.masters[-1]
    child = host.add(ppid=new.pid, title="/bin/sleep 600", sockets=new.sockets)
    grandchild = host.add(ppid=child.pid, title="/bin/sleep 600", sockets=new.sockets)

    rollback(NGINX, old.id, host)

    sent = {(pid, sig) for _, pid, sig in host.sent}
    killed = {(p.pid, "SIGKILL") for p in (new, child, grandchild)}
    assert {(new.pid, "SIGSTOP"), *killed} == sent


def test_winched_old_master_is_woken_before_the_new_one_goes(host, nginx, old):
    """Its workers take requests again before the new master is told to end."""
    nginx.usr2(old)
    host.sleep(0.1)
    nginx.winch(old)
    host.sleep(0.1)

    rollback(NGINX, old.id, host)

    assert [old.pid] == nginx.serving()
    assert ["SIGHUP", "SIGQUIT"] == [sig for _, _, sig in host.sent]


def test_infant_worker_is_no_intruder(host, nginx, old):
    """A worker that still bears its master's title is given a moment, and not killed."""
    nginx.usr2(old)
    host.sleep(0.1)
    infant = host.add(ppid=old.pid, title=old.title, uid=33)
    host.at(0.002, lambda: setattr(infant, "title", nginx.worker))

    rollback(NGINX, old.id, host)

    assert nginx.alive(infant)


def test_rollback_without_the_old_master_fails(host, nginx, old):
    """With the old master dead there is neither forward nor back."""
    nginx.usr2(old)
    host.sleep(0.1)
    new = nginx.masters[-1]
    new.at_end.append(lambda: host.end(old))

    with pytest.raises(RollbackFailed, match="dead too"):
        rollback(NGINX, old.id, host)

    assert not nginx.alive(old)


def test_old_master_that_does_not_come_back_is_told(host, nginx, old):
    """An old master that never takes its pidfile back is a failed rollback."""
    nginx.usr2(old)
    host.sleep(0.1)
    nginx.masters[-1].at_end.clear()

    with pytest.raises(RollbackFailed, match="the rollback to old master"):
        rollback(NGINX, old.id, host)

    assert 30 <= host.now < 31
