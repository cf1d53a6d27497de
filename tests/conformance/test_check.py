"""scripts/check, as it is called: on both wrappers, on a script of Debian's, and in vain."""

import json
import os
import subprocess

import pytest
from real_daemons import PACKAGED_FPM, Fpm, Nginx, Place

import conformance.checks  # noqa: F401 - puts the checks on the list
from conformance import discovery, registry
from conformance.script import Script
from initpy.tools import command

pytestmark = pytest.mark.conformance

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CHECK = os.path.join(ROOT, "scripts", "check")
DEBIANS = f"/etc/init.d/{os.path.basename(PACKAGED_FPM.pidfile)[: -len('.pid')]}"
# What says nothing about a wrapper, which is no shell script.
NOT_OURS = {"header, file systems", "settings tested for"}
BY_NOBODY = {f"{action} by nobody" for action in ("start", "status", "stop", "restart", "reload")}


def begin(*arguments):
    """Begin scripts/check as on a bare machine: with its own interpreter and no environment."""
    return subprocess.Popen(
        [CHECK, *arguments],
        env={"PATH": "/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def call(*arguments):
    """Run scripts/check; return its exit code, and what it said on both channels."""
    running = begin(*arguments)
    out, err = running.communicate(timeout=300)
    return running.returncode, out, err


@pytest.fixture(scope="module")
def place():
    """Give a directory of our own."""
    mine = Place()
    try:
        yield mine
    finally:
        mine.close()


@pytest.fixture(scope="module")
def reports(place):
    """Give name -> exit code and report of wrappers: of the installed daemons, and of private ones.

    They are checked side by side, as they may be: each in machines of its own.
    """
    paths = {}
    for kind, private in (("nginx", Nginx), ("php-fpm", Fpm)):
        paths[kind] = place.path(kind + ".d", kind)
        os.makedirs(os.path.dirname(paths[kind]))
        assert 0 == command.main(["generate", kind, "-o", paths[kind]])

        site = private(place, f"private-{kind}", wrapped=False)
        paths[f"private {kind}"] = place.path(site.name)
        facts = {"name": site.name, "daemon": site.daemon, "config": site.config}
        options = [word for key, value in facts.items() for word in (f"--{key}", value)]
        options += ["--pidfile", site.pidfile, "-o", paths[f"private {kind}"]]
        assert 0 == command.main(["generate", kind, *options])
    running = {name: begin("--json", path) for name, path in paths.items()}
    said = {name: child.communicate(timeout=300) for name, child in running.items()}
    return {name: (child.returncode, *said[name]) for name, child in running.items()}


@pytest.mark.parametrize("name", ["nginx", "php-fpm", "private nginx", "private php-fpm"])
def test_wrappers_pass_every_check(reports, name):
    """Our wrappers fail nothing, and what does not apply to them is little."""
    code, out, err = reports[name]

    assert "" == err
    results = {each["check"]: each for each in json.loads(out)["checks"]}
    assert [] == [each for each in results.values() if each["result"] == "failed"]
    assert 0 == code
    idle = {name for name, each in results.items() if each["result"] == "not applicable"}
    # Nobody can run what stands where only root may look.
    closed = any(not os.stat(path).st_mode & 1 for path in parents(ROOT))
    assert idle <= (NOT_OURS | BY_NOBODY if closed else NOT_OURS)


def parents(path):
    """Yield a directory and those above it."""
    while path != "/":
        yield path
        path = os.path.dirname(path)


@pytest.fixture(scope="module")
def debians():
    """Give what is found out about Debian's own php-fpm."""
    given = {"daemon": "", "pidfile": "", "config": ""}
    return discovery.discover(Script.read(DEBIANS), given)


def test_what_is_found_of_debians(debians):
    """Daemon, pidfile and configuration are found, of which the script's text says little."""
    facts = ("daemon", "pidfile", "config")

    assert [getattr(PACKAGED_FPM, key) for key in facts] == [debians[key] for key in facts]


def test_faults_of_debians_are_found(debians):
    """Debian's own script fails what it is known to fail, and passes what it does right."""
    expected = {
        "start, bad configuration": "failed",
        "start, daemon ends at once": "failed",
        "reload, stopped": "failed",
        "reload, bad configuration": "failed",
        "life after reload, bad configuration": "failed",
        "status, crashed": "failed",
        "stop by nobody": "failed",
        "try-restart, running": "not applicable",
        "start, running": "passed",
        "status, stopped": "passed",
        "unknown action": "passed",
        "reload, running": "passed",
    }
    checks = {check.name: check for check in registry.CHECKS}

    results = registry.perform([(checks[name], debians) for name in expected])

    assert expected == {each["check"]: each["result"] for each in results}


def test_report_for_people(place):
    """A script that is no daemon's is checked as far as it goes; exit 1 and a readable report."""
    script = place.write("once/once", "#!/bin/sh\nexit 0\n", 0o755)

    code, out, err = call(script)

    assert (1, "") == (code, err)
    assert "FAIL header, block\n" in out
    assert "seen: it begins 0 times" in out
    assert "start leaves nothing running: start: exit 0" in out
    assert out.splitlines()[-1].endswith("do not apply")


@pytest.mark.parametrize(
    "text, mode, sentence",
    [
        ("#!/bin/sh\nexit 0\n", 0o644, "not executable"),
        ("#!/nowhere/sh\n", 0o755, "it cannot be run: No such file or directory"),
        ("#!/bin/sh\nexit 5\n", 0o755, "it says that its daemon is not installed: start: exit 5"),
        (
            "#!/bin/sh\nNAME=none\nDAEMON=/usr/sbin/$NAME\ntest -x $DAEMON || exit 0\n",
            0o755,
            "its daemon /usr/sbin/none is not installed",
        ),
    ],
)
def test_what_cannot_be_checked(place, text, mode, sentence):
    """What cannot be checked is 2 and one sentence."""
    script = place.write("vain/vain", text, mode)

    assert (2, "", f"check: {script}: {sentence}\n") == call(script)


def test_missing_script():
    """A script that is not there is 2 and one sentence."""
    said = "check: /etc/init.d/no-such: No such file or directory\n"

    assert (2, "", said) == call("/etc/init.d/no-such")


@pytest.mark.parametrize("arguments", [(), ("a", "b"), ("--fast", "a"), ("--pidfile",)])
def test_usage(arguments):
    """Wrong arguments are 2 and the usage."""
    code, out, err = call(*arguments)

    assert (2, "") == (code, out)
    assert err.startswith("usage: check ")


@pytest.mark.parametrize(
    "option, path, sentence",
    [
        ("--pidfile", "/run/other.pid", "it names no process of the service"),
        ("--config", "/nowhere", "no such file"),
        ("--config", "/etc/hostname", "it starts with a line of nonsense in that file"),
        ("--daemon", "sbin/php-fpm", "not an absolute path"),
    ],
)
def test_wrong_option(option, path, sentence):
    """A path that was said, and is seen to be wrong, is 2 and one sentence."""
    said = f"check: {DEBIANS}: {option} {path}: {sentence}\n"

    assert (2, "", said) == call(DEBIANS, option, path)
