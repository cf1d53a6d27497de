"""The system log: RFC 3164, as syslogd(8) reads it at /dev/log."""

from __future__ import annotations

import os
import time

from ..errors import translated

_LOG = "/dev/log"
_DAEMON_INFO = 3 << 3 | 6  # LOG_DAEMON | LOG_INFO: syslog(3)


@translated
class SystemLog:
    """Writing to the system log of this machine."""

    def syslog(self, ident: str, line: str) -> None:
        """Send one line to the system log. It is lost if nobody reads that.

        Not by syslog(3), which waits for whoever listens there for as long as it takes.
        """
        import _socket  # socket would load enum, selectors, ...

        kind = _socket.SOCK_DGRAM | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC
        stamp = time.strftime("%b %e %H:%M:%S")
        text = f"<{_DAEMON_INFO}>{stamp} {ident}[{os.getpid()}]: {line}"
        try:
            log = _socket.socket(_socket.AF_UNIX, kind)
        except OSError:
            return
        try:
            log.connect(_LOG)
            log.send(text.encode(errors="replace").replace(b"\0", b"?"))
        except OSError:
            pass  # nobody listens there, or nobody reads what he has got
        finally:
            log.close()
