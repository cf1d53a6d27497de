"""Anything, in any order, at any moment: what initpy promises of it holds all the same.

A sequence is a list of steps. A step is an action of the script, or something
that befalls the service: at once, or in the middle of the next action, before
that many more of its system calls. INITPY_MODEL_EXAMPLES says how many
sequences are tried of each daemon.
"""

# ruff: noqa: D401 - a docstring is the sentence that comes true, not what a function does

from __future__ import annotations

import os
import sys

import pytest
from daemons import BROKEN
from fakes import Run
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from model import MODELS, Killed, ModelHost
from moments import EVERY

from initpy.actions.configtest import check_configuration
from initpy.actions.reload import force_reload, reload
from initpy.actions.reopen import reopen
from initpy.actions.restart import restart, try_restart
from initpy.actions.start import start
from initpy.actions.status import status
from initpy.actions.stop import force_quit, stop
from initpy.actions.upgrade import upgrade
from initpy.control.lock import lock_path
from initpy.errors import ExitCode, InitError, StatusCode
from initpy.state.record import record_path

ACTIONS = {
    "start": start,
    "stop": stop,
    "force-quit": force_quit,
    "restart": restart,
    "try-restart": try_restart,
    "reload": reload,
    "force-reload": force_reload,
    "upgrade": upgrade,
    "reopen": reopen,
    "configtest": check_configuration,
    "status": status,
}
STOPPING = ("stop", "force-quit")
RESTARTING = ("restart", "try-restart")
RELOADING = ("reload", "force-reload")
LOOKING = ("configtest", "status")
CODES = {code for name, code in vars(ExitCode).items() if name.isupper()}
# That nothing was done, as the message says.
UNTOUCHED = (ExitCode.NOT_CONFIGURED, ExitCode.NOT_RUNNING, ExitCode.BUSY)
UNSEEN = 0.1  # seconds for which php-fpm, which has no titles for it, does not show that it ends
LONGEST = 100.0  # seconds of an action, with the timeouts of the model

FAULTS = {}


def fault(*, harms=()):
    """Make a method something that can befall the service.

    harms: what an action that it interrupts cannot promise any more: that it
           still "serves", the "state" it leaves, or how it "ends".
    """

    def register(method):
        method.harms = frozenset(harms)
        FAULTS[method.__name__.replace("_", " ")] = method
        return method

    return register


