"""A third daemon, declared in a few lines and driven by the same actions: redis-server."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest
from real_daemons import AT_ONCE, Site, can_bind, listener, wait_until

from initpy import Service
from initpy.schedule import parse_schedule

pytestmark = pytest.mark.real

SERVER = "/usr/bin/redis-server"


class Redis(Site):
    """A private redis, which does not put itself in the background."""

    kind = "redis"
    binary = SERVER
    crew = 0

    def __init__(self, place, name="", port=0):
        self.shared = port
        super().__init__(place, name, wrapped=False)
        self.service = Service(
            name=self.name,
            daemon=self.daemon,
            pidfile=self.pidfile,
            config=self.config,
            start_args=("{config}",),
            background=True,
            ready=("/usr/bin/redis-cli", "-p", str(self.port), "ping"),
            stop=parse_schedule("TERM/10/KILL/5"),
        )

    def configure(self):
        """Write its configuration: in the foreground, nothing kept."""
        self.port = self.shared or self.port
        self.place.write(f"{self.folder}/daemon.conf", self.text())

    def text(self, daemonize="no"):
        """Return its configuration."""
        return (
            f"daemonize {daemonize}\nbind 127.0.0.1\nport {self.port}\nsave ''\n"
            f"dir {self.path()}\nlogfile {self.log}\npidfile {self.pidfile}\n"
        )


@pytest.fixture
def redis(place):
    """Give a private redis, stopped."""
    return Redis(place)


def test_a_life(redis):
    """The same actions exit with the same codes: 0 0 0 0 3 0."""
    actions = ["start", "status", "start", "stop", "status", "stop"]

    codes = [redis.act(action).code for action in actions]

    assert [0, 0, 0, 0, 3, 0] == codes


def test_start(redis):
    """Start puts it in the background, its pidfile naming it; it answers at once."""
    result = redis.act("start")

    assert 0 == result.code, result
    assert redis.master.pid == redis.named
    assert {redis.master} == set(redis.place.processes())
    assert not can_bind(redis.port)
    facts = redis.host.look(redis.named)
    assert os.getpid() != facts.ppid
    assert facts.session != os.getsid(0)


def test_standard_streams(redis):
    """It has standard input, output and error, on /dev/null: no file of its own gets their numbers.

    Without them what a library writes to standard error went into the daemon's database.
    """
    master = redis.start()

    streams = [os.readlink(f"/proc/{master}/fd/{number}") for number in range(3)]

    assert ["/dev/null"] * 3 == streams


def test_stop(redis):
    """Stop ends it, frees its port and removes its pidfile."""
    redis.start()

    result = redis.act("stop")

    assert 0 == result.code, result
    assert {} == redis.place.processes()
    assert can_bind(redis.port)
    assert not os.path.exists(redis.pidfile)


def test_restart(redis):
    """Restart ends with another process that serves."""
    old = redis.start()

    result = redis.act("restart")

    assert 0 == result.code, result
    assert not redis.alive(old)
    assert redis.master.pid == redis.named


def test_status_for_machines(redis):
    """Status --json tells of it what it tells of nginx."""
    master = redis.start()

    told = redis.act("status", "--json")

    assert 0 == told.code
    assert master.pid == told.json["master"]
    assert [f"127.0.0.1:{redis.port}"] == told.json["listening"]


@pytest.mark.parametrize("action", ["reload", "upgrade", "reopen", "configtest"])
def test_what_it_cannot_do(redis, action):
    """What was not declared is 3, with a sentence, and redis goes on."""
    master = redis.start()

    result = redis.act(action)

    assert 3 == result.code, result
    assert result.err.startswith(f"{redis.name}: ")
    assert master == redis.master


def test_force_reload_restarts(redis):
    """Force-reload restarts what cannot reload."""
    old = redis.start()

    result = redis.act("force-reload")

    assert 0 == result.code, result
    assert redis.master not in (None, old)


@pytest.mark.parametrize("action", ["reload", "upgrade", "force-reload"])
def test_stopped(redis, action):
    """What needs it running is 7 when it is stopped."""
    assert 7 == redis.act(action).code


def test_crash(redis):
    """After a crash status is 1, and start works, stale pidfile or not."""
    master = redis.start()
    redis.kill(master, signal.SIGKILL)
    redis.see_gone(master)

    codes = [redis.act(action).code for action in ("status", "start", "status")]

    assert [1, 0, 0] == codes
    assert redis.master.pid == redis.named


def test_bad_configuration(redis):
    """Without a configuration test a bad one is seen at the start: 1, its words shown."""
    redis.place.write(f"{redis.folder}/daemon.conf", "frobnicate on\n")

    result = redis.act("start", "--timeout", "5")

    assert 1 == result.code, result
    assert {} == redis.place.processes()
    assert not os.path.exists(redis.pidfile) or 1 == redis.act("status").code


def test_port_of_another_server(redis):
    """Another server on its port is told at once, with its pid and program; nothing is left."""
    other = Redis(redis.place, "other", redis.port)
    server = other.start()

    result = redis.act("start", listens=(f"127.0.0.1:{redis.port}",))

    assert 1 == result.code, result
    assert f"127.0.0.1:{redis.port} is held by pid {server} (redis, user root, " in result.err
    assert result.seconds < AT_ONCE
    assert {server} == set(redis.place.processes())
    assert not os.path.exists(redis.pidfile)


@pytest.mark.parametrize("ready", [(), ("/bin/true",)], ids=["", "ready"])
def test_place_where_it_does_not_listen(redis, ready):
    """Start is 0 only once it listens at every place that is declared; what is missing is named."""
    there, other = f"127.0.0.1:{redis.port}", "127.0.0.1:9"

    missed = redis.act("start", "--timeout", "1", listens=(there, other), ready=ready)
    left = redis.place.processes()
    result = redis.act("start", listens=(there,), ready=ready)

    assert 1 == missed.code, missed
    assert f" to listen at {other}" in missed.err
    assert {} == left
    assert 0 == result.code, result
    assert not can_bind(redis.port)


@pytest.mark.parametrize("daemonize", ["no", "yes"])
def test_early_end(redis, daemonize):
    """A daemon that ends early is missed at once, and its log says why."""
    redis.place.write(f"{redis.folder}/daemon.conf", redis.text(daemonize))
    logs = (redis.log,)

    with listener(redis.port):
        result = redis.act("start", ready=(), logs=logs, background=daemonize == "no")

    assert 1 == result.code, result
    assert f"{redis.log} says: " in result.err
    assert "Failed listening on port" in result.err
    assert result.seconds < AT_ONCE
    assert {} == redis.place.processes()


@pytest.mark.parametrize("daemonize", ["no", "yes"])
def test_own_user(redis, daemonize):
    """It is its user's from the start, and so is what it writes; its directories are made."""
    data = redis.path("data")
    redis.place.write(
        f"{redis.folder}/daemon.conf",
        redis.text(daemonize) + f"dir {data}\nlogfile {data}/log\npidfile {data}/pid\n",
    )
    pidfile = redis.pidfile if daemonize == "no" else f"{data}/pid"
    service = {
        "user": "www-data",
        "directories": {data: 0o750},
        "directory": data,
        "background": daemonize == "no",
        "pidfile": pidfile,
        "listens": (f"127.0.0.1:{redis.port}",),
    }

    started = redis.act("start", **service)
    told = redis.act("status", "--json", **service)
    subprocess.run(["redis-cli", "-p", str(redis.port), "save"], check=True, capture_output=True)
    with open(pidfile) as file:
        pid = int(file.read())
    facts, directory = redis.host.look(pid), os.readlink(f"/proc/{pid}/cwd")
    owners = {name: os.stat(f"{data}/{name}").st_uid for name in os.listdir(data)}
    stopped = [redis.act(action, **service).code for action in ("restart", "stop", "status")]

    uid = redis.host.account("www-data").uid
    assert 0 == started.code, started
    assert (0, pid) == (told.code, told.json["master"])
    assert (uid, data) == (facts.uid, directory)
    assert {"dump.rdb", "log"} <= owners.keys()
    assert {uid} == set(owners.values())
    assert [0, 0, 3] == stopped
    assert {} == redis.place.processes()


