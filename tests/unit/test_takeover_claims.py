"""What an action on php-fpm says is true of every pool, whatever others do meanwhile.

Hypothesis makes up the actions, and a second actor who signals and kills the masters,
edits the configuration and removes sockets: between two actions, or in the middle of the
next one, before that many more of its system calls. Then the claim of the exit code is
held against the world. INITPY_MODEL_EXAMPLES says how many sequences.
"""

# ruff: noqa: D401 - a docstring is the sentence that comes true, not what a function does

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from model import QUICK, ModelHost
from moments import EVERY
from pools import FakePools, Pool

from initpy.actions.reload import reload
from initpy.actions.reopen import reopen
from initpy.actions.restart import restart
from initpy.actions.start import start
from initpy.actions.status import status
from initpy.actions.stop import stop
from initpy.actions.upgrade import upgrade
from initpy.daemons.php_fpm import PHP_FPM
from initpy.errors import ExitCode, InitError, StatusCode
from initpy.state.record import read_record, record_path
from initpy.state.workers import recorded_pools

EXAMPLES = int(os.environ.get("INITPY_MODEL_EXAMPLES", "200"))
# The folder of its pools, too: a start makes it.
SERVICE = PHP_FPM.replace(pidfile="/run/php/php-fpm.pid", **QUICK)
ACTIONS = {
    "start": start,
    "reload": reload,
    "upgrade": upgrade,
    "restart": restart,
    "stop": stop,
    "status": status,
    "reopen": reopen,
}
SERVING = ("start", "reload", "upgrade", "restart")  # those that say that it serves
KEEPING = ("start", "reload", "upgrade", "reopen", "status")  # those that lose no request
LATEST = 400  # a call of the script; a smooth upgrade takes about half as many
MOMENT = 2.0  # seconds in which what others have begun is done
NOBODY = ("nothing serves", "not running", "died", "dead", "ended", "gone")

POOLS = (
    Pool("www", "/run/php/www.sock"),
    Pool("api", "127.0.0.1:9001", "dynamic"),
    Pool("lazy", "/run/php/lazy.sock", "ondemand"),
    Pool("batch", "127.0.0.1:9004", workers=1),
)
MORE = (
    Pool("more", "/run/php/more.sock"),
    Pool("tcp", "127.0.0.1:9010", "dynamic"),
    Pool("rare", "127.0.0.1:9011", "ondemand"),
)
TAKEN, HOMELESS = Pool("taken", "127.0.0.1:9020"), Pool("homeless", "/nowhere/x.sock")


class Machine(ModelHost):
    """A machine that looks at the service's sockets before every call of the script."""

    world = None

    def getpid(self):
        """Return a number that no process will be given: workers that end at once take many."""
        return 77

    def happen(self):
        """Count a call, and see that every pool that is to be served is."""
        super().happen()
        if self.world is not None and self.world.acting:
            self.world.look()

    def kill(self, process, sig):
        """Note what the script's own signals do."""
        self.world.see_signal(process, sig)
        return super().kill(process, sig)

    def launch(self, argv, **start):
        """Note with which configuration a master is started."""
        self.world.signalled = self.world.fpm.generation
        return super().launch(argv, **start)

    def remove_socket(self, path, version):
        """Note the removal of a socket that somebody has."""
        file = self.files.get(path)
        held = {inode for process in self.processes.values() for inode in process.sockets}
        if file and any(self.bound.get(inode) == file.inode for inode in held):
            self.wrongs.append(f"{path} removed, where somebody listens")
        return super().remove_socket(path, version)


