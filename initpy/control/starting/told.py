"""What a daemon tells of its reload, where it has told of its start: see ``notices``."""

from __future__ import annotations

from ...errors import InitError
from ...host import Host, Process
from ...host.network.notices import DIRECTORY
from ...service import Service
from .lineage import descendants
from .notices import VARIABLE, Notices


class Told:
    """What a running master and its descendants tell of a reload, from now on until ``close``.

    The socket of its start is gone; it is made again, at the path in the master's environment.
    """

    def __init__(self, service: Service, master: Process, host: Host) -> None:
        """Begin to hear, if the daemon tells of itself and its path can be had."""
        self._master, self._host = master, host
        path = ""
        if service.ready == "notify":
            path = (host.surroundings(master).environment or {}).get(VARIABLE, "")
        ours = path.startswith(f"{DIRECTORY}/")
        try:
            self._notices = Notices(host, path, wanted=ours)
        except InitError as exc:  # then the kernel alone tells
            host.explain(f"master {master} is not heard: {exc}")
            self._notices = Notices(host, wanted=False)

    def reloads(self) -> bool:
        """Tell whether it has said that it reloads (RELOADING=1)."""
        family = descendants(self._master, self._host)
        self._notices.hear(lambda process: process in family)
        return self._notices.reloading

    @property
    def ready(self) -> bool:
        """Whether it has said that it is ready again."""
        return self._notices.ready

    @property
    def status(self) -> str:
        """What it has said of its state, or ""."""
        return self._notices.status

    def awaited(self, name: str) -> str:
        """Return what is awaited, for a message."""
        return (
            self._notices.awaited(name) if self._notices.reloading else f"{name} to take the signal"
        )

    def close(self) -> None:
        """Hear no more."""
        self._notices.close()
