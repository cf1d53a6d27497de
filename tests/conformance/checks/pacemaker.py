"""The seven checks by which Pacemaker's manual tells whether a script can be an ``lsb:`` resource.

Pacemaker Explained, "LSB Resource Agents (Init Scripts)", "LSB Compliance".
"""

from conformance.registry import check


@check("start")
def start(bench):
    """A start of a stopped service is 0, and it runs then (Pacemaker, LSB compliance 1)."""
    outcome = bench.act("start")

    bench.expect_code(outcome, 0)
    if bench.facts["runs"]:
        bench.expect_up(outcome)


@check("status, running", "runs")
def status_running(bench):
    """The status of a running service is 0 (Pacemaker, LSB compliance 2)."""
    bench.begin_running()

    bench.expect_code(bench.act("status"), 0)


@check("start, running", "runs")
def start_running(bench):
    """A start of a running service is 0, and changes nothing (Pacemaker, LSB compliance 3)."""
    bench.begin_running()
    before = bench.roots()

    outcome = bench.act("start")

    bench.expect_code(outcome, 0)
    bench.expect_same(before, outcome)


@check("stop, running", "runs")
def stop_running(bench):
    """A stop of a running service is 0, and none of it is left (Pacemaker, LSB compliance 4)."""
    bench.begin_running()

    outcome = bench.act("stop")

    bench.expect_code(outcome, 0)
    bench.expect_gone(outcome)


@check("status, stopped", "runs")
def status_stopped(bench):
    """The status of a stopped service is 3 (Pacemaker, LSB compliance 5)."""
    bench.begin_running()
    bench.act("stop")
    bench.kill_all()

    bench.expect_code(bench.act("status"), 3)


@check("stop, stopped", "runs")
def stop_stopped(bench):
    """A stop of a stopped service is 0 (Pacemaker, LSB compliance 6)."""
    bench.expect_code(bench.act("stop"), 0)


@check("status, crashed", "runs")
def status_crashed(bench):
    """The status of a service that was killed is neither 0 nor 3 (Pacemaker, LSB compliance 7)."""
    bench.begin_running()
    bench.kill_all()

    outcome = bench.act("status")

    bench.expect(outcome.code not in (0, 3), f"{outcome}; should be neither 0 nor 3")
