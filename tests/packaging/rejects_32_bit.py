#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Configures the project for a 32-bit target and expects one message that refuses it.

usage: rejects_32_bit.py SOURCE-DIR WORK-DIR

gcc compiles for 32 bits with -m32. Nothing is linked with a 32-bit C library, which is seldom
installed, and nothing is run. Skipped where gcc has no -m32.
"""

import pathlib
import re
import shutil
import subprocess
import sys

SKIP = 77
FLAGS = ["-m32", "-nostdlib", "-static", "-Wl,-e,main"]
CROSS = """
[binaries]
c = {compiler}
ar = 'ar'
pkg-config = 'pkg-config'

[properties]
needs_exe_wrapper = true

[host_machine]
system = 'linux'
cpu_family = 'x86'
cpu = 'i686'
endian = 'little'
"""


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=120, check=False)


def main():
    source, work = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    probe = work / "probe.c"
    probe.write_text("int main(void) { return 0; }\n")
    compiled = run("gcc", *FLAGS, probe, "-o", work / "probe")
    if compiled.returncode:
        print(f"gcc can't build for 32 bits: {compiled.stdout.strip()}")
        return SKIP
    cross = work / "cross.ini"
    cross.write_text(CROSS.format(compiler=["gcc"] + FLAGS))
    result = run("meson", "setup", "--cross-file", cross, work / "build", source)
    errors = re.findall(r"ERROR: (?:Problem encountered: )?(.*)", result.stdout)
    wanted = "libvirtioscsi needs a 64-bit target: x86 is not supported"
    if result.returncode == 0 or errors != [wanted]:
        print(f"expected one error, '{wanted}', got exit status {result.returncode}\n"
              f"{result.stdout}")
        return 1
    print(errors[0])
    return 0


if __name__ == "__main__":
    sys.exit(main())
