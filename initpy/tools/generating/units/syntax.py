"""The syntax of unit files: lines, words, time spans. See systemd.syntax(7), systemd.time(7)."""

from __future__ import annotations

import re

_SPACES = " \t\n\r"
_ESCAPES = dict(zip("abfnrtv\\\"'s", "\a\b\f\n\r\t\v\\\"' "))
_NUMBERED = re.compile(r"x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})")
_BASES = (16, 8, 16, 16)
_LAST = 0x10FFFF  # of Unicode
_SECONDS = {
    **dict.fromkeys(("us", "usec", "µs", "μs"), 1e-6),
    **dict.fromkeys(("ms", "msec"), 1e-3),
    **dict.fromkeys(("", "s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
    **dict.fromkeys(("w", "week", "weeks"), 604800.0),
}
_SPAN = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?)\s*([a-zµμ]*)")


def assignments(text: str) -> list[tuple[str, str, str]]:
    r"""Return every assignment of a unit file, as section, key and value.

    >>> assignments("[Service]\n# no\nExecStart=/a \\\n; no\n  b\n")
    [('Service', 'ExecStart', '/a    b')]
    """
    found = []
    section, line = "", ""
    # The empty last line ends one that a backslash would continue.
    for physical in (*text.lstrip("\ufeff").split("\n"), ""):
        if physical.lstrip(_SPACES)[:1] in ("#", ";"):
            continue
        line += physical.rstrip("\r")
        if (len(line) - len(line.rstrip("\\"))) % 2:
            line = line[:-1] + " "
            continue
        stripped, line = line.strip(_SPACES), ""
        if stripped.startswith("[") and stripped.endswith("]"):
            section = stripped[1:-1]
            continue
        key, is_assignment, value = stripped.partition("=")
        if is_assignment:
            found.append((section, key.rstrip(_SPACES), value.lstrip(_SPACES)))
    return found


def split_words(text: str, *, between: str = ";") -> list[str]:
    r"""Split a value at white space; quotes and the escapes of C count.

    An escape that is not known stays as it is. A ";" that stands alone and without quotes
    becomes *between*. Raises ValueError if a quote has no end.

    >>> split_words(r"a 'b c' --d='e f' \x41 \;")
    ['a', 'b c', '--d=e f', 'A', '\\;']
    """
    words: list[str] = []
    word: list[str] | None = None
    quote = ""
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == "\\":
            known, at = _unescaped(text, at)
            word = [*(word or ()), known]
        elif quote:
            if char == quote:
                quote = ""
            else:
                word = [*(word or ()), char]
        elif char in "'\"":
            quote, word = char, word or []
        elif char in _SPACES:
            if word is not None:
                words.append("".join(word))
            word = None
        elif char == ";" and word is None and text[at : at + 1] in _SPACES:
            words.append(between)
        else:
            word = [*(word or ()), char]
    if quote:
        raise ValueError(f"a quote has no end in {text!r}")
    return words if word is None else [*words, "".join(word)]


def _unescaped(text: str, at: int) -> tuple[str, int]:
    """Return what follows a backslash, and where the text goes on."""
    char = text[at : at + 1]
    if char in _ESCAPES and char:
        return _ESCAPES[char], at + 1
    if numbered := _NUMBERED.match(text, at):
        digits = next(group for group in numbered.groups() if group)
        number = int(digits, _BASES[numbered.groups().index(digits)])
        if 0 < number <= _LAST:
            return chr(number), numbered.end()
    return f"\\{char}", at + 1


def is_true(value: str) -> bool:
    """Read a boolean value; whatever is not one is false."""
    return value.lower() in ("1", "yes", "y", "true", "t", "on")


def is_false(value: str) -> bool:
    """Read a boolean value that is true unless it says otherwise."""
    return value.lower() in ("0", "no", "n", "false", "f", "off")


def seconds(text: str) -> float:
    """Read a time span. Raises ValueError.

    >>> seconds("1min 30s"), seconds("2"), seconds("infinity")
    (90.0, 2.0, inf)
    """
    if text == "infinity":
        return float("inf")
    total, at = 0.0, 0
    while at < len(text):
        part = _SPAN.match(text, at)
        if part is None or part[2] not in _SECONDS:
            raise ValueError(f"{text!r} is not a time span")
        total += float(part[1]) * _SECONDS[part[2]]
        at = part.end()
    if not text:
        raise ValueError("a time span is empty")
    return total
