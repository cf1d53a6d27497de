"""The commands of a declaration before a start, once the daemon serves, and after a stop."""

from __future__ import annotations

import pytest
from fakes import Run

from initpy.actions.start import start
from initpy.actions.stop import stop
from initpy.control.starting.steps import run_after_stop, run_steps
from initpy.errors import InitError, NotInstalled, SettingsError
from initpy.service import Service

FOO, ONE, TWO = "/usr/sbin/foo", "/usr/bin/one", "/usr/bin/two"
SERVICE = Service(
    name="foo", daemon=FOO, pidfile="/run/foo.pid", environment={"A": "1"}, master_title="{argv}"
)


@pytest.fixture(autouse=True)
def installed(host):
    """Have the programs there."""
    for path in (FOO, ONE, TWO):
        host.put(path, mode=0o755)


def spawned(host):
    """Return the command lines that were run."""
    return [argv for argv, _, _ in host.spawned]


def steps(*commands, what="start_pre"):
    """Return a service that has these commands."""
    return SERVICE.replace(**{what: commands})


def test_in_their_order(host):
    """They are run one after the other, in the environment of a start."""
    run_steps(steps((ONE, "-x", "{A}"), (TWO,)), "start_pre", host)

    assert [[ONE, "-x", "1"], [TWO]] == spawned(host)
    assert {"A": "1"} == host.children_started[0].start["environment"]


def test_master(host):
    """Once there is a master its pid stands in the command and its environment."""
    master = host.add(42, exe=FOO, argv=(FOO,))

    run_steps(steps((ONE, "{pid}"), what="start_post"), "start_post", host, master.id)

    assert [[ONE, "42"]] == spawned(host)
    assert "42" == host.children_started[0].start["environment"]["MAINPID"]


def test_one_that_fails(host):
    """The first that fails ends it, with its words."""
    host.programs[ONE] = lambda _argv: Run(code=3, output="no")

    with pytest.raises(InitError, match="start_pre '/usr/bin/one -x' ended with code 3") as caught:
        run_steps(steps((ONE, "-x"), (TWO,)), "start_pre", host)

    assert "no" == caught.value.output
    assert [[ONE, "-x"]] == spawned(host)


def test_ones_that_may_fail(host):
    """Behind "-" neither a code nor a missing program matters."""
    host.programs[ONE] = lambda _argv: Run(code=-9)

    run_steps(steps((f"-{ONE}",), ("-/nowhere",), (TWO,)), "start_pre", host)

    assert [[ONE], [TWO]] == spawned(host)


def test_one_that_is_missing(host):
    """Without "-" a program has to be there."""
    with pytest.raises(SettingsError, match="start_pre '/nowhere': /nowhere does not exist"):
        run_steps(steps(("/nowhere",)), "start_pre", host)


def test_without_the_daemon(host):
    """Nothing is prepared for what is not installed."""
    del host.files[FOO]

    with pytest.raises(NotInstalled, match="/usr/sbin/foo is not installed"):
        run_steps(steps((ONE,)), "start_pre", host)

    assert [] == spawned(host)


def test_after_a_stop(host):
    """What is stopped is stopped: a failure is told."""
    host.programs[ONE] = lambda _argv: Run(code=1, output="no")

    run_after_stop(steps((ONE,), what="stop_post"), host)

    assert ["stop_post '/usr/bin/one' ended with code 1: no"] == host.told


def test_start_that_may_not_be(host):
    """Nothing is started if a command before it fails."""
    host.programs[ONE] = lambda _argv: Run(code=1)

    with pytest.raises(InitError, match="start_pre"):
        start(steps((ONE,)), host)

    assert [[ONE]] == spawned(host)


def test_stop(host):
    """The commands after a stop are run once something was ended."""
    service = steps((ONE,), what="stop_post")
    stop(service, host)
    assert [] == spawned(host)
    master = host.add(42, exe=FOO, argv=(FOO,))
    master.on["SIGTERM"] = host.end
    host.put(service.pidfile, "42\n")

    stop(service, host)

    assert [[ONE]] == spawned(host)
