"""A conformance test for any init script: scripts/check /etc/init.d/NAME.

It needs nothing but Python's standard library and root. Every check runs in a
private copy of the machine (sandbox.py), which is thrown away after it.
"""
