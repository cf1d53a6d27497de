"""What each action does, and the codes it ends with: LSB 20.2, "Init Script Actions"."""

from conformance.registry import check


@check("restart, running", "runs")
def restart_running(bench):
    """A restart of a running service is 0, and other processes run then (LSB, init scripts)."""
    bench.begin_running()
    before = bench.roots()

    outcome = bench.act("restart")

    bench.expect_code(outcome, 0)
    bench.expect_up(outcome)
    bench.expect_others(before, outcome)


@check("restart, stopped", "runs")
def restart_stopped(bench):
    """A restart of a stopped service starts it, and is 0 (LSB, init scripts)."""
    outcome = bench.act("restart")

    bench.expect_code(outcome, 0)
    bench.expect_up(outcome)


@check("try-restart, running", "runs", "try-restart|condrestart")
def try_restart_running(bench):
    """A try-restart of a running service is 0, and other processes run then (LSB, init scripts)."""
    bench.begin_running()
    before = bench.roots()

    outcome = bench.act(_try_restart(bench))

    bench.expect_code(outcome, 0)
    bench.expect_up(outcome)
    bench.expect_others(before, outcome)


@check("try-restart, stopped", "runs", "try-restart|condrestart")
def try_restart_stopped(bench):
    """A try-restart of a stopped service is 0, and it stays stopped (LSB, init scripts)."""
    outcome = bench.act(_try_restart(bench))

    bench.expect_code(outcome, 0)
    bench.expect_gone(outcome)


def _try_restart(bench):
    offered = bench.facts["actions"]
    return "try-restart" if "try-restart" in offered else "condrestart"


@check("reload, running", "runs", "reload")
def reload_running(bench):
    """A reload of a running service is 0, and it runs on (LSB, init scripts)."""
    bench.begin_running()

    outcome = bench.act("reload")

    bench.expect_code(outcome, 0)
    bench.expect_life(outcome)


@check("reload, stopped", "runs", "reload")
def reload_stopped(bench):
    """A reload of a stopped service is an error, and it stays stopped (LSB, code 7)."""
    outcome = bench.act("reload")

    bench.expect_error(outcome, best=7)
    bench.expect_gone(outcome)


@check("force-reload, running", "runs")
def force_reload_running(bench):
    """A force-reload of a running service is 0, and it runs then; no script may lack it (LSB)."""
    bench.begin_running()

    outcome = bench.act("force-reload")

    bench.expect_code(outcome, 0)
    bench.expect_life(outcome)


@check("force-reload, stopped", "runs")
def force_reload_stopped(bench):
    """A force-reload of a stopped service leaves it stopped (LSB: restarts it if it is running)."""
    outcome = bench.act("force-reload")

    bench.expect_gone(outcome)


@check("unknown action")
def unknown_action(bench):
    """An action that the script does not know is an error (LSB, codes 2 and 3)."""
    outcome = bench.act("no-such-action")

    bench.expect_error(outcome, best=None if outcome.code == 3 else 2)


@check("no action")
def no_action(bench):
    """A call without an action is an error (LSB, code 2)."""
    bench.expect_error(bench.act(), best=2)


@check("excess argument", "runs")
def excess_argument(bench):
    """An argument after the action is an error, and nothing is done (LSB, code 2)."""
    outcome = bench.act("start", "excess")

    bench.expect_error(outcome, best=2)
    bench.expect_gone(outcome)


@check("empty environment", "runs")
def empty_environment(bench):
    """Actions need nothing of the caller's environment, not even PATH (LSB, init scripts)."""
    outcome = bench.act("start", environment={})
    bench.expect_code(outcome, 0)
    bench.expect_up(outcome)

    bench.expect_code(bench.act("status", environment={}), 0)

    outcome = bench.act("stop", environment={})
    bench.expect_code(outcome, 0)
    bench.expect_gone(outcome)
