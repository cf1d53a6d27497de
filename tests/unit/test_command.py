from __future__ import annotations

import os.path
import sys

import pytest
from fakes import Run

import initpy
from initpy.daemons.nginx import NGINX
from initpy.errors import ExitCode, StatusCode
from initpy.tools.command import main
from initpy.tools.init_script import render
from initpy.tools.register import trusted_python

PROGRAM, PIDFILE = "/usr/sbin/foo", "/run/foo.pid"
GIVEN = ["--name", "rtmp", "--daemon", "/opt/n", "--config", "/etc/n.conf", "--pidfile", "/run/n"]


def rendered(service, host):
    """Return the wrapper of an nginx for the interpreter that runs us."""
    interpreter, folders = trusted_python(host)
    return render(service, NGINX, interpreter=interpreter, folders=folders)


@pytest.fixture(autouse=True)
def same_views(host):
    """Have every process in our namespaces and root."""
    host.namespace = lambda _pid, _kind: "ours"
    host.root_file = lambda _pid: host.file_id("/")


@pytest.fixture
def foo(host):
    """Return a running foo with a pidfile."""
    host.put(PIDFILE, "42\n")
    process = host.add(42, exe=PROGRAM, argv=(PROGRAM,))
    process.on["SIGTERM"] = host.end
    return process


def test_generate(host, nginx, capsys):
    """The wrapper of the installed nginx is printed."""
    host.put(NGINX.config, "pid /run/x.pid;")

    code = main(["generate", "nginx"], host)

    service = NGINX.replace(pidfile="/run/x.pid")
    assert ExitCode.OK == code
    assert rendered(service, host) == capsys.readouterr().out


def test_generate_with_a_prefix(host, nginx, capsys):
    """The prefix is made absolute, and the daemon gets it in every start and test."""
    code = main(["generate", "nginx", "--prefix", "/srv/gw/"], host)

    assert ExitCode.OK == code
    assert 'options=("-p", "/srv/gw",),' in capsys.readouterr().out


def test_generate_into_a_file(host):
    """It is written, executable, where it was told."""
    host.put("/tmp", kind="dir")

    code = main(["generate", "nginx", *GIVEN, "-o", "/tmp/rtmp"], host)

    service = NGINX.replace(name="rtmp", daemon="/opt/n", config="/etc/n.conf", pidfile="/run/n")
    assert ExitCode.OK == code
    assert rendered(service, host) == host.files["/tmp/rtmp"].text
    assert 0o755 == host.files["/tmp/rtmp"].mode


def test_generate_onto_a_full_disk(host, nginx, monkeypatch):
    """A script that could not be printed was not generated."""
    host.room = {1: OSError(28, "No space left on device")}
    with open("/dev/null", "w") as full:
        full.fileno = lambda: 1
        monkeypatch.setattr(sys, "stdout", full)

        assert ExitCode.GENERIC == main(["generate", "nginx", *GIVEN], host)


def test_generate_for_what_is_missing(host, capsys):
    """What is not installed and not given cannot be known: 5."""
    assert ExitCode.NOT_INSTALLED == main(["generate", "nginx"], host)
    assert capsys.readouterr().err.startswith("initpy: /usr/sbin/nginx is not installed")


@pytest.mark.parametrize("name", ["", "a/b", "..", "a b", "a\n", "$(x)"])
def test_bad_name(host, name):
    """What is no name for a script is wrong usage."""
    assert ExitCode.USAGE == main(["generate", "nginx", *GIVEN, "--name", name], host)


def test_generate_with_an_interpreter_of_somebody_else(host, capsys):
    """No wrapper is made that root should not run."""
    host.distrusted[sys.executable] = "it belongs to x"

    assert ExitCode.GENERIC == main(["generate", "nginx", *GIVEN], host)
    out, err = capsys.readouterr()
    assert "" == out
    assert "it belongs to x" in err


