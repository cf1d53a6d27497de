from __future__ import annotations

import ast

import pytest

from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.tools.init_script import quoted, render


@pytest.mark.parametrize("declared", [NGINX, PHP_FPM])
def test_what_differs_stands_in_it(declared):
    """An instance's own facts are in its wrapper, as named fields."""
    service = declared.replace(
        name="rtmp", daemon="/opt/rtmp", config="/etc/rtmp.conf", pidfile="/run/rtmp.pid"
    )

    text = render(service, declared, interpreter="/usr/bin/python3")

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


def test_interpreter():
    """The interpreter is the one that was given, isolated from the caller."""
    text = render(NGINX, NGINX, interpreter="/opt/python")

    assert text.startswith("#!/opt/python -I\n### BEGIN INIT INFO\n")


@pytest.mark.parametrize("value", ["", "a", 'a"b', "a'b", "a\\b", "a\nb", "{x}", "'\"", "\u00e4"])
def test_quoted(value):
    """Whatever stands in a value, it stays data."""
    text = quoted(value)

    assert value == ast.literal_eval(text)
    assert text.startswith('"')
    assert text.endswith('"')
