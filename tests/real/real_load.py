"""Daemons under load: clients that never pause, and nginx in front of php-fpm."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from contextlib import contextmanager

from real_daemons import HERE, Client, Fpm, Nginx, Result, free_port, wait_until

ROUNDS = int(os.environ.get("INITPY_TEST_ROUNDS", "3"))  # of what must hold every time
KILLS = int(os.environ.get("INITPY_TEST_KILLS", "10"))  # moments at which a script is killed
ACTIONS = int(os.environ.get("INITPY_TEST_ACTIONS", "30"))  # at once on one service

WITHOUT_PTRACE = ["setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace"]
WITHOUT_KILL = ["setpriv", "--bounding-set", "-kill", "--inh-caps", "-kill"]

SLOW = """<?php
usleep(1000 * (int) $_GET['ms']);
if (isset($_GET['words'])) {
    for ($i = 0; $i < (int) $_GET['words']; $i++) {
        file_put_contents('php://stderr', str_repeat('chatty ', 20) . "\\n");
    }
}
header('Content-Length: 4');
echo 'done';
"""


class Load(Client):
    """Asks at *at* (see ``asking``) from many threads, for any of *paths*, without a pause."""

    def __init__(self, at, *paths, asking=2):
        self._child = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "asking.py"), str(at), str(asking), *paths],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._told = None
        assert "asking\n" == self._child.stdout.readline()


@contextmanager
def load(at, *paths, asking=2):
    """Have clients ask meanwhile; yield them."""
    clients = Load(at, *paths, asking=asking)
    try:
        yield clients
    finally:
        clients.close()


class Front(Nginx):
    """An nginx with php-fpm behind it: ``/php/`` asks the pools in their order."""

    def __init__(self, place, *addresses, path):
        self.addresses = addresses
        self.script_file = path
        super().__init__(place, "front", wrapped=True)
        self.kind = "nginx"

    def configure(self, **changes):
        """Write its configuration."""
        locations = "\n".join(
            f"location /php{number or ''}/ {{ include /etc/nginx/fastcgi_params; "
            f"fastcgi_param SCRIPT_FILENAME {self.script_file}; "
            f"fastcgi_read_timeout 20; fastcgi_pass {address}; }}"
            for number, address in enumerate(self.addresses)
        )
        super().configure(server=locations, **changes)


class Shop:
    """php-fpm and the nginx in front of it, both in one place."""

    def __init__(self, place, *, unix=False, **changes):
        self.place = place
        self.fpm = Fpm(place)
        if unix:
            self.fpm.listen = place.path("pool.sock")
        self.changes = changes
        self.fpm.configure(**changes)
        self.script = place.write("slow.php", SLOW)
        self.address = f"unix:{self.fpm.listen}" if unix else f"127.0.0.1:{self.fpm.port}"
        self.front = None

    def add_pools(self, *listens, children=4):
        """Have a pool more for each of *listens*."""
        for number, listen in enumerate(listens, 1):
            self.place.write(
                f"php-fpm/pool.d/more{number}.conf",
                f"[more{number}]\nuser = www-data\ngroup = www-data\nlisten = {listen}\n"
                f"pm = static\npm.max_children = {children}\n",
            )
        self.fpm.crew += children * len(listens)

    def open_both(self):
        """Start both, with one pool on a unix socket and one on a port."""
        listen = f"127.0.0.1:{free_port()}"
        self.add_pools(listen)
        return self.open(listen)

    @contextmanager
    def load_both(self):
        """Have clients ask both pools meanwhile; yield what tells what went wrong."""
        with (
            self.load(asking=3, slowest=0.3) as first,
            self.load(asking=3, slowest=0.3, pool=1) as second,
        ):
            yield lambda: [*first.bad, *second.bad]

    def open(self, *more):
        """Start both; *more* are the addresses of further pools."""
        self.fpm.start()
        self.front = Front(self.place, self.address, *more, path=self.script)
        self.front.start()
        return self

    def ask(self, pool=0):
        """Ask once."""
        return self.front.ask(f"/php{pool or ''}/?ms=1")

    def load(self, *, asking=16, slowest=1.0, pool=0, also=""):
        """Ask from many, each request 0.1 seconds to *slowest* long."""
        steps = 10
        times = [100 + int((1000 * slowest - 100) * step / (steps - 1)) for step in range(steps)]
        paths = [f"/php{pool or ''}/?ms={ms}{also}" for ms in times]
        return load(self.front.port, *paths, asking=asking)

    @property
    def crew(self):
        """Whoever may run here: nothing is left over beside them."""
        sites = [site for site in (self.fpm, self.front) if site is not None]
        return {process for site in sites for process in (site.master, *site.workers)}

    def see_settled(self):
        """Wait until nobody runs here but masters and their workers."""
        wait_until(
            lambda: self.crew == set(self.place.processes()),
            lambda: f"{self.place.processes()} to be {self.crew}",
        )


def run(argv, **options):
    """Run a program to its end; return how it ended."""
    done = subprocess.run(
        argv,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
        **options,
    )
    return Result(done.returncode, done.stdout, done.stderr, 0.0)


def moments(duration, kills=KILLS):
    """Return moments spread over the whole of an action, at random within their share."""
    return [duration * (number + random.random()) / kills for number in range(kills)]


def heeds(script):
    """Tell whether a wrapper has come so far that it notes signals instead of dying of them."""
    if script.poll() is not None:
        return True
    with open(f"/proc/{script.pid}/status") as file:
        caught = next(line.split()[1] for line in file if line.startswith("SigCgt"))
    return int(caught, 16) >> (signal.SIGTERM - 1) & 1


def crash(site):
    """SIGKILL the master and see it dead; return whom it leaves behind."""
    master, workers = site.master, site.workers
    site.kill(master)
    site.see_gone(master)
    return workers
