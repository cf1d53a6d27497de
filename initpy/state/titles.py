"""What a daemon's processes call themselves in ps(1): their titles."""

from __future__ import annotations

from ..host import Host, Process
from ..service import Service

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def tells_instance(service: Service) -> bool:
    """Tell whether a master's title says for which instance of the daemon it works."""
    title = service.master_title or ""
    named = "{config}" in title or (service.read_command_line is not None and "{argv}" in title)
    return named and service.config is not None


def looks_like_master(service: Service, title: str) -> bool:
    """Tell whether a title is that of a master, of this instance or of another one.

    A master that was started with little environment has no room for its whole title.
    """
    if service.master_title is None:
        return False
    before = template(service.master_title)[0]
    return title.startswith(before) or _is_cut(service, title)


def is_worker(service: Service, title: str) -> bool:
    """Tell whether a title is that of a worker, or of another helper of a master."""
    return not service.worker_titles or title.startswith(service.worker_titles)


def beginnings(service: Service) -> tuple[str, ...]:
    """Return how the titles of masters and workers begin, those of other instances, too."""
    if not service.worker_titles:
        return ("",)
    whole, before = _whole(service), template(service.master_title or "")[0]
    return (min(before, whole[: _least(whole)], key=len), *service.worker_titles)


def is_ready(service: Service, title: str) -> bool:
    """Tell whether a title is that of a worker that takes new requests."""
    if not service.worker_titles:
        return True
    draining = service.draining_title is not None and title.startswith(service.draining_title)
    return title.startswith(service.worker_titles[0]) and not draining


def workers_of(
    service: Service, master: Process, host: Host, children: Iterable[Process] | None = None
) -> dict[Process, str]:
    """Return the workers and helpers of *master* with their titles.

    children: those of the master, if they are known.
    """
    workers = {}
    for child in host.children(master) if children is None else children:
        title = host.title(child.pid)
        if title and is_worker(service, title) and not is_successor(service, child, host):
            workers[child] = title
    return workers


def is_successor(service: Service, child: Process, host: Host) -> bool:
    """Tell whether a child of a master is the new master of an upgrade, where no title tells.

    It has executed the new binary, and a worker was forked.
    """
    if service.worker_titles or not service.second_is_new:
        return False
    facts = host.look(child.pid)
    return facts is not None and not facts.forked


def argv0_of(service: Service, title: str) -> str:
    """Return argv[0] as a master's title tells it, or "" if it does not.

    The title is the arguments joined by blanks, so a daemon whose path has
    blanks is recognised by that path.
    """
    before, placeholder, _ = template(service.master_title or "")
    if placeholder != "argv" or not title.startswith(before):
        return ""
    told = title[len(before) :]
    if told == service.daemon or told.startswith(f"{service.daemon} "):
        return service.daemon
    return told.split(" ", 1)[0]


def told_by(service: Service, title: str) -> str | None:
    """Return what a master's title tells in place of {argv} or {config}; None if it is none."""
    before, placeholder, after = template(service.master_title or "")
    if title.startswith(before) and title.endswith(after):
        return title[len(before) : len(title) - len(after)]
    return "" if placeholder == "config" and _is_cut(service, title) else None


def _is_cut(service: Service, title: str) -> bool:
    """Tell whether a title is the beginning of our master's, for which there was no room."""
    whole = _whole(service)
    return _least(whole) <= len(title) < len(whole) and whole.startswith(title)


def _whole(service: Service) -> str:
    return (service.master_title or "").format(config=service.config, argv="")


def _least(whole: str) -> int:
    """Return how much of a master's title there must be: up to the first letter of "master"."""
    return whole.find(":") + len(": m")


def template(title: str) -> tuple[str, str, str]:
    """Return what stands before the placeholder of a title, its name, and what stands after."""
    before, _, rest = title.partition("{")
    placeholder, _, after = rest.partition("}")
    return before, placeholder, after
