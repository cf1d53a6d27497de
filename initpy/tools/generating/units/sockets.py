"""The sockets that systemd would hand to a daemon: here it has to make them itself."""

from __future__ import annotations

import re

from .files import read_socket
from .syntax import is_true

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .commands import Command
    from .unit import Unit

_JOURNALS = "syslog.socket"  # what the journal forwards to: a syslog daemon does without
# What tells a daemon in its command line to take its sockets from systemd, and from nowhere else.
_HANDED = re.compile(r"(.*=)?(systemd:|fd://|--systemd-activation$).*")


def sockets(unit: Unit, named: str, command: Command) -> dict[str, object]:
    """Return the field ``listens``: where the sockets that it requires listen.

    It is started without them, and a start is not 0 before it listens there: many daemons
    make what they are not given. IPv6 is not looked for, as a host may not have it.

    Raises Untranslatable if it cannot make them.
    """
    if handed := next((word for word in command.args if _HANDED.fullmatch(word)), ""):
        raise unit.refusal(f"{handed} in ExecStart=: it takes its sockets from systemd")
    if unit.last("StandardInput").partition(":")[0] not in ("", "null"):
        raise unit.refusal("StandardInput=: it takes requests, or a terminal, as its input")
    keys = [("Requires", "Unit"), ("BindsTo", "Unit"), ("Sockets", "Service")]
    required = [name for key, section in keys for name in unit.words(key, section)]
    places: list[str] = []
    for name in dict.fromkeys(required):
        if not name.endswith(".socket") or name == _JOURNALS:
            continue
        socket = read_socket(name, named, unit.host)
        if socket is None:
            raise unit.refusal(f"it gets its sockets from {name}, which is not there")
        if is_true(socket.last("Accept", "Socket")):
            raise unit.refusal(f"{name} has a process of its own for each connection")
        here = [_place(address) for address in socket.words("ListenStream", "Socket")]
        here = [place for place in here if place]
        if not here:
            raise unit.refusal(f"it gets its sockets from {name}, and nothing can be seen of them")
        unit.notes.append(
            f"{name} is left out: it has to make its sockets itself, and a start "
            f"is 0 only once it listens at {', '.join(here)}"
        )
        places += here
    return {"listens": tuple(places)} if places else {}


def _place(address: str) -> str:
    """Return where a stream socket listens in our notation; "" for what is not looked for."""
    if address.isdigit():
        return f"*:{address}"
    if address.startswith("/") or re.fullmatch(r"[0-9.]+:[0-9]+", address):
        return address
    return ""