class World:
    """One service on one machine, beside another instance of the same daemon.

    shared: whether the two have one address in common, and the other one a second.
    """

    def __init__(self, daemon, *, running, shared=False):
        self.host = ModelHost()
        model, service = MODELS[daemon]
        self.other = another(self.host, model, service, shared=shared)
        self.neighbour = self.other.run()
        self.family = set(self.other.own())  # of the other instance, as it is to stay
        self.daemon = model(self.host, service)
        self.daemon.shares = shared
        if shared and daemon == "nginx":  # only so can both have it
            self.daemon.configure([f"{self.daemon.place} reuseport"])
        self.service = self.daemon.service
        self.host.strangers.update(self.family)
        self.host.owns(self.service)
        self.harmed = set()
        self.coming = []  # faults in the middle of the next action: (moment, name)
        self.unsettled = 0.0  # until then a signal has effects that nobody can see yet
        self.squatter = None
        self.said, self.acting = "", False
        self.rotations, self.rotated_meanwhile = 0, False
        self.host.put("/bin/check", mode=0o755)
        if running:
            self.daemon.run()
        self.host.sleep(3600)

    # What can befall it.

    @fault()
    def nobody_may_copy_sockets(self):
        """The kernel cannot: pidfd_getfd(2) came with Linux 5.6."""
        if not self.acting:
            self.host.copyable = False

    @fault()
    def no_right_to_trace(self):
        """The script lacks CAP_SYS_PTRACE: it sees neither binary nor sockets of a worker."""
        if not self.acting:
            self.host.copyable = self.host.traces = False

    @fault(harms=["state"])
    def bad_configuration(self):
        """Somebody breaks the configuration."""
        self.daemon.bad = True

    @fault(harms=["state"])
    def good_configuration(self):
        """Somebody puts it right."""
        self.daemon.bad = False

    @fault(harms=["state"])
    def new_binary(self):
        """A package upgrade puts another binary on disk."""
        self.daemon.replace("good")

    @fault(harms=["state"])
    def binary_removed(self):
        """A package is removed while the service runs."""
        self.host.files.pop(self.service.daemon, None)

    @fault(harms=["serves", "state"])
    def master_killed(self):
        """The master is killed, and its workers live on."""
        for master in self.daemon.alive_masters()[-1:]:
            self.host.end(master)

    @fault(harms=["serves", "state"])
    def old_master_killed(self):
        """The oldest master is killed: there may be two."""
        for master in self.daemon.alive_masters()[:1]:
            self.host.end(master)

    @fault(harms=["serves", "state"])
    def master_killed_and_its_pid_recycled(self):
        """The master is killed, and a stranger is given its number."""
        for master in self.daemon.alive_masters()[-1:]:
            self.host.end(master)
            self.stranger(master.pid)

    @fault(harms=["serves", "state"])
    def worker_killed(self):
        """A worker crashes; its master starts another."""
        for worker in self.daemon.alive_workers()[:1]:
            self.host.end(worker)

    @fault(harms=["state"])
    def pidfile_lost(self):
        """Somebody removes the pidfile."""
        self.host.files.pop(self.service.pidfile, None)

    @fault(harms=["state"])
    def pidfile_emptied(self):
        """The disk was full when the pidfile was written."""
        self.host.put(self.service.pidfile)

    @fault(harms=["state"])
    def pidfile_garbage(self):
        """The pidfile holds no number."""
        self.host.put(self.service.pidfile, "-1 or so\n")

    @fault(harms=["state"])
    def pidfile_of_a_stranger(self):
        """The pidfile names a process that is somebody else's."""
        self.host.put(self.service.pidfile, f"{self.stranger().pid}\n")

    @fault(harms=["state"])
    def pidfile_of_the_other_instance(self):
        """The pidfile names the master of another instance."""
        self.host.put(self.service.pidfile, f"{self.neighbour.pid}\n")

    @fault(harms=["state"])
    def pidfile_distrusted(self):
        """The pidfile is www-data's."""
        self.host.put(self.service.pidfile, f"{self.stranger().pid}\n", uid=33)

    @fault(harms=["state"])
    def oldbin_of_a_stranger(self):
        """A stale .oldbin names a process that is somebody else's."""
        self.host.put(self.service.oldbin, f"{self.stranger().pid}\n")

    @fault()
    def lock_held(self):
        """Another action holds the lock, for a second."""
        self.hold_lock(1)

    @fault()
    def lock_held_for_long(self):
        """Another action holds the lock, for longer than anybody waits."""
        self.hold_lock(10)

    @fault()
    def disk_full(self):
        """Nothing can be written where pidfiles and locks are."""
        paths = (self.service.pidfile, self.service.oldbin, lock_path(self.service))
        self.host.full.update(paths)

    @fault()
    def disk_freed(self):
        """There is space again."""
        self.host.full.clear()

    @fault()
    def interrupt(self):
        """The script is told to end: SIGTERM, Ctrl-C, a closed terminal."""
        self.host.interrupted_by = "SIGTERM"

    @fault()
    def script_killed(self):
        """The script itself is killed."""
        if self.acting:
            self.host.kill_script()

    @fault()
    def slow_clients(self):
        """Workers have requests that do not end."""
        self.daemon.drain = 1000.0

    @fault()
    def quick_clients(self):
        """Workers have requests that take a second."""
        self.daemon.drain = 1.0

    @fault()
    def no_clients(self):
        """Workers have nothing to do."""
        self.daemon.drain = 0.0

    @fault()
    def logs_rotated(self):
        """The logs are renamed, as logrotate does it."""
        self.rotations += 1
        self.rotated_meanwhile = self.acting
        for path in self.daemon.logs:
            if path in self.host.files:
                self.host.rename(path, f"{path}.{self.rotations}")

    @fault(harms=["state"])
    def port_taken(self):
        """A reload cannot have a port: php-fpm dies of it, nginx goes on."""
        self.daemon.reloads = False

    @fault(harms=["state"])
    def port_free(self):
        """A reload can have its port."""
        self.daemon.reloads = True

    @fault()
    def a_moment_passes(self):
        """Some milliseconds pass."""
        self.host.sleep(0.004)

    @fault()
    def time_passes(self):
        """A while passes."""
        self.host.sleep(5)

    @fault(harms=["state"])
    def port_held_by_a_stranger(self):
        """Another program listens where the service would, while it is stopped."""
        # While it executes itself anew it holds its sockets all the time.
        execs = self.service.reload_execs and (self.acting or self.host.now < self.unsettled)
        if not self.daemon.taken() and not execs:
            self.squatter = self.stranger()
            self.daemon.path = self.squatter.pid + 7000
            self.squatter.sockets = {self.daemon.path: self.daemon.place}

    @fault()
    def check_is_set(self):
        """The settings name an UPGRADE_CHECK, which succeeds."""
        self.set_check(Run(seconds=0.05))

    @fault()
    def check_that_fails(self):
        """The settings name an UPGRADE_CHECK, which fails."""
        self.set_check(Run(code=1, seconds=0.05))

    @fault()
    def check_that_hangs(self):
        """The settings name an UPGRADE_CHECK, which does not end."""
        self.set_check(Run(seconds=float("inf")))

    @fault(harms=["serves", "state"])
    def USR2_by_hand(self):  # noqa: N802 - as the signal is written
        """Somebody begins an upgrade by hand; of php-fpm that is a reload."""
        self.by_hand("usr2")

    @fault(harms=["serves", "state"])
    def QUIT_by_hand(self):  # noqa: N802 - as the signal is written
        """Somebody ends the oldest master by hand."""
        self.by_hand("quit")

    @fault(harms=["serves", "state"])
    def WINCH_by_hand(self):  # noqa: N802 - as the signal is written
        """Somebody ends the old master's workers by hand, in an upgrade."""
        if len(self.daemon.alive_masters()) > 1:
            self.by_hand("winch")

    @fault()
    def other_instance_killed(self):
        """The other instance's master is killed: its orphans are no business of ours."""
        self.family.discard(self.neighbour)
        self.host.end(self.neighbour)

    @fault()
    def other_instance_started(self):
        """The script of the other instance recovers it, and we are a stranger to it."""
        # Where ours are orphans that nothing is recorded of, all their places may be theirs.
        unknown = self.daemon.orphans() and record_path(self.service) not in self.host.files
        # Its recovery, and a path that they share and ours has removed, want a good binary.
        broken = self.daemon.on_disk != "good"
        if self.acting or broken or (unknown and self.daemon.shares):
            return
        self.host.strangers -= self.family
        self.host.strangers.update(self.daemon.own())
        self.host.owns(self.other.service)
        start(self.other.service, self.host)
        self.host.owns(self.service)
        self.host.strangers.difference_update(self.daemon.own())
        self.family = set(self.other.own())
        self.host.strangers |= self.family
        (self.neighbour,) = self.other.alive_masters()

    @fault()
    def records_lost(self):
        """Somebody empties /run/initpy."""
        for service in (self.service, self.other.service):
            self.host.files.pop(record_path(service), None)

    # How.

    def stranger(self, pid=None):
        """Start a process that is somebody else's; return it."""
        stranger = self.host.add(pid, title="sleep 1000", exe="/bin/sleep")
        self.host.strangers.add(stranger)
        return stranger

    def set_check(self, run):
        """Have the settings name an UPGRADE_CHECK that runs so."""
        self.host.programs["/bin/check"] = lambda _argv: run
        self.service = self.service.replace(upgrade_check=("/bin/check",))

    def hold_lock(self, seconds):
        """Have another action hold the lock, unless somebody does."""
        path = lock_path(self.service)
        if path not in self.host.locks:
            self.host.put(path, "stop (pid 1)" + self.terminating())
            self.host.locks[path] = "another"
            self.host.at(seconds, self.release_lock)

    def release_lock(self):
        """Have that other action end; well, so that it leaves no word in its lock."""
        path = lock_path(self.service)
        if self.host.locks.get(path) == "another":
            del self.host.locks[path]
            self.host.put(path, self.terminating())

    def neighbour_unharmed(self):
        """Tell whether the other instance is as it was, and its sockets its own."""
        alive = all(map(self.other.alive, self.family))
        sockets = {inode for process in self.family for inode in process.sockets}
        taken = any(sockets.intersection(process.sockets) for process in self.daemon.own())
        return alive and not taken and not any(process.retired for process in self.family)

    def unjudged(self):
        """Tell whether it cannot be known whose the orphans of the other instance are."""
        recorded = record_path(self.other.service) in self.host.files
        orphans = not self.other.alive(self.neighbour)
        return orphans and not recorded and (self.daemon.shares or not self.host.copyable)

    def by_hand(self, signal):
        """Have somebody signal the oldest master."""
        tells = not self.service.reload_execs
        alone = len(self.daemon.alive_masters()) == 1 and not self.daemon.starting()
        if not tells and (self.acting or not alone):
            return  # it removes what is another's by now, and tells nothing of itself
        self.unsettled = self.host.now + UNSEEN
        for master in self.daemon.alive_masters()[:1]:
            if handler := getattr(self.daemon, signal, None):
                handler(master)
        if not tells:
            self.host.sleep(UNSEEN)

    # What the script does.

    def befall(self, name):
        """Let a fault strike."""
        method = FAULTS[name]
        self.harmed |= method.harms
        method(self)

    def act(self, name):
        """Do an action, and hold it to its promises; return its code, None if it was killed."""
        before = Before(self, name)
        for moment, coming in self.coming:
            self.host.before_look(moment, lambda coming=coming: self.befall(coming))
        self.coming = []
        doomed = any(master.kind == "dies" for master in self.daemon.alive_masters())
        if self.host.now < self.unsettled or doomed:
            self.harmed |= {"serves", "state"}
        self.host.told.clear()
        self.host.interrupted_by, self.host.calls, self.acting = "", 0, True
        self.rotated_meanwhile = False
        code, said = self.run(name)
        self.said, self.acting = said, False
        self.host.forget()
        harmed, self.harmed = self.harmed, set()
        check(self, name, code, said, before, harmed)
        if code is None and name in RELOADING and self.service.reload_execs:
            self.unsettled = self.host.now + UNSEEN
        return code

    def run(self, name):
        """Run an action as the edge does; return its code and what it said."""
        try:
            told = ACTIONS[name](self.service, self.host)
        except InitError as exc:
            return exc.exit_code, str(exc)
        except Killed:
            self.host.bury_script()
            return None, "killed"
        return (told.code, told.sentence) if name == "status" else (ExitCode.OK, "")

    def heal(self):
        """Put right what is not the service's own to put right."""
        self.coming, self.daemon.bad, self.daemon.reloads = [], False, True
        if self.daemon.on_disk != "good":
            self.daemon.replace("good")
        self.host.full.clear()
        self.release_lock()
        self.service = self.daemon.service
        if self.squatter:
            self.host.end(self.squatter)
        self.host.copyable = self.host.traces = True
        self.host.sleep(1.0)
        self.harmed = set()

    def stopping(self):
        """Tell whether a stop has begun, and was cut short."""
        masters = {f"{m.id.pid}@{m.id.started}" for m in self.daemon.alive_masters()}
        return not masters.isdisjoint(self.terminating().split())

    def terminating(self):
        """Return what the lock says of those whom a stop has told to end."""
        lock = self.host.files.get(lock_path(self.service))
        _, ends, doomed = lock.text.partition("; ends ") if lock else ("", "", "")
        return ends + doomed

    def files(self):
        """Return what files there are, but for the lock, which stays."""
        ours = lock_path(self.service)
        return {p: (f.text, f.inode) for p, f in self.host.files.items() if p != ours}

    def fit(self):
        """Tell whether the daemon would come up if it executed itself anew."""
        return self.daemon.on_disk == "good" and not self.daemon.bad and self.daemon.reloads

    def serves(self):
        """Tell whether a client is answered, now or in a moment: it may be starting."""
        for _ in range(20):
            if self.daemon.takers():
                return True
            self.host.sleep(0.25)
        return False


