"""What php-fpm says of how it was built: its configuration, and its folders."""

from __future__ import annotations

from ...contracts import Detected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...service import Service


def detect(service: Service, output: str) -> Detected:
    """Read the path of the configuration that was tested, and those that the probe is given.

    The probe has a pidfile and a socket with relative paths: the daemon prints absolute ones.
    The test names no configuration if there is no pool in it yet, or a pool is broken:
    then it says so.
    """
    import re

    facts = {}
    for field, key in (("prefix", "listen"), ("localstatedir", "pid")):
        if folder := re.search(rf"NOTICE: +\t{key} = (/.*)/probe$", output, re.MULTILINE):
            facts[field] = folder[1]
    state = facts.get("localstatedir", service.localstatedir)
    if state != service.localstatedir:
        facts["pidfile"] = f"{state}/run/php-fpm.pid"  # as in PHP's own init.d.php-fpm
    named = re.search(r"configuration file '?(/(?!dev/fd/)[^\s']+)", output)
    if named is not None:
        facts.update(config=named[1], default_config=named[1])
    unnamed = re.search(r"(?:ALERT|ERROR): (.*)", output)
    return Detected(facts=facts, unnamed=unnamed[1] if unnamed else "")
