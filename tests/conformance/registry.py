"""What a check is, and the list of all of them.

A check is a function whose docstring begins with the requirement and, in
brackets, its source. It is handed a Bench, on which the service is stopped,
in a private copy of the machine.
"""

import os

from conformance import sandbox
from conformance.bench import Bench, NotApplicable

PASSED, FAILED, NOT_APPLICABLE = "passed", "failed", "not applicable"
CHECKS = []
# Most of them wait for what a script waits for, not for a processor.
AT_ONCE = 2 * (os.cpu_count() or 1)


class Check:
    """One requirement.

    name:  a few words, for a table.
    needs: what the service must have for it to say anything: "runs", "pidfile",
           "daemon", "config", or an action; several actions with | between them.
    """

    def __init__(self, function, name, theme, needs):
        self.function = function
        self.name = name
        self.theme = theme
        self.needs = needs
        self.requirement = " ".join(function.__doc__.split("\n\n")[0].split())

    def result(self, verdict, seen=()):
        """Return how it ended, fit for JSON."""
        return {
            "check": self.name,
            "theme": self.theme,
            "requirement": self.requirement,
            "result": verdict,
            "seen": list(seen),
        }

    def lacking(self, facts):
        """Return why it says nothing about a service with these facts, or ""."""
        return next((reason for need in self.needs if (reason := _lack(need, facts))), "")


def check(name, *needs):
    """Put a function on the list of checks."""

    def put(function):
        theme = function.__module__.rpartition(".")[2]
        CHECKS.append(Check(function, name, theme, needs))
        return function

    return put


def _lack(need, facts):
    if need == "runs":
        return "" if facts["runs"] else f"start leaves nothing running: {facts['start']}"
    if need in ("pidfile", "daemon", "config"):
        words = {
            "pidfile": "no file was seen that names one of its processes: --pidfile says it",
            "daemon": "what it runs is not known: --daemon says it",
            "config": "no file was found that it cannot start without error: --config says it",
        }
        return "" if facts[need] else words[need]
    offered = set(need.split("|")) & set(facts["actions"])
    return "" if offered else f"it does not offer {need.replace('|', ' or ')}"


def perform(tasks, at_once=AT_ONCE):
    """Do each check in a copy of its own, *at_once* at a time; yield the results in order.

    tasks: pairs of a check and the facts of the service that it is about.
    """
    waiting = list(tasks)
    begun = []
    while waiting or begun:
        while waiting and len(begun) < at_once:
            check, facts = waiting.pop(0)
            idle = check.lacking(facts)
            begun.append((check, idle, None if idle else sandbox.begin(_inside, check, facts)))
        check, idle, running = begun.pop(0)
        yield check.result(NOT_APPLICABLE, [idle]) if idle else _result(check, running)


def _result(check, running):
    try:
        return check.result(*sandbox.finish(running))
    except sandbox.KilledError as exc:
        return check.result(FAILED, [str(exc)])


def _inside(machine, check, facts):
    """Do the check. Runs inside a copy."""
    bench = Bench(machine, facts)
    try:
        check.function(bench)
    except NotApplicable as exc:
        if not bench.problems:
            return NOT_APPLICABLE, [str(exc)]
    except OSError as exc:
        return NOT_APPLICABLE, [f"it could not be done here: {exc}"]
    return (FAILED, bench.problems) if bench.problems else (PASSED, bench.remarks)
