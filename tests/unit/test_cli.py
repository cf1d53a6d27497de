from __future__ import annotations

import json
import sys

import pytest
from fakes import Run

from initpy.cli import ACTIONS, VERBS, main, run
from initpy.control.lock import lock_path
from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.errors import ExitCode, HostError, InitError, StatusCode
from initpy.usage import usage

LOOK_OR_STOP = ("status", "stop", "force-quit")


def wrapper(host, *argv, service=NGINX):
    """Do what a wrapper with those arguments does; return its exit code."""
    return main(service, argv, host)


@pytest.mark.parametrize("action", VERBS)
def test_every_action_of_a_running_service_is_0(host, nginx, capsys, action):
    """On a healthy service nothing fails, and an action ends in [  OK  ]."""
    nginx.run()

    code = wrapper(host, action)

    assert (ExitCode.OK, "") == (code, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ("start", ExitCode.OK),
        ("stop", ExitCode.OK),
        ("force-quit", ExitCode.OK),
        ("restart", ExitCode.OK),
        ("try-restart", ExitCode.OK),
        ("condrestart", ExitCode.OK),
        ("reload", ExitCode.NOT_RUNNING),
        ("force-reload", ExitCode.NOT_RUNNING),
        ("upgrade", ExitCode.NOT_RUNNING),
        ("configtest", ExitCode.OK),
        ("testconfig", ExitCode.OK),
        ("reopen", ExitCode.NOT_RUNNING),
        ("rotate", ExitCode.NOT_RUNNING),
        ("reopen-logs", ExitCode.NOT_RUNNING),
        ("status", StatusCode.STOPPED),
    ],
)
def test_every_action_of_a_stopped_service(host, nginx, action, code):
    """Each exits with what LSB has for a service that is stopped."""
    assert code == wrapper(host, action)


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ("stop", ExitCode.OK),
        ("status", StatusCode.STOPPED),
        ("start", ExitCode.NOT_INSTALLED),
        ("restart", ExitCode.NOT_INSTALLED),
        ("configtest", ExitCode.NOT_INSTALLED),
    ],
)
def test_missing_daemon(host, action, code):
    """Removed and not purged, a wrapper still ends with the right code."""
    assert code == wrapper(host, action)


@pytest.mark.parametrize("action", ["start", "restart", "reload", "upgrade", "configtest"])
def test_bad_configuration_is_6(host, nginx, capsys, action):
    """The daemon's own words are shown, and the code is that of a bad configuration."""
    if action in ("reload", "upgrade"):
        nginx.run()
    nginx.tested = Run(code=1, output="nginx: [emerg] unexpected }")

    code = wrapper(host, action)

    complaints = capsys.readouterr().err.splitlines()
    assert ExitCode.NOT_CONFIGURED == code
    assert "nginx: [emerg] unexpected }" == complaints[0]
    assert complaints[1].startswith("nginx: ")
    assert complaints[1].endswith("unexpected }")


def test_failure_is_1(host, nginx, capsys):
    """What has no code of its own is 1."""
    nginx.started = Run(code=1, output="bind() failed")

    assert ExitCode.GENERIC == wrapper(host, "start")
    assert "bind() failed\n" in capsys.readouterr().err


def test_undeclared_is_3(host, fpm):
    """What a daemon cannot do is unimplemented."""
    fpm.run()

    assert ExitCode.UNIMPLEMENTED == wrapper(host, "upgrade", service=PHP_FPM.replace(upgrade=None))


@pytest.mark.parametrize("action", [action for action in VERBS if action != "status"])
def test_not_permitted_is_4(host, nginx, action):
    """EPERM comes before everything else."""
    nginx.run()
    nginx.tested = Run(code=1)
    host.euid = 33

    assert ExitCode.NOT_PERMITTED == wrapper(host, action)


def test_status_as_nobody(host, nginx):
    """Anybody may look."""
    nginx.run()
    host.euid = 33

    assert StatusCode.RUNNING == wrapper(host, "status")


@pytest.mark.parametrize("action", ["reload", "upgrade"])
def test_reverted_is_150(host, nginx, capsys, action):
    """It failed, and the old one serves as before."""
    nginx.run()
    nginx.replace("fails")
    nginx.reloads = False

    assert ExitCode.REVERTED == wrapper(host, action)
    assert "as before" in capsys.readouterr().err


def test_failed_rollback_is_151(host, nginx):
    """Neither forward nor back has a code of its own."""
    master = nginx.run()
    nginx.replace("freezes")
    host.at(0.1, lambda: host.end(master))

    assert ExitCode.ROLLBACK_FAILED == wrapper(host, "upgrade")


