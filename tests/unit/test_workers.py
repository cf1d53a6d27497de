from __future__ import annotations

from initpy.daemons.nginx import NGINX
from initpy.state.workers import ready_workers, stopped_accepting


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
