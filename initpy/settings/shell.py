"""What a shell has in its variables after it has read settings files. No command is run.

What depends on a command is not guessed: the variable is there, and why its value is not
known. So is what stands in an ``if``, or behind ``[ ... ] &&``.
"""

from __future__ import annotations

from .files import Exited, Files
from .grammar import Function, Simple
from .parts import Fault, Unread
from .variables import Ended, Unknown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .grammar import Command, Compound, Pipeline, Statement
    from .parts import Token

_MOST = 10  # bodies that a function may have
_LOOPS = ("for", "while", "until")


class Shell(Files):
    """A shell that reads files, and runs nothing but what sets its variables."""

    def __init__(self, read_file: Callable[[str], str | None]) -> None:
        """Prepare to read files by *read_file*, as of Files."""
        super().__init__(read_file, self.run)
        self._functions: dict[str, tuple[Command, ...]] = {}  # all that it may be
        self.in_function = False
        self._in_loop = False

    def assign(self, word: Token, doubt: str) -> None:
        """Run an assignment."""
        if doubt:
            self.expand(word, doubt)
            self.cannot_tell(word.key, word.line, doubt)
        else:
            self.variables.assign(word.key, word.parts, self.where(word.line))

    def expand(self, word: Token, doubt: str) -> str:
        """Return what a word stands for, which may set variables; "" if it cannot be told."""
        where = self.where(word.line)
        if doubt:
            self.variables.doubt(word.parts, where, doubt)
            return ""
        try:
            return self.variables.expand(word.parts, where)
        except Unknown:
            return ""

    def run(self, statement: Statement, doubt: str) -> None:
        """Run a statement. Raises Fault."""
        if statement.background:  # in a process of its own
            self.ignore(statement.line, "a command with &")
            return
        status: bool | None = True
        tested = True  # a failure of the command is not one of the list
        for sign, pipeline in statement.pipelines:
            if sign and status is (sign == "||"):
                tested = True
                continue
            if status is None:
                doubt = doubt or f"it depends on the command in line {statement.line}"
            status = self._run_pipeline(pipeline, statement.line, doubt)
            tested = pipeline.negated
        if not tested and status is not True and self.variables.options["errexit"] is not False:
            certain = status is False and self.variables.options["errexit"] and not doubt
            self.exit(statement.line, "" if certain else "a command may fail, with set -e")

    def _run_pipeline(self, pipeline: Pipeline, line: int, doubt: str) -> bool | None:
        """Run commands, and return whether they succeed; None if that cannot be told."""
        if len(pipeline.commands) > 1:  # each in a process of its own
            self.ignore(line, "commands with |")
            return None
        status = self._run_command(pipeline.commands[0], doubt)
        return status if status is None or not pipeline.negated else not status

    def _run_command(self, command: Command, doubt: str) -> bool | None:
        if isinstance(command, Simple):
            return self._run_simple(command, doubt)
        if isinstance(command, Function):
            others = self._functions.get(command.name, ()) if doubt else ()
            if len(others) > _MOST:
                raise Fault(f"{command.name} is defined again and again", command.line)
            self._functions[command.name] = (*others, command.body)
            return True
        self.ignore(command.line, f"{command.begins} ...")
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
        outermost = command.begins in _LOOPS and not self._in_loop
        self._in_loop |= outermost
        for statement in command.body * (1 + outermost):  # what comes later may matter before
            self.run(statement, doubt)
        self._in_loop &= not outermost
        del self.warnings[told:]

    def _run_simple(self, command: Simple, doubt: str) -> bool | None:
        assigned = 0
        while assigned < len(command.words) and command.words[assigned].key:
            assigned += 1
        try:
            if assigned < len(command.words):
                from .commands import run_command

                return run_command(self, command, assigned, doubt)
            return self._assign_all(command, doubt)
        except Ended as ended:
            self.end(command.line, f"a shell ends here: {ended}")
            raise Exited from ended
        finally:
            if self.variables.may_end:
                self.may_end(command.line, self.variables.may_end)
                self.variables.may_end = ""

    def _assign_all(self, command: Simple, doubt: str) -> bool | None:
        if command.uncertain:
            if "&" in command.uncertain:
                self.may_end(command.line, command.uncertain)
            doubt = doubt or f"it depends on the redirection {command.uncertain}"
        for file in command.others:
            self.expand(file, doubt)
        for word in command.words:
            self.assign(word, doubt)
        runs = any(isinstance(part, Unread) for word in command.words for part in word.parts)
        return None if runs or command.uncertain else True

    def is_function(self, name: str) -> bool:
        """Tell whether there may be such a function."""
        return name in self._functions

    def forget_function(self, name: str, doubt: str) -> None:
        """Have no such function."""
        if not doubt:
            self._functions.pop(name, None)

    def call(self, name: str, doubt: str) -> None:
        """Run a function, in doubt."""
        bodies = self._functions.pop(name)  # once: it may call itself
        before, self.in_function = self.in_function, True
        for body in bodies:
            self._run_command(body, doubt)
        self._functions[name] = bodies
        self.in_function = before
