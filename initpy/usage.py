"""The usage line of a wrapper: what the daemon can do."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .service import Service

OPTIONS = "[--quiet] [--json] [--explain] [--timeout SECONDS]"


def usage(program: str, verbs: Iterable[str], service: Service) -> str:
    """Return the usage line, without those of *verbs* that exit with 3 in any case.

    The wrapper contains it as plain text: systemd's generator and lintian read it there. An
    action that stands there is taken for one that the service has.
    """
    can = {
        **dict.fromkeys(("configtest", "testconfig"), service.has_test),
        **dict.fromkeys(("reopen", "rotate", "reopen-logs"), service.reopen),
        "reload": service.reload,
        "upgrade": service.upgrade,
    }
    offered = [verb for verb in verbs if can.get(verb, True)]
    return f"Usage: {program} {{{'|'.join(offered)}}} {OPTIONS}"
