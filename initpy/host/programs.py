"""Programs: starting one the way a daemon is to be started."""

from __future__ import annotations

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# What a daemon is started with, whoever calls: the environment of the caller
# is as good as random.
CLEAN_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C",
}


class Programs:
    """What can be run on this machine."""

    def spawn(
        self,
        argv: Sequence[str],
        *,
        nice: int = 0,
        limits: Mapping[str, tuple[int, int]] | None = None,
        environment: Mapping[str, str] | None = None,
        descriptors: Sequence[int] = (),
        held: bool = False,
    ) -> Child:
        """Start a program the way a daemon is to be started, whoever calls us.

        Clean environment, umask 022, directory /, no descriptor above 2, its
        own session (a Ctrl-C at our terminal is not its business), default
        signal dispositions. Its output can be read from what is returned.

        limits:      soft and hard values by the name in resource(3py): RLIMIT_NOFILE.
        environment: beside the clean one: in what it is told of inherited sockets.
        descriptors: those it inherits, under the same numbers.
        held:        its standard input is a pipe on which ``Child.release`` writes a line.

        Raises FileNotFoundError, PermissionError or OSError as execve(2).
        """
        # Not a pipe: a daemon that keeps it would never let us see its end.
        output = _above_standard(os.memfd_create("output"))
        reading, release = map(_above_standard, os.pipe()) if held else (_null(), -1)
        told, telling = map(_above_standard, os.pipe())  # why it could not be executed
        child = os.fork()  # not subprocess: to import it costs as much as the interpreter's start
        if child == 0:  # pragma: no cover - nobody counts in there
            try:
                _prepare(reading, output, descriptors)
                _limit(nice, limits or {})
            except (OSError, ValueError, OverflowError):
                os.write(telling, _UNPREPARED)
            else:
                _execute(argv, {**CLEAN_ENVIRONMENT, **(environment or {})}, telling)
            finally:
                os._exit(127)
        os.close(reading)
        os.close(telling)
        why = os.read(told, 32)  # nothing, once it has been executed
        os.close(told)
        started = Child(child, output, release)
        if why:
            started.reap()
            started.close()
            if why == _UNPREPARED:
                raise OSError(errno.EPERM, "its limits or nice level cannot be set")
            raise OSError(int(why), os.strerror(int(why)), argv[0])
        return started


_STANDARD = (0, 1, 2)
_UNPREPARED = b"unprepared"


def _above_standard(fd: int) -> int:
    """Return *fd*, or a copy in its stead if it has the number of a standard stream."""
    if fd not in _STANDARD:
        return fd
    import fcntl

    copy = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, len(_STANDARD))
    os.close(fd)
    return copy


def _null() -> int:
    return _above_standard(os.open(os.devnull, os.O_RDONLY))


def _prepare(
    standard_input: int, output: int, descriptors: Sequence[int]
) -> None:  # pragma: no cover - in the child of a fork
    import _signal  # signal would load enum

    os.setsid()
    os.chdir("/")
    os.umask(0o022)
    for number, fd in zip(_STANDARD, (standard_input, output, output)):
        os.dup2(fd, number)
    # They close when it is executed, and not before: our lock among them, which is
    # free if we are killed, and then whoever has it must be able to see the daemon.
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd not in _STANDARD:
            try:
                os.set_inheritable(fd, fd in descriptors)
            except OSError:
                continue  # it was that of the listing
    for sig in range(1, _signal.NSIG):
        if _signal.getsignal(sig) not in (_signal.SIG_DFL, None):
            _signal.signal(sig, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def _limit(
    nice: int, limits: Mapping[str, tuple[int, int]]
) -> None:  # pragma: no cover - in the child of a fork
    if limits:
        import resource

        for name, values in limits.items():
            resource.setrlimit(getattr(resource, name), values)
    if nice:
        os.nice(nice)


def _execute(
    argv: Sequence[str], environment: Mapping[str, str], telling: int
) -> None:  # pragma: no cover - in the child of a fork
    try:
        os.execve(argv[0], list(argv), environment)  # what of ours is open closes itself
    except OSError as exc:
        os.write(telling, str(exc.errno).encode())


class Child:
    """A program that we started. Not reaped before it is awaited, so its pid is its own."""

    def __init__(self, pid: int, output: int, release: int) -> None:
        """Take over the process, and the descriptors of its output and of its release or -1."""
        self.pid = pid  # and that of its process group and session
        self._output = output
        self._release = release
        self._code: int | None = None  # once it is reaped

    def poll(self) -> int | None:
        """Return its exit code (negative: the signal it died of), or None while it runs.

        It is not reaped yet: so long its number, and that of its group, is its own.
        """
        if self._code is not None:
            return self._code
        ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def output(self) -> str:
        """Return what it has said until now, the last 64 KiB of it."""
        size = os.fstat(self._output).st_size
        start = max(0, size - 65536)
        return os.pread(self._output, 65536, start).decode(errors="replace").strip()

    def release(self) -> None:
        """Tell it so by a line on its standard input, and wait for its end."""
        if self._release >= 0:
            try:
                os.write(self._release, b"\n")
                self._close_release()
            except BrokenPipeError:  # it has ended by itself
                pass
            self.reap()

    def kill_group(self) -> None:
        """SIGKILL it and whatever it has left in its process group, and reap it."""
        import _signal

        if self._code is None:
            os.killpg(self.pid, _signal.SIGKILL)
            self.reap()

    def close(self) -> None:
        """Forget it. One that still runs goes on by itself."""
        os.close(self._output)
        self._close_release()
        if self.poll() is not None:
            self.reap()

    def reap(self) -> None:
        """Wait for its end, and let its number go."""
        if self._code is None:
            self._code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _close_release(self) -> None:
        if self._release >= 0:
            os.close(self._release)
            self._release = -1
