#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Compares what the headers declare, what the map names and what the library exports.

usage: symbols.py INCLUDE-DIR MAP LIBRARY
"""

import pathlib
import re
import subprocess
import sys

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
DECLARATION = re.compile(r"^[a-z][\w \t*]*?\b(vscsi_\w+)\(", re.M)
NODE = re.compile(r"^(VSCSI_[\w.]+) \{(.*?)^\}([^;]*);", re.M | re.S)


def declared(include):
    names = set()
    for header in include.glob("vscsi/*.h"):
        names |= set(DECLARATION.findall(COMMENT.sub("", header.read_text())))
    return names


def mapped(path):
    """Symbol -> version node."""
    versions = {}
    for node, body, _ in NODE.findall(COMMENT.sub("", path.read_text())):
        for name in re.findall(r"(\w+);", body.split("local:")[0].replace("global:", "")):
            versions[name] = node
    return versions


def exported(library):
    listing = subprocess.run(["nm", "-D", "--defined-only", "--with-symbol-versions", library],
                             stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout
    versions = {}
    for line in listing.splitlines():
        kind, symbol = line.split()[-2:]
        name, _, version = symbol.partition("@@")
        # A version node is itself a symbol, the only absolute one.
        if kind != "A":
            versions[name] = version
    return versions


def main():
    include, path, library = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    headers, symbols, dynamic = declared(include), mapped(path), exported(library)
    findings = []
    for name in sorted(headers | set(symbols) | set(dynamic)):
        missing = [place for place, names in (("the headers", headers), ("the map", symbols),
                                              ("the library", dynamic)) if name not in names]
        if missing:
            findings.append(f"{name} is missing from {' and '.join(missing)}")
        elif dynamic[name] != symbols[name]:
            findings.append(f"{name} has version '{dynamic[name]}', not {symbols[name]}")
    print("\n".join(findings))
    print(f"{len(headers)} functions declared, {len(symbols)} in the map, "
          f"{len(dynamic)} exported, {len(findings)} findings")
    return 1 if findings or not headers else 0


if __name__ == "__main__":
    sys.exit(main())
