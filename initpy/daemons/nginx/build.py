"""Read the output of ``nginx -V``: the configure options of the installed nginx."""

from __future__ import annotations

from ...contracts import Detected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...service import Service

# Configure options that are fields of a declaration.
_FIELDS = {
    "conf-path": ("config", "default_config"),
    "prefix": ("prefix",),
    "pid-path": ("pidfile",),
}


def detect(_service: Service, output: str) -> Detected:
    """Return the paths among the configure options."""
    import re

    compiled = dict(re.findall(r"--([a-z-]+)=([^\s']+)", output))
    return Detected(
        facts={
            field: compiled[option]
            for option, fields in _FIELDS.items()
            for field in fields
            if option in compiled
        },
        writes=tuple(path for path in compiled.values() if path.startswith("/")),
    )