class World:
    """A php-fpm with pools, beside another instance, an editor, and whoever acts beside us."""

    def __init__(self, pools, *, running=True, foreground=False):
        self.host = Machine()
        self.acting, self.meanwhile, self.watched = False, set(), set()
        self.action, self.said, self.coming = "", "", []
        self.strays = set()
        self.signalled, self.wakes = 0, 0.0
        other = SERVICE.replace(
            config=SERVICE.config + ".other", pidfile=SERVICE.pidfile + ".other"
        )
        place = "/run/php/other.sock"
        self.other = FakePools(self.host, other, pools=[POOLS[0]._replace(place=place)])
        self.other.run()
        self.family = self.other.own()
        self.fpm = FakePools(self.host, SERVICE, pools=pools)
        config = SERVICE.config
        self.editor = self.host.add(title=f"vi {config}", exe="/usr/bin/vi")
        title = f"php-fpm: master process ({config})"
        self.liar = self.host.add(title=title, exe="/usr/bin/perl", uid=1000)
        self.squatter = self.host.add(title="redis", exe="/bin/redis", sockets={1: TAKEN.place})
        self.bystanders = [self.editor, self.liar, self.squatter]
        self.host.strangers.update(self.family, self.bystanders)
        self.host.owns(SERVICE)
        self.host.world = self
        self.supervised = None
        if foreground:
            supervisor = self.host.add(title="runsv php-fpm", exe="/bin/runsv")
            self.host.strangers.add(supervisor)
            self.fpm.in_foreground = True
            self.supervised = self.fpm.run()
            self.supervised.ppid = supervisor.pid
        elif running:
            self.fpm.run()
        self.host.sleep(10)

    # What the second actor does.

    def signal(self, masters, sig):
        """Have somebody send a signal."""
        for master in masters:
            if not self.fit():
                self.watched.clear()
            if master.state == "T" and sig != signal.SIGKILL:
                master.held.append(sig)
            else:
                self.host.deliver(master, sig)
        self.wakes = self.host.now + MOMENT

    def named(self):
        """Return the process that the pidfile names."""
        file = self.host.files.get(SERVICE.pidfile)
        number = int(file.text) if file and file.text.strip().isdigit() else 0
        found = self.host.processes.get(number)
        return [found] if found and found.owner is self.fpm else []

    def usr2_to_the_newest_master(self):
        """Somebody reloads the new master."""
        self.signal(self.fpm.alive_masters()[-1:], signal.SIGUSR2)

    def usr2_to_the_oldest_master(self):
        """Somebody reloads the old master."""
        self.signal(self.fpm.alive_masters()[:1], signal.SIGUSR2)

    def usr2_to_the_named_master(self):
        """Somebody reloads what the pidfile names."""
        self.signal(self.named(), signal.SIGUSR2)

    def kill_the_newest_master(self):
        """Somebody kills the new master."""
        self.signal(self.fpm.alive_masters()[-1:], signal.SIGKILL)
        self.watched.clear()

    def kill_the_oldest_master(self):
        """Somebody kills the old master."""
        self.signal(self.fpm.alive_masters()[:1], signal.SIGKILL)
        self.watched.clear()

    def end_a_worker(self):
        """A worker crashes."""
        for worker in self.fpm.alive_workers()[:1]:
            self.host.end(worker)

    def end_the_last_worker(self):
        """Another worker crashes."""
        for worker in self.fpm.alive_workers()[-1:]:
            self.host.end(worker)

    def have_a_client_of_a_lazy_pool(self):
        """A client comes to the pools that start workers on demand."""
        for master in self.fpm.up():
            for pool in master.pools:
                busy = {one.pool for one in self.fpm.workers(master)}
                if not pool.needs_workers and pool not in busy:
                    self.fpm.new_worker(master, pool)

    def edit(self, pools):
        """Somebody writes another configuration."""
        self.fpm.edit(pools)
        self.watched &= {pool.place for pool in pools}
        if not self.fit():
            self.watched.clear()

    def add_a_pool(self):
        """A pool is added."""
        names = {pool.name for pool in self.fpm.pools}
        self.edit([*self.fpm.pools, *[pool for pool in MORE if pool.name not in names][:1]])

    def drop_the_first_pool(self):
        """The first pool is dropped."""
        self.edit(self.fpm.pools[1:] or self.fpm.pools)

    def drop_the_last_pool(self):
        """The last pool is dropped."""
        self.edit(self.fpm.pools[:-1] or self.fpm.pools)

    def restore_the_pools(self):
        """All is as it was, and right."""
        self.fpm.bad = False
        self.edit(POOLS)

    def make_the_first_pool_lifeless(self):
        """The workers of a pool cannot live any more."""
        self.edit([self.fpm.pools[0]._replace(lifeless=True), *self.fpm.pools[1:]])

    def make_the_pools_live(self):
        """They can again."""
        self.edit([pool._replace(lifeless=False) for pool in self.fpm.pools])

    def have_workers_end(self):
        """Workers end after some requests, under load."""
        self.edit([pool._replace(retires=True) for pool in self.fpm.pools])

    def have_workers_last(self):
        """They do not."""
        self.edit([pool._replace(retires=False) for pool in self.fpm.pools])

    def add_a_pool_that_is_taken(self):
        """A pool is added whose address somebody else has."""
        self.edit([*self.wholesome(), TAKEN])

    def add_a_pool_without_a_folder(self):
        """A pool is added whose socket has no folder."""
        self.edit([*self.wholesome(), HOMELESS])

    def drop_what_cannot_be_bound(self):
        """Such pools are dropped."""
        self.edit(self.wholesome())

    def wholesome(self):
        """Return the pools that can be bound."""
        names = (TAKEN.name, HOMELESS.name)
        return [pool for pool in self.fpm.pools if pool.name not in names]

    def break_the_configuration(self):
        """The configuration is wrong."""
        self.fpm.bad = True
        self.watched.clear()

    def mend_the_configuration(self):
        """It is right."""
        self.fpm.bad = False

    def replace_the_binary(self):
        """A package upgrade puts another binary on disk."""
        self.fpm.replace()

    def remove_a_socket(self):
        """Somebody removes the path of a socket."""
        for pool in self.fpm.pools[:3]:
            if pool.place.startswith("/") and self.host.files.pop(pool.place, None):
                self.watched.discard(pool.place)
                return

    def lose_the_pidfile(self):
        """Somebody removes the pidfile."""
        self.host.files.pop(SERVICE.pidfile, None)

    def have_slow_clients(self):
        """Requests take a while."""
        self.fpm.drain = 0.3

    def have_quick_clients(self):
        """Requests take no time."""
        self.fpm.drain = 0.0

    def let_a_moment_pass(self):
        """Some milliseconds pass."""
        self.host.sleep(0.004)

    def let_time_pass(self):
        """A second passes."""
        self.host.sleep(1.0)

    # What is seen.

    def fit(self):
        """Tell whether a master could come up."""
        return not self.fpm.bad and len(self.wholesome()) == len(self.fpm.pools)

    def look(self):
        """See that every pool that was served, and is to be, has its socket."""
        lost = self.watched - self.fpm.open_places()
        assert set() == lost, "no client is refused"

    def see_signal(self, process, sig):
        """Note the script's own signals: a reload, and the end of a worker with a request."""
        target = self.host.processes.get(process.pid)
        if sig == signal.SIGUSR2:
            self.signalled = self.fpm.generation
        rude = sig in (signal.SIGTERM, signal.SIGKILL)
        kept = rude and self.action in KEEPING and self.served
        if kept and target in self.fpm.alive_workers():
            self.host.wrongs.append(f"{sig.name} to worker {target.pid}")

    def serves(self, pool):
        """Tell whether a pool has a worker, or a master that starts one when a client comes."""
        if any(not worker.pool.lifeless for worker in self.fpm.takers_of(pool)):
            return True
        lazy = not pool.needs_workers
        return lazy and any(self.fpm.reaches(pool, master) for master in self.fpm.up())

    def settle(self, true):
        """Wait for a moment until something is true; tell whether it is."""
        for _ in range(40):
            if true():
                return True
            self.host.sleep(MOMENT / 40)
        return False

    # What the script does.

    def befall(self, name):
        """Have the second actor act."""
        self.meanwhile.add(name)
        getattr(self, name)()

    def act(self, name):
        """Do an action, and hold its exit code against the world."""
        before = Before(self)
        self.action, self.meanwhile, self.served = name, set(), bool(before.served)
        if self.host.now < self.wakes:
            self.meanwhile.add("usr2 before")
        if name in KEEPING and not before.pending:
            self.watched = before.places & {pool.place for pool in self.fpm.pools}
        for moment, coming in self.coming:
            self.host.before_look(moment, lambda coming=coming: self.befall(coming))
        self.coming = []
        self.host.told.clear()
        self.host.calls, self.acting = 0, True
        self.signalled = 0
        try:
            told = ACTIONS[name](SERVICE, self.host)
            code, self.said = (told.code, told.sentence) if name == "status" else (0, "")
        except InitError as exc:
            code, self.said = exc.exit_code, str(exc)
        self.acting = False
        self.watched = set()
        self.host.forget()
        check(self, name, code, before)
        return code


