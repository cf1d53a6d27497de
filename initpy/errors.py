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
      HostError          1    a system call failed; 4 if it was EPERM or EACCES
        Refused          1    execve(2) refuses a program
      Reverted         150    it failed, and the old processes serve as before
      RollbackFailed   151    it failed, and the rollback failed too
      Busy             152    another action holds the lock

A message is one line for the operator: what, which file or pid, what to do.
``cli`` prints it behind the service's name, and exits with the code.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")


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


# What may succeed when it is tried again: a system call, also one of an import.
PASSING = (OSError, MemoryError, ImportError)


class HostError(InitError, OSError):
    """A system call failed in a way that its caller does not expect; or memory ran out.

    It is an OSError, too, with its *errno*, *strerror* and *filename*.
    """

    def __init__(self, what: str, why: Exception) -> None:
        """Take what was done, or the file, and the error."""
        reason = getattr(why, "strerror", None) or str(why) or "out of memory"
        super().__init__(f"{what}: {reason}")
        self.strerror = reason
        self.errno = getattr(why, "errno", None)
        self.filename = getattr(why, "filename", None)
        if isinstance(why, PermissionError):
            self.exit_code = ExitCode.NOT_PERMITTED

    def __str__(self) -> str:
        """Return the message. That of OSError would have other words."""
        return str(self.args[0])


class Refused(HostError):
    """A program was not executed, for a reason that lies in itself: execve(2)."""


def failure_of(exc: Exception) -> InitError:
    """Return whatever an action has raised as an InitError: one line for the operator."""
    if isinstance(exc, InitError):
        return exc
    if isinstance(exc, OSError):
        return HostError(str(exc.filename or "a system call failed"), exc)
    if isinstance(exc, MemoryError):
        return InitError("out of memory")
    problem = " ".join(f"{type(exc).__name__}: {exc}".split())
    return InitError(f"initpy cannot be used: {problem}")


UPGRADE_FAILED = "Upgrade failed! "  # how the message of an upgrade that failed begins


def upgrade_failed(kind: type[InitError], why: str, output: str = "") -> InitError:
    """Return the error of a failed upgrade: Reverted, RollbackFailed or Unimplemented."""
    return kind(f"{UPGRADE_FAILED}{why}", output)


def translated(part: type[T]) -> type[T]:
    """Have the public methods of *part* raise HostError for each OSError that they raise.

    *part* is a part of the host: every system call is made by one of its methods.
    """
    for name, method in list(vars(part).items()):
        if not name.startswith("_") and type(method) is type(failure_of):
            setattr(part, name, _translating(method))
    return part


def _translating(method: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **options: Any) -> Any:
        try:
            return method(*args, **options)
        except HostError:
            raise
        except (OSError, MemoryError) as exc:
            raise HostError(_what(method.__name__, exc, args[1:]), exc) from exc

    vars(call)["__wrapped__"] = method  # as functools.wraps: inspect finds the method by it
    return call


def _what(name: str, exc: Exception, args: tuple[Any, ...]) -> str:
    """Return what failed: the file, or the method and what it was called with."""
    if isinstance(path := getattr(exc, "filename", None), (str, bytes)):
        return f"{path if isinstance(path, str) else path.decode(errors='replace')} cannot be used"
    of = ""
    if args and isinstance(args[0], (int, str)):
        of = f" ({args[0]})"
    elif args and hasattr(args[0], "pid"):
        of = f" (pid {args[0]})"
    elif args and isinstance(args[0], (list, tuple)) and args[0]:
        of = f" ({args[0][0]})"  # a program
    return f"{name.replace('_', ' ')}{of} failed"
