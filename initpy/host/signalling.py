"""Signal exactly one process."""

from __future__ import annotations

import errno
import os

from ..errors import InitError, NotPermitted, translated
from .processes import Processes, read
from .procfs import Process, parse_masks

_ALL = (1 << 64) - 1  # signals
_REFUSED = (errno.EPERM, errno.EACCES, errno.ENOSYS)  # of a system call: seccomp(2)


@translated
class Signalling(Processes):
    """Sending signals on this machine."""

    def kill(self, process: Process, sig: int) -> bool:
        """Send *sig* to this process and no other. False if it is gone.

        kill(2) takes a pid, and the kernel may have reused the pid since we looked. A
        pidfd always refers to the same process: open it first, compare second, send
        through it third. See pidfd_open(2). Where the kernel refuses that, see
        ``why_unsafe``, kill(2) follows at once on the comparison. Raises NotPermitted.
        """
        import _signal  # signal would load enum

        if os.readlink("/proc/self") != str(os.getpid()):
            raise InitError("/proc shows another pid namespace than ours: no signal was sent")
        try:
            fd = os.pidfd_open(process.pid)
            try:
                if not self.alive(process):
                    return False
                _signal.pidfd_send_signal(fd, sig)
            finally:
                os.close(fd)
        except ProcessLookupError:
            return False
        except OSError as exc:
            if exc.errno not in _REFUSED:
                raise
            return _kill_by_number(self, process, sig)
        return True

    def why_unsafe(self) -> str:
        """Return why no signal can be sent through a pidfd here, or "".

        Kernels before Linux 5.3 and old profiles of container runtimes refuse it to all.
        """
        import _signal

        call = "pidfd_open"
        try:
            fd = os.pidfd_open(os.getpid())
            call = "pidfd_send_signal"
            try:
                _signal.pidfd_send_signal(fd, 0)
            finally:
                os.close(fd)
        except OSError as exc:
            if exc.errno not in _REFUSED:
                raise
            return f"the kernel refuses {call}(2): {exc.strerror}"
        return ""

    def blocked_by_threads(self, process: Process) -> int:
        """Return the signals that every thread of it blocks, as bits; 0 if it is gone.

        A thread in sigwait(3) counts as one that blocks all: the kernel shows those that it
        waits for as not blocked meanwhile (do_sigtimedwait in the kernel's signal.c).
        """
        folder, common = f"/proc/{process.pid}/task", -1
        try:
            for thread in os.listdir(folder):
                waits = read(f"{folder}/{thread}/wchan").startswith("do_sigtimedwait")
                masks = parse_masks(read(f"{folder}/{thread}/status"))
                common &= -1 if waits else masks.blocked
        except (FileNotFoundError, ProcessLookupError):
            return 0
        return common & _ALL

    def require_permission(self, process: Process) -> None:
        """Raise NotPermitted if we may not signal that process. No signal is sent."""
        try:
            os.kill(process.pid, 0)
        except ProcessLookupError:
            return
        except PermissionError as exc:
            raise NotPermitted(f"not permitted to signal pid {process}") from exc


def _kill_by_number(machine: Processes, process: Process, sig: int) -> bool:
    try:
        if machine.alive(process):
            os.kill(process.pid, sig)
            return True
    except ProcessLookupError:
        pass
    except PermissionError as exc:
        name = getattr(sig, "name", sig)
        raise NotPermitted(f"not permitted to send {name} to pid {process}") from exc
    return False
