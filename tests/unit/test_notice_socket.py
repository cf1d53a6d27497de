"""What comes with a notice is its sender's choice: it keeps no action from going on."""

from __future__ import annotations

import array
import os
import socket
import struct
import time

import pytest

from initpy.host import HERE

LONG = 600  # seconds

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="root alone makes the socket")


@pytest.fixture
def lingering():
    """Return a socket whose last descriptor is not closed until its peer has read, or LONG."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        one = socket.create_connection(server.getsockname())
        with server.accept()[0]:
            one.setblocking(False)
            with pytest.raises(BlockingIOError):
                while True:
                    one.send(b"x" * 65536)
            one.setblocking(True)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, LONG))
            yield one


@pytest.mark.parametrize("heard", [True, False])
def test_socket_that_lingers(lingering, heard):
    """It is closed by somebody who waits for nothing else, also if nobody reads its notice."""
    notices = HERE.notice_socket()
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [lingering.fileno()]))]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(notices.path)
        sender.sendmsg([b"READY=1"], rights)
    lingering.close()
    began = time.monotonic()

    said = notices.receive(lambda _process: True) if heard else []
    notices.close()

    assert time.monotonic() - began < LONG
    assert (["READY=1"] if heard else []) == said
    assert not os.path.exists(notices.path)
