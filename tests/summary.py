#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Adds up what several runs of `meson test` left in their logs.

summary.py DIR               reads the logs TIME.BUILD.json in DIR and prints the failed and the skipped
                             tests, the cases of each build, the distinct cases, and last the line
                             "N passed, N failed, N skipped", which counts a case once for each
                             build; exit status 1 if anything failed or nothing passed
summary.py --broken DIR WHAT notes that WHAT failed before any test could say so
summary.py --programs BUILD  lists the unit and integration tests of BUILD that are programs
                             and were built
summary.py --threaded BUILD  lists those of them that start threads

A CMocka program counts as many tests as it has; any other test counts as one.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys

CMOCKA_LINE = re.compile(r"^\[ +(RUN|OK|SKIPPED|FAILED|ERROR) +\] (\S+)$")
LOG_LINES = 200


def output(test):
    """Everything the test printed."""
    return (test.get("stdout") or "") + (test.get("stderr") or "")


def cmocka_cases(test):
    """The (name, outcome, reason) of each case of a CMocka program; empty for any other test."""
    running, before = None, ""
    for line in (test.get("stdout") or "").splitlines():
        match = CMOCKA_LINE.match(line)
        if match and match.group(1) == "RUN":
            running, before = match.group(2), "no reason given"
        elif match and match.group(2) == running:
            outcome = "FAILED" if match.group(1) == "ERROR" else match.group(1)
            yield f"{test['name']}: {running}", outcome, before
            running = None
        elif line.strip():
            before = line.strip()


def cases(test):
    """The (name, outcome, reason) of all that a test counts as."""
    whole = {"OK": "OK", "EXPECTEDFAIL": "OK", "SKIP": "SKIPPED"}.get(test["result"], "FAILED")
    found = list(cmocka_cases(test))
    # A program may also fail after its last case or between two: a leak, a crash, the time limit.
    if not found or (whole == "FAILED" and all(case[1] != "FAILED" for case in found)):
        lines = [line.strip() for line in output(test).splitlines() if line.strip()]
        found.append((test["name"], whole, lines[-1] if lines else "no reason given"))
    return found


def logs(directory):
    """The (build, tests) of each log in the directory, oldest first."""
    for log in sorted(directory.glob("*.json")):
        build = log.name.split(".")[1]
        yield build, [json.loads(line) for line in log.read_text().splitlines()]


def totals(outcomes):
    count = collections.Counter(outcomes)
    return f"{count['OK']} passed, {count['FAILED']} failed, {count['SKIPPED']} skipped"


def show_counts(builds, distinct):
    """Cases of each build, and how many distinct ones these are."""
    print("\ncases in each build")
    for build, outcomes in sorted(builds.items()):
        print(f"  {build:20} {totals(outcomes)}")
    # What passed in one build and was skipped in another was tested.
    best = ["FAILED" if "FAILED" in seen else "OK" if "OK" in seen else "SKIPPED"
            for seen in distinct.values()]
    print(f"{len(distinct)} distinct cases in {len(builds)} builds: {totals(best)}")


def summarise(directory):
    builds, distinct = collections.defaultdict(list), collections.defaultdict(set)
    failed, skipped = [], []
    for build, tests in logs(directory):
        for test in tests:
            results = cases(test)
            for name, outcome, reason in results:
                builds[build].append(outcome)
                distinct[name].add(outcome)
                if outcome == "SKIPPED":
                    skipped.append((name, reason))
            if any(outcome == "FAILED" for _, outcome, _ in results):
                failed.append((build, test))
    for build, test in failed:
        print(f"\n== {test['name']} failed in {build} ({test['result']})")
        print("\n".join(output(test).splitlines()[-LOG_LINES:]))
    outcomes = [outcome for of_build in builds.values() for outcome in of_build]
    for note in sorted(directory.glob("*.broken")):
        outcomes.append("FAILED")
        print(f"\n== {note.read_text()} failed")
    for name, why in skipped:
        print(f"skipped {name}: {why}")
    show_counts(builds, distinct)
    print(f"\n{totals(outcomes)}")
    return 1 if "FAILED" in outcomes or "OK" not in outcomes else 0


def programs(build, threaded=False):
    listing = subprocess.run(["meson", "introspect", "--tests", build], check=True,
                             stdout=subprocess.PIPE, timeout=60).stdout
    for test in json.loads(listing):
        suites = {suite.split(":")[-1] for suite in test["suite"]}
        program = pathlib.Path(test["cmd"][0])
        if not suites & {"unit", "integration"} or not program.is_file() or \
                pathlib.Path(build).resolve() not in program.resolve().parents:
            continue
        content = program.read_bytes()
        # What is called is named among the symbols; the library starts none.
        if content[:4] == b"\x7fELF" and (not threaded or b"pthread_create" in content):
            print(test["name"])


def main(arguments):
    if arguments[:1] == ["--broken"]:
        notes = pathlib.Path(arguments[1])
        number = len(list(notes.glob("*.broken")))
        (notes / f"{number}.broken").write_text(arguments[2])
        return 0
    if arguments[:1] in (["--programs"], ["--threaded"]):
        programs(arguments[1], arguments[0] == "--threaded")
        return 0
    return summarise(pathlib.Path(arguments[0]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
