"""Restart on the sockets of the running master: no connection is refused, none is lost."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from real_daemons import Fpm, Nginx, can_bind, free_port, wait_until
from real_load import ROUNDS, Shop, load

pytestmark = pytest.mark.real

STREAM = "/usr/lib/nginx/modules/ngx_stream_module.so"

# Takes the port if it is free for a moment, and tells it.
THIEF = """
import socket, sys
while True:
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            thief.bind(("127.0.0.1", int(sys.argv[1])))
            thief.listen()
        except OSError:
            continue
        print("stolen", flush=True)
        break
"""


def test_nginx(nginx):
    """Nginx under clients with new connections, by TCP and unix socket: nothing is lost."""
    path = nginx.path("nginx.sock")
    udp, shared = free_port(), free_port()
    nginx.configure(
        main=f"load_module {STREAM};\n"
        f'stream {{ server {{ listen 127.0.0.1:{udp} udp; return "one"; }} }}',
        server=f"listen unix:{path}; listen [::1]:{nginx.port}; listen {shared} reuseport;",
    )
    nginx.start()
    seen = []

    with ExitStack() as stack:
        places = [nginx.port, f"[::1]:{nginx.port}", path, f"udp:{udp}", shared]
        clients = {at: stack.enter_context(load(at, asking=3)) for at in places}
        for _ in range(ROUNDS):
            old = nginx.master
            seen.append((nginx.act("restart").code, nginx.master != old))
        assert {at: [] for at in places} == {at: asked.bad for at, asked in clients.items()}

    assert [(0, True)] * ROUNDS == seen
    nginx.see_only(nginx.master)


@pytest.mark.parametrize("unix", [False, True])
def test_php_fpm(place, unix):
    """php-fpm behind nginx, by TCP and unix socket: nothing is lost."""
    shop = Shop(place, unix=unix, children=8).open()
    seen = []

    with shop.load(asking=16, slowest=0.3) as clients:
        for _ in range(ROUNDS):
            old = shop.fpm.master
            seen.append((shop.fpm.act("restart").code, shop.fpm.master != old))
        assert [] == clients.bad

    assert [(0, True)] * ROUNDS == seen
    shop.see_settled()


@pytest.mark.parametrize("kind", ["nginx", "php-fpm"])
def test_thief(place, kind):
    """A program that binds in a loop never gets the port."""
    site = {"nginx": Nginx, "php-fpm": Fpm}[kind](place)
    site.configure()
    site.start()
    with subprocess.Popen(
        [sys.executable, "-c", THIEF, str(site.port)], stdout=subprocess.PIPE
    ) as thief:
        try:
            codes = [site.act("restart").code for _ in range(ROUNDS)]
            assert thief.poll() is None
        finally:
            thief.kill()

    assert [0] * ROUNDS == codes


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("127.0.0.1:{port}", "0.0.0.0:{port}"),
        ("[::]:{port}", "[::]:{port} ipv6only=off"),
        ("127.0.0.1:{port} reuseport", "127.0.0.1:{port}"),
        ("127.0.0.1:{port} backlog=100", "127.0.0.1:{port} backlog=200"),
    ],
)
def test_socket_that_is_wanted_otherwise(nginx, before, after):
    """It is bound anew, and back, while no request is lost on another one."""
    port = free_port()
    codes, kinds = [], []
    with ExitStack() as stack:
        for listen in (before, after, before):
            nginx.configure(server=f"listen {listen.format(port=port)};")
            if not codes:
                nginx.start()
                clients = stack.enter_context(load(nginx.port))
            codes.append(nginx.act("restart").code)
            kinds.append(sockets_at(nginx, port))
        assert [] == clients.bad

    assert [0, 0, 0] == codes
    assert kinds[0] == kinds[2] != kinds[1]


def sockets_at(site, port):
    """Return what a master has at a port, and what is in force there."""
    copies = site.host.copy_listeners(site.master)
    told = {one.inode: one.backlog for one in site.host.listening_sockets()}
    for one in copies:
        site.host.close(one.fd)
    return sorted(
        (one.place, one.ipv6only, one.reuseport, told.get(one.inode))
        for one in copies
        if one.place.endswith(f":{port}")
    )


def test_other_count_of_workers(nginx):
    """With ``reuseport`` there is a socket for each worker, more or fewer after a restart."""
    port = free_port()
    counts = []
    for workers in (2, 4, 1):
        nginx.configure(server=f"listen 127.0.0.1:{port} reuseport;", workers=workers)
        if not counts:
            nginx.start()
        assert 0 == nginx.act("restart").code
        counts.append(len(sockets_at(nginx, port)))

    assert [2, 4, 1] == counts


@pytest.mark.parametrize("listen", ["0.0.0.0:{port}", "[::]:{port}", "{port}"])
def test_address_of_a_pool(fpm, listen):
    """php-fpm listens at another address of its port afterwards, and back."""
    fpm.configure()
    fpm.start()
    before = fpm.listen
    seen = []
    for at in (listen, "127.0.0.1:{port}"):
        fpm.listen = at.format(port=fpm.port)
        fpm.configure()
        seen.append((fpm.act("restart").code, sockets_at(fpm, fpm.port)[0][0]))
        assert fpm.ask().startswith("14")

    assert not before
    wanted = fpm.host.place("0.0.0.0", str(fpm.port))
    assert [0, 0] == [code for code, _ in seen]
    assert seen[0][1] in (wanted, f":::{fpm.port}")
    assert f"127.0.0.1:{fpm.port}" == seen[1][1]


def test_download_in_flight(nginx):
    """It goes on until the schedule ends it, and holds up nobody else."""
    held = 3
    nginx.place.settings(nginx.name, f"STOP_SCHEDULE=QUIT/{held}/TERM/5/KILL/5\n")
    nginx.start()
    over = threading.Event()

    def slowest_answer():
        slowest = 0.0
        while not over.is_set():
            since = time.monotonic()
            assert "one" == nginx.ask()
            slowest = max(slowest, time.monotonic() - since)
        return slowest

    with nginx.download() as connection, ThreadPoolExecutor() as pool:
        asking = pool.submit(slowest_answer)
        result = nginx.act("restart")
        over.set()
        received = len(connection.recv(1 << 20, socket.MSG_DONTWAIT))

    assert 0 == result.code
    assert result.seconds >= held
    assert asking.result() < held - 0.5
    assert received


def test_request_in_flight(place):
    """php-fpm's is answered, though its master is gone."""
    shop = Shop(place).open()
    with ThreadPoolExecutor() as pool:
        asking = pool.submit(shop.front.ask, "/php/?ms=1500")
        wait_until(lambda: any(map(busy, shop.fpm.workers)), "a worker to be busy")
        old = shop.fpm.master

        result = shop.fpm.act("restart")

        assert 0 == result.code
        assert not shop.fpm.alive(old)
        assert "done" == asking.result()


