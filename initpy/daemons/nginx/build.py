"""What ``nginx -V`` says of how nginx was built."""

from __future__ import annotations

import os.path

from ...contracts import Detected
from .arguments import read_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...service import Service

_ARGUMENTS = "configure arguments:"
# What nginx's own configure takes where it is told nothing (auto/options). Relative paths are
# compiled in as they are: they start from the prefix that nginx is given with -p.
_PREFIX = "/usr/local/nginx"
_CONFIG = "conf/nginx.conf"
_PIDFILE = "logs/nginx.pid"


def detect(service: Service, output: str) -> Detected:
    """Read the configure options, which are quoted as for a shell."""
    lines = [line for line in output.split("\n") if line.startswith(_ARGUMENTS)]
    if not lines:
        return Detected(facts={})
    told = dict(
        word[2:].split("=", 1)
        for word in _words(lines[-1][len(_ARGUMENTS) :])
        if word.startswith("--") and "=" in word
    )
    # Told an empty one, it has none: what is relative starts from its working directory.
    compiled = os.path.join("/", told.get("prefix", _PREFIX))
    prefix = read_options(service.options).prefix or compiled
    config = told.get("conf-path") or _CONFIG
    return Detected(
        facts={
            "config": _absolute(prefix, config),
            "default_config": _absolute(compiled, config),
            "prefix": compiled,
            "pidfile": _absolute(prefix, told.get("pid-path") or _PIDFILE),
        }
    )


def _absolute(prefix: str, path: str) -> str:
    return os.path.normpath(os.path.join(prefix, path))


def _words(text: str) -> list[str]:
    import shlex

    try:
        return shlex.split(text)
    except ValueError:  # a quote without an end
        return text.split()
