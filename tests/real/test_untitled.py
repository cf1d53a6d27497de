"""Daemons without titles that tell: whose process it is, in whatever state they are."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys

import pytest
from real_daemons import AT_ONCE, HERE, NOBODY, ROUNDS, Site, can_bind, listener, wait_until

from initpy import Service
from initpy.protocols import hup
from initpy.schedule import parse_schedule
from initpy.state.record import record_path

pytestmark = pytest.mark.real


class Untitled(Site):
    """A private daemon that tells nothing of itself."""

    crew = 0

    def __init__(self, place, name):
        os.makedirs(place.path(name), exist_ok=True)
        os.rmdir(place.path(name))
        super().__init__(place, name, wrapped=False)
        self.service = Service(
            name=self.name, daemon=self.daemon, pidfile=self.pidfile, **self.declared_as()
        )

    def configure(self):
        """Write nothing."""

    def crash(self):
        """Kill its master, and see it reaped: until then one of its threads may hold the port."""
        master = self.master
        self.kill(master, signal.SIGKILL)
        wait_until(lambda: not os.path.exists(f"/proc/{master}"), f"{master} to be reaped")
        return master


class Redis(Untitled):
    """One in the foreground, which writes a title over its arguments."""

    kind, binary = "redis", "/usr/bin/redis-server"

    def declared_as(self):
        """Return what its declaration says beside its paths."""
        return {
            "config": self.config,
            "start_args": ("{config}",),
            "background": True,
            "ready": ("/usr/bin/redis-cli", "-p", str(self.port), "ping"),
        }

    def configure(self):
        """Write its configuration."""
        self.place.write(
            f"{self.folder}/daemon.conf",
            f"daemonize no\nbind 127.0.0.1\nport {self.port}\nsave ''\ndir {self.path()}\n",
        )


class Memcached(Untitled):
    """One that becomes a user of its own before it writes its pidfile."""

    kind, binary = "memcached", "/usr/bin/memcached"

    def declared_as(self):
        """Return what its declaration says beside its paths."""
        os.chown(self.path(), NOBODY, NOBODY)
        args = ("-d", "-u", "nobody", "-l", "127.0.0.1", "-p", str(self.port), "-P", "{pidfile}")
        return {"start_args": args, "listens": (f"127.0.0.1:{self.port}",)}


class Prefork(Untitled):
    """A script that puts itself in the background, and forks workers."""

    kind, binary = "prefork", os.path.join(HERE, "prefork.py")
    crew = 2
    args = ()

    def declared_as(self):
        """Return what its declaration says beside its paths."""
        python = self.place.copy("/usr/bin/python3", "tools/python3")
        with open(self.binary) as file:
            self.place.write("sbin/prefork", f"#!{python} -IS\n{file.read()}", mode=0o755)
        return {"start_args": (str(self.port), "{pidfile}", *self.args), "reload": "HUP"}


class Dropping(Prefork):
    """The same, which becomes a user of its own."""

    args = (str(NOBODY),)


class Lonely(Prefork):
    """The same without workers; on HUP it starts a job."""

    crew = 0
    args = ("alone",)


KINDS = [Redis, Memcached, Prefork, Dropping]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def two(request, place):
    """Give two instances of each daemon in turn, both running."""
    both = [request.param(place, name) for name in ("one", "two")]
    for one in both:
        assert 0 == one.act("start").code
    return both


@pytest.fixture
def one(two):
    """Give one of them, beside which the other runs."""
    return two[0]


def family(one):
    """Return the processes of one instance: all but those with the other's command line."""
    return {
        process: title
        for process, title in one.place.processes().items()
        if str(one.port) in title or title.endswith(one.config)
    }


def test_two_instances(two):
    """A pidfile that holds the other's number ends nothing of the other, and holds up nothing."""
    first, second = two
    other = second.master
    shutil.copy(second.pidfile, first.pidfile)
    living = first.act("status").code
    first.crash()
    shutil.copy(second.pidfile, first.pidfile)

    codes = [first.act(action).code for action in ("status", "stop")]
    shutil.copy(second.pidfile, first.pidfile)
    codes += [first.act(action).code for action in ("start", "status", "stop", "status")]

    assert [0, 1, 0, 0, 0, 0, 3] == [living, *codes]
    assert other == second.master
    assert 0 == second.act("status").code
    assert {} == family(first)


def test_lost_pidfile(one):
    """The master is known without its pidfile, which start restores for its owner."""
    before = os.stat(one.pidfile)
    master = one.master
    os.unlink(one.pidfile)

    told = one.act("status")
    started = one.act("start")

    assert (0, 0) == (told.code, started.code)
    assert "is lost, it is missing; the record tells the master" in told.out
    after = os.stat(one.pidfile)
    assert (master.pid, before.st_uid, before.st_gid) == (one.named, after.st_uid, after.st_gid)
    assert 0 == one.act("stop").code
    assert {} == family(one)


def test_crash(one):
    """After a crash status is 1, start ends what is left, and stop leaves nothing."""
    one.crash()

    codes = [one.act(action).code for action in ("status", "start", "status")]
    one.crash()
    codes += [one.act(action).code for action in ("stop", "status")]

    assert [1, 0, 0, 0, 3] == codes
    assert {} == family(one)
    assert can_bind(one.port)


