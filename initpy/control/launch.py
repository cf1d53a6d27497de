"""Start the daemon and see it serve; undo everything if it does not."""

from __future__ import annotations

from ..errors import InitError, NotInstalled
from ..host import Host, Process
from ..host.wait import wait_until
from ..service import Service
from ..state.identity import why_not
from ..state.pidfile import Pidfile, read_pidfile
from ..state.snapshot import proven_master, take_snapshot
from ..state.workers import SETTLE, ready_workers
from ..value import Value
from .ask import may_be_workerless
from .background import background_command
from .error_log import describe_holders, read_log
from .run import run, start_daemon
from .undo import lineage, undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Protocol

    from ..host import Launched

    class Inheritance(Protocol):
        """Listening sockets for a new master."""

        @property
        def descriptors(self) -> tuple[int, ...]:
            """The descriptors that it inherits."""

        @property
        def environment(self) -> Mapping[str, str]:
            """The environment variables that list them for it."""


class Started(Value):
    """What a start has made: a master that serves, and everything else that it has left running."""

    master: Process
    helpers: tuple[Process, ...]


def launch(
    service: Service,
    host: Host,
    *,
    inheritance: Inheritance | None = None,
    beside: Collection[Process] = (),
) -> Started:
    """Start the daemon and return its master, which serves, and its helpers.

    inheritance: the sockets it is to listen on, instead of making its own.
    beside:      masters that are there already, and stay whatever happens.

    The master is up, its pidfile names it, and a worker takes requests. If that is not seen
    within the service's timeout, or the daemon ends with an error, all that descends from
    what was started is ended, and InitError tells why.
    """
    argv = service.command(service.start_args)
    if service.background:
        if host.file_id(service.daemon) is None:
            raise NotInstalled(f"{service.daemon} is not installed")
        argv = background_command(service.pidfile, argv)
    workerless = may_be_workerless(service, host)
    child = start_daemon(
        argv,
        host,
        nice=service.nice,
        limits=service.limits,
        environment=inheritance.environment if inheritance else None,
        descriptors=inheritance.descriptors if inheritance else (),
    )
    started = host.find(child.pid)
    in_foreground = inheritance is not None and service.inherit_in_foreground

    def up() -> Process | None:
        code = child.poll()
        if code or (code is not None and in_foreground):
            raise _ended(service, code, child.output(), host)
        hint = read_pidfile(service.pidfile, host)
        if service.background and code == 0 and hint.pid and host.find(hint.pid) is None:
            raise InitError(f"{service.daemon} ended as soon as it was started")
        # Not take_snapshot(): without a pidfile that looks at every process, at every poll.
        master = proven_master(service, hint, host) or _descendant(service, hint, child, host)
        if master is None or master in beside:
            return None
        # Until the process that puts the daemon in the background has ended, an upgrade
        # would take the master for supervised; nginx does.
        still_there = started if code is None and service.upgrade and not in_foreground else None
        if still_there and _leaves(still_there, master, host):
            return None
        return master if workerless or ready_workers(service, master, host) else None

    try:
        master = wait_until(
            up,
            within=service.upgrade_timeout if beside else service.timeout,
            host=host,
            what=lambda: _awaited(service, host),
            until=started,
            interruptible=bool(beside),
        )
        _await_ready(service, master, host)
        helpers = tuple(one for one in lineage(child, host) if one != master)
    except InitError:
        undo(service, child, host, shared=inheritance is not None)
        raise
    finally:
        child.close()
    return Started(master=master, helpers=helpers)


def _ended(service: Service, code: int, said: str, host: Host) -> InitError:
    """Return the error of a daemon that has ended instead of coming up."""
    how = f"signal {-code}" if code < 0 else f"code {code}"
    report = read_log(service, said)
    reasons = "; ".join(filter(None, (report.reason, describe_holders(report, host))))
    return InitError(f"{service.daemon} ended with {how}: {reasons}", said)


def _descendant(service: Service, hint: Pidfile, child: Launched, host: Host) -> Process | None:
    """Return the master that a pidfile names if we have started it, whatever its binary.

    The daemon may be a script that executes another one.
    """
    facts = host.look(hint.pid) if hint.pid and service.master_title else None
    if facts is None or facts.process not in lineage(child, host):
        return None
    return None if why_not(service, facts, host, any_binary=True) else facts.process


def wait_until_ready(service: Service, master: Process, host: Host) -> bool:
    """Wait until *master* serves: it may have been started only a moment ago.

    False if it ends instead. Raises WaitTimeout.
    """
    workerless = may_be_workerless(service, host)

    def decided() -> str:
        if not host.alive(master):
            return "gone"
        return "serves" if workerless or ready_workers(service, master, host) else ""

    found = wait_until(
        decided,
        within=service.timeout,
        host=host,
        what=f"the workers of master {master}",
        until=master,
    )
    return found == "serves"


def _leaves(started: Process, master: Process, host: Host) -> bool:
    """Tell whether *started* is the daemon that forked *master*, and will exit itself.

    A daemon that goes to the background forks, and its first process exits. While that
    process exits, it has no binary any more, and is still the parent of *master*.
    """
    lives = started != master and host.find(started.pid) == started
    return lives and host.exe(started.pid) in (None, host.exe(master.pid))


def _awaited(service: Service, host: Host) -> str:
    master = take_snapshot(service, host).master
    if master is None:
        return f"{service.name} to come up"
    if read_pidfile(service.pidfile, host).pid != master.pid:
        return f"master {master} to write {service.pidfile}; does its configuration name this file?"
    return f"the workers of master {master}"


def _await_ready(service: Service, master: Process, host: Host) -> None:
    """Wait until the ``ready`` command succeeds. Raises InitError if the master ends.

    Without that command, a daemon whose workers have no titles must run for a moment.
    """
    since = host.monotonic()

    def ready() -> bool:
        if not host.alive(master):
            raise InitError(f"{service.daemon} (pid {master}) ended as soon as it was up")
        if service.ready:
            return run(service.ready, host, within=service.timeout).code == 0
        return bool(service.worker_titles) or host.monotonic() - since >= SETTLE

    wait_until(
        ready,
        within=service.timeout,
        host=host,
        what=f"{' '.join(service.ready) or service.name} to succeed",
        until=master,
    )
