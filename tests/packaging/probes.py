#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Compares the static probes that the library has with those that the manual page names.

usage: probes.py LIBRARY MANUAL-PAGE
"""

import pathlib
import re
import subprocess
import sys


def main():
    library, manual = sys.argv[1:]
    notes = subprocess.run(["readelf", "--notes", library], stdout=subprocess.PIPE, text=True,
                           check=True, timeout=60).stdout
    built = set(re.findall(r"Provider: vscsi\s+Name: (\w+)", notes))
    if not built:
        print("the library was built without sys/sdt.h")
        return 77
    section = pathlib.Path(manual).read_text().split(".SH PROBES")[1].split("\n.SH")[0]
    told = set(re.findall(r"^\.TP\n\.BR (\w+) \"?\(", section, re.M))
    for name in sorted(built ^ told):
        print(f"{name}: {'not in the manual page' if name in built else 'not in the library'}")
    return int(built != told)


if __name__ == "__main__":
    sys.exit(main())
