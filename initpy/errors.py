"""Everything that is raised on purpose, each with its exit code (LSB 20.2).

    InitError            1    an action failed
      UsageError         2    an argument is wrong
      Unimplemented      3    this daemon cannot do that
      NotPermitted       4    EPERM, EACCES
      NotInstalled       5    the daemon is not there
      ConfigTestFailed   6    the daemon refuses its configuration
      SettingsError      6    so do we: /etc/default, /etc/sysconfig
      NotRunning         7    nothing to reload, upgrade or reopen
      PidfileError       1    the pidfile cannot be put right
      WaitTimeout        1    a deadline passed
      Interrupted        1    we were told to end while waiting
      Reverted         150    it failed, and the old one serves as before
      RollbackFailed   151    neither forward nor back
      Busy             152    another action holds the lock

A message is one line for the operator: what, which file or pid, what to do.
The edge (``cli``) puts the service's name in front and turns it into the code.
"""

from __future__ import annotations


# Plain ``int`` constants: an ``IntEnum`` would cost more to import than all the work
# of ``status``.
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


class InitError(Exception):
    """An action failed. *output* is what the daemon itself said, if anything."""

    exit_code = ExitCode.GENERIC

    def __init__(self, message: str, output: str = "") -> None:
        """Take one line for the operator, and the daemon's own words."""
        super().__init__(message)
        self.output = output


class UsageError(InitError):
    """An argument is wrong."""

    exit_code = ExitCode.USAGE


class Unimplemented(InitError):
    """The service declares no such signal, or cannot be asked for it as it runs."""

    exit_code = ExitCode.UNIMPLEMENTED


class NotPermitted(InitError):
    """The kernel said EPERM or EACCES. Never taken for "already stopped"."""

    exit_code = ExitCode.NOT_PERMITTED


class NotInstalled(InitError):
    """The daemon's executable is not there."""

    exit_code = ExitCode.NOT_INSTALLED


class ConfigTestFailed(InitError):
    """The daemon refused its configuration; nothing was signalled."""

    exit_code = ExitCode.NOT_CONFIGURED


class SettingsError(InitError):
    """A settings file cannot be trusted or holds a bad value."""

    exit_code = ExitCode.NOT_CONFIGURED


class NotRunning(InitError):
    """The service is stopped, and the action needs it running."""

    exit_code = ExitCode.NOT_RUNNING


class PidfileError(InitError):
    """A lost pidfile cannot be repaired."""


class WaitTimeout(InitError):
    """What was awaited did not come within *seconds*."""

    def __init__(self, what: str, seconds: float) -> None:
        """Take what was awaited ("the master to exit") and how long."""
        super().__init__(f"waited {seconds:g} s for {what}")
        self.seconds = seconds


class Interrupted(InitError):
    """A signal told us to end. What was under way is finished, or undone, first."""


class Reverted(InitError):
    """An upgrade or a reload failed, and the old processes serve as before."""

    exit_code = ExitCode.REVERTED


class RollbackFailed(InitError):
    """An upgrade failed, and so did the way back."""

    exit_code = ExitCode.ROLLBACK_FAILED


class Busy(InitError):
    """Another action on the same service holds the lock."""

    exit_code = ExitCode.BUSY
