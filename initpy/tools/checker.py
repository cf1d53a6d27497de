"""Find the checker of init scripts, ``scripts/check``, and become it.

It is not a part of the library, because it does without it: it checks any init script. It
stands in the same folders as in a checkout: ``scripts/check`` and ``tests/conformance``.
"""

from __future__ import annotations

import os.path
import sys

from ..errors import NotInstalled
from ..host import Host
from ..systemctl import DIRECTORY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def become_checker(script: str, options: list[str], host: Host) -> NoReturn:
    """Execute the checker for a script, a path or a name in /etc/init.d.

    Raises NotInstalled.
    """
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    places = [here, f"{sys.prefix}/share/initpy", "/usr/share/initpy"]
    paths = [f"{place}/scripts/check" for place in dict.fromkeys(places)]
    found = next(filter(host.is_executable, paths), None)
    if found is None:
        raise NotInstalled(f"the checker is not installed as {' or '.join(paths)}")
    path = script if "/" in script else f"{DIRECTORY}/{script}"
    host.become([sys.executable, found, path, *options])
