from __future__ import annotations

import pytest

from initpy.errors import StatusCode
from initpy.state.pidof import pidofproc

PROGRAM, PIDFILE = "/usr/sbin/foo", "/run/foo.pid"


@pytest.fixture
def foo(host):
    """Return a running foo."""
    return host.add(42, exe=PROGRAM, argv=(PROGRAM, "-x"))


@pytest.mark.parametrize("program", [PROGRAM, "foo"])
def test_by_its_pidfile(host, foo, program):
    """A pidfile that names it is believed."""
    host.put(PIDFILE, "42\n")

    found = pidofproc(program, host=host)

    assert ((foo.id,), StatusCode.RUNNING) == (found.processes, found.code)


@pytest.mark.parametrize("program", [PROGRAM, "foo"])
@pytest.mark.parametrize("text", [None, "99", "1", "x"])
def test_without_a_good_pidfile(host, foo, program, text):
    """Otherwise all processes are looked at, and strangers left out."""
    host.add(1, exe="/sbin/init", argv=("init",))
    if text is not None:
        host.put(PIDFILE, text)

    assert (foo.id,) == pidofproc(program, host=host).processes


@pytest.mark.parametrize(
    "facts",
    [
        {"uid": 1000},
        {"nested": True},
        {"ppid": 42},
        {"exe": "/opt/foobar", "argv": ("foobar",)},
        {"state": "Z"},
    ],
)
def test_who_is_left_out(host, foo, facts):
    """Users' processes, containers', its own children and zombies are not it."""
    host.add(**{"exe": PROGRAM, "argv": (PROGRAM,), **facts})

    assert (foo.id,) == pidofproc("foo", host=host).processes


def test_script(host):
    """A script is its first argument, its interpreter is not."""
    script = host.add(exe="/usr/bin/python3", argv=("/usr/bin/python3", PROGRAM, "-x"))

    assert (script.id,) == pidofproc(PROGRAM, host=host).processes
    assert (script.id,) == pidofproc("foo", host=host).processes


def test_argv0_where_exe_is_not_ours_to_see(host):
    """Without the right to see the binary, its name is the best there is."""
    process = host.add(exe=None, argv=(PROGRAM,))

    assert (process.id,) == pidofproc("foo", host=host).processes


def test_kernel_threads_are_no_program(host, foo):
    """A process without binary and arguments is nobody's."""
    host.add(2, exe=None, argv=())

    assert (foo.id,) == pidofproc("foo", host=host).processes


def test_link_is_followed(host):
    """A program that is a link runs what it leads to."""
    host.put(PROGRAM, "/opt/foo", kind="link")
    process = host.add(exe="/opt/foo", argv=("foo",))

    assert (process.id,) == pidofproc(PROGRAM, host=host).processes


def test_given_pidfile_is_the_only_place(host, foo):
    """With a pidfile nothing else is looked at."""
    found = pidofproc(PROGRAM, "/run/other.pid", host)

    assert ((), StatusCode.STOPPED) == (found.processes, found.code)


def test_another_binary(host):
    """The executable may be another than the program."""
    process = host.add(42, exe="/usr/bin/real", argv=("real",))
    host.put(PIDFILE, "42\n")

    assert (process.id,) == pidofproc(PROGRAM, host=host, binary="/usr/bin/real").processes


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (None, StatusCode.STOPPED),
        ({"text": "99\n"}, StatusCode.DEAD_PIDFILE),
        ({"text": "x"}, StatusCode.DEAD_PIDFILE),
        ({"kind": "dir"}, StatusCode.UNKNOWN),
    ],
)
@pytest.mark.parametrize("pidfile", [None, PIDFILE])
def test_not_running(host, facts, code, pidfile):
    """What is left of it decides the code, as for status."""
    if facts:
        host.put(PIDFILE, **facts)

    found = pidofproc(PROGRAM, pidfile, host)

    assert ((), code) == (found.processes, found.code)