def test_install(host, capsys):
    """The script is written, registered, and both said."""
    host.put("/etc/init.d", kind="dir")
    host.put("/usr/sbin/update-rc.d", mode=0o755)

    code = main(["install", "nginx", *GIVEN], host)

    assert ExitCode.OK == code
    assert "/etc/init.d/rtmp" in host.files
    assert capsys.readouterr().out.startswith("/etc/init.d/rtmp written, registered with")


@pytest.fixture
def versions(host):
    """Have two versions of php-fpm; return their names."""
    host.put("/etc/init.d", kind="dir")
    host.put("/usr/sbin/update-rc.d", mode=0o755)
    for version in ("7.4", "8.10"):
        config, daemon = f"/etc/php/{version}/fpm/php-fpm.conf", f"/usr/sbin/php-fpm{version}"
        host.put(config, "[global]\n")
        host.put(daemon, mode=0o755)
        host.programs[daemon] = lambda _, said=f"configuration file {config}": Run(output=said)
    return ["php7.4-fpm", "php8.10-fpm"]


def test_install_every_version(host, versions, capsys):
    """Each version has a script under its own name, with its own pidfile."""
    code = main(["install", "php-fpm"], host)

    assert ExitCode.OK == code
    said = capsys.readouterr().out.splitlines()
    assert [f"/etc/init.d/{name} written" for name in versions] == [
        line.partition(",")[0] for line in said
    ]
    for name in versions:
        assert f"# pidfile: /run/php/{name}.pid\n" in host.files[f"/etc/init.d/{name}"].text
    assert "/etc/init.d/php-fpm" not in host.files


@pytest.mark.parametrize("words", [["--version", "7.4"], ["--daemon", "/usr/sbin/php-fpm7.4"]])
def test_install_one_version(host, versions, words):
    """The one that is named is installed, and no other."""
    code = main(["install", "php-fpm", *words], host)

    assert ExitCode.OK == code
    assert [f"/etc/init.d/{versions[0]}"] == [
        path for path in host.files if path.startswith("/etc/init.d/")
    ]


@pytest.mark.usefixtures("versions")
def test_generate_one_of_several(host, capsys):
    """A script of the newest is printed, and the others are named."""
    code = main(["generate", "php-fpm"], host)

    out, err = capsys.readouterr()
    assert ExitCode.OK == code
    assert 'daemon="/usr/sbin/php-fpm8.10"' in out
    assert "initpy: this is php8.10-fpm; there is also php7.4-fpm: use --version\n" == err


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--version", "8.3"], ExitCode.NOT_INSTALLED, "/usr/sbin/php-fpm8.3 is not installed"),
        (["--version", "new"], ExitCode.USAGE, "'new' is not a version"),
    ],
)
@pytest.mark.usefixtures("versions")
def test_version_that_is_not_there(host, capsys, words, code, told):
    """What was asked for is named."""
    assert code == main(["generate", "php-fpm", *words], host)
    assert capsys.readouterr().err.startswith(f"initpy: {told}")


def test_uninstall(host, nginx, capsys):
    """What was there before is given back, and said; a bad name is wrong usage."""
    host.put("/etc/init.d", kind="dir")
    host.put("/etc/init.d/rtmp", "before")
    main(["install", "nginx", *GIVEN], host)
    capsys.readouterr()

    code = main(["uninstall", "rtmp"], host)

    assert ExitCode.OK == code
    assert "before" == host.files["/etc/init.d/rtmp"].text
    assert "/etc/init.d/rtmp is given back" in capsys.readouterr().out
    assert ExitCode.USAGE == main(["uninstall", "../rtmp"], host)


def test_generate_unit(host, capsys):
    """A unit calls the wrapper; that it is not there yet is said."""
    host.put("/tmp", kind="dir")

    printed = main(["generate", "nginx", *GIVEN, "--format", "systemd"], host)
    out, err = capsys.readouterr()
    host.put("/etc/init.d/rtmp", mode=0o755)
    written = main(["generate", "nginx", *GIVEN, "--format", "systemd", "-o", "/tmp/x"], host)

    assert ExitCode.OK == printed == written
    assert "ExecReload=/etc/init.d/rtmp reload" in out.splitlines()
    assert (out, 0o644) == (host.files["/tmp/x"].text, host.files["/tmp/x"].mode)
    assert err.startswith("initpy: the unit calls /etc/init.d/rtmp, which does not exist yet")
    assert "" == capsys.readouterr().err


