"""Restarts and upgrades that would leave a service down, or fail late, and that are not begun."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing, contextmanager

import pytest
from real_daemons import Client, Nginx, free_port, wait_until
from real_load import Shop

from initpy.protocols.foresight.restart import LEAST_FILES

pytestmark = pytest.mark.fault

# Listens on what is given, and says that it does.
HOLDER = (
    "import socket, sys\n"
    "family = socket.AF_UNIX if '/' in sys.argv[1] else socket.AF_INET\n"
    "held = socket.socket(family)\n"
    "held.bind(sys.argv[1] if '/' in sys.argv[1] else ('127.0.0.1', int(sys.argv[1])))\n"
    "held.listen()\n"
    "print(flush=True)\n"
    "sys.stdin.read()\n"
)


@contextmanager
def holder(at):
    """Have another program listen on a port or path; yield its pid."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(at)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert b"\n" == child.stdout.readline()
        yield child.pid
        child.stdin.close()


def also_listen(site, *ats):
    """Have a daemon listen on more ports of the loopback interface, or paths."""
    if site.kind == "nginx":
        places = [at if "/" not in str(at) else f"unix:{at}" for at in ats]
        site.configure(http="".join(f"server {{ listen {at}; }}\n" for at in places))
        return
    for number, at in enumerate(ats):
        site.place.write(
            f"{site.folder}/pool.d/more{number}.conf",
            f"[more{number}]\nuser = www-data\ngroup = www-data\nlisten = {at}\n"
            "pm = static\npm.max_children = 1\n",
        )


@pytest.fixture(params=["nginx", "php-fpm"])
def served(request, place):
    """Give each daemon in turn, running, and clients for it."""
    if request.param == "nginx":
        site = Nginx(place)
        site.start()
        return site, lambda: closing(Client(site))
    shop = Shop(place).open()
    return shop.fpm, lambda: shop.load(asking=2, slowest=0.2)


def refused(served, action, code, *words):
    """Do an action while clients ask: it fails so, says that, and no client notices it."""
    site, asking = served
    before = site.master, site.workers
    with asking() as clients:
        result = site.act(action)

        assert code == result.code, result
        assert [] == [word for word in words if word not in result.err], result
        assert before == (site.master, site.workers)
        assert [] == clients.bad
    assert site.ask()


@pytest.mark.parametrize("action", ["restart", "try-restart"])
def test_port_of_another_program(served, action):
    """A new port is another program's: restart is 1 and names it, nothing is stopped."""
    port = free_port()
    with holder(port) as pid:
        also_listen(served[0], f"127.0.0.1:{port}")

        refused(
            served,
            action,
            1,
            "not restarting, nothing was stopped:",
            f"cannot listen on 127.0.0.1:{port}: Address already in use, "
            f"127.0.0.1:{port} is held by pid {pid} ({sys.executable} -c",
        )


def test_wildcard_beside_another_program(served):
    """All addresses are wanted, another program has one: restart is 1 and names it."""
    port = free_port()
    with holder(port) as pid:
        also_listen(served[0], f"0.0.0.0:{port}")

        refused(served, "restart", 1, f"127.0.0.1:{port} is held by pid {pid}")


def test_path_of_another_program(served):
    """A new unix socket's path is another program's: restart is 1 and names it."""
    path = served[0].place.path("x.sock")
    with holder(path):
        also_listen(served[0], path)

        # The holder's parent is named, since it runs the same program.
        refused(served, "restart", 1, f"cannot listen on {path}: {path} is held by pid ")


def test_missing_folder(served):
    """The folder of a new unix socket is missing: restart is 6, nothing is stopped."""
    also_listen(served[0], served[0].place.path("gone", "x.sock"))

    refused(served, "restart", 6, "No such file or directory")


@pytest.mark.parametrize("action", ["restart", "reload", "upgrade"])
def test_another_pidfile(served, action):
    """The configuration names another pidfile: restart, reload and upgrade are 6."""
    site, _ = served
    with open(site.config) as file:
        text = file.read()
    elsewhere = site.place.path("new.pid")
    site.place.write(f"{site.folder}/daemon.conf", text.replace(site.pidfile, elsewhere))

    refused(served, action, 6, f"names the pidfile {elsewhere}, and this script {site.pidfile}")

    assert not os.path.exists(elsewhere)


def test_limit_of_the_settings(served):
    """ULIMIT is too low for the sockets: restart is 6 or 1, nothing is stopped."""
    site, asking = served
    also_listen(site, *(f"127.0.0.1:{free_port()}" for _ in range(30)))
    site.service = site.service.replace(limits={"RLIMIT_NOFILE": (30, 30)})

    # The test of nginx opens sockets, that of php-fpm none.
    code = 6 if site.kind == "nginx" else 1
    refused((site, asking), "restart", code, "" if code == 6 else "a limit of 30 open files")


