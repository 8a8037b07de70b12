#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs run.py on a project of one file: it has to tell what survives from what is killed."""

import pathlib
import re
import subprocess
import sys
import tempfile

RUN = pathlib.Path(__file__).resolve().parent / "run.py"

FILES = {
    "meson.build": """project('tiny', 'c')
test('sum', executable('sum', 'src/sum/sum.c'), timeout: 60)
test('never', executable('never', 'src/sum/never.c'), timeout: 60)
""",
    "meson_options.txt": "",
    "README.md": "",
    "LICENSE": "",
    ".clang-format": "",
    "src/sum/sum.c": """int main(int argc, char **argv)
{
	int i, sum = 0, unused = 0;

	(void)argv;
	(void)unused;
	for (i = 1; i <= 10; i++)
		sum += argc * i;
	return sum != 55;
}
""",
    "src/sum/never.c": "int main(void)\n{\n\treturn 1;\n}\n",
}

# What is changed, the tests, and what has to be said of it.
CHANGES = [
    ("unused = 0;", "unused = 1;", "sum", "SURVIVED"),
    ("i <= 10", "i < 10", "sum", "killed"),
    ("i++)", ")", "sum", "killed"),
    ("sum += argc   *\n- i;", "sum += i * argc;", "sum", "SURVIVED"),
    ("sum", "total", "sum", "does not apply"),
    ("nothing like it", "", "sum", "does not apply"),
    ("return sum", "return summ", "sum", "BROKEN"),
    ("return sum", "return !sum", "nosuchtest", "BROKEN"),
    ("return sum", "return !sum", "never", "BROKEN"),
]


def block(number, old, new, test):
    return f"file src/sum/sum.c\n- {old}\n+ {new}\ntest {test}\nwhy change {number}\n\n"


def run(root, blocks, *options):
    """Exit status and output of run.py with a list of these blocks."""
    path = root / "list.txt"
    path.write_text("# a comment\n\n" + "".join(blocks))
    done = subprocess.run([sys.executable, RUN, "--root", root, "--timeout", "1", *options, path], timeout=240,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout


def main():
    failed = 0

    def expect(what, right, output):
        nonlocal failed
        if not right:
            failed += 1
            print(f"{what}:\n{output}")

    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        for path, text in FILES.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        for folder in ("include", "examples", "tests"):
            (root / folder).mkdir()
        blocks = [block(i, *change[:3]) for i, change in enumerate(CHANGES)]
        status, output = run(root, blocks)
        said = {int(number): verdict.strip()
                for verdict, number in re.findall(r"^(.*?) src/sum/sum\.c: change (\d+)", output, re.M)}
        expect("verdicts", said == {i: change[3] for i, change in enumerate(CHANGES)}, output)
        expect("a change that survives is an error", status == 1, output)
        expect("the source is as it was",
               (root / "src/sum/sum.c").read_text() == FILES["src/sum/sum.c"], output)
        status, output = run(root, blocks[1:2])
        expect("all killed is success", status == 0 and "1 of 1 killed" in output, output)
        status, output = run(root, blocks, "--sample", "3", "--seed", "7", "--jobs", "1")
        again = run(root, blocks, "--sample", "3", "--seed", "7", "--jobs", "1")[1]
        expect("a seed chooses the same sample", "seed 7" in output and re.findall(r"change \d+", output) ==
               re.findall(r"change \d+", again) != [], output + again)
        status, output = run(root, blocks, "--check")
        expect("what does not apply is found without building", status == 1 and "2 errors" in output, output)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
