"""What nginx and php-fpm do when they are asked: those in memory, and the real ones.

The library rests on every sentence here. The real daemons need root and their packages.
"""

from __future__ import annotations

import os
import signal
from contextlib import closing

import pytest
from daemons import FakeFpm, FakeNginx
from fakes import FakeHost
from real_daemons import Fpm, Nginx, Place

from initpy.host.wait import wait_until
from initpy.protocols.sockets.inherit import InheritedSockets
from initpy.state.identity import is_master
from initpy.state.idle import is_idle
from initpy.state.titles import workers_of

REQUESTS = ("HUP", "USR1", "USR2", "WINCH", "QUIT", "TERM", "INT")


class InMemory:
    """A daemon in memory to try promises on, installed and stopped."""

    def __init__(self, fake):
        self.daemon = fake
        self.service, self.host = fake.service, fake.host

    def break_configuration(self):
        """Have a directive in the configuration that is none."""
        self.daemon.bad = True

    def put_binary(self, kind):
        """Put another binary on disk: as good as the first; one that "fails", or "freezes"."""
        self.daemon.replace(kind)

    def log_accesses(self):
        """Have an access log, if there is none anyway."""
        if self.daemon.access_log not in self.daemon.logs:
            self.daemon.logs.append(self.daemon.access_log)

    def rotate(self):
        """Rename the access log; return its path."""
        self.host.rename(self.daemon.access_log, f"{self.daemon.access_log}.1")
        return self.daemon.access_log


class Real(InMemory):
    """A private daemon of the machine we run on, installed and stopped."""

    def __init__(self, site):
        self.site = site
        self.service, self.host = site.service, site.host

    def break_configuration(self):
        """Have a directive in the configuration that is none."""
        with open(self.site.config, "a") as file:
            file.write("\nno such directive;\n")

    def put_binary(self, kind):
        """Put another binary on disk: as good as the first; one that "fails", or "freezes"."""
        if kind == "good":
            self.site.replace_binary()
        else:
            sleep = self.site.place.tool("sleep")
            self.site.fake_binary({"fails": "exit 1", "freezes": f"exec {sleep} 600"}[kind])

    def log_accesses(self):
        """Have an access log, if there is none anyway."""
        if self.service.reload_execs:
            self.site.configure(pool=f"access.log = {self.site.path('access.log')}")

    def rotate(self):
        """Rename the access log; return its path."""
        path = self.site.path("access.log")
        os.rename(path, path + ".1")
        return path


class UnixFpm(Fpm):
    """A private php-fpm on a unix socket."""

    def configure(self, **changes):
        """Write its configuration."""
        self.listen = self.path("fpm.sock")
        super().configure(**changes)


FAKES, SITES = {"nginx": FakeNginx, "php-fpm": FakeFpm}, {"nginx": Nginx, "php-fpm": UnixFpm}


def both(*kinds):
    """Return a fixture: each of these daemons, in memory and real, installed and stopped."""
    params = [
        pytest.param((kind, side), id=f"{kind}, {side}", marks=marks)
        for side, marks in (("fake", ()), ("real", pytest.mark.real))
        for kind in kinds
    ]

    @pytest.fixture(params=params)
    def tried(request):
        kind, side = request.param
        if "fake" == side:
            yield InMemory(FAKES[kind](FakeHost()))
            return
        if os.geteuid() != 0:
            raise AssertionError("tests on real daemons need root: run them as root")
        with closing(Place()) as place:
            yield Real(SITES[kind](place))

    return tried


nginx, fpm, daemon = both("nginx"), both("php-fpm"), both("nginx", "php-fpm")


# What is done, and what is seen.


def see(daemon, probe, what="it to happen"):
    """Wait until *probe* returns something true; return that."""
    return wait_until(probe, within=10, host=daemon.host, what=what)


def command(daemon, args):
    """Run the daemon with arguments; return its exit code and what it said."""
    child = daemon.host.spawn(daemon.service.command(args))
    see(daemon, lambda: child.poll() is not None, "the command to end")
    code, said = child.poll(), child.output()
    child.close()
    return code, said


def start(daemon):
    """Start it; return its master once its workers are there."""
    code, said = command(daemon, daemon.service.start_args)
    assert 0 == code, said
    return up(daemon)


