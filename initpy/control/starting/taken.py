"""Where a service is to listen, and another process listens already: known before the start."""

from __future__ import annotations

import os.path

from ...contracts import UDP
from ...errors import InitError
from ...host import Host
from ...service import Service
from ..error_log import held_by
from .lineage import descendants

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from ...host import BoundSocket
    from ...state.snapshot import Snapshot

_IPV4, _IPV6 = "0.0.0.0", "::"  # noqa: S104 - compared, not bound


def refuse_taken_for_restart(service: Service, seen: Snapshot, host: Host) -> None:
    """Raise InitError as ``refuse_taken`` if the start after a stop would fail."""
    if service.listens:
        family = {it for one in seen.processes for it in descendants(one, host)}
        own = {inode for one in family for inode in host.socket_inodes(one)}
        refuse_taken(service, host, own, what="not restarting, nothing was stopped: ")


def refuse_taken(
    service: Service, host: Host, own: Collection[int] = (), *, what: str = ""
) -> None:
    """Raise InitError if another process listens where the declaration says (``listens``).

    It names the place, and the pid and program of whatever listens there. Nothing is bound
    for a trial: the kernel tells what listens.

    own:  inodes of the sockets that are the service's.
    what: begins the sentence.
    """
    if not service.listens:
        return
    known = [one for one in host.listening_sockets() or () if one.inode not in own]
    for declared in service.listens:
        for bound in known:
            if excludes(declared, bound, host):
                place = bound.place + (UDP if bound.datagram else "")
                held = [held_by(place, holder) for holder in host.socket_holders(bound.inode)]
                why = "; ".join(held) or f"{place} is held by a process that cannot be seen"
                raise InitError(f"{what}{why}")


def excludes(declared: str, bound: BoundSocket, host: Host) -> bool:
    """Tell whether what listens at *bound* keeps a daemon from listening where it is declared."""
    if declared.startswith("/"):
        _, inode = host.file_id(declared) or (0, 0)
        return bound.is_at(os.path.normpath(declared), inode)
    address, _, port = declared.removesuffix(UDP).rpartition(":")
    taken, _, its_port = bound.place.rpartition(":")
    if its_port != port or bound.datagram != declared.endswith(UDP):
        return False
    address = address.strip("[]")
    addresses = {address, *(host.addresses_of(address) if _is_name(address) else ())}
    return any(_overlap(one, taken, dual=not bound.ipv6only) for one in addresses)


def _is_name(address: str) -> bool:
    return address not in ("", "*") and ":" not in address and bool(address.strip("0123456789."))


def _overlap(wanted: str, taken: str, *, dual: bool) -> bool:
    """Tell whether two addresses of one port exclude each other: ip(7), ipv6(7).

    dual: *taken*, if it is ``::``, has the addresses of IPv4, too.
    """
    if wanted in ("", "*", taken):
        return True
    if taken == _IPV6:
        return dual or ":" in wanted
    if wanted == _IPV6:
        return ":" in taken
    return _IPV4 in (wanted, taken) and ":" not in wanted + taken
