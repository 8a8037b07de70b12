#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Measures how busy a thread is with its reads: how long it can work on each completion before the
rate drops by 3 %. The rest of the time from one read to the next is what the library, the loop and
the waiting for cache lines take.

usage: headroom.py TARGET BENCH-SOCKET [--quick] [--json=FILE]
       headroom.py BENCH-SOCKET --address=ADDRESS [--target=N]      against one that runs already
"""

import json
import statistics
import subprocess
import sys

sys.dont_write_bytecode = True
import report  # noqa: E402

ALLOWED = 0.97
DEPTHS = (1, 32, 128)
COLUMNS = {"depth": "depth", "rate": "reads/s", "period_ns": "ns a read", "work_ns": "work ns",
           "busy_ns": "busy ns"}


def rate(program, address, target, depth, ms, work):
    result = subprocess.run([program, address, str(depth), str(ms), "poll", "1", str(round(work)),
                             str(target)], stdout=subprocess.PIPE, text=True, timeout=60,
                            check=True)
    done = json.loads(result.stdout)
    return done["reads"] / done["seconds"]


def holds(load, work, turns):
    """Whether the rate with work is nearly that without, in the median of some turns."""
    return statistics.median(rate(*load, work) / rate(*load, 0) for _ in range(turns)) >= ALLOWED


def measure(load, steps, turns):
    plain = statistics.median(rate(*load, 0) for _ in range(turns))
    # Work for the whole period can't but slow the loop down.
    period = 1e9 / plain
    low, high = 0, period
    for _ in range(steps):
        middle = (low + high) / 2
        if holds(load, middle, turns):
            low = middle
        else:
            high = middle
    return {"depth": load[3], "rate": plain, "period_ns": period, "work_ns": low,
            "busy_ns": period - low}


def measure_all(program, address, target, quick):
    depths, ms, steps, turns = ((32,), 10, 2, 1) if quick else (DEPTHS, 100, 6, 3)
    return [measure((program, address, target, depth, ms), steps, turns) for depth in depths]


def main():
    programs, named = report.options(("quick", "json", "address", "target"))
    quick = "quick" in named
    if "address" not in named and report.processors() < 2:
        report.skip("reader and back-end need a CPU each")
    if "address" in named:
        rows = measure_all(programs[0], named["address"], named.get("target", 0), quick)
    else:
        with report.null_target(programs[0], "--mode=poll") as (_, folder):
            rows = measure_all(programs[1], f"vhost-user:{folder}/s", 0, quick)
    print("work on each completion that a loop over vscsi_poll() has time for:")
    report.table([{**row, "rate": f"{row['rate']:.0f}"} for row in rows], COLUMNS)
    report.finish("headroom", rows, named)
    return 0 if all(row["rate"] > 0 for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
