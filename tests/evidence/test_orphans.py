"""Workers without a master: whose they are, and who is left alone."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from contextlib import ExitStack

import pytest
from elsewhere import Instance
from real_daemons import Fpm, Nginx, Result, free_port, wait_until
from real_load import crash, load

from initpy.state.record import record_path

pytestmark = pytest.mark.real

# What one instance does beside the orphans of the other, with the codes of a success.
BESIDE = (
    ("status", 0),
    ("configtest", 0),
    ("reload", 0),
    ("reopen", 0),
    ("upgrade", 0),
    ("try-restart", 0),
    ("restart", 0),
    ("stop", 0),
    ("status", 3),
    ("force-quit", 0),
    ("start", 0),
    ("upgrade", 0),
    ("stop", 0),
)


def forget(site):
    """Remove what was recorded of it, as the end of a container's /run does."""
    os.unlink(record_path(site.service))


def recovers(site, orphans, *ports):
    """Have it start again under load: its orphans are gone, and no request is lost."""
    with ExitStack() as stack:
        clients = [stack.enter_context(load(port)) for port in ports]

        result = site.act("start")

        assert 0 == result.code, result
        assert [] == [orphan for orphan in orphans if site.alive(orphan)]
        assert [[] for _ in ports] == [asked.bad for asked in clients]


@pytest.fixture(params=["the first", "the second"])
def instances(request, place):
    """Give two nginx that share one of two addresses; the first of the pair is to crash."""
    pair = [Nginx(place, "blue"), Nginx(place, "green")]
    shared = free_port()
    for site in pair:
        site.configure(site.folder, server=f"listen 127.0.0.1:{shared} reuseport;")
        site.start()
    return (*(pair if request.param == "the first" else pair[::-1]), shared)


def test_shared_address(instances):
    """An instance whose address is shared leaves the other's orphans alone; that one recovers."""
    crashed, other, shared = instances
    orphans = crash(crashed)

    for action, code in BESIDE:
        result = other.act(action)

        assert code == result.code, (action, result)
        assert all(map(crashed.alive, orphans)), (action, result)
        assert not any(str(orphan) in result.err for orphan in orphans), (action, result)
        assert crashed.folder == crashed.ask()
    recovers(crashed, orphans, crashed.port, shared)


@pytest.mark.parametrize("forgotten", ["its own", "both"])
def test_shared_address_without_a_record(instances, forgotten):
    """Without a record the other's orphans are left alone at least, and it is said."""
    crashed, other, shared = instances
    orphans = crash(crashed)
    forget(crashed)
    if forgotten == "both":
        forget(other)

    for action, code in BESIDE:
        result = other.act(action)

        said = 1 == result.code and all(str(orphan) in result.err for orphan in orphans)
        assert code == result.code or said, (action, result)
        assert all(map(crashed.alive, orphans)), (action, result)
        assert crashed.folder == crashed.ask()
    recovers(crashed, orphans, crashed.port, shared)


