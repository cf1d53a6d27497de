"""Every check finds what it looks for: one small script passes all, and broken ones do not."""

import os
import pathlib
import shutil
import tempfile

import pytest

import conformance.checks  # noqa: F401 - puts the checks on the list
from conformance import discovery, registry
from conformance.script import Script

pytestmark = pytest.mark.conformance

EXAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "example")
KILL_WHAT_IT_NAMES = (
    "    for pid in $(pids); do\n        kill -TERM",
    '    /bin/kill -TERM -- "$(cat "$PIDFILE")"\n    for pid in $(pids); do\n        kill -TERM',
)
SLOW_AND_ALONE = (
    ("flock 9\n", ""),
    ("alive && return 0", "alive && return 0; sleep 1"),
    ("stop && start", "stop; sleep 1; start"),
)
UNTESTED_START = ('    good || exit 6\n    "$DAEMON"', '    good || exit 0\n    "$DAEMON"')
FOR_NOBODY = ('[ "$(id -u)" = 0 ] || exit 4', '[ "$(id -u)" = 0 ] || exit 0')


def in_status(test):
    """Return the change that makes ``status`` begin with *test*."""
    return ("    alive && exit 0\n", f"    {test}\n    alive && exit 0\n")


def before_reload(test):
    """Return the change that makes ``reload`` go by *test* of the configuration."""
    begin = "    alive || exit 7\n    "
    return (f"{begin}good || exit 6", f"{begin}{test}")


# Check -> what is changed in the good script: pairs of text and what stands in its place.
BROKEN = {
    "file": [("#!/bin/sh\n", "\n")],
    "header, block": [("### END INIT INFO\n", "")],
    "header, keywords": [("# Required-Stop:     $remote_fs $syslog\n", "")],
    "header, provides": [("# Provides:          example", "# Provides:          another")],
    "header, runlevels": [("2 3 4 5\n", "2 3 4 5 6\n")],
    "header, dependencies": [("$syslog", "$system_log")],
    "header, file systems": [("$remote_fs ", "")],
    "actions that none may lack": [("    force-reload) reload ;;\n", ""), ("|force-reload|", "|")],
    "settings tested for": [("if [ -r /etc/default/example ]; then\n", ""), ("\nfi\n", "\n")],
    "chkconfig": [("# chkconfig: - 90 10", "# chkconfig: 2345 100 10")],
    "systemd's generator, name": [],  # another name
    "systemd's generator, pidfile": [("# pidfile: /run/", "# pidfile: /tmp/")],
    "systemd's generator, reload": [("|reload|", "|re-load|")],
    "start": [("    start) start ;;", "    start) start; exit 1 ;;")],
    "status, running": [in_status("alive && exit 1")],
    "start, running": [("alive && return 0\n", "")],
    "stop, running": [("    stop) stop ;;", "    stop) exit 0 ;;")],
    "status, stopped": [("exit 3\n", "exit 1\n")],
    "stop, stopped": [("    stop) stop ;;", "    stop) alive || exit 1; stop ;;")],
    "status, crashed": [('    [ ! -e "$PIDFILE" ] || exit 1\n', "")],
    "restart, running": [("    restart) restart ;;", "    restart) start ;;")],
    "restart, stopped": [("    restart) restart ;;", "    restart) alive && restart ;;")],
    "try-restart, running": [("alive || exit 0; restart", "exit 0")],
    "try-restart, stopped": [("alive || exit 0; restart", "restart")],
    "reload, running": [("kill -HUP", "kill -KILL")],
    "reload, stopped": [("exit 7", "exit 0")],
    "force-reload, running": [("force-reload) reload", "force-reload) exit 3")],
    "force-reload, stopped": [("force-reload) reload", "force-reload) restart")],
    "unknown action": [("    *) usage ;;", "    *) ;;")],
    "no action": [("[ $# -eq 1 ] || usage", "[ $# -eq 1 ] || exit 0")],
    "excess argument": [("[ $# -eq 1 ] || usage", "[ $# -ge 1 ] || usage")],
    "empty environment": [("export PATH\n", "export PATH\n: ${TERM:?}\n")],
    "daemon not installed": [("exit 5", "exit 1")],
    "start, daemon ends at once": [UNTESTED_START],
    "start, bad configuration": [UNTESTED_START],
    "reload, bad configuration": [before_reload("good || exit 0")],
    "life after reload, bad configuration": [before_reload("good || stop")],
    "restart, bad configuration": [
        ("    good || exit 6\n    stop", "    good || exit 0\n    stop")
    ],
    "configuration test": [("configtest) good || exit 6", "configtest) exit 0")],
    "stale pidfile, status": [('    [ ! -e "$PIDFILE" ] || exit 1\n', "")],
    "stale pidfile, start": [
        ("    start) start", '    start) [ ! -e "$PIDFILE" ] || exit 0; start')
    ],
    "stale pidfile, stop": [
        ("    stop) stop", '    stop) alive || [ ! -e "$PIDFILE" ] || exit 1; stop')
    ],
    "empty pidfile, stopped": [in_status('[ ! -e "$PIDFILE" ] || [ -s "$PIDFILE" ] || exit 0')],
    "garbage in pidfile, stopped": [in_status('grep -q number "$PIDFILE" && exit 0')],
    "negative pidfile, stopped": [KILL_WHAT_IT_NAMES],
    "recycled pidfile, stopped": [KILL_WHAT_IT_NAMES],
    "empty pidfile, running": [in_status('[ -s "$PIDFILE" ] || exit 3')],
    "garbage in pidfile, running": [in_status('grep -q number "$PIDFILE" && exit 1')],
    "negative pidfile, running": [KILL_WHAT_IT_NAMES],
    "recycled pidfile, running": [KILL_WHAT_IT_NAMES],
    "lost pidfile": [in_status('[ -e "$PIDFILE" ] || exit 3')],
    "two starts at once": SLOW_AND_ALONE,
    "two restarts at once": SLOW_AND_ALONE,
    "start by nobody": [FOR_NOBODY],
    "status by nobody": [in_status('[ "$(id -u)" = 0 ] || exit 3')],
    "stop by nobody": [FOR_NOBODY],
    "restart by nobody": [FOR_NOBODY],
    "reload by nobody": [FOR_NOBODY],
}