def test_install_unit(host, capsys):
    """Wrapper and unit are written and registered, and both said."""
    host.put("/etc/init.d", kind="dir")
    host.put("/etc/systemd/system", kind="dir")
    host.put("/usr/bin/systemctl", mode=0o755)

    code = main(["install", "nginx", *GIVEN, "--format", "systemd"], host)

    assert ExitCode.OK == code
    assert {"/etc/init.d/rtmp", "/etc/systemd/system/rtmp.service"} <= host.files.keys()
    assert "systemctl enable rtmp.service" in capsys.readouterr().out


def test_daemons_words(host, nginx, capsys):
    """What a program of the host said when it failed is shown."""
    host.put("/etc/init.d", kind="dir")
    host.put("/usr/sbin/update-rc.d", mode=0o755)
    host.programs["/usr/sbin/update-rc.d"] = lambda _argv: Run(code=1, output="no such runlevel")

    assert ExitCode.GENERIC == main(["install", "nginx", *GIVEN], host)
    assert "no such runlevel\n" in capsys.readouterr().err


def test_killproc(host, foo):
    """Without a signal the program is ended, and its pidfile removed."""
    assert ExitCode.OK == main(["killproc", PROGRAM], host)
    assert [(0, 42, "SIGTERM")] == host.sent
    assert PIDFILE not in host.files


@pytest.mark.parametrize(
    ("delay", "seconds"), [([], 5), (["-d", "2"], 2), (["-d", "0.5s"], 0.5), (["-d", "1m"], 60)]
)
def test_killproc_delay(host, foo, delay, seconds):
    """KILL comes when the delay is over."""
    del foo.on["SIGTERM"]

    assert ExitCode.OK == main(["killproc", *delay, PROGRAM], host)
    assert [(0, 42, "SIGTERM"), (seconds, 42, "SIGKILL")] == host.sent


@pytest.mark.parametrize("delay", ["9" * 400, "1e5", "\u00b2", "", "s", "-1", "nan", "inf"])
def test_killproc_delay_that_is_no_time(host, capsys, delay):
    """What is no number of seconds is wrong usage, in one sentence."""
    with pytest.raises(SystemExit) as ended:
        main(["killproc", "-d", delay, PROGRAM], host)

    assert ExitCode.USAGE == ended.value.code
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code"),
    [(["killproc", PROGRAM], ExitCode.GENERIC), (["pidofproc", PROGRAM], StatusCode.UNKNOWN)],
)
def test_what_nobody_expects(host, capsys, monkeypatch, words, code):
    """Whatever fails is told in a sentence; where something is only looked at the code is 4."""
    monkeypatch.setattr(host, "pids", lambda: {}["x"])

    assert code == main(words, host)
    assert "initpy: initpy cannot be used: KeyError" in capsys.readouterr().err


@pytest.mark.parametrize("sig", ["-USR2", "-SIGUSR2", "-12", "-usr2"])
def test_killproc_signal(host, foo, sig):
    """With a signal that is sent, as the seed's script writes it."""
    assert ExitCode.OK == main(["killproc", "-p", PIDFILE, PROGRAM, sig], host)
    assert [(0, 42, "SIGUSR2")] == host.sent
    assert PIDFILE in host.files


def test_killproc_of_nobody(host):
    """Ended already is success; a signal for nobody is 7."""
    assert ExitCode.OK == main(["killproc", PROGRAM], host)
    assert ExitCode.NOT_RUNNING == main(["killproc", PROGRAM, "-HUP"], host)


