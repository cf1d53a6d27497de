from __future__ import annotations

import pytest

from initpy.state.pidfile import EMPTY, MISSING, OK, UNTRUSTED, UNUSABLE, read_pidfile

PATH = "/run/x.pid"


@pytest.mark.parametrize(
    ("text", "verdict", "pid"),
    [
        ("42", OK, 42),
        ("42\n", OK, 42),
        (" 42 \n", OK, 42),
        ("1\n", OK, 1),
        ("", EMPTY, 0),
        ("\n", UNUSABLE, 0),
        ("0\n", UNUSABLE, 0),
        ("-1\n", UNUSABLE, 0),
        ("-42\n", UNUSABLE, 0),
        ("+42\n", UNUSABLE, 0),
        ("42 43\n", UNUSABLE, 0),
        ("42\n43\n", OK, 42),
        (f"{42:>32}\n", OK, 42),  # as postfix pads it
        ("42\n/var/lib/db\n1700000000\n5432\n/run/db\n*\n", OK, 42),  # as PostgreSQL writes
        ("x\n42\n", UNUSABLE, 0),
        ("\n42\n", UNUSABLE, 0),
        ("4_2\n", UNUSABLE, 0),
        ("0x2a\n", UNUSABLE, 0),
        ("42.0\n", UNUSABLE, 0),
        ("\u0664\u0662\n", UNUSABLE, 0),
        ("\u00b2\n", UNUSABLE, 0),
        ("42\0", UNUSABLE, 0),
        ("$(reboot)\n", UNUSABLE, 0),
        ("9" * 33, UNUSABLE, 0),
        ("42" + " " * 40, OK, 42),
        ("42\n" + "x" * 2000, UNUSABLE, 0),
    ],
)
def test_contents(host, text, verdict, pid):
    """The first line of a pidfile is one positive number and nothing else."""
    host.put(PATH, text)

    pidfile = read_pidfile(PATH, host)

    assert (verdict, pid) == (pidfile.verdict, pidfile.pid)
    assert (verdict == OK) == pidfile.trusted


@pytest.mark.parametrize("kind", ["dir", "fifo", "link"])
def test_kinds(host, kind):
    """What is no regular file is no pidfile."""
    host.put(PATH, "/run/y.pid" if kind == "link" else "", kind=kind)

    pidfile = read_pidfile(PATH, host)

    assert (UNUSABLE, "it is not a regular file") == (pidfile.verdict, pidfile.reason)
    assert not pidfile.regular


def test_missing(host):
    """None there is a verdict too."""
    assert MISSING == read_pidfile(PATH, host).verdict


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"uid": 33}, "it belongs to uid 33"),
        ({"mode": 0o664}, "it can be written by others"),
        ({"mode": 0o646}, "it can be written by others"),
    ],
)
def test_others_could_have_written_it(host, facts, reason):
    """Then it is a hint and nothing more, and the reason is told."""
    host.put(PATH, "42\n", **facts)

    pidfile = read_pidfile(PATH, host)

    assert (UNTRUSTED, 42, reason) == (pidfile.verdict, pidfile.pid, pidfile.reason)


def test_others_could_replace_it(host):
    """A directory that others can write is as bad."""
    host.put(PATH, "42\n")
    host.distrusted["/run"] = "/run belongs to www-data"

    pidfile = read_pidfile(PATH, host)

    assert (UNTRUSTED, "/run belongs to www-data") == (pidfile.verdict, pidfile.reason)


@pytest.mark.parametrize("text", ["", "x", "42"])
def test_others_could_have_emptied_it(host, text):
    """Whose it is is told of every regular file, also of one that names no process."""
    host.put(PATH, text, uid=33)

    assert "it belongs to uid 33" == read_pidfile(PATH, host).distrust


def test_unreadable(host):
    """One that we may not read is told, not raised."""
    host.put(PATH, "42\n", mode=0)
    host.euid = 33

    pidfile = read_pidfile(PATH, host)

    assert (UNUSABLE, 0) == (pidfile.verdict, pidfile.pid)
    assert "Permission denied" in pidfile.reason
