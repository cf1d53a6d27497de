"""Identify the processes of a service by their own facts, not by a pidfile.

A process is a master of the service if it runs the service's daemon, or names it in its
title; if it names the service's configuration, because other instances run the same
binary; if it belongs to root or to us; and if it is in our pid namespace, because the
daemons of a container do not belong to the host's service.
"""

from __future__ import annotations

import os.path

from ..host import Host, Process, ProcessFacts
from ..service import Service, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..contracts import NamesConfiguration


def is_master(service: Service, facts: ProcessFacts, host: Host) -> bool:
    """Tell whether that process is a master of *service*.

    A new worker has its master's title for some milliseconds, and is taken for a master:
    ``scan`` excludes it.
    """
    if facts.nested or facts.uid not in (0, host.geteuid()):
        return False
    if service.master_title is None:
        return _runs(service, facts.exe, host)
    before, placeholder, after = _template(service.master_title)
    title = facts.title
    if not (title.startswith(before) and title.endswith(after)):
        return False
    told = title[len(before) : len(title) - len(after)]
    if placeholder == "config":
        # The title holds nothing else, so this also identifies a binary that was renamed.
        return told == service.config
    return _daemon_in(service, told, facts, host) and _config_in(service, told)


def is_starting(service: Service, facts: ProcessFacts, host: Host) -> bool:
    """Tell whether that process is about to become a master of *service*.

    It runs the daemon with the arguments of a start, and has no title yet; or it is the
    launcher that starts the daemon.
    """
    if facts.nested or facts.uid not in (0, host.geteuid()):
        return False
    from .launcher import is_launcher

    command = service.command(service.start_args)
    if _runs(service, facts.exe, host):
        return list(facts.argv[1:]) == command[1:]
    return is_launcher(facts.argv, command)


def executes(service: Service, pid: int, host: Host) -> bool:
    """Tell whether a process is inside the execve(2) of the daemon or of its launcher.

    Such a process has the new binary already, but no visible arguments yet. Its inherited
    descriptors are closed, so it does not hold our lock.
    """
    from .launcher import SHELL

    exe = host.exe(pid)
    if exe is None or not (_runs(service, exe, host) or exe == host.realpath(SHELL)):
        return False
    facts = host.look(pid)
    if facts is None or facts.nested or facts.uid not in (0, host.geteuid()):
        return False
    return not facts.argv


def looks_like_master(service: Service, title: str) -> bool:
    """Tell whether a title is that of a master, of this instance or of another one."""
    return service.master_title is not None and title.startswith(_template(service.master_title)[0])


def is_worker(service: Service, title: str) -> bool:
    """Tell whether a title is that of a worker, or of another helper of a master."""
    return not service.worker_titles or title.startswith(service.worker_titles)


def is_ready(service: Service, title: str) -> bool:
    """Tell whether a title is that of a worker that takes new requests."""
    if not service.worker_titles:
        return True
    draining = service.draining_title is not None and title.startswith(service.draining_title)
    return title.startswith(service.worker_titles[0]) and not draining


def runs_daemon(service: Service, facts: ProcessFacts, host: Host) -> bool:
    """Tell whether that process runs this daemon's binary. True if we may not see its binary."""
    return facts.exe is None or _runs(service, facts.exe, host)


def workers_of(service: Service, master: Process, host: Host) -> dict[Process, str]:
    """Return the workers and helpers of *master* with their titles."""
    workers = {}
    for child in host.children(master):
        title = host.title(child.pid)
        if title and is_worker(service, title):
            workers[child] = title
    return workers


def argv0_of(service: Service, title: str) -> str:
    """Return argv[0] as a master's title tells it, or "" if it does not.

    The title is the arguments joined by blanks, so a daemon whose path has
    blanks is recognised by that path.
    """
    before, placeholder, _ = _template(service.master_title or "")
    if placeholder != "argv" or not title.startswith(before):
        return ""
    told = title[len(before) :]
    if told == service.daemon or told.startswith(service.daemon + " "):
        return service.daemon
    return told.split(" ", 1)[0]


def _template(title: str) -> tuple[str, str, str]:
    before, _, rest = title.partition("{")
    placeholder, _, after = rest.partition("}")
    return before, placeholder, after


def _runs(service: Service, exe: str | None, host: Host) -> bool:
    return exe is not None and exe in (service.daemon, host.realpath(service.daemon))


def _daemon_in(service: Service, told: str, facts: ProcessFacts, host: Host) -> bool:
    # nginx's own "make install" renames the running binary, so argv[0] counts, too.
    if _runs(service, facts.exe, host) or f"{told} ".startswith(service.daemon + " "):
        return True
    argv0 = told.split(" ", 1)[0]
    # If we may not read exe we may not send signals either: the name suffices for status.
    return facts.exe is None and os.path.basename(argv0) == os.path.basename(service.daemon)


def _config_in(service: Service, told: str) -> bool:
    if service.names_configuration is None:
        return True
    names: NamesConfiguration = resolve(service.names_configuration)
    return names(service, told)
