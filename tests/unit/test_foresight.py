"""What a reload of php-fpm foresees, and what comes of it."""

from __future__ import annotations

import pytest

from initpy.actions.reload import reload as reload_action
from initpy.actions.upgrade import upgrade
from initpy.contracts import Configuration, Pool
from initpy.daemons.php_fpm import PHP_FPM
from initpy.errors import ConfigTestFailed, InitError, NotPermitted, Reverted
from initpy.host import BoundSocket, Holder
from initpy.protocols.foresight.trials import Foreseen, foresee
from initpy.protocols.reexec import reload

OLD = "/run/php/php8.2-fpm.sock"  # where FakeFpm listens
GONE = "pool www1 cannot listen on /run/gone/x.sock: /run/gone: No such file or directory"


@pytest.fixture
def master(fpm):
    """Return a master that listens on OLD."""
    return fpm.run().id


def seen(host, master, *places, config=None, **facts):
    """Return what is foreseen of a configuration whose pools try these places, each alone."""
    pools = (Pool(name=f"p{n}", binds=((at,),), **facts) for n, at in enumerate(places))
    config = (config or Configuration()).replace(pools=tuple(pools))
    return foresee(PHP_FPM, config, master, host)


@pytest.mark.parametrize(
    "places",
    [
        (OLD,),
        (OLD, OLD, "127.0.0.1:9000", "127.0.0.1:9001"),
        ("127.0.0.1:9000", "127.0.0.1:9000"),
        ("127.0.0.1:9000", "[::1]:9000", "127.0.0.2:9000"),
        ("/run/php/new.sock", "/run/php/stale.sock", "/run/php/file"),
    ],
)
def test_what_can_be_had(host, master, places):
    """Places that are held already, shared by pools, new, or whose path is stale."""
    host.put("/run/php/stale.sock", kind="socket")
    host.put("/run/php/file")

    assert Foreseen() == seen(host, master, *places)


def test_master_that_ends_meanwhile(host, master, monkeypatch):
    """What is missing for a master that is gone tells nothing."""
    spot = host.spot

    def ended(process, path):
        monkeypatch.setattr(host, "spot", spot)
        host.end(host.processes[master.pid])
        return spot(process, path)

    monkeypatch.setattr(host, "spot", ended)

    assert None is seen(host, master, "/run/php/new.sock")


@pytest.mark.parametrize("action", [upgrade, reload_action])
def test_master_that_executes_itself_anew_meanwhile(host, fpm, monkeypatch, action):
    """It is looked again, by the master that there is then."""
    old = fpm.run()
    spot = host.spot

    def replaced(process, path):
        monkeypatch.setattr(host, "spot", spot)
        host.end(old)
        fpm.run()
        return spot(process, path)

    monkeypatch.setattr(host, "spot", replaced)

    action(PHP_FPM, host)

    assert 1 == len(fpm.serving())


def test_held_by_the_letters_of_its_name(host, master):
    """The service's own socket by another name is in the way: it is still open."""
    host.put("/run/php/link", OLD, kind="link")

    foreseen = seen(host, master, "/run/php/link")

    (refused,) = foreseen.refused
    assert refused == (
        f"pool p0 cannot listen on /run/php/link: this service itself has it as {OLD}, "
        "until it is restarted"
    )


def test_address_that_another_program_has(host, master):
    """It is named."""
    host.add(sockets={1: "127.0.0.1:9000"})
    holder = Holder(pid=77, name="oa", user="oa", started="today")
    host.holding["127.0.0.1:9000"] = [holder]

    foreseen = seen(host, master, "127.0.0.1:9000")

    assert (
        "pool p0 cannot listen on 127.0.0.1:9000: Address already in use, "
        "127.0.0.1:9000 is held by pid 77 (oa, user oa, since today)"
    ) == "".join(foreseen.refused)


def test_wildcard_in_place_of_an_address(host, fpm):
    """The old socket is still open when the new one is made."""
    running = fpm.run()
    running.sockets = {1: "127.0.0.1:9000"}
    host.unbindable["0.0.0.0:9000"] = "Address already in use"

    foreseen = seen(host, running.id, "0.0.0.0:9000")

    assert "this service itself has 127.0.0.1:9000, until it is restarted" in foreseen.refused[0]


