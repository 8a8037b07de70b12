#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Renews RESULTS.md: runs the benchmarks that measure rates, and replaces the page's section for
CPUs that are as far from each other as those of this run. All else on the page stays as it is.

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

# A word there and back between the caches of two CPUs. Those that share one take a fraction of it.
NEAR_NS = 250
BENCHMARKS = ("rate", "oversubscribed", "headroom", "iops")
HEADINGS = {
    "rate": ("The library and a device thread (`rate`)",
             {"depth": "depth", "library": "reads/s", "bare": "bare ring/s", "ratio": "ratio",
              "library_backoff": "reads/s, backing off", "eager_cost": "eager polling costs",
              "idle": "polls that found nothing"}),
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


def word_ns(figures):
    rate = figures["rate"]["cells"][0]["word"]
    return 1e9 / rate if rate else None


def section(figures, title):
    """The section's text; the command is what anybody would type."""
    first = figures["rate"]["cells"][0]
    text = (f"## {title}\n\n{datetime.date.today()}; {machine()}; a word there and back "
            f"{cell('', word_ns(figures))} ns, the device's work "
            f"{cell('', first['device_ns'])} ns.\n"
            "`ninja -C build/bench bench-results`, a release build.\n")
    for name, (heading, columns) in HEADINGS.items():
        if name in figures:
            text += f"\n### {heading}\n\n{table(figures[name]['cells'], columns)}"
    return text


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
    # Short runs have too few turns for any.
    if "rate" not in figures or not (quick or word_ns(figures)):
        report.skip("'rate' has left no figures: it needs two idle CPUs")
    near = (word_ns(figures) or 0) < NEAR_NS
    text = replace(pathlib.Path(page).read_text(encoding="utf-8"), "near" if near else "far",
                   section(figures, "Near CPUs" if near else "Far CPUs"))
    target = folder / "RESULTS-quick.md" if quick else pathlib.Path(page)
    target.write_text(text, encoding="utf-8")
    print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
