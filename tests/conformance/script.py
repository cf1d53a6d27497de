"""What an init script says of itself: its header, its tags, its actions, its paths.

Read from the text alone; nothing is run. Whatever is found in a script's code
(not in its header) is a guess, to be checked against what is seen to happen.
"""

import os
import re

BEGIN, END = "### BEGIN INIT INFO", "### END INIT INFO"
# Every action that some check is about.
ACTIONS = (
    "start",
    "stop",
    "restart",
    "try-restart",
    "condrestart",
    "reload",
    "force-reload",
    "status",
    "configtest",
    "testconfig",
    "checkconfig",
)
TAG = re.compile(
    r"^#\s*(chkconfig|description|processname|config|pidfile):[ \t]*(.*?)\s*$", re.MULTILINE
)
KEYWORD = re.compile(r"^# ?([A-Za-z][A-Za-z0-9-]*):\s*(.*)$")
ASSIGNMENT = re.compile(
    r"^\s*(?:export\s+|local\s+|readonly\s+)?([A-Za-z_]\w*)=(\S.*)$", re.MULTILINE
)
VARIABLE = re.compile(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))")
PATH = re.compile(r"(?<![\w.*$}/-])/[\w.+@%-]+(?:/[\w.+@%-]+)+")


class Script:
    """An init script, as text."""

    def __init__(self, path, text):
        self.path = path
        self.name = os.path.basename(path)
        self.text = text
        self.lines = text.splitlines()
        self.header = Header(self.lines)
        code = [line for line in self.lines if not line.lstrip().startswith("#")]
        self.code = "\n".join(code)

    @classmethod
    def read(cls, path):
        """Read the script at *path*. Raises OSError."""
        with open(path, errors="replace") as file:
            return cls(path, file.read())

    def tag(self, name):
        """Return what ``# NAME: ...`` outside LSB's block says, or ""."""
        outside = "\n".join(self.header.outside)
        return next((value for key, value in TAG.findall(outside) if key == name), "")

    def offers(self, usage=""):
        """Return the actions it offers, by its code and by *usage*, what it printed."""
        return [action for action in ACTIONS if _mentions(self.code + "\n" + usage, action)]

    def variables(self):
        """Return name -> value of its plain assignments; the first of a name counts."""
        found = {}
        for name, value in ASSIGNMENT.findall(self.code):
            found.setdefault(name, _expanded(_unquoted(value), found))
        return found

    def paths(self):
        """Return every absolute path in its code, variables put in, in order."""
        found = self.variables()
        text = "\n".join(_expanded(line, found) for line in self.code.splitlines())
        return list(dict.fromkeys(PATH.findall(text)))


class Header:
    """LSB's block of comments.

    begins, ends: numbers of the lines with the two markers.
    fields:       (keyword, value) in order, continuation lines joined.
    strange:      lines of the block that are neither keyword nor continuation.
    outside:      the script's lines that are not in the block.
    """

    def __init__(self, lines):
        self.begins = [number for number, line in enumerate(lines) if line.rstrip() == BEGIN]
        self.ends = [number for number, line in enumerate(lines) if line.rstrip() == END]
        self.fields = []
        self.strange = []
        first = self.begins[0] if self.begins else len(lines)
        last = next((number for number in self.ends if number > first), first)
        self.outside = lines[:first] + lines[last + 1 :]
        for line in lines[first + 1 : last]:
            self._take(line.rstrip())

    def _take(self, line):
        keyword = KEYWORD.match(line)
        goes_on = self.fields and self.fields[-1][0] in ("Description", "X-Description")
        if keyword:
            self.fields.append((keyword[1], keyword[2]))
        elif goes_on and re.match(r"#(\t|  )", line):
            key, value = self.fields[-1]
            self.fields[-1] = (key, f"{value} {line[1:].strip()}")
        elif line != "#":
            self.strange.append(line)

    def has(self, keyword):
        """Tell whether there is such a line, be it empty."""
        return any(key.lower() == keyword.lower() for key, _ in self.fields)

    def words(self, keyword):
        """Return the words after *keyword*; none if it is missing."""
        values = [value for key, value in self.fields if key.lower() == keyword.lower()]
        return values[0].split() if values else []


def _mentions(text, action):
    """Tell whether *action* is a branch of a case, or one of a usage line's choices."""
    word = re.escape(action)
    branch = rf"^\s*\(?\s*(?:['\"]?[\w-]+['\"]?\s*\|\s*)*['\"]?{word}['\"]?\s*(?:\||\))"
    choice = rf"[{{|(\[ ]{word} ?[|}})\]]|\| ?{word}\b"
    usage = [line for line in text.splitlines() if re.search(r"usage", line, re.IGNORECASE)]
    return bool(re.search(branch, text, re.MULTILINE) or re.search(choice, "\n".join(usage)))


def _unquoted(value):
    """Return the value of a plain assignment, without quotes and what follows them."""
    quoted = re.match(r"""(["'])(.*?)\1""", value)
    return quoted[2] if quoted else re.split(r"[\s;&|]", value)[0]


def _expanded(text, variables):
    """Return *text* with the variables put in that are known."""

    def value(match):
        braced, default, bare = match.groups()
        known = variables.get(braced or bare, "")
        unset = not known or "$" in known or "`" in known
        return _expanded(default, variables) if unset and default else known or match[0]

    return VARIABLE.sub(value, text)
