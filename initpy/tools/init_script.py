"""The generated ``/etc/init.d`` script, called a wrapper: a header, and one call.

insserv, update-rc.d, chkconfig, systemd's generator and lintian read parts of the header.
The LSB block comes first, because chkconfig stops reading after its own tags. The tags
for chkconfig and systemd's generator stand outside that block. The usage line is plain
text for lintian and systemd's generator.

A wrapper stays on a host for years, while the library below it is upgraded. So
what a wrapper names is an API, which later versions may extend, and must not
change:

- ``initpy.cli.run``, its first argument, and its parameters ``python`` and ``conffile``;
- ``initpy.daemons.NAME``, and in it the declaration: ``NGINX``, ``PHP_FPM``;
- ``replace()`` of a declaration, with the fields name, daemon, config, pidfile,
  default_config and prefix, and where they differ from the declaration's options and
  localstatedir;
- ``initpy.service.Service`` and its fields, and ``initpy.schedule.parse_schedule``.

The wrapper of a service that is not declared in ``initpy.daemons`` contains every fact of it.
So it needs no other file: nobody has to keep the file that it was generated from, and
nobody can change by it what root runs at the next boot.

``tests/unit/test_old_wrappers.py`` runs wrappers of earlier versions.
"""

from __future__ import annotations

import re

from ..cli import VERBS
from ..errors import InitError
from ..service import Service
from ..usage import usage
from .detect import FACTS
from .generating.facts import facts_of, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# The interpreter runs isolated (-I), so that the caller's environment and current
# directory do not choose what root imports, and without site (-S): site would
# execute every .pth file of the host at each start, and takes a quarter of the
# interpreter's own time. The folders are appended, as site does it, so that no
# module in them hides one of the standard library. Only initpy itself is searched in
# them alone: the folder of Python's own extension modules need not be listed for it.
#
# posix is built in, as _signal and gc are: os takes longer to load than status to look.
#
# The except clause catches everything: a module that was truncated, emptied or
# half written raises SyntaxError, ValueError, NameError, AttributeError and others.
# run() does not raise what an action fails with: it exits. That a file could not be
# opened or read may be over the next time; the loader of shared objects says it in
# words. The finally clause and _exit give the right code even if stderr cannot
# be written.
_TEMPLATE = '''\
#!{interpreter} -IS
### BEGIN INIT INFO
{lsb}
### END INIT INFO
#
# chkconfig: {chkconfig}
# processname: {processname}
# pidfile: {pidfile}
# description: {description}
"""{usage}"""

import _signal
import gc
import posix
import sys

gc.disable()  # until something is done: to load modules makes no garbage
if _signal.getsignal(_signal.SIGINT) == _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # Ctrl-C ends it, without a traceback

FOLDERS = [  # those of initpy, psutil, daemon and lockfile
{folders}
]
standard, sys.path = sys.path, FOLDERS
{removed}
try:
    import initpy

    sys.path = standard + FOLDERS
    from initpy.cli import run
{imports}

    run(
        {made}(
{facts}
        ),{options}
    )
except Exception as exc:  # a module is missing or broken, or cannot be read now
{if_removed}    problem = f"initpy cannot be used: {{type(exc).__name__}}: {{exc}}"
    versions = f"{generated_for}run by Python {{sys.version.split()[0]}}"
    remedy = "install initpy again, or generate this script again"
    passing = [posix.strerror(number) for number in (5, 12, 23, 24)]  # EIO, ENOMEM, ENFILE, EMFILE
    if isinstance(exc, (OSError, MemoryError)) or any(why in str(exc) for why in passing):
        remedy = "try again"
    try:
        print(f"{name}: {{problem}} ({{versions}}): {{remedy}}", file=sys.stderr, flush=True)
    finally:
        posix._exit(4 if "status" in sys.argv[1:] else 1)
'''

