#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Measures over the socket, against vscsi-target with a LUN that moves no data, what a 4 KiB read
takes of the processors on both sides, and how many notifications a thousand reads need.

usage: vhost_user.py TARGET BENCH-SOCKET [--quick] [--json=FILE]
"""

import json
import os
import pathlib
import socket
import subprocess
import sys

sys.dont_write_bytecode = True
import report  # noqa: E402

# How the target waits, and how the reader does.
MODES = (("poll", "poll"), ("eventfd", "poll"), ("eventfd", "wait"))
DEPTHS = (1, 32)
COLUMNS = {"target": "target", "reader": "reader", "depth": "depth", "rate": "reads/s",
           "reader_cpu_us": "reader us", "target_cpu_us": "target us",
           "kicks": "kicks/1000", "calls": "calls/1000"}


def ask(path):
    """The target's counters."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
        control.settimeout(30)
        control.connect(str(path))
        control.sendall(b"stat\n")
        return json.loads(control.makefile().readline())


def processor_seconds(pid):
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(target, program, mode, reader, depth, ms):
    with report.null_target(target, "--control={folder}/c", f"--mode={mode}") as (server, folder):
        control = folder / "c"
        before, spent = ask(control), processor_seconds(server.pid)
        result = subprocess.run(
            [program, f"vhost-user:{folder}/s", str(depth), str(ms), reader],
            stdout=subprocess.PIPE, text=True, timeout=60 + ms / 1e3, check=True)
        after, spent = ask(control), processor_seconds(server.pid) - spent
    done = json.loads(result.stdout)
    # Opening the device and the LUN is in the target's counts: some dozens among very many.
    return {"target": mode, "reader": reader, "depth": depth,
            "rate": done["reads"] / done["seconds"],
            "reader_cpu_us": done["cpu"] / done["reads"] * 1e6,
            "target_cpu_us": spent / done["reads"] * 1e6,
            "kicks": (after["kicks"] - before["kicks"]) / done["reads"] * 1e3,
            "calls": (after["calls"] - before["calls"]) / done["reads"] * 1e3}


def main():
    (target, program), named = report.options(("quick", "json"))
    ms = 50 if "quick" in named else 2000
    rows = [measure(target, program, mode, reader, depth, ms)
            for mode, reader in MODES for depth in DEPTHS]
    print("4 KiB reads over the socket, null LUN, one thread; processor time and notifications:")
    report.table([{**row, "rate": f"{row['rate']:.0f}"} for row in rows], COLUMNS)
    report.finish("vhost_user", rows, named)
    return 0 if all(row["rate"] > 0 for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