def another(host, model, service, *, shared):
    """Return another instance of the daemon, which has not been started."""
    config, pidfile = service.config + ".other", service.pidfile + ".other"
    other = model(host, service.replace(config=config, pidfile=pidfile))
    other.title = model.title.replace(service.config, config)
    places = [model.place + "81", *([model.place] if shared else [])]
    other.place, other.places = places[0], places

    def listen(master):
        for place in places:
            if place.startswith("/") and not host.exists(place):
                host.put(place, kind="socket")
        return {7000 + 1000 * n + master.pid: place for n, place in enumerate(places)}

    other.listen = listen
    other.configure(places)
    return other


def broken_binary(kind):
    """Make a fault of a binary that is broken in some way."""

    def put(world):
        world.daemon.replace(kind)

    put.harms = frozenset(["state"])
    return put


FAULTS |= {f"binary that {kind}": broken_binary(kind) for kind in BROKEN}


class Before:
    """What was before an action."""

    def __init__(self, world, name):
        self.now = world.host.now
        self.served = bool(world.daemon.takers())
        self.masters = world.daemon.alive_masters()
        self.workers = world.daemon.alive_workers()
        self.fit = world.fit()
        self.processes = world.daemon.own()
        self.stopping = world.stopping()
        self.unfinished = bool(
            world.daemon.orphans()
            or len(self.masters) > 1
            or world.service.oldbin in world.host.files
            or self.stopping
        )
        self.starting = world.daemon.starting()
        self.files = world.files() if name in LOOKING else {}
        self.sent, self.acts = len(world.host.sent), world.host.acts


