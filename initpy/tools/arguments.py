"""How the command line of ``initpy`` is read, and what argparse prints."""

from __future__ import annotations

import argparse
import sys

from ..console import standard_console
from ..errors import ExitCode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Parser(argparse.ArgumentParser):
    """A parser whose help may lead to a full disk or a closed pipe."""

    def _print_message(self, message: str, file: Any = None) -> None:
        console = standard_console(quiet=False)
        text = message.rstrip("\n")
        if file is sys.stderr:
            console.complain(text)
        elif not console.answer(text):
            self.exit(ExitCode.GENERIC, "initpy: standard output cannot be written\n")
