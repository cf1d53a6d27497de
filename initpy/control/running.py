"""What a running master gets of its declaration: commands, and variables that it may lack.

A command reloads it, or asks it to end. It has the user and the environment of a start.
"""

from __future__ import annotations

from ..errors import InitError, Interrupted, NotRunning, WaitTimeout
from ..host import Host, Process
from ..host.wait import wait_until
from ..service import Service
from ..state.snapshot import take_snapshot
from .pidfiles import restore_pidfile
from .run import Finished, locate, run
from .starting.account import account_of, environment_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..state.snapshot import Snapshot


def run_for(
    service: Service,
    what: str,
    args: Sequence[str],
    master: Process,
    host: Host,
    *,
    interruptible: bool = True,
) -> Finished:
    """Run a command as a start runs the daemon, with the master's pid as MAINPID.

    what: the field that names the command, for messages.

    Raises NotRunning if the master has ended: its pid may be another's; SettingsError if there
    is no such program; InitError if it does not end in time; Interrupted.
    """
    argv = service.expanded(args, pid=f"{master}")
    program = locate(what, argv, host)
    host.require_permission(master)
    if not host.alive(master):
        raise NotRunning(f"process {master} is gone")
    account = account_of(service, host)
    try:
        return run(
            program,
            host,
            within=service.timeout,
            interruptible=interruptible,
            limits=service.limits,
            environment={**environment_of(service, account), "MAINPID": f"{master}"},
            account=account,
        )
    except WaitTimeout as exc:
        command = " ".join(argv)
        raise InitError(f"{what} {command!r} has not ended after {exc.seconds:g} s") from exc


def how_ended(what: str, args: Sequence[str], finished: Finished) -> str:
    """Return how a command has failed, as a part of a sentence."""
    code = finished.code
    how = f"died of signal {-code}" if code < 0 else f"ended with code {code}"
    return f"{what} {' '.join(args)!r} {how}"


def ask_to_end(
    service: Service,
    seen: Snapshot,
    seconds: float,
    host: Host,
    *,
    interruptible: bool,
) -> None:
    """Run ``stop_command`` for each master, and wait so many seconds for all of them to end.

    It may know the master by its pidfile alone, as start-stop-daemon --pidfile: one that names
    another process is written anew first, or the command is not run. If it fails, that is told:
    the schedule follows in any case. Raises Interrupted only if *interruptible*.
    """
    try:
        restore_pidfile(service, seen, host)
    except InitError as exc:
        host.tell(f"{exc}; stop_command is not run, going on with signals")
        return
    asked = []
    for master in seen.masters:
        try:
            finished = run_for(
                service,
                "stop_command",
                service.stop_command,
                master,
                host,
                interruptible=interruptible,
            )
        except Interrupted:
            raise
        except InitError as exc:
            host.tell(f"{exc}; going on with signals")
            continue
        if finished.code:
            how = how_ended("stop_command", service.stop_command, finished)
            said = f": {finished.output.strip()}" if finished.output.strip() else ""
            host.tell(f"{how}{said}; going on with signals")
        else:
            asked.append(master)
    try:
        wait_until(
            lambda: not any(map(host.alive, asked)),
            within=seconds if asked else 0,
            host=host,
            what=lambda: f"master {', '.join(map(str, filter(host.alive, asked)))} to end",
            interruptible=interruptible,
        )
    except WaitTimeout:
        host.explain("it has not ended by its stop_command")


def tell_missing_variables(service: Service, host: Host) -> None:
    """Tell which variables of the settings the master lacks, or has with other values.

    A reload changes nothing of its environment, and one that executes a new binary chooses
    what that gets.
    """
    # So does nginx in ngx_set_environment.
    master = take_snapshot(service, host).master if service.environment else None
    has = host.surroundings(master).environment if master else None
    if has is None:
        return
    missing = [key for key, value in service.environment.items() if has.get(key) != value]
    if missing:
        host.tell(
            f"master {master} does not have what the settings export: {', '.join(missing)}; "
            "restart gives it that"
        )
