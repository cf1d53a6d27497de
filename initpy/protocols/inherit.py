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
        still leads to it: on another one no client would reach the new master. Raises
        CannotCopy.
        """
        # php-fpm removes the path of an inherited unix socket that its configuration does
        # not name (fpm_sockets.c). Then no client could reach the old pool either.
        self._host = host
        self._service = service
        self.configuration = ask_configuration(service, host)
        copied: list[Listener] = []
        known: set[int] = set()
        self._copies: list[int] = []
        try:
            for process in processes:
                for listener in host.copy_listeners(process, known):
                    self._copies.append(listener.fd)
                    copied.append(listener)
            self._sort(copied)
        except BaseException:
            self.close()
            raise

    def _sort(self, copied: list[Listener]) -> None:
        """Tell what is handed on from what the configuration does not name any more."""
        unix = {listener.inode for listener in copied if listener.unix}
        told = self._host.listening_sockets() if unix else ()
        files = {one.inode: one.file for one in told or () if one.inode in unix}
        handed: dict[int, Listener] = {}
        dropped = {}
        for listener in copied:
            there = self._host.file_id(listener.place) if listener.unix else None
            file = files.get(listener.inode)
            if not listener.unix:
                handed.setdefault(listener.inode, listener)
            elif there is None or (file and file[0] != there[1]):
                continue  # its path is lost
            elif listens_at(self.configuration, listener.place, self._host):
                handed.setdefault(listener.inode, listener)
            elif file and (version := self._host.version(listener.place)) and version[0] == file[0]:
                dropped[listener.place] = version
        self.listeners = tuple(handed.values())
        # The paths that the configuration does not name, with the version of their files.
        self.dropped = dropped

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
