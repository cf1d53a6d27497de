from __future__ import annotations

import pytest

from initpy.cli import main
from initpy.daemons.dnsmasq import DNSMASQ
from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.errors import ExitCode, SettingsError, StatusCode
from initpy.schedule import parse_schedule
from initpy.service import Service
from initpy.settings import with_settings

DEFAULT, SYSCONFIG = "/etc/default/nginx", "/etc/sysconfig/nginx"


def set_by(host, text, service=NGINX):
    """Return a service as a settings file of that text sets it."""
    host.put(f"/etc/default/{service.name}", text)
    return with_settings(service, host)


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("DAEMON_OPTS=\"-g 'user x;'\"", "options", ("-g", "user x;")),
        ("DAEMON_ARGS=-q", "options", ("-q",)),
        ("STOP_SCHEDULE=TERM/5/KILL/1", "stop", parse_schedule("TERM/5/KILL/1")),
        ('ULIMIT="-n 4096"', "limits", {"RLIMIT_NOFILE": (4096, 4096)}),
        (
            'ULIMIT="-Sn 64 -c 2"',
            "limits",
            {"RLIMIT_NOFILE": (64, None), "RLIMIT_CORE": (1024,) * 2},
        ),
        ('ULIMIT="-Hn 64 -Sn 32"', "limits", {"RLIMIT_NOFILE": (32, 64)}),
        ('ULIMIT="-Hn 64"', "limits", {"RLIMIT_NOFILE": (None, 64)}),
        ('ULIMIT="-c unlimited"', "limits", {"RLIMIT_CORE": (-1, -1)}),
        ('ULIMIT="-v 1024"', "limits", {"RLIMIT_AS": (1 << 20, 1 << 20)}),
        ("NICELEVEL=-5", "nice", -5),
        ("NICELEVEL=+19", "nice", 19),
        ("NGINX=/opt/nginx", "daemon", "/opt/nginx"),
        ("CONFFILE=/etc/x.conf", "config", "/etc/x.conf"),
        ("PIDFILE=/run/x.pid", "pidfile", "/run/x.pid"),
        ("LOCKFILE=/run/lock/x", "lockfile", "/run/lock/x"),
        ("UPGRADEWAITLOOPS=20", "upgrade_timeout", 20.0),
        ("SLEEPSEC=3", "upgrade_timeout", 15.0),
        ("SLEEPSEC=3\nUPGRADEWAITLOOPS=2", "upgrade_timeout", 6.0),
        ("SLEEPMSEC=500000\nUPGRADEWAITLOOPS=10\nSLEEPSEC=9", "upgrade_timeout", 5.0),
        ("UPGRADE_CHECK=\"curl -f 'a b'\"", "upgrade_check", ("curl", "-f", "a b")),
        ("DRAIN_TIMEOUT=0.5", "drain_timeout", 0.5),
    ],
)
def test_keys(host, line, field, value):
    """Each key of the older scripts, and each of ours, does what it did."""
    changed = set_by(host, line)

    assert value == getattr(changed, field)
    assert NGINX.replace(**{field: value}) == changed


@pytest.mark.parametrize(
    ("lines", "expected"),
    [("TIMEOUT=120", (120.0, 120.0)), ("TIMEOUT=120\nUPGRADEWAITLOOPS=7", (120.0, 7.0))],
)
def test_timeout(host, lines, expected):
    """TIMEOUT is the deadline of everything, where an upgrade has not its own."""
    changed = set_by(host, lines)

    assert expected == (changed.timeout, changed.upgrade_timeout)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("/opt/nginx", "/opt/nginx"),
        ('"/opt/nginx"', "/opt/nginx"),
        ("'/opt/my nginx'", "/opt/my nginx"),
        (r"/opt/my\ nginx", "/opt/my nginx"),
        ("/opt/nginx # the new one", "/opt/nginx"),
        ("/opt/nginx # don't", "/opt/nginx"),
        ("'/opt/my nginx' # don't", "/opt/my nginx"),
        ("/opt/nginx#1", "/opt/nginx#1"),
        ("'/opt/`touch X`'", "/opt/`touch X`"),
        ("'/opt/$HOME'", "/opt/$HOME"),
        ("/opt/x;reboot", "/opt/x"),
        ('"/opt/\\\n1"', "/opt/1"),
    ],
)
def test_quoting(host, raw, value):
    """Quotes are the shell's, and nothing is run."""
    assert value == set_by(host, f"NGINX={raw}").daemon
    assert [] == host.spawned


