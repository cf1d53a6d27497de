"""What a worker of php-fpm has written, as its master would log it."""

from __future__ import annotations

import pytest

from initpy.contracts import Configuration, Pool
from initpy.daemons.php_fpm.output import logged

PLAIN = Configuration(pools=(Pool(name="Plain", plain_output=True), Pool(name="www")))


def lines(said, pool="www", stream=2):
    """Return the lines of the log for what worker 7 of a pool has written."""
    title = f"php-fpm: pool {pool}       "
    return logged(PLAIN, title, 7, stream, said, lambda form: form.replace("%", "")).decode()


def test_decorated():
    """A line has a stamp, the pool, the worker and the stream."""
    head = "[d-b-Y H:M:S] WARNING: [pool www] child 7 said into"

    assert f'{head} stderr: "say "x""\n' == lines(b'say "x"')
    assert f'{head} stdout: "x"\n' == lines(b"x", stream=1)


def test_plain():
    """With decorate_workers_output = no a line is what was written."""
    assert "x\n" == lines(b"x", pool="Plain")


@pytest.mark.parametrize("pool", ["www", "Plain"])
def test_long(pool):
    """A long line goes on in the next ones, and nothing of it is lost."""
    found = lines(b"=" * 2500, pool).splitlines()

    assert [1023, 1023] == [len(line) for line in found[:2]]
    assert 3 == len(found)
    assert 2500 == sum(line.count("=") for line in found)


def test_unknown_worker():
    """Where it cannot be seen which worker it was, the line says no more than is known."""
    now = lambda _form: "[now] "  # noqa: E731

    assert b'[now] WARNING: an old child said: "x"\n' == logged(PLAIN, "", 0, 0, b"x", now)


def test_marks_of_a_flush():
    """What a worker writes at the end of a request ends a line, and is not logged."""
    assert "a\nb\n" == lines(b"a\0fscf\0b\0fscf\0", pool="Plain")
    assert "" == lines(b"\0fscf\0\0fscf\0")
