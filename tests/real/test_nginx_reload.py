"""Reload, reopen and configtest of a real nginx."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from contextlib import ExitStack

import pytest
from real_daemons import AT_ONCE, ROUNDS, Client, Nginx, listener, wait_until

from initpy.state.idle import is_idle

pytestmark = pytest.mark.real


def test_next_request_has_the_new_configuration(nginx):
    """After reload the very next request is answered by the new configuration, every time."""
    master = nginx.start()
    for number in range(ROUNDS):
        nginx.configure(answer=f"answer {number}")

        result = nginx.act("reload")
        answer = nginx.ask()

        assert 0 == result.code, result
        assert f"answer {number}" == answer
        assert master == nginx.master


def test_no_request_is_lost(nginx, client):
    """A client that never pauses sees nothing of a reload but the new answer."""
    nginx.configure(answer="two")

    result = nginx.act("reload")

    assert 0 == result.code, result
    assert "two" == nginx.ask()
    assert [] == client.bad
    assert {"one", "two"} >= set(client.answered)


def test_bad_syntax(nginx, client):
    """Bad syntax is 6, in the seed's words and nginx's own; master and workers are the same."""
    master, workers = nginx.master, nginx.workers
    nginx.configure(main="frobnicate on;")

    result = nginx.act("reload")

    assert 6 == result.code, result
    assert "not reloading due to configuration syntax error" in result.err.splitlines()[-1]
    assert 'unknown directive "frobnicate"' in result.err
    assert (master, workers) == (nginx.master, nginx.workers)
    assert [] == client.bad


@pytest.mark.parametrize("action", ["restart", "try-restart", "force-reload"])
def test_bad_syntax_and_restart(nginx, action):
    """A restart with bad syntax is 6, and the service is left alone."""
    master = nginx.start()
    workers = nginx.workers
    nginx.configure(main="frobnicate on;")

    result = nginx.act(action)

    assert 6 == result.code, result
    assert (master, workers) == (nginx.master, nginx.workers)
    assert "one" == nginx.ask()


def test_bad_syntax_and_start(nginx):
    """A start with bad syntax is 6, nginx's own words shown, and nothing is started or left."""
    nginx.configure(main="frobnicate on;")
    before = nginx.place.tree()

    result = nginx.act("start")

    assert 6 == result.code, result
    assert 'unknown directive "frobnicate"' in result.err
    assert {} == nginx.place.processes()
    assert before == nginx.place.tree()


def test_listen_that_somebody_holds(nginx, client):
    """A listen that somebody else holds is 150 within 6 s, [emerg] shown, old workers serving."""
    master, workers = nginx.master, nginx.workers

    with listener() as taken:
        nginx.configure(answer="two", listens=[taken])
        result = nginx.act("reload")

    assert 150 == result.code, result
    assert result.seconds < 6
    assert f"[emerg] {master}#" in result.err
    assert f"bind() to 127.0.0.1:{taken} failed" in result.err
    assert (master, workers) == (nginx.master, nginx.workers)
    assert "one" == nginx.ask()
    assert [] == client.bad


def test_listen_that_becomes_free(nginx):
    """A listen that its holder lets go in time is no failure: nginx tries for 2.5 s."""
    nginx.start()
    with ExitStack() as stack:
        holding = stack.enter_context(ExitStack())
        nginx.configure(answer="two", listens=[holding.enter_context(listener())])
        reload = stack.enter_context(nginx.running_script("reload"))
        wait_until(lambda: "bind() to" in nginx.logged(), "[emerg]")
        holding.close()
        said = reload.communicate(timeout=10)

    assert 0 == reload.returncode, said
    assert "two" == nginx.ask()


def test_listen_that_is_held_and_workers_that_are_killed(nginx):
    """A worker that its master has replaced is not a new one, and the old configuration serves."""
    nginx.start()
    first, *_ = nginx.workers
    with listener() as taken:
        nginx.configure(answer="two", listens=[taken])
        with nginx.running_script("reload") as reload:
            wait_until(lambda: "bind() to" in nginx.logged(), "[emerg]")
            nginx.kill(first)
            said = reload.communicate(timeout=10)

    assert 150 == reload.returncode, said
    assert "one" == nginx.ask()


