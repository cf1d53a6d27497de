"""What is said, and what is left, when it cannot work: nothing may be 0 that has not happened."""

import os

from conformance.bench import NONSENSE
from conformance.registry import check

TESTS = ("configtest", "testconfig", "checkconfig")


@check("daemon not installed", "runs", "daemon")
def daemon_missing(bench):
    """Without its daemon actions end quietly: with 5 (LSB) or 0 (Debian Policy 9.3.2)."""
    os.rename(bench.facts["daemon"], bench.facts["daemon"] + ".away")

    bench.expect_code(bench.act("start"), 5, 0)
    bench.expect_code(bench.act("stop"), 5, 0)


@check("start, daemon ends at once", "runs", "daemon")
def daemon_ends(bench):
    """A start is an error when the daemon ends at once with 1 (LSB, code 1)."""
    daemon = bench.facts["daemon"]
    os.rename(daemon, daemon + ".away")
    with open(daemon, "w") as file:
        file.write("#!/bin/sh\nexit 1\n")
    os.chmod(daemon, 0o755)

    bench.expect_error(bench.act("start"))


@check("start, bad configuration", "runs", "config")
def start_badly_configured(bench):
    """A start is an error when the daemon refuses its configuration (LSB, codes 1 and 6)."""
    _break(bench)

    outcome = bench.act("start")

    bench.expect_error(outcome)
    bench.expect_gone(outcome)


@check("reload, bad configuration", "runs", "reload", "config")
def reload_badly_configured(bench):
    """A reload is an error when the daemon refuses its configuration (LSB, codes 1 and 6)."""
    bench.begin_running()
    _break(bench)

    bench.expect_error(bench.act("reload"))


@check("life after reload, bad configuration", "runs", "reload", "config")
def life_after_reload(bench):
    """A reload never stops the service, be its configuration good or bad (LSB, reload)."""
    bench.begin_running()
    _break(bench)

    outcome = bench.act("reload")

    bench.expect_life(outcome)


@check("restart, bad configuration", "runs", "config")
def restart_badly_configured(bench):
    """A restart is an error when the daemon refuses its configuration (LSB, codes 1 and 6)."""
    bench.begin_running()
    _break(bench)

    outcome = bench.act("restart")

    bench.expect_error(outcome)
    if not bench.processes():
        bench.remarks.append(f"{outcome}; it was stopped before its configuration was tested")


@check("configuration test", "runs", "config", "|".join(TESTS))
def configuration_test(bench):
    """A test of the configuration is 0 if that is good, and an error if it is bad."""
    action = next(action for action in TESTS if action in bench.facts["actions"])

    bench.expect_code(bench.act(action), 0)
    _break(bench)
    bench.expect_error(bench.act(action), best=6)


def _break(bench):
    """Put a line of nonsense in the service's configuration."""
    with open(bench.facts["config"], "a") as file:
        file.write(NONSENSE)