class Before:
    """What was before an action."""

    def __init__(self, world):
        fpm = world.fpm
        self.masters, self.workers = fpm.alive_masters(), fpm.alive_workers()
        self.pending = world.host.now < world.wakes
        up = fpm.up()
        self.pools = [pool for master in up for pool in master.pools]
        self.served = [pool for pool in self.pools if not pool.lifeless and world.serves(pool)]
        self.loaded = {worker.loaded for worker in fpm.takers()}
        self.places = fpm.open_places()
        self.foreground = world.supervised in self.masters
        configured = {pool.place for pool in fpm.pools}
        self.placed = self.places <= configured
        # All that is needed is there: nothing but what others do can keep an action from success.
        lost = [one for one in fpm.pools if one.place[0] == "/" and one.place not in self.places]
        whole = len(self.masters) == 1 and self.pools == self.served and not lost
        lively = not any(pool.lifeless for pool in fpm.pools)
        self.sound = whole and world.fit() and lively and not fpm.orphans()
        known = [recorded_pools(SERVICE, master.id, world.host) for master in up]
        self.known = bool(known and all(known))  # which pools its masters have
        self.recorded = record_path(SERVICE) in world.host.files


# What is promised.


def check(world, name, code, before):
    """Hold an action to what is promised of every one, and to the claim of its code."""
    host, fpm = world.host, world.fpm
    assert [] == host.wrongs, "no signal to strangers, no file of theirs removed, no request cut"
    assert all(map(world.other.alive, world.family)), "the other instance lives"
    assert {} == host.copies, "no descriptor is left open"
    assert {} == host.locks
    killed = any(event.startswith("kill") for event in world.meanwhile)
    others = any(event.startswith("usr2") for event in world.meanwhile)
    # With other arguments than ours a master in the middle of exec is known by its record,
    # or by its sockets.
    hidden = before.foreground and not (before.recorded or before.placed)
    if name == "status":
        if code in (StatusCode.STOPPED, StatusCode.DEAD_PIDFILE, StatusCode.DEAD_LOCKFILE):
            assert [] == fpm.alive_masters() or hidden, "dead is not said of it"
        return
    if code == ExitCode.NOT_RUNNING and not hidden:
        assert [] == fpm.alive_masters(), "it is not said of a master that is on its way"
    if code == ExitCode.OK and name == "stop":
        assert [] == unknown(world, before, fpm.own()), "nothing is left"
    if code == ExitCode.OK and name in SERVING and not killed:
        serves_whole(world, name, before, others)
    if code == ExitCode.REVERTED and not killed:
        serves_as_before(world, before, others)
    if code in (ExitCode.GENERIC, ExitCode.ROLLBACK_FAILED) and name in KEEPING:
        names_what_does_not_serve(world, before, others, killed)
    succeeds_or_harms_nobody(world, name, code, before)


