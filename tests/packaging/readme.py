#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Holds the README against what it shows: its program, its table of options, the files it names.

usage: readme.py SOURCE-DIR VSCSI-INFO
"""

import pathlib
import re
import subprocess
import sys


def program_of(readme):
    return re.search(r"^```c\n(.*?)^```$", readme, re.M | re.S).group(1)


def options_of(readme):
    """name -> (values, help) of the table's rows; a bar inside a cell has a backslash before it."""
    found = {}
    for row in re.findall(r"^\| `\w+` \|.*\|$", readme, re.M):
        name, values, text = [cell.strip().replace("\\|", "|")
                              for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
        found[name.strip("`")] = (values, text)
    return found


def options_listed(info):
    listing = subprocess.run([info, "--options"], stdout=subprocess.PIPE, text=True, timeout=30,
                             check=True).stdout
    found = {}
    for line in listing.splitlines():
        name, values, text = line.split(None, 2)
        found[name] = (values, text)
    return found


def main():
    source, info = pathlib.Path(sys.argv[1]), sys.argv[2]
    readme = (source / "README.md").read_text()
    findings = []
    if program_of(readme) != (source / "examples/read_block.c").read_text():
        findings.append("the README's program is not examples/read_block.c")
    shown, listed = options_of(readme), options_listed(info)
    if not listed:
        findings.append("vscsi-info --options lists nothing")
    for name in sorted(set(shown) | set(listed)):
        if shown.get(name) != listed.get(name):
            findings.append(f"option {name}: the README has {shown.get(name)}, "
                            f"vscsi-info has {listed.get(name)}")
    for path in re.findall(r"`(?:\./)?((?:tests|examples|src|include|\.ci)/[\w./-]*)`", readme):
        if not (source / path).exists():
            findings.append(f"the README names {path}, which is not there")
    print("\n".join(findings) or f"program and {len(listed)} options agree")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
