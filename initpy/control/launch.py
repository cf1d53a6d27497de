"""Start the daemon and see it serve; undo everything if it does not."""

from __future__ import annotations

from ..errors import InitError, NotInstalled, WaitTimeout
from ..host import Host, Process
from ..host.wait import wait_until
from ..service import Service
from ..state.identity import why_not
from ..state.pidfile import Pidfile, read_pidfile
from ..state.snapshot import proven_master, take_snapshot
from ..state.titles import is_worker
from ..state.workers import SETTLE, Readiness, needed_pools
from ..value import Value
from .ask import pools_on_disk
from .background import background_command
from .error_log import describe_holders, read_log
from .ready import workers_awaited
from .run import run, start_daemon
from .undo import lineage, masters_among, undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Protocol

    from ..contracts import Pool
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
    pools: tuple[Pool, ...] = ()  # of the configuration that it has read
    idle: tuple[str, ...] = ()  # the pools that do not serve


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

    The master is up, its pidfile names it, and a worker of each pool takes requests. If that
    is not seen within the service's timeout, or the daemon ends with an error, all that
    descends from what was started is ended, and InitError tells why. But if it has no
    predecessor that would serve in its place, and only some pools do not serve, it stays.
    """
    argv = service.command(service.start_args)
    if service.background:
        if host.file_id(service.daemon) is None:
            raise NotInstalled(f"{service.daemon} is not installed")
        argv = background_command(service.pidfile, argv)
    pools = pools_on_disk(service, host)
    readiness = Readiness(service, needed_pools(service, pools), host)
    child = start_daemon(
        argv,
        host,
        nice=service.nice,
        limits=service.limits,
        environment=inheritance.environment if inheritance else None,
        descriptors=inheritance.descriptors if inheritance else (),
    )
    coming = _Coming(service, child, readiness, host, inheritance=inheritance, beside=beside)
    try:
        master = coming.wait_until_up()
        _await_ready(service, master, host)
        helpers = tuple(one for one in lineage(child, host) if one != master)
    except InitError:
        undo(service, child, host, shared=inheritance is not None)
        raise
    finally:
        child.close()
    return Started(master=master, helpers=helpers, pools=pools, idle=readiness.missing)


class _Coming:
    """A daemon that was started, and is not up yet."""

    def __init__(
        self,
        service: Service,
        child: Launched,
        readiness: Readiness,
        host: Host,
        *,
        inheritance: Inheritance | None,
        beside: Collection[Process],
    ) -> None:
        self._service, self._child, self._readiness, self._host = service, child, readiness, host
        self._alone = inheritance is None
        self._beside = bool(beside)
        self._in_foreground = not self._alone and service.inherit_in_foreground
        self._started = host.find(child.pid)
        self._found: Process | None = None  # the master, as soon as it is seen

    def wait_until_up(self) -> Process:
        """Return the master when it serves; also if only some of its pools do. Raises InitError."""
        service = self._service
        try:
            return wait_until(
                self._up,
                within=service.upgrade_timeout if self._beside else service.timeout,
                host=self._host,
                what=self._awaited,
                until=self._started,
                interruptible=self._beside,
            )
        except WaitTimeout:
            if self._alone and self._found is not None and self._readiness.partly:
                return self._found
            raise

    def _up(self) -> Process | None:
        service, host, child = self._service, self._host, self._child
        code = child.poll()
        if code or (code is not None and self._in_foreground):
            raise _ended(service, code, child.output(), host)
        hint = read_pidfile(service.pidfile, host)
        if service.background and code == 0 and hint.pid and host.find(hint.pid) is None:
            raise InitError(f"{service.daemon} ended as soon as it was started")
        # Not take_snapshot(): without a pidfile that looks at every process, at every poll.
        master = (
            _new_master(service, child, host)
            if self._beside
            else proven_master(service, hint, host) or _descendant(service, hint, child, host)
        )
        if master is None:
            self._refuse_ended()
            return None
        # Until the process that puts the daemon in the background has ended, an upgrade
        # would take the master for supervised; nginx does.
        awaited = code is None and service.upgrade and not self._in_foreground
        if awaited and self._started and _leaves(self._started, master, host):
            return None
        self._found = master
        return master if self._readiness.look(master) else None

    def _refuse_ended(self) -> None:
        """Raise InitError if the master was up and has ended, and nothing is left to be one."""
        service, host = self._service, self._host
        if self._found is None or host.alive(self._found):
            return
        file = host.file_id(service.daemon)
        left = [
            one
            for one in lineage(self._child, host)
            if host.exe_file(one) == file and not is_worker(service, host.title(one.pid))
        ]
        if not left:
            raise InitError(f"{service.daemon} (pid {self._found}) died as soon as it was up")

    def _awaited(self) -> str:
        service, host = self._service, self._host
        master = self._found or take_snapshot(service, host).master
        if master is None:
            return f"{service.name} to come up"
        if not self._beside and read_pidfile(service.pidfile, host).pid != master.pid:
            path = service.pidfile
            return f"master {master} to write {path}; does its configuration name this file?"
        return workers_awaited(self._readiness, master)


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


def _new_master(service: Service, child: Launched, host: Host) -> Process | None:
    """Return the master that we have started beside others.

    The pidfile may name another one: somebody else's signal has an old master write it again.
    """
    masters = masters_among(service, lineage(child, host), host)
    looks = [facts for master in masters if (facts := host.look(master.pid))]
    proven = [facts.process for facts in looks if not why_not(service, facts, host)]
    return proven[-1] if proven else None


def _leaves(started: Process, master: Process, host: Host) -> bool:
    """Tell whether *started* is the daemon that forked *master*, and will exit itself.

    A daemon that goes to the background forks, and its first process exits. While that
    process exits, it has no binary any more, and is still the parent of *master*.
    """
    lives = started != master and host.find(started.pid) == started
    return lives and host.exe(started.pid) in (None, host.exe(master.pid))


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
