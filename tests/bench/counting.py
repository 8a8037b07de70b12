# SPDX-License-Identifier: BSD-3-Clause
"""Runs bench-instructions under callgrind and tells what a read cost inside the library."""

import pathlib
import re
import subprocess
import sys
import tempfile

import report

FUNCTION = re.compile(r"\((\d+)\)(?: (.*))?")


def inclusive(path, wanted):
    """The events of each wanted function and all that it called, and the events' names."""
    names, events, totals = {}, [], {}
    current, called = None, False
    for line in path.read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition("=")
        if key in ("fn", "cfn"):
            number, name = FUNCTION.match(value).groups()
            if name:
                names[number] = name
            if key == "fn":
                current = totals.setdefault(names[number], None)
                current = names[number]
        elif line.startswith("events: "):
            events = line.split()[1:]
        elif current in wanted and line[:1] in "0123456789+-*":
            costs = [int(cost) for cost in line.split()[1:]]
            costs += [0] * (len(events) - len(costs))
            before = totals[current] or [0] * len(events)
            totals[current] = [a + b for a, b in zip(before, costs)]
    return {name: dict(zip(events, totals.get(name) or [0] * len(events))) for name in wanted}


def count(program, accesses=True, reads=4096, **cell):
    """Figures of one cell: instructions, and reads and writes of memory, for each read.

    None: the library doesn't know such rings."""
    vector = "v" if cell.get("segs", 1) > 1 else ""
    functions = [f"vscsi_read{vector}", f"vscsi_write{vector}", "vscsi_submit", "vscsi_poll"]
    arguments = [f"--{name}={int(value)}" for name, value in cell.items()]
    with tempfile.TemporaryDirectory(prefix="vscsi-") as folder:
        out = pathlib.Path(folder) / "callgrind"
        result = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}",
             f"--cache-sim={'yes' if accesses else 'no'}", "--zero-before=counting_begins",
             "--dump-before=counting_ends",
             *(f"--toggle-collect={function}" for function in functions),
             program, f"--reads={reads}", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
        if result.returncode == report.SKIPPED:
            return None
        if result.returncode:
            sys.exit(f"{' '.join(arguments)} failed under callgrind:\n{result.stdout}")
        totals = inclusive(out.with_suffix(".1"), functions)
    # Batches are whole: the last one may go beyond what was asked for.
    batch = cell.get("batch", 32)
    done = -(-reads // batch) * batch
    figures = {"instructions": sum(total["Ir"] for total in totals.values()) / done,
               "prepare": sum(totals[name]["Ir"] for name in functions[:2]) / done,
               "submit": totals["vscsi_submit"]["Ir"] / done,
               "poll": totals["vscsi_poll"]["Ir"] / done}
    if accesses:
        figures["loads"] = sum(total["Dr"] for total in totals.values()) / done
        figures["stores"] = sum(total["Dw"] for total in totals.values()) / done
    return figures