@pytest.mark.parametrize(
    ("device", "answers", "by"),
    [
        (1, False, "77"),  # the kernel is sure
        (2, True, "77"),  # an overlay
        (2, False, ""),  # a file of another file system has the number of a stale socket
        (None, True, "another socket"),  # in another network namespace
    ],
)
def test_living_and_stale_sockets(host, master, device, answers, by):
    """By device and inode, and otherwise by a connection."""
    path = "/run/php/x.sock"
    inode = host.put(path, kind="socket").inode
    known = [BoundSocket(inode=5, cookie=5, place="/elsewhere", file=(inode, device))]
    held = host.listening_sockets()
    host.listening_sockets = lambda: [*held, *(known if device else [])]
    host.answers = lambda _process, _path: answers
    host.holding["/elsewhere"] = [Holder(pid=77, name="oa", user="oa", started="today")]

    foreseen = seen(host, master, path)

    assert [by in why for why in foreseen.refused] == ([True] if by else [])


def test_own_socket_by_another_name(host, master):
    """It is said that the service itself has it."""
    (mine,) = host.listening_sockets()[:1]
    inode = host.files[OLD].inode
    host.listening_sockets = lambda: [mine.replace(file=(inode, 1))]
    host.put("/run/php/link", OLD, kind="link")

    assert (
        f"pool p0 cannot listen on /run/php/link: this service itself has it as {OLD}, "
        "until it is restarted"
    ) == "".join(seen(host, master, "/run/php/link").refused)


@pytest.mark.parametrize("sign", [",", "="])
def test_path_that_cannot_be_handed_on(host, fpm, sign):
    """php-fpm would not know its own socket again; once the path is gone it makes it anew."""
    path = f"/run/php/a{sign}b.sock"
    running = fpm.run()
    running.sockets = {1: path}
    host.put(path, kind="socket")

    why = 'the master hands on no path with "," or "=" in it: change the path, and restart'
    assert (f"pool p0 cannot listen on {path}: {why}",) == seen(host, running.id, path).refused
    del host.files[path]
    assert Foreseen() == seen(host, running.id, path)


@pytest.mark.parametrize(
    ("places", "only_v6", "excluded"),
    [
        (("127.0.0.1:9000", "0.0.0.0:9000"), "0", True),
        (("0.0.0.0:9000", "127.0.0.1:9000"), "0", True),
        (("127.0.0.1:9000", "[::]:9000"), "0", True),
        (("127.0.0.1:9000", "[::]:9000"), "1", False),
        (("[::1]:9000", "[::]:9000"), "1", True),
        (("[::1]:9000", "0.0.0.0:9000"), "0", False),
        (("127.0.0.1:9000", "0.0.0.0:9001"), "0", False),
    ],
)
def test_new_places_that_exclude_each_other(host, master, places, only_v6, excluded):
    """Each could be bound, but not both."""
    host.put("/proc/sys/net/ipv6/bindv6only", f"{only_v6}\n")

    foreseen = seen(host, master, *places)

    assert excluded == bool(foreseen.refused)
    assert not excluded or "pool p0 is to have" in foreseen.refused[0]


@pytest.mark.parametrize(
    ("bind", "tried"),
    [
        (("local:9000",), ["127.0.0.1:9000", "127.0.0.2:9000"]),
        (("[::]:9000", "0.0.0.0:9000"), [":::9000", "0.0.0.0:9000"]),
    ],
)
def test_first_address_that_can_be_had(host, master, bind, tried):
    """A name with several addresses, and a port alone, fail if none of them can be had."""
    host.names["local"] = {"127.0.0.1", "127.0.0.2"}
    config = Configuration(pools=(Pool(name="p", binds=(bind,)),))

    host.unbindable[tried[0]] = "first"
    one = foresee(PHP_FPM, config, master, host)
    host.unbindable[tried[1]] = "second"
    none = foresee(PHP_FPM, config, master, host)

    assert Foreseen() == one
    assert (f"pool p cannot listen on {tried[0]}: first; {tried[1]}: second",) == none.refused


def test_scope_of_an_address(host, fpm):
    """The letters of a socket's name do not contain it."""
    running = fpm.run()
    running.sockets = {1: "fe80::1:9000"}
    host.unbindable["fe80::1%2:9000"] = "Address already in use"

    assert Foreseen() == seen(host, running.id, "[fe80::1%2]:9000")


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("/run/gone/x.sock", r"/run/gone/x\.sock: /run/gone: No such file or directory"),
        ("/run/php/file/x", "/run/php/file/x: /run/php/file: Not a directory"),
        ("/run/php/" + "x" * 99, "a path has 107 bytes at most"),
        ("127.0.0.1:0", "pool p0: 0 is not a port"),
        ("127.0.0.1:65536", "pool p0: 65536 is not a port"),
        ("127.0.0.1:http", "pool p0: http is not a port"),
        ("127.0.0.1:\u00b2", "pool p0: \u00b2 is not a port"),
        ("127.0.0.1:" + "9" * 5000, "pool p0: 9+ is not a port"),
    ],
)
def test_wrong_places(host, master, place, why):
    """What cannot be, whatever else happens on this host."""
    import re

    host.put("/run/php/file")

    foreseen = seen(host, master, place)

    assert re.search(why, *foreseen.wrong)
    assert () == foreseen.refused