# What is promised.


def check(world, name, code, said, before, harmed):
    """Hold an action to what is promised of every one, and to what it itself promises."""
    assert [] == world.host.wrongs, "no signal to strangers, and no file of theirs removed"
    assert world.neighbour_unharmed(), "the other instance is left alone"
    assert world.host.now - before.now < LONGEST, "every wait ends"
    assert set() == {path for path, by in world.host.locks.items() if by != "another"}
    if name == "status":
        assert code is None or code in range(5)
        says_who_is_there(world, code, harmed)
    else:
        assert code is None or code in CODES, "only documented codes"
    if code is not None:
        assert {} == world.host.copies, "no descriptor is left open"
    if name in LOOKING and not harmed:
        looks_only(world, name, before)
    if code == ExitCode.OK and name not in LOOKING and not harmed:
        PROMISES.get(name, lambda *_: None)(world, before)
    if code == ExitCode.REVERTED and before.served and not (harmed or before.starting):
        is_as_before(world, before)
    if code in UNTOUCHED and not harmed and not before.unfinished:
        assert before.sent == len(world.host.sent), "nobody was signalled"
    failed = code != ExitCode.OK and not (
        before.stopping or may_end_service(world, name, code, before, harmed)
    )
    if failed and before.served and "serves" not in harmed:
        assert world.serves(), f"it served before, and not after {name}: {code} {said}"


