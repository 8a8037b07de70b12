#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Renews RESULTS.md: runs the benchmarks that measure rates, and replaces those of the page's
sections that the run has figures for: the turns of `rate` with near and with far CPUs, the other
benchmarks. All else on the page stays as it is.

usage: results.py PAGE BUILD            ninja -C BUILD bench-results does this
       results.py PAGE BUILD --quick    no new run: from the figures of the short ones, into BUILD
"""

import datetime
import json
import pathlib
import re
import subprocess
import sys

sys.dont_write_bytecode = True
import report  # noqa: E402

BENCHMARKS = ("rate", "oversubscribed", "headroom", "iops")
RATE_COLUMNS = {"depth": "depth", "library": "reads/s", "bare": "bare ring/s", "ratio": "ratio",
                "library_backoff": "reads/s, backing off", "eager_cost": "eager polling costs",
                "idle": "polls that found nothing", "undisturbed": "turns"}
HEADINGS = {
    "oversubscribed": ("Two jobs and `vscsi-target` on two CPUs (`oversubscribed`)",
                       {"target": "target", "depth": "depth", "poll": "vscsi_poll()/s",
                        "wait": "vscsi_wait()/s", "spin": "spin_us=50/s",
                        "perf": "vscsi-perf/s", "poll_ratio": "poll/wait",
                        "spin_ratio": "spin/wait", "perf_ratio": "perf/wait"}),
    "headroom": ("Work that a loop has time for, `vscsi-target` (`headroom`)",
                 {"depth": "depth", "rate": "reads/s", "period_ns": "ns a read",
                  "work_ns": "of these for other work", "busy_ns": "busy"}),
    "iops": ("`vscsi-perf` and `vscsi-target` (`iops`)",
             {"depth": "depth", "rate": "reads/s", "p50_us": "p50 us", "p99_us": "p99 us",
              "ratio": "to the bare ring"}),
}


def machine():
    """Processor and number of CPUs, as the kernel tells them."""
    text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    kind = "a virtual machine" if re.search(r"^flags.*\bhypervisor\b", text, re.MULTILINE) else ""
    return ", ".join(part for part in (model.group(1) if model else "unknown processor",
                                       f"{report.processors()} CPUs", kind) if part)


def cell(key, value):
    if value is None:
        return "-"
    if isinstance(value, float):
        if "ratio" in key or key in ("eager_cost", "idle"):
            return f"{value:.2f}"
        return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.1f}"
    return str(value)


def table(rows, columns):
    lines = [list(columns.values()), ["---"] * len(columns)]
    lines += [[cell(key, row.get(key)) for key in columns] for row in rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def run_of(what):
    """When and where, and the command, which is what anybody would type."""
    return (f"{datetime.date.today()}; {machine()}{what}.\n"
            "`ninja -C build/bench bench-results`, a release build.\n\n")


def sections(figures):
    """The text of each section that there are figures for, by name."""
    found = {}
    for cpus in ("near", "far"):
        rows = [row for row in figures["rate"]["cells"] if row["cpus"] == cpus]
        # Every depth, or what is there tells more.
        if len(rows) == len({row["depth"] for row in figures["rate"]["cells"]}):
            word, work = 1e9 / rows[0]["word"], rows[0]["device_ns"]
            found[cpus] = run_of(f"; a word there and back {word:.0f} ns, the device's work "
                                 f"{work:.0f} ns") + table(rows, RATE_COLUMNS)
    found["others"] = run_of("") + "\n".join(
        f"### {heading}\n\n{table(figures[name]['cells'], columns)}"
        for name, (heading, columns) in HEADINGS.items() if name in figures)
    return found


def replace(page, where, text):
    begin, end = f"<!-- {where} begins -->\n", f"<!-- {where} ends -->\n"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        sys.exit(f"the page has no section between '{begin.strip()}' and '{end.strip()}'")
    return before + begin + text + end + after


def main():
    (page, build), named = report.options(("quick",))
    quick = "quick" in named
    folder = pathlib.Path(build) / "tests" / "bench"
    if not quick:
        subprocess.run(["meson", "test", "-C", build, "--benchmark", "--verbose", *BENCHMARKS],
                       check=True)
    sources = {name: folder / f"{name}{'-quick' if quick else ''}.json" for name in BENCHMARKS}
    figures = {name: json.loads(path.read_text(encoding="utf-8"))
               for name, path in sources.items() if path.exists()}
    if "rate" not in figures:
        report.skip("'rate' has left no figures: it needs two idle CPUs")
    text = pathlib.Path(page).read_text(encoding="utf-8")
    for name, body in sections(figures).items():
        text = replace(text, name, body)
    target = folder / "RESULTS-quick.md" if quick else pathlib.Path(page)
    target.write_text(text, encoding="utf-8")
    print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