ALONE = ["unshare", "--net", "--", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"]
OPTIONS = {"nginx": ["-c"], "php-fpm": ["--daemonize", "--fpm-config"]}


def test_our_address_in_another_network(site):
    """Orphans that listen at our address, in a network of their own, are not ours."""
    other = type(site)(site.place, "other")
    other.port = site.port
    other.configure()
    subprocess.run([*ALONE, other.daemon, *OPTIONS[other.kind], other.config], check=True)
    wait_until(lambda: len(site.place.processes()) == 1 + other.crew, f"{other.kind} to be up")
    master = site.host.find(other.named)
    orphans = set(site.place.processes()) - {master}
    site.kill(master)
    site.see_gone(master)

    for action, code in (("status", 3), ("stop", 0), ("start", 0), *BESIDE[:8]):
        result = site.act(action)

        assert code == result.code, (action, result)
        assert all(map(site.alive, orphans)), (action, result)


def test_stale_pidfile_with_a_number_that_was_given_again(site):
    """Our stale pidfile has the number of another's dead master: its orphans are not ours."""
    other = type(site)(site.place, "other")
    other.start()
    orphans = crash(other)
    codes = []

    for action in ("status", "stop", "start"):
        shutil.copy(other.pidfile, site.pidfile)
        os.utime(site.pidfile, (0, 0))  # it was written before that master was born
        codes.append(site.act(action).code)

        assert all(map(other.alive, orphans)), action
    assert [1, 0, 0] == codes
    recovers(other, orphans)


def test_default_port(island, place):
    """Port 80, of a server that names none, is not the address of every nginx."""
    home, other = (Instance(island, place, "nginx", name) for name in ("home", "other"))
    island("cp", home.source, home.config)
    home.generate()
    place.write("other.conf", other.text.partition("listen ")[0] + "} }\n")
    other.start_by_hand("-c", other.source)
    island("sh", "-c", f"kill -9 $(cat {other.pidfile})")
    asked = ("curl", "-s", "-o", "/dev/null", "--max-time", "3", "http://127.0.0.1:80")

    results = [home.act(action) for action in ("status", "stop", "start", "status", "stop")]

    assert [3, 0, 0, 0, 0] == [result.code for result in results], results
    assert 0 == island(*asked).code


@pytest.mark.parametrize("kind", [Nginx, Fpm])
@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "not recorded"])
def test_address_that_another_names(place, kind, recorded):
    """That a configuration names an address makes nobody ours who listens there."""
    crashed, other = kind(place, "blue"), kind(place, "green")
    for site in (crashed, other):
        site.start()
    if kind is Nginx:
        other.configure(listens=[crashed.port])
    else:
        place.write(
            "green/pool.d/more.conf",
            f"[more]\nuser = www-data\nlisten = 127.0.0.1:{crashed.port}\n"
            "pm = static\npm.max_children = 1\n",
        )
    orphans = crash(crashed)
    if not recorded:
        forget(crashed)

    results = {action: other.act(action) for action in ("status", "reopen", "stop", "status")}

    assert all(map(crashed.alive, orphans)), results
    if recorded:
        assert 0 == results["stop"].code, results["stop"]
    else:
        assert all(str(orphan) in results["stop"].err for orphan in orphans), results["stop"]
    recovers(crashed, orphans)
    assert crashed.ask()


# What happens to a daemon before or after its master is killed. Each returns who acts then.


def of_www_data(site):
    """Its pidfile's folder is www-data's, as Debian's /run/php is."""
    os.mkdir(site.path("run"))
    shutil.chown(site.path("run"), "www-data")
    site.pidfile = site.path("run", "daemon.pid")
    site.configure()
    site.generate()
    site.start()
    crash(site)
    return site.act


def renamed(site):
    """Its binary has another name, and another one has its."""
    site.start()
    os.rename(site.daemon, site.daemon + ".old")
    site.place.copy(site.binary, f"sbin/{site.kind}")
    crash(site)
    return site.act


def deleted(site):
    """Its binary is deleted."""
    site.start()
    site.place.copy(site.binary, f"sbin/{site.kind}")
    crash(site)
    return site.act


def listen_changed(site):
    """Its configuration names another address since."""
    site.start()
    crash(site)
    site.port = free_port()
    site.configure()
    return site.act


def listen_changed_of_www_data(site):
    """Its configuration names another address since, and its pidfile's folder is www-data's."""
    of_www_data(site)
    site.port = free_port()
    site.configure()
    return site.act


def listen_changed_and_pidfile_lost(site):
    """Its configuration names another address since, and its pidfile is gone."""
    act = listen_changed(site)
    os.unlink(site.pidfile)
    return act


def all_at_once(site):
    """All of that, and its pidfile is gone."""
    of_www_data(site)
    os.rename(site.daemon, site.daemon + ".old")
    site.place.copy(site.binary, f"sbin/{site.kind}")
    os.unlink(site.pidfile)
    site.port = free_port()
    site.configure()
    return site.act


def without_ptrace(site):
    """Root may not look at other users' processes, as in a container."""
    site.start()
    crash(site)
    return lambda *argv: by_setpriv(site, *argv)


