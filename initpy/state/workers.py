"""Workers that are ready: start, reload and upgrade wait for them."""

from __future__ import annotations

from ..contracts import Pool
from ..host import Host, Process
from ..service import Service, resolve
from .configuration import read_configuration
from .record import read_record
from .titles import is_ready, workers_of

SETTLE = 0.1  # seconds that new workers must run; nginx pauses as long in a reload
FEWER = 1.0  # seconds after which fewer workers than a pool starts with are all that come
GENERATIONS = 3  # masters, each executed anew by the one before
_IDLE = ("T", "t", "D", "Z", "X")  # stopped, waiting for a disk, dead: proc(5)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from ..contracts import WorkerServes


def ready_workers(service: Service, master: Process, host: Host) -> set[Process]:
    """Return the workers of *master* that take new requests."""
    workers = workers_of(service, master, host)
    return {
        process
        for process, title in workers.items()
        if is_ready(service, title) and serves(service, process, host)
    }


def serves(service: Service, worker: Process, host: Host) -> bool:
    """Tell whether a worker has begun to take requests, as far as it tells and we may see."""
    if service.worker_serves is None:
        return True
    tells: WorkerServes = resolve(service.worker_serves)
    files = host.nameless_files(worker)
    return files is None or tells(files)


def stopped_accepting(service: Service, workers: Collection[Process], host: Host) -> bool:
    """Tell whether none of those workers takes new requests any more.

    It does not wait for their end: a slow download may keep a worker for hours.
    """
    return all(
        not host.alive(worker) or not is_ready(service, host.title(worker.pid))
        for worker in workers
    )


def needed_pools(service: Service, pools: Iterable[Pool]) -> tuple[Pool, ...]:
    """Return the pools that must have a worker: those that start none on demand.

    None at all if the service's workers cannot be recognised, because they tell nothing.
    """
    if not service.worker_titles and service.worker_serves is None:
        return ()
    known = tuple(pools) or (Pool(name=""),)
    return tuple(pool for pool in known if not (service.on_demand and pool.on_demand))


def pools_of(service: Service, title: str, names: Collection[str]) -> list[str]:
    """Return which of the pools a worker of that title belongs to. The only pool may be "".

    A master that was started with little environment has no room for whole titles: a name
    that is cut is that of every pool whose name begins so.
    """
    if "" in names:
        return [""]
    name = title[len(service.worker_titles[0]) :]
    return [name] if name in names else [one for one in names if one.startswith(name)]


def serves_on_demand(service: Service, master: Process, host: Host) -> bool | None:
    """Tell whether *master* serves without a worker: it starts one for each client that comes.

    Its configuration may have been changed since it was read. The kernel tells whether
    *master* itself watches every socket on which the service listens, as it does only then.
    None where the kernel does not tell.
    """
    if not service.on_demand:
        return False
    watched, bound = host.watched_sockets(master), host.listening_sockets()
    if watched is None or bound is None:
        return None
    listening = host.socket_inodes(master) & {socket.inode for socket in bound}
    return bool(listening) and listening <= watched


def running_pools(service: Service, master: Process, host: Host) -> tuple[Pool, ...]:
    """Return the pools of *master* that must have a worker.

    They are those that are recorded of it. Without a record the kernel tells whether it
    needs any; and where the kernel does not tell, the configuration file, which may have
    changed since.
    """
    pools = recorded_pools(service, master, host) if service.on_demand else ()
    if not pools and service.on_demand:
        on_demand = serves_on_demand(service, master, host)
        if on_demand is None:
            on_demand = read_configuration(service, host).workerless
        pools = (Pool(name="", on_demand=on_demand),)
    # By now it may have fewer workers than it has started with.
    return tuple(pool.replace(workers=1) for pool in needed_pools(service, pools))


def unserved_places(service: Service, master: Process, host: Host) -> list[str]:
    """Return where *master* listens and no ready worker does, as far as the kernel tells.

    A socket that *master* watches itself needs no worker: one is started on demand. For a
    daemon with pools, whose workers have only the socket of their own pool.
    """
    watched, bound = host.watched_sockets(master), host.listening_sockets()
    if not service.on_demand or watched is None or bound is None:
        return []
    needed = host.socket_inodes(master) - watched
    held = [host.socket_inodes(worker) for worker in ready_workers(service, master, host)]
    if not any(held):  # there is none, or we may not see its sockets
        return []
    needed -= set().union(*held)
    return sorted({socket.place for socket in bound if socket.inode in needed})