@pytest.mark.parametrize(
    ("facts", "left"),
    [
        ({"text": "99\n"}, False),
        ({"text": "99\n", "uid": 33}, False),
        ({"text": "1\n"}, False),  # another program has the number now
        ({"text": ""}, False),
        ({"text": "", "uid": 33}, True),
        ({"text": "no pidfile\n"}, True),
        ({"text": "root:x:0:0:root:/root:/bin/bash\n"}, True),
    ],
)
def test_killproc_removes_only_pidfiles(host, facts, left):
    """A file that holds no pid is not removed; an empty one only if it is root's."""
    host.add(1, exe="/sbin/init", argv=("init",))
    host.put(PIDFILE, **facts)

    assert ExitCode.OK == main(["killproc", "-p", PIDFILE, PROGRAM], host)
    assert left == (PIDFILE in host.files)


def test_killproc_removes_nothing_where_others_write(host, capsys):
    """In a directory that others can write the pidfile is left, which is said."""
    host.put(PIDFILE, "99\n")
    host.distrusted["/run"] = "/run belongs to www-data"

    assert ExitCode.OK == main(["killproc", "-p", PIDFILE, PROGRAM], host)
    assert PIDFILE in host.files
    assert f"initpy: {PIDFILE} is left: /run belongs to www-data\n" == capsys.readouterr().err


def test_killproc_leaves_a_new_pidfile(host, foo):
    """A pidfile that was written anew meanwhile is another start's."""
    foo.on["SIGTERM"] = lambda process: host.end(process) or host.put(PIDFILE, "43\n")

    assert ExitCode.OK == main(["killproc", "-p", PIDFILE, PROGRAM], host)
    assert "43\n" == host.files[PIDFILE].text


@pytest.mark.parametrize("sig", [[], ["-HUP"]])
def test_killproc_does_not_believe_others(host, foo, capsys, sig):
    """Where it cannot be told which process is meant, none is signalled: 4, with the reason."""
    host.add(43, exe=PROGRAM, argv=(PROGRAM,))
    host.put(PIDFILE, "42\n", uid=33)

    code = main(["killproc", "-p", PIDFILE, PROGRAM, *sig], host)
    told = main(["pidofproc", "-p", PIDFILE, PROGRAM], host)

    reason = f"initpy: {PIDFILE} is not believed: it belongs to uid 33; {PROGRAM} runs as pid"
    assert (ExitCode.NOT_PERMITTED, StatusCode.UNKNOWN) == (code, told)
    assert [f"{reason} 42, 43"] * 2 == capsys.readouterr().err.splitlines()
    assert [] == host.sent
    assert PIDFILE in host.files


def test_killproc_needs_to_see_the_executable(host, foo):
    """The name of a process is not enough to signal it."""
    foo.exe = None
    own = host.look
    host.look = lambda pid: (seen := own(pid)) and seen.replace(comm="foo")

    assert ExitCode.NOT_PERMITTED == main(["killproc", "-p", PIDFILE, PROGRAM], host)
    assert StatusCode.RUNNING == main(["pidofproc", "-p", PIDFILE, PROGRAM], host)
    assert [] == host.sent


def test_killproc_with_a_directory(host, foo):
    """A pidfile that cannot be used does not tell that nothing runs."""
    host.put(PIDFILE, kind="dir")

    assert ExitCode.NOT_PERMITTED == main(["killproc", "-p", PIDFILE, PROGRAM], host)
    assert [] == host.sent


def test_killproc_binary(host):
    """The executable may be named apart."""
    host.put(PIDFILE, "42\n")
    host.add(42, exe="/usr/bin/real", argv=("real",))

    assert ExitCode.OK == main(["killproc", "-b", "/usr/bin/real", PROGRAM, "-HUP"], host)
    assert [(0, 42, "SIGHUP")] == host.sent


def test_killproc_not_permitted(host, foo):
    """EPERM is 4."""
    host.euid = 33
    host.put(PIDFILE, "42\n", uid=33)

    assert ExitCode.NOT_PERMITTED == main(["killproc", "-p", PIDFILE, PROGRAM], host)


def test_pidofproc(host, foo, capsys):
    """The pids are printed in one line."""
    host.add(43, exe=PROGRAM, argv=(PROGRAM,))
    del host.files[PIDFILE]

    assert StatusCode.RUNNING == main(["pidofproc", PROGRAM], host)
    assert "42 43\n" == capsys.readouterr().out


