"""Run a program with a deadline, because a binary under test may hang."""

from __future__ import annotations

from ..errors import (
    InitError,
    NotInstalled,
    NotPermitted,
    Refused,
    SettingsError,
    WaitTimeout,
)
from ..host import Host
from ..host.wait import wait_until
from ..value import Value
from .starting.account import account_of, environment_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Protocol

    from ..contracts import Configuration
    from ..host import Account, Child, Launched, Limits, Surroundings
    from ..service import Service

    class Inheritance(Protocol):
        """What a new master inherits: listening sockets, and surroundings."""

        @property
        def descriptors(self) -> tuple[int, ...]:
            """The descriptors of the sockets."""

        @property
        def environment(self) -> Mapping[str, str]:
            """The environment variables that list them for it."""

        @property
        def configuration(self) -> Configuration:
            """The configuration that it is to have, as the daemon has told it."""

        @property
        def surroundings(self) -> Surroundings | None:
            """The surroundings of the master that it replaces, if that lives."""

        @property
        def limits(self) -> Mapping[str, Limits]:
            """The limits of ours that were changed for the sockets, as they were before."""


class Finished(Value):
    """How a program ended."""

    code: int  # negative: the signal it died of
    output: str


class CannotExecute(InitError):
    """The kernel cannot execute it: it is not a program, or its interpreter is missing."""


def start_daemon(
    service: Service,
    argv: Sequence[str],
    host: Host,
    inheritance: Inheritance | None = None,
    told: Mapping[str, str] | None = None,
) -> Launched:
    """Start a daemon by a launcher (``Host.launch``), as the settings of its service want it.

    One that is put in the background is given its user and its directory there.

    told: further variables of its environment.

    Raises NotInstalled, NotPermitted or CannotExecute.
    """
    _require_installed(argv[0], host)
    surroundings = inheritance.surroundings if inheritance else None
    if surroundings is None:
        surroundings = host.start_surroundings().replace(umask=service.umask)
    account = account_of(service, host)
    environment = {**environment_of(service, account), **(told or {})}
    limits = service.limits
    if inheritance is not None:
        environment = {**environment, **inheritance.environment}
        known = surroundings.limits
        raised = {name: both for name, both in inheritance.limits.items() if name not in known}
        limits = {**raised, **limits}
    try:
        return host.launch(
            argv,
            nice=service.nice,
            limits=limits,
            environment=environment,
            descriptors=inheritance.descriptors if inheritance else (),
            surroundings=surroundings,
            account=None if service.background else account,
            directory="/" if service.background else service.directory,
        )
    except Refused as exc:
        raise _cannot_execute(argv[0], exc, host) from exc


def _require_installed(program: str, host: Host) -> None:
    if host.file_id(program) is None:
        raise NotInstalled(f"{program} is not installed")


def _cannot_execute(program: str, why: Refused, host: Host) -> InitError:
    # execve(2) says EACCES of a file without x and of a user without the right.
    if why.exit_code == NotPermitted.exit_code and host.geteuid() != 0:
        return NotPermitted(f"not permitted to execute {program}")
    return CannotExecute(f"{program} cannot be executed: {why.strerror}")


def locate(what: str, argv: Sequence[str], host: Host) -> tuple[str, ...]:
    """Return a command with the path of its program.

    A bare name is looked for along the PATH that our children have, not the caller's.

    what: the setting or the field that names the command, for messages.

    Raises SettingsError.
    """
    from ..host.programs.spawn import CLEAN_ENVIRONMENT

    name, search = argv[0], CLEAN_ENVIRONMENT["PATH"]
    bare = "/" not in name
    places = [f"{folder}/{name}" for folder in search.split(":")] if bare else [name]
    for path in places:
        if host.is_executable(path):
            return (path, *argv[1:])
    command = " ".join(argv)
    if there := [path for path in places if host.file_id(path) is not None]:
        raise SettingsError(f"{what} {command!r}: {there[0]} cannot be executed")
    where = f"is not in {search}" if bare else "does not exist"
    raise SettingsError(f"{what} {command!r}: {name} {where}")


def run_named(
    what: str,
    argv: Sequence[str],
    host: Host,
    *,
    within: float,
    interruptible: bool = False,
    check: Callable[[], object] = bool,
) -> Finished:
    """Run a command that the setting or the field *what* names.

    check: what it raises ends the command.

    Raises SettingsError if there is no such program; InitError, which names *what*, if the
    command does not end in time; Interrupted.
    """
    program = locate(what, argv, host)
    try:
        return run(program, host, within=within, interruptible=interruptible, check=check)
    except WaitTimeout as exc:
        command = " ".join(argv)
        raise InitError(f"{what} {command!r} has not ended after {exc.seconds:g} s") from exc


def run(  # noqa: PLR0913 - each by its name
    argv: Sequence[str],
    host: Host,
    *,
    within: float,
    interruptible: bool = False,
    limits: Mapping[str, Limits] | None = None,
    environment: Mapping[str, str] | None = None,
    descriptors: Sequence[int] = (),
    surroundings: Surroundings | None = None,
    account: Account | None = None,
    most: int = 1 << 16,
    check: Callable[[], object] = bool,
    meanwhile: Callable[[], object] = bool,
) -> Finished:
    """Run a program and return its code and output.

    limits, environment, account: as of ``Host.spawn``.
    surroundings: if given, their environment counts if it is known, and nothing else of them.
    most:   bytes of its output, the last ones.
    check:  is called at each look; what it raises ends the program.
    meanwhile: is called once, as soon as the program runs; what it raises ends the program.
    within: seconds of monotonic time. Then its process group is killed, and WaitTimeout
            is raised.

    Raises NotInstalled, NotPermitted, CannotExecute, and Interrupted.
    """
    _require_installed(argv[0], host)
    try:
        if surroundings is not None and surroundings.environment is not None:
            environment = surroundings.environment
        child = host.spawn(
            argv,
            limits=limits,
            environment=environment,
            descriptors=descriptors,
            account=account,
        )
    except Refused as exc:
        raise _cannot_execute(argv[0], exc, host) from exc

    def ended() -> Finished | None:
        code = child.poll()
        check()
        return None if code is None else Finished(code=code, output=child.output(most))

    try:
        meanwhile()
        return wait_until(
            ended,
            within=within,
            host=host,
            what=f"{' '.join(argv)} to end",
            interruptible=interruptible,
            until=host.find(child.pid),
        )
    finally:
        end_group(child, host)
        child.close()


def end_group(child: Child, host: Host) -> None:
    """End a program with all that it has started in its process group, and see them gone.

    Raises WaitTimeout.
    """
    child.kill_group()
    wait_until(
        lambda: not child.group_lives(),
        within=5.0,
        host=host,
        what=f"process group {child.pid} to end",
    )
