from __future__ import annotations

import pytest
from fakes import FakeHost

from initpy.daemons.nginx import NGINX
from initpy.daemons.php_fpm import PHP_FPM
from initpy.state.identity import configuration_in_force, is_master, reads_file, runs, why_not
from initpy.state.titles import argv0_of, is_ready, is_worker, looks_like_master

DAEMON, CONFIG = NGINX.daemon, NGINX.config


def looked_at(host, **facts):
    """Return what a look at such a process tells."""
    return host.look(host.add(**facts).pid)


@pytest.mark.parametrize(
    ("told", "facts", "expected"),
    [
        (f"{DAEMON} -c {CONFIG}", {}, True),
        (f"{DAEMON} -c{CONFIG}", {}, True),
        (f"{DAEMON} -g x; -c {CONFIG} -q", {}, True),
        (DAEMON, {}, True),
        (f"{DAEMON} -c nginx.conf", {}, False),
        (f"{DAEMON} -p /etc/nginx -c nginx.conf", {}, True),
        (f"{DAEMON} -p/etc -c ./nginx/nginx.conf", {}, True),
        (f"{DAEMON} -c", {}, False),
        (f"{DAEMON} -c /etc/nginx/other.conf", {}, False),
        (f"{DAEMON} -c {CONFIG}.bak", {}, False),
        ("nginx", {}, True),
        (f"{DAEMON} -c {CONFIG}", {"exe": "/usr/sbin/nginx.old"}, True),
        (f"/opt/nginx -c {CONFIG}", {"exe": "/opt/nginx"}, False),
        (f"{DAEMON}2 -c {CONFIG}", {"exe": "/usr/sbin/nginx2"}, False),
        (f"{DAEMON} -c {CONFIG}", {"exe": None}, True),
        (f"nginx -c {CONFIG}", {"exe": None}, True),
        (f"perl -c {CONFIG}", {"exe": None}, False),
        (f"{DAEMON} -c {CONFIG}", {"uid": 33}, False),
        (f"{DAEMON} -c {CONFIG}", {"nested": True}, False),
        (f"{DAEMON} -c {CONFIG}", {"root": (1, 2)}, False),
        (f"{DAEMON} -c {CONFIG}", {"root_mount": 2}, False),
        (f"{DAEMON} -c {CONFIG}", {"root_mount": 2, "mnt": "mnt:[2]"}, True),
    ],
)
def test_master_of_nginx(host, told, facts, expected):
    """Binary or argv[0], configuration, user and namespace together are the proof."""
    facts = {"exe": DAEMON, **facts, "title": f"nginx: master process {told}"}

    assert expected == is_master(NGINX, looked_at(host, **facts), host)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        (f"php-fpm: master process ({PHP_FPM.config})", True),
        ("php-fpm: master process (/etc/php/7.4/fpm/php-fpm.conf)", False),
        (f"php-fpm: master process ({PHP_FPM.config}) x", False),
        ("php-fpm: pool www", False),
        ("", False),
    ],
)
def test_master_of_fpm(host, title, expected):
    """The title of a php-fpm is its configuration, and that is the proof."""
    assert expected == is_master(PHP_FPM, looked_at(host, title=title), host)


def test_linked_daemon_is_followed(host):
    """A daemon that is named by a link runs what that leads to."""
    host.put("/etc/alternatives/nginx", "/usr/lib/nginx", kind="link")
    service = NGINX.replace(daemon="/etc/alternatives/nginx", master_title=None)

    assert is_master(service, looked_at(host, exe="/usr/lib/nginx", argv=("nginx",)), host)


def test_ours_is_as_good_as_roots():
    """A user's own instance is that user's to manage."""
    host = FakeHost()
    host.euid = 1000
    facts = looked_at(host, uid=1000, exe=DAEMON, title=f"nginx: master process {DAEMON}")

    assert is_master(NGINX, facts, host)


def test_service_without_config_needs_none(host):
    """Where there is no configuration to tell, the daemon is enough."""
    service = NGINX.replace(config=None, config_flags=(), start_args=(), test_args=None)
    facts = looked_at(host, exe=DAEMON, title=f"nginx: master process {DAEMON} -c /x")

    assert is_master(service, facts, host)


@pytest.mark.parametrize(
    ("title", "works", "serving"),
    [
        ("nginx: worker process", True, True),
        ("nginx: worker process is shutting down", True, False),
        ("nginx: cache manager process", True, False),
        ("nginx: master process /usr/sbin/nginx", False, False),
        ("sh -c x", False, False),
    ],
)
def test_workers(title, works, serving):
    """Helpers are workers too, but only the first kind serves, and not while it drains."""
    assert (works, serving) == (is_worker(NGINX, title), is_ready(NGINX, title))


