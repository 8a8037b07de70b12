#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Compiles each public header alone, as C99, C11 and C++11, with every warning an error.

usage: headers.py INCLUDE-DIR
"""

import pathlib
import subprocess
import sys

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
LANGUAGES = {
    "C99": ["gcc", "-x", "c", "-std=c99", "-Wstrict-prototypes"],
    "C11": ["gcc", "-x", "c", "-std=c11", "-Wstrict-prototypes"],
    "C++11": ["g++", "-x", "c++", "-std=c++11"],
    "C11, clang": ["clang", "-x", "c", "-std=c11", "-Wstrict-prototypes"],
}


def main():
    include = pathlib.Path(sys.argv[1])
    failed = 0
    headers = sorted(include.glob("vscsi/*.h"))
    assert headers, f"no headers in {include}/vscsi"
    for header in headers:
        for language, command in LANGUAGES.items():
            # Twice: the second time nothing may be left, or the guard is broken.
            source = f"#include <vscsi/{header.name}>\n" * 2
            result = subprocess.run(
                command + WARNINGS + ["-fsyntax-only", "-I", str(include), "-"],
                input=source, text=True, timeout=60, stderr=subprocess.PIPE, check=False)
            if result.returncode:
                failed += 1
                print(f"{header.name} does not stand alone in {language}:\n{result.stderr}")
    print(f"{len(headers)} headers, {len(LANGUAGES)} languages, {failed} failures")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
