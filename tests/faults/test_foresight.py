"""Configurations that php-fpm -t accepts, and that would end a php-fpm which reloads them."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager

import pytest
from real_daemons import Fpm, free_port, wait_until
from real_load import Shop, crash

pytestmark = pytest.mark.fault

POOL = (
    "[{name}]\nuser = www-data\ngroup = www-data\nlisten = {at}\npm = static\npm.max_children = 1\n"
)
ELSEWHERE = "192.0.2.1"  # of no host: RFC 5737


def add_pool(fpm, at, *, name="more", more=""):
    """Have a pool more in the configuration."""
    text = POOL.format(name=name, at=at) + more
    fpm.place.write(f"{fpm.folder}/pool.d/{name}.conf", text)


def accepted(fpm):
    """Tell whether php-fpm's own test accepts the configuration."""
    argv = [fpm.daemon, "-t", "--fpm-config", fpm.config]
    return not subprocess.run(argv, check=False, capture_output=True).returncode


@pytest.fixture
def shop(place):
    """Give a php-fpm with nginx in front of it, both running."""
    return Shop(place).open()


def refused(shop, code, *words):
    """Reload while clients ask: it fails so, says that, and no client notices it."""
    fpm = shop.fpm
    before = fpm.master, fpm.workers
    assert accepted(fpm)
    with shop.load(asking=4, slowest=0.2) as clients:
        result = fpm.act("reload")

        assert code == result.code, result
        assert [] == [word for word in words if word not in result.err], result
        assert before == (fpm.master, fpm.workers)
        assert "done" == shop.ask()
        assert [] == clients.bad


def test_missing_folder(shop):
    """The folder of a new socket is missing: reload is 6, and no request is lost."""
    path = shop.place.path("gone", "x.sock")
    add_pool(shop.fpm, path)

    refused(shop, 6, "no signal was sent: pool more cannot listen on", path, "No such file")


def test_folder_of_the_status_page(shop):
    """The folder of a new socket is missing: reload is 6, and no request is lost."""
    path = shop.place.path("gone", "status.sock")
    shop.fpm.configure(pool=f"pm.status_listen = {path}")

    refused(shop, 6, "pool www cannot listen on", path)


@pytest.mark.parametrize(
    ("port", "why"), [("0", "pool more: 0 is not a port"), ("70000", "70000 is not a port")]
)
def test_no_port(shop, port, why):
    """A pool is to have a port that does not exist: reload is 6, and no request is lost."""
    add_pool(shop.fpm, f"127.0.0.1:{port}")

    refused(shop, 6, why)


def test_long_path(shop):
    """A path is too long, php-fpm would cut it off: reload is 6, and no request is lost."""
    add_pool(shop.fpm, shop.place.path("x" * 107))

    refused(shop, 6, "a path has 107 bytes at most")


def test_users_of_a_socket(shop):
    """A user in listen.acl_users does not exist: reload is 6, and no request is lost."""
    path = shop.place.path("x.sock")
    add_pool(shop.fpm, path, more="listen.acl_users = root,no-such-user\n")

    refused(shop, 6, "pool more: there is no user no-such-user")


def test_limit_of_files(shop):
    """rlimit_files is more than the kernel allows: reload is 6, and no request is lost."""
    shop.fpm.configure(settings="rlimit_files = 2000000000")

    refused(shop, 6, "the limit of 2000000000 open files cannot be set")


def test_another_pidfile(shop):
    """The configuration names another pidfile: reload is 6, and no request is lost."""
    shop.fpm.configure(settings=f"pid = {shop.place.path('new.pid')}")

    refused(shop, 6, "the configuration names the pidfile", "and this script")


def test_port_of_another_program(shop):
    """A new pool's port is another program's: reload is 150 and names it, no request is lost."""
    at = f"127.0.0.1:{shop.front.port}"
    add_pool(shop.fpm, at)

    refused(
        shop,
        150,
        f"the old workers serve as before: pool more cannot listen on {at}",
        f"Address already in use, {at} is held by pid {shop.front.master}",
    )


