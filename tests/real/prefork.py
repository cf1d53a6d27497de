"""A daemon without titles: it goes to the background, and its workers keep its command line.

usage: prefork PORT PIDFILE [USER NUMBER | alone]

alone: it has no workers
"""

import os
import signal
import socket
import subprocess
import sys

port, pidfile, *user = sys.argv[1:]
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
if user and user != ["alone"]:
    number = int(user[0])
    os.chown(pidfile, number, number)
    os.setgroups([])
    os.setgid(number)
    os.setuid(number)


def serve():
    """Answer for ever."""
    while True:
        client, _ = listener.accept()
        client.close()


workers = []
for _ in range(0 if user == ["alone"] else 2):
    worker = os.fork()
    if worker == 0:
        os.fork()
        serve()
    workers.append(worker)


def end(*_):
    """End as a daemon does that does not wait for its workers."""
    for worker in workers:
        os.kill(worker, signal.SIGTERM)
    os._exit(0)


signal.signal(signal.SIGTERM, end)
JOB = "import signal; signal.pause()"
signal.signal(signal.SIGHUP, lambda *_: subprocess.Popen([sys.executable, "-IS", "-c", JOB]))
while True:
    signal.pause()
