"""The tokens of the shell's language.

A word is kept in parts, because what it stands for depends on the variables at the moment
in which a shell comes to it.
"""

from __future__ import annotations

from ..value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Union


class Reference(Value):
    """A variable in a word: ``$NAME``, or ``${NAME:-other}``."""

    name: str
    sign: str = ""  # "-", "=", "+" or "?"
    or_empty: bool = False  # with a colon: an empty value counts as none
    other: tuple[Part, ...] = ()


class Unread(Value):
    """A part whose value cannot be told from the text."""

    why: str
    inside: tuple[Part, ...] = ()
    ends: bool | None = False  # a shell may end at it; None: if ``set -u`` is in force


class Calculation(Value):
    """``$((...))``, whose value is not calculated."""

    why: str
    names: tuple[str, ...]  # all that it contains
    sets: tuple[str, ...]  # those that it may set
    simple: bool  # it cannot fail, if all names are those of numbers


if TYPE_CHECKING:
    Part = Union[str, Reference, Unread, Calculation]


class Token(Value):
    """A word, an operator, a newline, or the end, whose text is ""."""

    text: str  # as it stands there, without continued lines
    line: int
    word: bool = False
    parts: tuple[Part, ...] = ()  # of an assignment, those of its value
    key: str = ""  # of an assignment


class Fault(ValueError):
    """Here a shell stops, with a syntax error."""

    def __init__(self, why: str, line: int) -> None:
        """Take the reason, and the line where it begins."""
        super().__init__(why)
        self.line = line


def is_name(text: str) -> bool:
    """Tell whether *text* can be the name of a variable."""
    return text.isascii() and text.isidentifier()


def names_in(text: str) -> list[str]:
    """Return everything in *text* that could be the name of a variable."""
    plain = "".join(one if one.isalnum() or one == "_" else " " for one in text)
    return [word for word in plain.split() if is_name(word)]
