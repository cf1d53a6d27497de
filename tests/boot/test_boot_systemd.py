"""A Debian sid is booted, whose systemd knows of no init scripts: it calls ours all the same."""

from __future__ import annotations

import os
import signal
from contextlib import closing, contextmanager

import pytest
from booting import Disk, Request, booted
from other_roots import SLOW, services, systemd_root, with_services
from real_daemons import wait_until

pytestmark = pytest.mark.boot

# systemd is to know that it has not the whole machine.
INIT = ("env", "container=initpy", "/sbin/init")
UP = "Reached target multi-user.target"
# Without a terminal, and without rights over the kernel: what fails would be told.
NOT_HERE = (
    "console-getty.service",
    "getty@tty1.service",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
)
WAYS = (
    lambda action: ("systemctl", action, "nginx"),
    lambda action: ("service", "nginx", action),
    lambda action: ("/etc/init.d/nginx", action),
)
# Another instance, of which no package has a unit.
WEB = "pid /run/web.pid; events {} http { server { listen 8080; return 200 web; } }"
INSTALL_WEB = ("initpy", "install", "nginx", "--name", "web", "--config", "/etc/nginx/web.conf")


def hierarchy():
    """Return where the unified hierarchy of control groups is mounted on the host."""
    with open("/proc/mounts") as file:
        mounts = [line.split() for line in file]
    return next(path for _, path, kind, *_ in mounts if kind == "cgroup2")


@contextmanager
def up(disk):
    """Boot from a disk, in a control group of its own; yield the machine that is up."""
    group = f"{hierarchy()}/{disk.folder.parent.name}-{disk.folder.name}"
    os.mkdir(group)
    try:
        with booted(disk, *INIT, up=UP, cgroup=group) as machine:
            ready = machine.run("systemctl", "is-system-running", "--wait")
            assert "running" == ready.out.strip(), machine.run("systemctl", "--failed").out
            yield machine
    finally:
        for folder, _, _ in os.walk(group, topdown=False):
            wait_until(lambda path=folder: removed(path), f"{folder} to be empty")


def removed(folder):
    """Remove a control group; tell whether it was without processes."""
    try:
        os.rmdir(folder)
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def both():
    """Give the names of the two services, php-fpm's first."""
    return services(systemd_root())


@pytest.fixture(scope="module")
def installed(folder, packages, both):
    """Give a disk with the scripts of both services installed."""
    disk = with_services(Disk(folder / "systemd", systemd_root().path), both[0], packages)
    disk.run("systemctl", "mask", *NOT_HERE)
    return disk


@pytest.fixture(scope="module")
def machine(folder, installed):
    """Give a machine that is up, and is left so: for tests that each begin with that."""
    disk = Disk(folder / "systemd-machine", *installed.layers)
    disk.write("/etc/nginx/web.conf", WEB)
    disk.run(*INSTALL_WEB)
    with up(disk) as machine:
        yield machine


@pytest.fixture(autouse=True)
def starts_forgotten(request):
    """Have systemd forget how often it has started a unit: more than 5 times in 10 s is refused."""
    if "machine" in request.fixturenames:
        request.getfixturevalue("machine").run("systemctl", "reset-failed")


def status(machine, name):
    """Return what a service says of itself to a machine: service(8) would ask systemctl."""
    return machine.run(f"/etc/init.d/{name}", "status", "--json").json


def show(machine, name, what):
    """Return a property of a unit."""
    return machine.run("systemctl", "show", "--value", f"--property={what}", name).out.strip()


def truth(machine, name="nginx"):
    """Return what systemctl says of a service, having seen that they name one master."""
    told = status(machine, name)
    main = int(show(machine, name, "MainPID"))
    assert (told["master"] or 0) == main, told
    return show(machine, name, "ActiveState"), told["state"]


def test_systemd_runs_no_scripts(machine):
    """Systemd has no generator for init scripts any more."""
    generators = os.listdir(machine.path("/usr/lib/systemd/system-generators"))

    assert "systemd-sysv-generator" not in generators


