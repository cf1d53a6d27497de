from __future__ import annotations

import io
import sys

import pytest

from initpy.console import Console, standard_console


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self):
        """Tell that it is one."""
        return True


class Broken(io.StringIO):
    """A stream whose other end is gone."""

    def write(self, _text):
        """Fail."""
        raise BrokenPipeError

    def isatty(self):
        """Fail."""
        raise OSError


@pytest.fixture
def err():
    """Return a stream for complaints."""
    return io.StringIO()


def told(out, err, *, ok=True, quiet=False, times=0):
    """Tell a whole action, with progress."""
    console = Console(out, err, quiet=quiet)
    console.begin("Reloading nginx: ")
    for second in range(1, times + 1):
        console.progress(f"{second} s")
    console.end(ok=ok)


def test_plain(err):
    """Where nobody watches it is one line."""
    out = io.StringIO()

    told(out, err)

    assert f"{'Reloading nginx: ':<60}[  OK  ]\n" == out.getvalue()


def test_plain_progress(err):
    """Progress comes after 1, 2, 4, 8 seconds, each a whole line."""
    out = io.StringIO()

    told(out, err, ok=False, times=9)

    seconds = [f"Reloading nginx: {second} s" for second in (1, 2, 4, 8)]
    assert [*seconds, f"{'Reloading nginx: ':<60}[FAILED]"] == out.getvalue().splitlines()


def test_terminal(err):
    """On a terminal everything is the same line, overwritten."""
    out = Terminal()

    told(out, err, times=2)

    assert (
        "Reloading nginx: "
        "\r\033[KReloading nginx: 1 s\r\033[KReloading nginx: 2 s"
        f"\r\033[K{'Reloading nginx: ':<60}[\033[1;32m  OK  \033[0m]\n"
    ) == out.getvalue()


def test_failure_on_a_terminal(err):
    """A failure is red."""
    out = Terminal()

    told(out, err, ok=False)

    assert out.getvalue().endswith("[\033[1;31mFAILED\033[0m]\n")


def test_quiet(err):
    """Told to be quiet it says nothing, but what was asked for and complaints."""
    out = Terminal()
    told(out, err, quiet=True, times=3)
    console = Console(out, err, quiet=True)

    console.answer("{}")
    console.complain("no")

    assert ("{}\n", "no\n") == (out.getvalue(), err.getvalue())


@pytest.mark.parametrize("kind", ["none", "broken", "closed"])
def test_nothing_here_may_fail(kind):
    """A terminal that is gone does not stop an upgrade half way."""
    stream = {"none": None, "broken": Broken(), "closed": io.StringIO()}[kind]
    if kind == "closed":
        stream.close()

    told(stream, stream, times=1)
    Console(stream, stream).answer("x")
    Console(stream, stream).complain("x")

    assert stream is None or stream.closed or "" == stream.getvalue()


def test_standard_console(monkeypatch, err):
    """The console of a process is its own two streams."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    console = standard_console(quiet=False)

    console.answer("a")
    console.complain("b")

    assert ("a\n", "b\n") == (out.getvalue(), err.getvalue())


def test_broken_stream_is_not_flushed_again(monkeypatch):
    """At the end of the process nothing is left that could fail and change its exit code."""
    monkeypatch.setattr(sys, "stdout", Broken())
    monkeypatch.setattr(sys, "stderr", Broken())
    console = standard_console(quiet=False)

    console.answer("a")
    console.complain("b")

    assert (None, None) == (sys.stdout, sys.stderr)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a line\tof words é\nand another", "a line\tof words é\nand another"),
        ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
        ("\x9b2J\x7f\r", r"\x9b2J\x7f\r"),
        ("\udcff\u2028", r"\udcff\u2028"),
    ],
)
def test_nothing_that_a_terminal_obeys(err, text, shown):
    """What a client has put into a log is shown, and does nothing."""
    out = io.StringIO()
    console = Console(out, err, quiet=False)

    console.answer(text)
    console.complain(text)
    console.progress(text)

    assert f"{shown}\n" == err.getvalue()
    assert f"{shown}\n" * 2 == out.getvalue()
