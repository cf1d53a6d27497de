"""Read the lines of php-fpm's error log."""

from __future__ import annotations

from ...contracts import Report

_BY_PHP = "NOTICE: PHP message: "  # of the interpreter, which reads php.ini and preloads scripts
_SIGNS = ("ALERT", "ERROR", "WARNING", _BY_PHP)
_FAILURE = r"(?:ALERT|ERROR): "  # what is wrong with a pool is an ALERT
_WARNING = rf"(?:{_BY_PHP}PHP Warning:\s*|\] WARNING: )"
# unable to bind listening socket for address '...'; ... already listen on PATH
_UNBOUND = r"(?:for address|already listen on) '?([^\s',]+)"
_FATAL = rf"{_BY_PHP}(?=PHP (?:Fatal|Parse) error:)"


def read(text: str, _pid: int = 0) -> Report:
    r"""Return the failure that *text* describes. php-fpm logs no pid, so all lines count.

    >>> read("[18-Nov-2016 21:39:26] ERROR: FPM initialization failed").reason
    'FPM initialization failed'
    """
    lines = text.removesuffix("\n").split("\n")
    if not any(sign in text for sign in _SIGNS):
        return Report(reason=lines[-1])
    import re  # costs more than most tests say

    failures = tuple(line for line in lines if re.search(_FAILURE, line))
    # A trace follows, whose last line says nothing.
    fatal = next((re.split(_FATAL, one)[1] for one in lines if re.search(_FATAL, one)), lines[-1])
    return Report(
        reason=re.split(_FAILURE, failures[0], maxsplit=1)[1] if failures else fatal,
        lines=failures,
        warnings=tuple(re.split(_WARNING, one)[-1] for one in lines if re.search(_WARNING, one)),
        unbound=tuple(re.findall(_UNBOUND, "\n".join(failures))),
    )
