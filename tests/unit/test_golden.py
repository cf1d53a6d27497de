from __future__ import annotations

import os.path

import pytest

import initpy
from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.tools.init_script import render

ROOT = os.path.dirname(os.path.dirname(initpy.__file__))
INTERPRETER = "/usr/bin/python3"
FOLDERS = ["/usr/lib/python3/dist-packages"]


@pytest.fixture(params=[NGINX, PHP_FPM], ids=lambda service: service.name)
def service(request):
    """Return nginx, and then php-fpm."""
    return request.param


@pytest.fixture
def path(service):
    """Return where its committed wrapper stands."""
    return os.path.join(ROOT, "etc", "init.d", service.name)


@pytest.fixture
def text(path):
    """Return its committed wrapper."""
    with open(path) as file:
        return file.read()


def test_committed_wrapper_is_the_rendered_one(service, text):
    """A change of the generator shows as a change of what root will run: run scripts/mkwrappers."""
    rendered = render(service, service, interpreter=INTERPRETER, folders=FOLDERS)

    assert rendered == text


def test_executable(path):
    """An init script can be executed."""
    assert os.access(path, os.X_OK)


def test_lsb_header_comes_first(text):
    """The block of insserv stands right after the shebang: chkconfig stops at its own."""
    lines = text.splitlines()
    end = lines.index("### END INIT INFO")

    assert [f"#!{INTERPRETER} -IS", "### BEGIN INIT INFO"] == lines[:2]
    assert all(line.startswith("# ") for line in lines[2:end])
    assert "# Provides:" == lines[2].rpartition(" ")[0].rstrip()


def test_tags_stand_outside_the_lsb_block(service, text):
    """The generator of systemd and chkconfig read theirs in the comment after it."""
    block, _, rest = text.partition("### END INIT INFO\n")
    comments = [line for line in rest.splitlines() if line.startswith("# ")]

    assert f"# pidfile: {service.pidfile}" in comments
    assert f"# chkconfig: {service.chkconfig}" in comments
    assert f"# processname: {os.path.basename(service.daemon)}" in comments
    assert "pidfile" not in block


def test_usage_line_is_text(text):
    """The generator of systemd looks for |reload| in a line that is no comment."""
    (line,) = [line for line in text.splitlines() if "Usage: " in line]

    assert "|reload|" in line
    assert not line.lstrip().startswith("#")


def test_it_is_python(path, text):
    """It compiles."""
    compile(text, path, "exec")