def may_end_service(world, name, code, before, harmed):
    """Tell whether an action that fails so may leave the service not serving."""
    if name in STOPPING:
        return True
    if name in RESTARTING:
        return code in (ExitCode.GENERIC, None) or "state" in harmed
    if name in RELOADING and world.service.reload_execs:
        # It executes itself anew: if that fails it is down.
        return "state" in harmed or not (before.fit and world.fit())
    # Without the right to copy sockets orphans are ended before a start.
    return name == "start" and not world.host.copyable


def names_nobody(world, path):
    """Tell whether a pidfile is stale: what names a living stranger, or holds no number, is not."""
    file = world.host.files.get(path)
    if file is None or not (file.text.strip().isdigit() or not file.text):
        return False
    named = world.host.processes.get(int(file.text or "0"))
    return named is None or named.owner is world.daemon


def is_as_before(world, before):
    """The masters that were there are there, named, and nobody else is."""
    assert before.masters[:1] == world.daemon.alive_masters()
    assert [] == world.daemon.orphans(), "no orphans"
    if not world.host.full:
        assert world.service.oldbin not in world.host.files
        assert f"{before.masters[0].pid}" == world.host.files[world.service.pidfile].text.strip()


def looks_only(world, name, before):
    """Looking changes nothing."""
    assert before.sent == len(world.host.sent), "no signals"
    if name == "status":
        assert before.acts == world.host.acts
    elif not (before.processes or before.starting):  # and so nobody but the script changes files
        files = world.files()
        assert before.files == files


