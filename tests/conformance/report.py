"""The report, for people and for machines."""

import json
import textwrap

from conformance.registry import FAILED, NOT_APPLICABLE, PASSED

MARKS = {PASSED: "ok  ", FAILED: "FAIL", NOT_APPLICABLE: "-   "}
THEMES = {
    "header": "Header",
    "pacemaker": "Pacemaker's list",
    "actions": "Actions and exit codes",
    "failures": "What cannot work",
    "pidfiles": "Pidfiles",
    "callers": "Callers",
}
WIDTH = 100


def count(results):
    """Return how many passed, failed, and do not apply."""
    verdicts = [result["result"] for result in results]
    return {verdict: verdicts.count(verdict) for verdict in MARKS}


def as_json(facts, results):
    """Return one JSON object."""
    told = ("script", "actions", "daemon", "pidfile", "config")
    counts = {verdict.replace(" ", "_"): number for verdict, number in count(results).items()}
    return json.dumps({**{key: facts[key] for key in told}, **counts, "checks": results}, indent=2)


def heading(facts):
    """Return what was found out about the service."""
    lines = [facts["script"]]
    told = {key: facts[key] or "not found" for key in ("daemon", "pidfile", "config")}
    told["actions"] = " ".join(facts["actions"])
    return "\n".join(lines + [f"  {key + ':':9} {value}" for key, value in told.items()])


def line(result, before):
    """Return the report's lines of one check; *before* is the one before it, or None."""
    lines = []
    if before is None or before["theme"] != result["theme"]:
        lines += ["", THEMES[result["theme"]]]
    verdict, seen = result["result"], result["seen"]
    lines.append(f"  {MARKS[verdict]} {result['check']}")
    if verdict == FAILED:
        lines += _indented(f"{result['requirement']}", 7)
        for sentence in seen:
            lines += _indented(f"seen: {sentence}", 9)
    else:
        for sentence in seen:
            lines += _indented(f"{sentence}", 9)
    return "\n".join(lines)


def summary(results):
    """Return the last line."""
    counts = count(results)
    return (
        f"{counts[PASSED]} passed, {counts[FAILED]} failed, {counts[NOT_APPLICABLE]} do not apply"
    )


def _indented(text, columns):
    blank = " " * columns
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=blank,
        subsequent_indent=blank + "  ",
        break_on_hyphens=False,
        break_long_words=False,
    )
