#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Counts instructions for each read as queues, LUNs and registered regions grow, and measures the
rate of one, two and more threads with a queue each.

usage: scaling.py BENCH-INSTRUCTIONS BENCH-QUEUES [--quick] [--json=FILE]
       scaling.py BENCH-INSTRUCTIONS --check     counts only; fails where a cell is above the first
                                                 one of its row by more than 3 %
"""

import json
import subprocess
import sys

sys.dont_write_bytecode = True
import counting  # noqa: E402
import report  # noqa: E402

ALLOWED = 1.03
# What grows, and through which sizes; the reads go around all LUNs, and with "spread" all regions.
GROWTH = (
    ("queues", [{"queues": n} for n in (2, 16, 64, 254)]),
    ("LUNs", [{"luns": n} for n in (1, 64, 16384)]),
    ("regions registered", [{"regions": n} for n in (0, 1, 8, 56)]),
    ("regions used by turns", [{"regions": n, "spread": n} for n in (2, 8, 56)]),
)
# Cheap, and flat whatever the machine.
CHECKED = {
    "queues": [{"queues": n} for n in (2, 254)],
    "LUNs": [{"luns": n} for n in (1, 4096)],
    "regions registered": [{"regions": n} for n in (1, 56)],
}

QUICK = (("regions used by turns", [{"regions": 2, "spread": 2}]),)


def count(program, cells, accesses=True):
    """One row for each kind of growth and size."""
    for what, sizes in cells:
        for size in sizes:
            yield {"growing": what, "size": next(iter(size.values())),
                   **counting.count(program, accesses, reads=2048, **size)}


def check(program):
    worse, first = 0, {}
    for row in count(program, CHECKED.items(), accesses=False):
        least = first.setdefault(row["growing"], row["instructions"])
        print(f"{row['size']:6} {row['growing']}: {row['instructions']:.1f}")
        worse += row["instructions"] > least * ALLOWED
    if worse:
        print("instructions for each read grow by more than 3 % with the size of the device")
    return 1 if worse else 0


def rates(program, numbers, ms, turns):
    result = subprocess.run([program, str(ms), str(turns), *map(str, numbers)],
                            stdout=subprocess.PIPE, text=True, timeout=300, check=True)
    found = [json.loads(line) for line in result.stdout.splitlines()]
    # A turn is one line for each number of queues. More threads than processors share them anyway.
    turned = [found[i:i + len(numbers)] for i in range(0, len(found), len(numbers))]
    for i, number in enumerate(numbers):
        samples = [{"rate": turn[i]["rate"], "ratio": turn[i]["rate"] / turn[0]["rate"],
                    "share": min(turn[0]["share"], turn[i]["share"])} for turn in turned]
        good = samples if number > report.processors() else report.undisturbed(samples)
        yield {"queues": number, "rate": report.spread([one["rate"] for one in good])[0],
               "to_one": report.spread([one["ratio"] for one in good])[0],
               "turns": len(good), "moved": sum(one["rate"] for one in samples) > 0}


def main():
    programs, named = report.options(("quick", "json", "check"))
    if "check" in named:
        return check(programs[0])
    quick = "quick" in named
    counted = list(count(programs[0], QUICK if quick else GROWTH))
    print("instructions and memory accesses for each read, depth 32 in batches of 32:")
    report.table(counted, {"growing": "what grows", "size": "to", "instructions": "instr",
                           "prepare": "prepare", "loads": "loads", "stores": "stores"})
    measured = list(rates(programs[1], (1, 2), 5, 2) if quick else
                    rates(programs[1], (1, 2, 4, 8), 4, 200))
    print(f"threads with a queue each, on {report.processors()} processors, each its own device; "
          "nothing where fewer than 5 turns were undisturbed:")
    report.table([{**row, "rate": row["rate"] and f"{row['rate']:.0f}"} for row in measured],
                 {"queues": "queues", "rate": "reads/s", "to_one": "to one queue",
                  "turns": "turns"})
    report.finish("scaling", counted, named, queues=measured)
    return 0 if all(row["moved"] for row in measured) else 1


if __name__ == "__main__":
    sys.exit(main())
