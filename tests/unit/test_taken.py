from __future__ import annotations

import pytest

from initpy.actions.restart import restart
from initpy.actions.start import start
from initpy.control.starting.taken import excludes
from initpy.daemons.nginx import NGINX
from initpy.errors import InitError
from initpy.host import BoundSocket, Holder

HERE = {"0.0.0.0:80": False, "127.0.0.1:80": False, ":::80": False, "::1:80": False}


@pytest.mark.parametrize(
    ("declared", "bound", "taken"),
    [
        ("127.0.0.1:80", "127.0.0.1:80", True),
        ("127.0.0.1:80", "127.0.0.1:81", False),
        ("127.0.0.1:80", "127.0.0.2:80", False),
        ("127.0.0.1:80", "0.0.0.0:80", True),
        ("0.0.0.0:80", "127.0.0.1:80", True),
        ("127.0.0.1:80", ":::80", True),
        ("[::1]:80", ":::80", True),
        ("[::1]:80", "0.0.0.0:80", False),
        ("[::]:80", "::1:80", True),
        ("[::]:80", "127.0.0.1:80", False),
        ("*:80", "127.0.0.1:80", True),
        (":80", "::1:80", True),
        ("localhost:80", "127.0.0.1:80", True),
        ("elsewhere:80", "127.0.0.1:80", False),
        ("/run/x", "/run/x", True),
        ("/run//./x", "/run/x", True),
        ("/run/x", "/run/y", False),
        ("127.0.0.1:80 (udp)", "127.0.0.1:80", False),
    ],
)
def test_excluded(host, declared, bound, taken):
    """An address excludes itself, and the wildcards that hold it; a path excludes itself."""
    host.names = {"localhost": ["127.0.0.1"]}
    socket = BoundSocket(inode=7, cookie=1, place=bound, ipv6only=False)

    assert taken == excludes(declared, socket, host)


def test_ipv6_alone(host):
    """A wildcard of IPv6 alone leaves IPv4 free; udp and TCP have their own ports."""
    alone = BoundSocket(inode=7, cookie=1, place=":::80", ipv6only=True)
    datagram = BoundSocket(inode=7, cookie=1, place="0.0.0.0:80", datagram=True)

    assert not excludes("127.0.0.1:80", alone, host)
    assert not excludes("127.0.0.1:80", datagram, host)
    assert excludes("127.0.0.1:80 (udp)", datagram, host)


def test_path_through_a_link(host):
    """A path is that of a socket if it leads to the same file."""
    host.put("/run/x", kind="socket")
    inode = host.socket_file("/run/x")[1]
    bound = BoundSocket(inode=7, cookie=1, place="/var/run/x", file=(inode, 1))

    assert excludes("/run/x", bound, host)


def test_path_in_another_root(host):
    """A name is no path: what stands there is another file, or nothing."""
    bound = BoundSocket(inode=7, cookie=1, place="/run/x", file=(1 << 20, 1))
    assert not excludes("/run/x", bound, host)
    host.put("/run/x", kind="socket")

    assert not excludes("/run/x", bound, host)


def test_place_that_another_has(host, nginx):
    """Nothing is started, and the sentence names place, pid and program, at once."""
    host.add(sockets={77: "0.0.0.0:6379"})
    host.holding["0.0.0.0:6379"] = [
        Holder(pid=7, name="other-server", user="oa", started="2026-01-01 00:00:00")
    ]

    with pytest.raises(InitError, match=r"^0.0.0.0:6379 is held by pid 7 \(other-server, user oa"):
        start(NGINX.replace(listens=("127.0.0.1:6379",), test_args=None), host)

    assert [] == host.spawned
    assert host.now < 0.5


def test_restart_with_a_place_that_another_has(host, nginx):
    """Nothing is stopped for a start that would fail; its own sockets are not in its way."""
    master = nginx.run()
    service = NGINX.replace(listens=("*:80", "127.0.0.1:6379"), restart_by=None)
    restart(service.replace(listens=("*:80",)), host)
    again = nginx.masters[-1]
    host.add(sockets={77: "127.0.0.1:6379"})

    with pytest.raises(InitError, match=r"^not restarting, nothing was stopped: 127"):
        restart(service, host)

    assert not host.alive(master.id)
    assert host.alive(again.id)


def test_place_of_a_process_that_cannot_be_seen(host, nginx):
    """It is said that it is taken, if not by whom."""
    host.add(sockets={77: "127.0.0.1:6379"})

    with pytest.raises(InitError, match=r"^127.0.0.1:6379 is held by a process that cannot be"):
        start(NGINX.replace(listens=("127.0.0.1:6379",), test_args=None), host)
