"""Programs: start one in the environment that a daemon needs."""

from __future__ import annotations

import os

from ...errors import translated
from ...value import Value
from ..processes import Processes, unreaped
from .forking import fork
from .limits import adopt_limits, set_limits, start_limits
from .output import STANDARD, above_standard, output_file, tail
from .refusal import refused, unprepared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .limits import Limits
    from .surroundings import Surroundings
    from .users import Account

# The environment of a daemon. It must not depend on the user or the program that calls.
CLEAN_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C",
}


class Given(Value):
    """What a daemon is given."""

    environment: Mapping[str, str]
    output: int
    descriptors: Sequence[int]
    nice: int
    limits: Mapping[str, Limits]
    surroundings: Surroundings | None
    account: Account | None
    directory: str


@translated
class Programs:
    """Starting programs on this machine."""

    def spawn(
        self,
        argv: Sequence[str],
        *,
        limits: Mapping[str, Limits] | None = None,
        environment: Mapping[str, str] | None = None,
        descriptors: Sequence[int] = (),
        account: Account | None = None,
    ) -> Child:
        """Start a program in the environment that a daemon needs, and return it.

        The program gets a clean environment, umask 022, directory /, no descriptor above
        2, the default signal dispositions, the limits of a start (``start_limits``), and a
        session of its own, so that Ctrl-C at our terminal does not reach it. Standard input is
        /dev/null; ``Child.output`` returns what it writes.

        limits:      by the name in resource(3py): RLIMIT_NOFILE.
        environment: variables that are added to the clean environment.
        descriptors: descriptors that it inherits, with the same numbers.
        account:     whose it is; None: ours.

        Raises Refused if execve(2) refuses the program, or its limits cannot be set.
        """
        import resource  # noqa: F401 - now, and not in the child: see forking

        # Not a pipe: the daemon keeps its standard error open, so we would never read
        # the end of it.
        output = output_file()
        reading = null()
        start = start_limits()  # now, and not in the child: see forking
        failure, failing = map(above_standard, os.pipe())  # why it could not be executed
        child = fork()  # not subprocess: to import it costs as much as the interpreter's start
        if child == 0:  # pragma: no cover - coverage does not measure in a child
            try:
                os.setsid()
                prepare(reading, output, descriptors)
                adopt_limits(start)
                set_limits(0, limits or {}, account)
            except (OSError, ValueError, OverflowError) as exc:
                os.write(failing, unprepared(exc))
            else:
                execute(argv, {**CLEAN_ENVIRONMENT, **(environment or {})}, failing)
            finally:
                os._exit(127)
        os.close(reading)
        os.close(failing)
        why = os.read(failure, 32)  # empty if it was executed: execve(2) closed the pipe
        os.close(failure)
        started = Child(child, output)
        if why:
            started.reap()
            started.close()
            raise refused(why.decode(), argv[0])
        return started

    def memory_file(self, text: str) -> int:
        """Return the descriptor of a file of that text that has no name: memfd_create(2).

        What inherits it may open it as ``/dev/fd/N``.
        """
        fd = above_standard(os.memfd_create("text"))
        os.write(fd, os.fsencode(text))
        return fd


def null() -> int:
    """Return a descriptor of /dev/null, for reading."""
    return above_standard(os.open(os.devnull, os.O_RDONLY))


def prepare(
    standard_input: int, output: int, descriptors: Sequence[int], directory: str = "/"
) -> None:  # pragma: no cover - in the child of a fork
    """Give this process the surroundings of a daemon, whatever our caller's are.

    The caller has made a session.
    """
    import _signal  # signal would load enum

    os.chdir(directory)
    os.umask(0o022)
    for number, fd in zip(STANDARD, (standard_input, output, output)):
        os.dup2(fd, number)
    # Our other descriptors close in execve(2), and not before. The lock is one of them:
    # if we are killed it is free only once the daemon is executed, so that the next
    # action which gets the lock sees the daemon.
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd not in STANDARD:
            try:
                os.set_inheritable(fd, fd in descriptors)
            except OSError:
                continue  # the descriptor with which the folder was listed
    for sig in range(1, _signal.NSIG):
        if _signal.getsignal(sig) not in (_signal.SIG_DFL, None):
            _signal.signal(sig, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def keep_only(*kept: int) -> None:  # pragma: no cover - in the child of a fork
    """Close every descriptor but *kept*: our lock among them, which is free if we are killed."""
    devnull = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(devnull, number)
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd not in (0, 1, 2, *kept):
            try:
                os.close(fd)
            except OSError:
                continue  # it was that of the listing


def execute(
    argv: Sequence[str], environment: Mapping[str, str], failing: int
) -> None:  # pragma: no cover - in the child of a fork
    """Execute a program; if that fails, write the errno to *telling*."""
    try:
        os.execve(argv[0], list(argv), environment)
    except OSError as exc:
        os.write(failing, str(exc.errno).encode())


@translated
class Child:
    """A program that we started. The kernel does not reuse its pid before ``reap``."""

    def __init__(self, pid: int, output: int) -> None:
        """Take over the process, and the descriptor of its output."""
        self.pid = pid  # also the number of its process group and of its session
        self._output = output
        self._code: int | None = None  # None until it is reaped

    def poll(self) -> int | None:
        """Return its exit code (negative: the signal it died of), or None while it runs.

        This does not reap it, so that its pid and its process group remain its own.
        """
        if self._code is not None:
            return self._code
        ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def output(self, most: int = 1 << 16) -> str:
        """Return what it has written until now, at most the last *most* bytes."""
        return tail(self._output, most)

    def kill_group(self) -> None:
        """Send SIGKILL to its process group, and reap the program itself.

        The others of the group end when they take the signal, which is after kill(2) has
        returned: see ``group_lives``.
        """
        import _signal

        if self._code is None and unreaped(self.pid):
            os.killpg(self.pid, _signal.SIGKILL)
            self.reap()

    def group_lives(self) -> bool:
        """Tell whether another process of its group lives. Zombies do not: init reaps them."""
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:  # nearly always: not even a zombie is left of it
            return False
        except PermissionError:  # what is left of it does not belong to us
            return False
        machine = Processes()
        return any(machine.find(pid) for pid in machine.pids() if _group_of(pid) == self.pid)

    def close(self) -> None:
        """Close our descriptors. A program that still runs goes on."""
        os.close(self._output)
        if self.poll() is not None:
            self.reap()

    def reap(self) -> None:
        """Wait until it ends. From then on the kernel may reuse its pid."""
        if self._code is None:
            self._code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0
