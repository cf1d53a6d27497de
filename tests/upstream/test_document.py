"""The incident and the experiments of the document that initpy began with, and its actions then."""

from __future__ import annotations

import pytest
from page import on_the_page
from real_daemons import wait_until
from server import FPM, FPM_PIDFILE, NGINX, NGINX_PIDFILE, PHP, RTMP, WEB

pytestmark = pytest.mark.real

OA = f"{WEB}/oa 1000"
SCRIPT = f"{PHP}/init.d.php-fpm"  # as PHP's authors ship it; the document's is this one
IN_USE = "unable to bind listening socket for address '127.0.0.1:9000': Address already in use (98)"
REFUSED = "does not catch SIGHUP and would die of it: not sent"
# What php.ini loads before an experiment and after it, by the experiment's number.
CHANGES = {
    "1, 2: an extension is added": (False, True),
    "3, 4: it is taken out": (True, False),
    "5: nothing is changed": (False, False),
}
ANSWERS = {True: "with", False: "without"}


@pytest.fixture
def running(server):
    """Give the host of the document, where all runs as started by hand, and has scripts."""
    server.load_extension(False)
    server.install()
    server.start_by_hand()
    return server


def kill_by_hup(server):
    """Do what the document did; return the workers that are left."""
    master, workers = server.named(FPM_PIDFILE), server.workers
    server.kill("HUP", master)
    server.see_gone(master)
    parents = {pid: parent for pid, (parent, _) in server.processes("php-fpm: pool www").items()}
    assert dict.fromkeys(workers, 1) == parents
    assert master == server.named(FPM_PIDFILE)
    return workers


def test_incident(running):
    """The incident: HUP kills the master of php-fpm, and nothing can be started by hand.

    Its workers live on, and hold the port. ``start`` recovers the service, 0 requests lost.
    """
    running.load_extension(True)
    with running.load("/php/?ms=5") as stop:
        orphans = kill_by_hup(running)
        again = running(FPM)
        # It waits for the pidfile to go, for 35 seconds: what it says first is enough.
        stopped = running("sh", "-c", f"sh {SCRIPT} stop 2>&1 | head -n 1")
        seen = running.act("php-fpm", "status")
        started = running.act("php-fpm", "start")
        assert "with" == running.ask("/php/")
        asked = stop()

    assert 70 == again.code
    assert IN_USE in again.err
    assert "No such process" in stopped.out
    assert (1, 0) == (seen.code, started.code), (seen, started)
    assert [] == asked["bad"]
    assert "without" in asked["answered"]  # by the old workers
    assert not orphans & running.workers
    running.see_masters(running.named(FPM_PIDFILE), of=FPM)
    assert on_the_page(again.err, seen.out, started.out, started.err)


def test_port_of_another_program(running):
    """The port is another program's: a job that a PHP script has started inherited it.

    ``start`` is 1 and names that program, which gets no signal.
    """
    running.ask("/php/?oa=1")
    # The shell that executes it has its name among its arguments.
    jobs = lambda: [pid for pid, (_, title) in running.processes().items() if title == OA]  # noqa: E731
    (oa,) = wait_until(jobs, OA)
    for worker in kill_by_hup(running):
        running.kill("KILL", worker)
        running.see_gone(worker)
    again = running(FPM)
    started = running.act("php-fpm", "start")

    assert IN_USE in again.err
    assert 1 == started.code, started
    assert f"127.0.0.1:9000 is held by pid {oa} (oa, user nobody, since " in started.err
    assert [oa] == jobs()
    assert on_the_page(started.out, started.err)
    running.kill("TERM", oa)
    running.see_gone(oa)
    assert 0 == running.act("php-fpm", "start").code


@pytest.mark.parametrize("change", CHANGES)
def test_experiments_with_php_fpm(running, change):
    """Experiments 1 to 5: HUP kills the master, whatever has changed in php.ini.

    initpy does not send it, and ``start`` recovers the service, 0 requests lost. USR2 makes a
    new master, which reads php.ini; so do ``reload`` and ``upgrade``, and ``upgrade`` loses 0
    requests.
    """
    before, after = CHANGES[change]
    running.load_extension(before)
    assert 0 == running.act("php-fpm", "restart").code
    running.load_extension(after)
    see_hup(running, ANSWERS[after])
    running.load_extension(before)
    assert 0 == running.act("php-fpm", "restart").code
    running.load_extension(after)
    see_usr2(running, ANSWERS[after])

    running.load_extension(before)
    old = running.masters
    reloaded = running.act("php-fpm", "reload")
    assert 0 == reloaded.code, reloaded
    assert not old & running.masters
    assert ANSWERS[before] == running.ask("/php/")

    running.load_extension(after)
    with running.load("/php/?ms=5") as stop:
        upgraded = running.act("php-fpm", "upgrade")
        asked = stop()
    assert (0, []) == (upgraded.code, asked["bad"]), upgraded
    assert ANSWERS[after] == running.ask("/php/")
    assert on_the_page(reloaded.out, reloaded.err, upgraded.out, upgraded.err)


