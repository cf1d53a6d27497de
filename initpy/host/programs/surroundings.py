"""Surroundings: what a process has from whoever started it, and hands on to its children.

They are its environment, resource limits, nice level, scheduler, CPU affinity,
oom_score_adj, umask, cgroups and login uid. A master that takes another one's place gets
those of the other, not those of whoever happens to call us. See execve(2), proc(5),
cgroups(7), sched(7) and prlimit(2).
"""

from __future__ import annotations

import os

from ...errors import translated
from ...value import Value
from ..processes import read
from ..procfs import Process, lines_of, status_line
from .limits import come_near, limits_of, start_limits
from .spawn import CLEAN_ENVIRONMENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    T = TypeVar("T")


_INIT = 1


class Surroundings(Value):
    """The surroundings of one process. None stands for what cannot be read, or is not there."""

    environment: Mapping[str, str] | None
    limits: Mapping[str, tuple[int, int]]  # soft and hard, by resource(3py): RLIMIT_NOFILE
    nice: int | None
    scheduler: tuple[int, int] | None  # policy and static priority
    affinity: frozenset[int] | None  # numbers of CPUs
    oom_score_adj: int | None
    umask: int | None
    cgroups: Mapping[str, str]  # paths by their controllers; "" is version 2
    login_uid: int | None


@translated
class Conditions:
    """The surroundings of processes, and a limit of our own."""

    def surroundings(self, process: Process) -> Surroundings:
        """Return the surroundings of a process; see Surroundings for what cannot be read."""
        pid = process.pid
        umask = status_line(_content(f"/proc/{pid}/status"), "Umask", "")  # since Linux 4.7
        return Surroundings(
            environment=_environment(pid) or _environment(pid),  # it may have been about to change
            limits=limits_of(pid),
            nice=_seen(lambda: os.getpriority(os.PRIO_PROCESS, pid)),
            scheduler=_seen(
                lambda: (os.sched_getscheduler(pid), os.sched_getparam(pid).sched_priority)
            ),
            affinity=_seen(lambda: frozenset(os.sched_getaffinity(pid))),
            oom_score_adj=_number(f"/proc/{pid}/oom_score_adj"),
            umask=int(umask, 8) if umask else None,
            cgroups=_cgroups(pid),
            login_uid=_number(f"/proc/{pid}/loginuid"),
        )

    def start_surroundings(self) -> Surroundings:
        """Return those of a daemon that is started at boot, whoever calls us now.

        They are those of init, but for what init has for itself alone: its nice level, its
        scheduler, its protection against the OOM killer, and what ``start_limits`` tells.
        """
        return Surroundings(
            environment=CLEAN_ENVIRONMENT,
            limits=start_limits(),
            nice=0,
            scheduler=(os.SCHED_OTHER, 0),
            affinity=_seen(lambda: frozenset(os.sched_getaffinity(_INIT))),
            oom_score_adj=max(_number(f"/proc/{_INIT}/oom_score_adj") or 0, 0),
            umask=0o022,
            cgroups={},
            login_uid=None,
        )

    def raise_descriptor_limit(self) -> tuple[int, int]:
        """Let us open as many files as our hard limit allows; return our former limits."""
        import resource

        former = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (former[1], former[1]))
        return former

    def restore_descriptor_limit(self, former: tuple[int, int]) -> None:
        """Set the limits that ``raise_descriptor_limit`` has returned."""
        import resource

        resource.setrlimit(resource.RLIMIT_NOFILE, former)


