"""The launcher: a process between us and a daemon that we start.

It makes itself a subreaper (prctl(2)) and then starts the daemon, so that everything
that the daemon starts stays its descendant, however often it forks and whatever it
calls itself. When the start has succeeded, the launcher is ended, and init adopts what is
left; when it has failed, all its descendants are ended.

    we  --control-->  launcher  --fork, execve-->  daemon  --forks-->  ...
        <--reports--
"""

from __future__ import annotations

import _signal
import errno
import os

from ...errors import translated
from ..processes import Processes, unreaped
from ..procfs import Process
from . import spawn
from .forking import fork
from .limits import set_limits
from .output import above_standard, output_file, seal, tail
from .refusal import refused, unprepared
from .watch import ASK, UNDO, end_children, tell, watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .limits import Limits
    from .surroundings import Surroundings
    from .users import Account

_PR_SET_CHILD_SUBREAPER = 36
_ANSWER = 1.0  # seconds for which its answer is awaited


@translated
class Launching:
    """How daemons are started on this machine."""

    def launch(  # noqa: PLR0913 - each by its name
        self,
        argv: Sequence[str],
        *,
        nice: int = 0,
        limits: Mapping[str, Limits] | None = None,
        environment: Mapping[str, str] | None = None,
        descriptors: Sequence[int] = (),
        surroundings: Surroundings | None = None,
        account: Account | None = None,
        directory: str = "/",
    ) -> Launched:
        """Start a daemon as ``spawn`` starts a program, by a launcher.

        account, directory: whose it is, None for ours; and its working directory.
        surroundings: those that it gets, instead of the clean environment and of our own;
                      *environment*, *nice* and *limits* come on top of them.

        Raises Refused as ``spawn``.
        """
        import ctypes

        if surroundings is not None or limits:  # now, and not in the child: see forking
            import resource  # noqa: F401

            from . import environ  # noqa: F401

        libc = ctypes.CDLL(None)
        output = output_file()
        reading, control = map(above_standard, os.pipe())
        reports, telling = map(above_standard, os.pipe())
        pid = fork()
        if pid == 0:  # pragma: no cover - in the child of a fork
            try:
                libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
                os.setsid()
                # We alone hold the other end: it closes when we are killed.
                os.close(control)
                prepared = spawn.Given(
                    environment=environment or {},
                    output=output,
                    descriptors=descriptors,
                    nice=nice,
                    limits=limits or {},
                    surroundings=surroundings,
                    account=account,
                    directory=directory,
                )
                daemon, said, why = _start(argv, prepared)
                # Before it is reported: the caller may unlock what we would hold.
                spawn.keep_only(reading, telling)
                report = f"failed {why}" if why else f"started {daemon}"
                tell(telling, f"{said}{report}\n".encode())
                watch(daemon, reading, telling)
            except BaseException as exc:  # noqa: BLE001 - what nothing watches is not to go on
                end_children()
                tell(telling, b"failed %d\n" % (getattr(exc, "errno", 0) or errno.ESRCH))
            finally:  # whatever happens, there is not to be a second script
                os._exit(0)
        try:
            os.close(reading)
            os.close(telling)
            started = Launched(pid, output, control, reports)
        except BaseException:
            tell(control, UNDO)
            os.waitpid(pid, 0)
            raise
        if why := started.why_not:
            started.close()
            raise refused(why, argv[0])
        return started


