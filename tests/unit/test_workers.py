from __future__ import annotations

import pytest

from initpy.contracts import Pool
from initpy.control.record import write_record
from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.state.workers import (
    Readiness,
    needed_pools,
    ready_workers,
    recorded_pools,
    running_pools,
    stopped_accepting,
    unserved_places,
)


def test_serving_workers(host, nginx):
    """Neither a draining worker nor the cache manager takes requests."""
    master = nginx.run()
    serving, draining = nginx.workers(master)
    draining.title = nginx.draining
    host.add(ppid=master.pid, title="nginx: cache manager process")

    assert {serving.id} == ready_workers(NGINX, master.id, host)


def test_let_go(host, nginx):
    """A worker that is gone, draining, or another process by now takes no requests."""
    master = nginx.run()
    workers = [worker.id for worker in nginx.workers(master)]
    gone, draining = nginx.workers(master)
    before = stopped_accepting(NGINX, workers, host)
    draining.title = nginx.draining
    host.end(gone)
    host.sleep(1)
    host.add(gone.pid, title=nginx.worker)

    after = stopped_accepting(NGINX, workers, host)

    assert (False, True) == (before, after)


POOLS = (Pool(name="www"), Pool(name="batch"), Pool(name="rare", on_demand=True))


@pytest.fixture
def master(host, fpm):
    """Return a master that has been up for an hour, with workers of one pool."""
    return fpm.run()


def worker_of(host, master, pool, **facts):
    """Add a worker of that pool."""
    return host.add(ppid=master.pid, title=f"php-fpm: pool {pool}", forked=True, **facts)


def readiness(host, pools=POOLS, **facts):
    """Return what awaits those of the pools that need a worker."""
    return Readiness(PHP_FPM, needed_pools(PHP_FPM, pools), host, **facts)


def test_every_pool_needs_a_worker(host, master):
    """A worker of one pool does not make another one ready. One on demand needs none."""
    looks = readiness(host)
    host.sleep(1)

    first = looks.look(master.id), looks.missing, looks.partly
    worker_of(host, master, "batch", age=1)

    assert (False, ("batch",), True) == first
    assert looks.look(master.id)


def test_worker_that_has_just_begun(host, master):
    """One that cannot live has a title for a moment: it has to last."""
    worker_of(host, master, "batch")
    looks = readiness(host, [Pool(name="batch")])

    first, due = looks.look(master.id), looks.due
    host.sleep(0.1)

    assert (False, True) == (first, looks.look(master.id))
    assert host.monotonic() == pytest.approx(due)
    assert looks.due is None


def test_worker_of_before(host, master):
    """Workers that were there before a reload do not count after it."""
    looks = readiness(host, [Pool(name="www")], old=host.children(master.id))
    host.sleep(1)

    assert not looks.look(master.id)


def test_as_many_as_it_starts_with(host, master):
    """A pool that starts with some workers is up when they are, or when no more come."""
    pools = [Pool(name="www", workers=3)]
    more, fewer = readiness(host, pools), readiness(host, pools)
    host.sleep(1)
    said = [more.look(master.id), fewer.look(master.id)]
    third = worker_of(host, master, "www")
    said.append(more.look(master.id))
    host.end(third)
    host.sleep(1)

    assert [False, False, True] == said
    assert fewer.look(master.id)


@pytest.mark.parametrize("state", ["T", "t", "D", "Z"])
def test_worker_that_does_not_work(host, master, state):
    """A worker that is stopped, or waits for its disk, serves nobody."""
    looks = readiness(host)
    worker_of(host, master, "batch", age=1).state = state
    host.sleep(1)

    assert not looks.look(master.id)


def test_workers_that_end_as_they_should(host, master):
    """Where workers end after some requests, none may last: there is one at most looks."""
    retires = readiness(host, [Pool(name="batch", retires=True)])
    lasts = readiness(host, [Pool(name="batch")])
    said = []
    for _ in range(10):
        worker = worker_of(host, master, "batch")
        said.append((retires.look(master.id), lasts.look(master.id)))
        host.sleep(0.02)
        host.end(worker)

    assert [(False, False)] * 5 == said[:5]
    assert (True, False) == said[-1]


