"""The command line of scripts/check."""

import argparse
import os
import stat
import sys

import conformance.checks  # noqa: F401 - puts the checks on the list
from conformance import discovery, registry, report, sandbox
from conformance.script import Script

# Most of them wait for what a script waits for, not for a processor.
AT_ONCE = 2 * (os.cpu_count() or 1)
OPTIONS = {
    "daemon": "the program it runs, where that cannot be seen",
    "pidfile": "its pidfile, where that cannot be seen",
    "config": "its configuration, where that cannot be seen",
}


def main(argv):
    """Check one script. Return 0 if nothing failed, 1 if something did, 2 if nothing can be said."""
    options = _options(argv)
    given = {name: getattr(options, name) for name in OPTIONS}
    try:
        script = _script(options.script)
        for path in filter(None, given.values()):
            if not path.startswith("/"):
                raise discovery.CannotCheckError(f"{path}: not an absolute path")
        facts = discovery.discover(script, given)
        results = []
        if not options.json:
            print(report.heading(facts), flush=True)
        for result in registry.perform(registry.CHECKS, facts, AT_ONCE):
            if not options.json:
                print(report.line(result, results[-1] if results else None), flush=True)
            results.append(result)
    except (discovery.CannotCheckError, sandbox.SandboxError) as exc:
        print(f"check: {options.script}: {exc}", file=sys.stderr)
        return 2
    if options.json:
        print(report.as_json(facts, results))
    else:
        print(f"\n{report.summary(results)}")
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
