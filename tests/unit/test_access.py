"""Who may connect to a unix socket, held to what the test itself has set: acl(5)."""

from __future__ import annotations

import builtins
import os
import socket
import struct

import pytest

from initpy.errors import InitError
from initpy.host import HERE

NONE = 0xFFFFFFFF


def acl(*entries):
    """Return an ACL as the kernel takes it: linux/posix_acl_xattr.h."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


@pytest.fixture
def path(tmp_path):
    """Return the path of a unix socket."""
    made = str(tmp_path / "x.sock")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(made)
    return made


def test_acl(path):
    """Its entries are told; the mask does not count for the bits of the group itself."""
    named = [(2, 6, 7), (4, 0, NONE), (8, 6, 9)]  # user 7, the group itself, group 9
    text = acl((1, 6, NONE), *named, (16, 6, NONE), (32, 0, NONE))
    os.setxattr(path, "system.posix_acl_access", text)

    told = HERE.socket_access(path)

    assert ({7: 6}, {9: 6}, 0o600, False) == (told.users, told.groups, told.mode, told.imposed)


def test_default_acl(path, tmp_path):
    """That its folder has one is told."""
    text = acl((1, 7, NONE), (4, 5, NONE), (32, 5, NONE))
    os.setxattr(tmp_path, "system.posix_acl_default", text)

    assert HERE.socket_access(path).imposed


def test_socket_that_cannot_be_removed(path, monkeypatch):
    """It is said why, in one sentence."""

    def refuse(*_args, **_facts):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "unlink", refuse)

    with pytest.raises(InitError, match=f"{path} cannot be removed: Read-only file system"):
        HERE.remove_socket(path, HERE.version(path))


def test_backlog_that_is_not_told(monkeypatch):
    """Where /proc is not there, nothing is known."""

    def refuse(*_args):
        raise FileNotFoundError

    monkeypatch.setattr(builtins, "open", refuse)

    assert HERE.most_backlog() is None
