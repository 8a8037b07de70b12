#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Compares the ABI that the headers and the map describe with the stored one, using abidiff.

usage: abi.py SOURCE-DIR WORK-DIR [--renew]

--renew  store the ABI of today as tests/packaging/abi/x86_64.abi

abidiff reads debug information. A library built from the prototypes, with empty functions, has all
of the public types and nothing else, whatever the options of the build. Skipped without abidiff
(Debian: abigail-tools), and on machines with other types.
"""

import pathlib
import platform
import re
import shutil
import subprocess
import sys

SKIP = 77
MACHINE = "x86_64"
LIBRARY = "libvirtioscsi.so.0"
LICENSE = "<!-- SPDX-License-Identifier: BSD-3-Clause -->\n"
PROTOTYPE = re.compile(r"^([a-z][\w \t*]*?\bvscsi_\w+\([^;{}]*\));", re.M)
# Paths of this machine, line numbers and other libraries are no part of an ABI.
ABIDW = ["abidw", "--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", "--no-elf-needed"]


def run(*command, status=(0,), **options):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            timeout=60, check=False, **options)
    if result.returncode not in status:
        sys.exit(f"{' '.join(map(str, command))}: exit status {result.returncode}\n"
                 f"{result.stdout}")
    return result.stdout


def build(source, work):
    """A library with the types and functions of the headers."""
    include = source / "include"
    text = run("gcc", "-E", "-P", "-I", include, include / "vscsi/vscsi.h")
    bodies, count = PROTOTYPE.subn(r"\1 { __builtin_trap(); }", text)
    (work / "functions.c").write_text(bodies)
    run("gcc", "-g", "-shared", "-fPIC", "functions.c", "-o", LIBRARY, f"-Wl,-soname,{LIBRARY}",
        f"-Wl,--version-script,{source}/src/libvirtioscsi.map", cwd=work)
    return count


def main():
    source, work = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
    stored = source / f"tests/packaging/abi/{MACHINE}.abi"
    if not shutil.which("abidiff"):
        print("abidiff is not installed (Debian: abigail-tools)")
        return SKIP
    if platform.machine() != MACHINE:
        print(f"the stored ABI is of {MACHINE}, this is {platform.machine()}")
        return SKIP
    work.mkdir(parents=True, exist_ok=True)
    count = build(source, work)
    if sys.argv[3:] == ["--renew"]:
        # abidiff wants its own element first.
        root, rest = run(*ABIDW, work / LIBRARY).split("\n", 1)
        stored.write_text(f"{root}\n{LICENSE}{rest}")
    # 4: changed, 8: incompatible. It prints nothing when nothing has changed.
    changes = run("abidiff", "--no-show-locs", "--harmless", stored, work / LIBRARY,
                  status=(0, 4, 8, 12))
    if changes:
        print(f"{changes}\nThe ABI is not the stored one. Before version 1.0 it may change: renew "
              f"it with\n  tests/packaging/abi.py . build/abi --renew")
        return 1
    print(f"{count} functions, as stored")
    return 0


if __name__ == "__main__":
    sys.exit(main())
