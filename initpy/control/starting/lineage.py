"""What an action has started, and how that is undone: nothing else is ended.

Lineage tells it: what descends from the launcher belongs to a start, whatever it is. An
upgrade child is a child of a master that is not its worker, but a new binary. Such a
child may hang, and it holds the service's sockets as long as it lives. Not every other
child is one: a master that is pid 1 of a container adopts all orphans there.
"""

from __future__ import annotations

from ...host import Host, Process, ProcessFacts
from ...host.wait import wait_until
from ...schedule import parse_schedule
from ...service import Service
from ...signal_names import signal_named
from ...state.identity import INFANCY, why_elsewhere_whoever, why_not
from ...state.snapshot import proven_master, take_snapshot
from ...state.titles import (
    is_successor,
    is_worker,
    looks_like_master,
    tells_instance,
    workers_of,
)
from ..drain import drain, retire
from ..pidfiles import remove_stale_pidfiles
from ..signals import suspend, tell_unsafe, terminate
from ..stable import await_titles

_STEPS = 100  # from a process to its parent: more than a start has

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ...host import Launched
    from ...state.pidfile import Pidfile


def lineage(child: Launched, host: Host) -> list[Process]:
    """Return everything alive that descends from what we have started."""
    launcher = child.launcher
    return [] if launcher is None else descendants(launcher, host)[1:]


def is_started(process: Process, child: Launched, host: Host, *, unsure: bool = True) -> bool:
    """Tell whether *process* descends from what we have started.

    unsure: what to answer if that cannot be told. Any user can have more processes, each the
            parent of the next, than are followed: whatever gives a process our trust needs False.

    It is followed upwards. ``lineage`` may miss a process whose parent exits between two
    looks, as that of a daemon does which goes to the background.
    """
    launcher, step = child.launcher, process
    for _ in range(_STEPS):
        facts = host.look(step.pid)
        if launcher is None or (facts is None and step == process):
            return unsure
        if facts is not None and facts.ppid == launcher.pid:
            return True
        if facts is not None and facts.ppid <= 1:
            return False
        # A process that has lost its parent has another one by now: begin again.
        step = (facts and host.find(facts.ppid)) or process
    return unsure


def named_in_start(
    service: Service, hint: Pidfile, child: Launched, argv: Sequence[str], host: Host
) -> Process | None:
    """Return the master that the pidfile *hint* names: one that we have started, or a rival's.

    argv: the command line that we have started.

    Ours may run another binary: the daemon may be a script that executes it. Where no title
    tells, lineage alone proves it, whatever its user and its binary; but as long as it has
    the arguments that we gave to what puts it in the background, it is not the daemon yet.
    """
    if tells_instance(service):
        return proven_master(service, hint, host) or _descendant(service, hint, child, host)
    facts = host.look(hint.pid) if hint.pid else None
    if facts is None or not is_started(facts.process, child, host, unsure=False):
        return proven_master(service, hint, host)
    executed = not service.background or list(facts.argv) != list(argv)
    return facts.process if executed and not why_elsewhere_whoever(facts, host) else None


def _descendant(service: Service, hint: Pidfile, child: Launched, host: Host) -> Process | None:
    facts = host.look(hint.pid) if hint.pid else None
    if facts is None or facts.process not in lineage(child, host):
        return None
    return None if why_not(service, facts, host, any_binary=True) else facts.process


def why_not_named(service: Service, hint: Pidfile, host: Host) -> str:
    """Say why the process that a pidfile names is not the master, as a part of a sentence."""
    facts = host.look(hint.pid) if hint.pid else None
    if facts is None:
        return ""
    titled = tells_instance(service)
    why = why_not(service, facts, host) if titled else take_snapshot(service, host).why_not
    named = f"pid {facts.process}, which {hint.path} names"
    return f"; {named}, is not the master: {why}" if why else ""


def newest_master(service: Service, child: Launched, host: Host) -> Process | None:
    """Return the master that we have started beside others.

    The pidfile may name another one: after a signal from outside an old master writes it again.
    """
    masters = masters_among(service, lineage(child, host), host)
    looks = [facts for master in masters if (facts := host.look(master.pid))]
    proven = [facts.process for facts in looks if not why_not(service, facts, host)]
    return proven[-1] if proven else None


def leaves(started: Process, master: Process, host: Host) -> bool:
    """Tell whether *started* is the daemon that forked *master*, and will exit itself.

    A daemon that goes to the background forks, and its first process exits. While that
    process exits, it has no binary any more, and is still the parent of *master*.
    """
    lives = started != master and host.find(started.pid) == started
    return lives and host.exe(started.pid) in (None, host.exe(master.pid))


