"""A client that never pauses: asks until its stdin ends, then tells what it saw."""

from __future__ import annotations

import json
import socket
import sys
import threading

REQUEST = b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
ASKING = 2  # threads


def ask(port, answered, bad):
    """Ask once."""
    answer = b""
    try:
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            connection.sendall(REQUEST)
            while chunk := connection.recv(65536):
                answer += chunk
    except OSError as exc:
        bad.append(f"{exc} after {answer!r}")
        return
    head, _, body = answer.partition(b"\r\n\r\n")
    length = f"Content-Length: {len(body)}\r\n".encode()
    if not head.startswith(b"HTTP/1.1 200 ") or length not in head + b"\r\n":
        bad.append(repr(answer))
    else:
        answered[body.decode()] = answered.get(body.decode(), 0) + 1


def main(port):
    """Ask from several threads until stdin ends."""
    answered, bad, over = {}, [], threading.Event()
    ask(port, answered, bad)
    sys.stdout.write("asking\n")
    sys.stdout.flush()

    def go_on():
        while not over.is_set():
            ask(port, answered, bad)

    threads = [threading.Thread(target=go_on) for _ in range(ASKING)]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    over.set()
    for thread in threads:
        thread.join()
    sys.stdout.write(json.dumps({"answered": answered, "bad": bad}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
