"""The ``initpy`` command: it makes wrappers, and has the LSB functions for shell scripts."""