def up(daemon, *others):
    """Return the master that the pidfile names, another one than *others*, with its workers."""

    def master():
        found = named(daemon)
        return found if found not in others and 2 == len(workers(daemon, found)) else None

    return see(daemon, master, "master and workers")


def named(daemon, path=""):
    """Return the process that the pidfile, or another file, names, if there is one."""
    facts = daemon.host.examine(path or daemon.service.pidfile, 32)
    number = facts.text.strip() if facts else ""
    return daemon.host.find(int(number)) if number else None


def workers(daemon, master):
    """Return the workers of a master, if there is one."""
    return set(workers_of(daemon.service, master, daemon.host)) if master else set()


def serving(daemon, master):
    """Return those that take requests."""
    draining = daemon.service.draining_title
    titles = workers_of(daemon.service, master, daemon.host)
    return {one for one, title in titles.items() if not (draining and title.startswith(draining))}


def ask(daemon, process, name):
    """Send a process a signal."""
    assert daemon.host.kill(process, getattr(signal, f"SIG{name}"))


def alive(daemon, process):
    """Tell whether it lives."""
    return daemon.host.find(process.pid) == process


def see_gone(daemon, *processes):
    """Wait until they have ended."""
    see(daemon, lambda: not any(alive(daemon, one) for one in processes), f"{processes} to end")


def parent(daemon, process):
    """Return the number of its parent."""
    return daemon.host.look(process.pid).ppid


def appended(daemon, process):
    """Return the paths to which a process appends, by the descriptors that it has opened."""
    found = daemon.host.descriptors(process).appended
    return {one.fd: one.path for one in found if one.fd > 2}


def said(daemon, master):
    """Return the error log that a master has open."""
    return daemon.host.read_from(f"/proc/{master.pid}/fd/2", 0)


def upgrade(daemon):
    """Ask for a new master; return the old and the new one, both serving."""
    old = start(daemon)
    ask(daemon, old, "USR2")
    return old, up(daemon, old)


# Both of them


def test_start(daemon):
    """The command ends with 0; then a master serves whose pidfile names it, init's child."""
    master = start(daemon)

    assert is_master(daemon.service, daemon.host.look(master.pid), daemon.host)
    assert daemon.host.reaper() == parent(daemon, master)
    assert set(daemon.host.children(master)) == workers(daemon, master)
    assert daemon.host.look(master.pid).session == master.pid
    listens = daemon.host.listening_places(master)
    assert listens
    assert all(listens == daemon.host.listening_places(one) for one in workers(daemon, master))


def test_second_start(daemon):
    """Where it runs already the command fails, and what runs has not noticed."""
    master = start(daemon)
    before = workers(daemon, master)

    code, _ = command(daemon, daemon.service.start_args)

    assert 0 != code
    assert (master, before) == (named(daemon), workers(daemon, master))


def test_configuration_test(daemon):
    """The test of the configuration ends with 0 if it is good, and says why if it is not."""
    good, _ = command(daemon, daemon.service.test_args)
    daemon.break_configuration()

    bad, why = command(daemon, daemon.service.test_args)

    assert 0 == good
    assert 0 != bad
    assert "emerg" in why or "ERROR" in why


def test_worker_ends(daemon):
    """A worker that ends, killed or not, is replaced by its master."""
    master = start(daemon)
    for sig in ("KILL", "TERM", "QUIT"):
        worker = min(workers(daemon, master), key=lambda one: one.pid)

        ask(daemon, worker, sig)

        see_gone(daemon, worker)
        see(daemon, lambda: 2 == len(workers(daemon, master)), "another worker")


def test_kill(daemon):
    """KILL ends the master alone: its workers listen on, init's children; the pidfile stays."""
    master = start(daemon)
    orphans = workers(daemon, master)
    listens = daemon.host.listening_places(master)

    ask(daemon, master, "KILL")
    see_gone(daemon, master)

    assert all(alive(daemon, one) for one in orphans)
    assert {daemon.host.reaper()} == {parent(daemon, one) for one in orphans}
    assert all(listens == daemon.host.listening_places(one) for one in orphans)
    assert f"{master}" == daemon.host.examine(daemon.service.pidfile, 32).text.strip()


