"""The exit codes of an init script, by their LSB names (LSB 20.2).

Plain ``int`` constants: an ``IntEnum`` would cost more to import than all
the work of ``status``.
"""

from __future__ import annotations


class ExitCode:
    """What every action except ``status`` exits with."""

    OK = 0
    GENERIC = 1
    USAGE = 2
    UNIMPLEMENTED = 3
    NOT_PERMITTED = 4
    NOT_INSTALLED = 5
    NOT_CONFIGURED = 6
    NOT_RUNNING = 7
    # 150 to 199 are "reserved for application use".
    REVERTED = 150
    ROLLBACK_FAILED = 151
    BUSY = 152


class StatusCode:
    """What ``status`` exits with."""

    RUNNING = 0
    DEAD_PIDFILE = 1
    DEAD_LOCKFILE = 2
    STOPPED = 3
    UNKNOWN = 4