def test_hash_in_a_value(host):
    """A # inside a word is a character; one after a blank begins a comment."""
    assert "/opt/a#b" == set_by(host, "NGINX='/opt/a#b' # c").daemon


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("NGINX=nginx", "not an absolute path"),
        ("NGINX=/opt/", "not the path of a file"),
        ("PIDFILE=/", "not the path of a file"),
        ("PIDFILE=run/x.pid", "not an absolute path"),
        ("STOP_SCHEDULE=TERM", "not a number of seconds"),
        ("STOP_SCHEDULE=TERM/5/KILL", "must be SIGNAL/SECONDS"),
        ("NICELEVEL=20", "not a nice level"),
        ("NICELEVEL=high", "not a nice level"),
        ("NICELEVEL=\u00b2", "not a nice level"),
        ("DRAIN_TIMEOUT=soon", "not a number"),
        ("TIMEOUT=soon", "not a number"),
        ("DRAIN_TIMEOUT=-1", "not a number"),
        ("UPGRADEWAITLOOPS=many", "not a number"),
        ('ULIMIT="-n"', "not like the arguments of ulimit"),
        ('ULIMIT="4096"', "not like the arguments of ulimit"),
        ('ULIMIT="-z 1"', "not like the arguments of ulimit"),
        ('ULIMIT="-n many"', "not a limit"),
        ('ULIMIT="-n 9999999999"', "allows no more than 1048576 open files"),
        ('ULIMIT="-n unlimited"', "allows no more than 1048576 open files"),
        ('ULIMIT="-v 9999999999999999999"', "beyond every limit"),
        ('ULIMIT="-Sn 5000 -Hn 4000"', "the soft limit of -n is above the hard one"),
        (f"ULIMIT='-n {'9' * 5000}'", "beyond every limit"),
        ("NICELEVEL=+-5", "not a nice level"),
        (f"NICELEVEL={'9' * 5000}", "not a nice level"),
        ("TIMEOUT=0", "not more than 0"),
        ("UPGRADEWAITLOOPS=0", "not more than 0"),
        ("SLEEPSEC=0.0", "not more than 0"),
        ("SLEEPMSEC=0", "not more than 0"),
        (f"TIMEOUT={'9' * 400}", "is more than 1e.09"),
        ("TIMEOUT=.", "not a number"),
        ('DAEMON_OPTS="-g \'x"', "No closing quotation"),
        ("NGINX='/opt/nginx", "a quote without an end"),
        ("NGINX=/opt/my nginx", "needs quotes"),
        ("NGINX=$(touch X)", "none is run"),
        ("export APP=$(touch X)", "none is run"),
        ("NGINX= /opt/nginx", "needs quotes"),
    ],
)
def test_bad_value_names_file_and_line(host, line, reason):
    """A bad value is the configuration's fault, and is found by file and line."""
    with pytest.raises(SettingsError, match=reason) as caught:
        set_by(host, f"# settings\n\n{line}\n")

    assert str(caught.value).startswith(f"{DEFAULT} line 3: ")


def test_no_settings(host):
    """Without a file the service is as declared."""
    assert NGINX is with_settings(NGINX, host)


def test_sysconfig_comes_second(host):
    """Where both are, Red Hat's has the last word, key by key."""
    host.put(DEFAULT, "NGINX=/opt/a\nPIDFILE=/run/a.pid\n")
    host.put(SYSCONFIG, "NGINX=/opt/b\n")

    changed = with_settings(NGINX, host)

    assert ("/opt/b", "/run/a.pid") == (changed.daemon, changed.pidfile)


def test_unknown_key_is_told(host):
    """A key that is nobody's changes nothing. One in the value of another is somebody's."""
    assert "/opt/a" == set_by(host, "LD_PRELOAD=/tmp/x.so\nB=/opt\nNGINX=$B/a\n").daemon
    assert host.told == [
        f"{DEFAULT} line 1: LD_PRELOAD is no setting, and is not exported: it is ignored"
    ]