@pytest.mark.parametrize(
    ("user", "sentence"),
    [
        ("nobodi", "user 'nobodi': the user nobodi does not exist"),
        ("www-data:nobodi", "user 'www-data:nobodi': the group nobodi does not exist"),
    ],
)
def test_unknown_user(redis, user, sentence):
    """It is 6, in one sentence, and nothing is started or stopped."""
    stopped = redis.act("start", user=user)
    master = redis.start()
    running = redis.act("restart", user=user)

    assert [6, 6] == [stopped.code, running.code]
    assert sentence in stopped.err
    assert sentence in running.err
    assert {master} == set(redis.place.processes())


def test_missing(redis):
    """A redis that is not installed is 5 to start and 0 to stop."""
    os.unlink(redis.daemon)

    assert [5, 0, 3] == [redis.act(action).code for action in ("start", "stop", "status")]


def test_stop_of_the_deaf(redis):
    """Stop comes to KILL, by its own schedule."""
    master = redis.start()
    redis.kill(master, signal.SIGSTOP)
    wait_until(lambda: redis.host.look(master.pid).state == "T", "it to stop")

    result = redis.act("stop", stop=parse_schedule("TERM/0.5/KILL/5"))

    assert 0 == result.code, result
    assert {} == redis.place.processes()


@pytest.mark.parametrize("text", ["words\n", "-1\n", "{pid}\n"], ids=["words", "group", "another"])
def test_pidfile_that_names_something_else(redis, text):
    """It does not hinder a start, and nothing that it names gets a signal."""
    with open(redis.pidfile, "w") as file:
        file.write(text.format(pid=os.getpid()))

    result = redis.act("start")

    assert 0 == result.code, result
    assert redis.master.pid == redis.named
