"""Settings files as initpy reads them, and what sh(1) makes of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shells import Reader, agree, known, unknown


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """Return a reader with a folder of its own."""
    return Reader(tmp_path_factory.mktemp("shell"))


SAME = [
    "A=/run/x.pid;\n",
    "export\tA=/run/x\n",
    "readonly A=/run/x\n",
    "A=1 B=2\n",
    "A=1; B=2\n",
    "A=1 B=$A; C=$B$A\n",
    "export A=1 B='2 3'\n",
    "A=${A:-/run/x}\n",
    ": ${A:=/run/x}\n",
    ": ${A:=x} ${B=y}; A=${A:+z} B=${B+w} C=${C+v}\n",
    "N=web\nA=/run/$N.pid B=/run/${N}_x\n",
    'A="-a"\nA="$A -b"\n',
    "cat >/dev/null <<X\nA=1\nX\nB=2\n",
    "cat >/dev/null <<-'X'\n\tA=1\n\tX\nB=2\n",
    "cat >/dev/null <<X; B=2\nA=1\nX\nC=3\n",
    'A="a\\$b \\`c \\"d \\\\e \\f"\n',
    "A=/run/x\0.pid\n",
    "# a\fA=1\n",
    "# a\u2028A=1\n",
    "# a\rA=1\n",
    "A=/run/x|true\n",
    "A=/run/x&\n",
    "A=/a\nunset A\n",
    "A=/a\nreturn 0\nA=/b\n",
    'A="-a \\\n -b"\n',
    "A=-a\\\n-b\n",
    "A\\\n=1\n",
    'A="-a\n-b"\nB=1\n',
    "A='\nB=/run/evil.pid\n'\n",
    'A="/run/a\x85b.pid"\n',
    "A=/run/x >/dev/null 2>&1\n",
    "A=/run/x\nexport A\n",
    "export -p A=/run/x >/dev/null\n",
    "[ -x /nonexistent ] || true\n",
    "true || A=1\nfalse && B=1\n! false && C=1\ntrue && D=1\n",
    "A='-a # b' # c\n",
    "A=x#c B=\"y\"#c\tC='z' # don't \"\n",
    "A=\"-g 'a b'\"\n",
    "A=$'a\\tb'\n",
    'A="a\\nb"\n',
    "A=~/x B=a:~/b C=a~b D='~'/x E=x:~\n",
    "HOME=/h\nA=~/x B=a:~/b\n",
    "A=/etc/host*\n",
    "A=/run/{a,b}.pid\n",
    'A=\nB=""\n',
    "A=1",
    "\ufeffA=1\nB=2\n",
    "A=caf\udce9\n",
    "A=caf\u00e9\n",
    "A=/run/\"x\"'.'pid\n",
    "A =1\n",
    "   A=1\n\tB=2\n",
    "A=1\nA=2\n",
    "ulimit -n 64 2>/dev/null\numask 027\nset -e\nA=1\n",
    "( A=1 )\nB=2\n",
    "f() {\nA=1\n}\nB=2\n",
    "f() ( A=1 )\nB=2\n",
    'A="${Z:-"a b"}" B=${Z:-\'c d\'} C="${Z:-\'e\'}"\n',
    'A="$" B=$ C="a$" D=$/x E="$ x"\n',
    "A=\\$B\\\\ C=\\'\n",
    "A=x\"y\"z'w' B=\"\"''\n",
    "if false; then :; fi; A=1\n",
    "for i in 1 2; do :; done\nA=1\n",
    "A=1; case x in y) :;; (z|w) :; esac; B=2\n",
    "while false; do\n:\ndone\nA=1\n",
    "A=$PATH:/opt/bin\n",
    "echo 'A=1' >/dev/null; B=2\n",
    "true\\\n || A=1\nB=2\n",
]


@pytest.mark.parametrize("text", SAME)
def test_same(reader, text):
    """What sh reads without a command is read as sh reads it; but the variable of a loop."""
    shell = agree(reader, text)

    assert unknown(shell) <= {"i"}


REFUSED = {
    "if [ -e /nonexistent ]; then\n  A=1\nfi\n": (2, "'if' in line 1"),
    "if true; then\nA=1\nelse\nA=2\nfi\n": (4, "'if' in line 1"),
    'case "$(uname -m)" in\nx86_64) A=1;;\narm) A=2;;\nesac\n': (3, "'case'"),
    "[ -x / ] && A=1\n": (1, "the command in line 1"),
    "[ -x /nonexistent ] || A=1\n": (1, "the command in line 1"),
    "for A in 1 2; do :; done\n": (1, "'for'"),
    "while [ -z $A ]; do A=1; done\n": (1, "'while'"),
    "f() {\nA=1\n}\nf\n": (2, "what f does in line 4"),
    "A=`echo 5`\n": (1, "none is run"),
    "A=$(echo ')')\n": (1, "none is run"),
    "A=$((2+3))\n": (1, "none is run"),
    "A=$((1<<3))\nB=2\n": (1, "none is run"),
    'A="x`echo \\`echo y\\``"\n': (1, "none is run"),
    "B=`echo 5`\nA=/run/$B\n": (2, "$B: its value comes from a command"),
    "A=$1\n": (1, "$1"),
    "A=$$\n": (1, "$$"),
    "A=$PWD\n": (1, "$PWD"),
    "A=${#B}\n": (1, "only a shell reads"),
    "B=a.b\nA=${B%.b}\n": (2, "only a shell reads"),
    "A=~root/x\n": (1, "home of a user"),
    "A=(-a -b)\n": (1, "a shell stops here: '(' is not expected"),
    "A= /run/x\n": (1, "needs quotes"),
    "A=/run/my x\n": (1, "needs quotes"),
    "B='1\nA=2\n": (1, "a quote without an end"),
    'A="1\n': (1, "a quote without an end"),
    "A=1\nB=(x)\n": (2, "a shell stops here"),
    "A=1\nfi\n": (2, "'fi' is not expected"),
    "A=1\nexit 0\nA=2\n": (2, "a shell ends here"),
    "[ -e / ] || return 0\nA=2\n": (2, "stops in line 1"),
    "eval A=1\n": (1, "what eval does"),
    "read -r A < /dev/null\n": (1, "what read does"),
    "A=-a\nA+=-b\n": (2, "what A+=-b does"),
    ". /nonexistent/settings\nA=1\n": (1, "does not exist"),
    "A=1\n. /untrusted\n": (2, "is not trusted"),
    ";A=1\n": (1, "is not expected"),
}


@pytest.mark.parametrize("text", REFUSED)
def test_refused(reader, text):
    """What depends on a command, or ends a shell, is not guessed; its line is told."""
    line, why = REFUSED[text]
    shell = agree(reader, text)

    variable = shell.variables.values["A"]
    assert f"{reader.path} line {line}" == variable.where
    assert why in variable.unknown


def test_other_file(reader, tmp_path):
    """A file that another one reads counts as a part of it; whether it is read may be in doubt."""
    other = tmp_path / "other"
    other.write_text("A=1\nreturn\nA=2\n")

    assert {"A": "1", "B": "3"} == known(agree(reader, f". {other}\nB=3\n"))
    assert {"A"} == unknown(reader.as_initpy(f"[ -e {other} ] && . {other}\n"))
    assert {} == known(agree(reader, "[ -e /nonexistent ] && . /nonexistent\n"))


def test_files_that_read_each_other(reader, tmp_path):
    """That ends."""
    other = tmp_path / "other"
    other.write_text(f"A=1\n. {other}\n")

    assert {"A"} == unknown(reader.as_initpy(f". {other}\n"))


def test_deep_nesting(reader):
    """What is too deep to be read is refused, and not a traceback."""
    assert {"A"} == unknown(reader.as_initpy(f"A={'${A:-' * 5000}{'}' * 5000}\n"))


def test_characters_that_are_dropped(reader):
    """CR at the end of a line is dropped: that alone differs from sh. Both are told."""
    shell = reader.as_initpy("# x\nA=1\r\nB=2\r\n")

    assert {"A": "1", "B": "2"} == known(shell)
    assert [f"{reader.path} line 2: the character CR is dropped"] == shell.warnings


WORDS = st.sampled_from(
    [
        *("x", "/run/x", "''", '"a b"', "'a b'", "\\ ", "$A", '"$A"', "${B:-y}", "${A+z}"),
        *('"${C:-a b}"', "a\\\nb", '"a\\\nb"', "#", "~", "~/q", "*", "{", "}", "!", "$(true)"),
        *("`true`", "$((1+1))", "'\n'", '"\n"', "\\$A", '"\\$A"', "if", "fi", "done", "=", ":~"),
        *("${A:=d}", "$", '"$"', "'", '"', "${", "a=b", "in", "do", "then", "esac", "case"),
    ]
)
VALUES = st.lists(WORDS, max_size=3).map("".join)
KEYS = st.sampled_from(["A", "B", "C"])
ASSIGNMENTS = st.tuples(KEYS, VALUES).map("=".join)
COMMANDS = st.one_of(
    ASSIGNMENTS,
    ASSIGNMENTS,
    st.tuples(ASSIGNMENTS, ASSIGNMENTS).map(" ".join),
    ASSIGNMENTS.map("export {}".format),
    KEYS.map("export {}".format),
    KEYS.map("unset {}".format),
    VALUES.map(": {}".format),
    st.sampled_from(
        [
            *("true", "false", "! true", "# c", "return", "exit", "set -a", "[ -e / ]", "f", "g"),
            *("cat >/dev/null <<E\nA=9\nE", "f() { A=7; }", "g() (A=6)", "true >/dev/null"),
        ]
    ),
)
JOINTS = st.sampled_from(["\n", "\n", ";", " && ", " || ", " | ", " &\n", " # c\n", "\n\n", " ; "])


def grouped(inner):
    """Return a strategy of statements that hold others."""
    return st.tuples(
        st.sampled_from(
            [
                "if true; then {}\nfi",
                "if false; then :; else {}\nfi",
                "for i in 1; do {}\ndone",
                "case x in x) {}\n;; esac",
                "{{ {}\n}}",
                "( {}\n)",
                "h() {{ {}\n}}\nh",
            ]
        ),
        inner,
    ).map(lambda pair: pair[0].format(pair[1]))


STATEMENTS = st.recursive(
    COMMANDS,
    lambda inner: st.one_of(grouped(inner), st.tuples(inner, JOINTS, inner).map("".join)),
    max_leaves=8,
)


@given(text=STATEMENTS)
def test_as_sh(reader, text):
    """Whatever is written: a value is the one that sh has, or it is said to be unknown."""
    agree(reader, text + "\n")
