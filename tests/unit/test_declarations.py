"""The declarations that ship, and what they refer to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from fakes import FakeHost

import initpy
from initpy.contracts import REFERENCES
from initpy.service import REFERENCES as FIELDS
from initpy.service import Service, resolve
from initpy.tools.declarations import declarations

ROOT = os.path.dirname(initpy.__file__)
DECLARED = declarations()
NAMED = [
    (service.name, field)
    for service in DECLARED.values()
    for field in REFERENCES
    if getattr(service, field) is not None
]


def test_what_ships():
    """The modules and folders of the package are what the command knows."""
    folder = os.listdir(os.path.join(ROOT, "daemons"))
    modules = {name.removesuffix(".py") for name in folder if not name.startswith("__")}

    assert sorted(DECLARED) == sorted(name.replace("_", "-") for name in modules)


def test_every_reference_has_a_form():
    """A field that names a function is held against a form by mypy."""
    assert sorted(FIELDS) == sorted(REFERENCES)


@pytest.mark.parametrize(("name", "field"), NAMED)
def test_every_reference_leads_to_a_function(name, field):
    """What a declaration names is there."""
    assert callable(resolve(getattr(DECLARED[name], field)))


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(
    "reference",
    ["", "oldbin", "initpy.nothing:at_all", "initpy.protocols.oldbin:nothing", "initpy.errors:"],
)
def test_unknown_name_is_refused(field, reference):
    """A declaration that names no function is refused when it is made, with its field."""
    with pytest.raises(ValueError, match=rf"web: {field} .* does not name a function"):
        Service(name="web", daemon="/bin/web", pidfile="/run/web.pid", **{field: reference})


def test_reference_to_a_module_of_the_declarations_own(tmp_path, monkeypatch):
    """A reader need not stand in this package."""
    (tmp_path / "readers_of_web.py").write_text("def read(service, host):\n    return None\n")
    monkeypatch.syspath_prepend(tmp_path)

    service = Service(
        name="web",
        daemon="/bin/web",
        pidfile="/run/web.pid",
        read_configuration="readers_of_web:read",
    )

    assert resolve(service.read_configuration)(service, FakeHost()) is None


@pytest.fixture
def package(tmp_path):
    """Return a copy of the package that has a third daemon: one folder more, and no other edit."""
    shutil.copytree(ROOT, tmp_path / "initpy", ignore=shutil.ignore_patterns("__pycache__"))
    daemons = tmp_path / "initpy" / "daemons"
    text = (daemons / "nginx" / "__init__.py").read_text()
    for old, new in (
        ("NGINX = ", "OTHER_WEB = "),
        ('name="nginx"', 'name="other-web"'),
        ("/usr/sbin/nginx", f"{tmp_path}/other-web"),
        ("/etc/nginx/nginx.conf", f"{tmp_path}/other-web.conf"),
        ("/run/nginx.pid", f"{tmp_path}/other-web.pid"),
    ):
        assert old in text
        text = text.replace(old, new)
    (daemons / "other_web").mkdir()
    (daemons / "other_web" / "__init__.py").write_text(text)
    return tmp_path


def command(package, *words):
    """Run ``initpy`` of that copy of the package."""
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from initpy.tools.command import main"
    return subprocess.run(
        [sys.executable, "-c", f"{code}; sys.exit(main())", str(package), *words],
        capture_output=True,
        text=True,
        check=False,
    )


def test_third_daemon_is_known(package):
    """The command offers it, and so do the shells, which ask the command."""
    offered = command(package, "generate", "--help")

    assert ",nginx,other-web,php-fpm" in "".join(offered.stdout.split())
