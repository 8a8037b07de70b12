#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Builds the library with musl and without libnuma, and with it a program that reads a block.

The program, with the shared library and then linked statically, reads from the vscsi-target of this
build. Skipped where musl-gcc is missing.
usage: musl.py SOURCE-DIR WORK-DIR TARGET
"""

import pathlib
import shutil
import sys

import install

SKIP = 77


def main():
    source, work = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    if not shutil.which("musl-gcc"):
        print("no musl-gcc: install musl-tools")
        return SKIP
    build, root = work / "build", work / "root"
    shutil.rmtree(build, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    # Without optimization, as it has to compile everything.
    install.run(["meson", "setup", "--native-file", source / "tests/cross/musl.ini", build, source,
                 "-Dnuma=disabled", "-Dexamples=false", "-Dtests=false", "-Dwerror=true",
                 "-Dbuildtype=debug", "-Ddebug=false"])
    install.run(["ninja", "-C", build])
    install.install(build, root)
    library = install.one(root, "libvirtioscsi.so.0").resolve()
    for static in [], ["--static"]:
        program = install.build_program(["musl-gcc", "-std=c11"], source / "examples/read_block.c",
                                        root, work, *static)
        install.expect_block(install.run_program(program, library, sys.argv[3], work))
    return 0


if __name__ == "__main__":
    sys.exit(main())
