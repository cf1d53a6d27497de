"""The page about the document says what its tests see."""

from __future__ import annotations

import ast
import os

from page import on_the_page

HERE = os.path.dirname(os.path.abspath(__file__))


def test_sentences():
    """Each sentence of a test of the document stands on the page."""
    with open(os.path.join(HERE, "test_document.py")) as file:
        tree = ast.parse(file.read())
    tests = [one for one in tree.body if getattr(one, "name", "").startswith("test_")]

    assert tests
    assert on_the_page(*map(ast.get_docstring, tests))