def test_workers_that_crash(host, master):
    """A pool for which most looks find no worker is not ready, though its workers may end."""
    looks = readiness(host, [Pool(name="batch", retires=True)])
    for number in range(20):
        worker = worker_of(host, master, "batch") if number % 3 == 0 else None
        assert not looks.look(master.id)
        host.sleep(0.02)
        if worker:
            host.end(worker)


def test_reloaded_again_and_again(host, fpm):
    """Where somebody else reloads a master without a pause, that it comes up is seen."""
    looks = readiness(host, [Pool(name="www")])
    said = []
    for _ in range(3):
        master = fpm.run()
        said.append(looks.look(master.id))
        for process in [*fpm.workers(master), master]:
            host.end(process)

    assert [False, False, True] == said


def test_title_without_room(host, master):
    """Where there was no room for the whole title, its beginning tells."""
    worker_of(host, master, "batc", age=1)
    host.sleep(1)

    assert readiness(host).look(master.id)


def test_pools_are_recorded_until_the_master_executes_itself(host, fpm, master):
    """A master that has executed itself anew may have read another configuration."""
    master.forked = True
    write_record(PHP_FPM, master.id, host, pools=POOLS)
    before = recorded_pools(PHP_FPM, master.id, host)
    master.forked = False

    assert (POOLS, ()) == (before, recorded_pools(PHP_FPM, master.id, host))


@pytest.mark.parametrize(
    ("watched", "pm", "expected"),
    [
        ({1, 2, 9}, "static", []),
        ({1, 9}, "ondemand", [""]),
        (set(), "ondemand", [""]),
        (None, "ondemand", []),
        (None, "static", [""]),
    ],
)
def test_on_demand(host, fpm, watched, pm, expected):
    """A master watches each of its sockets itself, or else its workers do; the file may lie."""
    master = fpm.run()
    master.sockets, master.watched = {1: "/run/a.sock", 2: "/run/b.sock"}, watched
    host.put(PHP_FPM.config, f"[www]\nlisten = /run/a.sock\npm = {pm}\n")

    assert expected == [pool.name for pool in running_pools(PHP_FPM, master.id, host)]


def test_recorded_pools_that_need_a_worker(host, fpm):
    """They are those that start none on demand."""
    master = fpm.run()
    write_record(PHP_FPM, master.id, host, pools=POOLS)

    assert ["www", "batch"] == [pool.name for pool in running_pools(PHP_FPM, master.id, host)]


@pytest.mark.parametrize("service", [NGINX, PHP_FPM.replace(worker_titles=())])
def test_without_pools(host, nginx, service):
    """A daemon without pools is one, without a name; without titles it needs no worker."""
    master = nginx.run()
    master.watched = set(master.sockets)

    assert len(service.worker_titles[:1]) == len(running_pools(service, master.id, host))


@pytest.mark.parametrize(("watched", "expected"), [(set(), ["/run/b.sock"]), ({2}, []), (None, [])])
def test_places_that_no_worker_serves(host, fpm, watched, expected):
    """A socket that its master does not watch needs a worker that holds it."""
    master = fpm.run()
    master.sockets, master.watched = {1: "/run/a.sock", 2: "/run/b.sock"}, watched
    for worker in fpm.workers(master):
        worker.sockets = {1: "/run/a.sock"}

    assert expected == unserved_places(PHP_FPM, master.id, host)


def test_workers_whose_sockets_may_not_be_seen(host, fpm):
    """Nothing is said of places then."""
    master = fpm.run()
    master.watched = set()
    for worker in fpm.workers(master):
        worker.sockets = {}

    assert [] == unserved_places(PHP_FPM, master.id, host)