def test_limit_of_the_caller(site):
    """The caller may open few files: restart is not 0, and never leaves the service stopped."""
    site.start()

    def restart(limit):
        bound = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))"
        program = f"{bound}; import os, sys; os.execv(sys.argv[1], sys.argv[1:])"
        argv = [sys.executable, "-c", program, site.wrapper, "restart"]
        return subprocess.run(argv, check=False, capture_output=True).returncode

    codes = {limit: restart(limit) for limit in range(6, LEAST_FILES + 1)}

    assert codes.pop(LEAST_FILES) == 0
    assert 0 not in codes.values()
    assert site.ask()


def test_file_in_the_place_of_a_socket(nginx, client):
    """A file is where nginx is to make a unix socket: restart is 1, and no request is lost."""
    path = nginx.place.write("file", "")
    also_listen(nginx, path)

    result = nginx.act("restart")

    assert 1 == result.code, result
    assert f"cannot listen on {path}: something else than a stale socket" in result.err
    assert os.path.exists(path)
    assert [] == client.bad


@pytest.mark.parametrize(
    "listens",
    [
        ["127.0.0.1:{}"],
        ["0.0.0.0:{}"],
        ["[::]:{}", "0.0.0.0:{}"],
        ["[::]:{} ipv6only=off"],
        ["[::]:{} reuseport", "127.0.0.1:{} reuseport"],
    ],
)
@pytest.mark.parametrize("before", ["127.0.0.1:{}", "[::]:{} ipv6only=off", "{} reuseport"])
def test_own_socket_that_is_changed(nginx, before, listens):
    """What a port is listened on by is changed, to all or one address or family: restart is 0."""
    port = free_port()
    also_listen(nginx, before.format(port))
    nginx.start()
    also_listen(nginx, *(listen.format(port) for listen in listens))

    result = nginx.act("restart")

    assert 0 == result.code, result
    held = nginx.host.listening_places(nginx.master)
    wanted = {listen.format(port).partition(" ")[0].replace("[::]", "::") for listen in listens}
    assert wanted == {at for at in held if at.endswith(f":{port}")}


def test_wildcard_in_place_of_an_address(fpm):
    """A pool's address is changed to all of its port and back: restart is 0, each time."""
    port = free_port()
    fpm.start()

    for address in ("127.0.0.1", "0.0.0.0", "127.0.0.1"):
        also_listen(fpm, f"{address}:{port}")
        result = fpm.act("restart")

        assert 0 == result.code, result
        held = fpm.host.listening_places(fpm.master)
        assert [f"{address}:{port}"] == [at for at in held if at.endswith(f":{port}")]


@pytest.mark.parametrize("options", ["reuseport", "udp", "udp reuseport"])
def test_sockets_of_every_kind(nginx, options):
    """Nginx restarts with sockets of each kind that it has already."""
    kind = "stream" if "udp" in options else "http"
    at = f"127.0.0.1:{free_port()}"
    block = f"server {{ listen {at} {options}; return ok; }}"
    nginx.configure(
        main=f"load_module modules/ngx_stream_module.so;\nstream {{ {block} }}\n"
        if kind == "stream"
        else "",
        http="" if kind == "stream" else block.replace("return ok;", ""),
    )
    nginx.start()

    assert [0, 0] == [nginx.act("restart").code for _ in range(2)]


def test_job_that_keeps_the_port(place):
    """A job of a PHP script keeps the port: a plain restart is 1 and names it, another one is 0."""
    shop = Shop(place).open()
    script = place.write("job.php", "<?php echo exec('sleep 300 > /dev/null 2>&1 & echo $!');")
    job = place.host.find(int(shop.fpm.ask(script)))
    place.settings(shop.fpm.name, "RESTART=plain\n")
    try:
        refused(
            (shop.fpm, lambda: shop.load(asking=2, slowest=0.2)),
            "restart",
            1,
            f"not restarting, nothing was stopped: pid {job} (sleep 300) holds "
            f"127.0.0.1:{shop.fpm.port}",
        )
        place.settings(shop.fpm.name, "RESTART=held\n")
        with shop.load(asking=2, slowest=0.2) as clients:
            restarted = shop.fpm.act("restart")
            assert [] == clients.bad
    finally:
        place.host.kill(job, signal.SIGKILL)
    wait_until(lambda: not place.host.alive(job), "the job to end")

    assert 0 == restarted.code, restarted


@pytest.mark.parametrize(("folder", "code"), [("gone", 6), ("", 150)])
def test_upgrade(place, folder, code):
    """A new pool cannot be bound: upgrade of php-fpm is 6 or 150, before a master is started."""
    shop = Shop(place).open()
    path = place.path(folder, "x.sock") if folder else place.path("x.sock")
    with holder(place.path("x.sock")):
        also_listen(shop.fpm, path)

        refused(
            (shop.fpm, lambda: shop.load(asking=2, slowest=0.2)),
            "upgrade",
            code,
            "o signal was sent",
            f"pool more0 cannot listen on {path}",
            "is held by pid" if code == 150 else "No such file",
        )
