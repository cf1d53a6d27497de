"""``initpy status``: the status of every service whose init script uses this library.

Each script is run, so that its own values and its settings file apply.
"""

from __future__ import annotations

import json

from ..control.run import run
from ..errors import InitError, StatusCode
from ..host import Host
from .installing.scripts import is_wrapper, scripts, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

WITHIN = 30.0  # seconds for one script to answer


def statuses(host: Host, *options: str) -> list[dict[str, Any]]:
    """Return the answer of ``status --json`` of every such script, ordered by path."""
    return [_status([path, "status", "--json", *options], host) for path in _scripts(host)]


def _scripts(host: Host) -> list[str]:
    """Return the scripts in /etc/init.d that use this library; of links to one file the first."""
    found: dict[str, str] = {}
    for path in scripts(host):
        if is_wrapper(text_of(path, host)):
            found.setdefault(host.realpath(path), path)
    return sorted(found.values())


def _status(command: list[str], host: Host) -> dict[str, Any]:
    try:
        said = run(command, host, within=WITHIN).output
        answer: dict[str, Any] = json.loads(said)
    except InitError as exc:
        why = str(exc)
    except ValueError:  # not JSON: the script cannot load the library
        why = said
    else:
        return answer
    name = command[0].rpartition("/")[2]
    return {"name": name, "state": "unknown", "code": StatusCode.UNKNOWN, "message": why}
