"""Settings files as initpy reads them, and what sh(1) makes of them."""

from __future__ import annotations

import time

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
    'export "A=Europe/Berlin" \'B=b\'\nexport -- C="-n 4096"\n',
    "BASE=/old\nexport BASE=/new LIB=$BASE/lib\nreadonly C=$BASE D=$C\n",
    'V=A\nexport "$V=1"\nexport $V\n\\export B=2\n',
    "set -o allexport\nA=1\nset +o allexport\nB=2\n",
    "set -ae\nA=1\nset +a -u\nB=2\n",
    "set -a\nA=1\nset +a\nA=2\n",
    'A=1 B=2 C=3 D=4\nV=A\nunset $V "B"\nunset -v C\nunset -f D\n',
    "cat >/dev/null <<X\ntext \\\nX\nA=1\nX\nB=2\n",
    'A="${B-x\\}y}" C=${B-"x\\}y"} D=x\\',
    "f() { export A; }\nB=1\n",
    "eval A=1 'B=2'\n",
    ": ${A:=1} ${B:+$C}\nD=${A:?x} E=${A?x}\n",
    "A=1; set -u; B=$A${C-x}\n",
    "set -e\ntrue\nfalse || A=1\n",
    "A=${B=1}; C=${D=2} true\n",
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
    "read -r A < /dev/null\n": (1, "what read does"),
    "A=-a\nA+=-b\n": (2, "what A+=-b does"),
    ". /nonexistent/settings\nA=1\n": (1, "does not exist"),
    "A=1\n. /untrusted\n": (2, "is not trusted"),
    ";A=1\n": (1, "is not expected"),
    "A=1\nreadonly A\nA=2\n": (3, "A is read only"),
    "A=1\nreadonly B\nunset B\n": (3, "B is read only"),
    "A=1\n: ${X:?must be set}\n": (2, "X is not set"),
    "A=1\nset -u\nB=$MORE\n": (3, "MORE is not set"),
    "A=1\nset -e\nfalse\n": (3, "a shell ends here"),
    "A=1\nset -e\n[ -e / ]\n": (3, "may fail, with set -e"),
    "A=1\nset -o pipefail\n": (2, "a shell ends here"),
    "A=1\nset -Z\n": (2, "a shell ends here"),
    "A=1\nshift\n": (2, "whether a shell ends"),
    "A=1\nlocal B\n": (2, "a shell ends here"),
    "A=1\nexport B-C=1\n": (2, "a shell ends here"),
    "A=1\nunset B-C\n": (2, "a shell ends here"),
    "A=1\nexec true\n": (2, "a shell ends here"),
    "A=x > /nonexistent/y\n": (1, "depends on the redirection"),
    "A=1\nexport B=x > /nonexistent/y\n": (2, "depends on the redirection"),
    ": $((A=5))\n": (1, "none is run"),
    "A=1\nB=$((1/0))\n": (2, "a calculation may fail"),
    "A=1\nB=${C/x/y}\n": (2, "only a shell reads"),
    "export A=$$${B=$$}\n": (1, "$$"),
    "command export A=7\n": (1, "what command does"),
    "true() { return 1; }\ntrue && A=1\n": (2, "the command in line 2"),
    "export() { :; }\nexport A=1\n": (1, "a function cannot have the name"),
    "A=$(false) && B=1\n": (1, "none is run"),
    "A=1\n: <<X\n${B=1}\nX\n": (3, "a here-document that sets a variable"),
    "A=1\n[ -e / ] && exit\n": (2, "whether a shell ends"),
    "for i in 1 2; do readonly B=1; done\nA=1\n": (2, "whether a shell ends"),
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


ANY = [
    "export $(echo A=1)\n",
    "readonly $(echo A=1)\n",
    'eval "$(echo A=1)"\n',
    "for f in {folder}/o*; do . $f; done\n",
    '[ -e / ] && . "$(echo {folder}/other)"\n',
    ". ./other\n",
    "A=2\nunset $(echo A)\n",
    "read $(echo A) </dev/null\n",
    "$(echo export) A=1\n",
    "alias x='A=1'\nx\n",
]


@pytest.mark.parametrize("text", ANY)
def test_any_key(reader, text):
    """What sets keys that cannot be told leaves none that is known, until it is set again."""
    (reader.folder / "other").write_text("A=1\n")
    text = text.replace("{folder}", str(reader.folder))

    shell = agree(reader, text)

    assert shell.variables.any_other.where.startswith(f"{reader.path} line ")
    assert {} == known(shell)
    if not text.startswith(("alias", "readonly")):
        assert {"A": "3"} == known(agree(reader, text + "A=3\n"))


@pytest.mark.parametrize(
    "text",
    [
        "A=1\nif [ -e / ]; then export A; fi\n",
        "A=1\n[ -e / ] && export A\n",
        "[ -e / ] && set -a\nA=1\n",
        "set -a\n[ -e / ] && set +a\nA=1\n",
        "set -a\nif [ -e /nonexistent ]; then A=1; fi\nset +a\nA=2\n",
    ],
)
def test_export_in_doubt(reader, text):
    """Whether a key is exported may be in doubt, though its value is known."""
    shell = agree(reader, text)

    assert {"A"} == known(shell).keys()
    assert shell.variables.exported["A"].where.startswith(f"{reader.path} line ")


LONG = [
    *("{A}", "A={A}", 'A="{A}"', "A='{A}'", "A=${{A}}", "A={B}", "cat <<E\n{A}\nE\n", "#{A}"),
    *("A={C}", "{D}", "export {D}", "{E}", "A=x\n{F}", "A=`{B}`", "A=${A{B}", "A=$(({C}"),
]


@pytest.mark.parametrize("text", LONG)
def test_long_text(reader, text):
    """The time grows with the length, and not with its square."""

    def seconds(length):
        full = text
        for sign, part in zip("ABCDEF", ("A", "\\x", "1+", "A=1 ", "A=1\n", "A=$A$A\n")):
            full = full.replace(f"{{{sign}}}", part * (length // len(part)))
        begun = time.process_time()
        reader.as_initpy(full)
        return time.process_time() - begun

    seconds(4000)
    assert min(seconds(80000) for _ in range(3)) < 10 * min(seconds(20000) for _ in range(3)) + 0.05


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
    st.tuples(KEYS, VALUES, KEYS, VALUES).map("export {0[0]}={0[1]} {0[2]}={0[3]}".format),
    st.tuples(
        st.sampled_from(["export", "readonly", "export --", "command export", "unset", "eval"]),
        st.sampled_from(['"A=v w"', "'B=x'", '"C"', "$A", '"$B=1"', "$(echo A=1)", "-f A", "-v B"]),
    ).map(" ".join),
    st.sampled_from(["-a", "+a", "-o allexport", "-ae", "-e", "-u", "+e", "--"]).map(
        "set {}".format
    ),
    st.tuples(ASSIGNMENTS, st.sampled_from([" >/nonexistent/x", " :", " true", " export A"])).map(
        "".join
    ),
    ASSIGNMENTS.map("true() {{ {}\n}}".format),
    ASSIGNMENTS.map("cat >/dev/null <<E\nx\\\nE\n{}\nE".format),
    VALUES.map(": {}".format),
    st.sampled_from(
        [
            *("true", "false", "! true", "# c", "return", "exit", "set -a", "[ -e / ]", "f", "g"),
            *("shift", "local A=1", ": $((A=5))", ": ${A?x}", "unset A B", "export A B"),
            *("export() { :; }", "[ -e / ] && export A", "if false; then export B; fi"),
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