def test_untitled_children_are_workers():
    """Of a daemon that tells nothing, every child is a worker and serves."""
    service = NGINX.replace(worker_titles=())

    assert is_worker(service, "anything")
    assert is_ready(service, "anything")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"exe": DAEMON}, True),
        ({"exe": None}, True),
        ({"exe": "/opt/nginx"}, False),
    ],
)
def test_runs(host, facts, expected):
    """A process runs this daemon if its binary says so, or is not ours to see."""
    seen = looked_at(host, **{"title": "nginx: worker process", **facts})

    assert expected == runs(NGINX, seen, host)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        (f"nginx: master process {DAEMON} -c {CONFIG}", DAEMON),
        (f"nginx: master process {DAEMON}", DAEMON),
        ("nginx: master process nginx -g x", "nginx"),
        ("nginx: worker process", ""),
    ],
)
def test_argv0(title, expected):
    """What a master would execute is the first word of its title."""
    assert expected == argv0_of(NGINX, title)


def test_argv0_with_a_blank():
    """A daemon whose path has blanks is known by that path."""
    service = NGINX.replace(daemon="/opt/my nginx")

    assert "/opt/my nginx" == argv0_of(service, "nginx: master process /opt/my nginx -c x")


def test_title_without_argv_tells_none():
    """A php-fpm's title does not tell how it was started."""
    assert "" == argv0_of(PHP_FPM, f"php-fpm: master process ({PHP_FPM.config})")


def test_looks_like_master():
    """The beginning of a title shows a master, of whichever instance."""
    assert looks_like_master(NGINX, "nginx: master process anything")
    assert not looks_like_master(NGINX, "nginx: worker process")
    assert not looks_like_master(NGINX.replace(master_title=None), "anything")


# Where it is.


@pytest.fixture
def facts(nginx):
    """Return what a process is that is our master, to be changed."""
    return {"exe": DAEMON, "title": f"nginx: master process {DAEMON} -c {CONFIG}"}


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ({"net": "net:[2]"}, "in another network namespace"),
        ({"root": (9, 9)}, "its root directory is another one"),
        ({"nested": True}, "in another pid namespace"),
        ({"uid": 33}, "belongs to uid 33"),
        ({"mnt": "mnt:[2]", "sees": {CONFIG: (9, 9)}}, f"reads the configuration {CONFIG}"),
        ({"mnt": "mnt:[2]", "sees": {CONFIG: None}}, f"reads the configuration {CONFIG}"),
    ],
    ids=["network", "chroot", "container", "user", "file bound over", "no such file there"],
)
def test_elsewhere(host, facts, where, why):
    """Whoever is elsewhere is a stranger, whatever its title says, and it is said why."""
    seen = looked_at(host, **facts, **where)

    assert why in why_not(NGINX, seen, host)
    assert not is_master(NGINX, seen, host)


def test_mount_namespace_with_the_same_file(host, facts):
    """A unit with PrivateTmp=yes has another mount namespace, and reads our file all the same."""
    assert is_master(NGINX, looked_at(host, **facts, mnt="mnt:[2]"), host)


def test_configuration_that_is_gone(host, facts):
    """Where the file is gone, here and there, its path has to do."""
    host.remove(CONFIG)

    assert is_master(NGINX, looked_at(host, **facts), host)
    assert is_master(NGINX, looked_at(host, **facts, mnt="mnt:[2]"), host)


def test_file_replaced_between_two_looks(host, facts, monkeypatch):
    """An editor that replaces the file while we compare makes no stranger of our master."""
    process = host.add(**facts, mnt="mnt:[2]")
    seen = iter([(1, 1), host.file_id(CONFIG)])
    monkeypatch.setattr(host, "file_seen_by", lambda *_: next(seen), raising=False)

    assert reads_file(process.id, CONFIG, CONFIG, host)


def test_unseen(host, facts):
    """What we may not see is left out: a title, a user and a configuration that fit say running."""
    assert is_master(NGINX, looked_at(host, **facts, unseen=True), host)


@pytest.mark.parametrize("told", [f"{DAEMON} -c /opt/x.conf", f"/bin/perl -c {CONFIG}"])
def test_unseen_and_another(host, nginx, told):
    """But where these do not fit, it is another's."""
    title = f"nginx: master process {told}"

    assert not is_master(NGINX, looked_at(host, title=title, exe=DAEMON, unseen=True), host)


def test_file_that_may_not_be_seen(host, facts):
    """Its namespace can be seen and its root cannot: then the paths are compared."""
    process = host.add(**facts, unseen=True)

    assert reads_file(process.id, f"/etc//nginx/{CONFIG[len('/etc/nginx/') :]}", CONFIG, host)
    assert not reads_file(process.id, "/etc/other.conf", CONFIG, host)


