"""A daemon that is declared in some lines: its words, environment, commands and logs."""

from __future__ import annotations

import os
import signal
import sys

import pytest
from real_daemons import Site, wait_until

from initpy import Service
from initpy.schedule import parse_schedule

pytestmark = pytest.mark.real

# It tells its log what it was told, and writes to it whenever it is asked.
PROGRAM = """\
import os, signal, sys
path = sys.argv[1]
log = open(path, "a", buffering=1)
def on(sig, say):
    def handle(*_):
        global log
        if say == "reopen" and "deaf" not in sys.argv:
            log.close()
            log = open(path, "a", buffering=1)
        print(say, file=log)
        if say == "ended":
            os._exit(0)
    signal.signal(sig, handle)
for sig, say in ((1, "reload"), (10, "reopen"), (15, "ended"), (12, "asked")):
    on(sig, say)
print("up", file=log)
while True:
    signal.pause()
"""


class Foo(Site):
    """A daemon that stays in the foreground, and has no title."""

    kind = "foo"
    binary = os.path.realpath(sys.executable)
    crew = 0

    def __init__(self, place):
        super().__init__(place, wrapped=False)
        place.write(self.config, PROGRAM)
        self.service = Service(
            name=self.name,
            daemon=self.daemon,
            pidfile=self.pidfile,
            config=self.config,
            start_args=("-S", "{config}", self.log, "{WORDS}"),
            words={"WORDS": ""},
            background=True,
            reload="HUP",
            reopen="USR1",
            logs=(self.log,),
            stop=parse_schedule("TERM/5/KILL/5"),
        )

    def configure(self):
        """Do nothing: its configuration is its program."""

    def said(self):
        """Return the lines of its log."""
        with open(self.log) as file:
            return file.read().split()

    def started(self, **changes):
        """Start it; return its master."""
        result = self.act("start", **changes)
        assert 0 == result.code, result
        wait_until(lambda: os.path.exists(self.log) and "up" in self.said(), "it to be up")
        return self.master


@pytest.fixture
def foo(place):
    """Give a private daemon, stopped."""
    return Foo(place)


def arguments(master):
    with open(f"/proc/{master.pid}/cmdline") as file:
        return file.read().split("\0")[:-1]


def environment(master):
    with open(f"/proc/{master.pid}/environ") as file:
        return dict(line.split("=", 1) for line in file.read().split("\0")[:-1])


def test_reload_by_a_signal_without_a_test(foo):
    """A daemon that has no test of its configuration is reloaded all the same."""
    master = foo.started()

    result = foo.act("reload")

    assert 0 == result.code, result
    assert (master, "reload") == (foo.master, foo.said()[-1])


def test_reload_by_a_command(foo):
    """It gets the master's pid, the paths, the words, and the environment of a start."""
    says = foo.place.script("says", f'echo "$@ $MAINPID $A $TZ" >{foo.path("said")}; kill -HUP $1')
    foo.place.settings(foo.name, "WORDS='-x -y'\nexport A=1\n")
    asks = {"reload": (says, "{pid}", "{config}", "{pidfile}", "{WORDS}")}
    master = foo.started(**asks, environment={"TZ": "UTC"})

    result = foo.act("reload", **asks, environment={"TZ": "UTC"})

    assert 0 == result.code, result
    with open(foo.path("said")) as file:
        told = file.read()
    pid = master.pid
    assert f"{pid} {foo.config} {foo.pidfile} -x -y {pid} 1 UTC\n" == told
    assert (master, "reload") == (foo.master, foo.said()[-1])


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("echo no good; exit 7", "ended with code 7; master {pid} lives"),
        ("kill -KILL $1; exit 0", "master {pid} died during the reload"),
    ],
)
def test_reload_by_a_command_that_fails(foo, body, told):
    """Its code, and the life of the master, tell whether it has."""
    asks = {"reload": (foo.place.script("fails", body), "{pid}")}
    master = foo.started(**asks)

    result = foo.act("reload", **asks)

    assert 1 == result.code, result
    assert told.format(pid=master.pid) in result.err
    assert ("no good" in body) == ("no good" in result.err)