# Of a wrapper that is a conffile of a Debian package: when the package is removed
# and not purged, the conffile stays, and has to do nothing, quietly (Debian Policy
# 9.3.2). What Python has compiled may be left of initpy, and must not be: with
# anything more, initpy is not removed but broken. It is broken, too, if its first two
# modules are found and another is not.
_REMOVED = '''

def removed(path):
    """Tell whether nothing stands at *path* but folders, and what Python compiled."""
    try:
        return all(one == "__pycache__" or removed(f"{path}/{one}") for one in posix.listdir(path))
    except OSError as exc:  # it is a file, cannot be read, or is not there
        return isinstance(exc, FileNotFoundError)

'''
_IF_REMOVED = """\
    not_found = getattr(exc, "name", None) in ("initpy", "initpy.cli")
    if not_found and all(removed(f"{folder}/initpy") for folder in FOLDERS):  # Debian Policy 9.3.2
        sys.exit(3 if "status" in sys.argv[1:] else 0)
"""


_FIELDS = (*FACTS, "default_config", "prefix")
_OTHER_FIELDS = ("localstatedir", "options")  # only where they differ from the declaration's
# What insserv and update-rc.d need, of a declaration that says nothing else.
_LSB = {
    "Required-Start": "$remote_fs $syslog",
    "Required-Stop": "",
    "Default-Start": "2 3 4 5",
    "Default-Stop": "0 1 6",
}


def with_header(service: Service) -> Service:
    """Return *service* with what its header lacks. Raises InitError if a line would break."""
    lsb = {**_LSB, "Short-Description": service.name, **service.lsb}
    lsb["Required-Stop"] = service.lsb.get("Required-Stop", lsb["Required-Start"])
    lines = {"daemon": service.daemon, "pidfile": service.pidfile, "chkconfig": service.chkconfig}
    for what, text in {**lines, **lsb}.items():
        if not f"{what}{text}".isprintable():
            raise InitError(f"{service.name}: {what} {text!r} has to be one line of text")
    return service.replace(lsb=lsb)


def render(
    service: Service,
    declared: Service | None = None,
    *,
    interpreter: str,
    folders: Iterable[str],
    conffile: bool = False,
) -> str:
    """Return the text of the wrapper of *service*.

    declared:    the service as ``initpy.daemons`` has it; None if it is not one of these.
                 Then *service* is one that ``with_header`` has returned.
    interpreter: absolute path.
    folders:     absolute paths, from which the wrapper imports initpy, psutil,
                 daemon and lockfile.
    conffile:    it belongs to a Debian package: without the library or the
                 daemon it does nothing, quietly.
    """
    keywords = {"Provides": service.name, **service.lsb}
    if declared is not None:
        constant = declared.name.replace("-", "_").upper()
        imports = [f"from initpy.daemons.{constant.lower()} import {constant}"]
        made = f"{constant}.replace"
        facts = {
            field: quoted(value)
            for field in (*_FIELDS, *_OTHER_FIELDS)
            if (value := getattr(service, field)) is not None
            and (field in _FIELDS or value != getattr(declared, field))
        }
    else:
        facts = facts_of(service)
        imports, made = ["from initpy.service import Service"], "Service"
        if any("parse_schedule(" in text for text in facts.values()):
            imports.append("from initpy.schedule import parse_schedule")
    python = _version_in(folders)
    options = {"python": quoted(python)} if python else {}
    if conffile:
        options["conffile"] = "True"
    return _TEMPLATE.format(
        interpreter=interpreter,
        lsb="\n".join(f"# {f'{key}:':<18} {value}" for key, value in keywords.items()),
        chkconfig=service.chkconfig,
        processname=service.daemon.rpartition("/")[2],
        pidfile=service.pidfile,
        description=service.lsb["Short-Description"],
        usage=usage(f"/etc/init.d/{service.name}", VERBS, service),
        folders="\n".join(f"    {quoted(folder)}," for folder in folders),
        removed=_REMOVED if conffile else "",
        if_removed=_IF_REMOVED if conffile else "",
        imports="\n".join(f"    {line}" for line in imports),
        made=made,
        facts="\n".join(f"            {field}={text}," for field, text in facts.items()),
        options="".join(f"\n        {name}={value}," for name, value in options.items()),
        name=service.name,
        generated_for=f"generated for Python {python}, " if python else "",
    )


def _version_in(folders: Iterable[str]) -> str:
    """Return the version of Python that the folders belong to, or "" if they are any version's.

    >>> _version_in(["/opt/checkout", "/opt/venv/lib/python3.11/site-packages"])
    '3.11'
    """
    found = re.search(r"/python(\d+\.\d+)/", "\n".join(folders))
    return found[1] if found else ""