def _start(
    argv: Sequence[str], given: spawn.Given
) -> tuple[int, str, str]:  # pragma: no cover - in the child of a fork
    """Fork and execute the daemon; return its pid, what ``adopt`` says, and why it failed."""
    told, failing = map(above_standard, os.pipe())
    daemon = os.fork()
    if daemon == 0:
        try:
            os.setpgid(0, 0)  # in the launcher's session: see control/stable.py
            spawn.prepare(spawn.null(), given.output, given.descriptors, given.directory)
            base: Mapping[str, str] = spawn.CLEAN_ENVIRONMENT
            if given.surroundings is not None:
                from .surroundings import adopt

                base = adopt(given.surroundings, failing)
            set_limits(given.nice, given.limits, given.account)
        except (OSError, ValueError, OverflowError) as exc:
            os.write(failing, unprepared(exc, given.directory))
        else:
            spawn.execute(argv, {**base, **given.environment}, failing)
        finally:
            os._exit(127)
    os.close(failing)
    with open(told) as file:  # it ends when the daemon is executed, which closes the pipe
        lines, end, why = file.read().rpartition("\n")
    return daemon, lines + end, why


@translated
class Launched:
    """A daemon that we have started, and its launcher, which lives until it is released."""

    def __init__(self, launcher: int, output: int, control: int, reports: int) -> None:
        """Take over the launcher, and wait until it has executed the daemon, or has failed to."""
        self._launcher = launcher
        self._output, self._control, self._reports = output, control, reports
        self._code: int | None = None
        self._left = ""  # of a report that has not come whole
        self._answer = ""  # alone or busy
        self.pid = 0
        self.why_not = ""  # an errno, if the daemon was not executed
        self.last_code = 0  # of a descendant that has failed: as ``poll``
        self.withheld: list[str] = []  # what of the given surroundings it did not get
        while not self.pid and not self.why_not:
            self._hear(os.read(reports, 4096).decode() or "failed 3\n")  # ESRCH: it was killed
        os.set_blocking(reports, False)

    @property
    def launcher(self) -> Process | None:
        """The launcher as a process; None once it has been released."""
        return Processes().find(self._launcher) if self._launcher else None

    def poll(self) -> int | None:
        """Return the daemon's exit code (negative: the signal it died of), or None so far."""
        if self._code is None and self._reports >= 0:
            try:
                self._hear(os.read(self._reports, 4096).decode())
            except BlockingIOError:
                return None
        return self._code

    def is_gone(self) -> bool:
        """Tell whether nothing is left of all that was started.

        The launcher is asked: a list of descendants misses one whose parent ends meanwhile
        (proc(5)). False, too, if it does not answer because it was killed or stopped.
        """
        import select

        if not tell(self._control, ASK):
            return False
        reports = select.poll()
        reports.register(self._reports, select.POLLIN)
        self._answer = ""
        while not self._answer:
            heard = reports.poll(_ANSWER * 1000)
            if not heard or not (text := os.read(self._reports, 4096).decode()):
                return False
            self._hear(text)
        return self._answer == "alone"

    def output(self) -> str:
        """Return what the daemon has said until now, the last 64 KiB of it."""
        return tail(self._output, 1 << 16)

    def seal_output(self) -> None:
        """Let its output not grow any more: its logs may lead there, and nothing empties it."""
        seal(self._output, 1 << 16)

    def release(self) -> None:
        """End the launcher, by KILL, and see it gone: init adopts what it has started."""
        if self._launcher:
            try:
                if unreaped(self._launcher):
                    os.kill(self._launcher, _signal.SIGKILL)
                    os.waitpid(self._launcher, 0)
            except (ProcessLookupError, ChildProcessError):
                pass  # the kernel has reaped it meanwhile: our SIGCHLD is ignored
            self._launcher = 0

    def close(self) -> None:
        """Forget the daemon, which goes on by itself."""
        self.release()
        for fd in (self._output, self._control, self._reports):
            os.close(fd)
        self._reports = -1

    def _hear(self, text: str) -> None:
        *lines, self._left = (self._left + text).split("\n")
        for line in lines:
            word, _, value = line.partition(" ")
            if word == "started":
                self.pid = int(value)
            elif word == "withheld":
                self.withheld.append(value)
            elif word == "failed":
                self.why_not = value
            elif word == "ended":
                self._code = int(value)
            elif word == "lost":
                self.last_code = int(value)
            else:
                self._answer = word
