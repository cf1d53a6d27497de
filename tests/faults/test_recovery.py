"""Masters that are killed: their workers serve on, and start takes over from them."""

from __future__ import annotations

import os
import subprocess
from contextlib import ExitStack, contextmanager

import pytest
from real_daemons import Fpm, Nginx, can_bind, free_port, wait_until
from real_load import ROUNDS, Shop, crash, load

pytestmark = pytest.mark.fault

REQUEST = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test"
STREAM = "/usr/lib/nginx/modules/ngx_stream_module.so"


def recovered(site, orphans, *, crew=()):
    """Check that one master serves, in the background, and nobody is left of the dead family."""
    assert [] == [orphan for orphan in orphans if site.alive(orphan)]
    master = site.master
    facts = site.host.look(master.pid)
    assert master.pid == site.named
    # The last of its workers may have no title yet, or may not even be born.
    wait_until(lambda: len(site.workers) == site.crew, "all workers")
    alone = lambda: {master, *site.workers, *crew} == set(site.place.processes())  # noqa: E731
    wait_until(alone, f"only {master}, its workers and {crew}")
    leader = site.host.find(facts.session)
    assert leader in (None, master)  # it is in the session of nobody else
    assert facts.ppid in (1, site.host.reaper())
    assert not os.path.exists(site.service.oldbin)
    assert not has_terminal(master)
    assert (0, []) == (site.act("status").code, site.act("status", "--json").json["orphans"])


def has_terminal(process):
    with open(f"/proc/{process}/stat") as file:
        return file.read().rpartition(")")[2].split()[4] != "0"


def test_nginx_under_load(nginx):
    """The nginx master is killed under load: start takes over its sockets, no request is lost."""
    nginx.start()
    with load(nginx.port, asking=4) as clients:
        for _ in range(ROUNDS):
            orphans = crash(nginx)

            told = nginx.act("status")
            result = nginx.act("start")

            assert 1 == told.code, told
            assert "master dead, 2 workers orphaned (pids " in told.out
            assert f"still serving 127.0.0.1:{nginx.port}" in told.out
            assert all(f"{orphan}" in told.out for orphan in orphans)
            assert 0 == result.code, result
            recovered(nginx, orphans)

        assert [] == clients.bad
    assert {"one"} == set(clients.answered)


@pytest.mark.parametrize("unix", [False, True], ids=["TCP", "unix socket"])
def test_php_fpm_under_load(place, unix):
    """The php-fpm master is killed under load: start takes over its sockets, no request is lost."""
    shop = Shop(place, unix=unix, children=20).open()
    fpm = shop.fpm
    with shop.load() as clients:
        for _ in range(ROUNDS):
            orphans = crash(fpm)

            told = fpm.act("status")
            result = fpm.act("start")

            assert 1 == told.code, told
            assert "master dead, 20 workers orphaned (pids " in told.out
            assert "still serving " + (fpm.listen or f"127.0.0.1:{fpm.port}") in told.out
            assert 0 == result.code, result
            recovered(fpm, orphans, crew=shop.crew)

        assert [] == clients.bad


def test_restart_of_orphans(site):
    """The master is killed: restart recovers the service, as start does."""
    site.start()
    orphans = crash(site)

    result = site.act("restart")

    assert 0 == result.code, result
    recovered(site, orphans)
    assert site.ask()


def test_recovered_nginx_works_as_ever(nginx):
    """The nginx master was killed and recovered: reload, ten upgrades and stop work as before."""
    nginx.start()
    with load(nginx.port) as clients:
        orphans = crash(nginx)
        assert 0 == nginx.act("start").code
        recovered(nginx, orphans)
        codes = [nginx.act("reload").code]
        for _ in range(10):
            nginx.replace_binary()
            before = nginx.master
            codes.append(nginx.act("upgrade").code)
            assert before != nginx.master
            assert nginx.master.pid == nginx.named

        assert [0] * 11 == codes
        assert [] == clients.bad
    assert 0 == nginx.act("stop").code
    assert {} == nginx.place.processes()
    assert can_bind(nginx.port)


def test_recovered_php_fpm_works_as_ever(place):
    """The php-fpm master was killed and recovered: upgrades, reload and stop work as before."""
    shop = Shop(place, children=6).open()
    with shop.load(asking=4, slowest=0.2) as clients:
        orphans = crash(shop.fpm)
        assert 0 == shop.fpm.act("start").code
        assert [] == [orphan for orphan in orphans if shop.fpm.alive(orphan)]
        codes = [shop.fpm.act("upgrade").code for _ in range(3)]

        assert [0, 0, 0] == codes
        assert [] == clients.bad
    assert 0 == shop.fpm.act("reload").code
    assert "done" == shop.ask()
    assert 0 == shop.fpm.act("stop").code
    assert {shop.front.master, *shop.front.workers} == set(place.processes())
    assert can_bind(shop.fpm.port)
    assert not os.path.exists(shop.fpm.pidfile)


