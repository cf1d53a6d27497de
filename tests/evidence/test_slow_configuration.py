"""A configuration that takes long to load, because a name server is slow."""

from __future__ import annotations

import os
import textwrap

import pytest
from elsewhere import Instance

pytestmark = pytest.mark.real

SECONDS = float(os.environ.get("INITPY_TEST_SLOW", "3"))  # that it takes to load
MOST = 20.0  # seconds for one name: the resolver asks no longer than 30

# Every question is answered so many seconds later: an address, or none of IPv6.
NAME_SERVER = """
import socket, sys, threading
server = socket.socket(type=socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
print("bound", flush=True)
while True:
    question, client = server.recvfrom(512)
    end = question.index(b"\\0", 12) + 5
    v4 = question[end - 4 : end - 2] == b"\\0\\1"
    head = question[:2] + b"\\x81\\x80\\0\\1" + (b"\\0\\1" if v4 else b"\\0\\0") + b"\\0\\0\\0\\0"
    answer = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\1\\0\\4\\x7f\\0\\0\\1" if v4 else b""
    said = head + question[12:end] + answer
    threading.Timer(float(sys.argv[1]), server.sendto, (said, client)).start()
"""


def test_slow_name_server(island, place):
    """With a TIMEOUT that allows it, a reload that takes long is done, and not cut off."""
    names = [f"n{number}.test" for number in range(int(-(-SECONDS // MOST)))]
    island("sh", "-c", "echo nameserver 127.0.0.1 >/etc/resolv.conf")
    island("sh", "-c", "echo options timeout:30 attempts:1 >>/etc/resolv.conf")
    server = place.write("names.py", textwrap.dedent(NAME_SERVER))
    begin = 'python3 "$1" "$2" >"$3" 2>&1 & while ! grep -q bound "$3"; do :; done'
    island("sh", "-c", begin, "sh", server, str(SECONDS / len(names)), place.path("names.log"))
    home = Instance(island, place, "nginx", "home")
    island("cp", home.source, home.config)
    home.generate()
    started = home.act("start")
    master = home("cat", home.pidfile).out
    asked = "".join(f"location /{name} {{ proxy_pass http://{name}; }} " for name in names)
    place.write("home.conf", home.text.replace("listen ", f"{asked}return 204; listen "))
    island("cp", home.source, home.config)
    place.write("settings", f"TIMEOUT={2 * SECONDS}\n")
    island("cp", place.path("settings"), "/etc/default/nginx")

    result = island(home.wrapper, "reload", timeout=4 * SECONDS + 60)
    port = home.text.partition("127.0.0.1:")[2].partition(";")[0]
    answer = home("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://127.0.0.1:{port}")

    assert (0, 0) == (started.code, result.code), result
    assert result.seconds >= 2 * SECONDS  # its test takes as long
    assert ("204", master) == (answer.out, home("cat", home.pidfile).out)
