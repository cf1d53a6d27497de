"""Read the lines of php-fpm's error log."""

from __future__ import annotations

from ...contracts import Report

_BY_PHP = "NOTICE: PHP message: "  # of the interpreter, which reads php.ini and preloads scripts
_SIGNS = ("ALERT", "ERROR", "WARNING", _BY_PHP)
_FAILURE = r"(?:ALERT|ERROR): "  # what is wrong with a pool is an ALERT
_WARNING = rf"(?:{_BY_PHP}PHP Warning:\s*|\] WARNING: )"
_FATAL = rf"{_BY_PHP}(?=PHP (?:Fatal|Parse) error:)"


def read(text: str, _pid: int = 0) -> Report:
    r"""Return the failure that *text* describes. php-fpm logs no pid, so all lines count.

    >>> read("[18-Nov-2016 21:39:26] ERROR: FPM initialization failed").reason
    'FPM initialization failed'
    """
    lines = text.splitlines()
    last = lines[-1] if lines else ""
    if not any(sign in text for sign in _SIGNS):
        return Report(reason=last)
    import re  # costs more than most tests say

    failures = tuple(line for line in lines if re.search(_FAILURE, line))
    # A trace follows, whose last line says nothing.
    fatal = next((re.split(_FATAL, one)[1] for one in lines if re.search(_FATAL, one)), last)
    return Report(
        reason=re.split(_FAILURE, failures[0], maxsplit=1)[1] if failures else fatal,
        lines=failures,
        warnings=tuple(re.split(_WARNING, one)[-1] for one in lines if re.search(_WARNING, one)),
        # unable to bind listening socket for address '...'; ... already listen on PATH
        unbound=tuple(re.findall(r"(?:for address|already listen on) '?([^\s',]+)", text)),
    )
