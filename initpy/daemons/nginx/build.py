"""What ``nginx -V`` says of how nginx was built."""

from __future__ import annotations

import os.path

from ...contracts import Detected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...service import Service

_ARGUMENTS = "configure arguments:"
# What nginx's own configure takes where it is told nothing; relative to the prefix (auto/init,
# auto/options).
_PREFIX = "/usr/local/nginx"
_PATHS = {
    "conf-path": "conf/nginx.conf",
    "pid-path": "logs/nginx.pid",
    "error-log-path": "logs/error.log",
    "http-log-path": "logs/access.log",
    "http-client-body-temp-path": "client_body_temp",
    "http-proxy-temp-path": "proxy_temp",
    "http-fastcgi-temp-path": "fastcgi_temp",
    "http-uwsgi-temp-path": "uwsgi_temp",
    "http-scgi-temp-path": "scgi_temp",
}
_READ = "conf-path"  # and what else has a path is written


def detect(_service: Service, output: str) -> Detected:
    """Read the configure options, which are quoted as for a shell."""
    lines = [line for line in output.splitlines() if line.startswith(_ARGUMENTS)]
    if not lines:
        return Detected(facts={})
    told = dict(
        word[2:].split("=", 1)
        for word in _words(lines[-1][len(_ARGUMENTS) :])
        if word.startswith("--") and "=" in word
    )
    prefix = os.path.join("/", told.get("prefix") or _PREFIX)
    paths = {
        option: os.path.normpath(os.path.join(prefix, told.get(option, default)))
        for option, default in _PATHS.items()
        if told.get(option) != "stderr"
    }
    config = paths[_READ]
    return Detected(
        facts={
            "config": config,
            "default_config": config,
            "prefix": prefix,
            "pidfile": paths["pid-path"],
        },
        writes=tuple(path for option, path in paths.items() if option != _READ),
    )


def _words(text: str) -> list[str]:
    import shlex

    try:
        return shlex.split(text)
    except ValueError:  # a quote without an end
        return text.split()
