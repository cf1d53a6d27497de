"""The printed ``/etc/init.d`` script: a header, and one call.

insserv, update-rc.d, chkconfig, systemd's generator and lintian all read the
header, each its own part: LSB's block comes first, since chkconfig stops at
its own; the tags for chkconfig and the generator stand outside it; the usage
line is plain text.
"""

from __future__ import annotations

from ..cli import usage
from ..service import Service
from .detect import FACTS

_TEMPLATE = '''\
#!{interpreter} -I
### BEGIN INIT INFO
{lsb}
### END INIT INFO
#
# chkconfig: {chkconfig}
# processname: {processname}
# pidfile: {pidfile}
# description: {description}
"""{usage}"""

import sys

try:
    from initpy.cli import run
    from {module} import {constant}
except ImportError as exc:  # removed, not purged: this script stays behind
    print(f"{name}: {{exc}}", file=sys.stderr)
    sys.exit({{"stop": 0, "status": 3}}.get("".join(sys.argv[1:2]), 5))

run(
    {constant}.replace(
{facts}
    )
)
'''


def render(service: Service, declared: Service, *, interpreter: str) -> str:
    """Return the text of the wrapper of *service*, run by *interpreter*.

    declared:    the service as ``initpy.daemons`` has it.
    interpreter: absolute path; with ``-I``, so that the caller's environment
                 and directory do not choose what root imports.
    """
    constant = declared.name.replace("-", "_").upper()
    keywords = {"Provides": service.name, **service.lsb}
    facts = {field: getattr(service, field) for field in (*FACTS, "default_config", "prefix")}
    return _TEMPLATE.format(
        interpreter=interpreter,
        lsb="\n".join(f"# {f'{key}:':<18} {value}" for key, value in keywords.items()),
        chkconfig=service.chkconfig,
        processname=service.daemon.rpartition("/")[2],
        pidfile=service.pidfile,
        description=service.lsb["Short-Description"],
        usage=usage(f"/etc/init.d/{service.name}"),
        module=f"initpy.daemons.{constant.lower()}",
        constant=constant,
        name=service.name,
        facts="\n".join(f"        {field}={quoted(value)}," for field, value in facts.items()),
    )


def quoted(value: str) -> str:
    """Return *value* as a Python string in double quotes.

    >>> quoted("/run/nginx.pid")
    '"/run/nginx.pid"'
    """
    return '"' + repr('"' + value)[2:-1].replace('"', '\\"') + '"'
