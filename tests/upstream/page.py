"""The page of the documentation that shows what the tests of this folder see."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "replay.rst"


def shown(text: str) -> str:
    """Return *text* without what differs from run to run: times, numbers, width of blanks."""
    text = re.sub(r"\[\d\d-\w+-\d{4} [\d:]+\]", "[time]", text)
    return " ".join(re.sub(r"\d+", "N", text).split())


def on_the_page(*texts: str) -> bool:
    """Tell whether the page shows each of these outputs."""
    page = shown(PAGE.read_text(encoding="utf-8"))
    missing = [text for text in map(shown, texts) if text not in page]
    assert not missing, f"{PAGE} does not show: {missing}"
    return True