def says_who_is_there(world, code, harmed):
    """Status tells whether there is a master; dead is not said of one that is on its way."""
    if code is not None and not harmed and code != StatusCode.UNKNOWN:
        assert (code == StatusCode.RUNNING) == bool(world.daemon.alive_masters())


def runs(world, before):
    """One master that the pidfile names, workers that serve, no orphans, nothing half done."""
    (master,) = world.daemon.alive_masters()
    if not world.host.full:
        assert f"{master.pid}" == world.host.files[world.service.pidfile].text.strip()
        assert not names_nobody(world, world.service.oldbin)
    assert world.daemon.takers(), "workers serve"
    assert [] == world.daemon.orphans(), "no orphans"
    return master


def is_up(world, before):
    """It runs; but an upgrade of nginx that is under way goes on, which is said."""
    handover = world.service.pidfile not in world.host.files
    unfinished = len(world.daemon.alive_masters()) > 1 or handover
    if "initpy.protocols.oldbin:upgrade" == world.service.upgrade and unfinished:
        assert any("upgrade is unfinished" in sentence for sentence in world.host.told)
        assert world.daemon.takers(), "workers serve"
    else:
        runs(world, before)


def runs_anew(world, before):
    """All that, by a master that was not there before, and of the binary on disk."""
    master = runs(world, before)
    assert master not in before.masters
    assert world.host.file_id(world.service.daemon) == master.exe_id


def is_stopped(world, before):
    """No process of the service is left, and no stale pidfile."""
    assert [] == world.daemon.own()
    assert not names_nobody(world, world.service.pidfile)
    assert not names_nobody(world, world.service.oldbin)


def is_reloaded(world, before):
    """Only workers that were not there before take requests."""
    assert world.daemon.takers(), "workers serve"
    assert [] == [w for w in world.daemon.takers() if w in before.workers]


def is_upgraded(world, before):
    """All that a start promises, and the master runs the binary on disk."""
    master = runs(world, before)
    assert world.host.file_id(world.service.daemon) == master.exe_id


def has_let_go(world, before):
    """No process writes to a log that was renamed."""
    if not world.rotated_meanwhile:
        held = {file.path for one in world.daemon.own() for file in one.appends.values()}
        assert held <= set(world.daemon.logs)


def is_restarted_if_it_ran(world, before):
    """It runs anew if it ran, and was not on its way out."""
    if before.masters and not before.stopping:
        runs_anew(world, before)


PROMISES = {
    "start": is_up,
    "restart": runs_anew,
    "try-restart": is_restarted_if_it_ran,
    "stop": is_stopped,
    "force-quit": is_stopped,
    "reload": is_reloaded,
    "force-reload": is_reloaded,
    "upgrade": is_upgraded,
    "reopen": has_let_go,
}


def calls(daemon, action):
    """Return how many calls of the system an action takes if nothing befalls the service."""
    world = World(daemon, running=True)
    world.host.calls = 0
    world.run(action)
    return world.host.calls


