#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Counts the library's instructions and memory accesses for each 4 KiB read, over the matrix of
depth, batch, ring, descriptors, segments and kind of queue. The figures repeat exactly.

usage: instructions.py PROGRAM [--quick] [--json=FILE]
       instructions.py PROGRAM --check=BASELINE --built-by=TEXT   fails where a cell is above +3 %
       instructions.py PROGRAM --renew=BASELINE --built-by=TEXT   writes a new baseline
"""

import itertools
import json
import pathlib
import platform
import sys

sys.dont_write_bytecode = True
import counting  # noqa: E402
import report  # noqa: E402

ALLOWED = 1.03
LOADS = ((1, 1), (32, 1), (32, 32), (128, 1), (128, 32))
COLUMNS = {"depth": "depth", "batch": "batch", "ring": "ring", "descriptors": "descriptors",
           "segments": "segs", "queue": "queue", "disk": "disk", "instructions": "instr",
           "prepare": "prepare", "submit": "submit", "poll": "poll", "loads": "loads",
           "stores": "stores"}
# Besides the matrix: LUNs larger than 2 TiB; those whose requests are counted, as by default with
# QEMU, SPDK and vscsi-target; both; every other request a write; and stats=on.
DISKS = {"": {}, "wide": {"wide": 1}, "counted": {"limit": 128, "queues": 3},
         "wide and counted": {"wide": 1, "limit": 128, "queues": 3}, "mixed": {"mixed": 1},
         "stats": {"stats": 1}}
# The cells of the baseline: those that targets are set for, and one of each other kind.
CHECKED = [(32, 32, 0, 0, 1, 0, ""), (32, 1, 0, 0, 1, 0, ""), (32, 32, 0, 0, 8, 0, ""),
           (32, 32, 0, 1, 1, 0, ""), (32, 32, 0, 0, 1, 1, ""), (32, 1, 0, 0, 1, 1, ""),
           (32, 32, 0, 0, 8, 1, ""), (32, 32, 1, 0, 1, 0, ""), (32, 1, 1, 0, 1, 0, ""),
           (32, 32, 1, 0, 8, 0, ""), (32, 32, 0, 0, 1, 0, "wide"), (32, 32, 1, 0, 1, 0, "wide"),
           (32, 32, 0, 0, 1, 0, "counted"), (32, 1, 0, 0, 1, 0, "counted"),
           (32, 32, 1, 0, 1, 0, "counted"), (32, 1, 1, 0, 1, 0, "counted"),
           (32, 32, 0, 0, 1, 1, "counted"), (32, 32, 1, 0, 1, 1, ""),
           (32, 32, 0, 0, 1, 0, "wide and counted"), (32, 32, 0, 0, 1, 0, "mixed"),
           (32, 32, 0, 0, 1, 0, "stats"), (32, 1, 0, 0, 1, 0, "stats"),
           (32, 32, 1, 0, 1, 0, "stats"), (32, 32, 0, 0, 1, 1, "stats")]


def matrix():
    for packed, shared, direct, segs, (depth, batch) in itertools.product(
            (0, 1), (0, 1), (0, 1), (1, 8), LOADS):
        yield depth, batch, packed, direct, segs, shared, ""
    for disk, packed, shared, (depth, batch) in itertools.product(
            ("wide", "counted", "wide and counted", "mixed", "stats"), (0, 1), (0, 1), LOADS):
        yield depth, batch, packed, 0, 1, shared, disk


def measure(program, cell, accesses=True):
    depth, batch, packed, direct, segs, shared, disk = cell
    found = counting.count(program, accesses, depth=depth, batch=batch, packed=packed,
                           direct=direct, segs=segs, shared=shared, **DISKS[disk])
    if found is None:
        return None
    return {"depth": depth, "batch": batch, "ring": "packed" if packed else "split",
            "descriptors": "direct" if direct else "indirect", "segments": segs,
            "queue": "shared" if shared else "exclusive", "disk": disk, **found}


def name(row):
    return (f"depth {row['depth']}, batch {row['batch']}, {row['ring']}, {row['descriptors']}, "
            f"{row['segments']} segment{'s' if row['segments'] > 1 else ''}, {row['queue']}"
            + (f", {row['disk']}" if row["disk"] else ""))


def measure_all(program, cells, accesses=True):
    rows, missing = [], False
    for cell in cells:
        # Asked once: what is missing for one cell is for all.
        row = None if missing and cell[2] else measure(program, cell, accesses)
        missing = missing or row is None
        if row:
            rows.append(row)
    if missing:
        print("packed rings are left out: the library doesn't have them")
    return rows


def built_by(named):
    return f"{named['built-by']}, {platform.machine()}, {' '.join(platform.libc_ver())}"


def renew(program, named):
    rows = measure_all(program, CHECKED, accesses=False)
    document = {"license": "SPDX-License-Identifier: BSD-3-Clause",
                "built_by": built_by(named),
                "instructions": {name(row): round(row["instructions"], 2) for row in rows}}
    pathlib.Path(named["renew"]).write_text(json.dumps(document, indent="\t") + "\n",
                                            encoding="utf-8")


def check(program, named):
    path = pathlib.Path(named["check"])
    baseline = json.loads(path.read_text(encoding="utf-8"))
    if baseline["built_by"] != built_by(named):
        report.skip(f"the baseline is of {baseline['built_by']}; this is {built_by(named)}")
    worse = 0
    for row in measure_all(program, CHECKED, accesses=False):
        before = baseline["instructions"].get(name(row))
        now = row["instructions"]
        if before is None:
            print(f"{name(row)}: {now:.1f}; the baseline doesn't have it")
            continue
        print(f"{name(row)}: {now:.1f}, was {before:.1f} ({now / before - 1:+.1%})")
        worse += now > before * ALLOWED
    if worse:
        print(f"{worse} of these are more than 3 % above {path.name}. Where the reason is a good "
              "one, renew it in the release build, and say the reason in the commit's message:\n"
              f"  tests/bench/instructions.py BUILD/tests/bench/bench-instructions "
              f"--renew=tests/bench/{path.name} --built-by='{named['built-by']}'")
    return 1 if worse else 0


def main():
    (program,), named = report.options(("quick", "json", "check", "renew", "built-by"))
    if "check" in named:
        return check(program, named)
    if "renew" in named:
        renew(program, named)
        return 0
    rows = measure_all(program, CHECKED if "quick" in named else matrix())
    print("instructions and memory accesses of the library for each read of 4 KiB:")
    report.table(rows, COLUMNS)
    report.finish("instructions", rows, named)
    return 0 if rows and all(row["instructions"] > 0 for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
