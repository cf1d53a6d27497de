from __future__ import annotations

import pytest

from initpy.actions.reopen import reopen_and_see
from initpy.daemons.nginx import NGINX
from initpy.errors import WaitTimeout

LOG = "/var/log/nginx/access.log"


@pytest.fixture
def master(host, nginx):
    """Return the master of a running nginx whose log was rotated."""
    host.files[NGINX.config].text = f"access_log {LOG};"
    master = nginx.run()
    for process in (master, *nginx.workers(master)):
        process.open_files = [LOG + ".1", "/etc/passwd"]
    return master


def test_rotated_logs_are_let_go(host, nginx, master):
    """It returns when nobody holds a rotated log any more."""
    reopen_and_see(NGINX, (master.id,), host)

    held = {path for process in host.processes.values() for path in process.open_files}
    assert {LOG} == held
    assert [(0, master.pid, "SIGUSR1")] == host.sent


def test_held_log_is_told(host, nginx, master):
    """Who still writes to a rotated log is named."""
    nginx.silent = True
    (worker,) = nginx.workers(master)[:1]

    with pytest.raises(WaitTimeout, match=rf"pid {worker.pid} \({LOG}.1\)"):
        reopen_and_see(NGINX, (master.id,), host)


def test_pending_signal_is_waited_for(host, nginx, master):
    """A signal that the master has not taken yet has not had its effect."""
    for process in host.processes.values():
        process.open_files = []
    nginx.occupy(master, 3)

    reopen_and_see(NGINX, (master.id,), host)

    assert 3 <= host.now < 3.1


def test_every_master_is_told(host, nginx, master):
    """In the middle of an upgrade both masters have logs open."""
    nginx.usr2(master)
    host.sleep(0.1)
    new = nginx.masters[-1]

    reopen_and_see(NGINX, (master.id, new.id), host)

    assert {master.pid, new.pid} == {pid for _, pid, _ in host.sent}


def test_service_without_a_configuration(host, nginx, master):
    """Where the logs are unknown, the signal taken is all there is to see."""
    reopen_and_see(NGINX.replace(read_configuration=None), (master.id,), host)

    assert ["SIGUSR1"] == [sig for _, _, sig in host.sent]


def test_master_that_ends_meanwhile(host, nginx, master):
    """A master that is gone holds nothing."""
    nginx.silent = True
    host.at(1, lambda: nginx.term(master))

    reopen_and_see(NGINX, (master.id,), host)

    assert 1 <= host.now < 1.1