def test_killed_before_the_record(one):
    """A script that was killed before it could record the start has left a service that runs."""
    master = one.master
    os.unlink(record_path(one.service))

    codes = [one.act(action).code for action in ("status", "start", "stop", "status")]

    assert [0, 0, 0, 3] == codes
    assert not one.alive(master)
    assert {} == family(one)


def test_number_of_another_program(one):
    """A pidfile that names another program holds up nothing, and that program goes on."""
    one.act("stop")
    with subprocess.Popen([one.place.tool("sleep"), "60"]) as stranger:
        with open(one.pidfile, "w") as file:
            file.write(f"{stranger.pid}\n")

        codes = [one.act(action).code for action in ("status", "stop", "start", "stop")]

        alive = stranger.poll() is None
        stranger.kill()
    assert ([1, 0, 0, 0], True) == (codes, alive)


def test_stranger_of_the_users_choice(place):
    """What the daemon's user writes in its pidfile signals no process of another user."""
    mine, roots = Dropping(place, "one"), Prefork(place, "two")
    mine.act("start")
    roots.act("start")
    victim = roots.master
    mine.crash()
    for each in (mine, roots):  # without a record nothing else tells
        os.unlink(record_path(each.service))
    left = family(mine)
    for process in left:
        mine.kill(process, signal.SIGKILL)
    mine.see_gone(*left)
    with open(mine.pidfile, "w") as file:
        file.write(f"{victim.pid}\n")

    told = mine.act("stop")

    assert 1 == told.code
    assert f"pid {victim.pid} may be the service or not" in told.err
    assert roots.alive(victim)


def test_port_taken(place):
    """Where another server has the port, start fails, each time, although that one answers."""
    mine, other = Redis(place, "one"), Redis(place, "two")
    other.port = mine.port
    other.configure()
    other.service = other.service.replace(**other.declared_as())
    other.start()

    results = [mine.act("start") for _ in range(ROUNDS)]

    assert {1} == {result.code for result in results}, results
    assert [3, 0] == [one.act("status").code for one in (mine, other)]


def test_port_taken_without_ready(place):
    """So it does where nothing but the process itself can be looked at."""
    mine = Redis(place, "one")

    with listener(mine.port):
        result = mine.act("start", ready=())

    assert 1 == result.code
    assert result.seconds < AT_ONCE
    assert 3 == mine.act("status").code


def test_ready_that_hangs(place):
    """It is ended as soon as the daemon dies, and does not use up the timeout."""
    mine = Redis(place, "one")
    mine.place.write(f"{mine.folder}/daemon.conf", f"port {mine.port}\ndir {mine.path()}\n")
    slow = place.script("slow", f"kill -9 $(cat {mine.pidfile}); exec {place.tool('sleep')} 60")

    result = mine.act("start", ready=(slow,))

    assert 1 == result.code
    assert "ended with signal 9 as soon as it was up" in result.err
    assert result.seconds < AT_ONCE


def test_reload(place):
    """A signal is awaited until it is taken, and the daemon rests; if it is not, that is told."""
    mine = Prefork(place, "one")
    mine.start()
    service = mine.service.replace(timeout=2.0)

    hup.reload(service, mine.master, mine.host)
    mine.kill(mine.master, signal.SIGSTOP)

    with pytest.raises(Exception, match="the reload is under way"):
        hup.reload(service, mine.master, mine.host)
    mine.kill(mine.master, signal.SIGCONT)


def test_what_outlives_it(place):
    """Stop and restart leave what the daemon has started; a crash makes no orphans of it."""
    mine = Lonely(place, "one")
    mine.service = mine.service.replace(outlives=True)
    mine.start()
    mine.kill(mine.master, signal.SIGHUP)  # it starts a job
    jobs = wait_until(lambda: jobs_of(mine), "its job to start")
    master = mine.crash()

    codes = [mine.act(action).code for action in ("status", "start", "restart", "stop")]

    assert [1, 0, 0, 0] == codes
    assert jobs == jobs_of(mine)
    assert not mine.alive(master)


def jobs_of(one):
    """Return the jobs of a prefork: they wait for a signal."""
    return [one for one, title in one.place.processes().items() if title.endswith("pause()")]


def test_as_nobody(two):
    """A user without rights is told that it runs, or that it cannot be told; never that not."""
    first, _ = two
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from initpy import Service, cli; "
        "sys.exit(cli.main(Service(**eval(sys.argv[2])), ['status']))"
    )
    library = first.place.path("library")
    package = os.path.dirname(os.path.abspath(sys.modules["initpy"].__file__))
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(package, f"{library}/initpy", ignore=ignored)
    facts = {
        field: getattr(first.service, field)
        for field in ("name", "daemon", "pidfile", "config", "start_args", "background", "listens")
    }
    command = [sys.executable, "-IS", "-c", program, library, repr(facts)]

    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd="/", user=NOBODY, group=NOBODY
    )

    assert done.returncode in (0, 4), (done.stdout, done.stderr)


def test_slow_end(place):
    """What its master leaves gets the signals of the schedule, one after the other."""
    mine = Prefork(place, "one")
    mine.start()

    result = mine.act("stop", stop=parse_schedule("TERM/20/KILL/5"))

    assert 0 == result.code
    assert result.seconds < 10
    assert {} == family(mine)
