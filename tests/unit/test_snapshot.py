from __future__ import annotations

import pytest
from daemons import FakeFpm, FakeNginx
from fakes import FakeHost
from moments import at_every_look

from initpy.control.stable import require_running
from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.errors import NotInstalled, NotPermitted, NotRunning
from initpy.state.snapshot import master_of, take_snapshot
from initpy.state.titles import workers_of

SILENT = NGINX.replace(master_title=None, worker_titles=(), upgrade=None)


def ids(processes):
    """Return how the library knows those processes."""
    return tuple(process.id for process in processes)


def test_nothing_there(host, nginx):
    """Of a stopped service nothing is seen."""
    seen = take_snapshot(NGINX, host)

    assert (None, None, False, ()) == (seen.master, seen.old_master, seen.upgrading, seen.processes)


def test_running(host, nginx):
    """A right pidfile leads to the master."""
    master = nginx.run()

    seen = take_snapshot(NGINX, host)

    assert (master.id, None, False) == (seen.master, seen.old_master, seen.upgrading)
    assert (master.id,) == seen.processes
    assert not seen.lost


def test_right_pidfile_spares_the_scan(host, nginx):
    """The price does not grow with the host when the pidfile is right."""
    nginx.run()
    for _ in range(1000):
        host.add(argv=("/bin/sh",))
    before = host.looks

    take_snapshot(NGINX, host)

    assert host.looks - before < 6


@pytest.mark.parametrize(
    "facts", [None, {"text": ""}, {"text": "garbage"}, {"kind": "dir"}, {"text": "77", "uid": 33}]
)
def test_lost_pidfile(host, nginx, facts):
    """Whatever stands in the pidfile, the master is found by identity, and the loss told."""
    master = nginx.run()
    del host.files[NGINX.pidfile]
    if facts:
        host.put(NGINX.pidfile, **facts)

    seen = take_snapshot(NGINX, host)

    assert master.id == seen.master
    assert seen.lost


def test_pidfile_of_a_stranger(host, nginx):
    """A number that was given away again is not the master."""
    host.add(77, argv=("/usr/sbin/sshd", "-D"), exe="/usr/sbin/sshd")
    host.put(NGINX.pidfile, "77\n")

    assert take_snapshot(NGINX, host).master is None


def test_untrusted_pidfile_is_a_place_to_look_first(host, fpm):
    """A pidfile that anybody can write is not believed, but identity is."""
    master = fpm.run()
    host.files[PHP_FPM.pidfile].mode = 0o666

    seen = take_snapshot(PHP_FPM, host)

    assert master.id == seen.master
    assert not seen.pidfile.trusted
    assert not seen.lost


def test_binary_alone_needs_a_trusted_pidfile(host):
    """A daemon without a title is its pidfile's word, so that must be good."""
    silent = SILENT.replace(start_args=())
    host.put(NGINX.daemon, mode=0o755)
    master = host.add(exe=NGINX.daemon, argv=(NGINX.daemon,))
    host.put(NGINX.pidfile, f"{master.pid}\n")
    before = take_snapshot(silent, host).master
    host.files[NGINX.pidfile].mode = 0o666

    after = take_snapshot(silent, host).master

    assert (master.id, None) == (before, after)


def test_both_masters(host, nginx):
    """In the middle of an upgrade both are seen, the oldest first."""
    old = nginx.run()
    nginx.usr2(old)
    host.sleep(0.1)
    new = nginx.masters[-1]

    seen = take_snapshot(NGINX, host)

    assert (new.id, old.id) == (seen.master, seen.old_master)
    assert ids([old, new]) == seen.masters
    assert seen.upgrading
    assert not seen.lost


def test_handover(host, nginx):
    """Between rename and new pidfile the old master is the master."""
    old = nginx.run()
    nginx.usr2(old)
    host.sleep(0.002)

    seen = take_snapshot(NGINX, host)

    assert (old.id, None, True) == (seen.master, seen.old_master, seen.handover)
    assert seen.upgrading
    assert not seen.lost


