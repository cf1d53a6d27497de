from __future__ import annotations

import ast
import json
import os
import subprocess
import sys

import pytest

import initpy
from initpy.daemons.cron import CRON
from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.errors import InitError
from initpy.schedule import parse_schedule
from initpy.service import Service
from initpy.tools.generating.facts import quoted
from initpy.tools.init_script import render, with_header

PYTHON = {"interpreter": "/usr/bin/python3", "folders": ["/usr/lib/python3/dist-packages"]}


@pytest.mark.parametrize("declared", [NGINX, PHP_FPM])
def test_what_differs_stands_in_it(declared):
    """An instance's own facts are in its wrapper, as named fields."""
    service = declared.replace(
        name="rtmp", daemon="/opt/rtmp", config="/etc/rtmp.conf", pidfile="/run/rtmp.pid"
    )

    text = render(service, declared, **PYTHON)

    tree = ast.parse(text)
    (call,) = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "replace"
    ]
    facts = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    assert {field: getattr(service, field) for field in facts} == facts
    assert "# Provides:          rtmp" in text.splitlines()
    assert "# pidfile: /run/rtmp.pid" in text.splitlines()
    assert '"""Usage: /etc/init.d/rtmp {start|stop|' in text


def test_further_facts():
    """Options, and a state directory that is not the declaration's, are in the wrapper, too."""
    service = PHP_FPM.replace(options=("--prefix", "/srv/x"), localstatedir="/opt/var")

    text = render(service, PHP_FPM, **PYTHON)

    assert 'options=("--prefix", "/srv/x",)' in text
    assert 'localstatedir="/opt/var"' in text
    assert not {"options=", "localstatedir="} & set(render(PHP_FPM, PHP_FPM, **PYTHON).split())


def calls(text):
    """Return the keywords of run() in a wrapper."""
    (call,) = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "run"
    ]
    return {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}


def test_a_daemon_without_a_configuration():
    """It has no line for one."""
    assert "config=" not in render(CRON, CRON, **PYTHON)


def test_interpreter():
    """The interpreter is the one that was given, isolated from the caller and without site."""
    text = render(NGINX, NGINX, interpreter="/opt/python", folders=[])

    assert text.startswith("#!/opt/python -IS\n### BEGIN INIT INFO\n")


@pytest.mark.parametrize("conffile", [False, True])
def test_folders(conffile):
    """The folders to import from are in it, in their order and as data."""
    folders = ["/opt/a b", '/opt/"', "/opt/{x}"]

    text = render(NGINX, NGINX, interpreter="/opt/python", folders=folders, conffile=conffile)

    (found,) = [
        ast.literal_eval(node.value)
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets) == "FOLDERS"
    ]
    assert folders == found


