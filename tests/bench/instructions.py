#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Counts the library's instructions for each 4 KiB read, in batches of 32.

Runs the program under callgrind, which counts only inside one public function at a time. The
difference between a long and a short run leaves out what happens once. The figure repeats exactly.
usage: instructions.py PROGRAM [--json=FILE]
"""

import json
import re
import subprocess
import sys

BATCH = 32
SHORT, LONG = 20, 120
FUNCTIONS = ("vscsi_read", "vscsi_submit", "vscsi_poll")
COLLECTED = re.compile(r"Collected : (\d+)")


def count(program, function, batches):
    """The instructions inside a function in so many batches."""
    result = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
         f"--toggle-collect={function}", program, str(batches)],
        stderr=subprocess.PIPE, text=True, timeout=300, check=False)
    found = COLLECTED.search(result.stderr)
    if result.returncode or not found:
        sys.exit(f"the counted program failed:\n{result.stderr}")
    return int(found.group(1))


def main():
    program = sys.argv[1]
    reads = (LONG - SHORT) * BATCH
    figures = {}
    for function in FUNCTIONS:
        figures[function] = (count(program, function, LONG)
                             - count(program, function, SHORT)) / reads
    total = sum(figures.values())
    print(f"instructions for each read, depth {BATCH}, batches of {BATCH}:")
    for function, figure in figures.items():
        print(f"  {function:14}{figure:8.1f}")
    print(f"  {'all':14}{total:8.1f}")
    for argument in sys.argv[2:]:
        if argument.startswith("--json="):
            with open(argument[7:], "w", encoding="utf-8") as out:
                json.dump({"batch": BATCH, "reads": reads, "instructions_per_read": total,
                           "functions": figures}, out, indent=2)
    return 0 if total else 1


if __name__ == "__main__":
    sys.exit(main())
