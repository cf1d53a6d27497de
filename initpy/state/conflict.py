"""Whether a pidfile that names a living process, not our master, is that process's own."""

from __future__ import annotations

from ..host import Host, ProcessFacts
from ..service import Service
from .configuration import read_configuration
from .identity import configuration_in_force, is_master, runs, why_elsewhere_whoever
from .pidfile import Pidfile
from .titles import looks_like_master, tells_instance


def pidfile_conflict(service: Service, pidfile: Pidfile, host: Host) -> str:
    """Return a sentence if the pidfile names another living daemon that has it as its own, or "".

    Another program has only got the number of a dead master, one in another namespace
    or root directory has a pidfile of its own there, and so has an instance whose
    configuration names another pidfile.
    """
    facts = host.look(pidfile.pid) if pidfile.pid else None
    if facts is None or not tells_instance(service) or is_master(service, facts, host):
        return ""
    if why_elsewhere_whoever(facts, host) or not looks_like_master(service, facts.title):
        return ""
    if not runs(service, facts, host):
        return ""
    return (
        ""
        if _has_another(service, facts, host)
        else (f"{pidfile.path} names pid {facts.process}, another {service.daemon} ({facts.title})")
    )


def _has_another(service: Service, facts: ProcessFacts, host: Host) -> bool:
    """Tell whether the configuration that the process reads names another pidfile."""
    path = configuration_in_force(service, facts, host)
    if path is None:
        return False
    named = read_configuration(service.replace(config=path, options=()), host).pidfile
    return named is not None and host.realpath(named) != host.realpath(service.pidfile)
