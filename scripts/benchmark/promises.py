"""What a run must show: each promise computed from the figures of one run."""

from __future__ import annotations

from math import sqrt
from statistics import mean, median, variance

# The exit codes of what cannot succeed, and of the status of a stopped service.
FAILS = {"failed reload": 6, "failed upgrade": 150, "stopped status": 3}

EMPTY_PROGRAM = "empty program"  # python3 -I -c pass, in the rows of times
PAUSE = 0.1  # seconds for which an upgrade, or a restart, sees whether the new workers last
MEMORY = 40  # MB
BEHIND = 5  # times faster than Debian's script


class Promise:
    """One claim: a number, and its limit.

    at_least: the number must not be below the limit, rather than above it.
    """

    def __init__(self, claim, number, limit, *, at_least=False, unit=""):
        self.claim, self.number, self.limit = claim, number, limit
        self.at_least, self.unit = at_least, unit

    @property
    def kept(self):
        """Whether the run shows it."""
        return self.number >= self.limit if self.at_least else self.number <= self.limit

    @property
    def measured(self):
        """The number in words."""
        return f"{self.number:.3g}{self.unit}"

    @property
    def bound(self):
        """The limit in words."""
        return f"{'at least' if self.at_least else 'at most'} {self.limit:g}{self.unit}"


def took(figures, action, peer, kind="nginx"):
    """Return the median seconds of an action by a peer."""
    (row,) = [
        row
        for row in figures["times"]
        if (row["kind"], row["action"], row["peer"]) == (kind, action, peer)
    ]
    return median(row["seconds"])


def grew(figures, what, size, action):
    """Return the median seconds of an action at a size."""
    return median(growing(figures, what, size, action, "initpy"))


def over_empty(figures, what, size, action):
    """Return how many times as long as an empty program an action takes: the median of the pairs.

    Sizes are measured one after the other, and meanwhile the speed of a machine drifts.
    """
    looks, empty = (growing(figures, what, size, action, peer) for peer in ("initpy", "empty"))
    return median(look / least for look, least in zip(looks, empty))


def growing(figures, what, size, action, peer):
    """Return the seconds of every time that an action was done at a size."""
    (row,) = [
        row
        for row in figures["growth"]
        if (row["what"], row["size"], row["action"], row["peer"]) == (what, size, action, peer)
    ]
    return row["seconds"]


def lost(figures, kind, action, peer, *, keep):
    """Return how many requests were lost in each run of an action."""
    (row,) = [
        row
        for row in figures["losses"]
        if (row["kind"], row["action"], row["peer"], row["keep"]) == (kind, action, peer, keep)
    ]
    return [run["lost"] for run in row["runs"]]


def undone(figures):
    """Return how many actions by initpy were not what their exit code said, timed or under load."""
    acted = [
        (seen, code == FAILS.get(row["action"], 0))
        for row in figures["times"]
        if row["peer"] == "initpy"
        for seen, code in zip(row["seen"], row["codes"])
    ]
    acted += [
        (run["seen"] and run["settled"], run["code"] == 0)
        for row in figures["losses"]
        if row["peer"] == "initpy"
        for run in row["runs"]
    ]
    return sum(not all(good) for good in acted)


def over_floor(figures, kind, action, limit, *, test=True, pause=False):
    """Return the promise about the time of an action over what it cannot do without.

    test:  it has the daemon test the configuration.
    pause: it sees for a while whether the new workers last.
    """
    floor, ours = (took(figures, action, peer, kind) for peer in ("floor", "initpy"))
    least = {"floor": floor}
    if pause:
        least[f"its pause of {PAUSE * 1000:.0f} ms"] = PAUSE
    if test:
        least["configtest"] = took(figures, "configtest", "floor", kind)
    least["interpreter"] = took(figures, EMPTY_PROGRAM, "floor", kind)
    claim = f"{kind} {action}: over {' + '.join(least)} ({ours / floor:.3g}x the floor)"
    return Promise(claim, ours / sum(least.values()), limit, unit="x")


