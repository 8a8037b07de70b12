#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs one command in a QEMU guest and exits with its exit status. See README.md.

Parses the command line; the rest is in machine.py.
"""

import argparse
import pathlib
import shlex
import sys

sys.dont_write_bytecode = True  # don't write to the source directory
import machine  # noqa: E402  pylint: disable=wrong-import-position

EPILOG = """\
Exit status: that of the command; 77 if QEMU, busybox or the kernel package is missing;
124 if the time limit passed; 125 if the guest or this script failed.
Example: guest.py --work build/g --iommu --bind 0000:01:00.0 \\
  --qemu '-device pcie-root-port,id=rp -device virtio-scsi-pci,bus=rp,iommu_platform=on' \\
  -- ls /dev/vfio
"""


def _file(text):
    source, _, name = text.partition("=")
    return source, name or None


def _parser():
    parser = argparse.ArgumentParser(
        prog="guest.py", description="Run a command in a QEMU guest.", epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--work", required=True, type=pathlib.Path, metavar="DIR",
        help="folder for every file that is made; QEMU runs in it")
    add("--kernel", type=lambda text: pathlib.Path(text).absolute(), metavar="DIR",
        help="where the kernel is fetched to and kept (default: WORK/kernel)")
    add("--qemu", action="append", default=[], metavar="ARGS",
        help="further QEMU arguments, split as a shell would")
    add("--file", action="append", default=[], type=_file, dest="files", metavar="SRC[=DST]",
        help="put a file into the guest, with its libraries if it is an executable "
             "(default: /bin/NAME for executables, /NAME for others)")
    add("--module", action="append", default=[], dest="modules", metavar="NAME",
        help="load a kernel module and those it needs, in the order given")
    add("--bind", action="append", default=[], metavar="DDDD:BB:DD.F",
        help="give a PCI function to vfio-pci before the command runs")
    add("--out", action="append", default=[], metavar="PATH",
        help="copy a file or folder (patterns work) of the guest to WORK/out afterwards")
    add("--append", default="", metavar="WORDS", help="more words for the kernel's command line")
    add("--timeout", type=float, default=60, dest="seconds", metavar="SECONDS",
        help="time limit from QEMU's start (default: %(default)s)")
    add("--cpus", type=int, default=1, metavar="N", help="virtual processors (default: 1)")
    add("--memory", type=int, default=512, metavar="MIB", help="memory (default: %(default)s)")
    add("--hugepages", type=int, default=0, metavar="N", help="2 MiB pages to set aside")
    add("--iommu", action="store_true", help="give the machine an IOMMU (Intel's)")
    add("command", nargs="+", metavar="COMMAND", help="what to run; put -- before it")
    return parser


def main():
    values = vars(_parser().parse_args())
    values["qemu"] = shlex.split(" ".join(values["qemu"]))
    options = machine.Options(**values)
    return machine.run(options, lambda line: print(line, flush=True))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
