"""Builds from source with prefixes of their own: detected, installed, and driven by scripts."""

from __future__ import annotations

import pytest
from real_daemons import wait_until
from server import FPM, FPM_PIDFILE, NGINX, NGINX_PIDFILE, PHP, RTMP

pytestmark = pytest.mark.real

FACTS = {
    ("nginx", "--daemon", f"{NGINX}/sbin/nginx"): {
        "config": f"{NGINX}/conf/nginx.conf",
        "pidfile": NGINX_PIDFILE,
        "prefix": NGINX,
    },
    ("nginx", "--daemon", f"{RTMP}/sbin/nginx", "--prefix", RTMP): {
        "config": f"{RTMP}/conf/nginx.conf",
        "pidfile": f"{RTMP}/logs/nginx.pid",
        "prefix": NGINX,
    },
    ("php-fpm", "--daemon", FPM): {
        "config": f"{PHP}/etc/php-fpm.conf",
        "pidfile": FPM_PIDFILE,
        "prefix": PHP,
        "localstatedir": f"{PHP}/var",
    },
}
BLOG = "/srv/blog"
POOL = """[global]
pid = run/php-fpm.pid
error_log = log/blog.log
[blog]
user = nobody
group = nogroup
listen = run/blog.sock
pm = static
pm.max_children = 1
"""
SERVICES = ("php-fpm", "nginx", "nginx-rtmp")


def test_detected(server):
    """The daemon alone tells where its configuration, its pidfile and its prefix are."""
    server("sed", "-i", "s/^pid = /;pid = /", f"{PHP}/etc/php-fpm.conf")
    for words, facts in FACTS.items():
        made = server("initpy", "generate", *words)
        assert 0 == made.code, made
        for field, value in facts.items():
            assert f'{field}="{value}",' in made.out


def test_every_action(server):
    """Each action of each script is 0 and true, and no request is lost; in the end nothing runs."""
    server.load_extension(False)
    server.install()
    pidfiles = (FPM_PIDFILE, NGINX_PIDFILE, f"{RTMP}/logs/nginx.pid")

    def codes(*argv):
        return [server.act(name, *argv).code for name in SERVICES]

    assert [0, 0, 0] == codes("configtest")
    assert [] == [path for path in pidfiles if server.exists(path)]
    assert [3, 3, 3] == codes("status")
    assert [0, 0, 0] == codes("start")
    assert ("one", "without") == (server.ask("/"), server.ask("/php/"))
    with server.load("/", "/php/?ms=5") as stop:
        for action in ("upgrade", "restart", "configtest", "status"):
            assert [0, 0, 0] == codes(action), action
        assert 0 == server.act("nginx", "reload").code
        asked = stop()
    assert [] == asked["bad"]
    assert [0, 0, 0] == codes("reload")
    assert [0, 0, 0] == codes("stop")
    assert [] == [path for path in pidfiles if server.exists(path)]
    assert {} == {**server.processes("nginx: "), **server.processes("php-fpm: ")}


def test_reopen(server):
    """A rotated log at the compiled-in path: reopen is 0 only when no worker writes to it."""
    log = f"{NGINX}/logs/access.log"
    server.install()
    assert 0 == server.act("nginx", "start").code
    ((master, workers),) = server.nginx().items()
    assert 0 == server("mv", log, f"{log}.1").code
    worker = min(workers)
    server.kill("STOP", worker)
    wait_until(lambda: stopped(server, worker), "the worker to be stopped")

    kept = server.act("nginx", "reopen")

    assert 1 == kept.code
    assert f"pid {worker} " in kept.err
    assert f"{log}.1" in kept.err
    server.kill("CONT", worker)
    assert 0 == server.act("nginx", "reopen").code
    held = server("sh", "-c", f"ls -l /proc/{master}/fd /proc/{worker}/fd")
    assert f"{log}.1" not in held.out
    assert log in held.out


def stopped(server, pid):
    """Tell whether a process is stopped by a signal."""
    return server("ps", "-o", "state=", "-p", str(pid)).out.strip() == "T"


def test_log_of_php_fpm(server):
    """Its log is in the state directory that it was built with: reopen makes a new one there."""
    log = f"{PHP}/var/log/php-fpm.log"
    server.install()
    assert 0 == server.act("php-fpm", "start").code
    assert 0 == server("mv", log, f"{log}.1").code

    reopened = server.act("php-fpm", "reopen")

    assert 0 == reopened.code, reopened
    assert server.exists(log)
    held = server("sh", "-c", f"ls -l /proc/{server.named(FPM_PIDFILE)}/fd")
    assert f"{log}.1" not in held.out


def test_php_fpm_with_another_prefix(server):
    """Two instances of one build: told the prefix alone, a script leaves the other one alone."""
    server.load_extension(False)
    server.install()
    assert 0 == server("mkdir", "-p", f"{BLOG}/etc", f"{BLOG}/log", f"{BLOG}/run").code
    server.chamber.write(f"{BLOG}/etc/php-fpm.conf", POOL)
    facts = ("--name", "blog", "--daemon", FPM, "--prefix", BLOG)
    made = server("initpy", "install", "php-fpm", *facts)
    assert 0 == made.code, made
    assert 0 == server.act("php-fpm", "start").code
    master = server.named(FPM_PIDFILE)

    for action in ("start", "reload", "upgrade", "reopen", "restart", "status"):
        result = server.act("blog", action)
        assert 0 == result.code, result

    server.see_masters(master, server.named(f"{BLOG}/run/php-fpm.pid"), of=FPM)
    assert server.exists(f"{BLOG}/run/blog.sock")
    assert server.exists(f"{BLOG}/log/blog.log")
    assert 0 == server.act("blog", "stop").code
    server.see_masters(master, of=FPM)
    assert 0 == server.act("php-fpm", "status").code