def test_folders_hide_no_module_of_python(tmp_path):
    """What stands beside initpy does not take the place of a module of the standard library."""
    (tmp_path / "initpy").symlink_to(os.path.dirname(initpy.__file__))
    for name in ("__future__", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(99)")
    private = {field: str(tmp_path / field) for field in ("daemon", "config", "pidfile")}
    folders = [str(tmp_path)]
    script = tmp_path / "web"
    script.write_text(
        render(NGINX.replace(**private), NGINX, interpreter=sys.executable, folders=folders)
    )

    ended = subprocess.run(
        [sys.executable, "-IS", script, "status", "--json"], capture_output=True, check=False
    )

    assert (3, b"") == (ended.returncode, ended.stderr)
    assert "stopped" == json.loads(ended.stdout)["state"]


@pytest.mark.parametrize(
    ("folders", "python"),
    [
        ([], {}),
        (["/usr/lib/python3/dist-packages"], {}),
        (["/opt/checkout", "/opt/v/lib/python3.9/site-packages"], {"python": "3.9"}),
        (["/usr/lib64/python3.13/site-packages"], {"python": "3.13"}),
    ],
)
def test_version_of_python(folders, python):
    """If a folder is that of one version of Python, the wrapper knows for which it was made."""
    text = render(NGINX, NGINX, interpreter="/opt/python", folders=folders)

    assert python == calls(text)
    assert bool(python) == ("generated for Python" in text)


def test_conffile():
    """Only a Debian package's wrapper may take the library or the daemon for removed."""
    plain, debian = (render(NGINX, NGINX, conffile=is_one, **PYTHON) for is_one in (False, True))

    assert {} == calls(plain)
    assert {"conffile": True} == calls(debian)
    assert "removed" not in plain


@pytest.mark.parametrize("value", ["", "a", 'a"b', "a'b", "a\\b", "a\nb", "{x}", "'\"", "\u00e4"])
def test_quoted(value):
    """Whatever stands in a value, it stays data."""
    text = quoted(value)

    assert value == ast.literal_eval(text)
    assert text.startswith('"')
    assert text.endswith('"')


EVERY_KIND = Service(
    name="x",
    daemon="/usr/sbin/x",
    pidfile="/run/x.pid",
    config='/etc/x "y".conf',
    start_args=("-c", "{config}", "{OPTIONS}"),
    words={"OPTIONS": "-v 'a b'"},
    stop=parse_schedule("INT/0.25/TERM/1000000/KILL/forever"),
    reload=("/bin/kill", "-HUP", "{pid}"),
    limits={"RLIMIT_NOFILE": (None, 1024)},
    directories={"/run/x": 0o2750},
    umask=0o27,
    timeout=2.5,
    drain_timeout=float("inf"),
    background=True,
    lsb={"Required-Start": "$network", "X-Interactive": "true"},
)


def executed(text):
    """Return the service that a wrapper of the text hands to run()."""
    given = []
    (call,) = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "run"
    ]
    names = {"Service": Service, "parse_schedule": parse_schedule, "run": given.append}
    call.keywords = []
    eval(compile(ast.Expression(call), "wrapper", "eval"), names)
    return given[0]


def test_every_fact_of_another_declaration():
    """It needs no other file: each fact that is not the default stands in it, and no other."""
    text = render(with_header(EVERY_KIND), **PYTHON)

    found = executed(text)
    assert found == EVERY_KIND.replace(lsb={})
    assert "umask=0o27," in text
    assert "background=True," in text
    assert "upgrade_timeout" not in text


def test_header_of_another_declaration():
    """What it does not say of its boot is what most scripts say."""
    lines = render(with_header(EVERY_KIND), **PYTHON).splitlines()

    assert [
        "### BEGIN INIT INFO",
        "# Provides:          x",
        "# Required-Start:    $network",
        "# Required-Stop:     $network",
        "# Default-Start:     2 3 4 5",
        "# Default-Stop:      0 1 6",
        "# Short-Description: x",
        "# X-Interactive:     true",
        "### END INIT INFO",
    ] == lines[1:10]


def test_actions_of_another_declaration():
    """The usage line, which systemd and completions read, names what the daemon can do."""

    def actions(service):
        return set(
            render(with_header(service), **PYTHON).partition("{")[2].partition("}")[0].split("|")
        )

    every = {*actions(NGINX)}
    plain = actions(Service(name="x", daemon="/x", pidfile="/x.pid"))

    assert every == actions(EVERY_KIND) | {"reopen", "rotate", "reopen-logs", "upgrade"} | {
        "configtest",
        "testconfig",
    }
    assert {"start", "stop", "restart", "force-reload", "status"} <= plain
    assert not {"reload", "configtest", "reopen", "upgrade"} & plain


@pytest.mark.parametrize("field", [{"daemon": "/a\nb"}, {"lsb": {"Description": "a\nb"}}])
def test_header_of_one_line_each(field):
    """What would end a line of the header is refused."""
    with pytest.raises(InitError, match="has to be one line of text"):
        with_header(EVERY_KIND.replace(**field))
