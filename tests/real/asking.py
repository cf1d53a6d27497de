"""A client that never pauses: asks until its stdin ends, then tells what it saw."""

from __future__ import annotations

import json
import random
import socket
import ssl
import sys
import threading
from collections import Counter

WITHIN = 20  # seconds for one answer


def connect(at):
    """Connect to a port of 127.0.0.1, ``[::1]:PORT``, ``tls:PORT`` or the path of a socket."""
    if at.startswith("/"):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(WITHIN)
        connection.connect(at)
        return connection
    host, _, port = at.rpartition(":")
    if host != "tls":
        return socket.create_connection((host.strip("[]") or "127.0.0.1", int(port)), WITHIN)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # signed by itself
    return context.wrap_socket(socket.create_connection(("127.0.0.1", int(port)), WITHIN))


def ask(at, path, answered, bad):
    """Ask once."""
    if at.startswith("udp:"):
        ask_by_datagram(int(at[4:]), answered, bad)
        return
    answer = b""
    try:
        with connect(at) as connection:
            request = f"GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
            connection.sendall(request.encode())
            while chunk := connection.recv(65536):
                answer += chunk
    except OSError as exc:
        bad.append(f"{exc} after {answer!r}")
        return
    head, _, body = answer.partition(b"\r\n\r\n")
    length = f"Content-Length: {len(body)}\r\n".lower().encode()
    if not head.startswith(b"HTTP/1.1 200 ") or length not in head.lower() + b"\r\n":
        bad.append(repr(answer))
    else:
        answered.append(body.decode())


def ask_by_datagram(port, answered, bad):
    """Send one datagram and wait for one."""
    with socket.socket(type=socket.SOCK_DGRAM) as connection:
        connection.settimeout(WITHIN)
        connection.connect(("127.0.0.1", port))
        try:
            connection.send(b"?")
            body = connection.recv(65536)
        except OSError as exc:
            bad.append(f"datagram: {exc}")
            return
    answered.append(body.decode())


def main(at, asking="2", *paths):
    """Ask for any of *paths* from so many threads until stdin ends."""
    # To append to a list is one step; a number that is read and written may lose another's.
    answered, bad, over = [], [], threading.Event()
    paths = paths or ("/",)
    ask(at, paths[0], answered, bad)
    sys.stdout.write("asking\n")
    sys.stdout.flush()

    def go_on():
        while not over.is_set():
            ask(at, random.choice(paths), answered, bad)

    threads = [threading.Thread(target=go_on) for _ in range(int(asking))]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    over.set()
    for thread in threads:
        thread.join()
    sys.stdout.write(json.dumps({"answered": Counter(answered), "bad": bad}))


if __name__ == "__main__":
    main(*sys.argv[1:])
