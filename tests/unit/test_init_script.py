from __future__ import annotations

import ast

import pytest

from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.tools.init_script import quoted, render

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
        if isinstance(node, ast.Assign) and node.targets[0].id == "FOLDERS"
    ]
    assert folders == found


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