def test_address_of_another_host(shop):
    """A new pool's address is not this host's: reload is 150, and no request is lost."""
    add_pool(shop.fpm, f"{ELSEWHERE}:{free_port()}")

    refused(shop, 150, "Cannot assign requested address")


def test_socket_of_another_instance(shop):
    """A new pool's path is another php-fpm's: reload is 150 and names it, no request is lost."""
    other = Fpm(shop.place, "other")
    other.listen = shop.place.path("other.sock")
    other.configure()
    other.start()
    add_pool(shop.fpm, other.listen)

    refused(shop, 150, f"{other.listen} is held by pid {other.master}")

    assert 2 == len(other.workers)


def test_own_socket_by_another_name(place):
    """A socket's path is spelled in another way: reload is 150, and no request is lost."""
    shop = Shop(place, unix=True).open()
    folder, name = os.path.split(shop.fpm.listen)
    shop.fpm.listen = f"{folder}//{name}"
    shop.fpm.configure()

    refused(shop, 150, f"this service itself has it as {folder}/{name}, until it is restarted")


def test_directory_in_the_place_of_a_socket(shop):
    """A directory is where a new socket is to be: reload is 150, and no request is lost."""
    os.mkdir(shop.place.path("folder"))
    add_pool(shop.fpm, shop.place.path("folder"))

    refused(shop, 150, "it is a directory")


@pytest.mark.parametrize("folder", ["/proc", "/sys", "/dev/pts"])
def test_folder_of_the_kernels_own(shop, folder):
    """A new socket is to be in /proc or /sys: reload is 150, and no request is lost."""
    path = f"{folder}/{shop.place.name}.sock"
    add_pool(shop.fpm, path)

    refused(shop, 150, f"pool more cannot listen on {path}", "in which nothing can be made")


def test_wildcard_in_place_of_an_address(shop):
    """A pool is to change from one address to all: reload is 150, and no request is lost."""
    shop.fpm.listen = f"0.0.0.0:{shop.fpm.port}"
    shop.fpm.configure()

    refused(shop, 150, f"this service itself has 127.0.0.1:{shop.fpm.port}, until it is restarted")


def test_new_pools_that_exclude_each_other(shop):
    """New pools exclude each other, 127.0.0.1 and 0.0.0.0: reload is 150, no request is lost."""
    port = free_port()
    add_pool(shop.fpm, f"127.0.0.1:{port}", name="a")
    add_pool(shop.fpm, f"0.0.0.0:{port}", name="b")

    refused(shop, 150, f"0.0.0.0:{port}: pool a is to have 127.0.0.1:{port}")


def test_more_sockets_than_descriptors(place):
    """There are more pools than descriptors: reload is 150, and no request is lost."""
    shop = Shop(place)
    shop.fpm.service = shop.fpm.service.replace(limits={"RLIMIT_NOFILE": (64, 64)})
    shop.open()
    for number in range(60):
        add_pool(shop.fpm, shop.place.path(f"{number}.sock"), name=f"p{number}")

    refused(shop, 150, "61 sockets, old and new ones", "a limit of 64 open files")


def test_name_that_has_no_address(shop):
    """A host name has no address: reload tries a takeover, is 150, and no request is lost."""
    add_pool(shop.fpm, f"no-such-name.invalid:{free_port()}")

    refused(shop, 150, "old master", "serves as before")


def test_name_that_has_no_address_in_the_foreground(place):
    """The same of a php-fpm in the foreground: reload is 150, and no request is lost."""
    shop = Shop(place)
    with in_the_foreground(shop):
        shop.open()
        add_pool(shop.fpm, f"no-such-name.invalid:{free_port()}")

        refused(shop, 150, "no-such-name.invalid cannot be resolved")