def test_workers_that_cannot_live(nginx):
    """Nothing serves: that is said at once, and reload works when the file is right again."""
    nginx.start()
    nginx.configure(main="working_directory /proc/nowhere;")

    failed = nginx.act("reload")
    told = nginx.act("status")
    nginx.configure(answer="two")
    mended = nginx.act("reload")

    assert 1 == failed.code, failed
    assert failed.seconds < AT_ONCE
    assert "nothing serves" in failed.err
    assert 'chdir("/proc/nowhere") failed' in failed.err
    assert (0, True) == (told.code, "no worker takes requests" in told.out)
    assert 0 == mended.code, mended
    assert "two" == nginx.ask()


def test_no_workers(nginx):
    """Nor does anything serve with no worker at all, which nginx accepts."""
    nginx.start()
    nginx.configure(workers=0)

    failed = nginx.act("reload")
    nginx.configure()
    mended = nginx.act("reload")

    assert (1, 0) == (failed.code, mended.code), failed
    assert failed.seconds < AT_ONCE
    assert "nothing serves" in failed.err


def test_start_of_a_master_without_workers(nginx):
    """Start mends it as well, if the file is right."""
    master = nginx.start()
    nginx.configure(main="working_directory /proc/nowhere;")
    nginx.act("reload")

    failed = nginx.act("start")
    nginx.configure(answer="two")
    mended = nginx.act("start")

    assert 1 == failed.code, failed
    assert failed.seconds < AT_ONCE
    assert 0 == mended.code, mended
    assert (master, "two") == (nginx.master, nginx.ask())


def test_reload_of_a_stopped_master(nginx):
    """A master that is stopped is told to be, and gets no signal that it would take later."""
    master = nginx.start()
    workers = nginx.workers
    nginx.kill(master, signal.SIGSTOP)
    nginx.configure(answer="two")

    result = nginx.act("reload")
    nginx.kill(master, signal.SIGCONT)

    assert 1 == result.code, result
    assert result.seconds < AT_ONCE
    assert "is stopped by a signal (state T)" in result.err
    wait_until(lambda: is_idle(master, nginx.host), "the master to be idle")
    assert (workers, "one") == (nginx.workers, nginx.ask())


def test_reload_with_a_stopped_worker(nginx):
    """An old worker that is stopped cannot let go: it is named."""
    nginx.start()
    stopped, *_ = nginx.workers
    nginx.kill(stopped, signal.SIGSTOP)
    nginx.configure(answer="two")

    result = nginx.act("reload", "--timeout", "1")

    assert 1 == result.code, result
    assert f"{stopped} (stopped by a signal (state T))" in result.err


def test_reloads_of_somebody_else(nginx, client):
    """Whoever else sends HUP: after 0 the newest file is in force, after 150 the one before."""
    master = nginx.master
    for number in range(ROUNDS):
        nginx.configure(answer=f"foreign {number}")
        nginx.kill(master, signal.SIGHUP)
        time.sleep(random.uniform(0, 0.15))
        nginx.configure(answer=f"ours {number}")

        result = nginx.act("reload")
        answer = nginx.ask()

        assert 0 == result.code, result
        assert f"ours {number}" == answer
    assert [] == client.bad


def test_slow_reload(nginx):
    """A reload that goes on at the deadline has neither failed nor been done; it may be yet."""
    nginx.start()
    with listener() as taken:  # nginx tries for 2.5 s
        nginx.configure(answer="two", listens=[taken])

        result = nginx.act("reload", "--timeout", "1")

    assert 1 == result.code, result
    assert "the reload is under way" in result.err
    wait_until(lambda: "two" == nginx.ask(), "the new configuration")