def adopt(
    wanted: Surroundings, telling: int
) -> Mapping[str, str]:  # pragma: no cover - in the child of a fork
    """Give this process those surroundings; return the environment, which execve(2) gives it.

    telling: a pipe that gets a line "withheld WHAT" for whatever could not be given. For
             an environment that could not be read there is that of a start.
    """
    withheld = [] if wanted.environment is not None else ["environment, which cannot be read"]

    def change(what: str, act: Callable[..., object], *given: object) -> None:
        try:
            act(*given)
        except (OSError, ValueError):
            withheld.append(what)

    for controllers, path in sorted(wanted.cgroups.items() - _cgroups(os.getpid()).items()):
        change(f"cgroup {controllers}:{path}", _enter, controllers, path)
    # Now, because a cgroup may change the affinity of whatever enters it.
    ours = Conditions().surroundings(Process(pid=os.getpid(), started=0))
    for field, act in _ACTS.items():
        value = getattr(wanted, field)
        if value not in (None, getattr(ours, field)):
            change(f"{field} {_words(value)}", act, value)
    for name, values in sorted(wanted.limits.items() - ours.limits.items()):
        change(f"{name} {_words(values)}", come_near, name, values)
    lines = "".join(f"withheld {what}\n" for what in withheld)
    os.write(telling, lines.encode("ascii", errors="backslashreplace"))
    return CLEAN_ENVIRONMENT if wanted.environment is None else wanted.environment


_ACTS: dict[str, Callable[..., object]] = {
    "login_uid": lambda uid: _write("/proc/self/loginuid", uid),
    "oom_score_adj": lambda value: _write("/proc/self/oom_score_adj", value),
    "scheduler": lambda one: os.sched_setscheduler(0, one[0], os.sched_param(one[1])),
    "nice": lambda level: os.setpriority(os.PRIO_PROCESS, 0, level),
    "affinity": lambda cpus: os.sched_setaffinity(0, cpus),
    "umask": os.umask,
}


def _words(value: object) -> str:
    """Return a value for a sentence: several numbers with blanks between them."""
    if isinstance(value, frozenset):
        value = tuple(sorted(value))
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _enter(controllers: str, path: str) -> None:  # pragma: no cover - as above
    """Move this process to a cgroup. Raises OSError, also if we do not see where it is."""
    for line in lines_of(_content("/proc/self/mountinfo")):
        root, point = line.split(" ")[3:5]
        kind, _, options = line.partition(" - ")[2].split(" ", 2)
        wanted = set(controllers.split(",")) if controllers else set()
        above = root.rstrip("/")  # what is mounted there
        if (
            kind == ("cgroup" if controllers else "cgroup2")
            and wanted <= set(options.split(","))
            and f"{path}/".startswith(f"{above}/")
            and "/.." not in path  # outside our cgroup namespace
        ):
            _write(f"{point}{path.removeprefix(above)}/cgroup.procs", 0)
            return
    raise FileNotFoundError(path)


def _environment(pid: int) -> dict[str, str] | None:
    """Return the environment of a process, as it was given or as the process keeps it."""
    from . import environ

    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            given = environ.parse_environ(file.read())
        if given is not None:
            return given
        memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    except OSError:
        return None

    def read(address: int, size: int) -> bytes:
        try:
            return os.pread(memory, size, address)
        except (OSError, OverflowError):
            return b""

    try:
        modules = environ.parse_modules(_content(f"/proc/{pid}/maps"), _link(f"/proc/{pid}/exe"))
        return environ.environment_in_memory(read, modules)
    finally:
        os.close(memory)


def _cgroups(pid: int) -> dict[str, str]:
    lines = lines_of(_content(f"/proc/{pid}/cgroup"))
    return {controllers: path for _, controllers, path in (line.split(":", 2) for line in lines)}


def _seen(look: Callable[[], T]) -> T | None:
    try:
        return look()
    except OSError:
        return None


def _number(path: str) -> int | None:
    text = _content(path)
    return int(text) if text else None


def _content(path: str) -> str:
    """Return what stands in a file of /proc, or "" if we may not read it or it is not there."""
    try:
        return read(path, paged=True)
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _write(path: str, value: object) -> None:  # pragma: no cover - as above
    with open(path, "w") as file:
        file.write(str(value))
