"""Sockets handed on: the notations in which daemons are told of inherited ones.

php-fpm   FPM_SOCKETS="127.0.0.1:9000=4,/run/x.sock=5"   (fpm_sockets.c)
nginx     NGINX="4;5;"                                   (ngx_add_inherited_sockets)
"""

from __future__ import annotations

from ..daemons.configuration import read_configuration
from ..host import Host, Listener, Process
from ..service import FPM_SOCKETS, Service

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Self


class Inheritance:
    """Listening sockets for a new master. A context manager: the copies are closed at its end."""

    def __init__(self, service: Service, processes: Iterable[Process], host: Host) -> None:
        """Copy what *processes* listen on, as far as it fits the configuration.

        php-fpm removes the path of an inherited unix socket that its
        configuration does not name, and the old pool would be unreachable: so
        only those it names. And only those that have their path still: on one
        that has lost it no client would find the new master. Raises CannotCopy.
        """
        self._host = host
        self._fpm = service.inherits == FPM_SOCKETS
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
    def environment(self) -> dict[str, str]:
        """The notation of this daemon."""
        if self._fpm:
            pairs = [f"{listener.place}={listener.fd}" for listener in self.listeners]
            return {"FPM_SOCKETS": ",".join(pairs)}
        return {"NGINX": "".join(f"{fd};" for fd in self.descriptors)}

    @property
    def foster(self) -> bool:
        """Whether the daemon, told so, does not put itself in the background."""
        return not self._fpm

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_exc: object) -> None:
        """Close the copies: the new master has its own by now."""
        self._close()

    def _close(self) -> None:
        while self._copies:
            self._host.close(self._copies.pop())
