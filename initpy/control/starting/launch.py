"""Start the daemon and see it serve; undo everything if it does not."""

from __future__ import annotations

from ...errors import InitError, WaitTimeout
from ...host import Host, Process
from ...host.wait import insist, wait_until
from ...service import Service
from ...state.pidfile import read_pidfile
from ...state.snapshot import take_snapshot
from ...state.workers import Readiness, needed_pools
from ..ask import pools_on_disk
from ..error_log import ended_early, mark_logs
from ..ready import wait_until_ready, workers_awaited
from ..run import start_daemon
from .ended import how_lost, with_code
from .lineage import (
    candidates,
    is_started,
    leaves,
    lineage,
    named_in_start,
    newest_master,
    undo,
    why_not_named,
)
from .notices import Notices
from .prepare import start_command
from .serving import await_serving, shares_places
from .started import Started

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from typing_extensions import Self

    from ..run import Inheritance


def launch(service: Service, host: Host, *, inheritance: Inheritance | None = None) -> Started:
    """Start the daemon, and return what serves. If it does not, see ``Launch``."""
    with Launch(service, host, inheritance=inheritance) as started:
        return started.commit()


class Launch:
    """A start of the daemon. A context manager: on entry it comes up, at a failure it is undone.

    It is up when there is a master that its pidfile names, and a worker of each pool takes
    requests. If that is not seen within the service's timeout, or the daemon ends with an
    error, all that descends from what was started is ended, and InitError tells why; so it
    is at any exception until ``commit``. But if it has no predecessor that would serve in
    its place, and only some pools do not serve, it stays.
    """

    def __init__(
        self,
        service: Service,
        host: Host,
        *,
        inheritance: Inheritance | None = None,
        beside: Collection[Process] = (),
    ) -> None:
        """Prepare a start.

        inheritance: the sockets it is to listen on, instead of making its own.
        beside:      masters that are there already, and stay whatever happens.
        """
        self._service, self._host, self._inheritance = service, host, inheritance
        self._alone = inheritance is None
        self._beside = frozenset(master.pid for master in beside)
        self._in_foreground = not self._alone and service.inherit_in_foreground
        self._committed = False
        self._found: Process | None = None  # the master, as soon as it is seen

    def __enter__(self) -> Self:
        """Start the daemon, and wait until it serves."""
        service, host, inheritance = self._service, self._host, self._inheritance
        argv = start_command(service, host)
        wanted = inheritance.surroundings if inheritance else None
        config = inheritance.configuration if inheritance else None
        self._pools = config.pools if config else pools_on_disk(service, host)
        self._readiness = Readiness(service, needed_pools(service, self._pools), host)
        self._logs = mark_logs(service, host)
        self._argv = argv
        self._notices = Notices(host, wanted=service.ready == "notify")
        try:
            told = self._notices.environment
            self._child = start_daemon(service, argv, host, inheritance, told)
        except BaseException:
            self._notices.close()
            raise
        try:
            self._started = host.find(self._child.pid)
            self._found = self._wait_until_up()
            self._child.seal_output()
            self._await_serving(self._found)
            if self._alone:
                self._refuse_second()
        except BaseException as exc:
            self.__exit__(exc)
            raise
        if wanted and (withheld := self._child.withheld):
            host.tell(f"master {self._found} does not have the old master's {'; '.join(withheld)}")
        return self

    def __exit__(self, why: object, *_exc: object) -> None:
        """Undo the start if it has failed, and let init have it otherwise."""
        try:
            if why is not None and not self._committed:
                service, child, host = self._service, self._child, self._host
                insist(lambda: undo(service, child, host, shared=not self._alone), host)
        finally:
            insist(self._child.close, self._host)
            insist(self._notices.close, self._host)

    @property
    def candidates(self) -> list[Process]:
        """What the start has made that is the master, or may become it."""
        found = filter(self._host.alive, filter(None, [self._found]))
        return [*found, *candidates(self._service, self._child, self._host)]

    @property
    def master(self) -> Process:
        """The master. A signal from outside may have it execute itself anew, as another process.

        Raises InitError if it has ended.
        """
        if self._found is None or not self._host.alive(self._found):
            self._found = wait_until(
                self._up,
                within=self._service.upgrade_timeout,
                host=self._host,
                what=self._awaited,
            )
        return self._found

    def commit(self) -> Started:
        """Return what was started. From now on nothing of it is undone."""
        master, launcher = self.master, self._child.launcher
        started = Started(
            master=master,
            helpers=tuple(one for one in lineage(self._child, self._host) if one != master),
            session=launcher.pid if launcher else 0,
            pools=self._pools,
            idle=self._readiness.missing,
        )
        self._committed = True  # last: what fails before is undone
        return started

    def _wait_until_up(self) -> Process:
        """Return the master when it serves; also if only some of its pools do. Raises InitError."""
        service = self._service
        try:
            return wait_until(
                self._up,
                within=service.upgrade_timeout if self._beside else service.timeout,
                host=self._host,
                what=self._awaited,
                until=self._started,
                due=lambda: self._readiness.due,
                interruptible=bool(self._beside),
            )
        except WaitTimeout:
            if self._alone and self._found is not None and self._readiness.partly:
                return self._found
            raise

    def _await_serving(self, master: Process) -> None:
        try:
            await_serving(self._service, self._notices, self._child, master, self._host)
        except InitError as exc:
            if self._host.alive(master):
                raise
            lost = how_lost(self._child, self._host)
            how = f"(pid {master}) ended{lost} as soon as it was up"
            raise self._ended_early(how) from exc

    def _up(self) -> Process | None:
        service, host, child = self._service, self._host, self._child
        code = child.poll()
        # One that stays in the foreground may have been started by a script, which has ended.
        script_ended = code == 0 and self._in_foreground and bool(lineage(child, host))
        if code or (code is not None and self._in_foreground and not script_ended):
            raise self._ended_early(f"ended{with_code(code)}")
        hint = read_pidfile(service.pidfile, host)
        # Not take_snapshot(): without a pidfile that looks at every process, at every poll.
        master = (
            newest_master(service, child, host)
            if self._beside
            else named_in_start(service, hint, child, self._argv, host)
        )
        if master is None:
            if code is not None:  # otherwise the reason comes with the code
                self._refuse_ended()
            return None
        if not self._beside and master != self._found and not is_started(master, child, host):
            self._give_way(master)
        # Until the process that puts the daemon in the background has ended, an upgrade
        # would take the master for supervised; nginx does.
        awaited = code is None and service.upgrade and not self._in_foreground
        if awaited and self._started and leaves(self._started, master, host):
            return None
        self._found = master
        return master if self._readiness.look(master) else None

    def _ended_early(self, how: str) -> InitError:
        said = self._child.output()
        return ended_early(self._service, how, said, self._host, self._logs, self._beside)

    def _refuse_second(self) -> None:
        """Give way to a master that another program has started beside ours."""
        # Two may both bind a unix socket at once: each removes the path, if nothing listens
        # there yet (fpm_sockets_new_listening_socket).
        if self._found is not None and shares_places(self._found, self._host):
            self._host.scanned.clear()  # it may be any process, which has executed the daemon
        seen = take_snapshot(self._service, self._host, thorough=True)
        for rival in seen.masters:
            if rival in seen.retiring or is_started(rival, self._child, self._host):
                continue
            # It may also be one that has found no address free, and is about to end.
            if wait_until_ready(self._service, rival, self._host):
                self._give_way(rival)

    def _give_way(self, rival: Process) -> None:
        """End ours as one with a predecessor: the rival has the pidfile, or our sockets."""
        self._alone = False
        raise InitError(f"master {rival} has been started by another program, ours is ended")

    def _refuse_ended(self) -> None:
        """Raise InitError if the master has ended, and nothing is left to be one."""
        if self._found is None:
            if self._child.is_gone():
                lost = how_lost(self._child, self._host)
                raise self._ended_early(f"has gone to the background, and ended there{lost}")
        elif not self._host.alive(self._found) and not self.candidates:
            raise self._ended_early(f"(pid {self._found}) died as soon as it was up")

    def _awaited(self) -> str:
        service, host = self._service, self._host
        master = self._found or take_snapshot(service, host).master
        hint = read_pidfile(service.pidfile, host)
        if master is None:
            return f"{service.name} to come up{why_not_named(service, hint, host)}"
        if not self._beside and hint.pid != master.pid:
            why = f"; does its configuration name this file?{why_not_named(service, hint, host)}"
            return f"master {master} to write {hint.path}{why}"
        return workers_awaited(self._readiness, master)
