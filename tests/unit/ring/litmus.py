#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs the litmus programs of litmus.c under ThreadSanitizer and compares what it finds.

litmus.py STRONG WEAK_RELEASE WEAK_ACQUIRE

The ring as it is must be clean. Without its releases what is published races with what was written
and read before; without its acquires what is taken back races with what the device wrote.

CONFORMS("R-MB-02", "R-SPLIT-33"): request; CONFORMS("R-MB-06"): answer; CONFORMS("R-MB-09"): recycle.
On packed rings CONFORMS("R-MB-10", "R-PACK-33"), CONFORMS("R-MB-13") and CONFORMS("R-MB-16").
"""

import os
import subprocess
import sys

RACE = 66
SKIP = 77

# Which of the programs must race in which build.
RACES = {
    "strong": set(),
    # A packed ring's descriptors are such memory themselves, read by the device in each of the three.
    "weak release": {"request", "recycle", "packed-request", "packed-answer", "packed-recycle"},
    "weak acquire": {"answer", "packed-answer"},
}
# Races are certain or absent, whatever the timing; some rounds make sure of that.
ROUNDS = 5


def run(program, litmus):
    """What ThreadSanitizer found: whether there was a race. Anything else ends the test."""
    environment = dict(os.environ, TSAN_OPTIONS=f"exitcode={RACE}")
    result = subprocess.run([program, litmus], env=environment, stderr=subprocess.PIPE, text=True,
                            timeout=30, check=False)
    if "FATAL: ThreadSanitizer" in result.stderr:
        print(f"ThreadSanitizer doesn't run here: {result.stderr.strip()}")
        sys.exit(SKIP)
    race = "ThreadSanitizer: data race" in result.stderr
    if result.returncode != (RACE if race else 0):
        sys.exit(f"{program} {litmus} ended with {result.returncode}:\n{result.stderr}")
    return race, result.stderr


def main(programs):
    failures = 0
    for (build, racy), program in zip(RACES.items(), programs, strict=True):
        for litmus in ("request", "answer", "recycle",
                       "packed-request", "packed-answer", "packed-recycle"):
            expected = litmus in racy
            found = [run(program, litmus) for _ in range(ROUNDS)]
            good = all(race == expected for race, _ in found)
            print(f"{build}, {litmus}: {'race' if expected else 'clean'} expected, "
                  f"{sum(race for race, _ in found)} of {ROUNDS} runs raced")
            if not good:
                failures += 1
                print("".join(report for _, report in found))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