@pytest.mark.parametrize("timeout", [["--timeout", "3"], ["--timeout=3"]])
def test_busy_is_152(host, nginx, capsys, timeout):
    """While another action holds the lock, --timeout bounds the wait."""
    host.sign_lock(host.lock(lock_path(NGINX)), "upgrade (pid 7)")

    code = wrapper(host, "start", *timeout)

    assert ExitCode.BUSY == code
    assert 3 == round(host.now, 2)
    assert "waiting for another action to finish: upgrade (pid 7)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        ([], "no action"),
        (["frobnicate"], "unknown action: frobnicate"),
        (["start", "stop"], "excess argument: stop"),
        (["start", "--force"], "unknown option, or one without its value: --force"),
        (["start", "--timeout"], "unknown option, or one without its value: --timeout"),
        (["start", "--timeout", "soon"], "--timeout takes seconds, not 'soon'"),
        (["start", "--timeout=-1"], "--timeout takes seconds, not '-1'"),
        (["start", "--timeout="], "--timeout takes seconds, not ''"),
        (["-h"], "unknown option"),
    ],
)
def test_wrong_usage_is_2(host, nginx, capsys, argv, reason):
    """Wrong arguments are told, with the usage line, and nothing is done."""
    code = wrapper(host, *argv)

    complaint, line = capsys.readouterr().err.splitlines()
    assert ExitCode.USAGE == code
    assert complaint.startswith(f"nginx: {reason}")
    assert usage("/etc/init.d/nginx", VERBS, NGINX) == line
    assert [] == host.spawned


def test_usage_names_every_action():
    """The usage line is whole, and one line."""
    line = usage("x", VERBS, NGINX)

    assert line.startswith("Usage: x {start|stop|")
    assert set(VERBS) == set(line.partition("{")[2].partition("}")[0].split("|"))
    assert {*ACTIONS, "status"} == set(VERBS)


def test_words_of_success(host, nginx, capsys):
    """One line says what was done."""
    wrapper(host, "start")

    out, err = capsys.readouterr()
    assert (f"{'Starting nginx: ':<60}[  OK  ]\n", "") == (out, err)
    assert ["nginx: start: done (exit 0)"] == host.logged


def test_words_of_failure(host, nginx, capsys):
    """Answers are for stdout and complaints for stderr, the name in front."""
    wrapper(host, "reload")

    out, err = capsys.readouterr()
    assert (f"{'Reloading nginx: ':<60}[FAILED]\n", "nginx: not running\n") == (out, err)
    assert ["nginx: reload: not running (exit 7)"] == host.logged


def test_notices(host, nginx, capsys):
    """What an action has to say besides goes to stderr, the name in front."""
    nginx.run()
    del host.files[NGINX.pidfile]

    wrapper(host, "start")

    assert capsys.readouterr().err.startswith("nginx: restored /run/nginx.pid")


def test_quiet(host, nginx, capsys):
    """Told to be quiet it says nothing but complaints."""
    nginx.run()
    nginx.drain = 10
    for action in ("status", "restart", "stop"):
        wrapper(host, action, "--quiet")
    wrapper(host, "--quiet", "reload")

    assert ("", "nginx: not running\n") == capsys.readouterr()


def test_json(host, nginx, capsys):
    """For machines an action is one object on stdout."""
    wrapper(host, "start", "--json")
    done = json.loads(capsys.readouterr().out)
    wrapper(host, "stop")
    capsys.readouterr()
    wrapper(host, "reload", "--json")

    failed = json.loads(capsys.readouterr().out)

    assert {"name": "nginx", "action": "start", "code": 0, "message": "", "cut": 0} == done
    assert ("reload", 7, "not running") == (failed["action"], failed["code"], failed["message"])


def test_status(host, nginx, capsys):
    """A line, and one for each note."""
    master = nginx.run()
    host.put(NGINX.daemon, "new", mode=0o755)

    wrapper(host, "status")

    assert [
        f"nginx: running, master {master.pid}, 2 workers, up 1 h",
        "nginx: the binary on disk is newer than the running one: upgrade",
    ] == capsys.readouterr().out.splitlines()
    assert ([], "") == (host.logged, host.heeding)


def test_status_json(host, nginx, capsys):
    """For machines all of it."""
    master = nginx.run()

    wrapper(host, "status", "--json")

    told = json.loads(capsys.readouterr().out)
    assert (master.pid, "running", 0) == (told["master"], told["state"], told["code"])


