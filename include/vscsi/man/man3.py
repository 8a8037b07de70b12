#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Makes the section 3 manual pages, one for each public function, from the headers' comments.

man3.py --list HEADER...        prints the names of the pages
man3.py --to=FOLDER HEADER...   writes them
"""

import pathlib
import re
import sys

COMMENT = re.compile(r"/\*\*?\n(.*?)\n \*/\n", re.S)
FUNCTION = re.compile(r"/\*\*\n((?: \*[^\n]*\n)*?) \*/\n((?:[a-z][^;{}/]*?)\b(vscsi_\w+)\([^;{]*?\);)",
                      re.S)
STRUCT = re.compile(r"/\*\*\n((?: \*[^\n]*\n)*?) \*/\n(struct (vscsi_\w+) \{.*?\n\};)", re.S)
ARGUMENT = re.compile(r"(?:@\w+(?:, |: )?)+")


def strip(comment):
    """The comment's lines without their frame."""
    return [line[3:] if line.startswith(" * ") else line[2:] for line in comment.splitlines()]


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text)


def inline(text):
    """Running text, with functions and arguments set apart."""
    text = escape(text.replace("see the top of this file", "see NOTES"))
    text = re.sub(r"\b(vscsi_\w+)\(\)", r"\\fB\1\\fR()", text)
    return re.sub(r"@(\w+)", r"\\fI\1\\fR", text)


def literal(lines):
    return [".PP", ".EX", *(escape(line) for line in lines), ".EE"]


def is_literal(block):
    """Diagrams and tables are indented, or have columns."""
    return any(re.match(r" {2,}|\t", line) and not line.startswith("  ") or "  " in line.strip()
               for line in block if not line.startswith("- "))


def blocks(lines):
    """Paragraphs, split at empty lines and at bullets."""
    block = []
    for line in [*lines, ""]:
        if block and (not line or line.startswith("- ")):
            yield block
            block = []
        if line:
            block.append(line)


def body(lines):
    """Text of several paragraphs."""
    page = []
    for block in blocks(lines):
        if block[0].startswith("- "):
            # A bullet may end with a table.
            table = next((i for i, line in enumerate(block) if line.startswith("    ")), len(block))
            text = " ".join(line[2:] for line in block[:table])
            page += [".IP \\(bu 2", inline(text)]
            if table < len(block):
                page += [".EX", *(escape(line) for line in block[table:]), ".EE"]
        elif is_literal(block):
            page += literal(block)
        else:
            page += [".PP", *(inline(line.strip()) for line in block)]
    return page


def split_comment(comment):
    """A documented comment: summary, arguments as (names, lines), paragraphs, what is returned."""
    lines = strip(comment)
    summary = lines[0].partition(" - ")[2]
    arguments, rest, returned = [], [], []
    at = 1
    while at < len(lines) and lines[at].startswith("@"):
        names = ARGUMENT.match(lines[at])[0]
        arguments.append((names.rstrip(": "), [lines[at][len(names):]]))
        at += 1
        while at < len(lines) and lines[at].startswith("\t"):
            arguments[-1][1].append(lines[at].strip())
            at += 1
    for line in lines[at:]:
        if line.startswith("Return: "):
            returned.append(line[len("Return: "):])
        elif returned and line:
            returned.append(line)
        else:
            rest.append(line)
    return summary, arguments, rest, returned


def tagged(arguments):
    page = []
    for names, lines in arguments:
        page += [".TP", inline(names), *(inline(line) for line in lines if line)]
    return page


def make_page(header, text, comment, prototype, name):
    summary, arguments, rest, returned = split_comment(comment)
    notes = strip(COMMENT.search(text)[1])
    page = [f'.\\" Made from vscsi/{header}.', f'.TH {name} 3 "" "libvirtioscsi"',
            ".nh", ".ad l", ".SH NAME", f"{name} \\- {escape(summary[:1].lower() + summary[1:])}",
            ".SH LIBRARY", "libvirtioscsi (\\fIpkg\\-config libvirtioscsi\\fR)", ".SH SYNOPSIS",
            ".nf", f".B #include <vscsi/{header}>", ".PP",
            *(f"\\fB{escape(line.expandtabs(8))}\\fR" for line in prototype.splitlines()), ".fi"]
    if any(line for line in rest):
        page += [".SH DESCRIPTION", *body(rest)]
    if arguments:
        page += [".SH ARGUMENTS", *tagged(arguments)]
    for found in STRUCT.finditer(text):
        if re.search(rf"struct {found[3]}\b", prototype):
            what, fields, more, _ = split_comment(found[1])
            page += [f".SS struct {found[3]}", inline(what) + ".", *tagged(fields), *body(more),
                     *literal(found[2].expandtabs(8).splitlines())]
    if returned:
        page += [".SH RETURN VALUE", *body(returned)]
    page += [".SH NOTES", f"For all functions of \\fIvscsi/{header}\\fR:", *body(notes)]
    others = sorted(set(re.findall(r"\b(vscsi_\w+)\(\)", comment)) - {name})
    page += [".SH SEE ALSO", *(f".BR {other} (3)," for other in others), ".BR libvirtioscsi (7)"]
    return "\n".join(page) + "\n"


def main():
    option, *headers = sys.argv[1:]
    for path in map(pathlib.Path, headers):
        text = path.read_text(encoding="utf-8")
        for found in FUNCTION.finditer(text):
            if option == "--list":
                print(f"{found[3]}.3")
            else:
                page = make_page(path.name, text, *found.groups())
                folder = pathlib.Path(option.removeprefix("--to="))
                (folder / f"{found[3]}.3").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
