"""Workers whose master is dead, beside a master that serves: made, and let finish."""

from __future__ import annotations

from ..errors import InitError
from ..host import Host, Process
from ..schedule import parse_schedule
from ..service import Service
from ..state.identity import workers_of
from ..state.snapshot import named_master, take_snapshot
from .drain import drain
from .signals import suspend, terminate
from .stable import await_titles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def drain_orphans(service: Service, host: Host, known: Iterable[Process] = ()) -> None:
    """Let orphans finish their requests and see them gone; then nothing is unfinished.

    known: those that we have made ourselves. Others are looked for: a master
           that was killed meanwhile has left its workers behind, and they
           accept.

    Raises WaitTimeout if one outlives even KILL; InitError if the master is
    dead too: then they are all that serves, and go on.
    """
    ours = [one for one in known if host.alive(one)]
    if ours:
        if named_master(service, service.pidfile, host) is None:
            _beside_a_master(service, host)
        drain(service, ours, host)
    while orphans := _beside_a_master(service, host):
        drain(service, orphans, host, what="workers of a dead master")
    host.remove(service.oldbin)


def _beside_a_master(service: Service, host: Host) -> tuple[Process, ...]:
    seen = take_snapshot(service, host, thorough=True)
    if seen.orphans and seen.master is None:
        raise InitError("the master died meanwhile, its workers still serve: start recovers it")
    return seen.orphans


def retire(service: Service, master: Process, host: Host) -> list[Process]:
    """End *master* and return its workers, which go on.

    KILL: on QUIT or TERM it would remove its sockets' paths and its pidfile,
    which are another's by now. STOP before, so that no worker is born between
    the list and the end; and no longer, for with catch_workers_output a worker
    blocks as soon as the pipe to a stopped master is full.
    """
    suspend(master, host)
    await_titles(service, master, host)
    workers = list(workers_of(service, master, host))
    terminate([master], parse_schedule("KILL/5"), host, what="old master")
    return workers
