"""A declaration that cannot be meant fails on import, with a sentence that says what to write."""

from __future__ import annotations

import re

import pytest

from initpy.service import Service

PLAIN = Service(name="x", daemon="/bin/x", pidfile="/run/x.pid")


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"start_args": "-x"}, "start_args '-x' is one text, and has to be several: ('-x',)"),
        ({"logs": "/var/log/x"}, "logs '/var/log/x' is one text"),
        ({"stop": "TERM/5"}, "stop is a text: use parse_schedule('TERM/5')"),
        ({"ready": "curl"}, """ready 'curl' is neither a command, as ("/bin/x", "-y"), nor"""),
        ({"reload": "HUPP"}, "reload 'HUPP' is not a signal; a command is several texts"),
        ({"reload": "/bin/true"}, "several texts: ('/bin/true',)"),
        ({"reload": ()}, "reload is a command without a program"),
        ({"reload": ("bin/x",)}, "the program of reload 'bin/x' is not an absolute path"),
        ({"umask": "022"}, "umask: '022' is not a mode: 0o755"),
        ({"directories": {"/run/x": 0o10000}}, "/run/x: 4096 is not a mode"),
        ({"directories": {"run/x": 0o755}}, "directories 'run/x' is not an absolute path"),
        ({"directory": "x"}, "directory 'x' is not an absolute path"),
        ({"logs": ("x.log",)}, "logs 'x.log' is not an absolute path"),
        ({"environment_files": ("-x",)}, "environment_files 'x' is not an absolute path"),
        ({"lockfile": "x"}, "lockfile 'x' is not an absolute path"),
        ({"user": ":x"}, "user ':x' is neither NAME nor NAME:GROUP"),
        ({"user": "a b"}, "user 'a b' is neither NAME nor NAME:GROUP"),
        ({"user": "a:"}, "user 'a:' is neither NAME nor NAME:GROUP"),
        ({"start_pre": ("/bin/t", "-x")}, "start_pre '/bin/t' is not a command line"),
        ({"stop_post": (("-t", "-x"),)}, "the program of stop_post '-t' is not an absolute path"),
        ({"capabilities": ("CAP_KILL",)}, "capabilities without a user: root has all of them"),
        ({"listens": ("6379",)}, "listens '6379' is neither ADDRESS:PORT, as \"*:80\", nor a path"),
        ({"listens": ("*:http",)}, "listens '*:http' is neither"),
        ({"words": {"A-B": ""}}, "words 'A-B' cannot be a key of a settings file"),
        ({"words": {"config": ""}}, "words 'config' cannot be a key"),
        ({"start_args": ("{OPTS}",)}, "start_args '{OPTS}': {OPTS} is neither config nor pidfile"),
        ({"start_args": ("-p{pid}",)}, "start_args '-p{pid}': {pid} is neither"),
        ({"test": ("/bin/t", "{X}")}, "test '{X}': {X} is neither config nor pidfile, and neither"),
        ({"reload": ("/bin/t", "-{X}")}, "reload '-{X}': {X} is neither"),
        ({"start_args": ("{",)}, "start_args '{': a brace that is meant as one is doubled"),
        ({"start_args": ("{0}",)}, "start_args '{0}': a brace that is meant as one"),
        ({"start_args": ("-c{config}",)}, "start_args '-c{config}', and there is no config"),
        ({"test": ("/bin/t",), "test_args": ()}, "test and test_args both test the configuration"),
        ({"reopen": "USR1"}, "reopen 'USR1' without logs: whether it opens them anew cannot be"),
        (
            {"outlives": True, "upgrade": "initpy.protocols.oldbin:upgrade"},
            "outlives and upgrade: an upgrade ends what the old master has started",
        ),
        (
            {"reload": ("/bin/t",), "reload_by": "initpy.protocols.reexec:reload"},
            "reload is a command, and reload_by sends a signal",
        ),
    ],
)
def test_refused(facts, sentence):
    """Each is refused with its name, and what it says."""
    with pytest.raises(ValueError, match=f"^x: .*{re.escape(sentence)}"):
        PLAIN.replace(**facts)


@pytest.mark.parametrize(
    "facts",
    [
        {"ready": "notify"},
        {"user": "redis:redis", "umask": 0o77, "directories": {"/run/redis": 0o2755}},
        {"listens": ("127.0.0.1:6379", "[::]:80", "*:53 (udp)", "/run/x.sock", "@x")},
        {"start_args": ("{{}}", "{OPTS}"), "words": {"OPTS": ""}},
        {"start_args": ("{OPTS}", "{B!s}"), "environment_files": ("-/etc/default/x",)},
        {"start_args": ("{HOME}",), "environment": {"HOME": "/"}},
        {"reload": ("kill", "-HUP", "{pid}"), "stop_command": ("/bin/x", "{pid}", "{pidfile}")},
        {"reopen": "USR1", "logs": ("/var/log/x.log",)},
        {"test": ("x-check", "{pidfile}")},
    ],
)
def test_accepted(facts):
    """What can be meant is accepted."""
    service = PLAIN.replace(**facts)

    assert facts == {field: getattr(service, field) for field in facts}


@pytest.mark.parametrize("field", ["start_pre", "start_post", "stop_post"])
def test_name_that_a_step_does_not_know(field):
    """It is refused when it is declared, and does not end a start later."""
    with pytest.raises(ValueError, match=f"{field} '/run/{{NAME}}': {{NAME}} is neither"):
        Service(name="x", daemon="/x", pidfile="/p", **{field: (("/bin/mkdir", "/run/{NAME}"),)})