def speed(figures):
    """Return the promises about the time of an action of a service of the usual size."""
    yield over_floor(figures, "nginx", "reload", 1.15)
    yield over_floor(figures, "nginx", "upgrade", 1.15, pause=True)
    yield over_floor(figures, "nginx", "restart", 2, pause=True)
    yield over_floor(figures, "nginx", "stop", 2, test=False)
    yield over_floor(figures, "php-fpm", "upgrade", 1.6, pause=True)
    for action in ("upgrade", "stop", "restart"):
        ratio = took(figures, action, "Debian") / took(figures, action, "initpy")
        yield Promise(f"{action}: faster than Debian's", ratio, BEHIND, at_least=True, unit="x")
    action = "failed upgrade"
    ratio = took(figures, action, "Debian") / took(figures, action, "initpy")
    yield Promise(f"{action}: told sooner than by Debian's", ratio, 10, at_least=True, unit="x")
    start = {name: median(seconds) for name, seconds in figures["startup"].items()}
    claim = f"status: over python3 -I -c pass, with the host's .pth files ({figures['pth']})"
    yield Promise(claim, start["status"] / start["pass"], 1.15, unit="x")
    claim = "status: over python3 -I -c pass, without .pth files"
    yield Promise(claim, start["status"] / start["bare"], 1.3, unit="x")


def flatness(figures):
    """Return the promises about how time grows with the host and the service."""
    few, *more = sizes(figures, "processes")
    least, *others = (over_empty(figures, "processes", size, "status") for size in (few, *more))
    claim = f"status over python3 -I -c pass: with up to {more[-1]:,} other processes, over {few}"
    yield Promise(claim, max(others) / least, 1.1, unit="x")
    claim = f"stopped status: with {more[-1]:,} other processes, over python3 -I -c pass"
    looked = over_empty(figures, "processes", more[-1], "stopped status")
    yield Promise(claim, looked, 3, unit="x")
    for action in ("start", "stop", "restart"):
        most, least = (grew(figures, "processes", size, action) for size in (more[-1], few))
        claim = f"{action}: with {more[-1]:,} other processes, over {few}"
        yield Promise(claim, most / least, 2.5, unit="x")
    *_, workers = sizes(figures, "workers")
    recovered = grew(figures, "workers", workers, "recover")
    yield Promise(f"recovery with {workers} workers", recovered, 1.5, unit=" s")


def sizes(figures, what):
    """Return the sizes at which something was measured, the smallest first."""
    return sorted({row["size"] for row in figures["growth"] if row["what"] == what})


def soundness(figures):
    """Return the promises that hold on any machine, however busy."""
    yield Promise("actions not done when they returned, or with a wrong code", undone(figures), 0)
    for kind, action in (
        ("nginx", "upgrade"),
        ("nginx", "reload"),
        ("nginx", "recover"),
        ("php-fpm", "upgrade"),
        ("php-fpm", "recover"),
        ("nginx", "restart"),
        ("php-fpm", "restart"),
    ):
        claim = f"{kind} {action}: lost without keep-alive"
        yield Promise(claim, sum(lost(figures, kind, action, "initpy", keep=False)), 0)
    peak = max(row["own"] for row in figures["memory"])
    peak = max(peak, *(row["memory"]["own"] for row in figures["growth"] if row["memory"]))
    yield Promise("memory of any action at its peak", peak / 1024, MEMORY, unit=" MB")
    instances = figures["instances"]
    most = max(row["instances"] for row in instances)
    rows = [row for row in instances if row["instances"] == most]
    claim = f"{most} instances at once: actions that failed"
    yield Promise(claim, sum(row["failed"] for row in rows), 0)
    missed = sum(sum(row.get("lost", {}).values()) for row in rows)
    yield Promise(f"{most} instances at once: requests lost", missed, 0)


def kept_alive(figures):
    """Return the promises about kept connections, on which nginx itself loses some.

    Whether a request comes just when nginx closes its connection is chance: no more than
    the floor's mean, but for three standard errors of a difference between two such means,
    as the floor's runs have it. php-fpm's clients keep theirs to an nginx that is left alone.
    """
    for action in ("upgrade", "reload", "restart", "recover"):
        ours = lost(figures, "nginx", action, "initpy", keep=True)
        least = lost(figures, "nginx", action, "floor", keep=True)
        error = sqrt(2 * variance(least) / len(least))
        claim = f"nginx {action}: lost with keep-alive (the floor: {mean(least):.1f})"
        yield Promise(claim, mean(ours), round(mean(least) + 3 * error, 1))
    for action in ("upgrade", "restart", "recover"):
        ours = lost(figures, "php-fpm", action, "initpy", keep=True)
        yield Promise(f"php-fpm {action}: lost with keep-alive", mean(ours), 0)


def all_of(figures):
    """Return every promise. The quick run is no measure of time."""
    if figures["quick"]:
        return [*soundness(figures)]
    return [
        promise
        for promises in (speed, flatness, soundness, kept_alive)
        for promise in promises(figures)
    ]
