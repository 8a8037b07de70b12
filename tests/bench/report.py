# SPDX-License-Identifier: BSD-3-Clause
"""What the benchmarks' scripts have in common: options, the table, and the JSON; README.md has the
schema."""

import contextlib
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile

SKIPPED = 77  # as Meson understands it


def options(known):
    """The arguments: those without dashes, and a dict of --name or --name=value."""
    plain = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    named = {}
    for argument in sys.argv[1:]:
        if argument.startswith("--"):
            name, _, value = argument[2:].partition("=")
            if name not in known:
                sys.exit(f"there is no option --{name}; there are: {', '.join(known)}")
            named[name] = value or True
    return plain, named


def processors():
    return len(os.sched_getaffinity(0))


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


@contextlib.contextmanager
def null_target(program, *arguments):
    """A vscsi-target with a LUN that moves no data, for a while: its process and its folder, in
    which the socket is "s"."""
    with tempfile.TemporaryDirectory(prefix="vscsi-") as name:
        folder = pathlib.Path(name)
        arguments = [argument.format(folder=folder) for argument in arguments]
        with subprocess.Popen([program, f"--socket={folder}/s", "--lun=0:0,null=1G", *arguments],
                              stdout=subprocess.PIPE, text=True) as server:
            try:
                server.stdout.readline()
                yield server, folder
            finally:
                server.terminate()
                server.wait(timeout=30)


def spread(values):
    """Median and quartiles of a series: one busy moment must not make the figure."""
    if not values:
        return None, None, None
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return middle, low, high


def undisturbed(samples, share=0.98, least=5):
    """The turns in which each thread had its processor nearly all the time; none where there are
    too few of those, as the figures of the others show the scheduler and nothing else."""
    good = [sample for sample in samples if sample["share"] >= share]
    return good if len(good) >= least else []


def text(value):
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
    return str(value)


def table(rows, columns):
    """Rows are dicts; columns name their keys, and the heading of each."""
    lines = [list(columns.values())]
    lines += [[text(row.get(key, "-")) for key in columns] for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        print("  " + "  ".join(cell.rjust(width) for cell, width in zip(line, widths)))


def finish(benchmark, cells, named, **more):
    """Writes the JSON where --json says."""
    if "json" in named:
        document = {"benchmark": benchmark, "schema": 1,
                    "machine": {"processor": platform.machine(), "processors": processors(),
                                "system": platform.release(), "load": os.getloadavg()[0]},
                    **more, "cells": cells}
        pathlib.Path(named["json"]).write_text(json.dumps(document, indent=2) + "\n",
                                               encoding="utf-8")
