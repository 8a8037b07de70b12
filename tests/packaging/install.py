#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Installs the project into a folder, builds a program with nothing but pkg-config, and runs it.

The program reads a block from a vscsi-target as a user's would, with the shared library, then linked
statically. A second one, in C++, leaves the library by an exception while its back-end is stopped.
usage: install.py SOURCE-DIR BUILD-DIR TARGET
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

CONTENT = bytes(range(256)) * 4096


def run(command, **options):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            timeout=120, check=False, **options)
    if result.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit status {result.returncode}\n"
                 f"{result.stdout}")
    return result.stdout


def install(build, root):
    shutil.rmtree(root, ignore_errors=True)
    run(["meson", "install", "-C", build, "--no-rebuild", "--destdir", root])


def one(root, pattern):
    """The one file below root that matches, by its path."""
    found = sorted(root.rglob(pattern))
    if len(found) != 1:
        sys.exit(f"{len(found)} files match {pattern} in what was installed, not one")
    return found[0]


def check_files(source, root):
    wanted = {header.name for header in (source / "include/vscsi").glob("*.h")}
    there = {header.name for header in root.rglob("include/vscsi/*.h")}
    if wanted != there:
        sys.exit(f"headers installed: {sorted(there)}, in the source: {sorted(wanted)}")
    library = one(root, "libvirtioscsi.so.0").resolve()
    if library != one(root, "libvirtioscsi.so").resolve():
        sys.exit("libvirtioscsi.so is not a link to what libvirtioscsi.so.0 is")
    for tool in ("vscsi-bind", "vscsi-copy", "vscsi-info", "vscsi-perf", "vscsi-sg",
                 "vscsi-target"):
        one(root, f"bin/{tool}")
        one(root, f"{tool}.1*")
        one(root, f"bash-completion/completions/{tool}")
        one(root, f"zsh/site-functions/_{tool}")
    one(root, "libvirtioscsi/vscsi-sg.so")
    for file in "vscsi-target@.socket", "vscsi-target@.service":
        one(root, f"lib/systemd/system/{file}")
    if list(root.rglob("nbdkit-vscsi-plugin*")):
        one(root, "nbdkit/plugins/nbdkit-vscsi-plugin.so")
        one(root, "man1/nbdkit-vscsi-plugin.1*")
    for page in (source / "include/vscsi/man").glob("*.7"):
        one(root, f"man7/{page.name}*")
    if b".note.stapsdt" in library.read_bytes():
        one(root, "share/libvirtioscsi/probes.bt")
    symbols = set(re.findall(r"\bvscsi_\w+", (source / "src/libvirtioscsi.map").read_text()))
    pages = {page.name for page in root.rglob("man3/*")}
    if pages != {f"{symbol}.3" for symbol in symbols}:
        sys.exit(f"pages of section 3 installed: {sorted(pages)}, symbols: {sorted(symbols)}")
    listing = run(["nm", "--extern-only", "--defined-only", "--format=just-symbols",
                   one(root, "libvirtioscsi.a")])
    archived = {line for line in listing.split() if not line.endswith(":")}
    if archived != symbols:
        sys.exit("only in the map or in libvirtioscsi.a: "
                 f"{' '.join(sorted(archived ^ symbols)[:10])}")
    return library


def build_program(compiler, source, root, work, *static):
    pc = one(root, "libvirtioscsi.pc")
    environment = dict(os.environ, PKG_CONFIG_SYSROOT_DIR=str(root),
                       PKG_CONFIG_PATH=str(pc.parent))
    flags = run(["pkg-config", *static, "--cflags", "--libs", "libvirtioscsi"],
                env=environment).split()
    shutil.copy(source, work)
    program = work / source.stem
    run([*compiler, *(flag[1:] for flag in static), "-Wall", "-Wextra", "-Werror", source.name, "-o", program] + flags, cwd=work)
    return program


def run_program(program, library, target, work):
    """Runs it with the address of a vscsi-target, and the process of that, which it may stop."""
    # A socket's path has 107 characters at most, which a build folder may exceed.
    with tempfile.TemporaryDirectory(prefix="vscsi-") as short:
        disk, socket = work / "disk.img", pathlib.Path(short) / "s"
        disk.write_bytes(CONTENT)
        with subprocess.Popen([target, f"--socket={socket}", f"--lun=0:0,file={disk},ro"],
                              stdout=subprocess.PIPE, text=True) as server:
            try:
                server.stdout.readline()
                return run([program, f"vhost-user:{socket}", str(server.pid)],
                           env=dict(os.environ, LD_LIBRARY_PATH=str(library.parent)))
            finally:
                server.send_signal(signal.SIGCONT)
                server.terminate()
                server.wait(timeout=30)


def expect_block(printed):
    print(printed, end="")
    if CONTENT[:16].hex() not in "".join(printed.split()).lower():
        sys.exit(f"the program should have printed {CONTENT[:16].hex()}")


def main():
    source, build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    work = build / "tests/packaging/outside"
    work.mkdir(parents=True, exist_ok=True)
    root = work / "root"
    install(build, root)
    library = check_files(source, root)
    for static in [], ["--static"]:
        program = build_program(["gcc", "-std=c11"], source / "examples/read_block.c", root, work,
                                *static)
        expect_block(run_program(program, library, sys.argv[3], work))
    program = build_program(["g++", "-std=c++11"], source / "tests/packaging/raii.cpp", root, work)
    completed = run_program(program, library, sys.argv[3], work)
    print(f"{completed.strip()} requests completed in destructors")


if __name__ == "__main__":
    main()
