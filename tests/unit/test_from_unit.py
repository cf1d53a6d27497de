"""What the units in ``translated`` stand for, compared whole with the texts beside them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from initpy.errors import ExitCode, InitError, NotInstalled
from initpy.tools.command import main
from initpy.tools.generating.facts import facts_of
from initpy.tools.generating.units.files import read_unit
from initpy.tools.generating.units.translation import translate

HERE = Path(__file__).parent / "translated"
UNITS = "/lib/systemd/system"
# An instance for the template.
NAMES = sorted(
    path.stem + ("eu-west" if path.stem.endswith("@") else "") for path in HERE.glob("*.service")
)


@pytest.fixture
def units(host):
    """Have the units stand where a package puts them, and two scripts in /etc/init.d."""
    for path in HERE.rglob("*"):
        if path.suffix in (".service", ".socket", ".conf"):
            host.put(f"{UNITS}/{path.relative_to(HERE)}", path.read_text())
    for name in ("database", "web"):
        host.put(f"/etc/init.d/{name}", "#!/bin/sh\n", mode=0o755)
    host.put("/bin/echo", mode=0o755)
    return host


def put(host, text, name="foo"):
    """Have a unit stand in /etc; return its name."""
    host.put(f"/etc/systemd/system/{name}.service", text)
    return name


def service(text):
    """Return a unit that has no more than it needs, but for some lines."""
    return f"[Service]\nExecStart=/usr/sbin/foo\n{text}\n"


def told(name, host):
    """Return what a unit stands for, as text."""
    translated, notes = translate(name, host)
    parts = {
        "left out": notes,
        "header": [f"{key}: {value}" for key, value in translated.lsb.items()],
        "facts": [f"{field}={text}" for field, text in facts_of(translated).items()],
    }
    return "".join(f"# {part}\n" + "".join(f"{line}\n" for line in parts[part]) for part in parts)


@pytest.mark.parametrize("name", NAMES)
def test_what_it_stands_for(units, name):
    """Each field, and each thing that is left out, is as it was looked at once."""
    text = told(name, units)

    path = HERE / f"{name}.txt"
    if os.environ.get("INITPY_ACCEPT"):
        path.write_text(text)
    assert path.read_text() == text, "INITPY_ACCEPT=1 writes tests/unit/translated anew"


REFUSED = {
    "Type=oneshot": "Type=oneshot: it runs a task",
    "Type=idle": "Type=idle",
    "Type=strange": "Type=strange is not known",
    "Type=dbus": "Type=dbus without BusName=",
    "Type=forking": "give the file that it writes by --pidfile",
    "RemainAfterExit=yes": "RemainAfterExit=",
    "DynamicUser=yes": "DynamicUser=",
    "RootDirectory=/srv/foo": "RootDirectory=",
    "KillMode=none": "KillMode=none",
    "KillSignal=RTMIN+3": "'RTMIN+3' is not one of",
    "StandardInput=socket": "StandardInput=",
    "Sockets=foo.socket": "gets its sockets from foo.socket, which is not there",
    "ExecStart=/usr/sbin/bar": "several commands in ExecStart=",
    "ExecStart=": "no command in ExecStart=",
    "ExecStart=\nExecStart=/etc/init.d/foo start": "it calls an init script",
    "ExecStart=\nExecStart=/usr/sbin/foo -H fd://": "it takes its sockets from systemd",
    "ExecStart=\nExecStart=/usr/sbin/foo 'open": "a quote has no end",
    "ExecStart=\nExecStart=foo": "names foo, which is not in /usr/local/sbin:",
    "Environment=A=%b": "only systemd can tell what %b stands for",
    "EnvironmentFile=foo": "EnvironmentFile=foo is not an absolute path",
    "EnvironmentFile=/foo\nExecStart=\nExecStart=/bin/foo ${pid}": "is called pid",
    "LimitNOFILE=many": "LimitNOFILE=many is not a limit",
    "TimeoutStopSec=soon": "'soon' is not a time span",
    "UMask=rwx": "UMask= or Nice=",
    "RuntimeDirectory=foo\nRuntimeDirectoryMode=rwx": "RuntimeDirectoryMode=rwx is not a mode",
    "WorkingDirectory=~": "WorkingDirectory=~ is not an absolute path",
    "[Unit]\nConditionPathExists=|/a": "one of several conditions",
}


@pytest.mark.parametrize("lines", REFUSED)
def test_refused(host, lines):
    """What no init script can stand for is refused, with the reason, and as a whole."""
    with pytest.raises(InitError, match=r"foo\.service cannot be translated: ") as caught:
        translate(put(host, service(lines)), host)

    assert REFUSED[lines] in str(caught.value)


def test_template(units):
    """A template is no service before it has an instance."""
    with pytest.raises(InitError, match="it is a template: name an instance of it, mail@INSTANCE"):
        translate("mail@", units)


def test_masked(units):
    """A link to /dev/null takes a unit away."""
    units.put("/dev/null", kind="device")
    units.put("/etc/systemd/system/plain.service", text="/dev/null", kind="link")

    with pytest.raises(InitError, match="it is masked"):
        translate("plain", units)


def test_socket_of_connections(host):
    """A process for each connection is not a daemon."""
    put(host, service("[Unit]\nRequires=foo.socket"))
    host.put(f"{UNITS}/foo.socket", "[Socket]\nListenStream=1\nAccept=yes\n")

    with pytest.raises(InitError, match="a process of its own for each connection"):
        translate("foo", host)


def test_not_there(host):
    """A name that no folder has is told, with the folders."""
    with pytest.raises(NotInstalled, match=r"there is no foo\.service in /etc/systemd/system, "):
        translate("foo", host)


def test_first_folder_counts(units):
    """A unit of the administrator takes the place of the package's; so do drop-ins by name."""
    put(units, service(""), "files")
    units.put("/etc/systemd/system/files.service.d/10-opt.conf", "[Service]\nNice=3\n")
    units.put("/etc/systemd/system/service.d/99-all.conf", "[Service]\nNice=4\n")

    translated, _ = translate("files.service", units)

    assert "/usr/sbin/foo" == translated.daemon
    assert ("-/etc/default/files",) == translated.environment_files
    assert 4 == translated.nice


