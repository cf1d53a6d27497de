"""A unit: the values of its keys, after its drop-ins, and the specifiers in them."""

from __future__ import annotations

import re

from ....errors import InitError
from .syntax import assignments, split_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ....host import Host

_MOST = 1 << 12  # bytes of a file that holds one fact of the host

# Specifiers that are the same on every host, for a unit of the system: systemd.unit(5).
_FIXED = {
    "t": "/run",
    "S": "/var/lib",
    "C": "/var/cache",
    "L": "/var/log",
    "E": "/etc",
    "T": "/tmp",  # noqa: S108 - what a specifier stands for
    "V": "/var/tmp",  # noqa: S108
    "h": "/root",
    "u": "root",
    "U": "0",
    "g": "root",
    "G": "0",
    "s": "/bin/sh",
}
# Specifiers that tell something of the host, and the file that has it.
_OF_HOST = {
    "H": "/proc/sys/kernel/hostname",
    "l": "/proc/sys/kernel/hostname",
    "v": "/proc/sys/kernel/osrelease",
    "m": "/etc/machine-id",
}
# An empty value takes nothing back here: systemd.unit(5).
_DEPENDENCIES = ("After", "Before", "Requires", "Requisite", "BindsTo", "Wants")
_CONDITIONS = ("Condition", "Assert")
_UNDECODED = re.compile("[\udc80-\udcff]")  # a byte that is not UTF-8: os.fsdecode
_BOTH = ("TimeoutStartSec", "TimeoutStopSec")  # what TimeoutSec= stands for; the last one counts


class Untranslatable(InitError):
    """A unit that no init script can stand for, or that cannot be understood."""


class Unit:
    """A unit of the type service, and which of its keys have been asked for.

    notes: sentences: what of it is left out, or differs, and why.
    """

    def __init__(self, name: str, texts: Iterable[str], host: Host, kind: str = "service") -> None:
        """Take the texts of its file and of its drop-ins, in their order.

        name: without the suffix; that of an instance has an "@" in it.
        """
        self.name, self.host, self.kind = name, host, kind
        self.notes: list[str] = []
        self._values: dict[tuple[str, str], list[str]] = {}
        self._asked: set[tuple[str, str]] = set()
        for text in texts:
            for section, key, value in assignments(text):
                if _UNDECODED.search(f"{key}={value}"):
                    raise self.refusal(f"{key}= is not UTF-8: systemd does not load such a unit")
                self._take_back(section, key, value)
                for one in _BOTH if key == "TimeoutSec" else (key,):
                    self._values.setdefault((section, one), []).append(value)

    def _take_back(self, section: str, key: str, value: str) -> None:
        """Take back every condition, or every assertion, before an empty one: systemd.unit(5)."""
        kind = next((kind for kind in _CONDITIONS if key.startswith(kind)), "")
        if section == "Unit" and kind and not value:
            for one in [one for one in self._values if one[1].startswith(kind)]:
                del self._values[one]

    def listed(self, key: str, section: str = "Service") -> list[str]:
        """Return every value of a key. An empty one takes those before it back."""
        self._asked.add((section, key))
        values = self._values.get((section, key), [])
        if section == "Unit" and key in _DEPENDENCIES:
            return [value for value in values if value]
        after = len(values) - values[::-1].index("") if "" in values else 0
        return values[after:]

    def last(self, key: str, section: str = "Service") -> str:
        """Return the value of a key that has one, with its specifiers expanded; or ""."""
        values = self.listed(key, section)
        return self.expand(values[-1]) if values else ""

    def words(self, key: str, section: str = "Service") -> list[str]:
        """Return every word of a list, with its specifiers expanded."""
        found = [word for value in self.listed(key, section) for word in self.split(key, value)]
        return [self.expand(word) for word in found]

    def split(self, key: str, value: str, *, between: str = ";") -> list[str]:
        """Split a value into words, with their specifiers. Raises Untranslatable."""
        try:
            return split_words(value, between=between)
        except ValueError as exc:
            raise self.refusal(f"{key}=: {exc}") from None

    def not_asked(self) -> list[tuple[str, str]]:
        """Return section and key of every assignment that has not been asked for."""
        return [one for one in self._values if one not in self._asked]

    def has(self, section: str) -> bool:
        """Tell whether it assigns anything in a section."""
        return any(name == section for name, _ in self._values)

    def refusal(self, why: str) -> Untranslatable:
        """Return an error that tells why this unit is not translated."""
        return Untranslatable(f"{self.name}.service cannot be translated: {why}")

    def expand(self, text: str) -> str:
        """Expand the specifiers in a word: "%i". Raises Untranslatable.

        >>> Unit("mail@a-b", [], None).expand("%p %i /%I %n 5%%")
        'mail a-b /a/b mail@a-b.service 5%'
        """
        parts = text.split("%")
        found, at = [parts[0]], 1
        while at < len(parts):
            if not parts[at]:  # two percent signs, or one at the end
                following = parts[at + 1 : at + 2]
                found += ["%", *following]
                at += 2
                continue
            # specifier_printf() takes a letter or a digit for one, and nothing else.
            letter = parts[at][0]
            known = letter.isascii() and letter.isalnum()
            found += [self._specified(letter) if known else f"%{letter}", parts[at][1:]]
            at += 1
        return "".join(found)

    def _specified(self, letter: str) -> str:
        prefix, _, instance = self.name.partition("@")
        component = prefix.rpartition("-")[2]
        of_name = {
            "n": f"{self.name}.{self.kind}",
            "N": self.name,
            "p": prefix,
            "i": instance,
            "j": component,
            "P": _unescaped(prefix),
            "I": _unescaped(instance),
            "J": _unescaped(component),
            "f": "/" + _unescaped(instance or prefix).lstrip("/"),
        }
        if letter in of_name:
            return of_name[letter]
        if letter in _FIXED:
            return _FIXED[letter]
        facts = self.host.examine(_OF_HOST[letter], _MOST) if letter in _OF_HOST else None
        if facts is None:
            raise self.refusal(f"only systemd can tell what %{letter} stands for")
        value = facts.text.strip()
        value = value.partition(".")[0] if letter == "l" else value
        self.notes.append(f"%{letter} stands for {value}, as this host has it now")
        return value


def _unescaped(name: str) -> str:
    """Undo systemd-escape(1): "-" stands for "/"."""
    head, *others = name.replace("-", "/").split("\\x")
    parts = [head]
    for part in others:
        try:
            parts.append(chr(int(part[:2], 16)) + part[2:])
        except ValueError:
            parts.append(f"\\x{part}")
    return "".join(parts)
