"""The commands of a declaration that reload a running master, or ask it to end."""

from __future__ import annotations

import pytest
from fakes import Run

from initpy.actions.reload import reload as reload_service
from initpy.actions.stop import stop
from initpy.control.record import write_record
from initpy.control.running import ask_to_end
from initpy.errors import InitError, NotRunning, SettingsError
from initpy.protocols.hup import reload
from initpy.service import Service
from initpy.state.snapshot import take_snapshot

FOO, ASK = "/usr/sbin/foo", "/usr/bin/ask"
SERVICE = Service(
    name="foo",
    daemon=FOO,
    pidfile="/run/foo.pid",
    reload=(ASK, "{pid}"),
    stop_command=(ASK, "-s", "{pid}"),
    environment={"A": "1"},
)


@pytest.fixture
def master(host):
    """Return a running foo, which may be asked."""
    host.put(FOO, mode=0o755)
    host.put(ASK, mode=0o755)
    host.put(SERVICE.pidfile, "42\n")
    return host.add(42, exe=FOO, argv=(FOO,))


def asked(host):
    """Return the command lines, and the environment of each."""
    commands = [argv for argv, _, _ in host.spawned]
    return list(zip(commands, [child.start["environment"] for child in host.children_started]))


def test_reload(host, master):
    """The master's pid stands in the command and its environment, and no signal is sent."""
    reload(SERVICE, master.id, host)

    assert [([ASK, "42"], {"A": "1", "MAINPID": "42"})] == asked(host)
    assert [] == host.sent


@pytest.mark.parametrize(
    ("run", "told"),
    [
        (Run(code=7, output="no"), "reload '/usr/bin/ask {pid}' ended with code 7; master 42 liv"),
        (Run(code=-9), "reload '/usr/bin/ask {pid}' died of signal 9; master 42 lives"),
        (Run(seconds=99), "reload '/usr/bin/ask 42' has not ended after 30 s"),
    ],
)
def test_reload_that_fails(host, master, run, told):
    """How the command ended is told, and what became of the master."""
    host.programs[ASK] = lambda _argv: run

    with pytest.raises(InitError, match=told):
        reload(SERVICE, master.id, host)


def test_reload_that_kills(host, master):
    """A command that ends well is no proof: the master has to live on."""
    host.programs[ASK] = lambda _argv: Run(begin=lambda _: host.at(0.2, lambda: host.end(master)))

    with pytest.raises(InitError, match="master 42 died during the reload"):
        reload(SERVICE, master.id, host)


def test_reload_that_stops_it(host, master):
    """A master that is stopped by a signal has not read anything yet."""
    host.programs[ASK] = lambda _argv: Run(begin=lambda _: setattr(master, "state", "T"))

    with pytest.raises(InitError, match="the reload is under way: master 42 is stopped"):
        reload(SERVICE, master.id, host)


def test_master_that_is_gone(host, master):
    """No command is given a pid that may be another's."""
    host.end(master)

    with pytest.raises(NotRunning):
        reload(SERVICE, master.id, host)
    assert [] == host.spawned


def test_command_that_is_missing(host, master):
    """What the declaration names wrongly is 6."""
    with pytest.raises(SettingsError, match="reload '/no/such 42': /no/such does not exist"):
        reload(SERVICE.replace(reload=("/no/such", "{pid}")), master.id, host)


def test_stop(host, master):
    """A master that ends is awaited, and nothing is told."""
    host.programs[ASK] = lambda _argv: Run(begin=lambda _: host.at(3, lambda: host.end(master)))

    ask_to_end(SERVICE, take_snapshot(SERVICE, host), 5, host, interruptible=True)

    assert [([ASK, "-s", "42"], {"A": "1", "MAINPID": "42"})] == asked(host)
    assert [] == host.told
    assert 3 <= host.now < 3.5


def spoil(host, master):
    """Have the pidfile of a master that is recorded name another process; return that."""
    host.put("/run/initpy", kind="dir")
    write_record(SERVICE, master.id, host)
    another = host.add(exe="/bin/sleep", argv=("sleep", "1000"))
    host.put(SERVICE.pidfile, f"{another.pid}\n")
    return another


@pytest.mark.parametrize("action", [stop, reload_service])
def test_pidfile_of_another(host, master, action):
    """A command may know the master by its pidfile alone, and would signal whatever that names."""
    spoil(host, master)
    named = []

    def look(_argv):
        named.append(host.files[SERVICE.pidfile].text)
        return Run(begin=lambda _: host.end(master)) if action is stop else Run()

    host.programs[ASK] = look

    action(SERVICE, host)

    assert ["42\n"] == named


def test_pidfile_of_another_that_stays(host, master):
    """Then it is ended by signals."""
    another = spoil(host, master)
    host.unwritable[SERVICE.pidfile] = InitError("read-only file system")

    ask_to_end(SERVICE, take_snapshot(SERVICE, host), 5, host, interruptible=True)

    assert [] == asked(host)
    assert f"{another.pid}\n" == host.files[SERVICE.pidfile].text
    assert "read-only file system; stop_command is not run, going on with signals" in host.told[0]

    with pytest.raises(InitError, match="the pidfile is lost and cannot be restored"):
        reload_service(SERVICE, host)
    assert [] == asked(host)


@pytest.mark.parametrize(
    ("run", "told", "seconds"),
    [
        (Run(), [], 5),
        (Run(code=1, output="x"), ["ended with code 1: x; going on with signals"], 0),
        (Run(seconds=99), ["has not ended after 30 s; going on with signals"], 30),
    ],
)
def test_stop_that_fails(host, master, run, told, seconds):
    """After a failure signals follow at once, otherwise when it has had its time."""
    host.programs[ASK] = lambda _argv: run

    ask_to_end(SERVICE, take_snapshot(SERVICE, host), 5, host, interruptible=True)

    assert seconds - 0.1 <= host.now < seconds + 1
    assert len(told) == len(host.told)
    for expected, sentence in zip(told, host.told):
        assert expected in sentence