def test_pidofproc_of_nobody(host, capsys):
    """Nothing is printed, and the code is that of status."""
    host.put(PIDFILE, "99\n")

    assert StatusCode.DEAD_PIDFILE == main(["pidofproc", "-p", PIDFILE, PROGRAM], host)
    assert "" == capsys.readouterr().out


def test_first_look(host, capsys):
    """Without a word it shows the whole help, which has examples: 2."""
    assert ExitCode.USAGE == main([], host)

    out, err = capsys.readouterr()
    assert "" == out
    assert "initpy uninstall nginx" in err


def test_check(host, nginx):
    """The checker of the checkout is executed, with what was given."""
    become = []
    host.become = become.append
    checker = f"{os.path.dirname(os.path.dirname(initpy.__file__))}/scripts/check"
    host.put(checker, mode=0o755)

    main(["check", "nginx", "--pidfile", "/run/x", "--json"], host)
    main(["check", "./x"], host)

    command = [sys.executable, checker]
    options = ["--pidfile=/run/x", "--json"]
    assert [[*command, "/etc/init.d/nginx", *options], [*command, "./x"]] == become


def test_check_without_a_checker(host, capsys):
    """Where it is not installed: 5, with the places."""
    assert ExitCode.NOT_INSTALLED == main(["check", "nginx"], host)
    assert "or /usr/share/initpy/scripts/check\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    "argv",
    [
        ["frobnicate"],
        ["generate", "apache"],
        ["generate", "nginx", "--nam", "x"],
        ["install", "nginx", "-o", "/tmp/x"],
        ["generate", "nginx", "--format", "upstart"],
        ["killproc"],
        ["killproc", PROGRAM, "-NONE"],
        ["killproc", "-d", "soon", PROGRAM],
        ["killproc", "-d", "5x", PROGRAM],
        ["pidofproc"],
        ["uninstall"],
        ["check"],
    ],
)
def test_wrong_usage_is_2(host, argv):
    """Wrong arguments are 2, as LSB has it."""
    with pytest.raises(SystemExit) as caught:
        main(argv, host)

    assert ExitCode.USAGE == caught.value.code


@pytest.mark.parametrize("argv", [["--help"], ["killproc", "--help"], ["killproc", "-h"]])
def test_help(host, capsys, argv):
    """Asked for help it helps."""
    with pytest.raises(SystemExit) as caught:
        main(argv, host)

    assert ExitCode.OK == caught.value.code
    assert capsys.readouterr().out.startswith("usage: initpy")


def test_notices(host, foo, monkeypatch, capsys):
    """What is said besides goes to stderr."""
    own = host.kill
    host.kill = lambda process, sig: host.tell("a notice") or own(process, sig)
    monkeypatch.setattr(sys, "argv", ["initpy", "killproc", PROGRAM])

    assert ExitCode.OK == main(host=host)
    assert "initpy: a notice\n" == capsys.readouterr().err


FILE = "/etc/initpy/mine.py"
MINE = """\
from initpy import Service
FOO = Service(name="foo", daemon="/usr/sbin/foo", pidfile="/run/foo.pid", config="/etc/foo.conf")
"""
TWO = f'{MINE}BAR = FOO.replace(name="bar", pidfile="/run/bar.pid", config="/etc/bar.conf")\n'


def test_generate_of_a_file(host, capsys):
    """A declaration of somebody else makes a wrapper that holds all of its facts."""
    host.put(FILE, MINE)

    code = main(["generate", FILE], host)

    text = capsys.readouterr().out
    assert ExitCode.OK == code
    assert '            daemon="/usr/sbin/foo",\n' in text
    assert "# Provides:          foo\n" in text
    assert FILE not in text


def test_generate_one_of_a_file(host, capsys):
    """Of several the one that is named is meant; without a name they are listed."""
    host.put(FILE, TWO)

    codes = [main(["generate", FILE, *names], host) for names in ([], ["bar"], ["baz"])]

    out, err = capsys.readouterr()
    assert [ExitCode.USAGE, ExitCode.OK, ExitCode.USAGE] == codes
    assert "# Provides:          bar\n" in out
    assert [f"initpy: {FILE} declares foo, bar: name one of them"] == err.splitlines()[:1]
    assert [f"initpy: {FILE} declares foo, bar, not baz"] == err.splitlines()[1:]


