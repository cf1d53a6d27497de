"""The files that a shell reads, and where it stops to read one, or ends."""

from __future__ import annotations

from ..errors import InitError
from .grammar import statements
from .parts import Fault, names_in
from .variables import Variables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .grammar import Statement

_DEEPEST = 10  # files, each of which has the next one read
_WIDEST = 200  # characters of a statement that is told


class _Returned(Exception):
    """The shell does not read the rest of the file."""


class Exited(Exception):
    """The shell has ended."""


class Files:
    """What reads files, statement by statement, and hands each on.

    Why a statement may not be run at all, as a sentence, is passed on as *doubt*; it is ""
    for one that is run.
    """

    def __init__(
        self,
        read_file: Callable[[str], str | None],
        run_statement: Callable[[Statement, str], None],
    ) -> None:
        """Prepare to read files by *read_file*, and to run statements by *run_statement*.

        read_file: returns None for a file that is not there, and raises InitError for one
                   that is not to be read.
        run_statement: is given the doubt, too, and raises Fault.
        """
        self.variables = Variables()
        self.warnings: list[str] = []
        self._read_file = read_file
        self._run_statement = run_statement
        self._files: list[str] = []  # the one that is read, after those that have it read
        self._stops = ""  # why a shell may not read the rest of the file
        self._ends = ""  # why it may have ended
        self._ended = False

    def read(self, path: str, text: str, doubt: str = "") -> None:
        """Read the file *path*, which has that text, unless a shell has ended before."""
        if self._ended:
            return
        self._files.append(path)
        before, self._stops = self._stops, ""
        try:
            self._read(self._cleaned(text), 1, doubt)
        except (_Returned, Exited):
            pass
        except (Fault, RecursionError) as fault:
            line = fault.line if isinstance(fault, Fault) else 1
            self.end(line, f"a shell stops here: {fault}", *_assigned_in(text))
        finally:
            self._files.pop()
            self._stops = before

    def _read(self, text: str, line: int, doubt: str) -> None:
        for statement in statements(text, line):
            self._run_statement(statement, doubt or self.doubt)

    @property
    def doubt(self) -> str:
        """Why the statements that follow may not be run; "" if they are."""
        return self._ends or self._stops

    def _cleaned(self, text: str) -> str:
        """Drop NUL, as a shell does, and CR at the end of a line, which a shell takes as text."""
        for name, found, kept in (("NUL", "\0", ""), ("CR", "\r\n", "\n")):
            if found in text:
                line = text.count("\n", 0, text.index(found)) + 1
                self.warn(line, f"the character {name} is dropped")
                text = text.replace(found, kept)
        return text

    def source(self, line: int, path: str, doubt: str) -> None:
        """Read another file. Raises Fault."""
        if not path.startswith("/"):
            self.cannot_tell_any(line, "a file that only a shell can find is not read")
            return
        if len(self._files) > _DEEPEST:
            raise Fault(f"{path} is read again and again", line)
        try:
            text = self._read_file(path)
        except InitError as exc:
            raise Fault(str(exc), line) from exc
        if text is not None:
            self.read(path, text, doubt)
            if self._ended:
                raise Exited
        elif doubt:
            self.may_end(line, doubt)
        else:
            raise Fault(f"{path} does not exist", line)

    def evaluate(self, text: str, line: int, doubt: str) -> None:
        """Run a text in that line as a shell runs a file. Raises Fault."""
        if len(self._files) > _DEEPEST:
            raise Fault("eval is run again and again", line)
        self._files.append(self._files[-1])
        try:
            self._read(text, line, doubt)
        finally:
            self._files.pop()

    def stop(self, line: int, doubt: str) -> None:
        """Do not read the rest of the file."""
        if not doubt:
            raise _Returned
        self._stops = f"it depends on whether a shell stops in line {line}"

    def exit(self, line: int, doubt: str) -> None:
        """Read nothing more, and forget what was read."""
        if doubt:
            self.may_end(line, doubt)
        else:
            self.end(line, "a shell ends here")
            raise Exited

    def may_end(self, line: int, why: str) -> None:
        """Note that a shell may end. What it has in its variables would reach nobody."""
        if not self._ends:
            self._ends = f"it depends on whether a shell ends in line {line}: {why}"
            for key, variable in self.variables.values.items():
                if not variable.unknown:
                    self.cannot_tell(key, line, self._ends)

    def end(self, line: int, why: str, *unread: str) -> None:
        """End. What a shell that ends has in its variables reaches nobody."""
        self._ended = True
        self.warn(line, why)
        for key in {*self.variables.values, *unread}:
            self.cannot_tell(key, line, why)

    def cannot_tell(self, key: str, line: int, why: str) -> None:
        """Note that a variable may have been assigned something."""
        self.variables.cannot_tell(key, self.where(line), why)

    def cannot_tell_any(self, line: int, why: str) -> None:
        """Note that every variable may have been assigned something."""
        self.variables.cannot_tell_any(self.where(line), why)

    def warn(self, line: int, what: str) -> None:
        """Note what the administrator should know."""
        first = what.partition("\n")[0][:_WIDEST]
        self.warnings.append(f"{self.where(line)}: {first}{' ...' if first != what else ''}")

    def ignore(self, line: int, text: str) -> None:
        """Note that nothing is done for a statement."""
        self.warn(line, f"this is not an assignment and is ignored: {text}")

    def where(self, line: int) -> str:
        """Return the name of a line of the file that is read."""
        return f"{self._files[-1]} line {line}"


def _assigned_in(text: str) -> set[str]:
    """Return every name in *text* that ``=`` follows."""
    return {names[-1] for part in text.split("=")[:-1] if (names := names_in(part[-100:]))}
