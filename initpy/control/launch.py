"""Start the daemon and verify that it serves; undo the start if it does not."""

from __future__ import annotations

from ..errors import InitError, NotInstalled
from ..host import Host, Process
from ..host.wait import wait_until
from ..schedule import parse_schedule
from ..service import Service
from ..state.configuration import may_be_workerless
from ..state.identity import workers_of
from ..state.launcher import launcher_command
from ..state.pidfile import read_pidfile
from ..state.snapshot import Snapshot, proven_master, take_snapshot
from ..state.workers import SETTLE, ready_workers
from .background import background_command
from .drain import drain
from .error_log import describe_holders, read_log
from .orphans import retire
from .run import end_group, run, spawn
from .signals import suspend, terminate
from .upgrade_children import descendants

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from ..host import Child
    from .inherit import InheritedSockets


def launch(
    service: Service,
    host: Host,
    *,
    inheritance: InheritedSockets | None = None,
    beside: Collection[Process] = (),
) -> Process:
    """Start the daemon; return its master when it serves.

    inheritance: sockets that it inherits, instead of opening its own.
    beside:      masters that run already; they are not touched.

    It serves when its pidfile names it and a worker takes requests. If that does not
    happen within the service's timeout, or if the daemon ends with an error, all
    processes that were started are ended, and InitError tells the reason.
    """
    argv = service.command(service.start_args)
    if service.background:
        if host.file_id(service.daemon) is None:
            raise NotInstalled(f"{service.daemon} is not installed")
        argv = background_command(service.pidfile, argv)
    workerless = may_be_workerless(service, host)
    launched = inheritance is not None and service.inherit_in_foreground
    child = spawn(
        launcher_command(argv) if launched else argv,
        host,
        nice=service.nice,
        limits=service.limits,
        environment=inheritance.environment if inheritance else None,
        descriptors=inheritance.descriptors if inheritance else (),
        held=launched,
    )
    started = host.find(child.pid)

    def up() -> Process | None:
        code = child.poll()
        if launched and started and host.has_dead_child(started):
            # The launcher does not wait for its child before the release: a zombie child
            # is a daemon that has ended.
            code = 1
        if code:
            how = f"signal {-code}" if code < 0 else f"code {code}"
            said = child.output()
            report = read_log(service, said)
            reasons = "; ".join(filter(None, (report.reason, describe_holders(report, host))))
            raise InitError(f"{service.daemon} ended with {how}: {reasons}", said)
        hint = read_pidfile(service.pidfile, host)
        if service.background and code == 0 and hint.pid and host.find(hint.pid) is None:
            raise InitError(f"{service.daemon} ended as soon as it was started")
        # Not take_snapshot(): without a pidfile it reads every process, at every poll.
        master = proven_master(service, hint, host)
        if master is None or master in beside:
            return None
        # Until the process that we started exits, an upgrade would take the master for
        # supervised, as nginx itself does (ngx_signal_handler compares getppid()).
        leaves = started and not launched and service.upgrade and _leaves(started, master, host)
        if code is None and leaves:
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
        child.release()
        _await_ready(service, master, host)
    except InitError:
        _undo(service, child, started, beside, host, shared=inheritance is not None)
        raise
    finally:
        child.close()
    return master


def _suspend_new(
    service: Service, started: Process | None, beside: Collection[Process], host: Host
) -> Snapshot:
    """Suspend every new process that is or may become a master; return the snapshot.

    A suspended process cannot fork. Otherwise it could start a worker that takes a
    request, and that request would be lost when the worker is killed.
    """
    stopped: set[Process] = set()

    def look() -> Snapshot | None:
        seen = take_snapshot(service, host, thorough=True)
        coming = {*seen.masters, *seen.starting}
        if started is not None and started not in seen.masters:
            coming.update(host.children(started))  # the launcher's child, whatever its title
        fresh = coming - {*beside, *stopped}
        for process in fresh:
            suspend(process, host)
        stopped.update(fresh)
        return None if fresh or seen.executing else seen

    what = f"new {service.name} processes to stop"
    return wait_until(look, within=service.timeout, host=host, what=what)


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
    exe = host.exe(started.pid)
    lives = started != master and host.find(started.pid) == started
    return lives and exe in (None, host.exe(master.pid))


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


def _undo(
    service: Service,
    child: Child,
    started: Process | None,
    beside: Collection[Process],
    host: Host,
    *,
    shared: bool,
) -> None:
    """End every process that was started, and no process that ran before.

    shared: another master uses the same sockets. The new master is then ended by KILL: on
            a clean exit it would remove the paths of unix sockets that the other master
            needs, and perhaps the pidfile.
    """
    if shared:
        seen = _suspend_new(service, started, beside, host)
    else:
        seen = take_snapshot(service, host, thorough=True)
    masters = [master for master in seen.masters if master not in beside]
    workers = [worker for master in masters for worker in workers_of(service, master, host)]
    if shared:
        for master in masters:
            drain(service, retire(service, master, host), host, what="new workers")
    family = descendants(started, host) if started else []
    end_group(child, host)
    hung = [one for one in (*family, *seen.starting) if one not in (*masters, *workers)]
    terminate(hung, parse_schedule("KILL/5"), host, what=f"new {service.name} processes")
    if not shared:
        terminate([*masters, *workers], service.force_quit, host, leaders=masters)
        # Look again until nothing is left: a master may have forked meanwhile.
        while left := take_snapshot(service, host, thorough=True).processes:
            terminate(left, parse_schedule("KILL/5"), host, what=f"new {service.name} processes")
