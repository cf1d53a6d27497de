"""The variables of a shell: their values, or why these cannot be told from a file alone."""

from __future__ import annotations

from ..value import Value
from .parts import Reference, Unread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .parts import Part

# What a shell has of its own.
_OWN = frozenset({"IFS", "OPTIND", "PPID", "PS1", "PS2", "PS4", "PWD", "OLDPWD", "LINENO"})


class Variable(Value):
    """The value of a variable, and the place of its last assignment."""

    value: str
    where: str  # file and line
    unknown: str = ""  # why the value cannot be told


class Unknown(Exception):
    """The value of a word cannot be told."""


class Variables:
    """The variables of a shell that was given none but PATH."""

    def __init__(self) -> None:
        """Begin without any."""
        self.values: dict[str, Variable] = {}
        self.exported: set[str] = set()
        self.used: set[str] = set()  # in the values of others
        self.export_all = False

    def assign(self, key: str, parts: Iterable[Part], where: str) -> None:
        """Assign what *parts* stand for."""
        try:
            self._set(key, self.expand(parts, where), where)
        except Unknown as unknown:
            self.cannot_tell(key, where, str(unknown))

    def _set(self, key: str, value: str, where: str) -> None:
        self.values[key] = Variable(value=value, where=where)
        if self.export_all:
            self.exported.add(key)

    def cannot_tell(self, key: str, where: str, why: str) -> None:
        """Note that a variable may have been assigned something."""
        self.values[key] = Variable(value="", where=where, unknown=why)
        if self.export_all:
            self.exported.add(key)

    def unset(self, key: str) -> None:
        """Have no such variable."""
        self.values.pop(key, None)
        self.exported.discard(key)

    def expand(self, parts: Iterable[Part], where: str) -> str:
        """Return what the parts of a word stand for; they may set variables. Raises Unknown."""
        text, unknown = "", ""
        for part in parts:
            try:
                text += part if isinstance(part, str) else self._refer(part, where)
            except Unknown as exc:
                unknown = unknown or str(exc)
        if unknown:
            raise Unknown(unknown)
        return text

    def doubt(self, parts: Iterable[Part], where: str, why: str) -> None:
        """Note which variables *parts* may set."""
        for part in parts:
            if isinstance(part, Reference):
                self.doubt(part.other, where, why)
                if part.sign == "=":
                    self.cannot_tell(part.name, where, why)
            elif isinstance(part, Unread):
                self.doubt(part.inside, where, why)

    def _refer(self, to: Reference | Unread, where: str) -> str:
        if isinstance(to, Unread):
            self.doubt(to.inside, where, to.why)
            raise Unknown(to.why)
        if to.name in _OWN:
            raise Unknown(f"it contains ${to.name}, which only a shell has")
        self.used.add(to.name)
        variable = self.values.get(to.name)
        if variable and variable.unknown:
            self.doubt([to], where, variable.unknown)
            raise Unknown(f"it contains ${to.name}: {variable.unknown}")
        value = variable.value if variable else _given(to.name)
        there = bool(value) if to.or_empty else value is not None
        if to.sign == "+":
            return self.expand(to.other, where) if there else ""
        if there or not to.sign:
            return value or ""
        other = self.expand(to.other, where)
        if to.sign == "=":
            self._set(to.name, other, where)
        return other


def _given(name: str) -> str | None:
    """Return what a shell has from its environment: only PATH, as a daemon has it."""
    from ..host.programs.spawn import CLEAN_ENVIRONMENT

    return CLEAN_ENVIRONMENT[name] if name == "PATH" else None