@pytest.mark.parametrize("sig", ["QUIT", "TERM"])
def test_orphan(daemon, sig):
    """A worker without a master still ends on QUIT and on TERM."""
    master = start(daemon)
    orphans = workers(daemon, master)
    ask(daemon, master, "KILL")
    see_gone(daemon, master)

    for orphan in orphans:
        ask(daemon, orphan, sig)

    see_gone(daemon, *orphans)


@pytest.mark.parametrize("sig", ["QUIT", "TERM", "INT"])
def test_end(daemon, sig):
    """The master ends with its workers, and removes its pidfile."""
    master = start(daemon)
    family = {master, *workers(daemon, master)}

    ask(daemon, master, sig)

    see_gone(daemon, *family)
    assert not daemon.host.exists(daemon.service.pidfile)


def test_end_with_a_pidfile_of_another(daemon):
    """It removes the pidfile whoever that names."""
    master = start(daemon)
    daemon.host.write(daemon.service.pidfile, "99999\n")

    ask(daemon, master, "TERM")

    see_gone(daemon, master)
    assert not daemon.host.exists(daemon.service.pidfile)


def test_requests(daemon):
    """It catches the signals that are requests to it. HUP only Debian's php-fpm does."""
    master = start(daemon)

    caught = daemon.host.signals(master).caught

    heeded = {name for name in REQUESTS if caught >> (getattr(signal, f"SIG{name}") - 1) & 1}
    others = {"HUP", "WINCH"} if daemon.service.reload_execs else set()
    assert set(REQUESTS) - others == heeded - others


def test_idle(daemon):
    """After a signal the master is idle again, and then it has done what it was told."""
    daemon.log_accesses()
    master = start(daemon)
    see(daemon, lambda: is_idle(master, daemon.host), "the master to be idle")
    path = daemon.rotate()

    ask(daemon, master, "USR1")
    see(daemon, lambda: is_idle(master, daemon.host), "the master to be idle again")

    assert path in appended(daemon, master).values()
    assert f"{path}.1" not in appended(daemon, master).values()


def test_harmless(daemon):
    """CHLD is harmless to a master whose children all live."""
    master = start(daemon)
    family = {master, *workers(daemon, master)}

    ask(daemon, master, "CHLD")
    see(daemon, lambda: is_idle(master, daemon.host), "the master to be idle again")

    assert family == {named(daemon), *workers(daemon, master)}


# nginx


def test_nginx_usr2(nginx):
    """USR2 renames the pidfile to .oldbin and starts a new master, a child of the old one."""
    old = start(nginx)
    before = workers(nginx, old)

    ask(nginx, old, "USR2")
    new = up(nginx, old)

    assert old == named(nginx, nginx.service.oldbin)
    assert old.pid == parent(nginx, new)
    assert before == workers(nginx, old)
    assert nginx.host.listening_places(old) == nginx.host.listening_places(new)
    assert nginx.host.socket_inodes(old) & nginx.host.socket_inodes(new)


def test_nginx_usr2_again(nginx):
    """While both masters live neither heeds another USR2."""
    old, new = upgrade(nginx)
    family = {*nginx.host.children(old), *nginx.host.children(new)}

    ask(nginx, old, "USR2")
    ask(nginx, new, "USR2")
    # HUP comes after it: what it does shows that both have taken USR2.
    ask(nginx, new, "HUP")

    def renewed():
        fresh = workers(nginx, new)
        return fresh and not fresh & family and set(nginx.host.children(new)) == fresh

    see(nginx, renewed, "new workers alone")
    assert set(nginx.host.children(old)) == {new, *workers(nginx, old)}
    assert (new, old) == (named(nginx), named(nginx, nginx.service.oldbin))


@pytest.mark.parametrize("sig", ["QUIT", "TERM"])
def test_nginx_old_master_ends(nginx, sig):
    """In an upgrade the old master removes .oldbin; the new one is init's child, and stays."""
    old, new = upgrade(nginx)
    family = {old, *workers(nginx, old)}

    ask(nginx, old, sig)
    see_gone(nginx, *family)

    assert new == named(nginx)
    assert not nginx.host.exists(nginx.service.oldbin)
    assert nginx.host.reaper() == parent(nginx, new)


