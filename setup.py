"""Builds the package. What it is stands in setup.cfg."""

from glob import glob

from setuptools import setup

CHECKER = "tests/conformance"

setup(
    # What "initpy check" runs, in the same folders as here; the names of its tests begin with
    # "t". In setup.cfg older versions of setuptools take a pattern for the name of a file.
    data_files=[
        ("share/initpy/scripts", ["scripts/check"]),
        (f"share/initpy/{CHECKER}", sorted(glob(f"{CHECKER}/[!t]*.py"))),
        (f"share/initpy/{CHECKER}/checks", sorted(glob(f"{CHECKER}/checks/*.py"))),
    ],
)
