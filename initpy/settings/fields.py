"""The words of a command after their expansion: POSIX.1-2017, XCU 2.6."""

from __future__ import annotations

from ..value import Value
from .parts import Reference
from .variables import Ended, Unknown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .parts import Part, Token
    from .variables import Variables

_OF_FILES = frozenset("*?]")  # a pattern has one of them
_SPLITS = frozenset(" \t\n*?[\\")


class Field(Value):
    """A word of a command after its expansion."""

    text: str  # as far as it is known
    line: int
    unknown: str = ""  # why the rest of it is not


def expanded(word: Token, variables: Variables, where: str, doubt: str, *, declares: bool) -> Field:
    """Expand a word, which may set variables. Raises Ended.

    declares: it is of export or readonly, so an assignment is read as one.
    """
    begins = f"{word.key}=" if word.key else ""
    if doubt and not all(_is_plain(part) for part in word.parts):
        variables.doubt(word.parts, where, doubt)
        return Field(text=begins, line=word.line, unknown=doubt)
    try:
        text = variables.expand(word.parts, where)
    except Unknown as unknown:
        return Field(text=begins, line=word.line, unknown=str(unknown))
    except Ended:
        if not doubt:
            raise
        variables.may_end = doubt
        return Field(text=begins, line=word.line, unknown=doubt)
    if not (declares and word.key) and _may_be_split(word, text, variables):
        return Field(text="", line=word.line, unknown=f"it is not in quotes: {word.text}")
    return Field(text=begins + text, line=word.line)


def _is_plain(part: Part) -> bool:
    """Tell whether a part sets nothing."""
    return isinstance(part, str) or (
        isinstance(part, Reference)
        and part.sign in ("", "-", "+")
        and all(map(_is_plain, part.other))
    )


def _may_be_split(word: Token, text: str, variables: Variables) -> bool:
    """Tell whether a word without all its quotes may be several, or names of files."""
    quote = word.text[:1]
    if quote in ("'", '"') and word.text.find(quote, 1) == len(word.text) - 1 > 0:
        return False
    if all(isinstance(part, str) for part in word.parts):
        return not _OF_FILES.isdisjoint(word.text[1:])
    return not text or "IFS" in variables.values or not _SPLITS.isdisjoint(text)