def test_by_another_name(units):
    """A unit has the name of its file, also if it is asked for by an alias."""
    units.put("/etc/systemd/system/web.service", text=f"{UNITS}/files.service", kind="link")

    assert "files" == read_unit("web", units).name


def test_our_own_drop_in(units):
    """What an installation has added to a unit is not translated back."""
    units.put(
        "/etc/systemd/system/plain.service.d/00-initpy.conf",
        "[Service]\nExecStart=\nExecStart=/etc/init.d/plain start\n",
    )

    assert "/usr/sbin/plain" == translate("plain", units)[0].daemon


def test_unit_of_somebody_else(host):
    """Root does not run what another user may have written."""
    put(host, service(""))
    host.files["/etc/systemd/system/foo.service"].mode = 0o666

    with pytest.raises(InitError, match="is not used: it can be written by others"):
        translate("foo", host)


def test_pidfile_that_is_not_named(host, capsys):
    """What the unit does not tell may be told."""
    put(host, service("Type=forking"))

    code = main(["generate", "--from-unit", "foo", "--pidfile", "/run/foo.pid"], host)

    out, _ = capsys.readouterr()
    assert ExitCode.OK == code
    assert 'pidfile="/run/foo.pid"' in out


def test_generate(units, capsys):
    """The script is printed; what was left out is said beside it."""
    code = main(["generate", "--from-unit", "user", "--name", "mine"], units)

    out, err = capsys.readouterr()
    assert ExitCode.OK == code
    assert "# Provides:          mine\n" in out
    assert "initpy: mine: left out: " in err


def test_install_where_systemd_runs(units, capsys):
    """The unit is there already, and is what systemd starts."""
    units.put("/usr/bin/systemctl", mode=0o755)
    units.put("/run/systemd/system", kind="dir")

    code = main(["install", "--from-unit", "plain"], units)

    assert ExitCode.GENERIC == code
    assert "systemd runs this host, and the unit plain: use that" in capsys.readouterr().err
    assert "/etc/init.d/plain" not in units.files


