"""The commands of a declaration: before a start, once the daemon serves, and after a stop."""

from __future__ import annotations

from ...errors import InitError, NotInstalled, SettingsError
from ...host import Host, Process
from ...service import Service
from ..run import Finished, locate, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def run_steps(service: Service, what: str, host: Host, master: Process | None = None) -> None:
    """Run the commands of the field *what*, one after the other, in the environment of a start.

    master: what {pid} and MAINPID stand for.

    Raises InitError, with what it said, at the first one that fails and must not: SettingsError
    if there is no such program. NotInstalled if the daemon is not there: nothing is run then.
    """
    if host.file_id(service.daemon) is None and what == "start_pre":
        raise NotInstalled(f"{service.daemon} is not installed")
    for command in getattr(service, what):
        try:
            finished = _ran(service, what, command, host, master)
        except SettingsError:
            if _may_fail(command):
                continue
            raise
        if finished.code and not _may_fail(command):
            how = f"signal {-finished.code}" if finished.code < 0 else f"code {finished.code}"
            raise InitError(f"{what} {' '.join(command)!r} ended with {how}", finished.output)


def run_after_stop(service: Service, host: Host) -> None:
    """Run the commands after a stop. The service is stopped all the same: a failure is told."""
    try:
        run_steps(service, "stop_post", host)
    except InitError as exc:
        said = f": {exc.output.strip()}" if exc.output.strip() else ""
        host.tell(f"{exc}{said}")


def _may_fail(command: Sequence[str]) -> bool:
    return command[0].startswith("-")


def _ran(
    service: Service, what: str, command: Sequence[str], host: Host, master: Process | None
) -> Finished:
    facts = {"pid": f"{master}"} if master else {}
    argv = service.expanded((command[0].removeprefix("-"), *command[1:]), **facts)
    return run(
        locate(what, argv, host),
        host,
        within=service.timeout,
        limits=service.limits,
        environment={**service.environment, **({"MAINPID": f"{master}"} if master else {})},
    )
