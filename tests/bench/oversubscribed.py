#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Measures 4 KiB reads a second with more threads than CPUs: two CPUs, two jobs and a back-end.

The jobs spin on vscsi_poll(), or call vscsi_wait() when a poll found nothing, without and with
spin_us, or are vscsi-perf's with its defaults. The back-end is vscsi-target with a LUN that moves
no data; it polls, or sleeps until it is notified. By turns; each rate is reported with its ratio to
that of vscsi_wait() without spin_us.
usage: oversubscribed.py TARGET BENCH-SOCKET PERF [--quick] [--json=FILE]
"""

import json
import os
import statistics
import subprocess
import sys

sys.dont_write_bytecode = True
import report  # noqa: E402

CPUS = 2
READERS = ("poll", "wait", "spin", "perf")
COLUMNS = {"target": "target", "depth": "depth", "poll": "vscsi_poll()/s",
           "wait": "vscsi_wait()/s", "spin": "spin_us=50/s", "perf": "vscsi-perf/s",
           "poll_ratio": "poll/wait", "spin_ratio": "spin/wait", "perf_ratio": "perf/wait"}


def loop_rate(program, address, depth, ms, mode):
    result = subprocess.run([program, address, str(depth), str(ms), mode, str(CPUS)],
                            stdout=subprocess.PIPE, text=True, timeout=60 + ms / 1e3, check=True)
    done = json.loads(result.stdout)
    return done["reads"] / done["seconds"]


def perf_rate(program, address, depth, ms):
    result = subprocess.run(
        [program, f"--address={address}", "--rw=randread", f"--iodepth={depth}",
         f"--numjobs={CPUS}", "--group_reporting", "--time_based", f"--runtime={ms}ms",
         "--eta=never", "--output-format=json", "--name=bench"],
        stdout=subprocess.PIPE, text=True, timeout=60 + ms / 1e3, check=True)
    return json.loads(result.stdout)["jobs"][0]["read"]["iops"]


def measure(programs, mode, depth, ms, turns):
    target, loop, perf = programs
    rates = {reader: [] for reader in READERS}
    with report.null_target(target, f"--mode={mode}") as (_, folder):
        address = f"vhost-user:{folder}/s"
        for _ in range(turns):
            for reader in READERS:
                rates[reader].append(
                    perf_rate(perf, address, depth, ms) if reader == "perf"
                    else loop_rate(loop, address, depth, ms, reader))
    row = {"target": mode, "depth": depth, **{key: statistics.median(rates[key]) for key in rates}}
    for reader in ("poll", "spin", "perf"):
        row[f"{reader}_ratio"] = row[reader] / row["wait"]
    return row


def main():
    programs, named = report.options(("quick", "json"))
    if report.processors() < CPUS:
        report.skip(f"this needs {CPUS} CPUs")
    # The programs that are started inherit it.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CPUS])
    quick = "quick" in named
    cells = (("poll", 32),) if quick else (("poll", 1), ("poll", 32), ("eventfd", 1),
                                           ("eventfd", 32))
    rows = [measure(programs, mode, depth, 50 if quick else 300, 1 if quick else 3)
            for mode, depth in cells]
    print(f"reads of {CPUS} jobs on {CPUS} CPUs that they share with the target; medians:")
    report.table([{**row, **{key: f"{row[key]:.0f}" for key in READERS}} for row in rows], COLUMNS)
    report.finish("oversubscribed", rows, named)
    return 0 if all(row[key] > 0 for row in rows for key in READERS) else 1


if __name__ == "__main__":
    sys.exit(main())
