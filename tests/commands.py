"""Commands that are run without anything of our environment."""

from __future__ import annotations

import subprocess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def completed(
    argv: Sequence[str | Path], *, within: float, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command, without an input; return how it ended. Its two outputs are one.

    within: seconds.
    """
    return subprocess.run(
        argv,
        cwd=cwd,
        env={"PATH": PATH, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=within,
        check=False,
    )