@pytest.mark.parametrize("sig", ["QUIT", "TERM", "KILL"])
def test_nginx_new_master_ends(nginx, sig):
    """If the new master ends, the old one takes its pidfile back."""
    old, new = upgrade(nginx)

    ask(nginx, new, sig)

    see_gone(nginx, new)
    see(nginx, lambda: old == named(nginx), "the pidfile to come back")
    assert not nginx.host.exists(nginx.service.oldbin)
    assert 2 == len(workers(nginx, old))


def test_nginx_third_master(nginx):
    """Once the old master has ended, the new one heeds USR2."""
    old, new = upgrade(nginx)
    ask(nginx, old, "QUIT")
    see_gone(nginx, old)

    ask(nginx, new, "USR2")
    third = up(nginx, new)

    assert new.pid == parent(nginx, third)


def test_nginx_binary_that_fails(nginx):
    """A new binary that ends: the pidfile comes back by itself, renamed twice."""
    old = start(nginx)
    before = nginx.host.version(nginx.service.pidfile)
    nginx.put_binary("fails")

    ask(nginx, old, "USR2")
    see(nginx, lambda: nginx.host.version(nginx.service.pidfile) not in (None, before), "it")

    assert old == named(nginx)
    assert not nginx.host.exists(nginx.service.oldbin)
    see(nginx, lambda: workers(nginx, old) == set(nginx.host.children(old)), "no other child")


def test_nginx_usr2_with_a_bad_configuration(nginx):
    """A new master that cannot read its configuration says so in the old one's log."""
    old = start(nginx)
    before = nginx.host.version(nginx.service.pidfile)
    nginx.break_configuration()

    ask(nginx, old, "USR2")
    see(nginx, lambda: nginx.host.version(nginx.service.pidfile) not in (None, before), "it")

    assert "[emerg]" in said(nginx, old)
    assert old == named(nginx)


def test_nginx_binary_that_hangs(nginx):
    """A new binary that hangs is a child that holds the sockets, with its signals blocked."""
    old = start(nginx)
    nginx.put_binary("freezes")

    ask(nginx, old, "USR2")
    see(nginx, lambda: old == named(nginx, nginx.service.oldbin), ".oldbin")
    others = lambda: set(nginx.host.children(old)) - workers(nginx, old)  # noqa: E731
    (hung,) = see(nginx, others, "the new binary")

    blocked = nginx.host.signals(hung).blocked
    assert all(blocked >> (getattr(signal, f"SIG{name}") - 1) & 1 for name in REQUESTS)
    assert nginx.host.socket_inodes(old) & nginx.host.socket_inodes(hung)
    assert not nginx.host.exists(nginx.service.pidfile)


def test_nginx_usr2_without_a_pidfile(nginx):
    """Without a pidfile it abandons the upgrade, and says so."""
    old = start(nginx)
    nginx.host.remove(nginx.service.pidfile)

    ask(nginx, old, "USR2")
    see(nginx, lambda: "[alert]" in said(nginx, old), "its words")

    assert "rename()" in said(nginx, old)
    assert workers(nginx, old) == set(nginx.host.children(old))


def test_nginx_winch(nginx):
    """WINCH ends the workers and keeps the master."""
    master = start(nginx)

    ask(nginx, master, "WINCH")

    see(nginx, lambda: not nginx.host.children(master), "no workers")
    assert master == named(nginx)


def test_nginx_hup_after_winch(nginx):
    """In an upgrade HUP makes the old master start its workers again, whatever is configured."""
    old, new = upgrade(nginx)
    ask(nginx, old, "WINCH")
    see(nginx, lambda: not workers(nginx, old), "no workers")
    nginx.break_configuration()

    ask(nginx, old, "HUP")

    see(nginx, lambda: 2 == len(serving(nginx, old)), "workers")
    assert new == named(nginx)
    assert "[emerg]" not in said(nginx, old)


@pytest.mark.parametrize("sig", ["TERM", "KILL"])
def test_nginx_new_master_ends_after_winch(nginx, sig):
    """If the new master ends, an old one without workers starts them again."""
    old, new = upgrade(nginx)
    ask(nginx, old, "WINCH")
    see(nginx, lambda: not workers(nginx, old), "no workers")

    ask(nginx, new, sig)

    see(nginx, lambda: 2 == len(serving(nginx, old)), "workers")
    assert old == named(nginx)


