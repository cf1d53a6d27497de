"""The machine. The only module that makes system calls.

Everything above takes a ``Host``, so that a test can hand it another one in
which time is virtual and every fault can be had on demand.
"""

from __future__ import annotations

import errno
import os
import stat
import time

from . import procfs
from .errors import InitError, NotPermitted
from .procfs import Process, ProcessFacts, SignalMasks
from .record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping, Sequence
    from signal import Signals

_GONE = (FileNotFoundError, ProcessLookupError, NotADirectoryError)
_NO_FILE = (FileNotFoundError, NotADirectoryError)

# What a daemon is started with, whoever calls: the environment of the caller
# is as good as random.
CLEAN_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C",
}


class FileFacts(Record):
    """What one look at a file told."""

    regular: bool
    uid: int
    mode: int  # permission bits
    size: int  # bytes
    version: tuple[int, int]  # inode and ctime: another pair is another file, or a rename
    text: str  # the beginning of a regular file


class Host:
    """This machine."""

    def __init__(self) -> None:
        """Start with nobody listening and nothing interrupted."""
        self.tell: Callable[[str], None] = lambda _sentence: None  # notices, a line each
        self.progress: Callable[[str], None] = lambda _what: None  # while a wait goes on
        self.interrupted_by = ""  # name of the signal that told us to end

    # Time.

    def monotonic(self) -> float:
        """Return seconds of a clock that nobody can set."""
        return time.monotonic()

    def sleep(self, seconds: float, until: Process | None = None) -> None:
        """Sleep so long at most, or until that process ends. Only ``wait`` calls this."""
        if until is None:
            time.sleep(seconds)
            return
        import select

        try:
            fd = os.pidfd_open(until.pid)
        except ProcessLookupError:
            return
        try:
            if self.find(until.pid) == until:
                poll = select.poll()
                poll.register(fd, select.POLLIN)
                poll.poll(seconds * 1000)
        finally:
            os.close(fd)

    def age(self, process: Process) -> float:
        """Return how many seconds ago *process* started."""
        ticks = os.sysconf("SC_CLK_TCK")
        return time.clock_gettime(time.CLOCK_BOOTTIME) - process.started / ticks

    def heed_signals(self) -> None:
        """Note INT, TERM and HUP from now on instead of dying of them.

        Waits that can be abandoned look at ``interrupted_by``; what cannot be
        left half done goes on to its end.
        """
        import signal

        def note(number: int, _frame: object) -> None:
            self.interrupted_by = signal.Signals(number).name

        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(sig) != signal.SIG_IGN:  # nohup(1) stays in force
                signal.signal(sig, note)

    # Looking at processes.

    def find(self, pid: int) -> Process | None:
        """Return the live process of that number. A zombie is gone: see proc(5), state Z."""
        try:
            state, _, _, started = procfs.parse_stat(_read(f"/proc/{pid}/stat"))
        except _GONE:
            return None
        return None if state in "ZX" else Process(pid=pid, started=started)

    def look(self, pid: int) -> ProcessFacts | None:
        """Return what can be seen of the live process of that number."""
        base = f"/proc/{pid}"
        try:
            state, ppid, session, started = procfs.parse_stat(_read(base + "/stat"))
            argv = procfs.parse_cmdline(_read(base + "/cmdline"))
            status = procfs.parse_status(_read(base + "/status"))
        except _GONE:
            return None
        if state in "ZX":
            return None
        return ProcessFacts(
            process=Process(pid=pid, started=started),
            ppid=ppid,
            session=session,
            state=state,
            uid=int(status["Uid"].split()[0]),
            argv=argv,
            exe=self._exe(pid),
            # One number for every pid namespace from that of this /proc down.
            nested=len(status.get("NSpid", "").split()) > 1,
        )

    def _exe(self, pid: int) -> str | None:
        try:
            return procfs.without_deleted(os.readlink(f"/proc/{pid}/exe"))
        except (*_GONE, PermissionError):
            return None

    def title(self, pid: int) -> str:
        """Return the command line of a process, or "" if there is none."""
        try:
            return " ".join(procfs.parse_cmdline(_read(f"/proc/{pid}/cmdline")))
        except _GONE:
            return ""

    def pids(self) -> list[int]:
        """Return the numbers of all processes. The price grows with the host."""
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]

    def children(self, process: Process) -> list[int]:
        """Return the numbers of its children, zombies too.

        Not reliable for one that ends while we look (proc(5)), so the end of a
        process is to be seen by ``find``, never by its absence here.
        """
        pid = process.pid
        try:
            return [int(word) for word in _read(f"/proc/{pid}/task/{pid}/children").split()]
        except _GONE:
            pass  # gone, or a kernel without CONFIG_PROC_CHILDREN
        if self.find(pid) != process:
            return []
        looks = (self.look(other) for other in self.pids())
        return [facts.process.pid for facts in looks if facts and facts.ppid == pid]

    def signals(self, process: Process) -> SignalMasks | None:
        """Return its signal masks, or None if it is gone."""
        try:
            return procfs.parse_masks(_read(f"/proc/{process.pid}/status"))
        except _GONE:
            return None

    def exe_file(self, process: Process) -> tuple[int, int] | None:
        """Return device and inode of the binary it runs, or None if we cannot see."""
        try:
            info = os.stat(f"/proc/{process.pid}/exe")
        except (*_GONE, PermissionError):
            return None
        return info.st_dev, info.st_ino

    def open_files(self, process: Process) -> list[str]:
        """Return the present paths of the files it has open; of a deleted one too."""
        base = f"/proc/{process.pid}/fd"
        paths = []
        try:
            for fd in os.listdir(base):
                try:
                    paths.append(os.readlink(f"{base}/{fd}"))
                except _GONE:
                    continue
        except (*_GONE, PermissionError):
            return []
        return [path for path in paths if path.startswith("/")]

    def listening(self, process: Process) -> list[str]:
        """Return the addresses and paths on which it waits for clients, as far as we may see."""
        import socket

        import psutil

        try:
            subject = psutil.Process(process.pid)
            # psutil 6 gave the method another name.
            look = getattr(subject, "net_connections", None) or subject.connections
            sockets = look(kind="all")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return []
        places = []
        for item in sockets:
            if item.family == socket.AF_UNIX:
                places.append(item.laddr)
            elif item.status == psutil.CONN_LISTEN or (
                item.type == socket.SOCK_DGRAM and not item.raddr
            ):
                address, port = item.laddr
                places.append(f"[{address}]:{port}" if ":" in address else f"{address}:{port}")
        return [place for place in places if place]

    # Signals.

    def kill(self, process: Process, sig: Signals) -> bool:
        """Send *sig* to this process and no other. False if it is gone.

        kill(2) takes a number, and the number may have been given away since
        we looked. A pidfd cannot be: so open it first, compare second, and
        send through it third. See pidfd_open(2). Raises NotPermitted.
        """
        import signal

        if os.readlink("/proc/self") != str(os.getpid()):
            raise InitError("/proc shows another pid namespace than ours: nothing was signalled")
        try:
            fd = os.pidfd_open(process.pid)
        except ProcessLookupError:
            return False
        try:
            if self.find(process.pid) != process:
                return False
            signal.pidfd_send_signal(fd, sig)
        except ProcessLookupError:
            return False
        except PermissionError as exc:
            raise NotPermitted(f"not permitted to send {sig.name} to pid {process}") from exc
        finally:
            os.close(fd)
        return True

    def require_permission(self, process: Process) -> None:
        """Raise NotPermitted if we may not signal that process. Sends nothing."""
        try:
            os.kill(process.pid, 0)
        except ProcessLookupError:
            return
        except PermissionError as exc:
            raise NotPermitted(f"not permitted to signal pid {process}") from exc

    # Running programs.

    def spawn(
        self,
        argv: Sequence[str],
        *,
        nice: int = 0,
        limits: Mapping[str, tuple[int, int]] | None = None,
    ) -> Child:
        """Start a program the way a daemon is to be started, whoever calls us.

        Clean environment, umask 022, directory /, no descriptor above 2, its
        own session (a Ctrl-C at our terminal is not its business), default
        signal dispositions. Its output can be read from what is returned.

        limits: soft and hard values by the name in resource(3py): RLIMIT_NOFILE.

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
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=CLEAN_ENVIRONMENT,
                start_new_session=True,
                preexec_fn=prepare,
            )
        except BaseException:
            os.close(output)
            raise
        return Child(popen, output)

    # Files.

    def examine(self, path: str, most: int) -> FileFacts | None:
        """Look at a file and its first *most* bytes. None if there is none.

        Safe on whatever stands there: a FIFO does not block, a symbolic link
        is not followed. Raises NotPermitted.
        """
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
        try:
            fd = os.open(path, flags)
        except _NO_FILE:
            return None
        except PermissionError as exc:
            raise NotPermitted(f"{path} cannot be read: {exc.strerror}") from exc
        except OSError as exc:
            if exc.errno not in (errno.ELOOP, errno.ENXIO):  # a link; a socket
                raise InitError(f"{path} cannot be read: {exc.strerror}") from exc
            return _facts(os.lstat(path), "")
        try:
            info = os.fstat(fd)
            regular = stat.S_ISREG(info.st_mode)
            return _facts(info, os.read(fd, most).decode(errors="replace") if regular else "")
        finally:
            os.close(fd)

    def version(self, path: str) -> tuple[int, int] | None:
        """Return inode and ctime of a file, or None if there is none.

        rename(2) sets the ctime, so a file that went away and came back shows.
        """
        try:
            info = os.lstat(path)
        except (*_NO_FILE, PermissionError):
            return None
        return info.st_ino, info.st_ctime_ns

    def file_id(self, path: str) -> tuple[int, int] | None:
        """Return device and inode of a file, links followed, or None if there is none."""
        try:
            info = os.stat(path)
        except (*_NO_FILE, PermissionError):
            return None
        return info.st_dev, info.st_ino

    def realpath(self, path: str) -> str:
        """Return *path* with every symbolic link followed."""
        return os.path.realpath(path)

    def is_executable(self, path: str) -> bool:
        """Tell whether there is a file that may be executed."""
        return os.path.isfile(path) and os.access(path, os.X_OK)

    def distrust(self, path: str) -> str:
        """Return why somebody but root and us could replace *path*, or "".

        Looks at every directory above it, as named and as resolved. A sticky
        one (/tmp) is good enough for an entry that is ours or root's.
        """
        directory = os.path.dirname(path)
        chains = {*_upwards(directory), *_upwards(os.path.realpath(directory))}
        for step in sorted(chains):
            try:
                info = os.stat(step)
            except OSError:
                continue
            if info.st_uid not in (0, os.geteuid()):
                return f"{step} belongs to {user_name(info.st_uid)}"
            if info.st_mode & _others_write(info) and not info.st_mode & stat.S_ISVTX:
                return f"{step} can be written by others"
        return ""

    def distrust_for_root(self, path: str) -> str:
        """Return why somebody but root could choose what stands at *path*, or ""."""
        try:
            info = os.stat(path)
        except OSError as exc:
            return str(exc.strerror)
        if info.st_uid != 0:
            return f"it belongs to {user_name(info.st_uid)}"
        if info.st_mode & _others_write(info):
            return "it can be written by others"
        return self.distrust(path)

    def distrust_file(self, facts: FileFacts) -> str:
        """Return why somebody but root and us could have written that file, or ""."""
        if facts.uid not in (0, os.geteuid()):
            return f"it belongs to {user_name(facts.uid)}"
        return "it can be written by others" if facts.mode & 0o022 else ""

    def size(self, path: str) -> int | None:
        """Return the size of a regular file in bytes, or None if it is none."""
        try:
            info = os.stat(path)
        except OSError:
            return None
        return info.st_size if stat.S_ISREG(info.st_mode) else None

    def read_from(self, path: str, offset: int, most: int = 65536) -> str:
        """Return what stands in a file from *offset* on, or "" if it cannot be read."""
        try:
            with open(path, "rb") as file:
                file.seek(offset)
                return file.read(most).decode(errors="replace")
        except OSError:
            return ""

    def glob(self, pattern: str) -> list[str]:
        """Return the paths that match a shell pattern, sorted."""
        if not any(sign in pattern for sign in "*?["):
            return [pattern] if os.path.exists(pattern) else []
        import glob

        return sorted(glob.glob(pattern))

    def exists(self, path: str) -> bool:
        """Tell whether anything stands at *path*, a dangling link included."""
        return os.path.lexists(path)

    def remove(self, path: str) -> None:
        """Remove a file; none there is well. Raises InitError."""
        try:
            os.unlink(path)
        except _NO_FILE:
            return
        except OSError as exc:
            raise InitError(f"{path} cannot be removed: {exc.strerror}") from exc

    def remove_if_empty(self, path: str) -> None:
        """Remove an empty file or directory, and leave everything else alone."""
        try:
            if os.path.isdir(path):
                os.rmdir(path)
            elif os.path.getsize(path) == 0:
                os.unlink(path)
        except OSError:
            return

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file whole, or not at all: into a new one, then rename. Raises InitError."""
        temporary = f"{path}.{os.getpid()}"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            fd = os.open(temporary, flags, mode)
            try:
                with open(fd, "w") as file:
                    file.write(text)
                    os.fchmod(fd, mode)
                os.rename(temporary, path)
            except BaseException:
                os.unlink(temporary)
                raise
        except OSError as exc:
            raise InitError(f"{path} cannot be written: {exc.strerror}") from exc

    def make_directory(self, path: str, mode: int = 0o755) -> None:
        """Make a directory and those above it; one that is there is well. Raises InitError."""
        try:
            os.makedirs(path, mode, exist_ok=True)
        except OSError as exc:
            raise InitError(f"{path} cannot be made: {exc.strerror}") from exc

    def mark_started(self, path: str) -> None:
        """Touch *path* where its directory exists: Red Hat's rc stops what has one."""
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644))
        except OSError:
            return

    # The lock.

    def lock(self, path: str) -> int | None:
        """Take the lock file *path* and return its descriptor; None if somebody has it.

        flock(2): the kernel frees it when its holder dies, however it dies.
        Raises NotPermitted or InitError when there can be no lock.
        """
        import fcntl

        directory = os.path.dirname(path)
        try:
            os.makedirs(directory, 0o700, exist_ok=True)
            owner = os.lstat(directory)
            if not stat.S_ISDIR(owner.st_mode) or owner.st_uid != os.geteuid():
                raise NotPermitted(f"{directory} is not a directory of ours: no lock there")
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except PermissionError as exc:
            raise NotPermitted(f"not permitted to lock {path}: only root may do this") from exc
        except OSError as exc:
            raise InitError(f"the lock {path} cannot be made: {exc.strerror}") from exc
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        return fd

    def sign_lock(self, fd: int, text: str) -> None:
        """Write into a lock we hold who we are. A courtesy: a full disk does not matter."""
        try:
            os.ftruncate(fd, 0)
            os.pwrite(fd, text.encode(), 0)
        except OSError:
            return

    def unlock(self, fd: int) -> None:
        """Let the lock go. The file stays: removing it would let two in at once."""
        os.close(fd)

    # The rest.

    def getpid(self) -> int:
        """Return our own number."""
        return os.getpid()

    def geteuid(self) -> int:
        """Return whose rights we have."""
        return os.geteuid()

    def run_by_systemd(self) -> bool:
        """Tell whether systemd itself, not a person, runs us."""
        return os.getppid() == 1 and os.path.isdir("/run/systemd/system")

    def syslog(self, ident: str, line: str) -> None:
        """Write one line to syslog(3), where there is one."""
        if not os.path.exists("/dev/log"):
            return
        import syslog

        syslog.openlog(ident, syslog.LOG_PID, syslog.LOG_DAEMON)
        syslog.syslog(syslog.LOG_INFO, line)
        syslog.closelog()


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
        """Return its exit code (negative: the signal it died of), or None while it runs."""
        return self._popen.poll()

    def output(self) -> str:
        """Return what it has said until now, the last 64 KiB of it."""
        size = os.fstat(self._output).st_size
        start = max(0, size - 65536)
        return os.pread(self._output, 65536, start).decode(errors="replace").strip()

    def kill_group(self) -> None:
        """SIGKILL it and whatever it started in its process group, and reap it."""
        import signal

        if self._popen.poll() is None:
            os.killpg(self._popen.pid, signal.SIGKILL)
            self._popen.wait()

    def close(self) -> None:
        """Forget it. One that still runs goes on by itself."""
        os.close(self._output)
        # Popen warns of a child that is left running; leaving it is our intention.
        self._popen.returncode = self._popen.poll() or 0


def user_name(uid: int) -> str:
    """Return the login name of a user, or the number if it has none."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _read(path: str) -> str:
    # Not open(): its decoding layers cost as much as the whole read.
    fd = os.open(path, os.O_RDONLY)
    try:
        chunks = []
        while chunk := os.read(fd, 65536):
            chunks.append(chunk)
    finally:
        os.close(fd)
    return b"".join(chunks).decode(errors="replace")


def _facts(info: os.stat_result, text: str) -> FileFacts:
    return FileFacts(
        regular=stat.S_ISREG(info.st_mode),
        uid=info.st_uid,
        mode=stat.S_IMODE(info.st_mode),
        size=info.st_size,
        version=(info.st_ino, info.st_ctime_ns),
        text=text,
    )


def _upwards(directory: str) -> list[str]:
    chain = [directory]
    while chain[-1] != os.path.dirname(chain[-1]):
        chain.append(os.path.dirname(chain[-1]))
    return chain


def _others_write(info: os.stat_result) -> int:
    return stat.S_IWOTH | (stat.S_IWGRP if info.st_gid else 0)  # root's group is root


HERE = Host()