def test_install(units, capsys):
    """Elsewhere the script is written, and registered if there is anything to do that with."""
    code = main(["install", "--from-unit", "plain"], units)

    assert ExitCode.OK == code
    assert "/etc/init.d/plain written" in capsys.readouterr().out
    assert 'daemon="/usr/sbin/plain"' in units.files["/etc/init.d/plain"].text


@pytest.mark.parametrize("words", [["nginx"], ["--config", "/c"], ["--version", "1"]])
def test_what_does_not_go_together(units, capsys, words):
    """A unit says all of the daemon."""
    code = main(["generate", "--from-unit", "plain", *words], units)

    assert ExitCode.USAGE == code
    assert "--from-unit goes with" in capsys.readouterr().err


def test_nothing_named(host, capsys):
    """Something has to be generated."""
    assert ExitCode.USAGE == main(["generate"], host)
    assert "name a daemon" in capsys.readouterr().err


def test_semicolon_in_quotes(host):
    """In quotes it is an argument, and does not end a command."""
    put(host, '[Service]\nExecStart=/usr/sbin/foo -x ";" \\;\n')

    assert ("-x", ";", ";") == translate("foo", host)[0].start_args


def test_several_commands_before_the_signal(host):
    """None of them is lost, and one that may fail does not prevent the signal."""
    lines = "ExecReload=-/usr/sbin/foo -a", "ExecReload=/usr/sbin/foo -b $MAINPID"
    put(host, service("\n".join([*lines, "ExecReload=/bin/kill -HUP $MAINPID"])))

    translated, _ = translate("foo", host)

    script = "/usr/sbin/foo -a || true\n/usr/sbin/foo -b {pid}\n/bin/kill -HUP {pid}"
    assert ("/bin/sh", "-ec", script) == translated.reload
    assert not translated.test


@pytest.mark.parametrize("key", ["ExecReload", "ExecStop"])
def test_command_of_root(host, key):
    """A command of ours has the user of the daemon: another is refused, and not run as that."""
    put(host, service(f"User=web\n{key}=+/usr/sbin/foo-ctl x"))

    with pytest.raises(InitError, match=f"{key}= by root, of a daemon of another user"):
        translate("foo", host)


def test_test_of_root(host):
    """It stays root's: it is run before a start."""
    put(host, service("User=web\nExecStartPre=+/usr/sbin/foo -t"))

    translated, _ = translate("foo", host)

    assert not translated.test
    assert (("/usr/sbin/foo", "-t"),) == translated.start_pre


def test_dependencies_stay(host):
    """A drop-in can only add to them: systemd.unit(5)."""
    put(host, "[Unit]\nAfter=network.target\n" + service(""))
    host.put("/etc/systemd/system/foo.service.d/a.conf", "[Unit]\nAfter=\nAfter=time-sync.target\n")

    header = translate("foo", host)[0].lsb

    assert "$remote_fs $syslog $network $time" == header["Required-Start"]


def test_socket_by_its_drop_in(host):
    """A socket has drop-ins, and specifiers that tell its name."""
    put(host, "[Unit]\nRequires=foo.socket\n" + service(""))
    host.put("/lib/systemd/system/foo.socket", "[Socket]\nListenStream=/run/%p/%N\n")
    assert ("/run/foo/foo",) == translate("foo", host)[0].listens

    text = "[Socket]\nListenStream=\nListenStream=8080\n"
    host.put("/etc/systemd/system/foo.socket.d/a.conf", text)
    assert ("*:8080",) == translate("foo", host)[0].listens


@pytest.mark.parametrize("files", ["", "EnvironmentFile=-/etc/default/foo"])
def test_variable_that_systemd_sets(host, files):
    """It is not taken for an empty one."""
    put(host, f"[Service]\nUser=web\n{files}\nExecStart=/usr/sbin/foo ${{HOME}}/x\n")

    with pytest.raises(InitError, match=r"only systemd can tell what \$HOME stands for"):
        translate("foo", host)


def test_value_as_at_a_start(host):
    """A value that is known now is split as one that a start reads: quotes and backslashes go."""
    text = 'Environment="X=--re=\\\\d it\'s"\nExecStart=/usr/sbin/foo $X'
    put(host, f"[Service]\n{text}\n")

    assert ("--re=d", "its") == translate("foo", host)[0].start_args


