"""What is read before anything is run: by insserv, chkconfig, systemd's generator and lintian.

What lintian calls an error makes a check fail, and so does what makes one of
the others misread the script; lintian's warnings are told.
"""

import os
import re
import stat

from conformance.bench import NotApplicable
from conformance.registry import check

KEYWORDS = (
    "Provides",
    "Required-Start",
    "Required-Stop",
    "Should-Start",
    "Should-Stop",
    "Default-Start",
    "Default-Stop",
    "Short-Description",
    "Description",
)
MANDATORY = ("Provides", "Required-Start", "Required-Stop", "Default-Start", "Default-Stop")
DEPENDENCIES = ("Required-Start", "Required-Stop", "Should-Start", "Should-Stop")
FACILITIES = {
    "$local_fs",
    "$network",
    "$named",
    "$portmap",
    "$remote_fs",
    "$syslog",
    "$time",
    "$mail-transport-agent",  # Debian's own
    "$x-display-manager",
}
# A script's name -> the facility that is to be named in its place (lintian).
IMPLIED = {
    "mountall": "$local_fs",
    "mountnfs": "$remote_fs",
    "hwclock": "$time",
    "portmap": "$portmap",
    "named": "$named",
    "bind9": "$named",
    "networking": "$network",
    "syslog": "$syslog",
    "rsyslog": "$syslog",
    "sysklogd": "$syslog",
}
LEVELS = set("0123456sS")
REQUIRED = ("start", "stop", "restart", "force-reload")
GENERIC = "/lib/init/init-d-script"  # a script that gives it as interpreter has its actions


@check("file")
def file(bench):
    """A script has mode 0755, and says in its first line what runs it (Debian Policy 10.4)."""
    status = os.stat(bench.script.path)

    mode = stat.S_IMODE(status.st_mode)
    bench.expect(mode == 0o755, f"its mode is {mode:04o}")
    first = bench.script.lines[0] if bench.script.lines else ""
    if not bench.expect(re.match(r"#!\s*/", first), f"its first line is {first!r}"):
        return
    interpreter = first[2:].split()[0]
    if interpreter.startswith("/usr/"):
        bench.remarks.append(
            f"{interpreter} may be gone while the script is still there, removed and not "
            "purged: lintian's warning init.d-script-uses-usr-interpreter"
        )


@check("header, block")
def block(bench):
    """LSB's block begins once, ends once, and holds nothing else (insserv, lintian)."""
    header = bench.script.header

    bench.expect(len(header.begins) == 1, f"it begins {len(header.begins)} times")
    bench.expect(len(header.ends) == 1, f"it ends {len(header.ends)} times")
    for line in header.strange:
        bench.expect(False, f"a line that is neither keyword nor description: {line!r}")


def _header(bench):
    """Return LSB's block, if there is anything in it."""
    if not bench.script.header.fields:
        raise NotApplicable("it has no block of LSB's")
    return bench.script.header


@check("header, keywords")
def keywords(bench):
    """The five keywords that insserv asks for are there, known ones only, and none twice."""
    header = _header(bench)

    for keyword in MANDATORY:
        bench.expect(header.has(keyword), f"{keyword} is missing")
    known = {keyword.lower() for keyword in KEYWORDS}
    names = [key.lower() for key, _ in header.fields]
    for key in dict.fromkeys(names):
        bench.expect(key in known or key.startswith("x-"), f"{key} is no keyword of LSB's")
        bench.expect(names.count(key) == 1, f"{key} is there {names.count(key)} times")
    if not header.words("Short-Description"):
        bench.remarks.append("Short-Description is missing: lintian tells of it")


@check("header, provides")
def provides(bench):
    """A script provides its own name, and no facility of the system's (insserv, lintian)."""
    names = _header(bench).words("Provides")
    own = bench.script.name.removesuffix(".sh")

    bench.expect(own in names, f"Provides: {' '.join(names)}, and its name is {own}")
    for name in names:
        bench.expect(not name.startswith("$"), f"{name} is the system's")


@check("header, runlevels")
def runlevels(bench):
    """Runlevels are 0 to 6 and S; it starts in all of 2 to 5, stops in all of 0, 1, 6 (lintian)."""
    start = set(_header(bench).words("Default-Start"))
    stop = set(_header(bench).words("Default-Stop"))

    for level in sorted((start | stop) - LEVELS):
        bench.expect(False, f"there is no runlevel {level}")
    for level in sorted(start & stop):
        bench.expect(False, f"it starts and stops in {level}")
    for level in sorted(start & set("06")):
        bench.expect(False, f"it starts in {level}, which ends everything")
    bench.expect(not stop & set("sS"), "it stops in S, which nobody leaves")
    for wanted, there in (("2345", start), ("016", stop)):
        missing = sorted(set(wanted) - there)
        if there & set(wanted) and missing:
            bench.remarks.append(f"not in {' '.join(missing)}, as others are: lintian tells of it")


