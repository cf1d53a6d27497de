"""Reading what begins with a dollar sign or a backquote: POSIX.1-2017, XCU 2.6."""

from __future__ import annotations

import re

from .parts import Calculation, Fault, Reference, Unread, names_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .parts import Part
    from .words import Tokens

_COMMAND = "its value comes from a command, and none is run"
_OF_A_SHELL = "it contains a ${} that only a shell reads"
_SPECIAL = "@*#?-$!0123456789"
# A sum or a product of numbers and variables.
_TERM = r"\s*(?:\$?[A-Za-z_]\w*|0|[1-9]\d{0,8})\s*"
_SIMPLE = re.compile(rf"{_TERM}(?:[-+*]{_TERM})*", re.ASCII)
# What may follow the name in ${NAME...}, and cannot fail: a pattern.
_PATTERNS = ("%", "#")


def read_dollar(tokens: Tokens, *, quoted: bool) -> Part:
    """Return what follows a dollar sign."""
    line, sign = tokens.line, tokens.peek()
    if sign == "{":
        tokens.take()
        return _braces(tokens, line, quoted=quoted)
    if sign == "(":
        tokens.take()
        if tokens.peek() == "(":
            return _calculation(tokens, line)
        _skip_command(tokens, line)
        return Unread(why=_COMMAND)
    name = tokens.name()
    if name:
        return Reference(name=name)
    if sign and sign in _SPECIAL:
        tokens.take()
        return Unread(why=f"it contains ${sign}, which only a shell has", ends=None)
    return "$"


def read_backquoted(tokens: Tokens) -> Unread:
    """Pass over the rest of a command in backquotes."""
    odd = True
    while odd:
        text = tokens.take_until("`", "a command")
        odd = (len(text) - len(text.rstrip("\\"))) % 2 == 1
    return Unread(why=_COMMAND)


def _braces(tokens: Tokens, line: int, *, quoted: bool) -> Part:
    counted = tokens.peek() == "#"
    if counted:
        tokens.take()
    name = tokens.name()
    special = not name and (tokens.peek() or " ") in _SPECIAL
    if special:
        tokens.take()
    sign = tokens.peek()
    if name and sign == "}" and not counted:
        tokens.take()
        return Reference(name=name)
    or_empty = sign == ":"
    if or_empty:
        tokens.take()
        sign = tokens.peek()
    known = name and sign and sign in "-=+?" and not counted
    if known:
        tokens.take()
    parts = _inside(tokens, line, quoted=quoted)
    if known:
        return Reference(name=name, sign=sign, or_empty=or_empty, other=parts)
    whole = sign == "}" and not or_empty
    proper = (name or special) and (whole or (sign in _PATTERNS and not or_empty and not counted))
    return Unread(why=_OF_A_SHELL, inside=parts, ends=None if proper else True)


def _inside(tokens: Tokens, line: int, *, quoted: bool) -> tuple[Part, ...]:
    """Return the parts up to the brace that closes."""
    parts: list[Part] = []
    while (sign := tokens.peek()) != "}":
        if not sign:
            raise Fault("${ without an end", line)
        if sign == "~" and not quoted:
            tokens.take()
            parts.append(Unread(why=_OF_A_SHELL))
        else:
            parts += tokens.part(sign, quoted=quoted, braces=True)
    tokens.take()
    return (*parts,)


def _calculation(tokens: Tokens, line: int) -> Calculation:
    """Read the rest of ``$((...))``, from the second parenthesis on."""
    depth, signs = 1, ""
    taken: list[str] = []
    while depth:
        signs, sign = signs[-1:], tokens.take()
        if not sign or sign in "'\"`\\":
            raise Fault("a $(( )) cannot be read to its end", line)
        depth += (sign == "(") - (sign == ")")
        signs += sign
        taken.append(sign)
    if signs != "))":
        raise Fault("a $(( )) without an end", line)
    text = "".join(taken[1:-2])
    names = (*names_in(text),)
    return Calculation(
        why=_COMMAND,
        names=names,
        sets=names if "=" in text else (),
        simple=bool(_SIMPLE.fullmatch(text)),
    )


def _skip_command(tokens: Tokens, line: int) -> None:
    """Pass over the rest of ``$(...)``."""
    depth = 1
    while depth:
        token = tokens.next()
        if token.text == "case":  # its patterns end with a parenthesis
            raise Fault("a case in $( ) cannot be read", token.line)
        if not token.text:
            raise Fault("a $( ) cannot be read to its end", line)
        if not token.word:
            depth += (token.text == "(") - (token.text == ")")
