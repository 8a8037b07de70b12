#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Measures what share of a bare two-thread ring's rate the library reaches against a device thread
that works as long for each request as real ones do, what eager polling costs, and the round trip at
depth 1 against a word sent there and back. By turns, in one run. Where a virtual machine's host
moves its CPUs, some turns find them near each other and others far: a row for each.

usage: rate.py BENCH-RATE [--quick] [--json=FILE]
"""

import json
import subprocess
import sys

sys.dont_write_bytecode = True
import report  # noqa: E402

# A word there and back between the caches of two CPUs. Those that share one take a fraction of it.
NEAR_NS = 250
DEPTHS = (1, 2, 4, 8, 16, 32, 64, 128)
COLUMNS = {"depth": "depth", "cpus": "CPUs", "library": "reads/s", "bare": "bare ring/s", "ratio": "ratio",
           "ratio_low": "quarter", "ratio_high": "3 quarters", "idle": "idle polls",
           "eager_cost": "eager costs", "undisturbed": "undisturbed"}


def turns(program, depth, ms, count):
    result = subprocess.run([program, "ring", str(depth), str(ms), str(count)],
                            stdout=subprocess.PIPE, text=True, timeout=300, check=True)
    return [json.loads(line) for line in result.stdout.splitlines()]


def summary(depth, cpus, good):
    row = {"depth": depth, "cpus": cpus, "undisturbed": len(good)}
    row["ratio"], row["ratio_low"], row["ratio_high"] = report.spread(
        [one["library"] / one["bare"] for one in good])
    row["eager_cost"] = report.spread([1 - one["library"] / one["library_backoff"]
                                       for one in good])[0]
    # Without the device's own work, a round trip of the library to one of a bare word.
    row["trip_ratio"] = report.spread([(1e9 / one["library"] * depth - one["device_ns"]) *
                                       one["word"] / 1e9 for one in good])[0]
    for key in ("library", "library_backoff", "bare", "word", "idle", "device_ns"):
        row[key] = report.spread([one[key] for one in good])[0]
    return row


def summaries(depth, samples):
    """A row for near and for far CPUs, where there were turns enough; else an empty one."""
    for one in samples:
        # The bare ring at its best: with or without backing off.
        one["bare"] = max(one["bare"], one["bare_backoff"])
        one["cpus"] = "near" if 1e9 / one["word"] < NEAR_NS else "far"
    groups = {cpus: report.undisturbed([one for one in samples if one["cpus"] == cpus])
              for cpus in ("near", "far")}
    rows = [summary(depth, cpus, good) for cpus, good in groups.items() if good]
    return rows or [summary(depth, None, [])]


def main():
    (program,), named = report.options(("quick", "json"))
    if report.processors() < 2:
        report.skip("driver and device need a processor each")
    depths, ms, count = ((1, 32), 5, 3) if "quick" in named else (DEPTHS, 4, 60)
    samples = {depth: turns(program, depth, ms, count) for depth in depths}
    rows = [row for depth in depths for row in summaries(depth, samples[depth])]
    print(f"the library against a device thread, by turns with a bare ring; medians of the "
          f"undisturbed turns\nof {ms} ms, and nothing where those were fewer than 5:")
    report.table([{**row, "library": row["library"] and f"{row['library']:.0f}",
                   "bare": row["bare"] and f"{row['bare']:.0f}"} for row in rows], COLUMNS)
    for row in rows:
        if row["depth"] == 1 and row["cpus"]:
            print(f"round trip at depth 1, {row['cpus']} CPUs: {1e9 / row['library']:.0f} ns; bare "
                  f"ring {1e9 / row['bare']:.0f} ns; a word there and back "
                  f"{1e9 / row['word']:.0f} ns;\n  the device's own work {row['device_ns']:.0f} ns; "
                  f"without it, to the word's: {row['trip_ratio']:.2f}")
    report.finish("rate", rows, named)
    return 0 if all(sum(one["library"] for one in samples[depth]) > 0 for depth in depths) else 1


if __name__ == "__main__":
    sys.exit(main())
