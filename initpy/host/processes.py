"""Processes, as /proc shows them."""

from __future__ import annotations

import posix
import time

from ..errors import translated
from . import procfs
from .files import decoded
from .procfs import Process, ProcessFacts, SignalMasks

_MOST = 65536  # bytes of one read
_GONE = (FileNotFoundError, ProcessLookupError, NotADirectoryError)
_CGROUPS = "/sys/fs/cgroup"


@translated
class Processes:
    """The processes of this machine."""

    def find(self, pid: int) -> Process | None:
        """Return the live process with that pid, or None. A zombie (state Z) is not alive."""
        try:
            state, _, _, started = procfs.parse_stat(read(f"/proc/{pid}/stat"))
        except _GONE:
            return None
        return None if state in "ZX" else Process(pid=pid, started=started)

    def alive(self, process: Process) -> bool:
        """Tell whether that process lives: the same pid with the same start time."""
        return self.find(process.pid) == process

    def exiting(self, pid: int) -> bool:
        """Tell whether that process has ended, or its first thread has, or is about to."""
        try:
            return bool(procfs.parse_flags(read(f"/proc/{pid}/stat")) & procfs.EXITING)
        except _GONE:
            return True

    def look(self, pid: int) -> ProcessFacts | None:
        """Return the facts about the live process with that pid, or None."""
        base = f"/proc/{pid}"
        try:
            state, ppid, session, started = procfs.parse_stat(read(base + "/stat"))
            argv = procfs.parse_cmdline(read(base + "/cmdline", begins=True))
            # Last: one that executes something meanwhile is not forked any more.
            flags = procfs.parse_flags(read(base + "/stat"))
            status = read(base + "/status")
        except _GONE:
            return None
        if state in "ZX":
            return None
        return ProcessFacts(
            process=Process(pid=pid, started=started),
            ppid=ppid,
            session=session,
            state=state,
            uid=int(procfs.status_line(status, "Uid").split()[0]),
            argv=argv,
            exe=self.exe(pid),
            # One pid for each namespace, from that of this /proc down to its own.
            nested=len(procfs.status_line(status, "NSpid", "").split()) > 1,
            forked=bool(flags & procfs.FORKED),
            comm=procfs.status_line(status, "Name"),
        )

    def exe(self, pid: int) -> str | None:
        """Return the path, at the time of exec, of its binary; None if we may not see it."""
        try:
            return procfs.without_deleted(posix.readlink(f"/proc/{pid}/exe"))
        except (*_GONE, PermissionError):
            return None

    def age(self, process: Process) -> float:
        """Return how many seconds ago *process* started."""
        ticks = posix.sysconf("SC_CLK_TCK")
        return time.clock_gettime(time.CLOCK_BOOTTIME) - process.started / ticks

    def title(self, pid: int) -> str:
        """Return how the command line of a process begins, or "" if there is none."""
        try:
            text = read(f"/proc/{pid}/cmdline", begins=True)
            return text.rstrip("\0").replace("\0", " ")
        except _GONE:
            return ""

    def pids(self) -> list[int]:
        """Return the pids of all processes. The cost grows with their number."""
        return list(self.listed())

    def listed(self) -> dict[int, int]:
        """Return the pids of all processes, each with the inode of its directory in /proc.

        Another process that gets the same number has another inode. The cost grows with
        their number: 1 microsecond each, where a look into that directory costs 8.
        """
        with posix.scandir("/proc") as entries:
            return {int(one.name): one.inode() for one in entries if one.name.isdigit()}

    def sees_all(self) -> bool:
        """Tell whether /proc shows the processes of other users. See proc(5), hidepid."""
        return posix.access("/proc/1/stat", posix.F_OK)

    def children(self, process: Process) -> list[Process]:
        """Return its living children.

        The list is not reliable while children end (proc(5)). To learn whether a process
        has ended use ``find``, not its absence here.
        """
        return list(self.child_states(process))

    def child_states(self, process: Process) -> dict[Process, str]:
        """Return the state of each living child: one letter, as ps(1) shows it."""
        stats = {}
        for pid in self.child_pids(process.pid):
            try:
                state, ppid, _, started = procfs.parse_stat(read(f"/proc/{pid}/stat"))
            except _GONE:
                continue
            if ppid == process.pid and state not in "ZX":
                stats[Process(pid=pid, started=started)] = state
        # Last: its pid was its own all the time, so the children of that pid were its own.
        return stats if self.alive(process) else {}

    def child_pids(self, pid: int) -> list[int]:
        """Return the numbers of the children of a process, and perhaps of others: see proc(5)."""
        try:
            path = f"/proc/{pid}/task/{pid}/children"
            return [int(word) for word in read(path, paged=True).split()]
        except _GONE:
            # It is gone, or the kernel was built without CONFIG_PROC_CHILDREN.
            return self.pids() if self.find(pid) else []

    def signals(self, process: Process) -> SignalMasks | None:
        """Return its signal masks, or None if it is gone."""
        try:
            return procfs.parse_masks(read(f"/proc/{process.pid}/status"))
        except _GONE:
            return None

    def exe_file(self, process: Process) -> tuple[int, int] | None:
        """Return device and inode of the binary it runs, or None if we may not see it."""
        try:
            info = posix.stat(f"/proc/{process.pid}/exe")
        except (*_GONE, PermissionError):
            return None
        return info.st_dev, info.st_ino

    def reaper(self) -> int:
        """Return the pid of the process that adopts our orphans: init, or a subreaper (prctl(2)).

        The kernel does not tell, so a grandchild is orphaned and asks for its new parent.
        """
        from .programs.forking import fork

        ours, theirs = posix.pipe()
        child = fork()
        if child == 0:
            middle = posix.getpid()
            try:
                if posix.fork() == 0:
                    while posix.getppid() == middle:
                        time.sleep(0.0005)
                    posix.write(theirs, str(posix.getppid()).encode())
            finally:  # whatever happens, no copy of this program may go on
                posix._exit(0)  # noqa: SLF001 - its name in os, too
        posix.close(theirs)
        try:
            posix.waitpid(child, 0)
            return int(posix.read(ours, 32) or b"1")
        finally:
            posix.close(ours)

    def systemd_unit(self, process: Process) -> str:
        """Return the systemd service in whose cgroup a process is, or "". See cgroups(7).

        A cgroup has such a name without systemd, too: see ``control.units``.
        """
        trees = [path for kind, path in self._cgroups(process) if kind in ("", "name=systemd")]
        names = [path.rpartition("/")[2] for path in trees]
        return next((name for name in names if name.endswith(".service")), "")

    def frozen(self, process: Process) -> bool:
        """Tell whether a process is frozen with its cgroup, as far as we may see."""
        for controllers, path in self._cgroups(process):
            try:
                if not controllers and "frozen 1" in read(f"{_CGROUPS}{path}/cgroup.events"):
                    return True
                if controllers == "freezer":
                    return "THAWED" not in read(f"{_CGROUPS}/freezer{path}/freezer.state")
            except OSError:  # its root has no such file, or it is mounted elsewhere
                continue
        return False

    def _cgroups(self, process: Process) -> list[tuple[str, str]]:
        """Return the controllers and the path of each cgroup of a process: cgroups(7)."""
        try:
            lines = procfs.lines_of(read(f"/proc/{process.pid}/cgroup"))
        except _GONE:
            return []
        return [(line.split(":", 2)[1], line.split(":", 2)[2]) for line in lines]


def unreaped(pid: int) -> bool:
    """Tell whether that child of ours still has its number: it lives, or is a zombie.

    If SIGCHLD is ignored the kernel reaps a child that ends, and may reuse its number.
    """
    try:
        posix.waitid(posix.P_PID, pid, posix.WEXITED | posix.WNOHANG | posix.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def read(path: str, *, paged: bool = False, begins: bool = False) -> str:
    """Return the content of a file of /proc.

    paged:  a short read is not the end of the file: the kernel returns a list in pages.
    begins: one read is enough. A process may have megabytes of arguments.
    """
    # Not open(): its layers for decoding cost as much as the whole read.
    fd = posix.open(path, posix.O_RDONLY)
    try:
        text = chunk = posix.read(fd, _MOST)
        while chunk and not begins and (paged or len(chunk) == _MOST):
            chunk = posix.read(fd, _MOST)
            text += chunk
    finally:
        posix.close(fd)
    return decoded(text)
