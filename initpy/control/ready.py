"""Wait until a running master serves, each of its pools."""

from __future__ import annotations

from ..errors import InitError, WaitTimeout
from ..host import Host, Process, pids_of
from ..host.wait import wait_until
from ..service import Service
from ..state.configuration import serves_at
from ..state.idle import why_stuck
from ..state.sockets import held_sockets
from ..state.titles import is_ready, workers_of
from ..state.workers import (
    Readiness,
    idle_pools,
    ready_workers,
    running_pools,
    unserved_places,
)
from .run import run_named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

REPLACING = 1.0  # seconds; a worker that ends after so many requests is replaced sooner
LASTING = 0.5  # seconds; a daemon that tells nothing and lives so long has come up
STARTING = 2.0  # seconds; a master of that age is not starting any more


def wait_until_ready(service: Service, master: Process, host: Host) -> bool:
    """Wait until *master* serves, each of its pools: it may have been started a moment ago.

    False if it ends instead. Raises WaitTimeout, which names the pools that do not serve.
    """
    return _await_workers(service, master, host, whole=True)


def await_started(service: Service, master: Process, host: Host) -> bool:
    """Wait until *master* serves, or has had the time to: it may never, and is replaced then.

    False if it ends instead.
    """
    return _await_workers(service, master, host, whole=False)


def is_serving(service: Service, master: Process, host: Host) -> bool:
    """Tell whether *master* serves at this moment, at least one of its pools."""
    return bool(not running_pools(service, master, host) or ready_workers(service, master, host))


def why_not_serving(service: Service, master: Process, host: Host) -> str:
    """Return which pools of a running *master* do not serve, as a part of a sentence; or "".

    It is looked for a moment, as far as its pools are known.
    """

    def idle() -> list[str]:
        titles = [
            title
            for worker, title in workers_of(service, master, host).items()
            if is_ready(service, title) and not why_stuck(worker, host)
        ]
        return idle_pools(service, master, titles, host)

    try:
        wait_until(lambda: not idle(), within=REPLACING, host=host, what="workers to serve")
    except WaitTimeout:
        pools = f" of pool {', '.join(names)}" if (names := list(filter(None, idle()))) else ""
        return f"no worker{pools} takes requests"
    return ""


def _await_workers(service: Service, master: Process, host: Host, *, whole: bool) -> bool:
    pools = running_pools(service, master, host)
    readiness = Readiness(service, pools, host)
    unnamed = service.on_demand and any(not pool.name for pool in pools)
    unserved: list[str] = []

    def decided() -> str:
        if not host.alive(master):
            return "gone"
        if not (whole or host.age(master) < STARTING):
            return "serves"
        if not readiness.look(master):
            return ""
        unserved[:] = unserved_places(service, master, host) if unnamed else []
        return "" if unserved else "serves"

    def awaited() -> str:
        at = f", at {', '.join(unserved)}" if unserved else ""
        return f"{workers_awaited(readiness, master)}{at}"

    found = wait_until(
        decided,
        within=service.timeout,
        host=host,
        what=awaited,
        until=master,
        due=lambda: readiness.due,
    )
    return found == "serves"


def workers_awaited(readiness: Readiness, master: Process) -> str:
    """Return what is awaited, for a message: the workers of a master, or of its pools."""
    pools = [name for name in readiness.missing if name]
    named = ", ".join(pools[:8]) + (", ..." if pools[8:] else "")
    return f"the workers of {f'pool {named} of ' if pools else ''}master {master}"


def await_ready_command(
    service: Service, master: Process, host: Host, family: Callable[[], Collection[Process]] = set
) -> None:
    """Wait until the ``ready`` command succeeds. Raises InitError if the master ends.

    Without that command, a daemon whose workers have no titles must listen where the
    declaration says, or run for half a second. So it must with one, if it listens nowhere yet:
    another server may have answered, at whose port ours is about to fail.

    family: returns everything alive that the start has made.
    """
    since = host.monotonic()
    command = " ".join(service.ready)
    ended, missing = 0, list(service.listens)

    def require_alive() -> None:
        if not host.alive(master):
            raise InitError(f"{service.daemon} (pid {master}) ended as soon as it was up")

    def places() -> set[str]:
        held = (held_sockets(one, host) for one in {master, *family()})
        return {socket.place for sockets in held for socket in sockets}

    def lasts() -> bool:
        return host.monotonic() - since >= LASTING

    def ready() -> bool:
        nonlocal ended
        require_alive()
        if service.ready:
            within = service.timeout
            ended = run_named("ready", service.ready, host, within=within, check=require_alive).code
            require_alive()
            return ended == 0 and (bool(missing or places()) or lasts())
        if missing:
            found = places()
            missing[:] = [one for one in missing if not serves_at(one, found)]
            return not missing
        return bool(service.worker_titles) or lasts()

    wait_until(
        ready,
        within=service.timeout,
        host=host,
        what=lambda: (
            f"ready {command!r} to succeed, it ended with {ended}"
            if command
            else f"master {master} to listen at {', '.join(missing)}"
            if missing
            else f"{service.name} to live on"
        ),
        until=master,
    )


class BesideOrphans:
    """A context manager for a start beside *orphans*: an InitError tells which of them serve."""

    def __init__(self, service: Service, orphans: Collection[Process], host: Host) -> None:
        """Take the workers of a dead master; there may be none."""
        self._service, self._orphans, self._host = service, orphans, host

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, _kind: object, exc: object, _trace: object) -> None:
        """Look which of them take requests, and add that to the message."""
        if not self._orphans or not isinstance(exc, InitError):
            return
        serving = [
            orphan
            for orphan in self._orphans
            if self._host.alive(orphan)
            and is_ready(self._service, self._host.title(orphan.pid))
            and not why_stuck(orphan, self._host)
        ]
        serve = "nothing serves"
        if serving:
            serve = f"workers without a master still serve: pids {pids_of(serving)}"
        exc.args = (f"{exc}; {serve}",)