def test_generate_of_an_instance(host, capsys):
    """A declaration serves as the pattern of a further instance."""
    host.put(FILE, MINE)

    main(["generate", FILE, "--name", "two", "--pidfile", "/run/two.pid"], host)

    text = capsys.readouterr().out
    assert "# Provides:          two\n" in text
    assert 'pidfile="/run/two.pid",' in text


def test_unit_of_a_file(host, capsys):
    """A unit calls the script."""
    host.put(FILE, MINE)

    main(["generate", FILE, "--format", "systemd"], host)

    assert "ExecStart=/etc/init.d/foo start\n" in capsys.readouterr().out


def test_install_of_a_file(host, capsys):
    """Each that the file declares is installed, once all of them can be."""
    host.put(FILE, TWO)
    host.put("/etc/init.d", kind="dir")
    host.put("/usr/sbin/update-rc.d", mode=0o755)

    code = main(["install", FILE], host)

    assert ExitCode.OK == code
    assert {"/etc/init.d/foo", "/etc/init.d/bar"} <= host.files.keys()


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        (None, 2, "does not exist"),
        ("x = 1\n", 2, "declares no service: NAME = Service(...), in capital letters"),
        ("\nimport no_such\n", 1, ", line 2: ModuleNotFoundError: No module named 'no_such'"),
        ("FOO = )\n", 1, ", line 1: SyntaxError: unmatched ')' (mine.py, line 1)"),
        ("raise SystemExit\n", 1, ", line 1: it ends there"),
        (
            f"from initpy.cli import run\n{MINE}run(FOO)\n",
            1,
            ", line 4: it is a script that acts: call run() only if __name__ is '__main__'",
        ),
        (MINE.replace('"/usr', '"usr'), 1, "line 2: foo: daemon 'usr/sbin/foo' is not an absolute"),
        (MINE.replace('"foo"', '"f o"'), 2, "'f o' cannot name a script"),
        (MINE + "BAR = FOO.replace()\n", 1, "declares two services of one name"),
    ],
)
def test_file_that_cannot_be_used(host, capsys, text, code, told):
    """One sentence tells what is wrong, and where."""
    if text is not None:
        host.put(FILE, text)

    assert code == main(["generate", FILE], host)

    out, err = capsys.readouterr()
    assert ("", 1) == (out, err.count("\n"))
    assert told in err


def test_file_of_somebody_else(host, capsys):
    """What another user could have written is not executed."""
    host.put(FILE, "raise SystemExit", uid=1000)

    assert ExitCode.GENERIC == main(["generate", FILE], host)
    assert "is not executed: it belongs to" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["nginx", "x"], [FILE, "--version", "8"], [FILE, "--prefix", "/"]]
)
def test_words_that_do_not_fit(host, words):
    """A name belongs to a file; a version and a prefix to what initpy knows."""
    host.put(FILE, MINE)

    assert ExitCode.USAGE == main(["generate", *words], host)


def test_what_a_file_imports(host, capsys):
    """A declaration of ours that it starts from is not its own, and is not installed."""
    host.put(
        FILE,
        "from initpy.daemons.memcached import MEMCACHED\n"
        'TWO = MEMCACHED.replace(name="two", pidfile="/run/two.pid")\n',
    )
    host.put("/etc/init.d", kind="dir")

    assert ExitCode.OK == main(["install", FILE], host)
    assert "/etc/init.d/two" in host.files
    assert "/etc/init.d/memcached" not in host.files


def test_stopped_before_what_it_needs(host, capsys):
    """What has to be up before it is up until it has ended, if nothing else is declared."""
    host.put(FILE, MINE[:-2] + ', lsb={"Required-Start": "$network"})\n')

    main(["generate", FILE], host)

    assert "# Required-Stop:     $network\n" in capsys.readouterr().out
