"""The output of an action: ``Reloading web:   [  OK  ]``, and its progress.

Nothing here raises: a terminal that closes must not end an upgrade half way. And nothing
waits for long: Ctrl-S, or a pipe that nobody reads, must not stop it half way.
"""

from __future__ import annotations

import sys

from .errors import WaitTimeout
from .host import HERE, Host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

PATIENCE = 1.0  # seconds for a reader to take something; what it does not take is lost
COLUMN = 60  # of the verdict, as in Red Hat's functions
GREEN, RED, PLAIN = "\033[1;32m", "\033[1;31m", "\033[0m"


def escaped(text: str) -> str:
    r"""Return *text* with nothing in it that a terminal would obey.

    Daemons and their clients choose what stands in a log. Tab and newline stay.

    >>> print(escaped("GET /\x1b[2J"))
    GET /\x1b[2J
    """
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() or one in "\t\n" else one.encode("unicode_escape").decode()
        for one in text
    )


class Console:
    """Two output streams, either of which may be closed or broken.

    On a terminal the headline is written at once, the progress follows in the same
    line, and at last the verdict replaces it. Elsewhere only whole lines are written:
    progress after 1, 2, 4, 8... seconds, and the headline with the verdict at the end.
    """

    def __init__(
        self,
        out: TextIO | None,
        err: TextIO | None,
        *,
        quiet: bool = False,
        host: Host = HERE,
    ) -> None:
        """Write answers to *out* and complaints to *err*."""
        self._host = host
        self._patience = PATIENCE
        self._out = out
        self._err = err
        self._quiet = quiet
        self._terminal = not quiet and _is_terminal(out)
        self._headline = ""
        self._reported = 0

    def begin(self, headline: str) -> None:
        """Set the headline: "Reloading web: "."""
        self._headline = headline
        if self._terminal:
            self._write(self._out, headline, within=0)

    def progress(self, what: str) -> None:
        """Write what the action waits for. Called about once a second."""
        if self._quiet:
            return
        self._reported += 1
        what = escaped(what)
        if self._terminal:
            self._write(self._out, f"\r\033[K{self._headline}{what}", within=0)
        elif self._reported & (self._reported - 1) == 0:
            self._write(self._out, f"{self._headline}{what}\n", within=0)

    def end(self, *, ok: bool) -> None:
        """Write the verdict."""
        if self._quiet:
            return
        word = "  OK  " if ok else "FAILED"
        colour = GREEN if ok else RED
        verdict = f"[{colour}{word}{PLAIN}]" if self._terminal else f"[{word}]"
        overwrite = "\r\033[K" if self._terminal else ""
        self._write(self._out, f"{overwrite}{self._headline:<{COLUMN}}{verdict}\n")

    def answer(self, text: str) -> bool:
        """Write a line of the answer to standard output; tell whether it could be written."""
        return self._write(self._out, escaped(text) + "\n")

    def answer_json(self, answer: dict[str, object], explain: object) -> None:
        """Write an object in JSON, with what *explain* has kept."""
        import json

        if isinstance(explain, Sentences):
            answer["evidence"] = list(explain.sentences)
        self.answer(json.dumps(answer))

    def complain(self, text: str) -> None:
        """Write a line to standard error, even if quiet."""
        self._write(self._err, escaped(text) + "\n")

    def _write(self, stream: TextIO | None, text: str, *, within: float | None = None) -> bool:
        """Write to a stream; tell whether all of it was written.

        within: seconds for its reader to take something; None for what is left of the
                patience, which is spent once, and returns when a reader goes on.
        """
        if stream is None:
            return False
        try:
            if (fd := _descriptor(stream)) is None:
                stream.write(text)
            stream.flush()  # also what a program that calls us has written before
            if fd is not None:
                rest = text.encode(stream.encoding, stream.errors or "strict")
                while rest:
                    patience = self._patience if within is None else within
                    rest = rest[self._taken(fd, rest, patience) :]
        except WaitTimeout:
            if within is None:
                self._patience = 0
            return False
        except (OSError, ValueError):  # closed, full, or its terminal is gone
            # The interpreter flushes the rest of the buffer when it ends. That would fail
            # again, and the exit code would be 120. A None stream is not flushed.
            if stream is sys.stdout:
                sys.stdout = None
            if stream is sys.stderr:
                sys.stderr = None
            return False
        return True

    def _taken(self, fd: int, data: bytes, within: float) -> int:
        """Return how many bytes the reader has taken. Raises WaitTimeout."""
        if taken := self._host.offer(fd, data):
            return taken
        from .host.wait import wait_until

        taken = wait_until(
            lambda: self._host.offer(fd, data),
            within=within,
            host=self._host,
            what="the output to be read",
        )
        self._patience = PATIENCE
        return taken


class Sentences:
    """What is told besides the answer, each sentence once: an action may come to it again."""

    def __init__(self, name: str, console: Console, *, silent: bool = False) -> None:
        """Write to *console*, or only keep it for the answer in JSON."""
        self.sentences: dict[str, None] = {}
        self._name, self._console, self._silent = name, console, silent

    def __call__(self, sentence: str) -> None:
        """Take one sentence."""
        if sentence not in self.sentences:
            self.sentences[sentence] = None
            if not self._silent:
                self._console.complain(f"{self._name}: {sentence}")


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except (OSError, ValueError):
        return False


def _descriptor(stream: TextIO) -> int | None:
    """Return the number of the file of a stream; None if it is in memory."""
    try:
        return stream.fileno()
    except OSError:
        return None


def standard_console(host: Host = HERE, *, quiet: bool) -> Console:
    """Return the console of this process. ``sys`` has None for a stream that is closed."""
    return Console(sys.stdout, sys.stderr, quiet=quiet, host=host)
