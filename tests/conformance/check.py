#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Holds the table of requirements against the CONFORMS() marks of the tests.

requirements.tsv has one row for each requirement: ID, state, summary, reason. A row whose state is
'test' needs a mark somewhere under tests/; 'later' and 'waived' need a reason and must have no mark,
since then they are neither. A mark must name a row.

check.py            checks; exit status 1 for any finding
check.py --propose  lists the rows whose state doesn't fit the marks, and what it should be
check.py --promote  sets the state of all marked rows to 'test' in the table
"""

import collections
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
TABLE = HERE / "requirements.tsv"
MARK = re.compile(r"\bCONFORMS\(([^)]*)\)")
STRING = re.compile(r'"([^"]*)"')
ID = re.compile(r"R-[A-Z]+-\d\d+$")

Row = collections.namedtuple("Row", "state summary reason")


def read_table():
    """The rows by ID, and what is wrong with the table itself."""
    rows, findings = {}, []
    for number, line in enumerate(TABLE.read_text().splitlines(), 1):
        if line.startswith("#"):
            continue
        fields = line.split("\t")
        where = f"requirements.tsv:{number}"
        if len(fields) != 4 or not ID.match(fields[0]):
            findings.append(f"{where}: not 'ID, state, summary, reason'")
            continue
        name, row = fields[0], Row(*fields[1:])
        if name in rows:
            findings.append(f"{where}: {name} occurs twice")
        if row.state not in ("test", "later", "waived"):
            findings.append(f"{where}: {name} has the unknown state '{row.state}'")
        if not row.summary:
            findings.append(f"{where}: {name} has no summary")
        if (row.state == "test") == bool(row.reason):
            findings.append(f"{where}: {name} is '{row.state}' and has "
                            + ("a reason" if row.reason else "no reason"))
        rows[name] = row
    return rows, findings


def read_marks():
    """Where each ID is marked: ID -> list of file:line."""
    marks = collections.defaultdict(list)
    tests = HERE.parent
    for path in sorted(tests.rglob("*")):
        if path.suffix not in (".c", ".h", ".py", ".sh") or HERE in path.parents:
            continue
        text = path.read_text(errors="replace")
        for mark in MARK.finditer(text):
            line = text.count("\n", 0, mark.start()) + 1
            for name in STRING.findall(mark.group(1)):
                marks[name].append(f"tests/{path.relative_to(tests)}:{line}")
    return marks


def check(rows, marks):
    """One message for each row or mark that doesn't fit, with the state it should have."""
    for name, places in sorted(marks.items()):
        if name not in rows:
            yield f"{places[0]}: marks {name}, which the table doesn't have"
    for name, row in rows.items():
        if row.state == "test" and name not in marks:
            yield f"{name} is 'test' but no test marks it: mark one, or make it 'later'"
        if row.state != "test" and name in marks:
            yield f"{name} is '{row.state}' but {marks[name][0]} marks it: make it 'test'"


def promote(marks):
    lines = []
    for line in TABLE.read_text().splitlines():
        fields = line.split("\t")
        if len(fields) == 4 and fields[1] != "test" and fields[0] in marks:
            fields[1:] = ["test", fields[2], ""]
        lines.append("\t".join(fields) + "\n")
    TABLE.write_text("".join(lines))


def main(arguments):
    if arguments not in ([], ["--propose"], ["--promote"]):
        print(__doc__)
        return 2
    marks = read_marks()
    if arguments == ["--promote"]:
        promote(marks)
    rows, findings = read_table()
    findings += check(rows, marks)
    print("\n".join(findings) if findings else "every row fits the tests")
    states = collections.Counter(row.state for row in rows.values())
    print(f"{len(rows)} requirements: {states['test']} tested, {states['later']} later, "
          f"{states['waived']} waived")
    return 1 if findings and arguments != ["--propose"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
