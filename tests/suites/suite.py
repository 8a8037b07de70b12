# SPDX-License-Identifier: BSD-3-Clause
"""What the suites have in common: their cases, and how outcomes are stored and compared.

A result is a dictionary from (suite, case) to an outcome, one word or a few:
    sg3_utils   "ok" as sg3_utils.tsv expects; otherwise "exit N", with the status in brackets if
                only the output differs
    iscsi       "ok", "failed" or "skipped", as libiscsi says
    cdb         what sweep.c prints
results/COLUMN.tsv has that of each pair of a driver and a device. A run that gives something else
fails; with VSCSI_SUITES_UPDATE=1 in the environment it replaces the file instead.
"""

import collections
import os
import pathlib
import re
import shlex
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
BLOCK = bytes(range(256)) * 2
LICENSE = "# SPDX-License-Identifier: BSD-3-Clause\n"

# What the stored outcomes are of; others give others.
VERSIONS = {"sg3-utils": "1.46-", "libiscsi-bin": "1.19.", "sdparm": "1.12-",
            "smartmontools": "7.3-", "ddpt": "0.97-"}

Case = collections.namedtuple("Case", "tool arguments where status output")
Reason = collections.namedtuple("Reason", "suite pattern text")


def cannot_run():
    """Why the suites can't be run here, or None."""
    for package, version in VERSIONS.items():
        done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        if not done.stdout.startswith(version):
            return f"the package {package} {version}* is not installed"
    return None


def rows(name, count):
    """The rows of a table of this folder."""
    for line in (HERE / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            row = line.split("\t")
            assert len(row) == count, f"{name}: {line!r} has {len(row)} columns, not {count}"
            yield row


def cases(*where):
    """The cases of sg3_utils for some places; all without."""
    found = [Case(*row) for row in rows("sg3_utils.tsv", 5)]
    labels = collections.Counter(map(label, found))
    assert max(labels.values()) == 1, f"sg3_utils.tsv has {labels.most_common(1)}"
    return [case for case in found if not where or case.where in where]


def label(case):
    """What a case is called in results."""
    return f"{case.tool} {case.arguments}"


def words(case, folder, dev, other):
    """Its command line."""
    text = case.arguments.format(dev=dev, other=other, dir=folder)
    return [case.tool, *shlex.split(text)]


def outcome_of(case, status, matches):
    """The outcome of a case that ended with a status, and printed the line or did not."""
    if status != int(case.status):
        return f"exit {status}"
    return "ok" if matches else f"exit ({status})"


def make_files(folder):
    """The files that the cases name."""
    (folder / "block").write_bytes(BLOCK)
    (folder / "pair").write_bytes(bytes(512) + BLOCK)


def iscsi_outcomes(text):
    """What iscsi-test-cu prints about each test with -v."""
    found, suite = {}, None
    for block in re.split(r"(?m)^(?=Suite: |  Test: )", text):
        head = re.match(r"Suite: (\S+)", block)
        if head:
            suite = head[1]
        test = re.match(r"  Test: (\S+) \.\.\.", block)
        if not test:
            continue
        failed = re.search(r"(?m)^FAILED$|\.\.\.FAILED$", block)
        found["iscsi", f"{suite}.{test[1]}"] = \
            "failed" if failed else "skipped" if "[SKIPPED]" in block else "ok"
    return found


def cdb_outcomes(text):
    """What sweep.c prints."""
    return {("cdb", name): outcome for name, outcome in
            (line.split(" ", 1) for line in text.splitlines())}


def read(column):
    """The stored results of a column."""
    return {(suite, case): outcome for suite, case, outcome in rows(f"results/{column}.tsv", 3)}


def write(column, result):
    """Store results."""
    lines = ["\t".join((*key, outcome)) + "\n" for key, outcome in result.items()]
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / f"{column}.tsv").write_text(LICENSE + "".join(lines), encoding="utf-8")


def compare(column, result):
    """A line for each outcome that is not the stored one; stores them instead if that is asked."""
    if os.environ.get("VSCSI_SUITES_UPDATE"):
        write(column, result)
        return []
    stored = read(column)
    return [f"{column}: {' '.join(key)}: {result.get(key, 'not run')}, "
            f"but {stored.get(key, 'not there')} in results/{column}.tsv"
            for key in {**stored, **result} if stored.get(key) != result.get(key)]


def reasons():
    """Why outcomes are not as a suite or the reference says."""
    return [Reason(*row) for row in rows("reasons.tsv", 3)]


def reason_of(known, suite, case):
    """The reason for one case; the first that matches."""
    for reason in known:
        if reason.suite == suite and re.fullmatch(reason.pattern, case):
            return reason
    return None


def deviations(result, reference):
    """The outcomes of vscsi-target that need a reason."""
    return [(suite, case) for (suite, case), outcome in result.items()
            if (suite == "cdb" and reference.get((suite, case)) != outcome) or
            (suite == "sg3_utils" and outcome != "ok") or
            (suite == "iscsi" and outcome == "failed")]


def unexplained(result, reference):
    """A line for each outcome of vscsi-target without a reason."""
    known = reasons()
    return [f"{kind} {case}: {result[kind, case]}, reference {reference.get((kind, case), 'none')}: "
            "reasons.tsv does not explain it"
            for kind, case in deviations(result, reference) if not reason_of(known, kind, case)]


def unused(result, reference):
    """A line for each reason that explains nothing."""
    known = reasons()
    used = {reason_of(known, *key) for key in deviations(result, reference)}
    return [f"reasons.tsv: nothing left to explain for {reason.suite} {reason.pattern}"
            for reason in known if reason not in used]
