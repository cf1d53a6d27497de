"""What only the real machine can show of what a daemon could have on it."""

from __future__ import annotations

import os
import signal
import socket

import pytest

from initpy.errors import InitError, NotPermitted
from initpy.host import Host
from initpy.host.filesystem import rooted


@pytest.fixture
def machine():
    """Return the machine we run on."""
    return Host()


@pytest.fixture
def ourselves(machine):
    """Return the process that runs the tests."""
    return machine.find(os.getpid())


def test_trial_does_not_keep_the_address(machine):
    """Whoever wants the address has it after a trial, and a trial beside a bound one is good."""
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

        assert "" == machine.why_not_bound("127.0.0.1", port)

        free.listen()
        assert "Address already in use" == machine.why_not_bound("0.0.0.0", port)


@pytest.fixture
def listening():
    """Return a function that has a socket listen on some port; it returns that."""
    made = []

    def listen(address, kind=socket.SOCK_STREAM, **options):
        made.append(socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind))
        for name, (level, value) in options.items():
            made[-1].setsockopt(level, getattr(socket, name), value)
        made[-1].bind((address, 0))
        if kind == socket.SOCK_STREAM:
            made[-1].listen()
        return made[-1].getsockname()[1]

    yield listen
    for one in made:
        one.close()


@pytest.mark.parametrize("ipv6only", [True, False])
def test_trial_for_one_family_or_two(machine, listening, ipv6only):
    """A socket for IPv6 only can be bound beside one of IPv4, one for both cannot."""
    port = listening("127.0.0.1")

    assert ipv6only == (machine.why_not_bound("::", port, ipv6only=ipv6only) == "")


def test_trial_beside_reuseport(machine, listening):
    """With SO_REUSEPORT on both it can be bound."""
    port = listening("127.0.0.1", SO_REUSEPORT=(socket.SOL_SOCKET, 1))

    assert "" == machine.why_not_bound("127.0.0.1", port, reuseport=True)
    assert "Address already in use" == machine.why_not_bound("127.0.0.1", port)


def test_trial_of_a_datagram_socket_takes_no_datagram(machine, listening):
    """It is not bound beside another, whatever that would allow."""
    sharing = dict.fromkeys(("SO_REUSEPORT", "SO_REUSEADDR"), (socket.SOL_SOCKET, 1))
    port = listening("127.0.0.1", socket.SOCK_DGRAM, **sharing)

    told = machine.why_not_bound("127.0.0.1", port, datagram=True, reuseport=True)

    assert "Address already in use" == told
    assert "" == machine.why_not_bound("127.0.0.1", port)


def test_addresses_that_cannot_be_bound(machine):
    """One of another host (RFC 5737), and one that is none."""
    assert "Cannot assign requested address" == machine.why_not_bound("192.0.2.1", 9)
    assert machine.why_not_bound("no address", 9)


def test_resolve_asks_as_the_daemon_does(machine):
    """A name of /etc/hosts has its addresses."""
    assert "127.0.0.1" in machine.resolve("localhost")


def test_resolver_that_does_not_answer(machine, monkeypatch):
    """The child that asks is ended, and that is said."""
    import _socket

    def hang(_name, _port, _family, _kind, _protocol=0, flags=0):
        if not flags:  # in the child
            os.kill(os.getpid(), signal.SIGALRM)  # before its time
        raise OSError(1, "not a literal address")

    monkeypatch.setattr(_socket, "getaddrinfo", hang)

    with pytest.raises(InitError, match="name cannot be resolved: no answer within 10 s"):
        machine.resolve("name")


def test_socket_whose_queue_is_full(machine, ourselves, tmp_path):
    """It listens, though nobody can connect at this moment; we do not wait."""
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as full, socket.socket(socket.AF_UNIX) as client:
        full.bind(path)
        full.listen(0)
        client.connect(path)

        assert machine.answers(ourselves, path)


def test_socket_of_another_kind(machine, ourselves, tmp_path):
    """No daemon connects to one of datagrams."""
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(path)

        assert not machine.answers(ourselves, path)


def test_folder_that_may_not_be_seen(machine, ourselves, monkeypatch):
    """What the process sees is not known then."""

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(rooted, "open_in_root", refuse)
    with pytest.raises(NotPermitted, match="/x cannot be seen as pid"):
        machine.spot(ourselves, "/x/y")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(NotPermitted, match=f"the root of pid {ourselves} cannot be seen"):
        machine.answers(ourselves, "/x/y")