def test_after_an_upgrade(site):
    """The master is killed after an upgrade: start recovers it all the same."""
    site.start()
    for _ in range(2):
        assert 0 == site.act("upgrade").code
    wait_until(lambda: len(site.workers) == site.crew, "all workers")
    orphans = crash(site)

    told = site.act("status")
    result = site.act("start")

    assert 1 == told.code, told
    assert all(str(orphan) in told.out for orphan in orphans), told
    assert 0 == result.code, result
    assert [] == [orphan for orphan in orphans if site.alive(orphan)]
    site.see_only(site.master)
    assert site.ask()


def test_with_the_pidfile_lost(site):
    """The master is killed and its pidfile is gone: the orphans are known by their sockets."""
    site.start()
    orphans = crash(site)
    os.unlink(site.pidfile)

    told = site.act("status")
    result = site.act("start")

    assert 4 == told.code, told
    assert all(str(orphan) in told.out for orphan in orphans), told
    assert 0 == result.code, result
    recovered(site, orphans)
    assert site.ask()


@pytest.mark.parametrize("action", ["stop", "force-quit"])
@pytest.mark.parametrize("lost", [False, True], ids=["pidfile there", "pidfile lost"])
def test_stop_of_orphans(site, action, lost):
    """The master is killed: stop ends its workers, and removes its pidfile."""
    site.start()
    crash(site)
    if lost:
        os.unlink(site.pidfile)

    result = site.act(action)

    assert 0 == result.code, result
    assert {} == site.place.processes()
    assert not os.path.exists(site.pidfile)
    assert can_bind(site.port)


@pytest.mark.parametrize("action", ["reload", "upgrade", "reopen", "try-restart"])
def test_what_needs_a_master(site, action):
    """The master is killed: reload, reopen and upgrade are 7; the workers serve on."""
    site.start()
    orphans = crash(site)

    result = site.act(action)

    assert (0 if action == "try-restart" else 7) == result.code, result
    assert orphans == set(site.place.processes())
    assert site.ask()


@contextmanager
def certificate(place):
    """Make a self-signed certificate; yield the directives that name it."""
    key, cert = place.path("key.pem"), place.path("cert.pem")
    subprocess.run(
        [*REQUEST.split(), "-keyout", key, "-out", cert],
        check=True,
        capture_output=True,
    )
    yield f"ssl_certificate {cert}; ssl_certificate_key {key};"


def test_every_kind_of_listen(place):
    """The nginx master is killed on IPv4, IPv6, unix, reuseport, ssl and udp: start recovers."""
    assert os.path.exists(STREAM), "libnginx-mod-stream is not installed: this test needs it"
    nginx = Nginx(place)
    six, shared, tls, udp = (free_port() for _ in range(4))
    path = place.path("nginx.sock")
    with certificate(place) as directives, ExitStack() as stack:
        nginx.configure(
            main=f"load_module {STREAM};\n"
            f'stream {{ server {{ listen 127.0.0.1:{udp} udp; return "one"; }} }}',
            server=f"listen [::1]:{six}; listen unix:{path}; listen 127.0.0.1:{shared} reuseport;"
            f"listen 127.0.0.1:{tls} ssl; {directives}",
        )
        nginx.start()
        places = [nginx.port, f"[::1]:{six}", path, shared, f"tls:{tls}", f"udp:{udp}"]
        clients = {at: stack.enter_context(load(at, asking=1)) for at in places}
        for _ in range(ROUNDS):
            orphans = crash(nginx)

            result = nginx.act("start")

            assert 0 == result.code, result
            recovered(nginx, orphans)
        codes = [nginx.act(action).code for action in ("reload", "upgrade", "upgrade")]

        assert {at: [] for at in places} == {at: asked.bad for at, asked in clients.items()}
        assert all({"one"} == set(asked.answered) for asked in clients.values())
        assert [0, 0, 0] == codes
        assert os.path.exists(path)
    assert 0 == nginx.act("stop").code
    assert not os.path.exists(path)


def test_cache_processes(nginx):
    """The master of an nginx with a cache is killed: start ends its cache manager, too."""
    cache = nginx.path("cache")
    nginx.configure(http=f"proxy_cache_path {cache} keys_zone=one:1m;")
    assert 0 == nginx.act("start").code
    family = lambda: set(nginx.place.processes())  # noqa: E731
    manager = lambda: any("cache manager" in t for t in nginx.place.processes().values())  # noqa: E731
    with load(nginx.port) as clients:
        for _ in range(ROUNDS):
            wait_until(manager, "the cache manager")
            dead = family() - {nginx.master}
            crash(nginx)

            result = nginx.act("start")

            assert 0 == result.code, result
            assert set() == dead & family()
            nginx.see_only(nginx.master)

        assert [] == clients.bad


