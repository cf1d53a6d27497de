"""php-fpm, of every version of PHP from 7.1 on. Signals: php-fpm(8)."""

from __future__ import annotations

from ...schedule import parse_schedule
from ...service import shipped

PHP_FPM = shipped(
    name="php-fpm",
    # The only one of a host, as Red Hat has it; and each of several, as Debian has them.
    daemon="/usr/sbin/php-fpm",
    pidfile="/run/php-fpm/php-fpm.pid",
    config="/etc/php-fpm.conf",
    config_flags=("--fpm-config", "-y"),
    default_config="/etc/php-fpm.conf",
    versions={
        "name": "php{version}-fpm",
        "daemon": "/usr/sbin/php-fpm{version}",
        "config": "/etc/php/{version}/fpm/php-fpm.conf",
        "pidfile": "/run/php/php{version}-fpm.pid",
    },
    prefix="/usr",
    prefix_flag="--prefix",
    localstatedir="/var",
    read_configuration="initpy.daemons.php_fpm.configuration:read",
    # Its test prints the configuration as lines of its log, and so also on its standard
    # error: with this error_log nothing is written to the real one.
    dump_args=("-tt", "--fpm-config", "{file}"),
    dump_text=(
        "include = {config}\n"
        "[global]\nerror_log = /dev/null\nlog_level = notice\nlog_limit = 65536\n"
    ),
    read_dump="initpy.daemons.php_fpm.dump:read",
    read_log="initpy.daemons.php_fpm.log:read",
    log_output="initpy.daemons.php_fpm.output:logged",
    detect="initpy.daemons.php_fpm.build:detect",
    detect_args=("-t",),
    detect_text=(
        "[global]\npid = probe\nerror_log = /dev/null\nlog_level = notice\n"
        "[probe]\nuser = root\nlisten = probe\npm = ondemand\npm.max_children = 1\n"
    ),
    detects=("config", "default_config", "prefix", "localstatedir"),
    start_args=("--daemonize", "--fpm-config", "{config}", "--pid", "{pidfile}"),
    test_args=("--test", "--fpm-config", "{config}"),
    expands_environment=True,  # ${NAME}: zend_ini_get_var
    master_title="php-fpm: master process ({config})",
    worker_titles=("php-fpm: pool ",),
    on_demand=True,
    runs_scripts=True,
    stop=parse_schedule("QUIT/30/TERM/5/KILL/5"),
    reload="USR2",
    reload_by="initpy.protocols.reexec:reload",
    takeover="initpy.protocols.takeover:reload",
    reload_execs=True,
    reopen="USR1",
    reopens_in_place=True,  # fpm_log_open, fpm_stdio_open_error_log
    restart_by="initpy.protocols.restart:restart",
    upgrade="initpy.protocols.takeover:upgrade",
    upgrade_rebinds=True,
    finish_upgrade="initpy.protocols.unfinished:finish",
    inherit="initpy.daemons.php_fpm.sockets:environment",
    inherit_excludes=",=",  # what stands between in FPM_SOCKETS: fpm_sockets_init_main
    lsb={
        "Required-Start": "$local_fs $remote_fs $network",
        "Required-Stop": "$local_fs $remote_fs $network",
        "Should-Start": "$syslog $named",
        "Should-Stop": "$syslog $named",
        # It starts before nginx and stops after it. Otherwise nginx would answer 502 at
        # every shutdown.
        "X-Start-Before": "nginx",
        "X-Stop-After": "nginx",
        "Default-Start": "2 3 4 5",
        "Default-Stop": "0 1 6",
        "Short-Description": "PHP FastCGI process manager",
        "Description": "Answers FastCGI requests with PHP",
    },
    chkconfig="- 84 16",  # for the same reason: nginx has 85 and 15
)
