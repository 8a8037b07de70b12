#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Compares the static probes that the library has with those of the manual page and of probes.bt.

usage: probes.py LIBRARY MANUAL-PAGE SCRIPT
"""

import pathlib
import re
import subprocess
import sys


def main():
    library, manual, script = sys.argv[1:]
    notes = subprocess.run(["readelf", "--notes", library], stdout=subprocess.PIPE, text=True,
                           check=True, timeout=60).stdout
    built = set(re.findall(r"Provider: vscsi\s+Name: (\w+)", notes))
    if not built:
        print("the library was built without sys/sdt.h")
        return 77
    section = pathlib.Path(manual).read_text().split(".SH PROBES")[1].split("\n.SH")[0]
    told = {
        "the manual page": set(re.findall(r"^\.TP\n\.BR (\w+) \"?\(", section, re.M)),
        "probes.bt": set(re.findall(r"^usdt:\$1:vscsi:(\w+)$", pathlib.Path(script).read_text(),
                                    re.M)),
    }
    for where, names in told.items():
        for name in sorted(built ^ names):
            print(f"{name}: not in {where if name in built else 'the library'}")
    return int(any(names != built for names in told.values()))


if __name__ == "__main__":
    sys.exit(main())
