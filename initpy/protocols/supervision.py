"""Whether somebody supervises a master: then no other master may take its place."""

from __future__ import annotations

from ..host import Host, Process
from ..service import Service


def why_supervised(service: Service, master: Process, host: Host) -> str:
    """Return what speaks for a supervisor that has started *master* and waits for it, or "".

    A daemon that has put itself in the background was forked and has executed nothing
    since (PF_FORKNOEXEC), also after it has executed itself anew. Neither its session nor
    its parent tells: it may make a session in the foreground, too, and process 1 may be
    its supervisor. But one that stays in the foreground where it inherits sockets, as a
    binary that its predecessor has executed, is in the session of a process that has
    ended; a supervisor's session has a leader.
    """
    # setsid(2) in the foreground: fpm_unix_init_main. Sessions: ngx_daemon, Host.launch.
    if unit := host.systemd_unit(master):
        return f"systemd supervises master {master} (unit {unit})"
    facts = host.look(master.pid)
    if facts is None or facts.process != master or facts.forked:
        return ""
    if service.inherit_in_foreground and facts.session and host.find(facts.session) is None:
        return ""
    return f"master {master} runs in the foreground, its parent is pid {facts.ppid}"
