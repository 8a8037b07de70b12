#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs the litmus programs of litmus.c under ThreadSanitizer and compares what it finds.

litmus.py STRONG WEAK_RELEASE WEAK_ACQUIRE

The ring as it is must be clean. Without its releases what is published races with what was written
and read before; without its acquires what is taken back races with what the device wrote.

CONFORMS("R-MB-02", "R-SPLIT-33"): request; CONFORMS("R-MB-06"): take, and as
polls do, read, read-one, read-ahead, in-order;
CONFORMS("R-MB-09"): recycle.
On packed rings CONFORMS("R-MB-10", "R-PACK-33"), CONFORMS("R-MB-13") and CONFORMS("R-MB-16").
"""

import os
import subprocess
import sys

RACE = 66
SKIP = 77

SENT = {"request", "recycle"}
TAKEN = {"take", "read", "read-one", "read-ahead", "in-order"}
PROGRAMS = sorted(SENT | TAKEN)

# Which of the programs must race in which build, for each format.
RACES = {
    "strong": {"split": set(), "packed": set()},
    # The descriptors of a packed ring, and of one in order, are such memory themselves.
    "weak release": {"split": SENT | {"in-order"}, "packed": SENT | TAKEN},
    "weak acquire": {"split": TAKEN, "packed": TAKEN},
}
# Races are certain or absent, whatever the timing; some rounds make sure of that.
ROUNDS = 3


def run(program, ring, litmus):
    """What ThreadSanitizer found: whether there was a race. Anything else ends the test."""
    environment = dict(os.environ, TSAN_OPTIONS=f"exitcode={RACE}")
    result = subprocess.run([program, ring, litmus], env=environment, stderr=subprocess.PIPE,
                            text=True, timeout=30, check=False)
    if "FATAL: ThreadSanitizer" in result.stderr:
        print(f"ThreadSanitizer doesn't run here: {result.stderr.strip()}")
        sys.exit(SKIP)
    race = "ThreadSanitizer: data race" in result.stderr
    if result.returncode != (RACE if race else 0):
        sys.exit(f"{program} {ring} {litmus} ended with {result.returncode}:\n{result.stderr}")
    return race, result.stderr


def check(build, program, ring, litmus):
    """Runs one program a few times. Whether each run raced if, and only if, it has to."""
    expected = litmus in RACES[build][ring]
    found = [run(program, ring, litmus) for _ in range(ROUNDS)]
    good = all(race == expected for race, _ in found)
    print(f"{build}, {ring}, {litmus}: {'race' if expected else 'clean'} expected, "
          f"{sum(race for race, _ in found)} of {ROUNDS} runs raced")
    if not good:
        print("".join(report for _, report in found))
    return good


def main(programs):
    good = [check(build, program, ring, litmus)
            for build, program in zip(RACES, programs, strict=True)
            for ring in ("split", "packed")
            for litmus in PROGRAMS]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
