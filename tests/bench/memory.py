#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Tells the memory of an open and idle device: DMA memory in use in its pool, and heap.

usage: memory.py BENCH-MEMORY [--quick] [--json=FILE]
"""

import json
import subprocess
import sys

sys.dont_write_bytecode = True
import report  # noqa: E402

COLUMNS = {"options": "options", "queues": "queues", "slots": "slots", "pool": "pool bytes",
           "slot": "pool bytes a slot", "heap": "heap bytes"}


def main():
    (program,), named = report.options(("quick", "json"))
    result = subprocess.run([program], stdout=subprocess.PIPE, text=True, timeout=60, check=True)
    cells = [json.loads(line) for line in result.stdout.splitlines()]
    for cell in cells:
        cell["slot"] = cell["pool"] / cell["slots"]
    print("an idle device with three request queues:")
    report.table(cells, COLUMNS)
    report.finish("memory", cells, named)
    return 0 if all(cell["pool"] for cell in cells) else 1


if __name__ == "__main__":
    sys.exit(main())
