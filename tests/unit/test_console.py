from __future__ import annotations

import io
import sys
import threading
import time

import pytest
from small_pipes import page_pipe

from initpy.console import PATIENCE, Console, standard_console


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


class Pipe(Terminal):
    """A stream that is a file of our caller's, perhaps a terminal, as the host has it."""

    encoding, errors = "utf-8", "strict"

    def __init__(self, number, *, terminal=False):
        super().__init__()
        self._number, self._terminal = number, terminal

    def fileno(self):
        """Return its number."""
        return self._number

    def isatty(self):
        """Tell whether it is a terminal."""
        return self._terminal


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


@pytest.mark.parametrize("terminal", [True, False])
def test_output_that_is_stuck(host, terminal):
    """Ctrl-S, or a pipe that nobody reads: progress waits for nothing, all the rest for 1 s."""
    host.room = {1: 0, 2: 0}
    console = Console(Pipe(1, terminal=terminal), Pipe(2), host=host)

    console.begin("Upgrading nginx: ")
    console.progress("1 s")
    console.progress("2 s")
    before = host.now
    console.complain("no")
    console.end(ok=False)
    answered = console.answer("{}")

    assert 0 == before
    assert not answered
    assert PATIENCE == pytest.approx(host.now)
    host.room = {}
    assert console.answer("{}")


def test_one_stuck_stream_of_two(host):
    """What one of them takes at once does not make the other one wait again."""
    host.room = {1: 0}
    console = Console(Pipe(1), Pipe(2), host=host)

    for _ in range(9):
        console.answer("a")
        console.complain("b")

    assert PATIENCE == pytest.approx(host.now)


def test_slow_reader(host):
    """A long answer is read page by page, slower than it comes: nothing is lost."""
    host.room = {1: 4096}
    console = Console(Pipe(1), None, host=host)

    def read():
        host.room[1] = 4096
        host.at(0.7, read)

    host.at(0.7, read)

    assert console.answer("x" * 5 * 4096)
    assert 0.7 * 5 == pytest.approx(host.now, abs=0.1)


def test_slow_reader_of_a_real_pipe():
    """It is read slower than it is written: it comes whole, and in order."""
    text = "".join(map(str, range(9000)))
    fd, writing = page_pipe()
    with open(writing, "w") as out, open(fd, "rb", 0) as reader:
        read = []

        def keep_reading():
            while page := reader.read(1000):
                read.append(page)
                time.sleep(0.001)

        thread = threading.Thread(target=keep_reading)
        thread.start()
        answered = Console(out, None).answer(text)
        out.close()
        thread.join()

    assert answered
    assert f"{text}\n" == b"".join(read).decode()


def test_stream_of_a_full_disk(host, monkeypatch):
    """It cannot be written, and that is told."""
    host.room = {1: OSError(28, "No space left on device")}
    monkeypatch.setattr(sys, "stdout", Pipe(1))

    assert not standard_console(host, quiet=False).answer("a")
    assert sys.stdout is None
