"""Files of NAME=value lines, as systemd reads those of ``EnvironmentFile=``: systemd.exec(5)."""

from __future__ import annotations

from ..errors import InitError, SettingsError
from ..service import Service
from .parts import is_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..host import Host

_ENDS = "\n\r"
_BLANKS = " \t\n\r"
_ESCAPED_IN_QUOTES = '"\\`$'


def paths_of(service: Service, host: Host) -> list[str]:
    """Return the paths that the declaration names, in order; a pattern stands for what is there."""
    return [path for path, _ in _named(service, host)]


def _named(service: Service, host: Host) -> Iterator[tuple[str, bool]]:
    """Yield each path, and whether it has to be there."""
    for written in service.environment_files:
        path = written.removeprefix("-")
        found = host.glob(path) if any(sign in path for sign in "*?[") else [path]
        yield from ((one, path == written) for one in found or [path])


def read_environment_files(
    service: Service, host: Host, read: Callable[[str, Host], str | None]
) -> tuple[dict[str, str], list[InitError], list[str]]:
    """Return the variables, why a file cannot be used, and what is ignored.

    read: returns the text of a file that is trusted, None if there is none. Raises InitError.
    """
    variables: dict[str, str] = {}
    errors: list[InitError] = []
    ignored = []
    for path, needed in _named(service, host):
        try:
            text = read(path, host)
        except InitError as exc:
            errors.append(exc)
            continue
        if text is None and needed:
            errors.append(SettingsError(f"{path}, where the environment is read, does not exist"))
        for name, value in assignments(text or ""):
            if is_name(name):
                variables[name] = value
            else:
                ignored.append(f"{path}: {name!r} is not the name of a variable: it is ignored")
    return variables, errors, ignored


def assignments(text: str) -> list[tuple[str, str]]:
    r"""Return the names and values of a text, as parse_env_file_internal() of systemd does.

    A backslash at the end of a comment continues it up to systemd 253, and not here.

    >>> assignments('# no\nA = b c \nB="x y"\' z\'\nC=a\\\nb\nD="a\\$b\\c"')
    [('A', 'b c'), ('B', 'x y z'), ('C', 'ab'), ('D', 'a$b\\c')]
    """
    found = []
    at = 0
    while at < len(text):
        if text[at] in _BLANKS:
            at += 1
        elif text[at] in "#;":
            at = _end_of_line(text, at)
        else:
            end = _end_of_line(text, at)
            sign = text.find("=", at + 1, end)
            if sign < 0:
                at = end
            else:
                value, end = _value(text, sign + 1)
                found.append((text[at:sign].rstrip(_BLANKS), value))
                at = end
    return found


def _end_of_line(text: str, at: int) -> int:
    return next((n for n in range(at, len(text)) if text[n] in _ENDS), len(text))


def _value(text: str, at: int) -> tuple[str, int]:
    """Return the value that begins at a place, and the place behind it.

    Quotes count only where no other character has begun the value.
    """
    value = ""
    while at < len(text) and text[at] not in _ENDS:
        char = text[at]
        if char == "'":
            end = text.find("'", at + 1)
            end = len(text) if end < 0 else end
            value, at = value + text[at + 1 : end], end + 1
        elif char == '"':
            quoted, at = _in_double_quotes(text, at + 1)
            value += quoted
        elif char in _BLANKS:
            at += 1
        else:
            plain, at = _unquoted(text, at)
            return value + plain, at
    return value, at


def _in_double_quotes(text: str, at: int) -> tuple[str, int]:
    value = ""
    while at < len(text) and text[at] != '"':
        if text[at] == "\\":
            at += 1
            if at == len(text):
                break
            if text[at] in _ESCAPED_IN_QUOTES:
                value += text[at]
            elif text[at] != "\n":
                value += f"\\{text[at]}"
        else:
            value += text[at]
        at += 1
    return value, at + 1


def _unquoted(text: str, at: int) -> tuple[str, int]:
    value, kept = "", 0  # kept: so many characters of it are not blanks at its end
    while at < len(text) and text[at] not in _ENDS:
        if text[at] == "\\":
            at += 1
            if at < len(text) and text[at] not in _ENDS:
                value += text[at]
            kept = len(value)
        else:
            value += text[at]
            kept = kept if text[at] in _BLANKS else len(value)
        at += 1
    return value[:kept], at