def by_setpriv(site, *argv):
    """Run its wrapper without CAP_SYS_PTRACE."""
    began = time.monotonic()
    done = subprocess.run(
        ["setpriv", "--bounding-set=-sys_ptrace", "--", site.wrapper, *argv],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    return Result(done.returncode, done.stdout, done.stderr, time.monotonic() - began)


CRASHES = [
    of_www_data,
    renamed,
    deleted,
    listen_changed,
    listen_changed_of_www_data,
    listen_changed_and_pidfile_lost,
    without_ptrace,
    all_at_once,
]


def accepting(site, processes):
    """Return those of the processes that have a listening socket."""
    return {process for process in processes if site.host.listening_places(process)}


@pytest.mark.parametrize("crashes", CRASHES)
@pytest.mark.parametrize("action", ["stop", "start"])
def test_after_a_crash(site, crashes, action):
    """After a crash stop ends whoever is left, and start, too: the record tells who they are."""
    act = crashes(site)
    orphans = set(site.place.processes())

    told = act("status")
    result = act(action)

    assert told.code in (1, 4), told
    assert all(str(orphan) in told.out for orphan in orphans), told
    assert 0 == result.code, result
    assert not orphans & set(site.place.processes())
    assert ("start" == action) == bool(site.place.processes())


@pytest.mark.parametrize("crashes", [of_www_data, renamed, deleted, without_ptrace])
@pytest.mark.parametrize("action", ["stop", "start"])
def test_after_a_crash_without_a_record(site, crashes, action):
    """After a crash without a record nobody accepts unsaid: they are ended, or named."""
    act = crashes(site)
    forget(site)
    orphans = set(site.place.processes())

    result = act(action)

    left = orphans & accepting(site, site.place.processes())
    assert all(str(process) in result.err for process in left), (left, result)
    if "stop" == action:
        assert (1 if left else 0) == result.code, result


def test_short_title(fpm):
    """A master without room for its title is known, and its workers are no orphans."""
    argv, folder = ["fpm", "-y", os.path.basename(fpm.config)], os.path.dirname(fpm.config)
    subprocess.run(argv, executable=fpm.daemon, cwd=folder, env={}, check=True)
    wait_until(lambda: len(fpm.place.processes()) == 1 + fpm.crew, "php-fpm to be up")
    before = set(fpm.place.processes())
    assert fpm.config not in fpm.host.title(fpm.named)

    told, started = fpm.act("status"), fpm.act("start")
    after = set(fpm.place.processes())
    ended = fpm.act("stop")

    assert (0, 0, 0) == (told.code, started.code, ended.code), (told, started, ended)
    assert before == after
    assert {} == fpm.place.processes()


@pytest.mark.parametrize("action", ["stop", "start"])
def test_helper_with_another_title(nginx, action):
    """A helper of whatever title is known by its master's session, and ended as a worker is."""
    with open(nginx.binary, "rb") as file:
        build = file.read().replace(b"cache manager process", b"privileged agent proc")
    with open(nginx.place.path("other"), "wb") as file:
        file.write(build)
    os.chmod(nginx.place.path("other"), 0o755)
    nginx.place.copy(nginx.place.path("other"), "sbin/nginx")
    nginx.configure(http=f"proxy_cache_path {nginx.path('cache')} keys_zone=one:1m;")
    nginx.act("start")
    helper = lambda: "privileged" in "".join(nginx.place.processes().values())  # noqa: E731
    wait_until(helper, "the helper to have its title")
    nginx.act("reopen")  # it is recorded then
    crash(nginx)
    dead = set(nginx.place.processes())

    result = nginx.act(action)

    assert 0 == result.code, result
    assert not dead & set(nginx.place.processes())


def test_who_holds_the_port(nginx):
    """Orphans hold the port: they are named, and not the script that has copied their socket."""
    nginx.start()
    crash(nginx)
    with open(nginx.config) as file:
        text = file.read().replace("127.0.0.1:", "0.0.0.0:")
    nginx.place.write(f"{nginx.folder}/daemon.conf", text)

    result = nginx.script("start")

    named = re.findall(r"held by pid (\d+) ", result.err)
    assert 1 == result.code, result
    assert {*named} <= {str(process) for process in nginx.place.processes()}, result
    assert named, result
    assert "one" == nginx.ask()


JOB = "<?php exec('{sleep} 600 >/dev/null 2>&1 &'); echo 'begun';"


@pytest.mark.parametrize("crashed", [False, True], ids=["serving", "crashed"])
def test_job_that_holds_our_socket(fpm, crashed):
    """A job that PHP has started holds our socket: it is named by stop, and never signalled."""
    sleep = fpm.place.tool("sleep")
    script = fpm.place.write("job.php", JOB.format(sleep=sleep))
    fpm.start()
    assert "begun" == fpm.ask(script)
    # The shell that is to execute it does not wait for that.
    jobs = lambda: [p for p, title in fpm.place.processes().items() if title.startswith(sleep)]  # noqa: E731
    (job,) = wait_until(jobs, "the job to be executed")
    if crashed:
        crash(fpm)
    told = fpm.act("status")

    result = fpm.act("stop")

    assert str(job) not in told.out, told
    assert {job} == set(fpm.place.processes())
    assert str(job) in result.err, result
    fpm.kill(job, signal.SIGTERM)