@check("header, dependencies")
def dependencies(bench):
    """What it requires is a facility of the system's, or a script's name (LSB, lintian)."""
    header = _header(bench)

    for keyword in DEPENDENCIES:
        for name in header.words(keyword):
            bench.expect(name != "$all", f"{keyword} is $all, which is insserv's")
            implied = IMPLIED.get(name)
            bench.expect(not implied, f"{keyword} names {name}, and should name {implied}")
            known = not name.startswith("$") or name in FACILITIES or name == "$all"
            bench.expect(known, f"{keyword}: {name} is no facility of the system's")


@check("header, file systems")
def file_systems(bench):
    """A script that names /var, or is run from /usr, needs $local_fs or $remote_fs (lintian)."""
    script = bench.script
    usr = script.lines and re.match(r"#! ?/usr/", script.lines[0])
    if not usr and "/var/" not in script.code:
        raise NotApplicable("it names neither /var nor an interpreter in /usr")

    for keyword, level in (("Required-Start", "Default-Start"), ("Required-Stop", "Default-Stop")):
        has = {"$local_fs", "$remote_fs", "$all"} & set(script.header.words(keyword))
        if script.header.words(level):
            bench.expect(has, f"neither is in {keyword}")


@check("actions that none may lack")
def required_actions(bench):
    """start, stop, restart and force-reload are there (Debian Policy 9.3.2, LSB), and status."""
    offered = bench.facts["actions"]
    if GENERIC in bench.script.text:
        offered = [*offered, *REQUIRED, "status"]

    for action in REQUIRED:
        bench.expect(action in offered, f"{action} is missing")
    if "status" not in offered:
        bench.expect(False, "status is missing: LSB")


@check("settings tested for")
def settings(bench):
    """A file in /etc/default is sourced only if it is there (Debian Policy 9.3.2)."""
    sourcing = re.compile(r"^(.*?)(?:\.|source)\s+[\"']?(/etc/default/\S+)")
    inside = False
    found = False
    for line in bench.script.code.splitlines():
        if re.search(r"\bif\b.*(test|\[)(\s+!)?\s+-[efrs]\b", line):
            inside = True
        if re.search(r"\bfi\b", line):
            inside = False
        match = re.match(r"\s*(?:\.|source)\s+[\"']?(/etc/default/[$\w/{}.-]+)", line)
        found = found or bool(sourcing.match(line))
        bench.expect(inside or not match, f"sourced without a test: {line.strip()}")
    if not found:
        raise NotApplicable("it sources no file in /etc/default")


@check("chkconfig")
def chkconfig(bench):
    """Lines for chkconfig come after LSB's block, with levels, two numbers and a description."""
    script = bench.script
    value = script.tag("chkconfig")
    if not value:
        raise NotApplicable("it has no line for chkconfig")

    right = re.fullmatch(r"(?:-|[0-6]+)\s+\d{1,2}\s+\d{1,2}", value)
    bench.expect(right, f"chkconfig: {value}; should be levels, or -, and two numbers to 99")
    bench.expect(script.tag("description"), "description: is missing")
    at = next(
        number for number, line in enumerate(script.lines) if re.match(r"#\s*chkconfig:", line)
    )
    # It reads no further once it has levels and description.
    first = not script.header.begins or script.header.begins[0] < at
    bench.expect(first, "chkconfig's lines hide LSB's block, which comes after them")


@check("systemd's generator, name")
def generator_name(bench):
    """No script bears the name of a left-over, which systemd's generator passes over."""
    name = bench.script.name

    if name.endswith(".sh"):
        bench.remarks.append(f"the unit's name is {name.removesuffix('.sh')}")
    left = re.search(r"(^\.|~$|\.(dpkg|rpm|ucf|bak|old|orig|swp|tmp)[\w-]*$)", name)
    bench.expect(not left, f"{name} is passed over")


@check("systemd's generator, pidfile", "runs", "pidfile")
def generator_pidfile(bench):
    """A pidfile told to systemd and chkconfig is absolute, and the one that is written."""
    told = bench.script.tag("pidfile")
    if not told:
        raise NotApplicable("it has no line pidfile: so the unit stays active when the daemon dies")

    bench.expect(told.startswith("/"), f"{told} is not absolute: it is ignored")
    seen = bench.facts["pidfile"]
    bench.expect(os.path.realpath(told) == os.path.realpath(seen), f"{told}, but {seen} is written")


@check("systemd's generator, reload", "reload")
def generator_reload(bench):
    """A line with "usage" shows |reload| or {reload|, or the unit cannot reload (systemd 252)."""
    lines = [line for line in bench.script.lines if not line.lstrip().startswith("#")]
    shown = [
        line
        for line in lines
        if re.search("usage", line, re.IGNORECASE)
        and any(choice in line for choice in ("|reload|", "{reload|", "{reload}", "|reload}"))
    ]

    bench.expect(shown, "no such line: systemctl reload would be refused")
