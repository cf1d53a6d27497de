"""The paths of unix sockets: those that are lost are bound anew."""

from __future__ import annotations

from ..control.pidfiles import lost_paths_sentence
from ..control.stable import require_running
from ..errors import InitError, Reverted, Unimplemented
from ..host import Host
from ..service import Service, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..contracts import Upgrade


def bind_anew(service: Service, host: Host) -> bool:
    """Replace a master that has lost the path of a unix socket by one that binds it anew.

    The caller holds the lock. True if the new master serves, with the configuration on disk;
    False if this one cannot be replaced. Raises ConfigTestFailed, RollbackFailed, and
    InitError if the new master fails: the old one serves as before.
    """
    assert service.upgrade is not None
    seen = require_running(service, host)
    lost = lost_paths_sentence(service, host)
    replace: Upgrade = resolve(service.upgrade)
    try:
        replace(service, seen, host)
    except Unimplemented as exc:
        host.explain(f"no new master can take over: {exc}")
        return False
    except Reverted as exc:
        raise InitError(f"{lost}; {exc}", exc.output) from exc
    host.tell(f"{lost}; a new master has made it anew")
    return True
