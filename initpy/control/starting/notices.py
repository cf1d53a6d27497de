"""What a daemon tells of its state: READY=1, RELOADING=1 and STATUS=, see sd_notify(3)."""

from __future__ import annotations

from ...host import Host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ...host import Process

VARIABLE = "NOTIFY_SOCKET"


class Notices:
    """The notices of one daemon, from now until ``close``."""

    def __init__(self, host: Host, path: str = "", *, wanted: bool = True) -> None:
        """Begin to hear, if that is wanted; at *path*, if the daemon has been told it before."""
        self._host = host
        self._socket = host.notice_socket(path) if wanted else None
        self.ready = False  # READY=1 has come, and no RELOADING=1 since
        self.reloading = False  # RELOADING=1 has come
        self.status = ""  # the last STATUS=

    @property
    def environment(self) -> dict[str, str]:
        """Return the variable that tells a daemon where it is heard; none if it is not."""
        return {VARIABLE: self._socket.path} if self._socket else {}

    def hear(self, is_ours: Callable[[Process], bool]) -> None:
        """Take what has come from processes that are ours; what others say is explained."""

        def accepts(process: Process) -> bool:
            if is_ours(process):
                return True
            self._host.explain(f"pid {process}: its notice is not heard, it is another's")
            return False

        for message in self._socket.receive(accepts) if self._socket else ():
            for line in message.split("\n"):  # sd_notify(3): nothing else ends one
                self._take(line)

    def _take(self, line: str) -> None:
        word, _, value = line.partition("=")
        if word == "STATUS":
            self.status = value
        elif word == "RELOADING" and value == "1":
            self.ready, self.reloading = False, True
        elif word == "READY" and value == "1":
            self.ready = True

    def awaited(self, name: str) -> str:
        """Return what is awaited, for a message."""
        said = f"; it says: {self.status}" if self.status else ""
        return f"{name} to say that it is ready (READY=1){said}"

    def close(self) -> None:
        """Hear no more, and leave nothing."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