def test_longest_path(host, master):
    """A path of 107 bytes is not too long."""
    assert Foreseen() == seen(host, master, "/run/php/" + "x" * 98)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/run/php", "it is a directory"),
        ("/mnt/x.sock", "its folder cannot be written to"),
        ("/run/php/other.sock", "another socket listens there"),
    ],
)
def test_paths_that_are_taken(host, master, path, why):
    """What is in the way of a new socket, and is not removed by the daemon."""
    host.put("/mnt", kind="dir")
    host.read_only.add("/mnt")
    host.put("/run/php/other.sock", kind="socket")
    host.add(sockets={1: "/run/php/other.sock"})

    assert (f"pool p0 cannot listen on {path}: {why}",) == seen(host, master, path).refused


def test_name_without_an_address(host, master):
    """Name servers may know it in a moment."""
    foreseen = seen(host, master, "nowhere:9000")

    assert (
        "pool p0 cannot listen on nowhere:9000: nowhere cannot be resolved: "
        "Name or service not known"
    ) == "".join(foreseen.unresolved)
    assert ((), ()) == (foreseen.wrong, foreseen.refused)


def test_users_and_groups_of_a_socket(host, master):
    """php-fpm looks them up before it makes the socket, and also if it has it."""
    foreseen = seen(host, master, OLD, users=("root", "noone"), groups=("none",))

    assert ("pool p0: there is no user noone, no group none",) == foreseen.wrong


def test_pidfile_in_a_missing_folder(host, master):
    """php-fpm ends if it cannot write it; what its configuration names counts."""
    config = Configuration(pidfile="/run/gone/x.pid")

    foreseen = seen(host, master, OLD, config=config)

    assert (
        "the pidfile /run/gone/x.pid cannot be written: /run/gone: No such file or directory",
    ) == foreseen.wrong


@pytest.mark.parametrize(
    ("wanted", "number", "fits"),
    [(0, 11, True), (0, 12, False), (40, 12, True), (50, 12, True), (16, 12, False)],
)
def test_too_many_sockets(host, master, wanted, number, fits):
    """The old ones, the new ones and what else is open have to fit into the limit."""
    host.limits = (20, 50)
    places = [f"127.0.0.1:{9000 + n}" for n in range(number)]

    foreseen = seen(host, master, *places, config=Configuration(open_files=wanted))

    assert fits == (Foreseen() == foreseen)
    assert fits or f"do not fit into a limit of {wanted or 20} open files" in foreseen.refused[0]


def test_limit_that_cannot_be_set(host, master):
    """rlimit_files of the [global] section."""
    host.limits = (20, 50)

    foreseen = seen(host, master, OLD, config=Configuration(open_files=51))

    assert ("the limit of 51 open files cannot be set: 50 is the most",) == foreseen.wrong


def test_master_that_has_just_ended(host, master):
    """Its limits are not known any more; the signal tells that it is gone."""
    host.limits = (0, 0)

    assert Foreseen() == seen(host, master, OLD, config=Configuration(open_files=51))


def test_root_that_may_not_be_seen(host, fpm):
    """What stands at a path of the master's is not known, then."""
    running = fpm.run()
    host.spot = refuse_to_look

    assert Foreseen() == seen(host, running.id, "/run/gone/x.sock")


def refuse_to_look(process, _path):
    """Do what ``Host.spot`` does where we may not see."""
    raise NotPermitted(f"the root of pid {process} cannot be seen")


def test_what_is_new_is_explained(host, master):
    """--explain tells which sockets the reload makes."""
    said = []
    host.explain = said.append

    seen(host, master, OLD, "127.0.0.1:9000", "/run/php/x.sock")

    assert ["sockets that are to be made: 127.0.0.1:9000, /run/php/x.sock"] == said


def test_sockets_that_may_not_be_seen(host, fpm):
    """Then nothing is foreseen: a place may be held already."""
    running = fpm.run()
    running.unseen = True

    assert Foreseen() == seen(host, running.id, "/run/gone/x.sock")


def test_kernel_that_does_not_list_sockets(host, fpm):
    """Then copies of the master's sockets tell where it listens."""
    running = fpm.run()
    host.listening_sockets = lambda: None

    assert Foreseen() == seen(host, running.id, OLD)
    assert seen(host, running.id, "/run/gone/x.sock").wrong