@contextmanager
def in_the_foreground(shop):
    """Have php-fpm run as a supervisor would run it, and nginx in front of it."""
    fpm = shop.fpm
    argv = [fpm.daemon, "--nodaemonize", "--fpm-config", fpm.config, "--pid", fpm.pidfile]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as child:
        try:
            wait_until(lambda: fpm.named and len(fpm.workers) == fpm.crew, "php-fpm to come up")
            fpm.start = lambda: fpm.master  # it runs already
            yield
        finally:
            child.kill()


def test_what_can_be_had(shop):
    """A stale socket, a file, a name, a port alone and a path in a link are no hindrance."""
    place, fpm = shop.place, shop.fpm
    paths = [place.path(name) for name in ("new.sock", "stale.sock", "file", "link", "l/in.sock")]
    ports = [free_port() for _ in range(4)]
    stale(paths[1])
    place.write("file", "")
    os.symlink("/etc", paths[3])
    os.mkdir(place.path("d"))
    os.symlink("d", place.path("l"))
    places = [*paths, f"localhost:{fpm.port}", f"localhost:{ports[0]}", f"127.1:{ports[1]}"]
    places += [f"[::1]:{ports[2]}", f"{ports[3]}"]
    for number, at in enumerate(places):
        add_pool(fpm, at, name=f"p{number}")
    fpm.crew += len(places)

    result = fpm.act("reload")

    assert 0 == result.code, result
    wait_until(lambda: len(fpm.workers) == fpm.crew, "all workers")
    assert "done" == shop.ask()
    held = fpm.host.listening_places(fpm.master)
    assert {*paths, f"127.0.0.1:{fpm.port}", f"127.0.0.1:{ports[1]}", f"::1:{ports[2]}"} <= held


def stale(path):
    """Leave a socket behind on which nothing listens."""
    import socket

    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path)


def test_all_that_is_there_already(place):
    """Reloads without a change, with sockets of every kind, try nothing and are 0."""
    shop = Shop(place, unix=True)
    ports = [free_port() for _ in range(2)]
    os.mkdir(place.path("d"))
    for number, at in enumerate((place.path("d//x.sock"), f"[::1]:{ports[0]}", f"{ports[1]}")):
        add_pool(shop.fpm, at, name=f"p{number}")
    shop.fpm.crew += 3
    shop.open()

    results = [shop.fpm.act("reload") for _ in range(3)]

    assert [0, 0, 0] == [result.code for result in results], results
    assert "done" == shop.ask()


@pytest.mark.parametrize("sign", [",", "="])
def test_path_that_cannot_be_handed_on(place, sign):
    """A socket has "," or "=" in its path: reload is 150, upgrade 3, no request is lost."""
    path = place.path(f"a{sign}b.sock")
    shop = Shop(place)
    add_pool(shop.fpm, f'"{path}"')
    shop.fpm.crew += 1
    shop.open()
    why = 'with "," or "=" in it'

    refused(shop, 150, f"pool more cannot listen on {path}", why, "change the path, and restart")
    before = shop.fpm.master, shop.fpm.workers
    result = shop.fpm.act("upgrade")

    assert 3 == result.code, result
    assert f"{why} can be handed on, {path} has one: change the path, and restart" in result.err
    assert before == (shop.fpm.master, shop.fpm.workers)
    assert shop.fpm.ask(at=path)


def test_path_that_could_not_be_handed_on(place):
    """Once the path is changed, reload is 0; with its master dead, start serves there again."""
    path = place.path("a,b.sock")
    shop = Shop(place)
    add_pool(shop.fpm, path)
    shop.fpm.crew += 1
    shop.open()
    crash(shop.fpm)

    started = shop.fpm.act("start")

    assert 0 == started.code, started
    assert "terminating the workers of a dead master" in started.err
    assert shop.fpm.ask(at=path)
    restarted = shop.fpm.act("restart")
    assert 0 == restarted.code, restarted
    assert 'started: no path with "," or "=" in it can be handed on' in restarted.err
    assert shop.fpm.ask(at=path)
    add_pool(shop.fpm, place.path("ab.sock"))
    reloaded = shop.fpm.act("reload")
    assert 0 == reloaded.code, reloaded
    assert shop.fpm.ask(at=place.path("ab.sock"))
