"""Copies of listening sockets, which a new master inherits."""

from __future__ import annotations

from ..control.ask import ask_configuration
from ..host import Host, Listener, Process
from ..service import Service, resolve
from ..state.configuration import listens_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from typing_extensions import Self

    from ..contracts import InheritEnvironment


class InheritedSockets:
    """Listening sockets for a new master. A context manager, which closes the copies."""

    def __init__(self, service: Service, processes: Iterable[Process], host: Host) -> None:
        """Copy the listening sockets of *processes*.

        A unix socket is handed on only if the configuration names its path and the path
        still exists: on another one no client would reach the new master. Raises
        CannotCopy.
        """
        # php-fpm removes the path of an inherited unix socket that its configuration does
        # not name (fpm_sockets.c). Then no client could reach the old pool either.
        self._host = host
        self._service = service
        self.configuration = config = ask_configuration(service, host)
        found: dict[int, Listener] = {}
        known: set[int] = set()
        self._copies: list[int] = []
        try:
            for process in processes:
                for listener in host.copy_listeners(process, known):
                    self._copies.append(listener.fd)
                    if not listener.unix or (
                        host.exists(listener.place) and listens_at(config, listener.place, host)
                    ):
                        found.setdefault(listener.inode, listener)
        except BaseException:
            self.close()
            raise
        self.listeners = tuple(found.values())

    @property
    def descriptors(self) -> tuple[int, ...]:
        """The descriptors that the new master inherits."""
        return tuple(listener.fd for listener in self.listeners)

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables that list them for this daemon."""
        assert self._service.inherit is not None
        environment: InheritEnvironment = resolve(self._service.inherit)
        return environment(self.listeners)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_exc: object) -> None:
        """Close the copies. The new master has inherited its own."""
        self.close()

    def close(self) -> None:
        """Close the copies."""
        while self._copies:
            self._host.close(self._copies.pop())
