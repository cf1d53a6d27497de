"""The bench's promises: what a run must show, and what breaks them."""

from __future__ import annotations

import importlib.util
import itertools
import os

import pytest

import initpy

ROOT = os.path.dirname(os.path.dirname(initpy.__file__))
TIMES = {"floor": 0.010, "initpy": 0.012, "Debian": 1.0}  # seconds
LOSSES = {
    "nginx": ("reload", "upgrade", "restart", "recover"),
    "php-fpm": ("upgrade", "restart", "recover"),
}
ACTIONS = ("reload", "upgrade", "restart", "stop", "configtest", "failed upgrade", "empty program")
GROWING = ("start", "status", "restart", "recover", "stop", "stopped status")


@pytest.fixture
def promises():
    path = os.path.join(ROOT, "scripts", "benchmark", "promises.py")
    spec = importlib.util.spec_from_file_location("promises", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def figures(promises):
    """Return the figures of a run that keeps every promise."""
    times = [
        {
            "kind": kind,
            "action": action,
            "peer": peer,
            "seconds": [seconds * (10 if action == "failed upgrade" else 1)],
            "codes": [promises.FAILS.get(action, 0)],
            "seen": [True],
        }
        for kind, action in itertools.product(LOSSES, ACTIONS)
        for peer, seconds in TIMES.items()
    ]
    growth = [
        {
            "what": what,
            "size": size,
            "action": action,
            "peer": peer,
            "seconds": [0.01],
            "memory": {"own": 10240} if peer == "initpy" else None,
        }
        for what, size in (("processes", 0), ("processes", 10000), ("workers", 2), ("workers", 512))
        for action in GROWING
        for peer in ("initpy", "floor", "empty")
    ]
    run = {"lost": 0, "seen": True, "settled": True, "code": 0}
    losses = [
        {"kind": kind, "action": action, "peer": peer, "keep": keep, "runs": [run, run]}
        for kind, actions in LOSSES.items()
        for action in actions
        for peer in ("floor", "initpy")
        for keep in (False, True)
    ]
    return {
        "quick": False,
        "pth": 1,
        "times": times,
        "growth": growth,
        "losses": losses,
        "startup": {"pass": [0.01], "bare": [0.009], "status": [0.011]},
        "memory": [{"own": 10240}],
        "instances": [{"instances": 50, "failed": 0, "lost": {}}],
    }


def ours(figures, rows, *actions, **facts):
    """Return the rows of initpy of these actions."""
    return [
        row
        for row in figures[rows]
        if row["peer"] == "initpy"
        and row["action"] in actions
        and all(row[name] == value for name, value in facts.items())
    ]


def slow(kind, action, seconds):
    """Have an action take so many seconds."""
    return lambda figures: ours(figures, "times", action, kind=kind)[0].update(seconds=[seconds])


def grown(what, size, action, seconds):
    """Have an action take so many seconds at a size."""
    return lambda figures: ours(figures, "growth", action, what=what, size=size)[0].update(
        seconds=[seconds]
    )


def losing(kind, action, *, keep, lost):
    """Have an action lose so many requests each time."""

    def spoil(figures):
        (row,) = ours(figures, "losses", action, kind=kind, keep=keep)
        row["runs"] = [{**run, "lost": lost} for run in row["runs"]]

    return spoil


def status(seconds):
    """Have status of a running nginx take so many seconds."""
    return lambda figures: figures["startup"].update(status=[seconds])


# What is done to the figures, and the beginnings of the claims that it breaks. The floor takes
# 10 ms, and so do the test of the configuration and an empty program.
BROKEN = [
    (slow("nginx", "reload", 0.0346), ["nginx reload: over floor + configtest + interpreter"]),
    (slow("nginx", "upgrade", 0.1496), ["nginx upgrade: over floor + its pause of 100 ms + c"]),
    (slow("nginx", "restart", 0.261), ["nginx restart: over floor", "restart: faster than"]),
    (slow("nginx", "stop", 0.041), ["nginx stop: over floor + interpreter"]),
    (slow("php-fpm", "upgrade", 0.261), ["php-fpm upgrade: over floor + its pause of 100 ms"]),
    (
        slow("nginx", "upgrade", 0.201),
        ["nginx upgrade: over floor", "upgrade: faster than Debian's"],
    ),
    (slow("nginx", "stop", 0.201), ["nginx stop: over floor", "stop: faster than Debian's"]),
    (slow("nginx", "failed upgrade", 1.1), ["failed upgrade: told sooner than by Debian's"]),
    (status(0.0116), ["status: over python3 -I -c pass, with the host's"]),
    (
        status(0.0131),
        [
            "status: over python3 -I -c pass, with the host's",
            "status: over python3 -I -c pass, without",
        ],
    ),
    (
        grown("processes", 10000, "status", 0.0111),
        ["status over python3 -I -c pass: with up to 10,000 other"],
    ),
    (grown("processes", 10000, "stopped status", 0.031), ["stopped status: with 10,000 other"]),
    (grown("processes", 10000, "start", 0.026), ["start: with 10,000 other processes"]),
    (grown("processes", 10000, "stop", 0.026), ["stop: with 10,000 other processes"]),
    (grown("processes", 10000, "restart", 0.026), ["restart: with 10,000 other processes"]),
    (grown("workers", 512, "recover", 1.51), ["recovery with 512 workers"]),
    (lambda figures: ours(figures, "times", "stop")[0].update(codes=[1]), ["actions not done"]),
    (lambda figures: ours(figures, "times", "stop")[0].update(seen=[False]), ["actions not done"]),
    (lambda figures: figures["memory"].append({"own": 50000}), ["memory of any action"]),
    (lambda figures: figures["instances"][0].update(failed=1), ["50 instances at once: actions"]),
    (
        lambda figures: figures["instances"][0].update(lost={"reset": 1}),
        ["50 instances at once: requests lost"],
    ),
    *(
        (losing(kind, action, keep=keep, lost=1), [f"{kind} {action}: lost with{out} keep-alive"])
        for kind, actions in LOSSES.items()
        for action in actions
        for keep, out in ((False, "out"), (True, ""))
    ),
]


def test_a_good_run_keeps_every_promise(promises, figures):
    """What breaks a promise below is what was done to the figures, and nothing else."""
    assert [] == [one.claim for one in promises.all_of(figures) if not one.kept]


@pytest.mark.parametrize(("spoil", "claims"), BROKEN, ids=[str(claims) for _, claims in BROKEN])
def test_a_promise_can_be_broken(spoil, claims, promises, figures):
    """A run that was a little too slow or too fat, or lost one request, does not keep it."""
    spoil(figures)

    broken = [one.claim for one in promises.all_of(figures) if not one.kept]

    assert len(claims) == len(broken)
    for beginning, claim in zip(sorted(claims), sorted(broken)):
        assert claim.startswith(beginning)


def test_every_promise_is_broken_by_a_test(promises, figures):
    """No promise stands there that nothing could break."""
    beginnings = [beginning for _, claims in BROKEN for beginning in claims]

    unbroken = [
        one.claim
        for one in promises.all_of(figures)
        if not any(one.claim.startswith(beginning) for beginning in beginnings)
    ]

    assert [] == unbroken