def test_exported_keys_are_its_environment(host):
    """What a shell would export is what the daemon gets; and nothing is said."""
    told = set_by(host, "export FOO=bar\nTZ=UTC\nexport TZ NONE\nA=1\n: $A\n")

    assert {"FOO": "bar", "TZ": "UTC"} == told.environment
    assert NGINX == told.replace(environment={})
    assert [] == host.told


@pytest.mark.parametrize("key", ["STOP_SCHEDULE", "NGINX", "RELOAD", "NICELEVEL", "DAEMON_OPTS"])
def test_empty_value(host, key):
    """It means the default."""
    assert NGINX == set_by(host, f"{key}=''\n")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("for f in /etc/x/*; do . $f; done\n", "line 1: it may set any key: the file that is read"),
        ("export $(cat /etc/x)\n", "line 1: it may set any key: its value comes from a command"),
        ("A=1\nif [ x ]; then export A; fi\n", "line 2: A: whether it is exported cannot be told"),
        ("[ x ] && set -a\nPIDFILE=/run/x\n", "line 2: PIDFILE: whether it is exported"),
    ],
)
def test_doubt_is_refused(host, text, why):
    """What may set any key, or export one, is refused with its line."""
    with pytest.raises(SettingsError, match=why):
        set_by(host, text)


def test_any_key_and_nothing_seen(host):
    """A file that cannot be told may name the instance, unless its keys are set after it."""
    host.put(DEFAULT, ". $(x)\n")
    assert StatusCode.UNKNOWN == main(NGINX, ["status"], host)

    host.put(
        DEFAULT,
        ". $(x)\nPIDFILE=/run/nginx.pid NGINX=/usr/sbin/nginx CONFFILE=/etc/nginx/nginx.conf\n"
        "DAEMON_OPTS=-q DAEMON_ARGS=-q\n",
    )
    assert StatusCode.STOPPED == main(NGINX, ["status"], host)


BAD = [
    "ULIMIT=x",
    ". $(x)",
    "export $(x)",
    "PIDFILE=$(x)",
    "if true; then CONFFILE=/x; fi",
    "A='",
    "DAEMON_OPTS=(x)",
]


@pytest.mark.parametrize("line", [*BAD, "export X=`x`"])
@pytest.mark.parametrize("action", ["stop", "force-quit", "status"])
def test_bad_value_does_not_hold_up_a_stop(host, nginx, action, line):
    """A service can be stopped, and its status told, whatever stands in its settings."""
    master = nginx.run()
    host.put(DEFAULT, f"NICELEVEL=1\n{line}\n")

    assert ExitCode.OK == main(NGINX, [action], host)
    assert (action == "status") == nginx.alive(master)


@pytest.mark.parametrize("line", [*BAD[1:5], *BAD[6:], "NGINX=`x`", "PIDFILE=/"])
def test_bad_value_and_nothing_seen(host, line):
    """If it is not known which processes are the service's, nothing is said of them."""
    host.put(DEFAULT, f"{line}\n")

    assert ExitCode.NOT_CONFIGURED == main(NGINX, ["stop"], host)
    assert StatusCode.UNKNOWN == main(NGINX, ["status"], host)


def test_bad_value_of_the_stopped(host):
    """A value that has nothing to do with that is told, and no more."""
    host.put(DEFAULT, "ULIMIT=x\n")

    assert ExitCode.OK == main(NGINX, ["stop"], host)
    assert StatusCode.STOPPED == main(NGINX, ["status"], host)


def test_exported_key(host):
    """An ``export`` in front makes no difference."""
    assert "/opt/nginx" == set_by(host, "export NGINX=/opt/nginx").daemon


@pytest.mark.parametrize("line", ["ulimit -n 4096", "umask 027", "a-b=1", "\u00e4=1", "=1"])
def test_what_is_no_assignment_is_warned_about(host, line):
    """A line that a shell would have executed is told, and ignored."""
    assert NGINX == set_by(host, f"#\n{line}\n")
    assert [f"{DEFAULT} line 2: this is not an assignment and is ignored: {line}"] == host.told


