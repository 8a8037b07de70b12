#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Configures the project without one library it needs, and expects one message with the remedy.

usage: missing.py SOURCE-DIR WORK-DIR

pkg-config finds only files that the test writes. Meson also finds libnuma by its header, which gcc
doesn't see with -nostdinc.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

PRESENT = "Name: {0}\nDescription: {0}\nVersion: 1.0\n"
# Missing library: compiler, libraries that are found, what the message names.
CASES = {
    "libnuma": ("gcc -nostdinc", [], ["libnuma-dev", "-Dnuma=disabled"]),
    "json-c": ("gcc", ["numa"], ["libjson-c-dev", "-Dexamples=false -Dtests=false"]),
    "cmocka": ("gcc", ["numa", "json-c"], ["libcmocka-dev", "-Dtests=false"]),
}


def check(missing, source, work):
    compiler, present, remedies = CASES[missing]
    work.mkdir(parents=True)
    for library in present:
        (work / f"{library}.pc").write_text(PRESENT.format(library))
    environment = dict(os.environ, CC=compiler, CMAKE="false", PKG_CONFIG_PATH="",
                       PKG_CONFIG_LIBDIR=str(work))
    result = subprocess.run(["meson", "setup", work / "build", source], env=environment,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            timeout=120, check=False)
    errors = re.findall(r"ERROR: (?:Problem encountered: )?(.*)", result.stdout)
    if result.returncode and len(errors) == 1 and errors[0].startswith(f"{missing} not found: ") \
            and all(remedy in errors[0] for remedy in remedies):
        print(errors[0])
        return True
    print(f"without {missing}, expected one error that names {' and '.join(remedies)}; got exit "
          f"status {result.returncode}\n{result.stdout}")
    return False


def main():
    source, work = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    shutil.rmtree(work, ignore_errors=True)
    results = [check(missing, source, work / missing) for missing in CASES]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