def succeeds_or_harms_nobody(world, name, code, before):
    """With nothing in its way it succeeds, whatever is signalled; and a failure harms nobody."""
    if name in SERVING and before.sound and world.meanwhile <= HARMLESS:
        refused = name == "upgrade" and before.foreground
        assert code == (ExitCode.UNIMPLEMENTED if refused else ExitCode.OK), world.said
    undisturbed = all(event in HARMLESS and event[:4] != "usr2" for event in world.meanwhile)
    if code != ExitCode.OK and name in KEEPING and undisturbed:
        is_unharmed(world, before)
    if before.foreground and name == "upgrade" and before.masters and undisturbed:
        assert code != ExitCode.OK, "a supervised master is not taken over"


def serves_whole(world, name, before, others):
    """One master, which the pidfile names; each pool serves, by what was on disk at the signal."""
    fpm = world.fpm
    if not world.fit() and others:
        return  # the second actor's own reload has ended it

    def one():
        named = "lose_the_pidfile" in world.meanwhile or world.named() == fpm.alive_masters()
        return len(fpm.alive_masters()) == 1 and named

    assert world.settle(one), "one master is left, and named"

    def idle():
        paths = "remove_a_socket" in world.meanwhile
        pools = [pool for master in fpm.alive_masters() for pool in master.pools]
        # Which pools a master has that somebody else has reloaded, nobody knows.
        excused = world.meanwhile or (name == "start" and before.masters and not before.known)
        due = [pool for pool in pools if not (pool.lifeless and excused)]
        due = [pool for pool in due if not (paths and pool.place.startswith("/"))]
        return [pool.name for pool in due if not world.serves(pool)]

    assert world.settle(lambda: one() and not idle()), f"every pool serves: {idle()}"
    (master,) = fpm.alive_masters()
    if name != "start" or not before.masters:
        assert master.loaded >= world.signalled, "the configuration of the signal"
        takers = unknown(world, before, fpm.takers())
        assert all(worker.loaded >= world.signalled for worker in takers)
    if name in ("upgrade", "restart") and "replace_the_binary" not in world.meanwhile:
        assert world.host.file_id(SERVICE.daemon) == master.exe_id
    assert [] == unknown(world, before, fpm.orphans()), "no orphans"
    assert SERVICE.oldbin not in world.host.files