def test_reload_by_a_command_that_is_missing(foo):
    """A command that cannot be run is a fault of the declaration: 6."""
    master = foo.started()

    result = foo.act("reload", reload=("/no/such", "{pid}"))

    assert 6 == result.code, result
    assert master == foo.master


def test_test_by_another_program(foo):
    """A configuration that it refuses is 6, in whichever action, and the daemon goes on."""
    checks = foo.place.script("checks", f"test -e {foo.path('good')} || {{ echo bad $1; exit 1; }}")
    tests = {"test": (checks, "{config}")}

    refused = [foo.act(action, **tests).code for action in ("configtest", "start")]
    foo.place.write(foo.path("good"), "")
    master = foo.started(**tests)
    passed = [foo.act(action, **tests).code for action in ("configtest", "reload")]
    os.unlink(foo.path("good"))
    running = [foo.act(action, **tests) for action in ("configtest", "reload", "restart")]

    assert ([6, 6], [0, 0], [6, 6, 6]) == (refused, passed, [one.code for one in running])
    assert f"bad {foo.config}" in running[-1].err
    assert (master, 1) == (foo.master, foo.said().count("reload"))


def test_stop_command(foo):
    """It is asked to end, and then no signal is needed."""
    asks = {"stop_command": (foo.place.script("asks", "kill -USR2 $1; kill -KILL $1"), "{pid}")}
    foo.started(**asks)

    result = foo.act("stop", **asks)

    assert (0, "") == (result.code, result.err), result
    assert {} == foo.place.processes()
    assert "ended" not in foo.said()


@pytest.mark.parametrize(("body", "code"), [("exit 3", 3), ("exit 0", 0)])
def test_stop_command_that_does_not_end_it(foo, body, code):
    """The schedule follows: at once after a failure, which is told."""
    asks = {"stop_command": (foo.place.script("asks", body), "{pid}")}
    foo.started(**asks)

    result = foo.act("stop", **asks, stop=parse_schedule("TERM/2/KILL/5"))

    assert 0 == result.code, result
    assert "ended" == foo.said()[-1]
    assert (f"ended with code {code}; going on with signals" in result.err) == bool(code)


def test_words_of_the_settings(foo):
    """They stand in the command line as $WORDS would in a script."""
    foo.place.settings(foo.name, "WORDS=\"-a 'b  c'\"\n")

    master = foo.started()

    assert ["-S", foo.config, foo.log, "-a", "'b", "c'"] == arguments(master)[1:]
    assert 0 == foo.act("status").code


def test_files_of_the_environment(foo):
    """They are read at every start, and their variables are the daemon's."""
    path = foo.place.write(foo.path("env"), "WORDS=\"-a 'b  c'\"\nA = 1 2 # 3\n")
    given = {"words": {}, "environment_files": (path, f"-{foo.path('none')}")}

    first = foo.started(**given)
    seen = (arguments(first)[4:], environment(first)["A"])
    foo.place.write(foo.path("env"), "WORDS=z")
    foo.act("restart", **given)

    assert (["-a", "b  c"], "1 2 # 3") == seen
    assert ["z"] == arguments(foo.master)[4:]
    assert "A" not in environment(foo.master)


def test_reopen_of_declared_logs(foo):
    """A log that was renamed is let go, which is seen by its inode."""
    foo.started()
    os.rename(foo.log, f"{foo.log}.1")

    result = foo.act("reopen")

    assert 0 == result.code, result
    assert ["reopen"] == foo.said()


def test_reopen_by_a_deaf_one(foo):
    """One that keeps the renamed log open is told with the name of the file: 1."""
    foo.place.settings(foo.name, "WORDS=deaf\n")
    foo.started()
    os.rename(foo.log, f"{foo.log}.1")

    result = foo.act("reopen", "--timeout", "2")

    assert 1 == result.code, result
    assert f"still writes to {foo.log}.1" in result.err


def test_crash(foo):
    """A recorded start of the words of yesterday does not keep it from starting again."""
    master = foo.started()
    foo.place.settings(foo.name, "WORDS=-new\n")
    foo.kill(master, signal.SIGKILL)
    foo.see_gone(master)

    codes = [foo.act(action).code for action in ("status", "start", "status", "stop")]

    assert [1, 0, 0, 0] == codes
