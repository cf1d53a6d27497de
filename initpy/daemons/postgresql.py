"""PostgreSQL, a cluster as Debian packages it. Signals: postgres(1), pg_ctl(1)."""

from __future__ import annotations

from ..schedule import parse_schedule
from ..service import shipped

POSTGRESQL = shipped(
    name="postgresql",
    # The only one of a host, as Red Hat has it; and each of several, as Debian has them.
    daemon="/usr/bin/postgres",
    pidfile="/run/postgresql/main.pid",
    config="/var/lib/pgsql/data/postgresql.conf",
    versions={
        "name": "postgresql-{version}",
        "daemon": "/usr/lib/postgresql/{version}/bin/postgres",
        "config": "/etc/postgresql/{version}/main/postgresql.conf",
        "pidfile": "/run/postgresql/{version}-main.pid",
    },
    # It stays in the foreground, and initpy writes the pidfile.
    start_args=("-c", "config_file={config}", "-c", "external_pid_file="),
    test_args=("-C", "data_directory", "-c", "config_file={config}"),
    background=True,
    ready="notify",
    user="postgres",
    directories={"/run/postgresql": 0o2775},
    umask=0o077,
    stop=parse_schedule("INT/60/QUIT/10/KILL/5"),  # fast, then immediate
    force_quit=parse_schedule("QUIT/10/KILL/5"),
    reload="HUP",
    lsb={
        "Required-Start": "$local_fs $remote_fs $network $time",
        "Required-Stop": "$local_fs $remote_fs $network $time",
        "Should-Start": "$syslog udev",
        "Should-Stop": "$syslog udev",
        "Default-Start": "2 3 4 5",
        "Default-Stop": "0 1 6",
        "Short-Description": "PostgreSQL RDBMS server",
        "Description": "An object-relational database",
    },
)
