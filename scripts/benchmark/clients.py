"""Clients that never pause: a program of its own.

It asks PATH of 127.0.0.1 at every PORT in turn from so many connections at
once, until its stdin ends, and then tells, as JSON:

answered: requests that had a whole answer of status 200.
lost:     by reason, requests that had not.
gap:      the longest time in seconds that one of the clients was without an
          answer; a client is a connection and those that replace it.

A connection that was kept and is found closed before anything is asked of it
loses nothing. One that is closed after the request was sent does.
"""

from __future__ import annotations

import errno
import json
import os
import selectors
import socket
import sys
import time

WITHIN = 5.0  # seconds for one answer
AGAIN = 0.001  # seconds after a request that was lost, or a refusal would be counted by the million


class Client:
    """One of them; ``act`` is called when its connection can go on."""

    def __init__(self, port, path, keep, selector):
        self.address = ("127.0.0.1", port)
        self.keep, self.selector = keep, selector
        kept = "keep-alive" if keep else "close"
        self.request = f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: {kept}\r\n\r\n".encode()
        self.answered, self.lost, self.gap = 0, {}, 0.0
        self.happy = time.monotonic()
        self.connection, self.answer, self.asked = None, b"", 0.0
        self.connect()

    def connect(self):
        """Begin a connection, and wait until it can be written to."""
        self.asked = time.monotonic()
        self.connection = socket.socket()
        self.connection.setblocking(False)
        code = self.connection.connect_ex(self.address)
        if code not in (0, errno.EINPROGRESS):
            self.lose(os.strerror(code))
            return
        self.selector.register(self.connection, selectors.EVENT_WRITE, self)

    def act(self, writable):
        """Go on: ask, or read."""
        try:
            if writable:
                self.ask()
            else:
                self.read()
        except OSError as exc:
            self.lose(exc.strerror or str(exc))

    def ask(self):
        """Send the request; then wait for the answer."""
        if code := self.connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(code, os.strerror(code))
        self.answer, self.asked = b"", time.monotonic()
        self.connection.send(self.request)
        self.selector.modify(self.connection, selectors.EVENT_READ, self)

    def read(self):
        """Take what has come of the answer."""
        chunk = self.connection.recv(65536)
        self.answer += chunk
        head, whole, body = self.answer.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if whole)
        if whole and len(body) >= int(fields[b"content-length"]):
            self.take(head, fields)
        elif not chunk:
            self.lose("closed without a whole answer" if self.answer else "closed without answer")

    def take(self, head, fields):
        """Count an answer, and ask again."""
        if b" 200 " not in head.split(b"\r\n")[0] + b" ":
            self.lose(head.split(b"\r\n")[0].decode())
            return
        self.answered += 1
        self.tick()
        if self.keep and fields.get(b"connection") != b"close" and self.open():
            self.ask()
            return
        self.drop()
        self.connect()

    def open(self):
        """Tell whether the other side has kept the connection."""
        try:
            return self.connection.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True

    def tick(self):
        """Note how long it has been."""
        now = time.monotonic()
        self.gap, self.happy = max(self.gap, now - self.happy), now

    def lose(self, reason):
        """Count a request that had no answer; ``wake`` begins the next."""
        self.lost[reason] = self.lost.get(reason, 0) + 1
        self.drop()
        self.asked = time.monotonic()

    def drop(self):
        """Close the connection."""
        if self.connection is not None:
            if self.connection in self.selector.get_map():
                self.selector.unregister(self.connection)
            self.connection.close()
        self.connection = None

    def wake(self, now):
        """Begin again after a loss; lose what has waited for too long."""
        if self.connection is None:
            if now >= self.asked + AGAIN:
                self.connect()
        elif now > self.asked + WITHIN:
            self.lose("no answer in time")


def main(ports, path, asking, keep):
    """Ask until stdin ends, then tell."""
    ports = [int(port) for port in ports.split(",")]
    selector = selectors.DefaultSelector()
    selector.register(0, selectors.EVENT_READ)
    clients = [
        Client(ports[number % len(ports)], path, keep == "keep", selector)
        for number in range(int(asking))
    ]
    told = False
    while True:
        ready = selector.select(AGAIN)
        if any(key.data is None for key, _ in ready):
            break
        for key, events in ready:
            if key.fileobj is key.data.connection:
                key.data.act(events & selectors.EVENT_WRITE)
        now = time.monotonic()
        for client in clients:
            client.wake(now)
        if not told and all(client.answered for client in clients):
            told = True
            for client in clients:
                client.gap, client.happy = 0.0, now
            print("asking", flush=True)
    lost = {}
    for client in clients:
        client.tick()
        for reason, count in client.lost.items():
            lost[reason] = lost.get(reason, 0) + count
    answered = sum(client.answered for client in clients)
    gap = max(client.gap for client in clients)
    print(json.dumps({"answered": answered, "lost": lost, "gap": gap}))


if __name__ == "__main__":
    main(*sys.argv[1:])
