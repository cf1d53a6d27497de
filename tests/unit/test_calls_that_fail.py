"""A look of an action fails, because a system call does: whichever it is, one master serves."""

from __future__ import annotations

import pytest
from daemons import FakeFpm, FakeNginx
from fakes import FakeHost
from moments import EVERY, looks

from initpy.actions.reload import reload
from initpy.actions.restart import restart
from initpy.actions.upgrade import upgrade
from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.errors import HostError, InitError

DAEMONS = {FakeNginx: NGINX, FakeFpm: PHP_FPM}
FAILURES = (HostError("look", OSError(24, "Too many open files")), MemoryError())
LASTING = 20  # moments at which a failure begins that lasts
NOBODYS = 65534


def plain_restart(service, host):
    """Restart a service that can only be stopped, then started."""
    restart(service.replace(restart_by=None), host)


def scene(kind):
    """Return a host, and a daemon that runs there, whose binary has been replaced."""
    host = FakeHost()
    daemon = kind(host)
    daemon.run()
    daemon.replace()
    return host, daemon


@pytest.mark.parametrize(
    "action", [upgrade, restart, plain_restart, reload], ids=lambda action: action.__name__
)
@pytest.mark.parametrize("kind", DAEMONS, ids=lambda kind: DAEMONS[kind].name)
def test_look_that_fails(kind, action):
    """The old master serves as before, or a new one alone."""
    service = DAEMONS[kind]
    most = looks(lambda: scene(kind), lambda host, _: action(service, host))
    wrong = []

    for number in range(0, most, EVERY):
        host, daemon = scene(kind)
        why = FAILURES[number // EVERY % len(FAILURES)]

        def fail(why=why):
            raise why

        host.before_look(number, fail)
        try:
            action(service, host)
        except (InitError, MemoryError) as exc:
            said = repr(exc)
        else:
            said = "done"
        host.forget_looks()
        host.sleep(10)
        living = [master.pid for master in daemon.masters if daemon.alive(master)]
        if not (1 == len(living) and living == daemon.serving() == [daemon.named()]):
            wrong.append((number, living, daemon.serving(), daemon.named(), said))

    assert [] == wrong


def looks_fail(host):
    """Have every look fail from now on."""

    def fail():
        host.before_look(0, fail)
        raise FAILURES[0]

    fail()


def signals_fail(host):
    """Have every signal be refused from now on."""
    host.kills.add(NOBODYS)


@pytest.mark.parametrize(("action", "undone"), [(upgrade, 151), (restart, 1)])
@pytest.mark.parametrize("kind", DAEMONS, ids=lambda kind: DAEMONS[kind].name)
@pytest.mark.parametrize("fail", [looks_fail, signals_fail])
def test_whatever_fails_from_then_on(fail, kind, action, undone):
    """What cannot be undone any more is told by the exit code; the next action mends it."""
    service = DAEMONS[kind]
    most = looks(lambda: scene(kind), lambda host, _: action(service, host))
    wrong = []

    for number in range(0, most, most // LASTING):
        host, daemon = scene(kind)
        (old,) = daemon.masters
        code = 0
        host.before_look(number, lambda host=host: fail(host))
        try:
            action(service, host)
        except InitError as exc:
            code, said = exc.exit_code, repr(exc)
        else:
            said = "done"
        host.forget_looks()
        host.kills.clear()
        host.scripts += 1
        host.sleep(10)
        left = [master for master in daemon.masters if daemon.alive(master)]
        kept, renewed = [old] == left, 1 == len(left) and old not in left
        if not {0: renewed, 150: kept}.get(code, kept or renewed or code == undone):
            wrong.append((number, [master.pid for master in left], code, said))

        upgrade(service, host)

        host.sleep(10)
        living = [master.pid for master in daemon.masters if daemon.alive(master)]
        if not (1 == len(living) and living == daemon.serving() == [daemon.named()]):
            wrong.append((number, living, daemon.serving(), daemon.named(), said))

    assert [] == wrong