# What it reads.


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (f"-qc {CONFIG}", CONFIG),
        ("-qc /opt/x.conf", "/opt/x.conf"),
        (f"-c /opt/x.conf -c {CONFIG}", CONFIG),
        (f"-c {CONFIG} -c /opt/x.conf", "/opt/x.conf"),
        (f"-c{CONFIG} -q -c/opt/x.conf", "/opt/x.conf"),
        (f"-c {CONFIG} -p /opt", CONFIG),
        ("-p /opt -c x.conf", "/opt/x.conf"),
        ("-c x.conf -p opt/", "/srv/opt/x.conf"),
        ("-c conf/x.conf", "/usr/share/nginx/conf/x.conf"),
        (f"-e stderr -g daemon off; -c {CONFIG}", CONFIG),
        ("-z", None),
        (f"-c {CONFIG} -s", None),
        (f"{CONFIG}", None),
    ],
)
def test_configuration_in_force(host, arguments, path):
    """Arguments are read as nginx reads them: clusters, the last -c, -p, the working directory."""
    title = f"nginx: master process {DAEMON} {arguments}"
    facts = looked_at(host, title=title, exe=DAEMON, cwd="/srv")

    assert path == configuration_in_force(NGINX.replace(prefix="/usr/share/nginx"), facts, host)


@pytest.mark.parametrize(
    "path",
    [
        "/etc//nginx/nginx.conf",
        "/etc/nginx/./nginx.conf",
        "/etc/x/../nginx/nginx.conf",
        "/etc/link.conf",
    ],
)
@pytest.mark.parametrize("mnt", ["mnt:[1]", "mnt:[2]"])
def test_other_names_of_our_file(host, nginx, path, mnt):
    """Files are compared and not strings: two slashes, or a link, lead to ours, too."""
    host.put("/etc/link.conf", CONFIG, kind="link")
    title = f"nginx: master process {DAEMON} -c {path}"

    assert is_master(NGINX, looked_at(host, title=title, exe=DAEMON, mnt=mnt), host)


def test_relative_configuration_of_one_that_may_not_be_seen(host, nginx):
    """Then it cannot be told which file that is, so it is not ours."""
    title = f"nginx: master process {DAEMON} -p conf -c nginx.conf"

    assert not is_master(NGINX, looked_at(host, title=title, exe=DAEMON, unseen=True), host)


# What it runs.


def test_binary_that_was_replaced(host, nginx):
    """The path at the time of exec counts, although another file stands there by now."""
    master = nginx.run()
    nginx.replace()

    assert is_master(NGINX, host.look(master.pid), host)


def test_binary_by_another_path(host, facts, nginx):
    """And the file counts, although it was executed by another of its names."""
    same = {"exe": "/usr/lib/nginx/nginx", "exe_id": host.file_id(DAEMON)}
    title = f"nginx: master process nginx -c {CONFIG}"

    assert is_master(NGINX, looked_at(host, **{**facts, **same, "title": title}), host)


# A title that was cut short, for want of room.


def cut(fpm):
    """Return a master of php-fpm whose title has lost its end."""
    master = fpm.run()
    master.title = master.title[: len("php-fpm: master pro")]
    return master


def test_cut_title(host, fpm):
    """It listens where the configuration says, and nowhere else."""
    assert is_master(PHP_FPM, host.look(cut(fpm).pid), host)


@pytest.mark.parametrize("sockets", [{}, {1: "/run/php/other.sock"}], ids=["nowhere", "elsewhere"])
def test_cut_title_of_another(host, fpm, sockets):
    """One that listens elsewhere too, or nowhere, is not ours."""
    master = cut(fpm)
    master.sockets = {**(master.sockets if sockets else {}), **sockets}

    assert not is_master(PHP_FPM, host.look(master.pid), host)


def test_any_binary_of_our_lineage(host, nginx):
    """What we have started ourselves may be a script that executes another one."""
    title = f"nginx: master process /opt/sbin/nginx -c {CONFIG}"
    facts = looked_at(host, title=title, exe="/opt/sbin/nginx")

    assert "it runs /opt/sbin/nginx" in why_not(NGINX, facts, host)
    assert "" == why_not(NGINX, facts, host, any_binary=True)


def test_it_is_explained(host, facts):
    """Every comparison is told to who asks for it."""
    said = []
    host.explain = said.append

    is_master(NGINX, looked_at(host, **facts), host)

    assert "network namespace net:[1], ours is net:[1]" in said[0]
    assert "root directory 1:0, ours is 1:0" in said[1]
    assert f"executable {DAEMON}" in said[2]
    assert f"configuration {CONFIG}, ours is {CONFIG}" in said[3]
    assert said[4].endswith("it is the master")
