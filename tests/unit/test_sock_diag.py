"""What the kernel tells of sockets, held to sockets that the test itself has made."""

from __future__ import annotations

import os
import socket

import pytest

from initpy.host import HERE
from initpy.host.network import sock_diag


def inode_of(one):
    """Return the inode of a socket of ours."""
    return os.fstat(one.fileno()).st_ino


def cookie_of(one):
    """Return the number that the kernel gives a socket, and never again: SO_COOKIE."""
    return int.from_bytes(one.getsockopt(socket.SOL_SOCKET, 57, 8), "little")


def told_of(one, sockets):
    """Return what is told of a socket; None if nothing is."""
    found = [told for told in sockets if told.inode == inode_of(one)]
    return found[0] if found else None


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "::"])
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_inet(address, kind):
    """Address and port are as getsockname(2) tells them, and number and cookie are the socket's."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, kind) as one:
        one.bind((address, 0))
        if kind == socket.SOCK_STREAM:
            one.listen()

        told = told_of(one, HERE.listening_sockets())

        assert f"{address}:{one.getsockname()[1]}" == told.place
        assert cookie_of(one) == told.cookie
        assert None is told.file
        assert (kind == socket.SOCK_DGRAM) == told.datagram
        # Of a socket with an address of its own the kernel always says that.
        assert {"::": False, "::1": True}.get(address) == told.ipv6only


def test_ipv6only():
    """The option is told."""
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as one:  # for IPv6 only
        assert told_of(one, HERE.listening_sockets()).ipv6only


def test_what_does_not_listen():
    """A socket that is bound only, or connected, does not wait for clients."""
    with socket.socket() as bound, socket.create_server(("127.0.0.1", 0)) as server:
        bound.bind(("127.0.0.1", 0))
        with socket.create_connection(server.getsockname()) as client, server.accept()[0] as peer:
            told = HERE.listening_sockets()

            assert [None] * 3 == [told_of(one, told) for one in (bound, client, peer)]
            assert None is not told_of(server, told)


def test_unix(tmp_path):
    """A unix socket is told with the file that its path is."""
    path = str(tmp_path / "x.sock")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path)
        one.listen()
        info = os.stat(path)

        told = told_of(one, HERE.listening_sockets())

        assert (path, cookie_of(one)) == (told.place, told.cookie)
        assert info.st_ino == told.file[0]


@pytest.mark.parametrize("again", [False, True])
def test_backlog(tmp_path, again):
    """What was last asked of listen(2) is told, for a unix socket as for a port."""
    with socket.socket(socket.AF_UNIX) as unix, socket.create_server(("127.0.0.1", 0)) as tcp:
        unix.bind(str(tmp_path / "x.sock"))
        for one in (unix, tcp):
            one.listen(7)
            if again:
                one.listen(9)

        told = HERE.listening_sockets()

        assert [9 if again else 7] * 2 == [told_of(one, told).backlog for one in (unix, tcp)]


def test_greatest_backlog():
    """What is too great is the greatest for listen(2)."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen(1 << 30)

        assert HERE.most_backlog() == told_of(one, HERE.listening_sockets()).backlog


def test_unix_by_its_file(tmp_path):
    """Its inode is that of the file, whatever stands at its path by now, or is called so."""
    path, moved = str(tmp_path / "x.sock"), str(tmp_path / "y.sock")
    with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
        first.bind(path)
        os.rename(path, moved)
        second.bind(path)

        told = HERE.unix_sockets()

        assert path == told_of(first, told).place == told_of(second, told).place
        assert os.stat(moved).st_ino == told_of(first, told).file[0]
        assert os.stat(path).st_ino == told_of(second, told).file[0]


def test_unix_that_is_bound_only(tmp_path):
    """A daemon between bind(2) and listen(2) has its path already."""
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "x.sock"))

        assert None is told_of(one, HERE.listening_sockets())
        assert None is not told_of(one, HERE.unix_sockets())


def test_unix_datagrams(tmp_path):
    """What is bound for datagrams has its path, too."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.bind(str(tmp_path / "x.sock"))

        assert None is not told_of(one, HERE.unix_sockets())


def test_many(tmp_path):
    """The kernel answers in several messages: none is lost."""
    sockets = [socket.socket(socket.AF_UNIX) for _ in range(300)]
    try:
        for number, one in enumerate(sockets):
            one.bind(str(tmp_path / f"a-name-that-takes-some-room-{number}.sock"))
            one.listen()

        told = HERE.listening_sockets()

        assert {inode_of(one) for one in sockets} <= {one.inode for one in told}
    finally:
        for one in sockets:
            one.close()


def test_closed(tmp_path):
    """Of a socket that is closed nothing is told, although its path stands there."""
    path = tmp_path / "x.sock"
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))
        inode = inode_of(one)

    assert path.exists()
    assert inode not in {told.inode for told in HERE.unix_sockets()}
    assert str(path) not in {told.place for told in HERE.unix_sockets()}


def test_copies_and_the_kernel_tell_the_same():
    """Where a process listens is one sentence, by its descriptors and by the kernel."""
    me = HERE.find(os.getpid())
    with socket.create_server(("127.0.0.1", 0)) as one:
        (copy,) = [c for c in HERE.copy_listeners(me) if c.inode == inode_of(one)]
        HERE.close(copy.fd)

        assert copy.place == told_of(one, HERE.listening_sockets()).place


@pytest.mark.parametrize("ask", [HERE.listening_sockets, HERE.unix_sockets])
def test_kernel_that_does_not_tell(monkeypatch, ask):
    """Without sock_diag(7), or where a sandbox forbids it, nothing is known: that is not "none"."""

    def refuse(_request):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(sock_diag, "_dump", refuse)

    assert None is ask()


def test_socket_file(tmp_path):
    """Only a socket of root's or ours at that very path is one: no link, no file."""
    path, link = str(tmp_path / "x.sock"), str(tmp_path / "link")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path)
    os.symlink(path, link)
    info = os.stat(path)

    assert (info.st_dev, info.st_ino) == HERE.socket_file(path)
    assert [None] * 3 == [HERE.socket_file(p) for p in (link, str(tmp_path), str(tmp_path / "no"))]
