"""What any user of the host may name as he likes, and initpy reads."""

from __future__ import annotations

import socket

import pytest

pytestmark = pytest.mark.fault


def test_socket_whose_name_has_lines(site, place):
    """A start that fails says who has the port, whatever another's socket is called."""
    with socket.socket(socket.AF_UNIX) as odd, socket.socket() as taken:
        odd.bind(place.path("x\na b"))
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", site.port))
        taken.listen()

        result = site.act("start")

    assert 1 == result.code, result
    assert "ddress already in use" in result.err
    assert "Traceback" not in result.err