def test_nginx_hup(nginx):
    """HUP starts new workers under the same master, and then ends the old ones."""
    master = start(nginx)
    before = workers(nginx, master)

    ask(nginx, master, "HUP")
    see(nginx, lambda: len(serving(nginx, master) - before) == 2, "new workers")
    see_gone(nginx, *before)

    assert master == named(nginx)
    assert 2 == len(workers(nginx, master))


def test_nginx_hup_with_a_bad_configuration(nginx):
    """HUP with a bad configuration keeps the old workers, and its pid stands by the reason."""
    master = start(nginx)
    before = workers(nginx, master)
    nginx.break_configuration()

    ask(nginx, master, "HUP")
    see(nginx, lambda: f"[emerg] {master}#" in said(nginx, master), "its words")

    assert before == serving(nginx, master)


def test_nginx_usr1(nginx):
    """USR1 opens the logs anew, the workers' too."""
    master = start(nginx)
    path = nginx.rotate()

    ask(nginx, master, "USR1")

    family = {master, *workers(nginx, master)}
    anew = lambda: all(path in appended(nginx, one).values() for one in family)  # noqa: E731
    see(nginx, anew, "the logs to be opened")


def test_nginx_usr1_without_a_rotation(nginx):
    """USR1 opens every log on another descriptor, though it is the same file."""
    master = start(nginx)
    before = appended(nginx, master)

    ask(nginx, master, "USR1")
    see(nginx, lambda: appended(nginx, master) != before, "other descriptors")
    see(nginx, lambda: is_idle(master, nginx.host), "the master to be idle again")

    after = appended(nginx, master)
    assert set(before.values()) == set(after.values())
    assert set() == set(before.items()) & set(after.items())


def test_nginx_usr1_beside_a_reload_that_is_refused(nginx):
    """USR1 is skipped in the turn in which a reload is refused, and heeded with the next signal."""
    master = start(nginx)
    before = appended(nginx, master)
    nginx.break_configuration()

    for name in ("STOP", "HUP", "USR1", "CONT"):
        ask(nginx, master, name)
    see(nginx, lambda: f"[emerg] {master}#" in said(nginx, master), "the refusal")
    see(nginx, lambda: is_idle(master, nginx.host), "the master to be idle again")
    skipped = appended(nginx, master)
    ask(nginx, master, "CHLD")
    see(nginx, lambda: appended(nginx, master) != before, "other descriptors")

    assert before == skipped


def test_nginx_inherits(nginx):
    """On inherited sockets it stays its parent's child, deaf to USR2 until that has ended."""
    dead = start(nginx)
    orphans = workers(nginx, dead)
    ask(nginx, dead, "KILL")
    see_gone(nginx, dead)
    with InheritedSockets(nginx.service, orphans, nginx.host) as inheritance:
        started = nginx.host.launch(
            nginx.service.command(nginx.service.start_args),
            environment=inheritance.environment,
            descriptors=inheritance.descriptors,
        )
    master = up(nginx)
    bred = started.launcher.pid == parent(nginx, master)
    before = workers(nginx, master)

    ask(nginx, master, "USR2")
    ask(nginx, master, "HUP")
    see(nginx, lambda: not before & workers(nginx, master), "HUP, which comes after it")
    # A worker that was just born has its master's title still.
    children = lambda: set(nginx.host.children(master))  # noqa: E731
    see(nginx, lambda: children() == workers(nginx, master), "no child but workers")
    started.close()
    ask(nginx, master, "USR2")
    new = up(nginx, master)

    assert bred
    orphan = min(orphans, key=lambda one: one.pid)
    assert nginx.host.socket_inodes(orphan) & nginx.host.socket_inodes(new)


# php-fpm


def test_fpm_start(fpm):
    """The command of a start does not end before the pidfile names the master."""
    code, _ = command(fpm, fpm.service.start_args)

    assert 0 == code
    assert named(fpm) is not None