def candidates(service: Service, child: Launched, host: Host) -> list[Process]:
    """Return what we have started that still runs the daemon, and is not a worker or a helper."""
    file = host.file_id(service.daemon)
    looks = [host.look(one.pid) for one in lineage(child, host) if host.exe_file(one) == file]
    return [one.process for one in looks if one and not _is_follower(service, one, host)]


def _is_follower(service: Service, facts: ProcessFacts, host: Host) -> bool:
    """Tell whether it is a worker, or a helper: one that becomes a master has a title soon."""
    if is_worker(service, facts.title):
        return True
    old = facts.forked and host.age(facts.process) > INFANCY
    return old and not looks_like_master(service, facts.title)


def undo(service: Service, child: Launched, host: Host, *, shared: bool) -> None:
    """End all that descends from what was started, and nothing else; return when it is gone.

    shared: another master has the same sockets. Then by KILL: on a clean exit the
            new one would remove the paths of its unix sockets, and perhaps its pidfile.
            Its workers may have taken requests, which they finish.
    """

    def started() -> list[Process]:
        return lineage(child, host)

    what = f"new {service.name} processes"
    if started():
        tell_unsafe(host)
    if shared:
        _suspend_all(service, child, host)
        # Only now: until it was stopped, the daemon could fork a master.
        for master in masters_among(service, started(), host):
            drain(service, retire(service, master, host), host, what="new workers")
    else:
        leaders = masters_among(service, started(), host)
        if leaders or not tells_instance(service):
            terminate(started(), service.force_quit, host, more=started, leaders=leaders, what=what)
    if service.worker_titles:
        # Workers of a new master that was killed from outside may have requests, too.
        left = [one for one in started() if is_worker(service, host.title(one.pid))]
        drain(service, left, host, what="new workers")

    def gone() -> bool:
        for process in started():
            host.kill(process, signal_named("KILL"))
        return child.is_gone()

    wait_until(gone, within=5.0, host=host, what=f"{what} to end")
    if not shared:
        remove_stale_pidfiles(service, host)


def masters_among(service: Service, found: list[Process], host: Host) -> list[Process]:
    """Return the masters among *found*, without new workers that still have their title."""
    titled = [one for one in found if looks_like_master(service, host.title(one.pid))]
    workers = {worker for master in titled for worker in host.children(master)}
    return [master for master in titled if master not in workers]


def _suspend_all(service: Service, child: Launched, host: Host) -> None:
    """Stop every new process but workers, so that no worker is started, and takes a request."""
    stopped: set[Process] = set()

    def all_stopped() -> bool:
        found = lineage(child, host)
        spared = {it for one in masters_among(service, found, host) for it in host.children(one)}
        fresh = set(found) - stopped - spared
        for process in fresh:
            suspend(process, host)
        stopped.update(fresh)
        return not fresh

    what = f"new {service.name} processes to stop"
    wait_until(all_stopped, within=service.timeout, host=host, what=what)


def terminate_upgrade_children(
    service: Service, master: Process, host: Host, *, spare: Collection[Process] = ()
) -> None:
    """End every child of *master* that holds its sockets and is not a worker.

    spare: children that were there before the upgrade, and are not ended. Where sockets may
           not be seen, any other child is one that the upgrade has started.

    A child that serves finishes its requests first. One that does not serve, because it
    hangs or is not up yet, is ended by KILL with its own children. It gets STOP before:
    a worker that it starts between the look and the KILL could hold a request. Raises
    WaitTimeout.
    """
    # The child inherits the blocked signals of its parent (ngx_master_process_cycle), so
    # until it is up only KILL and STOP have an effect.
    children = await_titles(service, master, host)
    sockets = host.socket_inodes(master)

    def has_inherited(process: Process) -> bool:
        if not sockets:
            return bool(spare) or looks_like_master(service, host.title(process.pid))
        return not sockets.isdisjoint(host.socket_inodes(process))

    found = [
        child
        for child in children
        if child not in spare
        and (is_successor(service, child, host) or not is_worker(service, host.title(child.pid)))
        and has_inherited(child)
    ]
    for process in found:
        if not workers_of(service, process, host):
            suspend(process, host)
            await_titles(service, process, host)
        if workers_of(service, process, host):
            drain(service, [process], host, what="new master")
    hung = [one for child in found for one in descendants(child, host) if has_inherited(one)]
    terminate(hung, parse_schedule("KILL/5"), host, what="new master")


def descendants(process: Process, host: Host) -> list[Process]:
    """Return *process* and all its descendants, each behind its parent."""
    found = [process]
    for one in found:  # which grows: any user can have more generations than calls may nest
        found += host.children(one)
    return found
