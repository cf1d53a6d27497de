"""What the configuration wants of an inherited socket, and what is told of it."""

from __future__ import annotations

import pytest

from initpy.actions.reload import reload
from initpy.actions.start import start
from initpy.actions.upgrade import upgrade
from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.host import SocketAccess
from initpy.protocols.sockets.wishes import tell_wishes
from initpy.state.configuration import read_configuration

ACCESS = SocketAccess(uid=33, gid=33, mode=0o660, users={}, groups={}, imposed=False)


@pytest.fixture
def told(host, fpm):
    """Return a function: what is told of a pool with those lines, whose socket is like that."""
    host.users["nobody"] = 65534, 65534
    host.groups["nogroup"] = 65534
    master = fpm.run()

    def tell(*lines, listen=fpm.place, backlog=511, **changes):
        text = "\n".join([f"[www]\nlisten = {listen}", *lines])
        host.files[PHP_FPM.config].text = text
        host.backlogs = dict.fromkeys(master.sockets, backlog)
        host.accesses[fpm.place] = ACCESS.replace(**changes)
        host.told.clear()
        tell_wishes(read_configuration(PHP_FPM, host), master.id, host)
        before = "pool www: its socket was inherited, restart it to have in force "
        assert all(sentence.startswith(before) for sentence in host.told)
        return [sentence[len(before) :] for sentence in host.told]

    return tell


@pytest.mark.parametrize(
    ("lines", "changes"),
    [
        ([], {}),
        ([], {"uid": 0, "gid": 0, "backlog": 4096}),  # what is not set is left as it is
        (["listen.owner = www-data", "listen.group = www-data", "listen.mode = 660"], {}),
        (["listen.owner = 33"], {"gid": 0}),  # a number has no group
        (["listen.owner = nobody of that name", "listen.group = no group"], {}),
        (["listen.acl_users = nobody of that name"], {}),
        (["listen.mode = 0888"], {}),
        (["listen.mode = rw"], {}),
        (["listen.backlog = many"], {}),
        (["listen.backlog = -1"], {"backlog": 4096}),
        (["listen.backlog = 10000"], {"backlog": 4096}),
        (["listen.backlog = 10000"], {"backlog": 10000}),  # the greatest was lowered since
        (["listen.acl_users = nobody"], {"users": {65534: 6}}),
        (["listen.acl_groups = root,nogroup"], {"groups": {0: 6, 65534: 6}}),
        (["listen.owner = nobody", "listen.acl_users = nobody"], {"users": {65534: 6}}),
        (["listen.mode = 0600"], {"imposed": True}),
        (["listen.mode = 0600"], {"listen": "/elsewhere"}),
    ],
)
def test_nothing_differs(told, lines, changes):
    """What is as wanted, or not known, or not ours to tell, is not told."""
    assert [] == told(*lines, **changes)


@pytest.mark.parametrize(
    ("lines", "changes", "said"),
    [
        ([], {"mode": 0o600}, "listen.mode = 0660 (it is 0600)"),
        (["listen.owner = nobody"], {}, "listen.owner = nobody (it is www-data)"),
        (
            ["listen.owner = www-data"],
            {"gid": 0},
            "listen.owner = www-data (it is of the group root)",
        ),
        (["listen.group = 0"], {}, "listen.group = 0 (it is www-data)"),
        (["listen.backlog = 100"], {}, "listen.backlog = 100 (it is 511)"),
        (["listen.backlog = -1"], {}, "listen.backlog = -1 (it is 511)"),
        (
            ["listen.acl_users = nobody"],
            {"users": {33: 6}},
            "listen.acl_users = nobody (it is www-data)",
        ),
        (["listen.acl_groups = nogroup"], {}, "listen.acl_groups = nogroup (it is none)"),
        ([], {"users": {7: 4}}, "listen.acl_users = none (it is uid 7)"),
        (
            ["listen.owner = nobody", "listen.group = root", "listen.backlog = 5"],
            {"mode": 0o666},
            (
                "listen.mode = 0660 (it is 0666), listen.owner = nobody (it is www-data), "
                "listen.group = root (it is www-data), listen.backlog = 5 (it is 511)"
            ),
        ),
    ],
)
def test_what_differs(told, lines, changes, said):
    """Each key is named, with what is wanted and what is in force: one notice for a pool."""
    assert [said] == told(*lines, **changes)


@pytest.mark.parametrize("place", [":::9000", "0.0.0.0:9000"])
def test_port(host, fpm, told, place):
    """A port alone is [::] or 0.0.0.0; it has a backlog, and no owner."""
    fpm.masters[0].sockets = {1: place}

    assert ["listen.backlog = 7 (it is 511)"] == told(
        "listen.backlog = 7", "listen.owner = nobody", listen="9000"
    )


def test_greatest_backlog_that_is_not_known(host, told):
    """Where the kernel does not tell it, nothing is said."""
    host.somaxconn = None

    assert [] == told("listen.backlog = 7")


def test_socket_that_is_gone(host, fpm, told):
    """Of a path at which nothing is, the backlog alone is compared."""
    host.bound.clear()
    host.accesses[fpm.place] = None
    host.files[PHP_FPM.config].text = f"[www]\nlisten = {fpm.place}\nlisten.mode = 0600\n"
    host.told.clear()

    tell_wishes(read_configuration(PHP_FPM, host), fpm.masters[0].id, host)

    assert [] == host.told


@pytest.mark.parametrize("action", [reload, upgrade, start])
def test_actions(host, fpm, action):
    """What inherits a socket tells it: reload, upgrade, recovery."""
    master = fpm.run()
    host.accesses[fpm.place] = ACCESS.replace(mode=0o666)
    if action is start:
        host.end(master)

    action(PHP_FPM, host)

    assert 1 == len([said for said in host.told if "listen.mode = 0660 (it is 0666)" in said])


def test_daemon_without_wishes(host, nginx):
    """Nothing is asked of the kernel, and nothing told."""
    tell_wishes(read_configuration(NGINX, host), nginx.run().id, host)

    assert [] == host.told
