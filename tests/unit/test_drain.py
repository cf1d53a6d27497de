from __future__ import annotations

import pytest

from initpy.control import drain as draining
from initpy.control.drain import drain, drain_orphans
from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.errors import InitError, WaitTimeout


def test_drained(host):
    """Told to finish, they are waited for, and nothing is said."""
    process = host.add(1001)
    host.on("SIGQUIT", lambda process: host.at(50, lambda: host.end(process)))

    drain(NGINX, [process.id], host)

    assert [(0, 1001, "SIGQUIT")] == host.sent
    assert ([], 50) == (host.told, host.now)


def test_late(host):
    """What still works when the time is over gets TERM, then KILL, and how many is said."""
    quick, late = host.add(1001), host.add(1002)
    host.on("SIGQUIT", host.end, quick)

    drain(NGINX, [quick.id, late.id], host)

    assert [(60, 1002, "SIGTERM"), (65, 1002, "SIGKILL")] == host.sent[2:]
    assert ["1 old workers had not finished after 60 s: terminated"] == host.told


def test_master_passes_it_on(host, nginx):
    """A master tells its workers itself; late ones are counted without it."""
    master = nginx.run()
    nginx.drain = 1000
    workers = [worker.id for worker in nginx.workers(master)]

    drain(NGINX, [master.id], host, workers=lambda: workers)

    assert [(0, master.pid, "SIGQUIT")] == host.sent[:1]
    assert ["2 old workers had not finished after 60 s: terminated"] == host.told
    assert {} == host.processes


def test_outlives_even_that(host):
    """A process that outlives KILL is told, and that it was terminated is not."""
    process = host.add(1001, state="D")
    host.end = lambda process: None

    with pytest.raises(WaitTimeout):
        drain(NGINX, [process.id], host)

    assert ["SIGQUIT", "SIGTERM", "SIGKILL"] == [sig for _, _, sig in host.sent]
    assert ([], 0) == (host.told, host.cut)


def test_nobody(host):
    """To drain nobody is done at once."""
    drain(NGINX, [], host)

    assert ([], [], 0) == (host.sent, host.told, host.now)


def test_master_that_a_look_misses(host, fpm, monkeypatch):
    """What executes itself anew, as another process, may be missed once: it has not died."""
    master, orphan = fpm.run(), host.add(title=fpm.worker, exe=PHP_FPM.daemon)
    whole = draining.wait_until_stable
    missing = [None, host.add().id]
    host.end(host.processes[missing[1].pid])

    def look(*args, **options):
        seen = whole(*args, **options)
        return seen.replace(master=missing.pop(), orphans=(orphan.id,)) if missing else seen

    monkeypatch.setattr(draining, "wait_until_stable", look)

    assert master.id == drain_orphans(PHP_FPM, host).master


def test_one_of_two_outlives_kill(host, monkeypatch):
    """What has ended is counted, and told."""
    stuck, other = host.add(1001, state="D"), host.add(1002)
    end = host.end
    monkeypatch.setattr(host, "end", lambda process: process is stuck or end(process))
    host.on("SIGQUIT", lambda _: None)

    with pytest.raises(WaitTimeout):
        drain(NGINX, [stuck.id, other.id], host)

    assert 1 == host.cut
    assert ["1 old workers had not finished after 60 s: terminated"] == host.told


def test_master_has_died(host, fpm):
    """Told at the second look, and not after the timeout."""
    master = fpm.run()
    host.sleep(5)
    host.end(master)
    began = host.now

    with pytest.raises(InitError, match="the master has died, its workers still serve"):
        drain_orphans(PHP_FPM, host)

    assert host.now - began < 1
