"""Actions on a real php-fpm, in the background and in the foreground."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
from real_daemons import (
    AT_ONCE,
    FPM_BINARY,
    PACKAGED_FPM,
    ROUNDS,
    Fpm,
    extension,
    in_the_foreground,
    wait_until,
)
from real_load import Shop, run

from initpy.actions.status import status

pytestmark = pytest.mark.real

EXTENSION = extension("sockets")


@pytest.fixture(params=["background", "foreground"])
def running(request, fpm):
    """Give a php-fpm that runs in the background, and one in the foreground."""
    if request.param == "background":
        fpm.start()
        yield fpm
    else:
        with in_the_foreground(fpm):
            yield fpm


def test_status_during_the_reloads_of_others(running):
    """It is never "dead", also in the middle of exec and with arguments that are not ours."""
    codes = []

    def renewed(before):
        codes.append(status(running.service, running.host).code)
        now = running.workers
        return len(now) == running.crew and not now & before

    for _ in range(5):
        before = running.workers
        os.kill(running.master.pid, signal.SIGUSR2)
        wait_until(lambda before=before: renewed(before), "new workers")

    assert {0} == set(codes)


def test_reload_with_other_children(running):
    """After reload a changed pm.max_children is in effect at the next request, every time."""
    for number in range(ROUNDS):
        children = 1 + number % 3
        running.configure(children=children)

        result = running.act("reload")
        running.ask()

        assert 0 == result.code, result
        wait_until(lambda: running.in_the_pool == children, f"{children} children")  # noqa: B023
        assert running.master.pid == running.named


def test_reload_with_another_value(running):
    """After reload a changed ini value is in effect at the very next request, every time."""
    for number in range(ROUNDS):
        running.configure(pool=f"php_admin_value[precision] = {number}")

        result = running.act("reload")
        answer = running.ask()

        assert 0 == result.code, result
        assert str(number) == answer.split()[0]


def test_reload_with_a_new_extension(fpm):
    """After reload a new extension is there at the next request."""
    bare = {"options": ("-n", "-c", fpm.path("php.ini"))}
    bare["options"] = ("-n",)
    assert os.path.exists(EXTENSION), f"{EXTENSION} is not installed: this test needs it"
    fpm.start(**bare)
    before = fpm.ask()
    fpm.configure(pool=f"php_admin_value[extension] = {EXTENSION}")

    result = fpm.act("reload", **bare)

    assert 0 == result.code, result
    assert ("14 -", "14 sockets") == (before, fpm.ask())


def test_reload_with_a_changed_php_ini(fpm):
    """After reload another php.ini is in effect at the next request."""
    private = {"options": ("-c", fpm.path("php.ini"))}
    fpm.start(**private)
    before = fpm.ask().split()[0]
    fpm.place.write(f"{fpm.folder}/php.ini", "precision = 7\n")

    result = fpm.act("reload", **private)

    assert 0 == result.code, result
    assert ("14", "7") == (before, fpm.ask().split()[0])


@pytest.mark.parametrize("action", ["reload", "restart", "force-reload", "try-restart"])
def test_broken_pool_file(running, action):
    """A broken pool file is 6, php-fpm's own words shown, and the service untouched."""
    master, workers = running.master, running.workers
    running.configure(pool="frobnicate = on")

    result = running.act(action)

    assert 6 == result.code, result
    assert "frobnicate" in result.err
    assert (master, workers) == (running.master, running.workers)
    assert master.pid == running.named
    assert running.ask()


def test_the_sentence_of_the_seed(fpm):
    """A refused reload says so as the seed does."""
    fpm.start()
    fpm.configure(pool="frobnicate = on")

    result = fpm.act("reload")

    assert "not reloading due to configuration syntax error" in result.err.splitlines()[-1]


def test_reload_on_demand(fpm):
    """With pm = ondemand there may be no worker: reload is seen all the same, every time."""
    fpm.configure(pm="ondemand")
    fpm.start()
    for number in range(ROUNDS):
        if number % 2:
            fpm.ask()
        fpm.configure(pm="ondemand", pool=f"php_admin_value[precision] = {number}")

        result = fpm.act("reload")
        answer = fpm.ask()

        assert 0 == result.code, result
        assert str(number) == answer.split()[0]


@pytest.mark.parametrize("action", ["stop", "restart", "status"])
def test_on_demand(fpm, action):
    """With pm = ondemand every other action works, too."""
    fpm.configure(pm="ondemand")
    fpm.start()
    fpm.ask()

    result = fpm.act(action)

    assert 0 == result.code, result
    assert (action == "stop") == (fpm.place.processes() == {})


@pytest.mark.parametrize("action", ["start", "reload", "upgrade"])
def test_no_more_on_demand(fpm, action):
    """A master with pm = ondemand serves without a worker, whatever its file says by now."""
    fpm.configure(pm="ondemand")
    fpm.act("start")
    fpm.configure(pm="static")

    told, result = fpm.act("status"), fpm.act(action)

    assert "no worker" not in told.out
    assert 0 == result.code, result
    assert result.seconds < AT_ONCE
    assert "start" == action or len(fpm.workers) == fpm.crew