def busy(worker):
    """Tell whether a worker sleeps in a script and waits for no client."""
    with open(f"/proc/{worker.pid}/wchan") as file:
        return "nanosleep" in file.read()


@pytest.mark.parametrize("kind", ["nginx", "php-fpm"])
def test_new_binary_that_fails(place, kind):
    """The old master serves as before, no request is lost, and that is said."""
    site = {"nginx": Nginx, "php-fpm": Fpm}[kind](place)
    site.configure()
    site.start()
    old = site.master
    genuine = place.copy(site.binary, "sbin/genuine")
    test = f'case "$*" in *-t*) exec {genuine} "$@";; esac'
    place.script(f"sbin/{site.kind}", f"{test}\necho no such library >&2\nexit 1\n")

    result = site.act("restart")

    assert 1 == result.code
    assert f"old master {old} serves as before" in result.err
    assert site.master == old
    site.see_only(old)
    assert (site.ask() or "").startswith(("one", "14"))


def test_master_that_was_told_to_end(nginx):
    """Somebody has sent QUIT, and a download goes on: nothing listens, and restart starts it."""
    nginx.place.settings(nginx.name, "STOP_SCHEDULE=QUIT/1/TERM/5/KILL/5\n")
    old = nginx.start()
    with nginx.download():
        nginx.kill(old, signal.SIGQUIT)
        wait_until(lambda: can_bind(nginx.port), "the port to be free")

        result = nginx.act("restart")

    assert 0 == result.code, result
    assert result.seconds < 10
    assert nginx.master not in (None, old)
    assert "one" == nginx.ask()
