"""Try the script of one unit, in a root of its own: python3 trial.py UNIT [check].

The last line of what it prints is JSON: what was tried and has failed, each with the reason.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from glob import glob

WITHIN = 200  # seconds for an action
LONG = 600  # seconds for scripts/check: some daemons take half a minute for a stop
SOON = 20  # seconds for a start, which nothing here takes
# A unit without a test of the configuration reloads a bad one, whatever becomes of that.
WITHOUT_TEST = ("reload, bad configuration", "life after reload, bad configuration")


class Trial:
    """The script of one daemon, and what of it has failed."""

    def __init__(self, unit):
        self.script = f"/etc/init.d/{unit}"
        self.failed = {}

    def command(self, *argv, within=WITHIN):
        """Run a command; return its exit code and what it said."""
        reap()
        run = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=within,
            check=False,
        )
        with open("/mnt/log", "a") as log:
            log.write(f"{argv} -> {run.returncode}\n{run.stdout}")
        return run.returncode, run.stdout.strip()

    def act(self, action, *codes):
        """Run an action; raise if it exits with another code."""
        code, said = self.command(self.script, action)
        if code not in codes:
            raise AssertionError(f"{action} is {code}: {said}")

    def fact(self, begin):
        """Return what the line of the script says that begins so."""
        with open(self.script) as file:
            (line,) = (line for line in file if line.startswith(begin))
        return line[len(begin) :].strip('", \n')

    def family(self):
        """Return the pids of the master and of everything below it."""
        code, said = self.command(self.script, "status", "--json")
        assert 0 == code, f"status is {code}: {said}"
        found = [json.loads(said.splitlines()[-1])["master"]]
        for pid in found:
            for path in glob(f"/proc/{pid}/task/*/children"):
                # One that only does a task may have ended meanwhile.
                with suppress(FileNotFoundError, ProcessLookupError), open(path) as file:
                    found += map(int, file.read().split())
        return found

    def attempt(self, what, steps):
        """Do the steps; note what fails. Whatever runs then is ended."""
        try:
            steps()
        except Exception as exc:  # noqa: BLE001 - each is what has failed
            self.failed[what] = " ".join(f"{exc}".split())
        finally:
            for _ in range(2):
                if self.command(self.script, "stop")[0] == 0:
                    break

    def life(self):
        """See it start, stay up, and stop, all of it."""
        self.act("start", 0)
        self.act("status", 0)
        family = self.family()
        time.sleep(1)  # what says 0 is not dead a second later
        self.act("status", 0)
        self.act("start", 0)
        self.act("stop", 0)
        left = [pid for pid in family if alive(pid)]
        assert not left, f"stop left {left}"
        self.act("status", 3)
        self.act("stop", 0)

    def lost_pidfile(self):
        """Remove its pidfile: it is known all the same, and ended."""
        self.act("start", 0)
        master, *_ = family = self.family()
        os.remove(self.fact("# pidfile: "))
        self.act("status", 0)
        self.act("start", 0)
        assert master == self.family()[0], "start made another master"
        self.act("stop", 0)
        left = [pid for pid in family if alive(pid)]
        assert not left, f"stop left {left}"

    def crash(self):
        """Kill the master: what it leaves behind does not hold up the next one."""
        self.act("start", 0)
        master, *_ = self.family()
        os.kill(master, signal.SIGKILL)
        while alive(master):
            time.sleep(0.01)
        reap()
        self.act("status", 1, 3)
        self.act("start", 0)
        self.act("status", 0)
        assert master != self.family()[0]
        self.act("stop", 0)
        self.act("status", 3)

    def restart(self):
        """Restart it."""
        self.act("start", 0)
        self.act("restart", 0)
        self.act("status", 0)
        self.act("stop", 0)

    def reload(self):
        """Reload it, if it can."""
        self.act("start", 0)
        self.act("reload", 0, 3)
        self.act("status", 0)
        self.act("stop", 0)

    def conformance(self):
        """Ask scripts/check."""
        daemon = f"--daemon={self.fact('            daemon=')}"  # its process may show another
        check = ("python3", "/opt/initpy/scripts/check", "--json", daemon, self.script)
        code, said = self.command(*check, within=LONG)
        try:
            found = json.loads(said)
        except ValueError:
            raise AssertionError(f"it is {code}: {said}") from None
        failed = {one["check"]: one["seen"] for one in found["checks"] if one["result"] == "failed"}
        if "configtest" not in found["actions"]:
            for name in WITHOUT_TEST:
                failed.pop(name, None)
        assert not failed, json.dumps(failed)


def reap():
    """Let nothing stay as a zombie: we may be process 1."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def alive(pid):
    """Tell whether a process is there, and not only its entry."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


def main(unit, *check):
    """Try all of it, also by scripts/check if that is said."""
    trial = Trial(unit)
    # What a booted system has.
    trial.command("ip", "link", "set", "lo", "up")
    os.makedirs("/dev/shm", exist_ok=True)
    trial.command("mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", "/dev/shm")
    with open(f"/etc/default/{unit}.initpy", "w") as file:
        file.write(f"TIMEOUT={SOON}\n")
    code, said = trial.command("initpy", "install", "--from-unit", unit)
    if code:
        trial.failed["install"] = said
    else:
        trial.attempt("life", trial.life)
        trial.attempt("lost pidfile", trial.lost_pidfile)
        trial.attempt("crash", trial.crash)
        trial.attempt("restart", trial.restart)
        trial.attempt("reload", trial.reload)
        if check:
            trial.attempt("check", trial.conformance)
    sys.stdout.write(f"{json.dumps(trial.failed)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
