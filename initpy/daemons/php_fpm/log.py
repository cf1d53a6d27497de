"""Read the lines of php-fpm's error log."""

from __future__ import annotations

from ...contracts import Report

_FAILURE = r"(?:ALERT|ERROR): "  # what is wrong with a pool is an ALERT


def read(text: str, _pid: int = 0) -> Report:
    r"""Return the failure that *text* describes. php-fpm logs no pid, so all lines count.

    >>> read("[18-Nov-2016 21:39:26] ERROR: FPM initialization failed").reason
    'FPM initialization failed'
    """
    import re

    lines = text.splitlines()
    failures = tuple(line for line in lines if re.search(_FAILURE, line))
    last = lines[-1] if lines else ""
    return Report(
        reason=re.split(_FAILURE, failures[0], maxsplit=1)[1] if failures else last,
        lines=failures,
        # unable to bind listening socket for address '...'; ... already listen on PATH
        unbound=tuple(re.findall(r"(?:for address|already listen on) '?([^\s',]+)", text)),
    )
