#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Shows that instructions.py --check fails for a cell that became worse, names it, and for nothing
else.

usage: baseline_test.py INSTRUCTIONS.PY BENCH-INSTRUCTIONS
"""

import json
import pathlib
import subprocess
import sys
import tempfile

CELL = "depth 32, batch 32, split, indirect, 1 segment, exclusive"


def run(script, program, argument, built_by):
    return subprocess.run([script, program, argument, f"--built-by={built_by}"],
                          stdout=subprocess.PIPE, text=True, timeout=60, check=False)


def main():
    script, program = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="vscsi-") as folder:
        path = pathlib.Path(folder) / "baseline.json"
        assert run(script, program, f"--renew={path}", "one 1.0").returncode == 0
        baseline = json.loads(path.read_text(encoding="utf-8"))
        now = baseline["instructions"][CELL]
        # How much the baseline is taken to have been, and what follows.
        for factor, expected in ((1 / 1.02, 0), (1 / 1.06, 1)):
            baseline["instructions"][CELL] = now * factor
            path.write_text(json.dumps(baseline), encoding="utf-8")
            result = run(script, program, f"--check={path}", "one 1.0")
            assert result.returncode == expected, result.stdout
        # Two runs differ in the last digit of what was counted, not in that of the baseline.
        line = next(x for x in result.stdout.splitlines() if x.startswith(f"{CELL}: "))
        assert f"was {now * factor:.1f} (+" in line, result.stdout
        assert "\n1 of these" in result.stdout, result.stdout
        assert "--renew=" in result.stdout, result.stdout
        result = run(script, program, f"--check={path}", "other 2.0")
        assert result.returncode == 77 and "other 2.0" in result.stdout, result.stdout
    return 0


if __name__ == "__main__":
    sys.exit(main())
