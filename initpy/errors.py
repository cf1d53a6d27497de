"""Every exception that an action raises on purpose, with its exit code (LSB 20.2).

    InitError            1    the action failed
      UsageError         2    an argument is wrong
      Unimplemented      3    this daemon cannot do that
      NotPermitted       4    EPERM, EACCES
      NotInstalled       5    the daemon's executable does not exist
      ConfigTestFailed   6    the daemon rejects its configuration
      OtherPidfile       6    the configuration names another pidfile than the service has
      SettingsError      6    /etc/default or /etc/sysconfig holds a bad value
      NotRunning         7    nothing runs that could be reloaded, upgraded or reopened
      PidfileError       1    the pidfile cannot be restored, or its pid cannot be verified
      WaitTimeout        1    a deadline passed
      Interrupted        1    INT, TERM or HUP arrived during a wait
      Reverted         150    it failed, and the old processes serve as before
      RollbackFailed   151    it failed, and the rollback failed too
      Busy             152    another action holds the lock

A message is one line for the operator: what, which file or pid, what to do.
``cli`` prints it behind the service's name, and exits with the code.
"""

from __future__ import annotations


# Plain ``int`` constants: to import ``enum`` takes longer than all the work of ``status``.
class ExitCode:
    """The exit codes of every action except ``status`` (LSB 20.2)."""

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
    """The exit codes of ``status`` (LSB 20.2)."""

    RUNNING = 0
    DEAD_PIDFILE = 1
    DEAD_LOCKFILE = 2
    STOPPED = 3
    UNKNOWN = 4


class InitError(Exception):
    """An action failed. *output* is what the daemon itself printed, or ""."""

    exit_code = ExitCode.GENERIC

    def __init__(self, message: str, output: str = "") -> None:
        """Take one line for the operator, and what the daemon printed."""
        super().__init__(message)
        self.output = output


class UsageError(InitError):
    """An argument is wrong."""

    exit_code = ExitCode.USAGE


class Unimplemented(InitError):
    """The daemon cannot do this, or not in the way in which it was started."""

    exit_code = ExitCode.UNIMPLEMENTED


class NotPermitted(InitError):
    """The kernel returned EPERM or EACCES. This never counts as "already stopped"."""

    exit_code = ExitCode.NOT_PERMITTED


class NotInstalled(InitError):
    """The daemon's executable does not exist."""

    exit_code = ExitCode.NOT_INSTALLED


class ConfigTestFailed(InitError):
    """The daemon rejected its configuration; no signal was sent."""

    exit_code = ExitCode.NOT_CONFIGURED


class OtherPidfile(InitError):
    """The configuration names another pidfile than the service has; no signal was sent."""

    exit_code = ExitCode.NOT_CONFIGURED


class SettingsError(InitError):
    """A settings file is not trusted, or holds a bad value."""

    exit_code = ExitCode.NOT_CONFIGURED


class NotRunning(InitError):
    """The service is stopped, and the action needs a running one."""

    exit_code = ExitCode.NOT_RUNNING


class PidfileError(InitError):
    """A lost pidfile cannot be restored, or the pid in it cannot be verified."""


class WaitTimeout(InitError):
    """An event did not happen within *seconds*."""

    def __init__(self, what: str, seconds: float) -> None:
        """Take the event ("the master to exit") and the deadline."""
        super().__init__(f"waited {seconds:g} s for {what}")
        self.seconds = seconds


class Interrupted(InitError):
    """INT, TERM or HUP arrived. It is raised only from a wait that may be interrupted."""


class Reverted(InitError):
    """An upgrade or a reload failed, and the old processes serve as before."""

    exit_code = ExitCode.REVERTED


class RollbackFailed(InitError):
    """An upgrade failed, and its rollback failed too."""

    exit_code = ExitCode.ROLLBACK_FAILED


class Busy(InitError):
    """Another action on the same service holds the lock."""

    exit_code = ExitCode.BUSY
