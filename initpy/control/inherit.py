"""Sockets handed on: copies of the listening sockets of some processes, for a new master."""

from __future__ import annotations

from ..host import Host, Listener, Process
from ..service import Service, resolve
from ..state.configuration import read_configuration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from typing_extensions import Self

    from ..contracts import InheritEnvironment


class InheritedSockets:
    """Listening sockets for a new master. A context manager: the copies are closed at its end."""

    def __init__(self, service: Service, processes: Iterable[Process], host: Host) -> None:
        """Copy what *processes* listen on, as far as it fits the configuration.

        Of unix sockets only those that the configuration names, and whose path still
        exists: no client would find the new master on another one. Raises CannotCopy.
        """
        # php-fpm removes the path of an inherited unix socket that its configuration does
        # not name (fpm_sockets.c), and the old pool would be unreachable.
        self._host = host
        self._service = service
        named = read_configuration(service, host).listens
        found: dict[int, Listener] = {}
        known: set[int] = set()
        self._copies: list[int] = []
        try:
            for process in processes:
                for listener in host.copy_listeners(process, known):
                    self._copies.append(listener.fd)
                    reached = listener.place in named and host.exists(listener.place)
                    if reached or not listener.unix:
                        found.setdefault(listener.inode, listener)
        except BaseException:
            self._close()
            raise
        self.listeners = tuple(found.values())

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Those the new master inherits."""
        return tuple(listener.fd for listener in self.listeners)

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that tell this daemon of them."""
        assert self._service.inherit is not None
        environment: InheritEnvironment = resolve(self._service.inherit)
        return environment(self.listeners)

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_exc: object) -> None:
        """Close the copies: the new master has its own by now."""
        self._close()

    def _close(self) -> None:
        while self._copies:
            self._host.close(self._copies.pop())
