"""What is said of a service that cannot start, or is not what it should be."""

from __future__ import annotations

import os
import pwd
import re
import socket
import subprocess
import sys
from contextlib import contextmanager
from datetime import datetime

import pytest
from real_daemons import NOBODY, Fpm, Nginx, free_port
from real_load import crash

pytestmark = pytest.mark.fault

STREAM = "/usr/lib/nginx/modules/ngx_stream_module.so"

HOLDER = """
import socket, sys
at, kind = sys.argv[1:]
family = socket.AF_UNIX if at.startswith("/") else socket.AF_INET6 if ":" in at else socket.AF_INET
held = socket.socket(family, getattr(socket, kind))
if family == socket.AF_UNIX:
    held.bind(at)
else:
    host, _, port = at.rpartition("@")
    if kind == "SOCK_STREAM":
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind((host, int(port)))
if kind == "SOCK_STREAM":
    held.listen()
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held(place, at, kind="SOCK_STREAM"):
    """Have another program, of another user, listen there: ``127.0.0.1@80`` or a path."""
    program = place.copy(os.path.realpath(sys.executable), "other/somebody")
    child = subprocess.Popen(
        [program, "-I", "-c", HOLDER, at, kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        env={"PYTHONHOME": sys.base_prefix},
    )
    try:
        assert "held\n" == child.stdout.readline()
        yield child
        assert child.poll() is None, "it was ended"
    finally:
        child.kill()
        child.communicate()


def sentence(where, child):
    """Return the pattern of the sentence that names the holder."""
    return (
        rf"{re.escape(where)} is held by pid {child.pid} "
        r"\(somebody, user nobody, since (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\)"
    )


def check_named(result, where, child):
    """Check that the failure names pid, program, user, and since when."""
    found = re.search(sentence(where, child), result.err.splitlines()[-1])
    assert found, result
    since = datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - local time
    assert 0 <= (datetime.now() - since).total_seconds() < 60  # noqa: DTZ005


def test_port_is_held(site):
    """Another program holds the port: start is 1, and names it, its user and its start."""
    with held(site.place, f"127.0.0.1@{site.port}") as child:
        result = site.act("start")

        assert 1 == result.code, result
        check_named(result, f"127.0.0.1:{site.port}", child)
        assert [child.pid] == [process.pid for process in site.place.processes()]
        assert not os.path.exists(site.pidfile)


def test_unix_socket_is_held(fpm):
    """Another program listens on the unix socket: start is 1, and names it; the path stays."""
    run = fpm.place.path("run")
    os.mkdir(run, 0o777)
    os.chmod(run, 0o777)
    fpm.listen = f"{run}/pool.sock"
    fpm.configure()
    with held(fpm.place, fpm.listen) as child:
        result = fpm.act("start")

        assert 1 == result.code, result
        check_named(result, fpm.listen, child)
        assert [child.pid] == [process.pid for process in fpm.place.processes()]
        with socket.socket(socket.AF_UNIX) as asking:
            asking.connect(fpm.listen)


def test_ipv6_port_is_held(nginx):
    """Another program holds one of several ports, by IPv6: start is 1, and names it."""
    port = free_port()
    nginx.configure(server=f"listen [::1]:{port};")
    with held(nginx.place, f"::1@{port}") as child:
        result = nginx.act("start")

        assert 1 == result.code, result
        check_named(result, f"[::1]:{port}", child)
        assert [child.pid] == [process.pid for process in nginx.place.processes()]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_udp_port_is_held(nginx, host):
    """Another program holds a port of udp: start is 1, and names it."""
    port = free_port()
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    server = f"server {{ listen {address} udp; return x; }}"
    nginx.configure(main=f"load_module {STREAM};\nstream {{ {server} }}")
    with held(nginx.place, f"{host}@{port}", "SOCK_DGRAM") as child:
        result = nginx.act("start")

        assert 1 == result.code, result
        check_named(result, f"{address} (udp)", child)
        assert [child.pid] == [process.pid for process in nginx.place.processes()]


def test_port_is_another_instances(place):
    """Another instance of the same binary holds the port: start is 1, and names it."""
    ours, other = Fpm(place), Fpm(place, "other")
    ours.port = other.port
    ours.configure()
    other.start()
    untouched = other.master, other.workers

    result = ours.act("start")
    stopped = ours.act("stop")

    assert 1 == result.code, result
    # They all hold it: whichever is named.
    named = re.search(rf"127\.0\.0\.1:{other.port} is held by pid (\d+) \(php-fpm, ", result.err)
    assert named, result
    assert int(named[1]) in [process.pid for process in (untouched[0], *untouched[1])]
    assert 0 == stopped.code, stopped
    assert untouched == (other.master, other.workers)
    assert other.ask()


def test_port_is_held_beside_orphans(site):
    """Orphans serve, and another program holds a new port: start is 1, the orphans serve on."""
    site.start()
    orphans = crash(site)
    port = free_port()
    with held(site.place, f"127.0.0.1@{port}") as child:
        if site.kind == "nginx":
            site.configure(listens=(port,))
        else:
            site.place.write(
                "php-fpm/pool.d/more.conf",
                f"[more]\nuser = www-data\nlisten = 127.0.0.1:{port}\n"
                "pm = static\npm.max_children = 1\n",
            )

        result = site.act("start")

        assert 1 == result.code, result
        check_named(result, f"127.0.0.1:{port}", child)
        assert {*(orphan.pid for orphan in orphans), child.pid} == {
            process.pid for process in site.place.processes()
        }
        assert site.ask()


def test_reload_to_a_held_port(nginx, client):
    """Another program holds a new port: reload is 150 and says why; the old workers serve."""
    workers = nginx.workers
    port = free_port()
    with held(nginx.place, f"127.0.0.1@{port}"):
        nginx.configure(listens=(port,))

        result = nginx.act("reload")

        assert 150 == result.code, result
        assert f"127.0.0.1:{port}" in result.err.splitlines()[-1]
        assert workers == nginx.workers
    assert [] == client.bad


def test_binary_was_replaced(site):
    """The binary on disk was replaced: status is 0, and advises an upgrade."""
    site.start()
    site.place.copy(site.binary, f"sbin/{site.kind}")

    told, asked = site.act("status"), site.act("status", "--json")

    assert (0, 0) == (told.code, asked.code)
    assert "the binary on disk is newer than the running one: upgrade" in told.out
    assert asked.json["binary_replaced"] is True


def test_pidfile_is_lost(site):
    """The pidfile was removed: status is 0, finds the master, and says that the file is lost."""
    master = site.start()
    os.unlink(site.pidfile)

    told, asked = site.act("status"), site.act("status", "--json")

    assert (0, 0) == (told.code, asked.code)
    assert f"master {master}" in told.out
    assert f"pidfile {site.pidfile} is lost" in told.out
    assert (master.pid, "lost") == (asked.json["master"], asked.json["pidfile_state"])
    assert not os.path.exists(site.pidfile)


@pytest.mark.parametrize("kind", [Nginx, Fpm])
def test_pidfile_names_another_instance(place, kind):
    """The pidfile names another instance's master: every action finds its own master."""
    ours, other = kind(place), kind(place, "other")
    for site in (ours, other):
        site.start()
    untouched = other.master, other.workers
    for action in ("status", "reload", "upgrade", "stop"):
        place.write(f"{ours.folder}/daemon.pid", f"{untouched[0]}\n")

        result = ours.act(action)

        assert 0 == result.code, result
        assert untouched == (other.master, other.workers)
    assert set(place.processes()) == {untouched[0], *untouched[1]}
    assert "nobody" == pwd.getpwuid(NOBODY).pw_name