def recorded_pools(service: Service, master: Process, host: Host) -> tuple[Pool, ...]:
    """Return the pools that are recorded of *master*, or () if that may have changed.

    A master in the background that has executed nothing since it was forked has read no
    other configuration since it was recorded.
    """
    record = read_record(service, host)
    facts = host.look(master.pid)
    unchanged = record and facts and facts.forked and record.master == master == facts.process
    return record.pools if record and unchanged else ()


def idle_pools(service: Service, master: Process, titles: Collection[str], host: Host) -> list[str]:
    """Return the pools of *master* for which none of the ready workers of those titles works.

    Where its pools are not known by name, it is the places of their sockets.
    """
    names = {pool.name for pool in running_pools(service, master, host)}
    if names == {""} and titles:
        return unserved_places(service, master, host)
    served = {name for title in titles for name in pools_of(service, title, names)}
    return sorted(names - served)


class Readiness:
    """Looks at the workers of a master until every pool has its own, one of them for a moment.

    A pool is a group of workers whose titles end with its name. The workers of a daemon
    without pools are one pool, whose name is "".
    """

    def __init__(
        self, service: Service, pools: Iterable[Pool], host: Host, *, old: Collection[Process] = ()
    ) -> None:
        """Await a worker of each of those *pools*.

        old: workers that do not count, because they were there before.
        """
        self._service, self._host, self._old = service, host, old
        self._pools = tuple(pools)
        self._seen: dict[str, list[bool]] = {}  # for each pool: whether a look found a worker
        self._since: dict[str, float] = {}  # when the first look found one
        self._masters: dict[str, set[Process]] = {}  # under which looks have found one
        self._lasting: dict[str, float] = {}  # when the first look found one that had lasted
        self.missing = tuple(pool.name for pool in self._pools)  # pools that are not ready
        self.due: float | None = None  # when the next one may be, if a worker has to last for that

    @property
    def partly(self) -> bool:
        """Whether some pools are ready, and others are not."""
        return 0 < len(self.missing) < len(self._pools)

    def look(self, master: Process) -> bool:
        """Look once. True if each pool is ready."""
        found = self._by_pool(master) if self._pools else {}
        self.due = None
        for name in (name for name, workers in found.items() if workers):
            self._masters.setdefault(name, set()).add(master)
        self.missing = tuple(
            pool.name for pool in self._pools if not self._is_ready(pool, found[pool.name])
        )
        return not self.missing

    def _by_pool(self, master: Process) -> dict[str, list[Process]]:
        """Return the workers of each pool that take requests at this moment."""
        found: dict[str, list[Process]] = {pool.name: [] for pool in self._pools}
        for worker, title in workers_of(self._service, master, self._host).items():
            if worker in self._old or not is_ready(self._service, title):
                continue
            facts = self._host.look(worker.pid)
            if facts is None or facts.process != worker or facts.state in _IDLE:
                continue
            if not serves(self._service, worker, self._host):
                continue
            for name in pools_of(self._service, title, found):
                found[name].append(worker)
        return found

    def _is_ready(self, pool: Pool, workers: Collection[Process]) -> bool:
        """Tell whether a pool has a worker that has lasted, and as many as it starts with.

        It may be limited to fewer in all (process.max): these are ready after a while.
        """
        if not self._has_lasted(pool, workers):
            return False
        since = self._lasting.setdefault(pool.name, self._host.monotonic())
        return len(workers) >= pool.workers or self._host.monotonic() - since >= FEWER

    def _has_lasted(self, pool: Pool, workers: Collection[Process]) -> bool:
        """Tell whether a worker of that pool has run for a moment.

        A daemon without pools does not start a worker again that cannot live. Where workers
        end after so many requests, none may last. Then most looks within that moment must
        have found one. Where it is reloaded again and again from outside, none may last either,
        but it has come up with workers each time.
        """
        oldest = max(map(self._host.age, workers), default=0.0) if pool.name else SETTLE
        if oldest >= SETTLE:
            return bool(workers)
        if workers:
            due = self._host.monotonic() + SETTLE - oldest
            self.due = min(due, self.due or due)
        if len(self._masters.get(pool.name, ())) >= GENERATIONS:
            return True
        if not pool.retires or not (workers or pool.name in self._since):
            return False
        now = self._host.monotonic()
        seen = self._seen.setdefault(pool.name, [])
        seen.append(bool(workers))
        since = self._since.setdefault(pool.name, now)
        return bool(workers) and now - since >= SETTLE and sum(seen) * 2 > len(seen)
