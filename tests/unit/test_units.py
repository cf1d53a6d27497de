"""Which unit of systemd supervises a master: a cgroup of that name is not enough."""

from __future__ import annotations

import pytest
from fakes import Run

from initpy.control.units import supervising_unit
from initpy.daemons.nginx import NGINX

SYSTEMCTL = "/usr/bin/systemctl"


@pytest.fixture
def master(host):
    """Give a process in the cgroup of a service; systemd runs, and has systemctl."""
    host.put("/run/systemd/system", kind="dir")
    host.put(SYSTEMCTL, mode=0o755)
    return host.add(unit="nginx.service")


def test_no_systemd(host):
    """Where systemd does not run, anybody may have made a cgroup of that name."""
    assert "" == supervising_unit(NGINX, host.add(unit="nginx.service").id, host)


@pytest.mark.parametrize(
    ("main", "supervised"),
    [("its own", True), ("0", True), ("4711", False)],
)
def test_main_process(host, master, main, supervised):
    """What another service's process has started is not that service."""
    pid = str(master.pid) if main == "its own" else main
    host.programs[SYSTEMCTL] = lambda _argv: Run(output=f"MainPID={pid}")

    assert ("nginx.service" if supervised else "") == supervising_unit(NGINX, master.id, host)


def test_no_main_process(host, master):
    """A unit without one may have started anything, if it is not the service's own."""
    host.programs[SYSTEMCTL] = lambda _argv: Run(output="MainPID=0")
    master.unit = "cloud-init.service"

    assert "" == supervising_unit(NGINX, master.id, host)


def test_systemctl_that_fails(host, master):
    """Where systemd does not tell the cgroup decides."""
    host.programs[SYSTEMCTL] = lambda _argv: Run(code=1, output="Failed to connect to bus")

    assert "nginx.service" == supervising_unit(NGINX, master.id, host)


def test_no_systemctl(host, master):
    """Where nothing can be asked the cgroup decides."""
    del host.files[SYSTEMCTL]

    assert "nginx.service" == supervising_unit(NGINX, master.id, host)


def test_no_unit(host, master):
    """A process of no unit is nobody's, and nothing is asked."""
    master.unit = ""

    assert "" == supervising_unit(NGINX, master.id, host)
    assert [] == host.spawned