def see_hup(running, answer):
    """Send HUP by hand, which initpy refuses to do; see the service recovered."""
    master = running.named(FPM_PIDFILE)
    refused = running("initpy", "killproc", "-p", FPM_PIDFILE, FPM, "-HUP")
    assert (1, f"initpy: pid {master} {REFUSED}\n") == (refused.code, refused.err)
    assert {master} == running.masters
    with running.load("/php/?ms=5") as stop:
        kill_by_hup(running)
        started = running.act("php-fpm", "start")
        asked = stop()
    assert (0, []) == (started.code, asked["bad"]), started
    assert answer == running.ask("/php/")
    assert on_the_page(refused.err)


def see_usr2(running, answer):
    """Send USR2 by hand; see a new master."""
    old = running.named(FPM_PIDFILE)
    running.kill("USR2", old)
    running.see_gone(old)
    new = wait_until(lambda: running.named(FPM_PIDFILE), "the new pidfile")
    wait_until(lambda: len(running.workers) == 2, "new workers")
    running.see_masters(new, of=FPM)
    assert answer == running.ask("/php/")


def test_hup_to_nginx(running):
    """Experiment 6, HUP to nginx: the changed configuration is in force, and the master stays.

    So it is after ``reload``, 0 requests lost.
    """
    other, before = running.nginx(RTMP), running.nginx()

    running.configure("two")
    running.kill("HUP", running.named(NGINX_PIDFILE))
    wait_until(lambda: running.ask() == "two", "the new configuration")
    running.see_masters(*before)

    running.configure("three")
    with running.load() as stop:
        reloaded = running.act("nginx", "reload")
        assert "three" == running.ask()
        asked = stop()
    assert (0, []) == (reloaded.code, asked["bad"]), reloaded
    running.see_masters(*before)
    assert other == running.nginx(RTMP)
    assert on_the_page(reloaded.out)


def test_usr2_to_nginx(running):
    """Experiment 6, USR2 to nginx: a second master runs until the old one gets QUIT.

    WINCH ends only the old workers. ``upgrade`` does the whole, 0 requests lost.
    """
    other, old = running.nginx(RTMP), running.named(NGINX_PIDFILE)

    running.kill("USR2", old)
    wait_until(lambda: running.named(NGINX_PIDFILE) not in (None, old), "the new pidfile")
    new = running.named(NGINX_PIDFILE)
    assert old == running.named(f"{NGINX_PIDFILE}.oldbin")
    running.see_masters(old, new)
    running.kill("WINCH", old)
    # The new master is a child of the old one.
    wait_until(lambda: {new} == running.nginx()[old], "the workers of the old master to end")
    running.kill("QUIT", old)
    running.see_gone(old)
    running.see_masters(new)

    with running.load() as stop:
        upgraded = running.act("nginx", "upgrade")
        asked = stop()
    assert (0, []) == (upgraded.code, asked["bad"]), upgraded
    assert new != running.named(NGINX_PIDFILE)
    running.see_masters(running.named(NGINX_PIDFILE))
    assert not running.exists(f"{NGINX_PIDFILE}.oldbin")
    assert other == running.nginx(RTMP)
    assert on_the_page(upgraded.out)


def test_two_signals_without_a_look(running):
    """The conclusion, USR2 and QUIT without a look: if the new binary fails, nothing serves.

    ``upgrade`` is 150 then, the old master serves on, and 0 requests are lost.
    """
    binary, old = f"{NGINX}/sbin/nginx", running.named(NGINX_PIDFILE)
    assert 0 == running("mv", binary, f"{binary}.old").code
    running.chamber.write(binary, "#!/bin/sh\n", 0o755)  # it passes every test, and ends

    with running.load() as stop:
        upgraded = running.act("nginx", "upgrade")
        asked = stop()
    assert (150, []) == (upgraded.code, asked["bad"]), upgraded
    running.see_masters(old)
    assert on_the_page(upgraded.out, upgraded.err)

    running.kill("USR2", old)
    running.kill("QUIT", old)
    running.see_gone(old)
    assert {} == running.nginx()