def unknown(world, before, processes):
    """Leave out those of which nothing is known: no record, and no pool that is configured."""
    places = {pool.place for pool in world.fpm.pools}
    orphans = [] if before.recorded else world.fpm.orphans()
    world.strays.update(one for one in orphans if one.pool.place not in places)
    return [one for one in processes if one not in world.strays]


def serves_as_before(world, before, others):
    """The old configuration answers."""
    if others and not world.fit():
        return
    paths = "remove_a_socket" in world.meanwhile
    due = [pool for pool in before.served if not (paths and pool.place.startswith("/"))]
    if not others:
        now = {worker.loaded for worker in world.fpm.takers()}
        assert now <= before.loaded, "by the old configuration"
        assert world.settle(lambda: all(map(world.serves, due))), "the old pools serve"
    else:
        assert world.settle(lambda: bool(world.fpm.up())), "a master serves"


def is_unharmed(world, before):
    """What served before an action that failed serves after it; but for what its pool cannot."""
    lifeless = {pool.name for pool in world.fpm.pools if pool.lifeless}
    kept = {pool.place for pool in world.fpm.pools}
    due = [one for one in before.served if one.place in kept and one.name not in lifeless]
    assert world.settle(lambda: all(map(world.serves, due))), "a failure harms nobody"


def names_what_does_not_serve(world, before, others, killed):
    """What served before and does not now, is named; nothing serves is said only if so."""
    if "nothing serves" in world.said:
        assert [] == world.fpm.takers()
    if others or not before.served:
        return
    kept = {pool.place for pool in world.fpm.pools}
    # Only the master has the sockets of the pools that wait for clients.
    gone = [pool for pool in before.served if killed and not pool.needs_workers]
    due = [pool for pool in before.served if pool.place in kept and pool not in gone]
    if world.settle(lambda: all(map(world.serves, due))):
        return
    lost = [pool for pool in due if not world.serves(pool)]
    told = any(word in world.said for word in NOBODY)
    assert told or all(pool.name in world.said or pool.place in world.said for pool in lost), (
        f"{world.said!r} does not name {[pool.name for pool in lost]}"
    )


PRIVATE = ("act", "befall", "signal", "named", "edit", "wholesome", "fit", "look", "see_signal")
EVENTS = sorted(
    name
    for name, value in vars(World).items()
    if callable(value) and name not in (*PRIVATE, "__init__", "serves", "settle")
)
HARMLESS = {
    "usr2_to_the_newest_master",
    "usr2_to_the_oldest_master",
    "usr2_to_the_named_master",
    "end_a_worker",
    "have_a_client_of_a_lazy_pool",
    "let_a_moment_pass",
    "have_slow_clients",
    "have_quick_clients",
}
NOW = st.just(0)
LATER = st.integers(1, LATEST)
STEPS = st.one_of(
    st.tuples(st.sampled_from(sorted(ACTIONS)), NOW),
    st.tuples(st.sampled_from(("reload", "upgrade", "restart")), NOW),
    st.tuples(st.sampled_from(EVENTS), NOW),
    st.tuples(st.sampled_from(EVENTS), LATER),
    st.tuples(st.sampled_from([event for event in EVENTS if event[:4] in ("usr2", "kill")]), LATER),
)