def test_reload_with_a_held_download(nginx):
    """A slow download keeps an old worker: reload is done when new workers serve."""
    nginx.start()
    with nginx.download() as download:
        old = nginx.workers
        nginx.configure(answer="two")

        result = nginx.act("reload")

        assert 0 == result.code, result
        assert result.seconds < AT_ONCE
        assert "two" == nginx.ask()
        wait_until(lambda: not all(map(nginx.alive, old)), "the other worker to end")
        kept = [worker for worker in old if nginx.alive(worker)]
        assert 1 == len(kept)
        assert "nginx: worker process is shutting down" == nginx.host.title(kept[0].pid)
        assert download.recv(1024)


def test_reload_while_an_older_generation_drains(nginx):
    """A second reload works while the first one's old worker still finishes a download."""
    nginx.start()
    with nginx.download():
        for answer in ("two", "three"):
            nginx.configure(answer=answer)

            result = nginx.act("reload")

            assert 0 == result.code, result
            assert answer == nginx.ask()


def test_other_number_of_workers(nginx):
    """Fewer and more workers than before are seen, too."""
    nginx.start()
    for workers in (1, 4, 2):
        nginx.configure(workers=workers)

        result = nginx.act("reload")

        assert 0 == result.code, result
        wait_until(lambda: len(nginx.workers) == nginx.crew, "the workers")


def test_unprivileged_workers(nginx):
    """With workers of another user every action works as well."""
    nginx.configure(user="www-data")
    nginx.start()
    nginx.configure(user="www-data", answer="two")
    nginx.replace_binary()

    results = [nginx.act(action) for action in ("reload", "upgrade", "reload", "restart")]

    assert [0] * 4 == [result.code for result in results], results
    assert "two" == nginx.ask()


def test_workers_with_a_cache(nginx):
    """A cache manager and a loader are helpers, no workers that serve."""
    cache = f"  proxy_cache_path {nginx.path('cache')} keys_zone=test:1m;"
    nginx.configure(http=cache)
    nginx.act("start")
    nginx.configure(http=cache, answer="two")
    nginx.replace_binary()

    results = [nginx.act(action) for action in ("reload", "upgrade", "stop")]

    assert [0] * 3 == [result.code for result in results], results
    assert {} == nginx.place.processes()


def test_reload_with_a_lost_pidfile(nginx):
    """A pidfile that was removed is repaired by reload, which says so."""
    master = nginx.start()
    os.unlink(nginx.pidfile)
    nginx.configure(answer="two")

    told = nginx.act("status")
    result = nginx.act("reload")

    assert (0, 0) == (told.code, result.code), result
    assert "is lost" in told.out
    assert f"running, master {master}" in told.out
    assert f"restored {nginx.pidfile}" in result.err
    assert master.pid == nginx.named
    assert "two" == nginx.ask()


@pytest.mark.parametrize("action", ["reopen", "rotate", "reopen-logs"])
def test_reopen(nginx, action):
    """After reopen no process holds a rotated log, and the new one is written."""
    nginx.start()
    nginx.ask()
    log = nginx.path("access.log")
    os.rename(log, log + ".1")

    result = nginx.act(action)
    nginx.ask()

    assert 0 == result.code, result
    wait_until(lambda: os.path.getsize(log), "a line in the new log")
    assert log + ".1" not in nginx.held(nginx.master, *nginx.workers)


@pytest.mark.parametrize("action", ["configtest", "testconfig"])
def test_configtest_leaves_no_pidfile(nginx, action):
    """A configtest of a stopped nginx leaves no pidfile, and takes nothing away."""
    before = nginx.place.tree()

    result = nginx.act(action)

    assert 0 == result.code, result
    assert not os.path.exists(nginx.service.pidfile)
    assert set(before) <= set(nginx.place.tree())


def test_configtest_of_a_bad_one_leaves_nothing(nginx):
    """Nor does one that fails."""
    nginx.configure(server="frobnicate on;")
    before = nginx.place.tree()

    result = nginx.act("configtest")

    assert 6 == result.code, result
    assert 'unknown directive "frobnicate"' in result.err
    assert before == nginx.place.tree()


def test_configtest_of_a_running_one(nginx):
    """A configtest of a running nginx is 6 or 0, and the service is untouched."""
    master = nginx.start()
    workers = nginx.workers
    good = nginx.act("configtest")
    nginx.configure(main="frobnicate on;")

    bad = nginx.act("configtest")

    assert (0, 6) == (good.code, bad.code)
    assert (master, workers) == (nginx.master, nginx.workers)
    assert master.pid == nginx.named


