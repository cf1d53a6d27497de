"""Run a program with a deadline, because a binary under test may hang."""

from __future__ import annotations

from ..errors import InitError, NotInstalled, NotPermitted
from ..host import Host
from ..host.wait import wait_until
from ..value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..host import Child


class Finished(Value):
    """How a program ended."""

    code: int  # negative: the signal it died of
    output: str


class CannotExecute(InitError):
    """The kernel cannot execute it: it is not a program, or its interpreter is missing."""


def spawn(
    argv: Sequence[str],
    host: Host,
    *,
    nice: int = 0,
    limits: Mapping[str, tuple[int, int]] | None = None,
    environment: Mapping[str, str] | None = None,
    descriptors: Sequence[int] = (),
    held: bool = False,
) -> Child:
    """Start a program in the environment that a daemon needs. Arguments: see ``Host.spawn``.

    Raises NotInstalled, NotPermitted or CannotExecute.
    """
    program = argv[0]
    if host.file_id(program) is None:
        raise NotInstalled(f"{program} is not installed")
    try:
        return host.spawn(
            argv,
            nice=nice,
            limits=limits,
            environment=environment,
            descriptors=descriptors,
            held=held,
        )
    except PermissionError as exc:
        # EACCES: the file has no x bit, or this user may not execute it. Root always may.
        if host.geteuid() == 0:
            raise CannotExecute(f"{program} cannot be executed: {exc.strerror}") from exc
        raise NotPermitted(f"not permitted to execute {program}") from exc
    except OSError as exc:
        raise CannotExecute(f"{program} cannot be executed: {exc.strerror}") from exc


def run(argv: Sequence[str], host: Host, *, within: float, interruptible: bool = False) -> Finished:
    """Run a program and return its code and output.

    within: seconds of monotonic time. Then its process group is killed, and WaitTimeout
            is raised.

    Raises what ``spawn`` raises, and Interrupted.
    """
    child = spawn(argv, host)

    def ended() -> Finished | None:
        code = child.poll()
        return None if code is None else Finished(code=code, output=child.output())

    try:
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
