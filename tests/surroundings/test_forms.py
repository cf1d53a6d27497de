"""The functions that a declaration names, held by mypy against the form of its field."""

from __future__ import annotations

import os
import subprocess
import sys

import initpy
from initpy.contracts import REFERENCES
from initpy.tools.declarations import declarations

ROOT = os.path.dirname(initpy.__file__)


def test_every_function_has_its_form(tmp_path):
    """Each function that a declaration names takes and returns what its field's form says."""
    lines = ["from initpy import contracts"]
    for service in declarations().values():
        for field, form in REFERENCES.items():
            if (reference := getattr(service, field)) is None:
                continue
            module, _, function = reference.partition(":")
            name = f"function{len(lines)}"
            lines.append(f"from {module} import {function} as {name}")
            lines.append(f"form{len(lines)}: contracts.{form} = {name}")
    (tmp_path / "forms.py").write_text("\n".join(lines) + "\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "forms.py"]
    command += ["--cache-dir", str(tmp_path), "--follow-imports=silent"]
    environment = {**os.environ, "MYPYPATH": os.path.dirname(ROOT)}

    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert (0, "Success: no issues found in 1 source file\n") == (done.returncode, done.stdout)
