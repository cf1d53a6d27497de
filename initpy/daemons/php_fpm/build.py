"""What php-fpm says of how it was built: its configuration, and its prefix."""

from __future__ import annotations

from ...contracts import Detected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...service import Service


def detect(_service: Service, output: str) -> Detected:
    """Read the path of the configuration that was tested, and that of the probe's socket.

    The probe is a pool that listens on a relative path: the daemon prints an absolute one.
    The test names no configuration if there is no pool in it yet, or a pool is broken:
    then it says so.
    """
    import re

    facts = {}
    if prefix := re.search(r"NOTICE: +\tlisten = (/.*)/probe$", output, re.MULTILINE):
        facts["prefix"] = prefix[1]
    named = re.search(r"configuration file '?(/(?!dev/fd/)[^\s']+)", output)
    if named is not None:
        facts.update(config=named[1], default_config=named[1])
    unnamed = re.search(r"(?:ALERT|ERROR): (.*)", output)
    return Detected(facts=facts, unnamed=unnamed[1] if unnamed else "")
