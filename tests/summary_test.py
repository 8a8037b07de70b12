#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Feeds summary.py logs of two builds and compares what it prints."""

import json
import pathlib
import subprocess
import sys
import tempfile

SUMMARY = pathlib.Path(__file__).with_name("summary.py")
CMOCKA = "[ RUN      ] a\n[       OK ] a\n[ RUN      ] b\nno hugepages\n[  SKIPPED ] b\n"
LOGS = {
    "1.test.json": [{"name": "unit", "result": "OK", "stdout": CMOCKA},
                    {"name": "script", "result": "OK", "stdout": ""}],
    "2.test-plain.json": [{"name": "unit", "result": "OK", "stdout": CMOCKA.replace("SKIPPED",
                                                                                  "     OK")}],
    "3.test-plain-valgrind.json": [{"name": "script", "result": "FAIL", "stdout": "leak"}],
    # A second run in the same build, with another test.
    "4.test.json": [{"name": "guest", "result": "SKIP", "stdout": "no QEMU"}],
}
WANTED = """
== script failed in test-plain-valgrind (FAIL)
leak

== build build/test-tsan failed
skipped unit: b: no hugepages
skipped guest: no QEMU

cases in each build
  test                 2 passed, 0 failed, 2 skipped
  test-plain           2 passed, 0 failed, 0 skipped
  test-plain-valgrind  0 passed, 1 failed, 0 skipped
4 distinct cases in 3 builds: 2 passed, 1 failed, 1 skipped

4 passed, 2 failed, 2 skipped
"""


def main():
    with tempfile.TemporaryDirectory() as folder:
        for name, tests in LOGS.items():
            lines = "\n".join(json.dumps(test) for test in tests)
            (pathlib.Path(folder) / name).write_text(lines + "\n")
        subprocess.run([SUMMARY, "--broken", folder, "build build/test-tsan"], check=True,
                       timeout=30)
        result = subprocess.run([SUMMARY, folder], stdout=subprocess.PIPE, text=True, timeout=30,
                                check=False)
    if result.stdout != WANTED or result.returncode != 1:
        print(f"expected exit status 1 and:{WANTED}\ngot exit status {result.returncode} and:"
              f"{result.stdout}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