def test_stop_with_a_held_download(nginx):
    """Stop obeys its schedule: QUIT, a second later TERM, and it is gone."""
    nginx.start()
    nginx.place.settings(nginx.name, "STOP_SCHEDULE=QUIT/1/TERM/20/KILL/5\n")
    with nginx.download():
        result = nginx.act("stop")

    assert 0 == result.code, result
    assert 1 <= result.seconds < 20
    assert {} == nginx.place.processes()


def test_stop_of_the_deaf(nginx):
    """Stop comes to KILL when its time has come: stopped processes hear nothing else."""
    nginx.start()
    nginx.place.settings(nginx.name, "STOP_SCHEDULE=QUIT/1/TERM/1/KILL/5\n")
    for process in [nginx.master, *nginx.workers]:
        nginx.kill(process, signal.SIGSTOP)

    result = nginx.act("stop")

    assert 0 == result.code, result
    assert 2 <= result.seconds < AT_ONCE
    assert {} == nginx.place.processes()
    assert not os.path.exists(nginx.pidfile)


def test_stop_after_the_master_was_killed(nginx):
    """Stop ends the workers that a killed master has left behind."""
    master = nginx.start()
    nginx.kill(master)
    nginx.see_gone(master)

    result = nginx.act("stop")

    assert 0 == result.code, result
    assert {} == nginx.place.processes()
    assert not os.path.exists(nginx.pidfile)


def test_two_instances_and_a_stranger(place):
    """No action on one instance touches another one, or a third nginx that is nobody's."""
    ours, other = Nginx(place), Nginx(place, "nginx-rtmp")
    stranger = Nginx(place, "stranger")
    for site in (ours, other, stranger):
        site.start()
    os.unlink(stranger.pidfile)
    untouched = {site: (site.master, site.workers) for site in (other, stranger)}
    client = Client(other)
    try:
        ours.replace_binary()
        actions = [
            "status",
            "reload",
            "upgrade",
            "reopen",
            "restart",
            "stop",
            "start",
            "force-quit",
        ]
        for action in actions:
            result = ours.act(action)

            assert 0 == result.code, result
            assert untouched == {site: (site.master, site.workers) for site in untouched}
        assert [] == client.bad
    finally:
        client.close()


def test_two_instances_without_pidfiles(place):
    """Each finds its own master when all pidfiles are lost."""
    sites = [Nginx(place), Nginx(place, "nginx-rtmp")]
    masters = [site.start() for site in sites]
    for site in sites:
        os.unlink(site.pidfile)

    results = [site.act("reload") for site in sites]

    assert [0, 0] == [result.code for result in results], results
    assert masters == [site.master for site in sites]
    assert [master.pid for master in masters] == [site.named for site in sites]


def test_pidfiles_exchanged(place):
    """Nor does it help to give each the other's pidfile."""
    one, two = Nginx(place), Nginx(place, "nginx-rtmp")
    masters = one.start(), two.start()
    os.rename(one.pidfile, one.pidfile + ".x")
    os.rename(two.pidfile, one.pidfile)
    os.rename(one.pidfile + ".x", two.pidfile)

    result = one.act("stop")

    assert 0 == result.code, result
    assert not one.alive(masters[0])
    assert two.alive(masters[1])
    assert masters[1] == two.master


def test_pidfile_by_another_name(nginx):
    """The configuration names the pidfile through a link: nginx removes it, and it is restored."""
    nginx.start()
    alias = nginx.place.path("alias")
    os.symlink(os.path.dirname(nginx.pidfile), alias)
    for name in (f"{alias}/{os.path.basename(nginx.pidfile)}", nginx.pidfile):
        with open(nginx.config) as file:
            text = re.sub(r"pid [^;]*;", f"pid {name};", file.read(), count=1)
        nginx.place.write(f"{nginx.folder}/daemon.conf", text)

        result = nginx.act("reload")

        assert 0 == result.code, result
        assert nginx.master.pid == nginx.named
