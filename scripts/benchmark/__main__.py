"""Measure initpy beside its peers, and write what comes out into docs/measurements.rst.

    scripts/bench [--quick] [--script PATH]... [--check | --write]

--quick   once each, and small: says whether it still works; writes nothing
--script  another init script of nginx to be measured, which acts on Debian's paths
--check   only see that the page says what the last whole run has measured, and that
          this has kept the promises
--write   only write the page and the plots of the last whole run again, after a change
          of their text or of a promise

It takes about 20 minutes; nothing else should be running. Fails if a promise is not kept.
"""

from __future__ import annotations

import argparse
import datetime as dt
import glob
import json
import os
import platform
import re
import subprocess
import sys

import growing
import losing
import measuring
import namespace
import page
import plots
import promises
import remembering
from measuring import Size
from peers import all_peers
from sites import Fpm, Nginx

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PAGE = os.path.join(ROOT, "docs", "measurements.rst")
FIGURES = os.path.join(HERE, "measured", "figures.json")
PEERS = os.environ["PEERS"]  # where scripts/bench has unpacked them
SYSTEMCTL = os.path.join(PEERS, "usr", "bin", "systemctl")
BEGIN, END = ".. The figures, by scripts/bench:\n", ".. End of the figures.\n"


def measure(arguments):
    """Return the figures, measured in this namespace."""
    namespace.furnish(ROOT)
    size = Size(arguments.quick)
    nginx, fpm = Nginx(), Fpm()
    namespace.put_wrappers(ROOT, fpm.version)
    peers = all_peers(fpm.binary, SYSTEMCTL, arguments.script)
    return {
        "date": dt.datetime.now(dt.timezone.utc).date().isoformat(),
        "quick": arguments.quick,
        "machine": machine(),
        "commit": commit(),
        "versions": versions(fpm.version),
        "pth": namespace.pth_files(),
        "startup": measuring.startup(nginx, size),
        "imports": measuring.imports(nginx, size),
        "memory": remembering.memory(),
        "growth": growing.growth(size),
        "instances": growing.instances(size),
        "losses": losing.losses(peers, size),
        "times": measuring.times(peers, size),
    }


def machine():
    """Return what the caption says of the machine."""
    with open("/proc/cpuinfo") as file:
        name = re.search(r"model name\s*: (.*)", file.read())
    with open("/proc/meminfo") as file:
        kib = int(file.readline().split()[1])
    with open("/etc/os-release") as file:
        system = re.search(r'PRETTY_NAME="(.*)"', file.read())
    return {
        "processor": name[1] if name else platform.machine(),
        "cores": os.cpu_count(),
        "memory": round(kib / 2**20),
        "kernel": platform.release(),
        "system": system[1] if system else "",
        "load": os.getloadavg()[0],
    }


def commit():
    """Return which initpy it is, as git names it."""
    words = ["git", "-C", ROOT, "describe", "--always", "--dirty"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def versions(php):
    """Return the versions of all who are compared."""
    packages = ["nginx", f"php{php}-fpm", "dpkg", "supervisor"]
    found = {name.replace("dpkg", "start-stop-daemon"): version(name) for name in packages}
    # It says of itself that it is systemd's.
    (package,) = glob.glob(os.path.join(PEERS, "systemctl_*.deb"))
    found["docker-systemctl-replacement"] = os.path.basename(package).split("_")[1]
    found["Python"] = ".".join(map(str, sys.version_info[:3]))
    return found


def version(package):
    """Return the version of a package of Debian's."""
    words = ["dpkg-query", "-W", "-f", "${Version}", package]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def written(text, figures):
    """Return the *text* of the page with the figures put in their place."""
    head, tail = halves(text)
    return f"{head}{BEGIN}\n{page.section(figures)}\n{END}{tail}"


def halves(text):
    """Return what stands on the page before the figures, and after them."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{PAGE} has no {BEGIN.strip()!r} and {END.strip()!r}")
    return head, tail


def publish(figures):
    """Write figures, plots and page: each whole, or not at all."""
    with open(PAGE) as file:
        text = written(file.read(), figures)
    folder = os.path.dirname(FIGURES)
    os.makedirs(folder, exist_ok=True)
    for path, content in (
        (FIGURES, compact(figures)),
        (os.path.join(folder, "time.svg"), plots.time_plot(figures)),
        (os.path.join(folder, "growth.svg"), plots.growth_plot(figures)),
        (PAGE, text),
    ):
        with open(path + ".new", "w") as file:
            file.write(content)
        os.rename(path + ".new", path)


def compact(figures):
    """Return the figures as JSON with one row on a line: a diff shows which rows changed."""
    return entries(figures, rows) + "\n"


def rows(value):
    """Return a value as JSON, with each item of a list or a dictionary on its own line."""
    if isinstance(value, list):
        return "[\n" + ",\n".join(map(json.dumps, value)) + "\n]"
    return entries(value, json.dumps) if isinstance(value, dict) else json.dumps(value)


def entries(values, dump):
    """Return a dictionary as JSON, with each entry on its own line, its value by *dump*."""
    lines = [f"{json.dumps(key)}: {dump(value)}" for key, value in values.items()]
    return "{\n" + ",\n".join(lines) + "\n}"


def check():
    """Return 0 if the page says what was measured, and the promises were kept."""
    figures = measured()
    with open(FIGURES) as file:
        text = file.read()
    if compact(figures) != text:
        return f"{FIGURES} is not as scripts/bench writes it"
    with open(PAGE) as file:
        text = file.read()
    if written(text, figures) != text:
        return f"the figures of {PAGE} are not the measured ones"
    return judge(figures)


def measured():
    """Return the figures of the last whole run."""
    with open(FIGURES) as file:
        return json.load(file)


def judge(figures):
    """Return 0 if every promise is kept, or else 1, and tell which is not."""
    broken = [one.claim for one in promises.all_of(figures) if not one.kept]
    for claim in broken:
        print(f"not kept: {claim}", file=sys.stderr)
    return 1 if broken else 0


def outside(arguments):
    """Measure in a namespace, and tell."""
    if not arguments.quick:
        with open(PAGE) as file:
            halves(file.read())  # not to find out at the end
    code, text = namespace.run_inside([HERE, *sys.argv[1:], "--inside"])
    if code or not text:
        return "nothing was measured"
    figures = json.loads(text)
    print(page.section(figures))
    if not arguments.quick:
        publish(figures)
    return judge(figures)


def inside(arguments):
    """Be process 1 of the namespace, and write the figures to a descriptor."""

    def work():
        figures = measure(arguments)
        with open(arguments.inside, "w") as answer:
            json.dump(figures, answer)
        return 0

    return namespace.be_init(work)


def main():
    """Read the command line, and do it."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--script", action="append", default=[], help=argparse.SUPPRESS)
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--inside", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.check:
        return check()
    if arguments.write:
        figures = measured()
        publish(figures)
        return judge(figures)
    if arguments.inside is not None:
        return inside(arguments)
    return outside(arguments)


if __name__ == "__main__":
    sys.exit(main())
