#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Measures random 4 KiB reads a second over the socket, at depths 1, 32 and 128.

The back-end is vscsi-target in poll mode with a LUN that moves no data; the load is vscsi-perf's.
Each rate is reported with its ratio to the bare ring of two threads, measured right before it:
the rates of two machines differ, the ratios should not.
usage: iops.py TARGET PERF BENCH-RATE [--quick] [--json=FILE]
"""

import json
import subprocess
import sys

sys.dont_write_bytecode = True
import report  # noqa: E402

DEPTHS = (1, 32, 128)
COLUMNS = {"depth": "depth", "rate": "reads/s", "p50_us": "p50 us", "p99_us": "p99 us",
           "bare": "bare ring/s", "ratio": "ratio"}


def bare_rate(program, depth, ms):
    """The best of three short runs: the machine's ceiling, whatever else runs on it."""
    result = subprocess.run([program, "bare", str(depth), str(ms), "3"], stdout=subprocess.PIPE,
                            text=True, timeout=60, check=True)
    return max(json.loads(line)["bare"] for line in result.stdout.splitlines())


def perf_rate(perf, socket, depth, seconds):
    """Completed reads a second, and their latencies in microseconds: median and 99 %."""
    result = subprocess.run(
        [perf, f"--address=vhost-user:{socket}", "--lun=0:0", "--rw=randread", "--bs=4k",
         f"--iodepth={depth}", "--time_based", f"--runtime={round(seconds * 1000)}ms",
         "--eta=never", "--output-format=json", "--name=bench"],
        stdout=subprocess.PIPE, text=True, timeout=60 + seconds, check=True)
    read = json.loads(result.stdout)["jobs"][0]["read"]
    percentile = read["clat_ns"]["percentile"]
    return read["iops"], percentile["50.000000"] / 1e3, percentile["99.000000"] / 1e3


def measure(target, perf, bare, seconds):
    rows = []
    with report.null_target(target, "--mode=poll") as (_, folder):
        for depth in DEPTHS:
            ring = bare_rate(bare, depth, seconds * 200)
            rate, median, slow = perf_rate(perf, folder / "s", depth, seconds)
            rows.append({"depth": depth, "rate": rate, "bare": ring, "ratio": rate / ring,
                         "p50_us": median, "p99_us": slow})
    return rows


def main():
    programs, named = report.options(("quick", "json"))
    if report.processors() < 2:
        report.skip("reader and back-end need a processor each")
    rows = measure(*programs, 0.05 if "quick" in named else 3)
    print("random 4 KiB reads, one thread, null LUN, polling back-end:")
    report.table([{**row, "rate": f"{row['rate']:.0f}", "bare": f"{row['bare']:.0f}"}
                  for row in rows], COLUMNS)
    report.finish("iops", rows, named)
    return 0 if all(row["rate"] > 0 for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
