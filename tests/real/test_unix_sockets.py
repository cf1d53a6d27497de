"""Daemons that listen on unix sockets, as Debian's php-fpm does."""

from __future__ import annotations

import os
import socket
import struct
from concurrent.futures import ThreadPoolExecutor

import pytest
from real_daemons import free_port, in_the_foreground, wait_until
from real_load import crash

from initpy.host import HERE

pytestmark = pytest.mark.real

MORE = """
[more]
user = www-data
listen = {port}
pm = static
pm.max_children = 1
"""


def can_connect(path):
    """Tell whether somebody takes requests there."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(path)
        except OSError:
            return False
        return True


def test_php_fpm(fpm):
    """php-fpm on a unix socket takes requests after each action, and none after stop."""
    path = fpm.path("fpm.sock")
    fpm.listen = path
    fpm.configure()

    seen = [
        (fpm.act(action).code, can_connect(path))
        for action in ("start", "reload", "restart", "stop")
    ]

    assert [(0, True)] * 3 + [(0, False)] == seen


def test_nginx(nginx):
    """Nginx on a unix socket takes requests after each action, upgrades too; none after stop."""
    path = nginx.path("nginx.sock")
    nginx.configure(server=f"listen unix:{path};")
    seen = []
    for action in ("start", "reload", "upgrade", "upgrade", "restart", "stop"):
        nginx.replace_binary()

        code = nginx.act(action).code

        seen.append((code, can_connect(path)))
    assert [(0, True)] * 5 + [(0, False)] == seen
    assert not os.path.exists(path)


def test_status_names_the_socket(fpm):
    """Status --json names a unix socket among what is listened on."""
    fpm.listen = fpm.path("fpm.sock")
    fpm.configure()
    fpm.start()

    told = fpm.act("status", "--json")

    assert [fpm.listen] == told.json["listening"]


# What the configuration wants of a socket.


def notices(result):
    """Return what is told of attributes that are not in force."""
    return [line for line in result.err.splitlines() if "its socket was inherited" in line]


def wanting(fpm, *lines):
    """Have a php-fpm on a unix socket, with those lines in its pool."""
    fpm.listen = fpm.path("fpm.sock")
    fpm.configure(pool="\n".join(lines))


ATTRIBUTES = {
    "nothing": ((), ("listen.mode = 0600", "listen.mode = 0600 (it is 0660)")),
    "owner": (
        ("listen.owner = www-data", "listen.mode = 0666"),
        ("listen.owner = nobody", "listen.owner = nobody (it is www-data)"),
    ),
    "group": (
        ("listen.group = www-data",),
        ("listen.group = root", "listen.group = root (it is www-data)"),
    ),
    "numbers": (
        ("listen.owner = 33", "listen.group = 65534", "listen.mode = 600"),
        ("listen.owner = 65534", "listen.owner = 65534 (it is www-data)"),
    ),
    "users": (
        ("listen.acl_users = www-data,nobody", "listen.mode = 0600", "listen.owner = nobody"),
        ("listen.acl_users = nobody", "listen.acl_users = nobody (it is www-data,nobody)"),
    ),
    "groups": (
        ("listen.acl_groups = www-data",),
        ("listen.acl_groups =", "listen.acl_groups = none (it is www-data)"),
    ),
    "backlog": (
        ("listen.backlog = 100",),
        ("listen.backlog = 200", "listen.backlog = 200 (it is 100)"),
    ),
    "greatest backlog": (
        ("listen.backlog = 1000000",),
        ("listen.backlog = 99", "listen.backlog = 99 (it is "),
    ),
}


@pytest.mark.parametrize("case", ATTRIBUTES)
def test_attributes(fpm, case):
    """Of what is in force nothing is said; what changes is named, until a restart applies it."""
    before, (line, said) = ATTRIBUTES[case]
    wanting(fpm, *before)
    fpm.start()
    assert [] == notices(fpm.act("reload"))
    wanting(fpm, *(one for one in before if one.split()[0] != line.split()[0]), line)
    for action in ("reload", "upgrade"):
        result = fpm.act(action)

        assert 0 == result.code, result
        (notice,) = notices(result)
        assert f"pool www: its socket was inherited, restart it to have in force {said}" in notice
    assert 0 == fpm.act("restart").code
    assert [] == notices(fpm.act("reload"))


def test_attributes_after_a_recovery(fpm):
    """A master that takes over from orphans inherits their socket: what differs is said."""
    wanting(fpm, "listen.mode = 0666")
    fpm.start()
    crash(fpm)
    wanting(fpm, "listen.mode = 0600")

    result = fpm.act("start")

    assert 0 == result.code, result
    assert "listen.mode = 0600 (it is 0666)" in notices(result)[0]


def test_attributes_of_a_port(fpm):
    """A port has a backlog, and neither owner nor mode."""
    fpm.configure(pool="listen.owner = nobody\nlisten.mode = 0600\nlisten.backlog = 100")
    fpm.start()
    assert [] == notices(fpm.act("reload"))
    fpm.configure(pool="listen.owner = www-data\nlisten.mode = 0666\nlisten.backlog = 200")

    (notice,) = notices(fpm.act("reload"))

    assert notice.endswith("in force listen.backlog = 200 (it is 100)")


def test_folder_with_an_acl(fpm):
    """Where the folder decides who may connect, a restart would change nothing: nothing is said."""
    fpm.listen = fpm.path("sockets", "fpm.sock")
    os.mkdir(fpm.path("sockets"))
    # user::rwx, user:nobody:rwx, group::r-x, mask::rwx, other::r-x: linux/posix_acl_xattr.h
    none = 0xFFFFFFFF
    entries = [(1, 7, none), (2, 7, 65534), (4, 5, none), (16, 7, none), (32, 5, none)]
    acl = b"".join(struct.pack("<HHI", *entry) for entry in entries)
    os.setxattr(fpm.path("sockets"), "system.posix_acl_default", struct.pack("<I", 2) + acl)
    fpm.configure()
    fpm.start()

    assert [] == notices(fpm.act("reload"))


# A path that is lost.


def lose(path, how):
    """Have a unix socket lose its path."""
    os.unlink(path)
    if how == "a file":
        with open(path, "w") as file:
            file.write("not a socket")
    elif how == "a stale socket":
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(path)


@pytest.mark.parametrize("how", ["removed", "a file", "a stale socket"])
@pytest.mark.parametrize("action", ["start", "reload", "upgrade"])
def test_lost_path_is_mended(fpm, action, how):
    """Php-fpm: a new master binds the path that was removed, or at which another file stands."""
    wanting(fpm)
    fpm.start()
    lose(fpm.listen, how)
    assert f"no client reaches {fpm.listen}" in fpm.act("status").out

    result = fpm.act(action)

    assert 0 == result.code, result
    assert can_connect(fpm.listen)
    assert "no client" not in fpm.act("status").out
    fpm.see_only(fpm.master)


def test_lost_path_that_another_has_taken(fpm):
    """Somebody else listens there: nothing is taken from it, and the old master serves on."""
    fpm.port, second = free_port(), free_port()
    wanting(fpm)
    fpm.place.write("php-fpm/pool.d/more.conf", MORE.format(port=second))
    fpm.crew += 1
    master = fpm.start()
    os.unlink(fpm.listen)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(fpm.listen)
        other.listen()

        result = fpm.act("reload")

        assert 1 == result.code, result
        assert f"no client reaches {fpm.listen}" in result.err
        assert can_connect(fpm.listen)
    assert master == fpm.master


@pytest.mark.parametrize("action", ["start", "reload"])
def test_lost_path_in_the_foreground(fpm, action):
    """A supervised php-fpm is not replaced: it is 1, and a restart is named."""
    wanting(fpm)
    with in_the_foreground(fpm) as master:
        os.unlink(fpm.listen)

        result = fpm.act(action)

        assert 1 == result.code, result
        assert f"no client reaches {fpm.listen}: its socket is not there any more" in result.err
        assert "restart" in result.err
        assert master == fpm.master


@pytest.mark.parametrize("action", ["start", "reload", "upgrade"])
def test_lost_path_of_nginx(nginx, action):
    """Nginx inherits the old socket whatever is done: it is 1, until a restart mends it."""
    path = nginx.path("nginx.sock")
    nginx.configure(server=f"listen unix:{path};")
    nginx.start()
    os.unlink(path)
    nginx.replace_binary()

    result = nginx.act(action)

    assert 1 == result.code, result
    assert f"no client reaches {path}: its socket is not there any more" in result.err
    assert "restart" in result.err
    assert 0 == nginx.act("restart").code
    assert can_connect(path)


def test_lost_path_that_is_dropped(nginx):
    """A reload that drops the listen is 0: the socket is closed."""
    path = nginx.path("nginx.sock")
    nginx.configure(server=f"listen unix:{path};")
    nginx.start()
    os.unlink(path)
    nginx.configure()

    assert 0 == nginx.act("reload").code


# The path of a pool that is dropped.


def asked(path):
    """Tell whether a worker has accepted a connection there."""
    return len([one for one in HERE.unix_sockets() if one.place == path]) > 1


@pytest.fixture
def two_pools(fpm):
    """Return a running php-fpm with a second pool, on a unix socket; and its file and path."""
    path = fpm.path("more.sock")
    file = fpm.place.write("php-fpm/pool.d/more.conf", MORE.format(port=path))
    fpm.crew += 1
    fpm.start()
    return fpm, file, path


def test_dropped_path(two_pools):
    """The path of a pool that is not configured any more is removed by the upgrade, and told."""
    fpm, file, path = two_pools
    os.unlink(file)

    result = fpm.act("upgrade")

    assert 0 == result.code, result
    assert not os.path.exists(path)
    assert f"removed {path}: the configuration does not name it any more" in result.err


def test_dropped_path_while_a_request_runs(two_pools):
    """A worker of the dropped pool finishes its request first; then the path goes."""
    fpm, file, path = two_pools
    script = fpm.place.write("slow.php", "<?php usleep(700000); echo 'done';")
    os.unlink(file)
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(fpm.ask, script, at=path)
        wait_until(lambda: asked(path), "the request to be accepted")

        result = fpm.act("upgrade")

        assert 0 == result.code, result
        assert "done" == answer.result()
    assert not os.path.exists(path)


def test_dropped_path_after_a_recovery(two_pools):
    """The same where the old master had crashed."""
    fpm, file, path = two_pools
    os.unlink(file)
    crash(fpm)

    result = fpm.act("start")

    assert 0 == result.code, result
    assert not os.path.exists(path)


def test_dropped_path_in_a_folder_of_others(two_pools):
    """Debian's /run/php is www-data's: there, too; and only the socket goes."""
    fpm, file, path = two_pools
    os.chown(fpm.path(), 33, 33)
    before = set(os.listdir(fpm.path()))
    os.unlink(file)

    assert 0 == fpm.act("upgrade").code

    assert {os.path.basename(path)} == before - set(os.listdir(fpm.path()))


@pytest.mark.parametrize("how", ["a file", "a stale socket", "removed"])
def test_dropped_path_that_is_another_file(two_pools, how):
    """What stands there meanwhile is not the socket that the old master had: it stays."""
    fpm, file, path = two_pools
    os.unlink(file)
    lose(path, how)

    assert 0 == fpm.act("upgrade").code

    assert (how != "removed") == os.path.exists(path)


def test_dropped_path_with_another_name(two_pools):
    """Php-fpm refuses a socket of its own under another name: 150, and it serves as before."""
    fpm, _, path = two_pools
    os.symlink(fpm.path(), fpm.path("link"))
    fpm.place.write("php-fpm/pool.d/more.conf", MORE.format(port=fpm.path("link", "more.sock")))

    assert 150 == fpm.act("upgrade").code

    assert can_connect(path)


def test_dropped_path_whose_socket_is_held(two_pools):
    """A job that a worker has started holds the socket: the path stays, which is told."""
    fpm, file, path = two_pools
    (held,) = [
        one for one in HERE.copy_listeners(fpm.master) if one.place == path or os.close(one.fd)
    ]
    os.unlink(file)

    result = fpm.act("upgrade")
    os.close(held.fd)

    assert 0 == result.code, result
    assert os.path.exists(path)
    assert f"{path} stays, a process still has that socket" in result.err