def test_status_with_bad_settings(host, nginx, capsys):
    """Settings that do not tell which service it is leave the state of a stopped one unknown."""
    host.put("/etc/default/nginx", "CONFFILE=high")

    assert StatusCode.UNKNOWN == wrapper(host, "status")
    assert "line 1: CONFFILE" in capsys.readouterr().err


def test_bad_settings(host, nginx):
    """For an action they are a bad configuration."""
    host.put("/etc/default/nginx", "NICELEVEL=high")

    assert ExitCode.NOT_CONFIGURED == wrapper(host, "start")


def test_settings_and_timeout(host, nginx):
    """What the administrator has set is what is done; --timeout goes first."""
    nginx.run()
    nginx.replace("freezes")
    host.put("/etc/default/nginx", "UPGRADEWAITLOOPS=300")

    wrapper(host, "upgrade", "--timeout", "2")

    assert 2 <= host.now < 2.2


@pytest.mark.parametrize(
    ("action", "by_systemd", "code"),
    [
        ("start", True, ExitCode.GENERIC),
        ("start", False, ExitCode.NOT_INSTALLED),
        ("restart", True, ExitCode.NOT_INSTALLED),
    ],
)
def test_failed_start_by_systemd(host, action, by_systemd, code):
    """To systemd 5 and 6 would be success, so a start that it runs is 1."""
    host.by_systemd = by_systemd

    assert code == wrapper(host, action)


@pytest.mark.parametrize("action", ["start", "reload"])
def test_bad_configuration_by_systemd(host, nginx, action):
    """Nor is a bad configuration success."""
    host.by_systemd = True
    if action == "reload":
        nginx.run()
    nginx.tested = Run(code=1)

    assert ExitCode.GENERIC == wrapper(host, action)


def test_signals_of_a_wrapper(host, nginx, monkeypatch):
    """A wrapper heeds signals while it acts, and ignores them once it is done."""
    seen = []
    own = nginx.program
    host.programs[NGINX.daemon] = lambda argv: seen.append(host.heeding) or own(argv)
    monkeypatch.setattr(sys, "argv", ["/etc/init.d/nginx", "start"])

    assert ExitCode.OK == main(NGINX, host=host)
    assert {"heeds"} == set(seen)
    assert "ignores" == host.heeding


def test_exit_code_of_a_wrapper(host, monkeypatch):
    """A wrapper exits with the code of its action."""
    monkeypatch.setattr(sys, "argv", ["/etc/init.d/nginx", "status", "--quiet"])

    with pytest.raises(SystemExit) as exited:
        run(NGINX, host)

    assert StatusCode.STOPPED == exited.value.code


def run_code(host, monkeypatch, *argv, **options):
    """Return the exit code of a wrapper that calls run() with those options."""
    monkeypatch.setattr(sys, "argv", ["/etc/init.d/nginx", *argv])
    with pytest.raises(SystemExit) as exited:
        run(NGINX, host, **options)
    return exited.value.code


@pytest.mark.parametrize("action", [verb for verb in VERBS if verb not in LOOK_OR_STOP])
def test_conffile_without_its_daemon(host, monkeypatch, capsys, action):
    """Of a daemon that is removed and not purged there is nothing to start: quietly 0."""
    assert ExitCode.OK == run_code(host, monkeypatch, "--json", action, conffile=True)
    assert ("", "") == capsys.readouterr()
    assert [] == host.logged


@pytest.mark.parametrize("action", LOOK_OR_STOP)
def test_conffile_of_a_removed_daemon_that_runs(host, nginx, monkeypatch, action):
    """What still runs of a removed daemon is seen and stopped."""
    master = nginx.run()
    del host.files[NGINX.daemon]

    assert ExitCode.OK == run_code(host, monkeypatch, action, conffile=True)
    assert (action == "status") == (host.find(master.pid) is not None)


def test_conffile_with_its_daemon(host, nginx, monkeypatch):
    """While the daemon is installed, a conffile is a wrapper like any other."""
    assert ExitCode.NOT_RUNNING == run_code(host, monkeypatch, "reload", conffile=True)
    assert ExitCode.OK == run_code(host, monkeypatch, "start", conffile=True)
    assert nginx.masters


@pytest.mark.parametrize(
    ("settings", "code"),
    [("NGINX=/opt/nginx", ExitCode.OK), ("NGINX=relative", ExitCode.NOT_CONFIGURED)],
)
def test_conffile_and_settings(host, nginx, monkeypatch, settings, code):
    """The daemon is the one that the settings name; bad settings are no removal."""
    host.put("/etc/default/nginx", settings)

    assert code == run_code(host, monkeypatch, "start", conffile=True)
    assert [] == nginx.masters


