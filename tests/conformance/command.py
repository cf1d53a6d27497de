"""The command line of scripts/check."""

import argparse
import os
import signal
import stat
import sys

import conformance.checks  # noqa: F401 - puts the checks on the list
from conformance import discovery, registry, report, sandbox
from conformance.script import Script

OPTIONS = {
    "daemon": "the program it runs, where that cannot be seen",
    "pidfile": "its pidfile, where that cannot be seen",
    "config": "its configuration, where that cannot be seen",
}


def main(argv):
    """Check one script. Return 0 if all is well, 1 if something failed, 2 if unsaid."""
    options = _options(argv)
    try:
        return _check(options)
    except (discovery.CannotCheckError, sandbox.SandboxError) as exc:
        print(f"check: {options.script}: {exc}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _check(options):
    script = _script(options.script)
    given = {name: getattr(options, name) for name in OPTIONS}
    for name, path in given.items():
        if path and not path.startswith("/"):
            raise discovery.CannotCheckError(f"--{name} {path}: not an absolute path")
    facts = discovery.discover(script, given)
    if not options.json:
        print(report.heading(facts), flush=True)
    results = []
    for result in registry.perform((each, facts) for each in registry.CHECKS):
        if not options.json:
            print(report.line(result, results[-1] if results else None), flush=True)
        results.append(result)
    print(report.as_json(facts, results) if options.json else f"\n{report.summary(results)}")
    return 1 if report.count(results)[registry.FAILED] else 0


def _options(argv):
    parser = argparse.ArgumentParser(
        prog="check",
        description="Check an init script, in private copies of this machine: nothing of it is "
        "changed. Ends with 0 if nothing failed, 1 if something did, 2 if nothing can be said.",
    )
    parser.add_argument("script", help="/etc/init.d/NAME, or a script anywhere else")
    for name, meaning in OPTIONS.items():
        parser.add_argument(f"--{name}", metavar="PATH", default="", help=meaning)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args(argv)


def _script(path):
    """Return the script at *path*. Raises CannotCheckError if it cannot be run here."""
    path = os.path.abspath(path)
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            raise discovery.CannotCheckError("not a file")
        if os.geteuid() != 0:
            raise discovery.CannotCheckError("only root can make a private copy of this machine")
        if not mode & 0o111:
            raise discovery.CannotCheckError("not executable")
        return Script.read(path)
    except OSError as exc:
        raise discovery.CannotCheckError(exc.strerror) from exc