NOW = st.just(0)
LATER = st.integers(1, max(calls(daemon, action) for daemon in MODELS for action in ACTIONS))
STEPS = st.one_of(
    st.tuples(st.sampled_from(sorted(ACTIONS)), NOW),
    st.tuples(st.sampled_from(sorted(FAULTS)), NOW),
    st.tuples(st.sampled_from(sorted(FAULTS)), LATER),
    st.tuples(st.just("script killed"), LATER),
)


def play(daemon, running, steps, last, *, shared=False):
    """Play a sequence; in the end, all being healed, the *last* action must succeed."""
    world = World(daemon, running=running, shared=shared)
    for name, moment in steps:
        if name in ACTIONS:
            world.act(name)
        elif moment:
            world.coming.append((moment, name))
        else:
            world.befall(name)
    world.heal()
    code = world.act(last)
    if last == "upgrade" and code != ExitCode.OK and world.daemon.alive_masters():
        code = world.act(last)  # a new binary was hanging from before, and is ended now
    if code == ExitCode.NOT_RUNNING or (code != ExitCode.OK and world.daemon.crippled()):
        code = world.act("restart")
    if last == "stop" and code == ExitCode.GENERIC and world.unjudged():
        is_stopped(world, None)
        assert "cannot be told" in world.said
        return
    assert ExitCode.OK == code, "all being well, it succeeds"


