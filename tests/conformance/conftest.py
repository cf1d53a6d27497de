"""The fixtures of this folder are in its tests; what they use of tests/real asserts, too."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("real_daemons", "real_fixtures")

# Not for --doctest-modules: there is one conftest in every folder.
collect_ignore = ["conftest.py"]
