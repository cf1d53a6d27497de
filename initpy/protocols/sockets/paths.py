"""The paths of unix sockets: those that are lost are bound anew, those of dropped pools removed."""

from __future__ import annotations

from ...control.pidfiles import is_bound, lost_paths_sentence
from ...control.stable import require_running
from ...errors import InitError, Reverted, Unimplemented
from ...host import Host
from ...service import Service, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...contracts import Upgrade


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


def remove_dropped_paths(paths: Mapping[str, tuple[int, int]], host: Host) -> None:
    """Remove the paths of sockets that the configuration does not name any more.

    paths: with the version of each file, as it was when a master listened there. Its
           workers have finished since.
    """
    for path, version in paths.items():
        if is_bound(path, version[0], host):
            host.tell(f"{path} stays, a process still has that socket")
        elif host.remove_socket(path, version):
            host.tell(f"removed {path}: the configuration does not name it any more")