# What this has found, each once: running at first, steps, last.
FOUND = {
    "start killed before it has recorded, and its master killed": (
        True,
        [
            ("force-reload", 0),
            ("QUIT by hand", 0),
            ("script killed", 145),
            ("start", 0),
            ("master killed", 0),
        ],
        "start",
    ),
    "upgrade killed, then start": (True, [("script killed", 25), ("upgrade", 0)], "start"),
    "takeover killed, then start": (True, [("script killed", 60), ("upgrade", 0)], "start"),
    "takeover killed, then reload": (
        True,
        [("script killed", 60), ("upgrade", 0), ("reload", 0)],
        "start",
    ),
    "old master killed while both are up": (
        True,
        [("old master killed", 51), ("upgrade", 0)],
        "upgrade",
    ),
    "master killed in a takeover, its pid recycled": (
        True,
        [("master killed and its pid recycled", 56), ("upgrade", 0)],
        "start",
    ),
    "new master dies, its workers live": (
        True,
        [("binary that dies", 0), ("upgrade", 0), ("reload", 0)],
        "start",
    ),
    "new master dies after the script": (
        True,
        [("script killed", 30), ("binary that dies", 0), ("upgrade", 0)],
        "upgrade",
    ),
    "orphans of the other instance": (
        True,
        [("other instance killed", 0), ("pidfile of the other instance", 0)],
        "start",
    ),
    "other instance recovered by its own script": (
        True,
        [("other instance killed", 7), ("restart", 0), ("other instance started", 0)],
        "upgrade",
    ),
    "two instances killed, one recovered after the other": (
        True,
        [
            ("master killed", 0),
            ("other instance killed", 0),
            ("start", 0),
            ("other instance started", 0),
            ("stop", 0),
        ],
        "start",
    ),
    "another binary by a signal, and its master dies": (
        False,
        [("restart", 0), ("binary that dies", 0), ("USR2 by hand", 0)],
        "start",
    ),
    "script killed when it has told orphans to finish": (
        True,
        [("master killed", 0), ("script killed", 438), ("start", 0)],
        "start",
    ),
    "restart that fails beside a master that a killed one has left": (
        True,
        [
            ("script killed", 120),
            ("restart", 0),
            ("master killed", 160),
            ("restart", 0),
            ("force-reload", 0),
        ],
        "start",
    ),
    "upgrade beside a daemon that hangs since a restart was killed": (
        True,
        [("binary that freezes", 0), ("script killed", 173), ("try-restart", 0)],
        "upgrade",
    ),
    "restart beside a daemon that hangs since a restart was killed": (
        True,
        [("binary that freezes", 0), ("script killed", 198), ("try-restart", 0)],
        "restart",
    ),
    "stop killed while it drains": (
        True,
        [("script killed", 55), ("quick clients", 0), ("restart", 0)],
        "start",
    ),
    "restart killed before it stops anything": (
        True,
        [("script killed", 3), ("try-restart", 0)],
        "upgrade",
    ),
    "restart killed, then a start that fails": (
        True,
        [("script killed", 3), ("try-restart", 0), ("binary that exits", 0), ("start", 0)],
        "upgrade",
    ),
    "start that hangs on the socket": (
        True,
        [("script killed", 61), ("binary that freezes", 0), ("USR2 by hand", 0), ("stop", 0)],
        "restart",
    ),
    "reload of a master just born": (
        True,
        [("script killed", 130), ("try-restart", 0), ("reload", 0)],
        "stop",
    ),
    "takeover killed, and the binary replaced": (
        True,
        [("script killed", 182), ("upgrade", 0), ("new binary", 0)],
        "start",
    ),
    "pidfile garbage while both are up": (
        True,
        [("USR2 by hand", 0), ("force-reload", 0), ("pidfile garbage", 0)],
        "upgrade",
    ),
    "orphans beside a master that does not serve": (
        True,
        [
            ("script killed", 84),
            ("binary that workerless", 0),
            ("old master killed", 0),
            ("restart", 0),
        ],
        "upgrade",
    ),
    "pid recycled between two looks of a stop": (
        True,
        [("master killed and its pid recycled", 16), ("stop", 0)],
        "start",
    ),
    "restart killed, and the start that finishes it": (
        True,
        [("script killed", 47), ("restart", 0), ("script killed", 111), ("start", 0)],
        "restart",
    ),
    "start killed, its daemon hangs, and so does the next test": (
        True,
        [("binary that hangs", 20), ("script killed", 176), ("restart", 0), ("restart", 0)],
        "start",
    ),
    "upgrade of masters that a killed restart has told to end": (
        True,
        [("USR2 by hand", 0), ("quick clients", 0), ("script killed", 198), ("restart", 0)],
        "upgrade",
    ),
    "new master of an upgrade by hand killed": (
        True,
        [("USR2 by hand", 0), ("force-reload", 0), ("master killed", 0)],
        "start",
    ),
    "workers orphaned whose socket has lost its path": (
        True,
        [
            ("master killed and its pid recycled", 66),
            ("script killed", 282),
            ("upgrade", 0),
            ("script killed", 67),
            ("stop", 0),
        ],
        "upgrade",
    ),
    "master killed between two upgrades of one action": (
        True,
        [
            ("script killed", 78),
            ("upgrade", 0),
            ("binary that hangs", 250),
            ("master killed and its pid recycled", 269),
            ("upgrade", 0),
        ],
        "restart",
    ),
    "a restart was killed, another action has been since, and a hand upgrades": (
        True,
        [("script killed", 123), ("try-restart", 0), ("USR2 by hand", 0), ("lock held", 0)],
        "restart",
    ),
    "interrupted while the new master's workers are newborn": (
        True,
        [("interrupt", 218), ("upgrade", 0)],
        "restart",
    ),
}


@pytest.mark.parametrize(("daemon", "found"), [(d, f) for d in MODELS for f in FOUND])
def test_once_found(daemon, found):
    """What was found once is not found again, nor some calls earlier or later."""
    running, steps, last = FOUND[found]
    for shift in range(-6, 7, EVERY):
        shifted = [(name, moment and max(1, moment + shift)) for name, moment in steps]
        play(daemon, running, shifted, last, shared=shift % 2 == 0)


@pytest.fixture
def untraced():
    """Measure no coverage: a line that only chance has run is tested by nobody."""
    tracer = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(tracer)


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("daemon", MODELS)
def test_anything(daemon):
    """What is promised holds, whatever befalls the service, and whenever."""

    @settings(
        max_examples=int(os.environ.get("INITPY_MODEL_EXAMPLES", "2000")),
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        running=st.booleans(),
        steps=st.lists(STEPS, max_size=8),
        last=st.sampled_from(["start", "restart", "stop", "upgrade"]),
        shared=st.booleans(),
    )
    def holds(running, steps, last, shared):
        play(daemon, running, steps, last, shared=shared)

    holds()
