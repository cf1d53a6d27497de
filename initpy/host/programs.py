"""Programs: starting one the way a daemon is to be started."""

from __future__ import annotations

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
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
        import resource
        import signal
        import subprocess

        def prepare() -> None:
            for sig in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
                if signal.getsignal(sig) == signal.SIG_IGN:
                    signal.signal(sig, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            os.umask(0o022)
            for name, values in (limits or {}).items():
                resource.setrlimit(getattr(resource, name), values)
            if nice:
                os.nice(nice)

        # Not a pipe: a daemon that keeps it would never let us see its end.
        output = os.memfd_create("output")
        try:
            popen = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE if held else subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env={**CLEAN_ENVIRONMENT, **(environment or {})},
                pass_fds=descriptors,
                start_new_session=True,
                preexec_fn=prepare,  # noqa: PLW1509 - there are no threads
            )
        except subprocess.SubprocessError as exc:  # prepare() failed in the child
            os.close(output)
            raise OSError(errno.EPERM, "its limits or nice level cannot be set") from exc
        except BaseException:
            os.close(output)
            raise
        return Child(popen, output)


class Child:
    """A program that we started. Not reaped before ``poll`` says so, so its pid is its own."""

    def __init__(self, popen: subprocess.Popen[bytes], output: int) -> None:
        """Take over the process and the descriptor of its output."""
        self._popen = popen
        self._output = output

    @property
    def pid(self) -> int:
        """Its number, and that of its process group and session."""
        return self._popen.pid

    def poll(self) -> int | None:
        """Return its exit code (negative: the signal it died of), or None while it runs.

        It is not reaped yet: so long its number, and that of its group, is its own.
        """
        if self._popen.returncode is not None:
            return self._popen.returncode
        ended = os.waitid(os.P_PID, self._popen.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
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
        if self._popen.stdin is not None:
            try:
                self._popen.stdin.write(b"\n")
                self._popen.stdin.close()
            except BrokenPipeError:  # it has ended by itself
                pass
            self._popen.wait()

    def kill_group(self) -> None:
        """SIGKILL it and whatever it has left in its process group, and reap it."""
        import signal

        if self._popen.returncode is None:
            os.killpg(self._popen.pid, signal.SIGKILL)
            self._popen.wait()

    def close(self) -> None:
        """Forget it. One that still runs goes on by itself."""
        os.close(self._output)
        if self._popen.stdin is not None:
            self._popen.stdin.close()
        # Popen warns of a child that is left running; leaving it is our intention.
        self._popen.returncode = self._popen.poll() or 0
