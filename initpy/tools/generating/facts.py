"""The facts of a declaration as Python text."""

from __future__ import annotations

from ...schedule import Step, schedule_text
from ...service import Service

_IN_HEADER = ("lsb", "chkconfig")
_MODES = ("directories", "umask")  # numbers that are read in octal digits


def facts_of(service: Service) -> dict[str, str]:
    """Return every fact of a service that is not the default, as Python text."""
    plain = Service(name="", daemon="/", pidfile="/")
    return {
        field: written(getattr(service, field), octal=field in _MODES)
        for field in Service.__annotations__
        if field not in _IN_HEADER and getattr(service, field) != getattr(plain, field)
    }


def quoted(value: str | tuple[str, ...]) -> str:
    """Return *value* as a Python string in double quotes, or as a tuple of such strings.

    >>> quoted("/run/nginx.pid")
    '"/run/nginx.pid"'
    >>> quoted(("-p", "/srv"))
    '("-p", "/srv",)'
    """
    if isinstance(value, tuple):
        return f"({' '.join(f'{quoted(one)},' for one in value)})"
    return '"' + repr('"' + value)[2:-1].replace('"', '\\"') + '"'


def written(value: object, *, octal: bool = False) -> str:
    """Return a fact as Python text.

    >>> written({"RLIMIT_NOFILE": (None, 1024)})
    '{"RLIMIT_NOFILE": (None, 1024,),}'
    >>> from initpy.schedule import parse_schedule
    >>> written(parse_schedule("QUIT/30/KILL/0.5"))
    'parse_schedule("QUIT/30/KILL/0.5")'
    >>> written({"/run/x": 0o750}, octal=True)
    '{"/run/x": 0o750,}'
    """
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, tuple):
        if value and all(isinstance(one, Step) for one in value):
            return f'parse_schedule("{schedule_text(value)}")'
        return f"({' '.join(f'{written(one)},' for one in value)})"
    if hasattr(value, "items"):
        pairs = [f"{written(key)}: {written(of, octal=octal)}," for key, of in value.items()]
        return f"{{{' '.join(pairs)}}}"
    if value == float("inf"):
        return 'float("inf")'
    return f"0o{value:o}" if octal else repr(value)
