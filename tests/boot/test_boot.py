"""A Debian is booted with the packages installed: what init does to them, and they under it."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from glob import glob

import psutil
import pytest
from booting import Load, Request, booted

pytestmark = pytest.mark.boot

BOTH = ("php8.2-fpm", "nginx")
PHP = "/index.php"
STALE = ("/run/php/php8.2-fpm.pid", "/run/nginx.pid")

# Is there before nginx and php-fpm, and takes notes of every signal but KILL.
BYSTANDER = f"""#!/usr/bin/python3
### BEGIN INIT INFO
# Provides:          bystander
# Required-Start:    $local_fs
# Required-Stop:
# X-Start-Before:    {" ".join(BOTH)}
# Default-Start:     2
# Default-Stop:
# Short-Description: somebody else
### END INIT INFO
import os, signal, sys

def note(number, frame):
    with open("/run/signalled", "a") as file:
        file.write(signal.Signals(number).name)

for number in signal.valid_signals() - {{signal.SIGKILL, signal.SIGSTOP}}:
    signal.signal(number, note)
if sys.argv[1:] != ["start"]:
    sys.exit()
os.makedirs("/run/php", exist_ok=True)
if child := os.fork():
    for path in {("/run/bystander", *STALE)}:
        with open(path, "x") as file:
            file.write(f"{{child}}\\n")
    print("Starting somebody else", flush=True)
    os._exit(0)
os.setsid()
while True:
    signal.pause()
"""


def masters(machine):
    """Return the masters of both services, which run."""
    told = [machine.status(name) for name in BOTH]
    assert ["running"] * 2 == [status["state"] for status in told], told
    return [status["master"] for status in told]


def test_boot(machine):
    """Init starts both in runlevel 2, php-fpm before nginx."""
    assert [*BOTH] == machine.done("Starting")
    assert all(masters(machine))


def test_links(machine):
    """By the links that the packages leave, php-fpm starts before nginx and stops after it."""

    def number(runlevel, kind, name):
        (link,) = glob(machine.path(f"/etc/rc{runlevel}.d/{kind}[0-9][0-9]{name}"))
        return int(os.path.basename(link)[1:3])

    for runlevel in "2345":
        assert number(runlevel, "S", "php8.2-fpm") < number(runlevel, "S", "nginx")
    for runlevel in "016":
        assert number(runlevel, "K", "php8.2-fpm") > number(runlevel, "K", "nginx")


def test_a_disabled_one_stays_down(disk):
    """Without its link one is not started, and the other is none the worse."""
    disk.run("update-rc.d", "nginx", "disable")

    with booted(disk) as machine:
        states = [machine.status(name)["state"] for name in BOTH]

    assert ["running", "stopped"] == states


def test_service_status_all(machine):
    """Service --status-all shows both, php-fpm by either name."""
    result = machine.service("--status-all")

    running = {line.split()[-1] for line in result.out.splitlines() if "[ + ]" in line}
    assert running == {"nginx", "php8.2-fpm", "php-fpm"}, result


def test_upgrade_of_nginx(machine):
    """Service nginx upgrade leaves a master of the new binary, and loses no request."""
    new = "cd /usr/sbin && cp nginx nginx.new && mv nginx.new nginx"
    assert 0 == machine.run("sh", "-c", new).code
    before = machine.status("nginx")

    with closing(Load(machine)) as clients:
        result = machine.service("nginx", "upgrade")
        bad = clients.bad

    assert 0 == result.code, result
    after = machine.status("nginx")
    assert (True, False) == (before["binary_replaced"], after["binary_replaced"])
    assert before["master"] != after["master"]
    assert [] == bad


def test_reload_of_php_fpm(machine):
    """Service php-fpm reload is over when the new configuration serves."""
    with open(machine.path("/etc/php/8.2/fpm/pool.d/www.conf"), "a") as pool:
        pool.write("php_admin_value[precision] = 5\n")

    result = machine.service("php-fpm", "reload")

    assert 0 == result.code, result
    assert {"php 5": 1} == Request(machine, PHP).answered


def test_upgrade_of_php_fpm(machine):
    """Service php-fpm upgrade leaves another master, and loses no request."""
    before = machine.status("php-fpm")

    with closing(Load(machine)) as clients:
        result = machine.service("php-fpm", "upgrade")
        bad = clients.bad

    assert 0 == result.code, result
    assert before["master"] != machine.status("php-fpm")["master"]
    assert [] == bad


def test_halt(disk):
    """Init 0 stops nginx, then php-fpm, and a request that both work at is answered whole."""
    slow = f"{PHP}?until=/tmp/free&ms=1000"
    with booted(disk) as machine, closing(Request(machine, slow)) as request:
        machine.wait_until(lambda: os.path.exists(machine.path("/tmp/asked")), "the request")

        machine.run("init", "0")
        machine.wait_until(lambda: Request(machine, "/").bad, "nginx to take no more requests")
        open(machine.path("/tmp/free"), "x").close()

        assert {"php 14": 1} == request.answered, request.bad
        assert signal.SIGINT == machine.see_down()
        assert ["nginx", "php8.2-fpm"] == machine.done("Stopping")


def test_halt_under_load(disk):
    """Init 0 while clients ask without a pause: who gets an answer gets a good one, and whole."""
    with booted(disk) as machine, closing(Load(machine)) as clients:
        machine.run("init", "0")
        machine.see_down()

        assert [] == [bad for bad in clients.bad if "after b''" not in bad]
        assert {"nginx", "php 14"} == set(clients.answered)


def test_second_boot_with_stale_pidfiles(disk):
    """After a reboot pidfiles that name somebody else keep neither down, nor is he signalled."""
    disk.write("/etc/init.d/bystander", BYSTANDER, 0o755)
    with booted(disk) as machine:
        first = machine.run("update-rc.d", "bystander", "defaults")
        assert 0 == first.code, first
        machine.run("init", "6")
        assert signal.SIGHUP == machine.see_down()

    with booted(disk) as machine:
        started = masters(machine)

        assert started == [int(machine.read(path)) for path in STALE]
        assert machine.console.index("somebody else") < machine.console.index("Starting php")
        other = machine.read("/run/bystander").strip()
        assert "bystander" in machine.read(f"/proc/{other}/cmdline")
        assert not os.path.exists(machine.path("/run/signalled"))


def test_power_cut(disk):
    """After a power cut nothing of the machine runs on, and it boots again."""
    with booted(disk) as machine:
        everybody = psutil.Process(machine.power.pid).children(recursive=True)
    left = [one for one in everybody if one.is_running()]

    with booted(disk) as again:
        states = [again.status(name)["state"] for name in BOTH]

    assert [] == left
    assert len(everybody) > len(BOTH)
    assert ["running"] * 2 == states
