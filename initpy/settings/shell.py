"""What a shell has in its variables after it has read settings files. No command is run.

What depends on a command is not guessed: the variable is there, and why its value is not
known. So is what stands in an ``if``, or behind ``[ ... ] &&``.
"""

from __future__ import annotations

from ..errors import InitError
from .builtins import BUILTINS
from .grammar import Compound, Function, Simple, statements
from .parts import Fault, is_name
from .variables import Unknown, Variables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .grammar import Command, Pipeline, Statement
    from .parts import Token

_STATUS = {"true": True, "false": False}
# They set the variables that their arguments name; some shells do not have all of them.
_SETTERS = frozenset({"read", "eval", "declare", "typeset", "local"})
_DEEPEST = 10  # files, each of which has the next one read


class _Returned(Exception):
    """The shell does not read the rest of the file."""


class _Exited(Exception):
    """The shell ends."""


class Shell:
    """A shell that reads files, and runs nothing but what sets its variables.

    Why a statement may not be run at all, as a sentence, is passed on as *doubt*; it is ""
    for one that is run.
    """

    def __init__(self, read_file: Callable[[str], str | None]) -> None:
        """Prepare to read files by *read_file*.

        It returns None for one that is not there, and raises InitError for one that is not
        to be read.
        """
        self.variables = Variables()
        self.warnings: list[str] = []
        self._read_file = read_file
        self._files: list[str] = []  # the one that is read, after those that have it read
        self._functions: dict[str, Command] = {}
        self._doubt = ""  # of the statements that follow
        self._ended = False

    def read(self, path: str, text: str) -> None:
        """Read the file *path*, which has that text, unless a shell has ended before."""
        if self._ended:
            return
        self._files.append(path)
        try:
            for statement in statements(self._cleaned(text)):
                self._run(statement, self._doubt)
        except (_Returned, _Exited):
            pass
        except (Fault, RecursionError) as fault:
            line = fault.line if isinstance(fault, Fault) else 1
            self._end(line, f"a shell stops here: {fault}", *_assigned_in(text))
        finally:
            self._files.pop()

    def _cleaned(self, text: str) -> str:
        """Drop NUL, as a shell does, and CR at the end of a line, which a shell takes as text."""
        for name, found, kept in (("NUL", "\0", ""), ("CR", "\r\n", "\n")):
            if found in text:
                line = text.count("\n", 0, text.index(found)) + 1
                self.warn(line, f"the character {name} is dropped")
                text = text.replace(found, kept)
        return text

    def source(self, line: int, words: Sequence[Token], doubt: str) -> None:
        """Read another file, the first of *words*. Raises Fault."""
        path = self.expand(words[0], "") if words else ""
        if not path.startswith("/"):
            self.warn(line, "a file that only a shell can find is not read")
            return
        if len(self._files) > _DEEPEST:
            raise Fault(f"{path} is read again and again", line)
        try:
            text = self._read_file(path)
        except InitError as exc:
            raise Fault(str(exc), line) from exc
        if text is not None:
            before, self._doubt = self._doubt, doubt
            self.read(path, text)
            self._doubt = before
            if self._ended:
                raise _Exited
        elif not doubt:
            raise Fault(f"{path} does not exist", line)

    def stop(self, line: int, doubt: str) -> None:
        """Do not read the rest of the file."""
        if not doubt:
            raise _Returned
        self._doubt = f"it depends on whether a shell stops in line {line}"

    def exit(self, line: int, doubt: str) -> None:
        """Read nothing more, and forget what was read."""
        if doubt:
            self.stop(line, doubt)
        else:
            self._end(line, "a shell ends here")
            raise _Exited

    def _end(self, line: int, why: str, *unread: str) -> None:
        """End. What a shell that ends has in its variables reaches nobody."""
        self._ended = True
        self.warn(line, why)
        for key in {*self.variables.values, *unread}:
            self.cannot_tell(key, line, why)

    def warn(self, line: int, what: str) -> None:
        """Note what the administrator should know."""
        first, *more = what.split("\n")
        self.warnings.append(f"{self._where(line)}: {first}{' ...' if more else ''}")

    def _ignore(self, line: int, text: str) -> None:
        self.warn(line, f"this is not an assignment and is ignored: {text}")

    def _where(self, line: int) -> str:
        return f"{self._files[-1]} line {line}"

    def assign(self, word: Token, doubt: str) -> None:
        """Run an assignment."""
        if doubt:
            self.expand(word, doubt)
            self.cannot_tell(word.key, word.line, doubt)
        else:
            self.variables.assign(word.key, word.parts, self._where(word.line))

    def cannot_tell(self, key: str, line: int, why: str) -> None:
        """Note that a variable may have been assigned something."""
        self.variables.cannot_tell(key, self._where(line), why)

    def expand(self, word: Token, doubt: str) -> str:
        """Return what a word stands for, which may set variables; "" if it cannot be told."""
        where = self._where(word.line)
        if doubt:
            self.variables.doubt(word.parts, where, doubt)
            return ""
        try:
            return self.variables.expand(word.parts, where)
        except Unknown:
            return ""

    def _run(self, statement: Statement, doubt: str) -> None:
        if statement.background:  # in a process of its own
            self._ignore(statement.line, "a command with &")
            return
        status: bool | None = True
        for sign, pipeline in statement.pipelines:
            if sign and status is (sign == "||"):
                continue
            if status is None:
                doubt = doubt or f"it depends on the command in line {statement.line}"
            status = self._run_pipeline(pipeline, statement.line, doubt)

    def _run_pipeline(self, pipeline: Pipeline, line: int, doubt: str) -> bool | None:
        """Run commands, and return whether they succeed; None if that cannot be told."""
        if len(pipeline.commands) > 1:  # each in a process of its own
            self._ignore(line, "commands with |")
            return None
        status = self._run_command(pipeline.commands[0], doubt)
        return status if status is None or not pipeline.negated else not status

    def _run_command(self, command: Command, doubt: str) -> bool | None:
        if isinstance(command, Simple):
            return self._run_simple(command, doubt)
        if isinstance(command, Function):
            self._functions[command.name] = command.body
            return True
        self._ignore(command.line, f"{command.begins} ...")
        if command.begins != "(":  # that is run in a process of its own
            what = f"the {command.begins!r} in line {command.line}"
            self._run_parts(command, doubt or f"it depends on {what}")
        return None

    def _run_parts(self, command: Compound, doubt: str) -> None:
        """Run what may be run or not. That nothing of it is followed is said once, before."""
        told = len(self.warnings)
        for word in command.others:
            self.expand(word, doubt)
        if command.variable:
            self.cannot_tell(command.variable, command.line, doubt)
        for statement in command.body:
            self._run(statement, doubt)
        del self.warnings[told:]

    def _run_simple(self, command: Simple, doubt: str) -> bool | None:
        words = list(command.words)
        assignments: list[Token] = []
        while words and words[0].key:
            assignments.append(words.pop(0))
        for word in (*words, *command.others):
            self.expand(word, doubt)
        name = words.pop(0).text if words else ""
        builtin = BUILTINS.get(name)
        if builtin or not name:
            for word in assignments:
                self.assign(word, doubt)
            return builtin(self, command.line, words, doubt) if builtin else True
        if name in _STATUS:
            return _STATUS[name]
        text = " ".join(word.text for word in command.words)
        for word in assignments:  # they are for this command alone, or quotes were forgotten
            self.cannot_tell(word.key, word.line, f"a value with blanks needs quotes: {text}")
        self._ignore(command.line, text)
        self._run_other(name, words, command.line, doubt)
        return None

    def _run_other(self, name: str, words: Sequence[Token], line: int, doubt: str) -> None:
        """Note what a command may set that is not followed."""
        why = f"only a shell knows what {name} does in line {line}"
        if name in _SETTERS:
            for key in (key for word in words for key in _names_in(word.text)):
                self.cannot_tell(key, line, why)
        elif name == "source":  # of some shells
            self.source(line, words, doubt or why)
        elif name in self._functions:
            body = self._functions.pop(name)  # once: it may call itself
            self._run_command(body, doubt or why)
            self._functions[name] = body
        elif "+=" in name:  # of some shells
            self.cannot_tell(name.partition("+=")[0], line, why)


def _names_in(text: str) -> list[str]:
    """Return everything in *text* that could be the name of a variable."""
    plain = "".join(one if one.isalnum() or one == "_" else " " for one in text)
    return [word for word in plain.split() if is_name(word)]


def _assigned_in(text: str) -> set[str]:
    """Return every name in *text* that ``=`` follows."""
    return {names[-1] for part in text.split("=")[:-1] if (names := _names_in(part[-100:]))}
