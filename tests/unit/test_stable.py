from __future__ import annotations

import pytest
from daemons import FakeFpm
from fakes import FakeHost
from moments import at_every_look

from initpy.control.stable import wait_until_stable, why_in_foreground
from initpy.daemons.gunicorn import GUNICORN
from initpy.daemons.haproxy import HAPROXY
from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.errors import InitError, PidfileError


@pytest.fixture
def starting(host, nginx):
    """Return a command that starts nginx, which a killed script has left behind."""
    argv = (NGINX.daemon, "-c", NGINX.config)
    return host.add(argv=argv, exe=NGINX.daemon, age=1)


def test_waits_for_what_it_becomes(host, nginx, starting):
    """A daemon that is being started is waited for, and then seen as what it is."""
    host.at(2, lambda: host.end(starting))
    host.at(2, nginx.boot)

    seen = wait_until_stable(NGINX, host)

    assert nginx.masters[-1].id == seen.master
    assert () == seen.starting
    assert 2 <= host.now < 3


def test_one_that_hangs(host, starting):
    """One that never gets up is told after the service's timeout, and stays as it is."""
    seen = wait_until_stable(NGINX, host)

    assert (None, (starting.id,)) == (seen.master, seen.starting)
    assert 30 == round(host.now)
    assert [] == host.sent


def test_one_that_is_stopped(host, nginx, starting):
    """A script that was about to end it may have stopped it: it is let go on."""
    starting.state = "T"
    host.at(2, lambda: starting.state == "S" and nginx.boot())
    host.at(2, lambda: starting.state == "S" and host.end(starting))

    seen = wait_until_stable(NGINX, host)

    assert nginx.masters[-1].id == seen.master


def test_frozen_master(host, nginx):
    """A master that is frozen is told before anything is done: it could do nothing."""
    master = nginx.run()
    master.frozen = True

    with pytest.raises(InitError, match=f"master {master.pid} is frozen .* no signal was sent"):
        wait_until_stable(NGINX, host)


def test_nothing_on_its_way(host, nginx):
    """Where nothing is being started no time is lost."""
    master = nginx.run()

    assert master.id == wait_until_stable(NGINX, host).master
    assert 0 == host.now


def test_one_in_the_middle_of_exec(host, nginx):
    """It has no arguments yet, and lets go of its script's lock: it is waited for."""
    nascent = host.add(argv=(), exe=NGINX.daemon)
    host.at(0.1, lambda: setattr(nascent, "argv", tuple(NGINX.command(NGINX.start_args))))
    host.at(0.2, lambda: host.end(nascent))
    host.at(0.2, nginx.boot)

    seen = wait_until_stable(NGINX, host)

    assert nginx.masters[-1].id == seen.master


def test_others_without_arguments(host):
    """A thread of the kernel, and whoever else has no title, is not waited for."""
    host.add(argv=())
    host.add(argv=(), exe="/bin/sleep")

    wait_until_stable(NGINX, host)

    assert 0 == host.now


def test_blind(host, nginx):
    """Where /proc shows nothing, nothing is taken for stopped."""
    nginx.run()
    host.all_seen = False

    with pytest.raises(InitError, match="/proc does not show"):
        wait_until_stable(NGINX, host)


def test_pidfile_that_is_all_there_is(host):
    """Of a daemon without a title a pidfile tells; one that is not believed leaves it open."""
    silent = NGINX.replace(master_title=None, worker_titles=())
    process = host.add(argv=(NGINX.daemon,), exe=NGINX.daemon)
    host.put(NGINX.pidfile, f"{process.pid}\n", uid=33)

    with pytest.raises(PidfileError, match="may be the service or not"):
        wait_until_stable(silent, host)


def test_somebody_elses_shell_without_a_name(host):
    """Whoever calls his shell "" is not waited for."""
    host.put("/bin/sh", mode=0o755)
    host.add(argv=(), exe="/bin/sh", uid=1000)

    wait_until_stable(NGINX, host)

    assert 0 == host.now


@pytest.mark.parametrize(("option", "foreground"), [("-D", False), ("-db", True)])
def test_one_that_executes_itself_in_place(host, option, foreground):
    """That it has executed something since it went to the background tells nothing then."""
    argv = tuple(HAPROXY.command(HAPROXY.start_args))
    master = host.add(argv=tuple(option if arg == "-D" else arg for arg in argv), forked=False)

    assert foreground is bool(why_in_foreground(HAPROXY, master.id, host))


@pytest.mark.parametrize("service", [NGINX, GUNICORN], ids=["nginx", "gunicorn"])
def test_one_that_its_predecessor_has_executed(host, service):
    """It is in the session of a launcher that has ended, and process 1 has adopted it."""
    master = host.add(forked=False, ppid=1, session=4711)

    assert "" == why_in_foreground(service, master.id, host)


def reloading_scene():
    """Return a host, a php-fpm, and its master, which is not its first."""
    host = FakeHost()
    fpm = FakeFpm(host)
    return host, fpm, fpm.run()


@at_every_look(reloading_scene, lambda host, *_: wait_until_stable(PHP_FPM, host, thorough=True))
def test_one_that_becomes_another_process_meanwhile(number, host, fpm, master):
    """It is on the list as both, which are not two masters."""

    def execute():
        master.argv = tuple(PHP_FPM.command(PHP_FPM.start_args))
        new = fpm.new_master(sockets=master.sockets, ppid=master.pid)
        host.at(0.005, lambda: fpm.write_pid(new))  # it has its title before: fpm_init
        host.at(0.01, lambda: host.end(master))

    host.before_look(number, execute)

    assert 1 == len(wait_until_stable(PHP_FPM, host, thorough=True).masters)
