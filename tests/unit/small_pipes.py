"""Pipes that are soon full."""

import fcntl
import os

F_SETPIPE_SZ = 1031  # fcntl(2); Python has its name from 3.10 on


def page_pipe():
    """Return the descriptors for reading and for writing of a pipe that holds 4096 bytes."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, F_SETPIPE_SZ, 4096)
    return reading, writing
