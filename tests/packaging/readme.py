#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Compares the README and the manual pages of section 7 with what they describe.

The program, the table of options, the figures of the baseline, the packages to install, and the
files and the names of the API that they mention.

usage: readme.py SOURCE-DIR VSCSI-INFO            prints a line for each difference
       readme.py SOURCE-DIR VSCSI-INFO --update   writes options and figures into the README
"""

import json
import pathlib
import re
import subprocess
import sys

OPTION_ROW = re.compile(r"^\| `(\w+)` \|.*\|\n", re.M)
FIGURE_ROW = re.compile(r"^\| (depth [^|]*) \| ([^|]*) \|\n", re.M)
PATH = re.compile(r"(?:tests|examples|src|include|\.ci)/[\w./*-]*[\w/*]")
# vscsi_read(), VSCSI_NO_TIMEOUT, vscsi_lun_info.max_blocks; not vscsi_perf.py.
NAME = re.compile(r"\b(?:vscsi_\w+(?=\(|\.\w)|vscsi_\w+$|VSCSI_[A-Z_]+\b)")


def option_rows(info):
    listing = subprocess.run([info, "--options"], stdout=subprocess.PIPE, text=True, timeout=30,
                             check=True).stdout
    for line in listing.splitlines():
        name, values, text = (cell.replace("|", "\\|") for cell in line.split(None, 2))
        yield f"| `{name}` | {values} | {text} |\n"


def figure_rows(source):
    baseline = json.loads((source / "tests/bench/baseline.json").read_text())
    for cell, instructions in baseline["instructions"].items():
        yield f"| {cell} | {instructions:.1f} |\n"


def replaced(text, row, wanted):
    """The text with the rows that match, which are one table, replaced."""
    found = list(row.finditer(text))
    return text[:found[0].start()] + "".join(wanted) + text[found[-1].end():]


def table_findings(what, readme, row, wanted):
    shown = [match.group(0) for match in row.finditer(readme)]
    wanted = list(wanted)
    for line in shown:
        if line not in wanted:
            yield f"README.md: {what} differs: {line.strip()}"
    for line in wanted:
        if line not in shown:
            yield f"README.md: {what} is missing: {line.strip()}"


def plain(page):
    """A manual page without its markup."""
    text = re.sub(r"\\f[A-Z]|\\:", "", page.read_text()).replace("\\-", "-")
    return re.sub(r"^\.[A-Z]+ ", "", text, flags=re.M).replace(" (", "(").replace(" ()", "()")


def mention_findings(source, name, text):
    headers = "".join(path.read_text() for path in (source / "include/vscsi").glob("*.h"))
    known = set(re.findall(r"\bvscsi_\w+|\bVSCSI_\w+", headers)) | {"VSCSI_LOG"}
    for path in sorted(set(PATH.findall(text))):
        if not list(source.glob(path)):
            yield f"{name}: mentions {path}, which does not exist"
    for symbol in sorted(set(NAME.findall(text)) - known):
        if not symbol.startswith("VSCSI_TEST"):
            yield f"{name}: mentions {symbol}, which no public header has"


def findings(source, info, readme):
    program = re.search(r"^```c\n(.*?)^```$", readme, re.M | re.S).group(1)
    if program != (source / "examples/read_block.c").read_text():
        yield "README.md: the program is not examples/read_block.c"
    yield from table_findings("option", readme, OPTION_ROW, option_rows(info))
    yield from table_findings("figure", readme, FIGURE_ROW, figure_rows(source))
    packages = re.search(r'^PACKAGES_BUILD="(.*)"$', (source / "tests/packages.sh").read_text(),
                         re.M).group(1)
    if f"apt-get install {packages}\n" not in readme:
        yield f"README.md: the packages to install are not: {packages}"
    yield from mention_findings(source, "README.md", readme)
    for page in sorted((source / "include/vscsi/man").glob("*.7")):
        yield from mention_findings(source, page.name, plain(page))


def main():
    source, info = pathlib.Path(sys.argv[1]), sys.argv[2]
    path = source / "README.md"
    readme = path.read_text()
    if sys.argv[3:] == ["--update"]:
        readme = replaced(readme, OPTION_ROW, option_rows(info))
        path.write_text(replaced(readme, FIGURE_ROW, figure_rows(source)))
        return 0
    found = list(findings(source, info, readme))
    print("\n".join(found) or "README and manual pages agree with the source")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
