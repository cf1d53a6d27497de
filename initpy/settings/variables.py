"""The variables of a shell: their values, or why these cannot be told from a file alone."""

from __future__ import annotations

from ..value import Value
from .parts import Calculation, Reference, Unread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .parts import Part

# What a shell has of its own.
_OWN = frozenset({"IFS", "OPTIND", "PPID", "PS1", "PS2", "PS4", "PWD", "OLDPWD", "LINENO"})
_LONGEST = 1 << 20  # characters of a value


class Variable(Value):
    """The value of a variable, and the place of its last assignment."""

    value: str
    where: str  # file and line
    unknown: str = ""  # why the value cannot be told


class Doubt(Value):
    """Something that a shell may have done, the place of it, and why that cannot be told."""

    where: str
    why: str


class Unknown(Exception):
    """The value of a word cannot be told."""


class Ended(Exception):
    """Here a shell ends, and tells an error."""


class Variables:
    """The variables of a shell that was given none but PATH."""

    def __init__(self) -> None:
        """Begin without any."""
        self.values: dict[str, Variable] = {}
        self.any_other: Doubt | None = None  # what may have set any that is not in values
        self.exported: dict[str, Doubt | None] = {}  # None: it is exported for sure
        self.readonly: dict[str, Doubt | None] = {}
        self.used: set[str] = set()  # in the values of others
        # The options of set(1) that matter here; None if it is not known whether one is set.
        self.options: dict[str, bool | None] = dict.fromkeys(("allexport", "errexit", "nounset"))
        self.options.update(dict.fromkeys(self.options, False))
        self.may_end = ""  # why a shell may have ended meanwhile

    def assign(self, key: str, parts: Iterable[Part], where: str) -> None:
        """Assign what *parts* stand for. Raises Ended."""
        try:
            value, unknown = self.expand(parts, where), ""
        except Unknown as exc:
            value, unknown = "", str(exc)
        self.set(key, value, where, unknown)

    def set(self, key: str, value: str, where: str, unknown: str = "") -> None:
        """Set a variable for sure; *unknown* is why its value cannot be told. Raises Ended."""
        self._check_readonly(key)
        self.values[key] = Variable(value=value, where=where, unknown=unknown)
        if self.options["allexport"]:
            self.exported[key] = None
        elif self.options["allexport"] is None:
            why = "whether set -a is in force is not known"
            self.exported.setdefault(key, Doubt(where=where, why=why))

    def _check_readonly(self, key: str) -> None:
        if key in self.readonly:
            if self.readonly[key] is None:
                raise Ended(f"{key} is read only")
            self.may_end = f"{key} may be read only"

    def cannot_tell(self, key: str, where: str, why: str) -> None:
        """Note that a variable may have been assigned something."""
        if key in self.readonly:
            self.may_end = f"{key} is read only"
        self.values[key] = Variable(value="", where=where, unknown=why)
        if self.options["allexport"] is not False:
            self.exported.setdefault(key, Doubt(where=where, why=why))

    def cannot_tell_any(self, where: str, why: str) -> None:
        """Note that every variable may have been assigned something."""
        self.values.clear()
        self.any_other = self.any_other or Doubt(where=where, why=why)

    def export(self, key: str, where: str, doubt: str) -> None:
        """Export a variable, or note that it may have been exported."""
        if not doubt:
            self.exported[key] = None
        else:
            self.exported.setdefault(key, Doubt(where=where, why=doubt))
        if key in _OWN and key not in self.values:
            self.cannot_tell(key, where, "it has a value that only a shell knows")

    def protect(self, key: str, where: str, doubt: str) -> None:
        """Make a variable read-only, or note that it may be."""
        if not doubt:
            self.readonly[key] = None
        else:
            self.readonly.setdefault(key, Doubt(where=where, why=doubt))

    def unset(self, key: str, where: str, doubt: str) -> None:
        """Have no such variable, or note that there may be none. Raises Ended."""
        if doubt or self.any_other:
            self.cannot_tell(key, where, doubt or "it may be unset")
            if key in self.exported:
                self.exported[key] = Doubt(where=where, why=doubt)
        else:
            self._check_readonly(key)
            self.values.pop(key, None)
            self.exported.pop(key, None)

    def set_option(self, name: str, on: bool, doubt: str) -> None:
        """Set an option of set(1), or note that it may be set."""
        if name in self.options:
            self.options[name] = on if not doubt or self.options[name] is on else None

    def expand(self, parts: Iterable[Part], where: str) -> str:
        """Return what the parts of a word stand for; they may set variables.

        Raises Unknown, and Ended.
        """
        texts, size, unknown = [], 0, ""
        for part in parts:
            try:
                texts.append(part if isinstance(part, str) else self._refer(part, where))
            except Unknown as exc:
                unknown = unknown or str(exc)
            else:
                size += len(texts[-1])
                if size > _LONGEST:
                    unknown = unknown or f"it is longer than {_LONGEST} characters"
                    texts.clear()
        if unknown:
            raise Unknown(unknown)
        return "".join(texts)

    def doubt(self, parts: Iterable[Part], where: str, why: str) -> None:
        """Note which variables *parts* may set, and whether a shell may end at them."""
        for part in parts:
            if isinstance(part, Reference):
                self.doubt(part.other, where, why)
                if part.sign == "=":
                    self.cannot_tell(part.name, where, why)
                if part.sign == "?" or (not part.sign and self.options["nounset"] is not False):
                    self.may_end = f"${part.name} may be unset"
            elif isinstance(part, Unread):
                self.doubt(part.inside, where, why)
                if part.ends or (part.ends is None and self.options["nounset"] is not False):
                    self.may_end = part.why
            elif isinstance(part, Calculation):
                for key in part.sets:
                    self.cannot_tell(key, where, why)
                if not all(self._is_number(name) for name in part.names) or not part.simple:
                    self.may_end = "a calculation may fail"

    def _is_number(self, name: str) -> bool:
        variable = self.values.get(name)
        return bool(variable and not variable.unknown and variable.value.isdigit())

    def _refer(self, to: Reference | Unread | Calculation, where: str) -> str:
        if not isinstance(to, Reference):
            self.doubt([to], where, to.why)
            raise Unknown(to.why)
        if to.name in _OWN:
            self.doubt([to], where, to.name)
            raise Unknown(f"it contains ${to.name}, which only a shell has")
        self.used.add(to.name)
        variable = self.values.get(to.name)
        why = variable.unknown if variable else self.any_other.why if self.any_other else ""
        if why:
            self.doubt([to], where, why)
            raise Unknown(f"it contains ${to.name}: {why}")
        value = variable.value if variable else _given(to.name)
        there = bool(value) if to.or_empty else value is not None
        if to.sign == "+":
            return self.expand(to.other, where) if there else ""
        if there:
            return value or ""
        if to.sign == "?" or (not to.sign and self.options["nounset"]):
            raise Ended(f"{to.name} is not set")
        return self._refer_to_none(to, where)

    def _refer_to_none(self, to: Reference, where: str) -> str:
        """Return what stands for a variable that is not set, or empty."""
        if not to.sign:
            self.doubt([to], where, "")
        try:
            other = self.expand(to.other, where)
        except Unknown as unknown:
            if to.sign == "=":
                self.set(to.name, "", where, str(unknown))
            raise
        if to.sign == "=":
            self.set(to.name, other, where)
        return other


def _given(name: str) -> str | None:
    """Return what a shell has from its environment: only PATH, as a daemon has it."""
    from ..host.programs.spawn import CLEAN_ENVIRONMENT

    return CLEAN_ENVIRONMENT[name] if name == "PATH" else None
