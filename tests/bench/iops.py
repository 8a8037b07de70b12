#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Measures random 4 KiB reads a second over the socket, at depths 1, 32 and 128.

The back-end is vscsi-target in poll mode with a LUN that moves no data; the load is vscsi-perf's.
Beside each rate stands its ratio to a bare pair of rings between two threads, measured right before
it: the rates of two machines differ, the ratios should not.
usage: iops.py TARGET PERF BARE-RING [--seconds=N] [--json=FILE]
"""

import json
import pathlib
import subprocess
import sys
import tempfile

DEPTHS = (1, 32, 128)


def bare_rate(program, depth):
    """The best of three short runs: the machine's ceiling, whoever else is at work."""
    runs = [subprocess.run([program, str(depth), "0.5"], stdout=subprocess.PIPE, text=True,
                           timeout=60, check=True) for _ in range(3)]
    return max(float(result.stdout) for result in runs)


def perf_rate(perf, socket, depth, seconds):
    """Completed reads a second, and their latencies in microseconds: median and 99 %."""
    result = subprocess.run(
        [perf, f"--address=vhost-user:{socket}", "--lun=0:0", "--rw=randread", "--bs=4k",
         f"--iodepth={depth}", "--time_based", f"--runtime={seconds}", "--eta=never",
         "--output-format=json", "--name=bench"],
        stdout=subprocess.PIPE, text=True, timeout=60 + seconds, check=True)
    read = json.loads(result.stdout)["jobs"][0]["read"]
    percentile = read["clat_ns"]["percentile"]
    return read["iops"], percentile["50.000000"] / 1e3, percentile["99.000000"] / 1e3


def measure(target, perf, bare, seconds):
    rows = []
    with tempfile.TemporaryDirectory(prefix="vscsi-") as folder:
        socket = pathlib.Path(folder) / "s"
        with subprocess.Popen([target, f"--socket={socket}", "--lun=0:0,null=1G", "--mode=poll"],
                              stdout=subprocess.PIPE, text=True) as server:
            try:
                server.stdout.readline()
                for depth in DEPTHS:
                    ring = bare_rate(bare, depth)
                    rate, median, slow = perf_rate(perf, socket, depth, seconds)
                    rows.append({"depth": depth, "iops": rate, "bare_ring": ring,
                                 "ratio": rate / ring, "p50_us": median, "p99_us": slow})
            finally:
                server.terminate()
                server.wait(timeout=30)
    return rows


def main():
    options = dict(argument[2:].split("=", 1) for argument in sys.argv[4:])
    rows = measure(*sys.argv[1:4], int(options.get("seconds", "3")))
    print("random 4 KiB reads, one thread, null LUN, polling back-end:")
    print(f"{'depth':>6}{'reads/s':>12}{'p50 us':>9}{'p99 us':>9}{'bare ring/s':>14}{'ratio':>8}")
    for row in rows:
        print(f"{row['depth']:6}{row['iops']:12.0f}{row['p50_us']:9.1f}{row['p99_us']:9.1f}"
              f"{row['bare_ring']:14.0f}{row['ratio']:8.3f}")
    if "json" in options:
        pathlib.Path(options["json"]).write_text(json.dumps(rows, indent=2), encoding="utf-8")
    return 0 if all(row["iops"] > 0 for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
