"""The service under test: what is done to it by its script, and what is seen of it.

Inside a private copy of the machine every process is the service's that is
not the checker's own, so nothing has to be guessed from names.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time

from conformance import kernel
from conformance.sandbox import SandboxError
from conformance.script import Script

# As at boot, or as service(8) calls it; and never handed over to systemctl.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "TERM": "dumb",
    "SYSTEMCTL_SKIP_REDIRECT": "1",
    "_SYSTEMCTL_SKIP_REDIRECT": "1",
}
NOBODY = 65534
PATIENCE = 90.0  # seconds for an action
SETTLING = 10.0  # seconds in which what an action has begun must be seen
ENDING = 3.0  # seconds in which what an action has ended must be gone
DYING = 2.0  # seconds in which it would have died of what was done, or read
A_MOMENT = 0.1  # seconds in which what still changes does so
SIGNALLED = 0.2  # seconds in which a signal that was sent takes effect
POLL = 0.02
# No daemon takes this: no directive, no section, no assignment, unbalanced.
NONSENSE = "\n}{ no daemon takes this line\n"


class NotApplicable(Exception):
    """The check says nothing about this script; the sentence says why."""


class Outcome:
    """How an action ended. code is None if it did not within PATIENCE."""

    def __init__(self, command, code, said):
        self.command = command
        self.code = code
        self.said = said

    def __str__(self):
        end = f"did not end in {PATIENCE:.0f} s" if self.code is None else f"exit {self.code}"
        last = self.said.strip().splitlines()[-1:]
        return f"{self.command}: {end}" + (f", {last[0].strip()!r}" if last else "")


class Bench:
    """A service, stopped, in a machine of its own.

    facts:    what was found out about it (see discovery.py).
    problems: what was seen that should not be, as sentences.
    remarks:  what is allowed, but could be better.
    script:   its text.
    """

    def __init__(self, machine, facts):
        self.machine = machine
        self.facts = facts
        self.problems = []
        self.remarks = []
        self.script = Script.read(facts["script"])
        self._ours = {1, os.getpid()}

    # Verdicts.

    def expect(self, truth, sentence):
        """Note *sentence* as a problem unless *truth*; return the truth."""
        if not truth:
            self.problems.append(str(sentence))
        return bool(truth)

    def expect_code(self, outcome, *codes):
        """Note a problem unless the action ended with one of *codes*."""
        wanted = " or ".join(map(str, codes))
        return self.expect(outcome.code in codes, f"{outcome}; should be {wanted}")

    def expect_error(self, outcome, best=None):
        """Note a problem unless the action failed; remark that LSB has a better code."""
        failed = outcome.code not in (0, None)
        if failed and best and outcome.code != best:
            self.remarks.append(f"{outcome}; LSB's code for this is {best}")
        return self.expect(failed, f"{outcome}; should not be 0")

    # What is done.

    def act(self, *arguments, user=None, environment=None):
        """Run the script, and return the Outcome."""
        return self.finish(self.begin(*arguments, user=user, environment=environment))

    def begin(self, *arguments, user=None, environment=None):
        """Run the script beside us; what is returned is for finish()."""
        # Not a pipe: a daemon that keeps it open would keep us waiting.
        said = tempfile.TemporaryFile()  # noqa: SIM115 - finish() reads it
        rights = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        try:
            child = subprocess.Popen(
                [self.facts["script"], *arguments],
                cwd="/",
                env=ENVIRONMENT if environment is None else environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
                preexec_fn=kernel.keep_in,  # noqa: PLW1509 - there are no threads
                **rights,
            )
        except OSError as exc:
            if user is not None:
                raise NotApplicable(f"uid {user} may not even run it: {exc}") from exc
            raise SandboxError(f"it cannot be run: {exc.strerror}") from exc
        self._ours.add(child.pid)
        return child, " ".join(arguments) or "no action", said

    def finish(self, begun):
        """Wait for the action that was begun, and return its Outcome."""
        child, command, said = begun
        try:
            code = child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            code = None
        self._ours.discard(child.pid)
        said.seek(0)
        return Outcome(command, code, said.read().decode(errors="replace"))

    def begin_running(self):
        """Start it, as what a check begins with. Raises NotApplicable if that fails."""
        outcome = self.act("start")
        if not self.up():
            raise NotApplicable(f"it cannot be started: {outcome}")
        self.settle()
        return outcome

    def kill_all(self):
        """Kill every process of the service, as a crash would."""
        deadline = time.monotonic() + ENDING
        while (found := self.processes()) and time.monotonic() < deadline:
            for pid in found:
                _kill(pid, signal.SIGKILL)
            time.sleep(POLL)

    def stranger(self, pid=None):
        """Start a process that is none of the service's, leader of its own group.

        pid: the number that it is to get, of a process that is gone.
        Its parent is process 1, which reaps it.
        """
        # A program of its own: the service's may be sleep.
        program = "/run/a-stranger"
        if not os.path.exists(program):
            shutil.copy("/bin/sleep", program)
        reading, writing = os.pipe()
        parent = os.fork()
        if parent == 0:
            self._bear(program, pid, writing)
        os.waitpid(parent, 0)
        number = int(os.read(reading, 32))
        os.close(reading)
        os.close(writing)
        self._ours.add(number)
        self.wait(lambda: title(number).startswith(program))
        return number

    def _bear(self, program, pid, writing):
        """In a forked child: fork once more, write the number, and end."""
        try:
            if pid:
                os.pwrite(self.machine.last_pid, str(pid - 1).encode(), 0)
            child = os.fork()
            if child == 0:
                kernel.keep_in()
                os.setsid()
                os.execv(program, [program, "1000"])
            os.write(writing, str(child).encode())
        finally:
            os._exit(0)

    def harmed(self, strangers):
        """Return those of *strangers* that have ended, or do so very soon."""
        self.wait(lambda: not all(map(_alive, strangers)), SIGNALLED)
        return [pid for pid in strangers if not _alive(pid)]

    # What is seen.

    def processes(self):
        """Return pid -> parent's pid of every live process of the service."""
        found = {}
        for name in os.listdir("/proc"):
            if not name.isdigit() or int(name) in self._ours:
                continue
            parent = _parent(int(name))
            if parent is not None:
                found[int(name)] = parent
        return found

    def roots(self):
        """Return the pids of its processes that no other of its processes has started."""
        found = self.processes()
        return {pid for pid, parent in found.items() if parent not in found}

    def wait(self, probe, within=SETTLING):
        """Return what *probe* returns once it is true, or what it returns in the end."""
        deadline = time.monotonic() + within
        while True:
            late = time.monotonic() >= deadline  # before looking: the last look is after it
            seen = probe()
            if seen or late:
                return seen
            time.sleep(POLL)

    def up(self):
        """Tell whether it runs, or does so soon: a process, and its pidfile naming one.

        Where no process is, none comes any more: there is nobody to start it.
        """
        self.wait(lambda: self._up() or not self.processes())
        return self._up()

    def _up(self):
        found = self.processes()
        pidfile = self.facts["pidfile"]
        return bool(found) and (not pidfile or bool(found.keys() & numbers(pidfile)))

    def settle(self):
        """Wait until its first processes have been the same for a moment, and their programs.

        A daemon's forks may go on after start, and what start-stop-daemon --background
        names in a pidfile runs the daemon later.
        """
        deadline = time.monotonic() + SETTLING
        before, now = None, self._programs()
        while before != now and time.monotonic() < deadline:
            time.sleep(A_MOMENT)
            before, now = now, self._programs()

    def _programs(self):
        return {pid: binary_of(pid) for pid in self.roots()}

    def gone(self):
        """Tell whether no process of it is left, or is soon."""
        return self.wait(lambda: not self.processes(), ENDING)

    def expect_up(self, after):
        """Note a problem unless it runs."""
        return self.expect(self.up(), f"after {after} it does not run")

    def expect_life(self, after):
        """Note a problem if it dies of what was done, or does not run."""
        died = self.wait(lambda: not self.processes(), DYING)
        self.expect(not died and self.up(), f"after {after} it does not run")

    def expect_gone(self, after):
        """Note a problem unless nothing of it is left."""
        if self.gone():
            return True
        return self.expect(False, f"after {after} these still run: {self.listing()}")

    def expect_same(self, before, after):
        """Note a problem unless its first processes are again those of *before*."""
        same = self.wait(lambda: before == self.roots(), ENDING)
        self.expect(same, f"after {after} other processes run: {self.listing() or 'none'}")

    def expect_others(self, before, after):
        """Note a problem unless the processes of *before* are gone."""
        others = self.wait(lambda: not before & self.roots(), ENDING)
        self.expect(others, f"after {after} the old processes run: {self.listing()}")

    def expect_once(self, after):
        """Note a problem if it runs more than once."""
        once = self.wait(lambda: len(self.roots()) <= self.facts["roots"], ENDING)
        self.expect(once, f"after {after} it runs twice: {self.listing()}")

    def listing(self):
        """Return its processes for a person to read."""
        return ", ".join(f"{pid} {title(pid)[:60]!r}" for pid in sorted(self.processes()))


def numbers(path):
    """Return the numbers in a pidfile; none if it is missing or holds something else."""
    try:
        with open(path, "rb") as file:
            words = file.read(4096).split()
    except OSError:
        return set()
    return {int(word) for word in words} if all(map(bytes.isdigit, words)) else set()


def binary_of(pid):
    """Return the path of what a process runs, or "" if it is gone."""
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def title(pid):
    """Return the command line of a process, or what it has put in its place."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def _parent(pid):
    """Return the parent's pid of a live process, or None: a zombie is dead."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            state, parent = file.read().rpartition(")")[2].split()[:2]
    except OSError:
        return None
    return None if state in "ZX" else int(parent)


def _alive(pid):
    return _parent(pid) is not None


def _kill(pid, sig):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sig)