def test_started_at_boot(machine, both):
    """Systemd starts all three by their scripts, php-fpm before nginx."""
    for name in (*both, "web"):
        assert ("active", "running") == truth(machine, name)
        assert "enabled" == show(machine, name, "UnitFileState")
        assert f"path=/etc/init.d/{name} ;" in show(machine, name, "ExecStart")
    began = [int(show(machine, name, "ActiveEnterTimestampMonotonic")) for name in both]
    assert sorted(began) == began
    assert {"php 14": 1} == Request(machine, "/index.php").answered


@pytest.mark.parametrize("way", WAYS, ids=["systemctl", "service", "script"])
def test_by_hand(machine, way):
    """Whatever is called, systemd knows what came of it."""
    for action in ("reload", "restart", "stop", "start"):
        assert 0 == machine.run(*way(action)).code
        stopped = ("inactive", "stopped") if action == "stop" else ("active", "running")
        assert stopped == truth(machine), action


def test_upgrade(machine):
    """The unit follows the new master."""
    before = status(machine, "nginx")["master"]

    assert 0 == machine.run("/etc/init.d/nginx", "upgrade").code
    after = status(machine, "nginx")["master"]
    wait_until(lambda: f"{after}" == show(machine, "nginx", "MainPID"), "systemd to follow")
    assert ("active", "running") == truth(machine)
    assert before != after


@pytest.mark.parametrize("way", WAYS, ids=["systemctl", "service", "script"])
def test_bad_configuration(machine, way):
    """A reload that failed has failed for systemd, and the service is active as before."""
    machine.run("sh", "-c", "echo oops >>/etc/nginx/nginx.conf")
    failed = [machine.run(*way("reload")).code]
    seen = truth(machine)
    machine.run(*way("stop"))
    failed.append(machine.run(*way("start")).code)
    down = truth(machine)
    machine.run("sed", "-i", "$d", "/etc/nginx/nginx.conf")
    mended = machine.run(*way("start"))

    assert 0 not in failed
    assert [("active", "running"), ("failed", "stopped")] == [seen, down]
    assert (0, ("active", "running")) == (mended.code, truth(machine))


def test_halt(folder, tmp_path, installed, both):
    """Poweroff stops nginx, then php-fpm; a request that both work at is answered whole."""
    with up(Disk(folder / tmp_path.name, *installed.layers)) as machine:
        for action in ("stop", "start"):
            assert 0 == machine.run("/etc/init.d/nginx", action).code
        with closing(Request(machine, SLOW)) as request:
            machine.wait_until(lambda: os.path.exists(machine.path("/tmp/asked")), "the request")

            machine.run("systemctl", "poweroff", "--no-block")
            machine.wait_until(lambda: Request(machine, "/").bad, "nginx to take no more requests")
            open(machine.path("/tmp/free"), "x").close()

            assert {"php 14": 1} == request.answered, request.bad
            assert signal.SIGINT == machine.see_down()
        told = machine.console
        assert told.index("Stopped nginx.service") < told.index(f"Stopping {both[0]}.service")
        assert f"Stopped {both[0]}.service" in told


def test_uninstalled(machine):
    """Without our lines a unit of Debian's calls its own commands, and our unit is gone."""
    told = [machine.run("initpy", "uninstall", name) for name in ("nginx", "web")]

    assert "nginx.service.d/00-initpy.conf removed" in told[0].out
    assert "/etc/systemd/system/web.service removed" in told[1].out
    assert "path=/usr/sbin/nginx ;" in show(machine, "nginx", "ExecStart")
    assert "enabled" == show(machine, "nginx", "UnitFileState")
    assert not os.path.exists(machine.path("/etc/systemd/system/nginx.service.d"))
    assert "" == show(machine, "web", "UnitFileState")
    # For the tests that come after.
    machine.run("initpy", "install", "nginx")
    machine.run(*INSTALL_WEB)
    assert ("active", "running") == truth(machine)