def test_limit_of_a_new_master(host, master):
    """One beside the old master inherits only what it wants: its limit does not count here."""
    host.limits = (20, 50)
    pools = tuple(Pool(name=f"{n}", binds=((f"127.0.0.1:{9000 + n}",),)) for n in range(12))

    foreseen = foresee(PHP_FPM, Configuration(pools=pools), master, host, beside=True)

    assert Foreseen() == foreseen


# What comes of it.


def test_wrong_configuration_is_refused(host, fpm):
    """6, and no signal was sent."""
    running = fpm.run()
    fpm.configure([OLD, "/run/gone/x.sock"])

    with pytest.raises(ConfigTestFailed, match=f"^not reloading, no signal was sent: {GONE}$"):
        reload(PHP_FPM, running.id, host)

    assert [] == host.sent


def test_place_that_is_taken_is_refused(host, fpm):
    """150, and the old workers were seen to serve."""
    running = fpm.run()
    fpm.configure([OLD, "127.0.0.1:9000"])
    host.unbindable["127.0.0.1:9000"] = "Cannot assign requested address"

    with pytest.raises(Reverted, match=r"the old workers serve as before: pool www1 .* requested"):
        reload(PHP_FPM, running.id, host)

    assert [] == host.sent


def test_old_workers_that_do_not_serve(host, fpm):
    """Then it is not said that they do."""
    running = fpm.run()
    fpm.configure([OLD, "127.0.0.1:9000"])
    host.unbindable["127.0.0.1:9000"] = "Cannot assign requested address"
    for worker in fpm.workers(running):
        worker.state = "T"

    with pytest.raises(InitError, match="no signal was sent, and no worker takes") as told:
        reload(PHP_FPM, running.id, host)

    assert InitError is type(told.value)


def test_stopped_master(host, fpm):
    """A master that is stopped is said to be."""
    running = fpm.run()
    fpm.configure([OLD, "127.0.0.1:9000"])
    host.unbindable["127.0.0.1:9000"] = "Cannot assign requested address"
    running.state = "T"

    with pytest.raises(InitError, match=f"master {running.pid} is stopped by a signal"):
        reload(PHP_FPM, running.id, host)


def test_name_without_an_address_is_left_to_a_takeover(host, fpm):
    """The name may be known in a moment; if it is not, the old master serves on."""
    running = fpm.run()
    fpm.configure([OLD, "nowhere:9000"])

    reload(PHP_FPM, running.id, host)

    assert "SIGUSR2" not in [name for _, _, name in host.sent]
    assert [fpm.masters[-1].pid] == fpm.serving()
    assert running is not fpm.masters[-1]


def test_name_without_an_address_in_the_foreground(host, fpm):
    """There is no takeover there, and a signal would end it."""
    running = fpm.run()
    running.forked = False
    fpm.configure([OLD, "nowhere:9000"])

    with pytest.raises(Reverted, match="nowhere cannot be resolved"):
        reload(PHP_FPM, running.id, host)

    assert [] == host.sent


def test_upgrade_to_a_wrong_configuration_is_refused(host, fpm):
    """6, before a new master is started."""
    fpm.run()
    fpm.configure([OLD, "/run/gone/x.sock"])

    with pytest.raises(ConfigTestFailed, match=f"^not upgrading, no signal was sent: {GONE}$"):
        upgrade(PHP_FPM, host)

    assert ([], ["--test"]) == (
        host.sent,
        [argv[1] for argv, _, _ in host.spawned if argv[1] != "-tt"],
    )


def test_upgrade_to_a_place_that_is_taken_is_refused(host, fpm):
    """150, and the old workers were seen to serve."""
    fpm.run()
    fpm.configure([OLD, "127.0.0.1:9000"])
    host.unbindable["127.0.0.1:9000"] = "Cannot assign requested address"

    with pytest.raises(Reverted, match=r"No signal .* serve as before: pool www1 .* requested"):
        upgrade(PHP_FPM, host)

    assert [] == host.sent


def test_upgrade_of_old_workers_that_do_not_serve(host, fpm):
    """Then it is not said that they do: 1."""
    running = fpm.run()
    fpm.configure([OLD, "127.0.0.1:9000"])
    host.unbindable["127.0.0.1:9000"] = "Cannot assign requested address"
    for worker in fpm.workers(running):
        worker.state = "T"

    with pytest.raises(InitError, match="No signal was sent, and no worker takes") as told:
        upgrade(PHP_FPM, host)

    assert InitError is type(told.value)


def test_upgrade_to_a_name_without_an_address(host, fpm):
    """It is tried: the name may be known in a moment."""
    running = fpm.run()
    fpm.configure([OLD, "nowhere:9000"])

    upgrade(PHP_FPM, host)

    assert [running.pid] != fpm.serving()