def test_both_pidfiles_name_one(host, nginx):
    """A stale .oldbin that names the master too is no upgrade."""
    master = nginx.run()
    host.put(NGINX.oldbin, f"{master.pid}\n")

    seen = take_snapshot(NGINX, host)

    assert (master.id, None) == (seen.master, seen.old_master)
    assert not seen.upgrading


def test_both_pidfiles_lost_in_an_upgrade(host, nginx):
    """Without any pidfile, who is whose parent tells the old master from the new."""
    old = nginx.run()
    nginx.usr2(old)
    host.sleep(1)
    del host.files[NGINX.pidfile], host.files[NGINX.oldbin]

    seen = take_snapshot(NGINX, host)

    assert (nginx.masters[-1].id, old.id, ()) == (seen.master, seen.old_master, seen.others)


def test_oldbin_lost_in_an_upgrade(host, nginx):
    """The parent of a master is the old master, and the upgrade is unfinished."""
    old = nginx.run()
    nginx.usr2(old)
    host.sleep(0.1)
    del host.files[NGINX.oldbin]
    before = host.looks

    seen = take_snapshot(NGINX, host)

    assert (old.id, nginx.masters[-1].id) == seen.masters
    assert seen.upgrading
    assert host.looks - before < 10


def test_infant_worker_is_no_master(host, nginx):
    """A worker that was forked this moment bears its master's title, and is none."""
    master = nginx.run()
    host.add(ppid=master.pid, title=master.title, exe=master.exe)
    del host.files[NGINX.pidfile]

    seen = take_snapshot(NGINX, host, thorough=True)

    assert ids([master]) == seen.masters


def test_further_master_is_seen_by_a_thorough_look(host, nginx):
    """A second master that nobody has written down is found when it matters."""
    master, second = nginx.run(), nginx.new_master()

    quick, thorough = take_snapshot(NGINX, host), take_snapshot(NGINX, host, thorough=True)

    assert ids([master]) == quick.masters
    assert ids([second, master]) == thorough.masters


@pytest.mark.parametrize("thorough", [False, True])
def test_another_instance_is_a_stranger(host, nginx, thorough):
    """Of the same binary with another configuration nothing is ours."""
    other = nginx.new_master(title=f"nginx: master process {NGINX.daemon} -c /etc/other.conf")
    nginx.new_workers(other, infancy=0)

    assert () == take_snapshot(NGINX, host, thorough=thorough).processes


def test_orphans(host, nginx):
    """Workers whose master was killed are seen, by the session that the pidfile names."""
    master = nginx.run()
    workers = nginx.workers(master)
    host.end(master)

    seen = take_snapshot(NGINX, host)

    assert None is seen.master
    assert ids(workers) == seen.orphans == seen.processes


def test_orphans_of_an_old_master(host, nginx):
    """Workers of an old master that was killed in an upgrade are orphans too."""
    old = nginx.run()
    nginx.usr2(old)
    host.sleep(0.1)
    workers = nginx.workers(old)
    host.end(old)

    assert ids(workers) == take_snapshot(NGINX, host, thorough=True).orphans


def test_orphans_of_another_instance_are_not_ours(host, nginx):
    """Workers that listen where our configuration does not say are another instance's."""
    nginx.run()
    other = nginx.new_master(sockets={1: "0.0.0.0:81"})
    nginx.new_workers(other, infancy=0)
    host.end(other)

    seen = take_snapshot(NGINX, host, thorough=True)

    assert ((), ()) == (seen.orphans, seen.unjudged)


def scene():
    """Return a host, and a master there that no pidfile names."""
    host = FakeHost()
    return host, FakeNginx(host).new_master()


@at_every_look(scene, lambda host, _: take_snapshot(NGINX, host))
def test_process_that_ends_while_we_look(number, host, ghost):
    """A master may end between any two looks: it is found, or it is not."""
    host.before_look(number, lambda: host.end(ghost))

    seen = take_snapshot(NGINX, host)

    assert seen.masters in ((), (ghost.id,))


def test_workers_of_a_master(host, nginx):
    """Only what is titled as a worker is one; what ends meanwhile is left out."""
    master = nginx.run()
    host.add(ppid=master.pid, title="/bin/sh -c logger")
    host.add(ppid=master.pid, title=nginx.worker, state="Z")
    expected = {worker.id: nginx.worker for worker in nginx.workers(master)[:2]}

    assert expected == workers_of(NGINX, master.id, host)


