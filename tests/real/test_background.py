"""Daemons that initpy puts in the background: what they have as standard streams."""

from __future__ import annotations

import os
import sys
import urllib.request

import pytest
from real_daemons import Site

from initpy import Service
from initpy.schedule import parse_schedule

pytestmark = pytest.mark.real

# It refuses every stream that execve(2) has closed, and writes one that it may not keep.
SCRIPT = """
import os, sys, http.server
assert [os.fstat(number).st_rdev for number in range(3)] == [os.stat("/dev/null").st_rdev] * 3
handler = http.server.SimpleHTTPRequestHandler
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), handler).serve_forever()
"""


class Server(Site):
    """A private web server that logs each request to standard error."""

    crew = 0

    def __init__(self, place):
        super().__init__(place, wrapped=False)
        self.service = Service(
            name=self.name,
            daemon=self.daemon,
            pidfile=self.pidfile,
            start_args=self.arguments(),
            background=True,
            directory=self.path(),
            listens=(f"127.0.0.1:{self.port}",),
            stop=parse_schedule("TERM/10/KILL/5"),
        )

    def configure(self):
        """Write what it serves."""
        self.place.write(f"{self.folder}/index.html", "here")


class Php(Server):
    """The web server of php, which does not start without standard streams."""

    kind, binary = "php", "/usr/bin/php"

    def arguments(self):
        """Return its arguments."""
        return ("-S", f"127.0.0.1:{self.port}")


class Python(Server):
    """That of Python: a request fails if its line cannot be written."""

    kind, binary = "python", os.path.realpath(sys.executable)

    def arguments(self):
        """Return its arguments."""
        script = self.place.write(f"{self.folder}.py", SCRIPT)
        return ("-IS", script, str(self.port))


@pytest.mark.parametrize("kind", [Php, Python])
def test_standard_streams(place, kind):
    """They lead to /dev/null, and what is written there is lost without an error."""
    server = kind(place)

    result = server.act("start")
    texts = []
    for _ in range(2):
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/index.html") as answer:
            texts.append(answer.read())
    streams = [os.readlink(f"/proc/{server.named}/fd/{number}") for number in range(3)]
    codes = [server.act(action).code for action in ("status", "stop", "status")]

    assert 0 == result.code, result
    assert [b"here"] * 2 == texts
    assert ["/dev/null"] * 3 == streams
    assert [0, 0, 3] == codes
