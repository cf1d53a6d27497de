"""Who calls it: two at once, and somebody without rights."""

from conformance.bench import NOBODY
from conformance.registry import check


@check("two starts at once", "runs")
def two_starts(bench):
    """Two starts at once leave one service, which its status and its stop know of."""
    _see_both(bench, "start")


@check("two restarts at once", "runs")
def two_restarts(bench):
    """Two restarts at once leave one service, which its status and its stop know of."""
    bench.begin_running()

    _see_both(bench, "restart")


def _see_both(bench, action):
    outcomes = [bench.finish(begun) for begun in (bench.begin(action), bench.begin(action))]

    both = " and ".join(map(str, outcomes))
    bench.expect(0 in [outcome.code for outcome in outcomes], f"none was done: {both}")
    if not bench.expect_up(both):
        return
    bench.expect_once(both)
    bench.expect_code(bench.act("status"), 0)
    outcome = bench.act("stop")
    bench.expect_gone(f"{both}, and {outcome},")


@check("start by nobody", "runs")
def start_by_nobody(bench):
    """A start by a user without rights is an error (LSB, code 4)."""
    bench.expect_error(bench.act("start", user=NOBODY), best=4)


@check("status by nobody", "runs")
def status_by_nobody(bench):
    """A status asked for by a user without rights is 0 if it runs, or 4 if he cannot be told."""
    bench.begin_running()

    bench.expect_code(bench.act("status", user=NOBODY), 0, 4)


@check("stop by nobody", "runs")
def stop_by_nobody(bench):
    """A stop by a user without rights is an error, and it runs on (LSB, code 4)."""
    _see_unharmed(bench, "stop")


@check("restart by nobody", "runs")
def restart_by_nobody(bench):
    """A restart by a user without rights is an error, and it runs on (LSB, code 4)."""
    _see_unharmed(bench, "restart")


@check("reload by nobody", "runs", "reload")
def reload_by_nobody(bench):
    """A reload by a user without rights is an error, and it runs on (LSB, code 4)."""
    _see_unharmed(bench, "reload")


def _see_unharmed(bench, action):
    bench.begin_running()
    before = bench.roots()

    outcome = bench.act(action, user=NOBODY)

    bench.expect_error(outcome, best=4)
    bench.expect_same(before, outcome)
