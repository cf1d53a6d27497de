"""The checks, by theme. Importing this puts all of them on the list, in this order."""

from conformance.checks import (  # noqa: F401, I001
    header,
    pacemaker,
    actions,
    failures,
    pidfiles,
    callers,
)
