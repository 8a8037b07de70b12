#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Tells what gcovr found, folder by folder.

coverage.py [--branches=PERCENT] [--lines=PERCENT] COVERAGE.json LIST

Prints lines and branches of each folder and of all, and writes to LIST each line that has branches
which no test takes. Exit status 1 when less is covered than asked for.
"""

import argparse
import collections
import json
import pathlib
import sys


class Sum:
    def __init__(self):
        self.lines = self.lines_run = self.branches = self.branches_taken = 0

    def add(self, line):
        self.lines += 1
        self.lines_run += line["count"] > 0
        self.branches += len(line["branches"])
        self.branches_taken += sum(branch["count"] > 0 for branch in line["branches"])

    def percent(self):
        return (100 * self.lines_run / max(self.lines, 1),
                100 * self.branches_taken / max(self.branches, 1))

    def __str__(self):
        lines, branches = self.percent()
        return (f"lines {lines:5.1f}% of {self.lines:5}   "
                f"branches {branches:5.1f}% of {self.branches:5}")


def untaken(path, line):
    missing = sum(not branch["count"] for branch in line["branches"])
    source = pathlib.Path(path).read_text().splitlines()[line["line_number"] - 1].strip()
    return f"{path}:{line['line_number']}: {missing} of {len(line['branches'])}: {source}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--branches", type=float, default=0)
    parser.add_argument("--lines", type=float, default=0)
    parser.add_argument("coverage")
    parser.add_argument("list", type=pathlib.Path)
    options = parser.parse_args()
    folders, files, found = collections.defaultdict(Sum), {}, []
    whole = Sum()
    with open(options.coverage) as file:
        covered = json.load(file)["files"]
    for entry in sorted(covered, key=lambda entry: entry["file"]):
        path = entry["file"]
        files[path] = Sum()
        for line in entry["lines"]:
            if line.get("gcovr/noncode"):
                continue
            for place in (files[path], folders[str(pathlib.Path(path).parent)], whole):
                place.add(line)
            if any(not branch["count"] for branch in line["branches"]):
                found.append(untaken(path, line))
    options.list.write_text("\n".join(found) + "\n")
    for name, folder in sorted(folders.items()):
        print(f"{name:28} {folder}")
    print(f"{'all':28} {whole}")
    print("most branches not taken:")
    holes = sorted(files.items(), key=lambda item: item[1].branches_taken - item[1].branches)
    for path, place in holes[:12]:
        print(f"  {path:40} {place.branches - place.branches_taken:4} of {place.branches}")
    print(f"each of them: {options.list}")
    lines, branches = whole.percent()
    return 1 if lines < options.lines or branches < options.branches else 0


if __name__ == "__main__":
    sys.exit(main())
