"""A daemon without titles: it goes to the background, and its workers keep its command line.

usage: prefork PORT PIDFILE [USER NUMBER | alone]

alone: it has no workers
"""

import os
import signal
import socket
import subprocess
import sys

JOB = "import signal; signal.pause()"


def main(port, pidfile, *user):
    """Go to the background, and answer for ever."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(port)))
    listener.listen()
    for _ in range(2):
        if os.fork():
            os._exit(0)
        os.setsid()
    with open(f"{pidfile}.new", "w") as file:
        file.write(f"{os.getpid()}\n")
    os.rename(f"{pidfile}.new", pidfile)
    alone = user == ("alone",)
    if user and not alone:
        number = int(user[0])
        os.chown(pidfile, number, number)
        os.setgroups([])
        os.setgid(number)
        os.setuid(number)
    workers = [start_worker(listener) for _ in range(0 if alone else 2)]

    def end(*_):
        """End as a daemon does that does not wait for its workers."""
        for worker in workers:
            os.kill(worker, signal.SIGTERM)
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGHUP, lambda *_: subprocess.Popen([sys.executable, "-IS", "-c", JOB]))
    while True:
        signal.pause()


def start_worker(listener):
    """Start a worker, and a child of it; both answer for ever. Return its pid."""
    worker = os.fork()
    if worker == 0:
        os.fork()
        while True:
            client, _ = listener.accept()
            client.close()
    return worker


if __name__ == "__main__":
    main(*sys.argv[1:])
