"""The ``initpy`` command: wrappers, and the LSB functions for shell scripts."""