def test_reload_with_a_request_in_flight(fpm):
    """With process_control_timeout a request in flight is answered, and then all is new."""
    fpm.configure(settings="process_control_timeout = 10s")
    fpm.place.write(
        f"{fpm.folder}/slow.php",
        f"<?php touch('{fpm.path('www')}/begun'); usleep(500000); echo 'slow and complete';",
    )
    os.mkdir(fpm.path("www"))
    os.chmod(fpm.path("www"), 0o777)
    fpm.start()
    with asking(fpm, fpm.path("slow.php")) as answer:
        wait_until(lambda: os.path.exists(fpm.path("www", "begun")), "the request to be taken")
        fpm.configure(
            settings="process_control_timeout = 10s", pool="php_admin_value[precision] = 5"
        )

        result = fpm.act("reload")

        assert 0 == result.code, result
        assert "5" == fpm.ask().split()[0]
        assert "slow and complete" == answer()


@contextmanager
def asking(fpm, script):
    """Send a request whose answer is read later."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(fpm.ask, script, within=30)
        yield lambda: future.result(30)


def test_reload_with_a_lost_pidfile(fpm):
    """A pidfile that was removed is repaired by reload; php-fpm goes on."""
    fpm.start()
    os.unlink(fpm.pidfile)

    told = fpm.act("status")
    result = fpm.act("reload")

    assert (0, 0) == (told.code, result.code), result
    assert "is lost" in told.out
    assert f"restored {fpm.pidfile}" in result.err
    assert fpm.master.pid == fpm.named
    assert fpm.ask()


def test_upgrade(fpm):
    """Upgrade ends with another master that runs the binary on disk, and serves."""
    old = fpm.start()
    fpm.place.copy(fpm.binary, "sbin/php-fpm")

    before = fpm.act("status", "--json").json["binary_replaced"]
    result = fpm.act("upgrade")
    after = fpm.act("status", "--json").json["binary_replaced"]

    assert 0 == result.code, result
    assert (True, False) == (before, after)
    assert not fpm.alive(old)
    assert fpm.master.pid == fpm.named
    assert fpm.host.file_id(fpm.daemon) == fpm.host.exe_file(fpm.master)
    assert fpm.ask()


def test_upgrade_in_the_foreground(fpm):
    """A php-fpm under a supervisor is not taken over: 3, and it is untouched."""
    with in_the_foreground(fpm) as master:
        workers = fpm.workers

        result = fpm.act("upgrade")

        assert 3 == result.code, result
        assert (master, workers) == (fpm.master, fpm.workers)
        assert fpm.ask()


def test_reopen(running):
    """After reopen no process holds a rotated log."""
    os.rename(running.log, running.log + ".1")

    result = running.act("reopen")

    assert 0 == result.code, result
    assert running.log + ".1" not in running.held(running.master, *running.workers)
    assert os.path.exists(running.log)


@pytest.mark.parametrize("action", ["stop", "force-quit"])
def test_stop(running, action):
    """When stop returns nothing is left, in the background and in the foreground."""
    result = running.act(action)

    assert 0 == result.code, result
    assert {} == running.place.processes()
    assert not os.path.exists(running.pidfile)


def test_status(running):
    """Status and its JSON know master and workers."""
    told = running.act("status", "--json")

    assert 0 == told.code, told
    assert running.master.pid == json.loads(told.out)["master"]
    assert 2 == len(json.loads(told.out)["workers"])


def test_start_makes_its_runtime_directory(fpm):
    """A directory of the pidfile that is gone, as /run/php after a boot, is made by start."""
    fpm.pidfile = fpm.path("run", "php", "fpm.pid")
    fpm.configure()
    fpm.service = fpm.service.replace(pidfile=fpm.pidfile)

    result = fpm.act("start")

    assert 0 == result.code, result
    assert fpm.master.pid == fpm.named


def test_reload_that_kills_it(fpm):
    """A php-fpm that dies in its reload is started again, and the action is 1 all the same."""
    fpm.start()
    # Passes the test, and cannot be executed when php-fpm executes itself anew.
    good = fpm.place.path("sbin", "good")
    os.rename(fpm.daemon, good)
    fpm.place.script(
        "sbin/php-fpm",
        f'case "$1" in -t|-tt|--test) exec {good} "$@";; esac\n'
        f'test -e {fpm.path("once")} && exec {good} "$@"\ntouch {fpm.path("once")}\n'
        f"echo '[x] ERROR: no luck' >>{fpm.log}; exit 1",
    )

    result = fpm.act("reload")

    assert 1 == result.code, result
    assert f"died during the reload and was started again: {fpm.log} says: no luck" in result.err
    assert fpm.master.pid == fpm.named
    assert fpm.ask()


def test_two_instances(place):
    """No action on one php-fpm touches another one of the same binary."""
    ours, other = Fpm(place), Fpm(place, "other")
    for site in (ours, other):
        site.start()
    untouched = other.master, other.workers
    for action in ("status", "reload", "restart", "stop", "start", "force-quit"):
        result = ours.act(action)

        assert 0 == result.code, result
        assert untouched == (other.master, other.workers)


def test_reload_by_takeover(place):
    """With RELOAD=takeover a reload cuts no request, though php-fpm would give none its time."""
    shop = Shop(place, children=6).open()
    place.settings(shop.fpm.name, "RELOAD=takeover\n")
    with shop.load(asking=4, slowest=0.4) as clients:
        for children in (7, 6):
            old = shop.fpm.master
            shop.fpm.configure(children=children)

            result = shop.fpm.act("reload")

            assert 0 == result.code, result
            assert not shop.fpm.alive(old)
            assert children == len(shop.fpm.workers)
            assert shop.fpm.master.pid == shop.fpm.named
        assert [] == clients.bad


def test_reload_by_takeover_in_the_foreground(fpm):
    """A php-fpm under a supervisor cannot be taken over: 3, and it is untouched."""
    fpm.place.settings(fpm.name, "RELOAD=takeover\n")
    with in_the_foreground(fpm) as master:
        workers = fpm.workers

        result = fpm.act("reload")

        assert 3 == result.code, result
        assert "RELOAD=signal" in result.err
        assert (master, workers) == (fpm.master, fpm.workers)


@pytest.mark.parametrize("supervised", [False, True], ids=["process 1", "below a shell"])
def test_reload_in_a_container(fpm, supervised):
    """In a container, as its process 1 or below a shell that waits, reload works as elsewhere."""
    argv = [fpm.daemon, "--nodaemonize", "--fpm-config", fpm.config, "--pid", fpm.pidfile]
    if supervised:
        argv = [fpm.place.tool("dash"), "-c", f"{' '.join(argv)} & wait"]
    container = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", *argv]
    with subprocess.Popen(container, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        try:
            titles = lambda: " ".join(fpm.place.processes().values())  # noqa: E731
            wait_until(lambda: fpm.named and titles().count("pool") == 2, "php-fpm to come up")
            named = fpm.named
            (master,) = [one for one, t in fpm.place.processes().items() if "master" in t]
            inside = ["nsenter", "--target", f"{master}", "--pid", "--mount", fpm.wrapper]

            for number in range(3):
                fpm.configure(pool=f"php_admin_value[precision] = {number}")
                done = subprocess.run([*inside, "reload"], check=False, capture_output=True)

                assert 0 == done.returncode, done
                assert f"{number} -" == fpm.ask().replace("sockets", "-")
            fpm.configure(pool="pm.status_listen = /gone/x.sock")
            done = subprocess.run([*inside, "reload"], check=False, capture_output=True)

            assert 6 == done.returncode, done
            assert fpm.ask()
            assert named == fpm.named
        finally:
            child.kill()
            child.wait()
            wait_until(lambda: not fpm.place.processes(), "the container to end")


def test_stop_after_the_master_was_killed(fpm):
    """Stop ends the workers that a killed master has left behind."""
    master = fpm.start()
    fpm.kill(master)
    fpm.see_gone(master)

    result = fpm.act("stop")

    assert 0 == result.code, result
    assert {} == fpm.place.processes()


def test_generate_asks_the_daemon(tmp_path):
    """Generate without options names the paths that the installed php-fpm tells of itself."""
    wrapper = tmp_path / "W"

    from initpy.tools.command import main

    assert 0 == main(["generate", "php-fpm", "-o", str(wrapper)])
    text = wrapper.read_text()
    assert re.search(r'daemon="/usr/sbin/php-fpm8\.\d"', text)
    assert re.search(r'config="/etc/php/8\.\d/fpm/php-fpm\.conf"', text)
    assert re.search(r'pidfile="/run/php/php8\.\d-fpm\.pid"', text)


def test_generate_beside_a_broken_pool(place):
    """The distribution's paths are known all the same; otherwise only what is wrong is shown."""
    place.write("pool.d/x.conf", "[x]\nuser = no-such-user\nlisten = /x\npm = static\n")
    pools = f"{os.path.dirname(PACKAGED_FPM.config)}/pool.d"
    mount = f'mount --bind {place.path("pool.d")} {pools} && exec "$@"'
    program = "import sys; from initpy.tools.command import main; sys.exit(main())"
    generate = ["unshare", "--mount", "sh", "-c", mount, "sh", sys.executable, "-c", program]
    generate += ["generate", "php-fpm"]

    known = run([*generate, "-o", place.path("init")])
    asked = run([*generate, "--daemon", FPM_BINARY])

    assert 0 == known.code, known
    assert 1 == asked.code, asked
    assert "([pool x] pm.max_children must be a positive value): give --config" in asked.err
    assert "NOTICE" not in asked.err
