"""What an action has started is known by its descent, whatever it is and calls itself."""

from __future__ import annotations

import os

import pytest
from real_daemons import can_bind, wait_until
from real_load import crash

from initpy.schedule import parse_schedule

pytestmark = pytest.mark.real

# How a script in the daemon's place may start the real one, which stays its own program.
WRAPPERS = {
    "executes it": '{real} "$@"',
    "environment": 'exec env MALLOC_ARENA_MAX=2 {real} "$@"',
    "waits for it": '{real} "$@"; exit',
    "forks": '{real} "$@" & exit 0',
    "forks twice": '( {real} "$@" & ) & exit 0',
    "new session": '{setsid} --fork {real} "$@"',
}
FAILURES = {
    "executes it": 'exec {real} "$@"',
    "and fails": '{real} "$@"; exit 3',
    "forks and fails": '{real} "$@" & exit 3',
    "forks twice": '( {real} "$@" & ) & exit 0',
    "and leaves more": '{setsid} {sleep} 600 & ( {sleep} 600 & ) & exec {real} "$@"',
}
TITLES = {
    "nginx": [(b"nginx: \0", b"angie: \0")],
    "php-fpm": [(b"php-fpm: \0", b"phq-fpm: \0")],
}
OTHER_TITLES = {
    "nginx": [(b"\0worker process\0", b"\0server process\0")],
    "php-fpm": [(b"\0pool %s\0", b"\0pond %s\0")],
}


def put_script(site, body):
    """Put a script in the daemon's place; questions are answered by the real one at once."""
    real = site.place.copy(site.binary, "sbin/real")
    tools = {name: site.place.tool(name) for name in ("sleep", "setsid")}
    site.place.script(
        f"sbin/{site.kind}",
        f'for word; do case $word in -t|--test|-tt|-V|-v) exec {real} "$@";; esac; done\n'
        + body.format(real=real, **tools),
    )


def patch(site, changes):
    """Put a build with other titles in the daemon's place."""
    with open(site.binary, "rb") as file:
        build = file.read()
    for old, new in changes:
        assert old in build
        build = build.replace(old, new)
    with open(site.place.path("patched"), "wb") as file:
        file.write(build)
    os.chmod(site.place.path("patched"), 0o755)
    site.place.copy(site.place.path("patched"), f"sbin/{site.kind}")


def see_nothing_left(site):
    """Nothing runs, nothing listens, and no pidfile says otherwise."""
    assert {} == site.place.processes()
    assert can_bind(site.port)
    assert not os.path.exists(site.service.pidfile)


@pytest.mark.parametrize("body", WRAPPERS.values(), ids=WRAPPERS)
def test_script_in_its_place(site, body):
    """A script around the real daemon is started, known from then on, and stopped whole."""
    put_script(site, body)

    codes = {action: site.act(action).code for action in ("start", "status", "reload", "restart")}
    answer = site.ask()
    stopped = site.act("stop")

    assert dict.fromkeys(codes, 0) == codes
    assert answer
    assert 0 == stopped.code, stopped
    see_nothing_left(site)


@pytest.mark.parametrize("body", FAILURES.values(), ids=FAILURES)
def test_failed_start(site, body):
    """Whatever a failed start had started is gone when it returns."""
    put_script(site, body)
    # It is told another pidfile, which its configuration does not name.
    with open(site.config) as file:
        lines = [line for line in file if not line.startswith("pid ")]
    site.place.write(site.config, "".join(lines))
    told = {
        "nginx": ("-c", "{config}", "-g", f"pid {site.pidfile};"),
        "php-fpm": ("--daemonize", "--fpm-config", "{config}", "--pid", site.pidfile),
    }
    site.service = site.service.replace(
        pidfile=site.path("other.pid"),
        start_args=told[site.kind],
        test_args=(*site.service.test_args, *told[site.kind][-2:]),
        force_quit=parse_schedule("TERM/1/KILL/5"),
    )

    result = site.act("start", "--timeout", "1")

    assert 1 == result.code, result
    see_nothing_left(site)


@pytest.mark.parametrize("changes", [TITLES, OTHER_TITLES], ids=["masters", "workers"])
def test_fork_with_other_titles(site, changes):
    """A daemon whose titles are another's is not known as ours: it is gone when start fails."""
    patch(site, changes[site.kind])

    result = site.act("start", "--timeout", "1")

    assert 1 == result.code, result
    see_nothing_left(site)


@pytest.mark.parametrize("changes", [TITLES, OTHER_TITLES], ids=["masters", "workers"])
def test_upgrade_to_a_fork_with_other_titles(site, changes):
    """An upgrade to a build with other titles is 150: what it has started is gone."""
    site.start()
    before = set(site.place.processes())
    patch(site, changes[site.kind])

    result = site.act("upgrade", "--timeout", "2")

    assert 150 == result.code, result
    assert before == set(site.place.processes())
    assert site.ask()


# An extension that forks a helper as it is loaded: FFI in a preload script stands for it.
PRELOAD = """<?php
$c = FFI::cdef("int fork(void); int pause(void); void _exit(int);");
if ($c->fork() == 0) { $c->pause(); $c->_exit(0); }
"""
PRELOADED = ("opcache.preload_user=root", "ffi.enable=1")


@pytest.fixture
def with_helper(fpm):
    """Give a php-fpm with a helper, started."""
    script = fpm.place.write("preload.php", PRELOAD)
    settings = (*PRELOADED, f"opcache.preload={script}")
    options = [word for setting in settings for word in ("-d", setting)]
    fpm.service = fpm.service.replace(options=tuple(options))
    fpm.start()
    return fpm


def helpers(fpm):
    """Return its processes that are neither master nor workers."""
    settled = lambda: len(fpm.workers) == fpm.crew  # noqa: E731
    wait_until(settled, "all workers to have their titles")
    return set(fpm.place.processes()) - {fpm.master, *fpm.workers}


def test_rollback_leaves_the_helper(with_helper):
    """A failed upgrade leaves the helper of the old master alone, and ends the new one's."""
    before = helpers(with_helper)

    result = with_helper.act("upgrade", upgrade_check=("/bin/false",))

    assert 150 == result.code, result
    assert 1 == len(before)
    assert before == helpers(with_helper)


@pytest.mark.parametrize("action", ["restart", "upgrade"])
def test_each_its_own_helper(with_helper, action):
    """Restart and upgrade leave one helper, the new master's, and wait for none."""
    before = helpers(with_helper)

    result = with_helper.act(action)

    after = helpers(with_helper)
    assert 0 == result.code, result
    assert result.seconds < 10
    assert (1, 1, set()) == (len(before), len(after), before & after)


def test_helper_at_stop(with_helper):
    """Stop ends the helper, and does not wait for it."""
    result = with_helper.act("stop")

    assert 0 == result.code, result
    assert result.seconds < 10
    see_nothing_left(with_helper)


@pytest.mark.parametrize("action", ["start", "stop"])
def test_helper_after_a_crash(with_helper, action):
    """The helper of a dead master goes with its workers."""
    before = helpers(with_helper)
    orphans = crash(with_helper)

    result = with_helper.act(action)

    assert 0 == result.code, result
    assert not (before | orphans) & set(with_helper.place.processes())