@pytest.fixture(scope="module")
def place():
    """Give a directory, open to nobody, with the example's daemon and its configuration."""
    with tempfile.TemporaryDirectory(prefix="initpy-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        shutil.copy(f"{EXAMPLE}/daemon", folder / "daemon")
        (folder / "example.conf").write_text("key = value\n")
        yield folder


def write(place, folder, name="example", changes=()):
    """Write the script, with some of its text changed; return its path."""
    with open(f"{EXAMPLE}/example") as file:
        text = file.read().replace("@PLACE@", str(place))
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    (place / folder).mkdir()
    path = place / folder / name
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


@pytest.fixture(scope="module")
def facts(place):
    """Give what is found out about the good script's service."""
    script = Script.read(write(place, "good"))
    return discovery.discover(script, {"daemon": "", "pidfile": "", "config": ""})


@pytest.fixture(scope="module")
def found(place, facts):
    """Give how every check ended on the script that is broken for it."""
    tasks = []
    for number, check in enumerate(registry.CHECKS):
        name = "example~" if check.name == "systemd's generator, name" else "example"
        path = write(place, f"bad{number}", name, BROKEN[check.name])
        offered = Script.read(path).offers()
        tasks.append((check, {**facts, "script": path, "actions": offered}))
    return {each["check"]: each for each in registry.perform(tasks, at_once=16)}


def test_what_is_found(place, facts):
    """Daemon, pidfile and configuration are found by watching."""
    known = {key: facts[key] for key in ("daemon", "pidfile", "config")}

    assert {
        "daemon": f"{place}/daemon",
        "pidfile": "/run/example.pid",
        "config": f"{place}/example.conf",
    } == known


def test_good_script_passes(facts):
    """The good script passes every check, and every check applies to it."""
    results = registry.perform((check, facts) for check in registry.CHECKS)

    assert [] == [(each["check"], each["seen"]) for each in results if each["result"] != "passed"]


def test_every_check_has_its_script():
    """No check is without a script that it fails."""
    assert [check.name for check in registry.CHECKS] == list(BROKEN)


@pytest.mark.parametrize("name", BROKEN)
def test_broken_script_is_found(found, name):
    """A script that breaks a requirement fails the check for it, which says what it saw."""
    result = found[name]

    assert "failed" == result["result"], result
    assert result["seen"]