@pytest.mark.parametrize("kind", [Nginx, Fpm])
def test_two_instances(place, kind):
    """Both masters of two instances of one binary are killed: start of one spares the other's."""
    ours, other = kind(place), kind(place, "other")
    for site in (ours, other):
        site.start()
    orphans, untouched = crash(ours), crash(other)

    told = ours.act("status")
    result = ours.act("start")

    assert not any(str(process) in told.out for process in untouched), told
    assert 0 == result.code, result
    assert [] == [orphan for orphan in orphans if ours.alive(orphan)]
    assert all(map(other.alive, untouched))
    assert other.ask()
    recovered_other = other.act("start")
    assert 0 == recovered_other.code, recovered_other
    assert [] == [orphan for orphan in untouched if other.alive(orphan)]
    assert ours.ask()


@pytest.mark.parametrize("kind", [Nginx, Fpm])
@pytest.mark.parametrize("action", ["start", "stop"])
def test_two_instances_with_pidfiles_lost(place, kind, action):
    """Two instances crashed, their pidfiles lost: orphans are told apart by their sockets."""
    ours, other = kind(place), kind(place, "other")
    for site in (ours, other):
        site.start()
    orphans, untouched = crash(ours), crash(other)
    for site in (ours, other):
        os.unlink(site.pidfile)

    result = ours.act(action)

    assert 0 == result.code, result
    assert [] == [orphan for orphan in orphans if ours.alive(orphan)]
    assert all(map(other.alive, untouched))
    assert other.ask()


def serving(orphans):
    """Return what is said of them where a start has failed."""
    pids = ", ".join(map(str, sorted(orphan.pid for orphan in orphans)))
    return f"; workers without a master still serve: pids {pids}"


def test_broken_configuration(site):
    """The master is killed, the configuration was broken since: start is 6, orphans serve on."""
    site.start()
    orphans = crash(site)
    broken = {"main": "frobnicate on;"} if site.kind == "nginx" else {"pool": "frobnicate = on"}
    site.configure(**broken)

    result = site.act("start")

    assert 6 == result.code, result
    assert "frobnicate" in result.err
    assert serving(orphans) in result.err
    assert orphans == set(site.place.processes())
    assert site.ask()


@pytest.mark.parametrize("body", ["exit 1", "exec {sleep} 600"], ids=["exits", "hangs"])
def test_binary_that_fails(site, body):
    """The master is killed, the binary exits or hangs: start is 1, the orphans serve on."""
    site.start()
    orphans = crash(site)
    genuine = site.place.copy(site.binary, "sbin/genuine")
    site.place.script(
        f"sbin/{site.kind}",
        f'case "$1" in -t|-tt|--test|-V) exec {genuine} "$@";; esac\n'
        + body.format(sleep=site.place.tool("sleep")),
    )

    result = site.act("start", "--timeout", "1")

    assert 1 == result.code, result
    assert serving(orphans) in result.err
    assert orphans == set(site.place.processes())
    assert site.ask()
    site.place.copy(site.binary, f"sbin/{site.kind}")
    again = site.act("start")
    assert 0 == again.code, again
    wait_until(lambda: len(site.workers) == site.crew, "all workers")
    assert {site.master, *site.workers} == set(site.place.processes())
    assert site.ask()


def test_changed_port(site):
    """The configuration names another port since: start serves there, and the old one is free."""
    site.start()
    orphans = crash(site)
    was, site.port = site.port, free_port()
    site.configure()

    result = site.act("start")

    assert 0 == result.code, result
    assert [] == [orphan for orphan in orphans if site.alive(orphan)]
    assert site.ask()
    assert can_bind(was)


def test_download_of_an_orphan(nginx):
    """An orphan has a slow download: it gets DRAIN_TIMEOUT to finish, the new master serves."""
    nginx.start()
    with nginx.download():
        orphans = crash(nginx)

        result = nginx.act("start", drain_timeout=1.0)

        assert 0 == result.code, result
        recovered(nginx, orphans)
        assert "one" == nginx.ask()


def test_workers_that_die_too(site):
    """Master and workers are killed: start finds nothing to take over, and starts the service."""
    site.start()
    for process in (site.master, *site.workers):
        site.host.kill(process, 9)
    wait_until(lambda: not site.place.processes(), "everybody to be gone")

    told = site.act("status")
    result = site.act("start")

    assert 1 == told.code, told
    assert 0 == result.code, result
    assert site.ask()