def test_master_of(host, nginx):
    """It returns a proven process, or says that there is none."""
    with pytest.raises(NotRunning):
        master_of(NGINX, host)

    assert nginx.run().id == master_of(NGINX, host)


def test_running_asks_for_permission(host, nginx):
    """A master that is not ours to signal is 4, not 7."""
    nginx.run()
    host.euid = 33

    with pytest.raises(NotPermitted):
        require_running(NGINX, host)


def test_missing_daemon_of_a_stopped_service_is_not_installed(host):
    """What needs a running service is 5, not 7, where it cannot even be started."""
    host.remove(NGINX.daemon)

    with pytest.raises(NotInstalled):
        require_running(NGINX, host)


@pytest.mark.parametrize("service", [NGINX, PHP_FPM], ids=lambda service: service.name)
def test_newborn_workers_of_a_busy_host(host, service):
    """A worker that has not come to write its own title is no master, however long that takes."""
    daemon = (FakeNginx if service is NGINX else FakeFpm)(host, service)
    master = daemon.run()
    host.add(ppid=master.pid, title=master.title, session=master.session)
    host.sleep(5)
    host.add(ppid=master.pid, title=master.title, session=master.session, uid=33)

    seen = take_snapshot(service, host, thorough=True)

    assert (master.id,) == seen.masters


def test_orphans_beside_a_newborn_worker(host, nginx):
    """A worker of ours that has its user already, and no title yet, is no other instance."""
    master = nginx.run()
    host.add(ppid=master.pid, title=master.title, session=master.session, uid=33)
    more = {"session": master.session, "exe": NGINX.daemon, "sockets": {1: nginx.place}}
    orphan = host.add(title=nginx.worker, **more)

    assert (orphan.id,) == take_snapshot(NGINX, host, thorough=True).orphans


def starting_scene():
    """Return a host, a php-fpm, and the command that starts it, which still runs."""
    host = FakeHost()
    fpm = FakeFpm(host)
    for _ in range(3):
        host.add(title="sleep 1000", exe="/bin/sleep")
    command = tuple(PHP_FPM.command(PHP_FPM.start_args))
    return host, fpm, host.add(argv=command, exe=PHP_FPM.daemon)


@at_every_look(starting_scene, lambda host, *_: take_snapshot(PHP_FPM, host, thorough=True))
def test_daemon_that_goes_to_the_background_meanwhile(number, host, fpm, parent):
    """It is seen, although whoever was listed is dead when looked at, and who is born is not."""

    def go():
        fpm.run()
        host.end(parent)

    host.before_look(number, go)

    assert take_snapshot(PHP_FPM, host, thorough=True).processes


@at_every_look(starting_scene, lambda host, *_: take_snapshot(PHP_FPM, host, thorough=True))
def test_daemon_that_goes_to_the_background_and_exits(number, host, fpm, parent):
    """The same while its first process exits: that is listed, and has no memory any more."""

    def go():
        fpm.run()
        parent.argv, parent.exe, parent.exiting = (), None, True

    host.before_look(number, go)

    assert take_snapshot(PHP_FPM, host, thorough=True).processes


def reloading_scene():
    """Return a host, and a master of php-fpm that no pidfile names."""
    host = FakeHost()
    fpm = FakeFpm(host)
    fpm.run()
    return host, fpm.new_master()


@at_every_look(reloading_scene, lambda host, *_: take_snapshot(PHP_FPM, host, thorough=True))
def test_master_that_executes_itself_meanwhile(number, host, master):
    """It has no arguments for a moment: whichever look that falls on, it is seen."""
    argv = tuple(PHP_FPM.command(PHP_FPM.start_args))
    host.before_look(number, lambda: setattr(master, "argv", ()))
    host.before_look(number + 1, lambda: setattr(master, "argv", argv))

    seen = take_snapshot(PHP_FPM, host, thorough=True)

    assert seen.executing or master.id in seen.processes