def test_long_statement_is_told_in_short(host):
    """A damaged file does not fill the terminal."""
    assert NGINX == set_by(host, "A" * 100000)
    assert len(host.told[0]) < 300


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"mode": 0o666}, "it can be written by others"),
        ({"mode": 0o664}, "it can be written by others"),
        ({"uid": 33}, "it belongs to uid 33"),
        ({"kind": "fifo"}, "is not a regular file"),
        ({"kind": "dir"}, "is not a regular file"),
    ],
)
def test_files_of_others_are_not_believed(host, facts, reason):
    """What somebody else could have written is not what root runs by."""
    host.put(DEFAULT, "NGINX=/tmp/evil", **facts)

    with pytest.raises(SettingsError, match=reason):
        with_settings(NGINX, host)


def test_directories_of_others_are_not_believed(host):
    """Nor is a file that somebody else could replace."""
    host.put(DEFAULT, "NGINX=/tmp/evil")
    host.distrusted["/etc/default"] = "/etc/default can be written by others"

    with pytest.raises(SettingsError, match="/etc/default can be written by others"):
        with_settings(NGINX, host)


def test_link_is_followed_and_judged(host):
    """A link leads to a file, which is judged as that file."""
    host.put("/home/x/nginx", "NGINX=/opt/nginx")
    host.put(DEFAULT, "/home/x/nginx", kind="link")
    host.distrusted["/home/x"] = "/home/x belongs to x"

    with pytest.raises(SettingsError, match="/home/x belongs to x"):
        with_settings(NGINX, host)


@pytest.mark.parametrize(
    ("options", "config", "rest"),
    [
        ("-c /etc/b.conf", "/etc/b.conf", ()),
        ("-q -c /etc/b.conf -g x", "/etc/b.conf", ("-q", "-g", "x")),
        ("-q", NGINX.config, ("-q",)),
        ("-q -c", NGINX.config, ("-q", "-c")),
        ("-q -c/etc/b.conf", "/etc/b.conf", ("-q",)),
    ],
)
def test_configuration_among_the_options(host, options, config, rest):
    """It identifies the instance, so it is taken out of the options."""
    changed = set_by(host, f'DAEMON_OPTS="{options}"')

    assert (config, rest) == (changed.config, changed.options)


@pytest.mark.parametrize(
    ("options", "config", "rest"),
    [
        ("-c b.conf", "/usr/share/nginx/b.conf", ()),
        ("-p /srv/x -c conf/b.conf", "/srv/x/conf/b.conf", ("-p", "/srv/x")),
        ("-qc /b.conf -g 'user x;'", "/b.conf", ("-q", "-g", "user x;")),
        ("-c /a.conf -qc/b.conf", "/b.conf", ("-q",)),
        ("-g -c", None, ("-g", "-c")),
        ("-z -c /b.conf", None, ("-z", "-c", "/b.conf")),
        ("'' -c /b.conf", None, ("", "-c", "/b.conf")),
        ("-q -c", None, ("-q", "-c")),
    ],
)
def test_configuration_among_the_options_of_nginx(host, options, config, rest):
    """Clusters, the last of several and relative paths are read as nginx reads them."""
    changed = set_by(host, f'DAEMON_OPTS="{options}"')

    assert (config or NGINX.config, rest) == (changed.config, changed.options)


def test_options_of_the_script_come_first(host):
    """A wrapper's own options stay; of two prefixes the daemon takes the last."""
    service = NGINX.replace(options=("-p", "/srv/x"))

    changed = set_by(host, 'DAEMON_OPTS="-c conf/b.conf -q"', service)

    assert ("/srv/x/conf/b.conf", ("-p", "/srv/x", "-q")) == (changed.config, changed.options)


def test_relative_configuration_among_the_options(host):
    """An instance cannot be told by a relative path: that is refused."""
    with pytest.raises(SettingsError, match=r"config 'b\.conf' is not an absolute path"):
        set_by(host, 'DAEMON_ARGS="--fpm-config b.conf"', PHP_FPM)


def test_fpm_has_its_own_flag(host):
    """The flag is the service's."""
    changed = set_by(host, 'DAEMON_ARGS="--fpm-config /etc/b.conf -R"', PHP_FPM)

    assert ("/etc/b.conf", ("-R",)) == (changed.config, changed.options)


