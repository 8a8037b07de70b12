#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Builds the library with musl and without libnuma, and with it a program that reads a block.

The program, with the shared library and then linked statically, reads from the vscsi-target of this
build. With json-c for musl, which tests/cross/musl.sh makes, the tools are built and run too. Skipped
where musl-gcc is missing.
usage: musl.py SOURCE-DIR WORK-DIR TARGET
"""

import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

import install

SKIP = 77


def run_tools(build, work):
    """Copies an image to a disk of the target and back, and reads it at random."""
    image, copy = work / "image", work / "copy"
    image.write_bytes(random.randbytes(1 << 20))
    with tempfile.TemporaryDirectory() as folder:
        socket = folder + "/v"
        target = subprocess.Popen(
            [build / "examples/target/vscsi-target", "--socket=" + socket, "--lun=0:0,ram=1M"],
            stdout=subprocess.PIPE, text=True)
        try:
            if target.stdout.readline() != f"listening on {socket}\n":
                sys.exit("vscsi-target does not listen")
            address = "vhost-user:" + socket
            print(install.run([build / "examples/info/vscsi-info", address]))
            install.run([build / "examples/copy/vscsi-copy", image, address, "0:0", "--verify"])
            install.run([build / "examples/perf/vscsi-perf", "--address=" + address,
                         "--rw=randread", "--iodepth=8", "--size=1m"])
            install.run([build / "examples/copy/vscsi-copy", address, "0:0", copy])
        finally:
            target.kill()
            target.communicate()
    if copy.read_bytes() != image.read_bytes():
        sys.exit("what vscsi-copy read is not what it wrote")


def main():
    source, work = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    if not shutil.which("musl-gcc"):
        print("no musl-gcc: install musl-tools")
        return SKIP
    build, root = work / "build", work / "root"
    shutil.rmtree(build, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    # Without optimization, as it has to compile everything.
    json = source / "build/root-musl/lib/pkgconfig"
    install.run(["meson", "setup", "--native-file", source / "tests/cross/musl.ini", build, source,
                 "-Dnuma=disabled", f"-Dexamples={str(json.exists()).lower()}",
                 f"-Dpkg_config_path={json}", "-Dnbdkit=disabled", "-Dlibnbd=disabled",
                 "-Dtests=false", "-Dwerror=true", "-Dbuildtype=debug", "-Ddebug=false"])
    install.run(["ninja", "-C", build])
    install.install(build, root)
    library = install.one(root, "libvirtioscsi.so.0").resolve()
    for static in [], ["--static"]:
        program = install.build_program(["musl-gcc", "-std=c11"], source / "examples/read_block.c",
                                        root, work, *static)
        install.expect_block(install.run_program(program, library, sys.argv[3], work))
    if json.exists():
        run_tools(build, work)
    else:
        print("the tools are not built: there is no json-c for musl, see tests/cross/musl.sh")
    return 0


if __name__ == "__main__":
    sys.exit(main())
