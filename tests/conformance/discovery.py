"""What a script's service is: its processes, daemon, pidfile and configuration.

Seen rather than guessed, in private copies of the machine: it is started, and
whatever runs then is the service; a changed file that holds the number of one
of its processes is the pidfile; a file with a line of nonsense in it, with
which the service does not come up, is its configuration.
"""

import os
import re

from conformance import sandbox
from conformance.bench import NONSENSE, Bench, binary_of, numbers, title
from conformance.script import Script

INTERPRETER = re.compile(r"(python|perl|ruby|lua|php|node|java|tclsh|bash|dash|busybox|sh)[\d.]*$")
NO_CONFIGURATION = re.compile(
    r"/(etc/(default|sysconfig|init\.d|ssl|rcS|rc\.d|passwd|group|shadow|nsswitch\.conf|hosts|"
    r"resolv\.conf|localtime|environment|logrotate\.d)\b|"
    r"(usr/)?(s?bin|lib|share)/|proc/|dev/|sys/)"
)
MOST_TRIED = 8


class CannotCheckError(Exception):
    """Nothing can be said of this script; the sentence says why."""


def discover(script, given):
    """Return the facts of *script*'s service, fit for JSON.

    given: what was said by option: daemon, pidfile, config, or "".
    Raises CannotCheckError.
    """
    for name in ("daemon", "config"):
        if given[name] and not os.path.isfile(given[name]):
            raise CannotCheckError(f"--{name} {given[name]}: no such file")
    facts = sandbox.run(observe, script.path, given)
    if not facts["runs"]:
        _see_installed(script, given, facts)
    elif not facts["named"]:
        raise CannotCheckError(f"--pidfile {given['pidfile']}: it names no process of the service")
    elif not given["config"]:
        facts["config"] = _breakable(facts)
    elif not sandbox.run(breaks, facts, given["config"]):
        raise CannotCheckError(
            f"--config {given['config']}: it starts with a line of nonsense in that file"
        )
    return facts


def _see_installed(script, given, facts):
    """Raise CannotCheckError if nothing runs because there is nothing to run."""
    paths = [given["daemon"]] if given["daemon"] else _daemons(script)
    missing = [path for path in paths if not os.path.exists(path)]
    if missing and facts["start_code"] in (0, 5):
        raise CannotCheckError(f"its daemon {missing[0]} is not installed")
    if facts["start_code"] == 5:
        raise CannotCheckError(f"it says that its daemon is not installed: {facts['start']}")


def _daemons(script):
    """Return what the script's own variables call its daemon."""
    names = ("DAEMON", "daemon", "EXEC", "exec", "prog", "PROG", script.name.upper())
    found = script.variables()
    values = [found[name] for name in names if name in found] + [script.tag("processname")]
    return [value for value in values if value.startswith("/") and "$" not in value]


def observe(machine, path, given):
    """Start the service, and look what there is then. Runs inside a copy."""
    script = Script.read(path)
    facts = {"script": path, "name": script.name, **given}
    bench = Bench(machine, {**facts, "pidfile": ""})
    usage = bench.act("no-such-action").said
    facts["actions"] = script.offers(usage)
    outcome = bench.act("start")
    facts["start"], facts["start_code"] = str(outcome), outcome.code
    bench.wait(lambda: _pidfiles(bench, script) or not bench.processes())
    bench.settle()
    live = bench.processes()
    facts["runs"] = bool(live)
    if live:
        facts["pidfile"] = given["pidfile"] or next(iter(_pidfiles(bench, script)), "")
        named = live.keys() & numbers(facts["pidfile"])
        facts["named"] = bool(named) or not given["pidfile"]
        facts["roots"] = len(bench.roots())
        facts["daemon"] = given["daemon"] or _daemon(min(named or live))
        facts["candidates"] = _candidates(bench, script, facts)
    return facts


def _pidfiles(bench, script):
    """Return the files that were written and hold the number of a process of the service."""
    live = bench.processes().keys()
    found = [path for path in bench.machine.changed() if live & numbers(path)]
    tag = os.path.realpath(script.tag("pidfile") or "/")

    def order(path):
        return path != tag, not numbers(path) & bench.roots(), not path.endswith(".pid"), path

    return sorted(found, key=order)


def _daemon(master):
    """Return the program of a process: its binary, or the script that its binary runs."""
    binary = binary_of(master)
    words = [word for word in _words(master) if word.startswith("/") and os.path.isfile(word)]
    if not INTERPRETER.match(os.path.basename(binary)):
        # By the name it was called by, which may be a link to it.
        return next((word for word in words[:1] if _same(word, binary)), binary)
    return next((word for word in words if not _same(word, binary)), "")


def _same(one, other):
    return os.path.realpath(one) == os.path.realpath(other)


def _words(pid):
    """Return the arguments of a process, or the words of the title it has given itself."""
    return re.split(r"[\s=()'\"]+", title(pid))


def _candidates(bench, script, facts):
    """Return the files that could be its configuration, the likeliest first."""
    named = [script.tag("config")]
    for pid in sorted(bench.processes()):
        named += _words(pid)
    named += script.paths()
    short = os.path.basename(facts["daemon"])
    for name in dict.fromkeys((script.name, short, short.rstrip("d"))):
        named += [f"/etc/{name}/{name}.conf", f"/etc/{name}.conf", f"/etc/{name}/{name}.cfg"]
    seen = dict.fromkeys(os.path.realpath(path) for path in named if path.startswith("/"))
    return [path for path in seen if _may_be_configuration(path, facts)][:MOST_TRIED]


def _may_be_configuration(path, facts):
    if path in (facts["script"], facts["pidfile"]) or not os.path.isfile(path):
        return False
    if NO_CONFIGURATION.match(path) or os.access(path, os.X_OK):
        return False
    with open(path, "rb") as file:
        return b"\0" not in file.read(4096)


def _breakable(facts):
    """Return the first candidate that the service cannot start with once it is broken."""
    found = (path for path in facts["candidates"] if sandbox.run(breaks, facts, path))
    return next(found, "")


def breaks(machine, facts, path):
    """Tell whether the service does not run with nonsense in *path*. Runs inside a copy."""
    with open(path, "a") as file:
        file.write(NONSENSE)
    bench = Bench(machine, facts)
    bench.act("start")
    return bool(bench.gone())