def test_fpm_usr2(fpm):
    """USR2 ends the workers and executes it anew: another pid, the same socket, new workers."""
    old = start(fpm)
    before = {old, *workers(fpm, old)}
    sockets = fpm.host.socket_inodes(old)

    ask(fpm, old, "USR2")
    new = up(fpm, old)
    see_gone(fpm, *before)

    assert new == named(fpm)
    assert sockets & fpm.host.socket_inodes(new)
    assert all(fpm.host.exists(place) for place in fpm.host.listening_places(new))


def test_fpm_usr2_with_a_bad_configuration(fpm):
    """If it cannot come up then, nobody serves any more."""
    old = start(fpm)
    before = {old, *workers(fpm, old)}
    fpm.break_configuration()

    ask(fpm, old, "USR2")

    see_gone(fpm, *before)
    see(fpm, lambda: named(fpm) is None, "nobody")


@pytest.mark.parametrize("sig", ["QUIT", "TERM"])
def test_fpm_end(fpm, sig):
    """QUIT and TERM unlink its socket, too."""
    master = start(fpm)
    (place,) = fpm.host.listening_places(master)
    there = fpm.host.exists(place)

    ask(fpm, master, sig)
    see_gone(fpm, master)

    assert (True, False) == (there, fpm.host.exists(place))


def test_fpm_start_after_a_crash(fpm):
    """A socket that nobody listens on is no obstacle."""
    master = start(fpm)
    family = {master, *workers(fpm, master)}
    for one in (master, *(family - {master})):
        ask(fpm, one, "KILL")
    see_gone(fpm, *family)

    assert master != start(fpm)


def test_fpm_inherits(fpm):
    """A second master on FPM_SOCKETS takes the sockets and the pidfile, beside the first."""
    old = start(fpm)
    before = workers(fpm, old)

    new = beside(fpm, old)

    assert before == workers(fpm, old)
    assert fpm.host.socket_inodes(old) & fpm.host.socket_inodes(new)
    assert fpm.host.reaper() == parent(fpm, new)


@pytest.mark.parametrize("accesses", [True, False])
def test_fpm_usr1(fpm, accesses):
    """USR1 opens each log on the same descriptor; workers that hold an access.log are replaced."""
    if accesses:
        fpm.log_accesses()
    master = start(fpm)
    before, crew = appended(fpm, master), workers(fpm, master)
    files = {one.file for one in fpm.host.descriptors(master).appended if one.fd > 2}
    for path in before.values():
        fpm.host.remove(path)

    ask(fpm, master, "USR1")
    anew = lambda: not any("deleted" in path for path in appended(fpm, master).values())  # noqa: E731
    see(fpm, anew, "the logs to be opened")
    see(fpm, lambda: is_idle(master, fpm.host), "the master to be idle again")
    see(fpm, lambda: bool(workers(fpm, master) & crew) != accesses, "its workers")

    assert before == appended(fpm, master)
    assert not files & {one.file for one in fpm.host.descriptors(master).appended}


def test_fpm_worker_has_no_error_log(fpm):
    """A worker appends to the access.log, on its master's descriptor, and to nothing else."""
    fpm.log_accesses()
    master = start(fpm)

    held = [appended(fpm, one) for one in workers(fpm, master)]

    mine = appended(fpm, master)
    assert 2 == len(mine)
    assert [1, 1] == [len(one) for one in held]
    assert all(one.items() <= mine.items() for one in held)


def beside(fpm, old):
    """Start a second master on the sockets of the first; return it."""
    with InheritedSockets(fpm.service, [old], fpm.host) as inheritance:
        child = fpm.host.spawn(
            fpm.service.command(fpm.service.start_args),
            environment=inheritance.environment,
            descriptors=inheritance.descriptors,
        )
    see(fpm, lambda: child.poll() is not None, "the command to end")
    assert 0 == child.poll()
    child.close()
    return up(fpm, old)


@pytest.mark.parametrize("sig", ["QUIT", "TERM"])
def test_fpm_first_of_two_ends(fpm, sig):
    """The first of two removes pidfile and socket, which are the second's by now."""
    old = start(fpm)
    new = beside(fpm, old)
    (place,) = fpm.host.listening_places(new)

    ask(fpm, old, sig)
    see_gone(fpm, old)

    assert alive(fpm, new)
    assert not fpm.host.exists(place)
    assert not fpm.host.exists(fpm.service.pidfile)