@pytest.mark.parametrize("action", ["status", "stop", "frobnicate"])
def test_other_version_of_python(host, monkeypatch, capsys, action):
    """A wrapper that another version of Python runs says so, and does its work."""
    same = "{}.{}".format(*sys.version_info)

    codes = [run_code(host, monkeypatch, action, python=python) for python in ("", same, "3.4")]

    sentence = f"generated for Python 3.4, and is run by Python {same}: generate it again"
    said = capsys.readouterr().err.splitlines()
    assert 1 == len(set(codes))
    assert 1 == said.count(f"nginx: this script was {sentence}")


def test_signals_of_a_caller(host, nginx):
    """Called by another program it leaves the program's signals alone."""
    wrapper(host, "start")

    assert "" == host.heeding


def test_lock_that_cannot_be_made(host, nginx):
    """Without a lock only stop goes on."""
    nginx.run()
    host.unwritable[lock_path(NGINX)] = InitError("no space left")

    codes = [wrapper(host, action) for action in ("restart", "reload", "stop")]

    assert [ExitCode.GENERIC, ExitCode.GENERIC, ExitCode.OK] == codes


# --explain


@pytest.mark.parametrize("action", VERBS)
def test_explain(host, nginx, capsys, action):
    """Every action says which process it looked at, what it compared, and what it believed."""
    master = nginx.run()

    code = wrapper(host, action, "--explain")

    said = capsys.readouterr().err.splitlines()
    assert ExitCode.OK == code
    assert f"nginx: pidfile {NGINX.pidfile}: ok, it names pid {master.pid}" == said[0]
    assert f"nginx: pid {master.pid} ({master.title[:60]}): it is the master" in said
    assert len(said) == len(set(said)), "each sentence once"


def test_explain_why_not(host, nginx, capsys):
    """Of a process that is not believed it says why, and what it is taken for."""
    nginx.run().net = "net:[2]"

    code = wrapper(host, "status", "--explain")

    said = capsys.readouterr().err
    assert StatusCode.DEAD_PIDFILE == code
    assert "network namespace net:[2], ours is net:[1]" in said
    assert "it is in another network namespace" in said


def test_explain_orphans(host, nginx, capsys):
    """And of workers without a master whose they are."""
    master = nginx.run()
    first, second = nginx.workers(master)
    second.sockets = {1: "0.0.0.0:81"}
    host.end(master)

    wrapper(host, "status", "--explain")

    said = capsys.readouterr().err
    assert f"pid {first.pid} ({nginx.worker}): ours" in said
    assert f"pid {second.pid} ({nginx.worker}): another instance's" in said


def test_explain_as_json(host, nginx, capsys):
    """In JSON it is one more key, and nothing else is printed."""
    master = nginx.run()
    for action in ("status", "reload"):
        wrapper(host, action, "--json", "--explain")

        said = capsys.readouterr()
        assert (
            f"pid {master.pid} ({master.title[:60]}): it is the master"
            in json.loads(said.out)["evidence"]
        )
        assert "" == said.err


def test_nothing_is_explained_unasked(host, nginx, capsys):
    """Who does not ask is told the answer alone."""
    nginx.run()

    wrapper(host, "status", "--json")

    said = capsys.readouterr()
    assert "evidence" not in json.loads(said.out)
    assert "" == said.err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (OSError(24, "Too many open files", "/x"), 1, "/x: Too many open files"),
        (MemoryError(), 1, "out of memory"),
        (KeyError("x"), 1, "initpy cannot be used: KeyError: 'x'"),
        (HostError("look", OSError(5, "no")), 1, "look: no"),
        (HostError("look", PermissionError(1, "no")), 4, "look: no"),
    ],
)
@pytest.mark.parametrize("action", ["status", "start", "reload"])
def test_whatever_is_raised(host, nginx, capsys, action, error, code, said):
    """One sentence, a code, JSON and a line of the system log, and no traceback."""
    code = StatusCode.UNKNOWN if action == "status" else code

    def fails(*_args):
        raise error

    nginx.run()
    host.find = host.look = fails

    assert code == wrapper(host, action)
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"nginx: {said}")
    assert code == wrapper(host, action, "--json")
    told = json.loads(capsys.readouterr().out)
    assert (action, code) == (told["action"], told["code"])
    assert told["message"].startswith(said)
    assert (action == "status") or f"{action}: {said}" in host.logged[-1]