def test_last_timeout_counts(host):
    """TimeoutSec= sets both anew, also in a drop-in."""
    put(host, service("TimeoutStartSec=300\nTimeoutStopSec=300\nTimeoutSec=5\nTimeoutStopSec=7"))

    translated, _ = translate("foo", host)

    assert (5.0, 7.0) == (translated.timeout, translated.stop[0].seconds)


def test_masked_drop_in(host):
    """A link to /dev/null masks a drop-in of that name, or the whole unit."""
    host.put("/dev/null", mode=0o666)
    put(host, service(""))
    host.put("/lib/systemd/system/foo.service.d/a.conf", "[Service]\nNice=5\n")
    host.put("/etc/systemd/system/foo.service.d/a.conf", text="/dev/null", kind="link")
    assert not translate("foo", host)[0].nice

    host.put("/etc/systemd/system/bar.service", text="/dev/null", kind="link")
    with pytest.raises(InitError, match="it is masked"):
        translate("bar", host)


def test_braces_in_a_condition(host):
    """They are characters."""
    put(host, "[Unit]\nConditionPathExists=/etc/{x}\n" + service(""))

    before = translate("foo", host)[0]

    assert ["/usr/bin/test", "-e", "/etc/{x}"] == before.expanded(before.start_pre[0])


def test_backslash_at_the_end(host):
    """What the last line says counts, also if it were to be continued."""
    put(host, "[Service]\nExecStart=/usr/sbin/foo\nUser=web \\")

    assert "web" == translate("foo", host)[0].user


@pytest.mark.parametrize(("text", "seconds"), [("14d", 1209600.0), ("20us", 2e-05)])
def test_long_or_short_deadline(host, text, seconds):
    """It is no number with an exponent in our schedules."""
    put(host, service(f"TimeoutStopSec={text}"))

    assert seconds == translate("foo", host)[0].stop[0].seconds


def test_what_is_only_wanted(host):
    """An init script starts nothing else: that is told."""
    put(host, "[Unit]\nWants=bar.service\n" + service(""))

    assert (
        "bar.service is wanted, and not in After=: nothing starts it with this"
        in (translate("foo", host)[1])
    )


@pytest.mark.parametrize("word", ["{config}", "{{config}}", "{pid}", "a{{b}c"])
def test_braces_in_an_argument(host, word):
    """They are characters, whatever stands between them."""
    put(host, f"[Service]\nExecStart=/usr/sbin/foo {word}")

    service = translate("foo", host)[0]

    assert [word] == service.expanded(service.start_args)


def test_kill_mode_that_is_none(host):
    """A value that systemd does not know leaves the one before."""
    put(host, service("KillMode=process\nKillMode=bogus"))

    assert translate("foo", host)[0].outlives


@pytest.mark.parametrize(
    ("word", "meant"),
    [("50%", "50%"), ("%-b", "%-b"), ("%{pid}", "%{pid}"), ("%%%/", "%%/"), ("%p%.", "foo%.")],
)
def test_percent_that_is_no_specifier(host, word, meant):
    """What no letter and no digit follows stays as it is (specifier_printf)."""
    put(host, f"[Service]\nExecStart=/usr/sbin/foo {word}")

    service = translate("foo", host)[0]

    assert [meant] == service.expanded(service.start_args)


@pytest.mark.parametrize("kind", ["Condition", "Assert"])
def test_conditions_taken_back(host, kind):
    """An empty one takes all of its kind back: systemd.unit(5)."""
    before = "[Unit]\nConditionPathExists=/a\nAssertPathIsDirectory=/b\n"
    put(host, f"{before}{kind}FirstBoot=\n{kind}FileNotEmpty=/c\n{service('')}")

    found = [command[1:] for command in translate("foo", host)[0].start_pre]

    kept = {"Condition": ("-d", "/b"), "Assert": ("-e", "/a")}[kind]
    assert {kept, ("-s", "/c")} == set(found)


def test_not_utf_8(host):
    """A unit with such a line is not loaded by systemd (parse_line); a comment may be so."""
    put(host, "# caf\udce9\n" + service(""), "good")
    put(host, "[Unit]\nDescription=caf\udce9\n" + service(""))

    assert translate("good", host)
    with pytest.raises(InitError, match="Description= is not UTF-8"):
        translate("foo", host)