def play(pools, running, foreground, steps):
    """Play a sequence; in the end, all being well, a restart succeeds."""
    world = World(pools, running=running, foreground=foreground)
    for name, moment in steps:
        if name in ACTIONS:
            world.act(name)
        elif moment:
            world.coming.append((moment, name))
        else:
            world.befall(name)
    world.coming = []
    world.fpm.bad = False
    world.edit([pool._replace(lifeless=False) for pool in world.wholesome()] or POOLS)
    world.host.sleep(MOMENT)
    strays = unrecorded(world)
    if ExitCode.OK != world.act("restart"):
        assert strays, f"all being well, it succeeds: {world.said}"
        told = "".join(world.host.told)
        assert [] == [stray.pid for stray in strays if str(stray.pid) not in told], "each is named"


def unrecorded(world):
    """Return the workers of a dead master that hold no recorded socket: they cannot be judged.

    Their master died in a reload that had added their pool, before that was recorded.
    """
    record = read_record(SERVICE, world.host)
    known = {one.inode for one in record.sockets} if record else set()
    return [one for one in world.fpm.orphans() if record and known.isdisjoint(one.sockets)]


WWW = POOLS[:1]

# What this has found, each once: pools, steps.
FOUND = {
    "master killed in a reload, its workers live": (
        WWW,
        [("kill_the_newest_master", 113), ("reload", 0)],
    ),
    "new master killed in an upgrade, its workers live": (
        WWW,
        [("restart", 0), ("kill_the_newest_master", 221), ("upgrade", 0)],
    ),
    "reloads of one that executes itself with other arguments than ours": (
        WWW,
        [
            ("reload", 0),
            ("usr2_to_the_named_master", 0),
            ("let_a_moment_pass", 0),
            ("status", 0),
            ("reload", 0),
        ],
    ),
    "somebody else's reload at any moment of ours": (
        WWW,
        [("usr2_to_the_named_master", 1), ("reload", 0)],
    ),
    "restart of an unknown master that executes itself": (
        POOLS[2:3],
        [("remove_a_socket", 0), ("usr2_to_the_named_master", 0), ("restart", 0)],
    ),
    "reopen during somebody else's reload": (
        WWW,
        [
            ("restart", 0),
            ("usr2_to_the_named_master", 0),
            ("let_time_pass", 5),
            ("reopen", 0),
        ],
    ),
    "pool dropped as the new master is started": (
        WWW,
        [("add_a_pool", 0), ("drop_the_first_pool", 72), ("upgrade", 0)],
    ),
    "start after a reload to a pool that does not live": (
        WWW,
        [("make_the_first_pool_lifeless", 0), ("reload", 0), ("start", 0)],
    ),
    "new master that executes itself while it is looked at": (
        POOLS[2:3],
        [("let_time_pass", 292), ("usr2_to_the_named_master", 214), ("upgrade", 0)],
    ),
    "master killed in a reload, and then the one that is started instead": (
        WWW,
        [("kill_the_newest_master", 52), ("kill_the_newest_master", 339), ("reload", 0)],
    ),
    "reload during somebody else's": (
        WWW,
        [("restart", 0), ("usr2_to_the_named_master", 0), ("reload", 0)],
    ),
}


@pytest.mark.parametrize("found", FOUND)
@pytest.mark.parametrize("foreground", [True, False])
def test_once_found(found, foreground):
    """What was found once is not found again, nor some calls earlier or later."""
    pools, steps = FOUND[found]
    for shift in range(-6, 7, EVERY):
        shifted = [(name, moment and max(1, moment + shift)) for name, moment in steps]
        play(pools, True, foreground, shifted)


@pytest.mark.parametrize("action", ["reload", "upgrade", "restart"])
def test_undisturbed(action):
    """With nobody in the way each action succeeds."""
    play(POOLS, True, False, [(action, 0), ("stop", 0), ("start", 0)])


def test_what_a_takeover_says_is_true():
    """What is promised holds, whatever the second actor does, and whenever."""

    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        pools=st.lists(st.sampled_from(POOLS), min_size=1, unique=True),
        running=st.booleans(),
        foreground=st.integers(0, 5).map(lambda number: number == 5),
        steps=st.lists(STEPS, max_size=8),
    )
    def holds(pools, running, foreground, steps):
        play(pools, running, foreground, steps)

    holds()
