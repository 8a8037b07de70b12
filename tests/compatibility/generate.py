#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Makes README.md, the page on what is tested with which back-end, from cells.tsv.

cells.tsv has one row for each back-end and capability: back-end, capability, what happens ('yes',
'no' or '-'), and the evidence: for 'yes' and 'no' the tests that show it, 'PROGRAM' or
'PROGRAM CASE', separated by ', '; for '-', which means 'not tested', the reason. 'no' has a reason
after a semicolon.

generate.py --write            writes README.md
generate.py --check TESTS.JSON fails if README.md is out of date, a cell is missing, or a test does
                               not exist; TESTS.JSON is Meson's list of tests ('-': standard input)
"""

import collections
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
TABLE = HERE / "cells.tsv"
PAGE = HERE / "README.md"

BACK_ENDS = {
    "vscsi-target": "`vscsi-target`, over `vhost-user:`",
    "DPDK": "a back-end on DPDK's librte_vhost (`tests/peers/dpdk/`), over `vhost-user:`",
    "QEMU": "QEMU's virtio-scsi-pci, over `pci:`, in the guest",
    "LIO": "Linux's SCSI target, over `vhost-scsi:`, in the guest; the disk is a file",
    "vfio-user": "a scripted server with the habits of SPDK's and QEMU's, over `vfio-user:`",
}
CAPABILITIES = (
    "discovery", "several LUNs", "verified I/O", "several queues", "packed", "sleeping",
    "hot-plug", "resize", "replay", "exact", "application memory", "abort", "LUN reset",
    "device reset", "flush", "unmap", "write zeroes", "compare and write", "reservations")
MARKS = {"yes": "✓", "no": "✗", "-": "·"}

Cell = collections.namedtuple("Cell", "mark tests reason")


def read_table():
    """The cells by back-end and capability, and what is wrong with the table."""
    cells, findings = {}, []
    for number, line in enumerate(TABLE.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("#"):
            continue
        fields = line.split("\t")
        where = f"cells.tsv:{number}"
        if len(fields) != 4 or fields[2] not in MARKS or not fields[3]:
            findings.append(f"{where}: not 'back-end, capability, yes|no|-, evidence'")
            continue
        key = tuple(fields[:2])
        if key[0] not in BACK_ENDS or key[1] not in CAPABILITIES or key in cells:
            findings.append(f"{where}: {' / '.join(key)} is unknown, or occurs twice")
        tests, reason = fields[3], ""
        if fields[2] == "-":
            tests, reason = "", fields[3]
        elif fields[2] == "no":
            tests, _, reason = fields[3].partition("; ")
            if not reason:
                findings.append(f"{where}: 'no' without a reason")
        cells[key] = Cell(fields[2], tests.split(", ") if tests else [], reason)
    findings += [f"cells.tsv: no row for {back_end} / {capability}"
                 for back_end in BACK_ENDS for capability in CAPABILITIES
                 if (back_end, capability) not in cells]
    return cells, findings


def missing_tests(cells, programs):
    """Tests of the table that don't exist. A case is a word in a test's source."""
    words = set()
    for path in HERE.parent.rglob("*"):
        if path.suffix in (".c", ".py", ".sh") and HERE not in path.parents:
            words.update(re.findall(r"[\w-]+", path.read_text(encoding="utf-8")))
    for (back_end, capability), cell in cells.items():
        for test in cell.tests:
            program, _, case = test.partition(" ")
            if program not in programs or (case and case not in words):
                yield f"{back_end} / {capability}: there is no test '{test}'"


def make_page(cells):
    lines = ["<!-- SPDX-License-Identifier: BSD-3-Clause -->",
             "<!-- Made by generate.py from cells.tsv. -->",
             "# What is tested with which back-end", "",
             "✓ works, ✗ does not work with this back-end, · not tested. The tables below name the",
             "test of each cell, or the reason.", ""]
    lines += [f"- **{name}**: {what}" for name, what in BACK_ENDS.items()]
    lines += ["", "| back-end | " + " | ".join(CAPABILITIES) + " |",
              "|---|" + ":-:|" * len(CAPABILITIES)]
    for name in BACK_ENDS:
        marks = (MARKS[cells[name, capability].mark] for capability in CAPABILITIES)
        lines.append(f"| {name} | " + " | ".join(marks) + " |")
    for name in BACK_ENDS:
        lines += ["", f"## {name}", "", "| capability | | test, or reason |", "|---|:-:|---|"]
        for capability in CAPABILITIES:
            cell = cells[name, capability]
            evidence = ", ".join(f"`{test}`" for test in cell.tests)
            evidence = ": ".join(filter(None, (evidence, cell.reason)))
            lines.append(f"| {capability} | {MARKS[cell.mark]} | {evidence} |")
    return "\n".join(lines) + "\n"


def main():
    cells, findings = read_table()
    if not findings and sys.argv[1:] == ["--write"]:
        PAGE.write_text(make_page(cells), encoding="utf-8")
    elif not findings and sys.argv[1:2] == ["--check"] and len(sys.argv) == 3:
        source = sys.stdin if sys.argv[2] == "-" else open(sys.argv[2], encoding="utf-8")
        with source:
            programs = {test["name"] for test in json.load(source)}
        findings += missing_tests(cells, programs)
        if PAGE.read_text(encoding="utf-8") != make_page(cells):
            findings.append("README.md is out of date: run tests/compatibility/generate.py --write")
    elif not findings:
        sys.exit(__doc__)
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