@pytest.mark.parametrize(
    "args", ["--fpm-config=/etc/b.conf", "-y /etc/b.conf", "-y/etc/b.conf", "-R -y /etc/b.conf"]
)
def test_other_spellings_of_its_flag(host, args):
    """A long flag may stick to its value by an equals sign, and has a short one beside it."""
    changed = set_by(host, f'DAEMON_ARGS="{args}"', PHP_FPM)

    assert "/etc/b.conf" == changed.config
    assert set(changed.options) <= {"-R"}


@pytest.mark.parametrize("text", ["root:x:0:0:root:/root:/bin/bash\n", "1 2\n", "-1", "x" * 99])
def test_pidfile_that_is_none(host, nginx, text):
    """A key that names some other file is refused: an action would write over it."""
    host.put("/etc/passwd", text)

    with pytest.raises(SettingsError, match="line 1: PIDFILE: /etc/passwd is not a pidfile"):
        set_by(host, "PIDFILE=/etc/passwd")

    assert text == host.files["/etc/passwd"].text


@pytest.mark.parametrize("action", ["start", "reload", "restart", "configtest"])
def test_pidfile_that_is_none_is_6(host, nginx, action):
    """No action goes on from there; the file stays as it is."""
    host.put("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n")
    host.put("/etc/default/nginx", "PIDFILE=/etc/passwd")

    assert ExitCode.NOT_CONFIGURED == main(NGINX, [action], host)
    assert host.files["/etc/passwd"].text.startswith("root:")
    assert ([], []) == (host.sent, host.spawned)


@pytest.mark.parametrize("text", ["", "42\n", None])
def test_pidfile_that_may_be_one(host, nginx, text):
    """One that is empty, stale, or not there is a pidfile."""
    if text is not None:
        host.put("/run/x.pid", text)

    assert "/run/x.pid" == set_by(host, "PIDFILE=/run/x.pid").pidfile


def test_damaged_pidfile_of_the_daemon(host, nginx):
    """If the configuration names it, it is the daemon's, and damaged: that is for an action."""
    host.put("/run/x.pid", "garbage")
    host.files[NGINX.config].text = "pid /run/x.pid;"

    assert "/run/x.pid" == set_by(host, "PIDFILE=/run/x.pid").pidfile


def test_reload_by_takeover(host):
    """A daemon that can be taken over can be reloaded so, if that is wanted."""
    told = set_by(host, "RELOAD=takeover", PHP_FPM)

    assert PHP_FPM.takeover == told.reload_by
    assert set_by(host, "RELOAD=signal", PHP_FPM) == PHP_FPM


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("takeover", "line 1: RELOAD: nginx cannot be reloaded by a takeover"),
        ("restart", "line 1: RELOAD: 'restart' is neither signal nor takeover"),
    ],
)
def test_bad_ways_to_reload(host, value, why):
    """Only php-fpm has a takeover."""
    with pytest.raises(SettingsError, match=f"{DEFAULT} {why}$"):
        set_by(host, f"RELOAD={value}")


def test_settings_file_of_another_name(host):
    """Where the file of that name is the daemon's, another one says how it is run."""
    host.put("/etc/default/foo", "ULIMIT=65536\n")
    host.put("/etc/default/foo.initpy", "TIMEOUT=7\n")
    service = Service(
        name="foo", daemon="/usr/sbin/foo", pidfile="/run/foo.pid", settings_name="foo.initpy"
    )

    assert 7 == with_settings(service, host).timeout


def test_dnsmasq_as_debian_starts_it(host):
    """It answers its own networks only, and reads /etc/dnsmasq.d or what CONFIG_DIR says."""
    usual = with_settings(DNSMASQ, host)
    changed = set_by(host, "CONFIG_DIR=/srv/d", DNSMASQ)

    words = "--local-service --conf-dir=/etc/dnsmasq.d,.dpkg-dist,.dpkg-old,.dpkg-new"
    assert words in " ".join(usual.command(usual.start_args))
    assert "--conf-dir=/srv/d" in changed.command(changed.start_args)
