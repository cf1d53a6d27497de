"""What is done to several php-fpm on one machine, run there: prints what went wrong, in JSON.

Each is reloaded, upgraded, killed and recovered, restarted, and at last stopped, while
clients ask all of them. Debian's Python runs it, without anything of the tests.
"""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading

SCRIPT = "/srv/version.php"


def record(kind, body):
    """Return a record of FastCGI."""
    return struct.pack(">BBHHBx", 1, kind, 1, len(body), 0) + body


def ask(version):
    """Return the first two numbers of the PHP that answers at the socket of a version."""
    facts = {"SCRIPT_FILENAME": SCRIPT, "REQUEST_METHOD": "GET"}
    pairs = b"".join(
        bytes((len(key), len(value))) + f"{key}{value}".encode() for key, value in facts.items()
    )
    request = record(1, struct.pack(">HB5x", 1, 0)) + record(4, pairs)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(f"/run/php/php{version}-fpm.sock")
        connection.sendall(request + record(4, b"") + record(5, b""))
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    _, _, rest = answer.partition(b"\r\n\r\n")
    return rest[:3].decode()


class Client(threading.Thread):
    """Asks one version without a pause."""

    def __init__(self, version):
        """Start to ask."""
        super().__init__(daemon=True)
        self.version = version
        self.bad = []
        self.answered = 0
        self.over = False
        self.start()

    def run(self):
        """Ask until it is over."""
        while not self.over:
            try:
                answer = ask(self.version)
            except OSError as exc:
                answer = repr(exc)
            if answer == self.version:
                self.answered += 1
            else:
                self.bad.append(answer)

    def stop(self):
        """Let it end; return what went wrong."""
        self.over = True
        self.join()
        return self.bad


def act(version, action):
    """Do an action; return its exit code and what it said."""
    done = subprocess.run(
        [f"/etc/init.d/php{version}-fpm", action, "--quiet"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def look(version):
    """Return what status says of a version."""
    said = subprocess.run(
        [f"/etc/init.d/php{version}-fpm", "status", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    facts = json.loads(said.stdout)
    return {key: facts[key] for key in ("code", "master", "workers", "orphans", "pidfile")}


def crash(version):
    """Kill its master."""
    os.kill(look(version)["master"], signal.SIGKILL)


def main(*versions):
    """Do it all, and print a list of what was not as it should have been."""
    wrong = []

    def hold(is_so, *what):
        if not is_so:
            wrong.append([str(one) for one in what])

    for version in versions:
        hold(act(version, "start")[0] == 0, version, "start")
    pidfiles = {look(version)["pidfile"] for version in versions}
    hold(len(pidfiles) == len(versions), "shared pidfiles", pidfiles)
    for version in versions:
        for steps in (["reload"], ["upgrade"], ["crash", "start"], ["restart"]):
            before = {each: look(each) for each in versions}
            clients = {each: Client(each) for each in versions}
            for step in steps:
                if step == "crash":
                    crash(version)
                else:
                    code, said = act(version, step)
                    hold(code == 0, version, step, code, said)
            bad = {each: client.stop() for each, client in clients.items()}
            if steps == ["reload"]:
                bad[version] = []  # by its own signal, which cuts what is in flight
            hold(not any(bad.values()), version, steps, bad)
            hold(all(client.answered for client in clients.values()), version, steps, "no answers")
            after = {each: look(each) for each in versions}
            own, old = after.pop(version), before.pop(version)
            hold(after == before, version, steps, "touched another", before, after)
            hold(own["code"] == 0, version, steps, own)
            hold(own["pidfile"] == old["pidfile"], version, steps, own)
            hold(own["master"] != old["master"], version, steps, old, own)
    for version in versions:
        hold(act(version, "stop")[0] == 0, version, "stop")
        stopped = versions[: versions.index(version) + 1]
        codes = [look(each)["code"] for each in versions]
        hold(codes == [3 if each in stopped else 0 for each in versions], version, "stop", codes)
    json.dump(wrong, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
