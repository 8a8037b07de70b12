# SPDX-License-Identifier: BSD-3-Clause
"""The completions of the command lines, in the shells."""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from rig import LIMIT, ToolTest

FOLDER = os.environ["VSCSI_COMPLETIONS"]
LIBRARY = "/usr/share/bash-completion/bash_completion"
TOOLS = ("bind", "copy", "info", "perf", "sg", "target")

# Completes the last word of a command line, as readline would.
BASH = r"""
. "$1"; . "$2"; COMP_LINE=$3 COMP_POINT=${#3}; shift 3
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
compopt() { :; }
_${1//-/_}
printf '%s\n' "${COMPREPLY[@]}"
"""


def zsh(line, expected):
    """Types a line and a tab; returns what the terminal shows, at least until that is expected."""
    with tempfile.TemporaryDirectory() as home:
        child, terminal = pty.fork()
        if not child:
            os.environ.update(HOME=home, ZDOTDIR=home, TERM="dumb", PS1="> ")
            os.execvp("zsh", ["zsh", "-f", "-i"])
        os.write(terminal, f"fpath=({FOLDER} $fpath); autoload -Uz compinit; "
                           f"compinit -u -D\n{line}\t".encode())
        seen, limit = "", time.monotonic() + LIMIT
        while not re.search(expected, seen) and time.monotonic() < limit:
            if select.select([terminal], [], [], 1)[0]:
                seen += os.read(terminal, 4096).decode(errors="replace")
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)
        return seen


@unittest.skipUnless(os.path.isdir(FOLDER), "cross build: no completions")
class Completion(ToolTest):
    def options(self, tool):
        """Those of --help, without what only its descriptions mention."""
        out, _ = self.run_tool(tool, "--help")
        return set(re.findall(r"(?m)(?:^ {2}|\(also |, )--([a-z][a-z0-9_-]+)", out))

    def bash(self, line):
        # readline's words: "=" is one.
        words = re.findall(r"=|[^\s=]+", line) + ([""] if line[-1] == " " else [])
        done = subprocess.run(
            ["bash", "-c", BASH, "-", LIBRARY, f"{FOLDER}/{words[0]}", line, *words],
            timeout=LIMIT, check=True, stdout=subprocess.PIPE, text=True, cwd=self.folder)
        return sorted(done.stdout.split())

    @unittest.skipUnless(os.path.exists(LIBRARY), "no bash-completion")
    def test_bash(self):
        for tool in TOOLS:
            found = {word[2:].rstrip("=") for word in self.bash(f"vscsi-{tool} --")}
            self.assertEqual(found, self.options(tool), tool)
        self.assertEqual(self.bash("vscsi-copy --pro"), ["--progress="])
        self.assertEqual(self.bash("vscsi-copy --progress="), ["always", "auto", "never"])
        self.assertEqual(self.bash("vscsi-info --log=w"), ["warn"])
        self.assertEqual(self.bash("vscsi-perf --rw randr"), ["randread", "randrw"])
        self.assertEqual(self.bash("vscsi-bind "), ["give-back", "list", "take"])
        self.write("disk.img", "")
        self.assertEqual(self.bash("vscsi-copy di"), ["disk.img"])
        self.assertEqual(self.bash("vscsi-copy --count="), [])

    @unittest.skipUnless(shutil.which("zsh"), "no zsh")
    def test_zsh(self):
        for tool in TOOLS:
            with open(f"{FOLDER}/_vscsi-{tool}", encoding="utf-8") as file:
                found = set(re.findall(r"(?m)^\t'--([a-z][a-z0-9_-]+)", file.read()))
            self.assertEqual(found, self.options(tool), tool)
        for line, expected in (("vscsi-copy --prog", "--progress="),
                               ("vscsi-info --log=w", "--log=warn"),
                               ("vscsi-bind gi", "give-back")):
            self.assertIn(expected, zsh(line, expected))


if __name__ == "__main__":
    unittest.main(verbosity=2)
