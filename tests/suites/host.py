#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs the suites on vscsi-target, through vscsi-sg.

usage: host.py VSCSI-SG TARGET SWEEP
The environment has VSCSI_PRELOAD, libraries that have to be loaded before vscsi-sg's.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # don't write to the source directory
import cdbs  # noqa: E402  pylint: disable=wrong-import-position
import suite  # noqa: E402  pylint: disable=wrong-import-position

COLUMN = "vscsi-sg"
LUNS = ["0:0,ram=64M,thin,serial=SUITES-0", "0:1,ram=64M,thin,serial=SUITES-1"]
SECONDS = 60
SKIPPED = 77
os.environ["PATH"] += os.pathsep + os.pathsep.join(["/usr/sbin", "/sbin"])


class Runner:
    """Runs programs below vscsi-sg."""

    def __init__(self, sg, address):
        self.command = [sg, address]
        self.environment = dict(os.environ, LD_PRELOAD=os.environ["VSCSI_PRELOAD"],
                                ASAN_OPTIONS="detect_leaks=0", LC_ALL="C")

    def run(self, *words, **options):
        """Run a program; returns its exit status and its output."""
        options = {"stdin": subprocess.DEVNULL} | options
        done = subprocess.run([*self.command, *words], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env=self.environment, timeout=SECONDS,
                              check=False, **options)
        return done.returncode, done.stdout.decode(errors="replace")


def sg3_utils(runner, folder):
    """The outcome of each case."""
    result = {}
    for case in suite.cases("all", "host"):
        status, output = runner.run(*suite.words(case, folder, "vscsi:0:0", "vscsi:0:1"))
        outcome = suite.outcome_of(case, status, re.search(case.output, output))
        if outcome != "ok":
            print(f"{suite.label(case)}: {outcome}:\n{output}")
        result["sg3_utils", suite.label(case)] = outcome
    return result


def sweep(runner, program):
    """Every CDB."""
    with tempfile.TemporaryFile("w+") as list_of_cdbs:
        list_of_cdbs.write("\n".join(cdbs.lines()) + "\n")
        list_of_cdbs.seek(0)
        status, output = runner.run(program, "vscsi:0:0", stdin=list_of_cdbs)
    assert not status, output
    return suite.cdb_outcomes(output)


def iscsi(runner):
    """The SCSI family of iscsi-test-cu."""
    _, output = runner.run("iscsi-test-cu", "--dataloss", "--verbose", "--test=SCSI", "vscsi:0:0")
    result = suite.iscsi_outcomes(output)
    assert len(result) > 200, output
    for (_, case), outcome in result.items():
        if outcome == "failed":
            print(f"iscsi-test-cu: {case} failed")
    return result


def programs(*packages):
    """The programs in packages of Debian."""
    listing = subprocess.run(["dpkg", "-L", *packages], stdout=subprocess.PIPE, text=True,
                             check=True).stdout
    return set(re.findall(r"bin/(\S+)", listing))


def all_listed():
    """The programs of sg3-utils that sg3_utils.tsv does not mention, and any that don't exist."""
    listed = {case.tool for case in suite.cases()}
    return [f"sg3_utils.tsv: {tool} is not there"
            for tool in sorted(programs("sg3-utils") - listed)] + \
        [f"sg3_utils.tsv: no package has {tool}"
         for tool in sorted(listed - programs(*suite.VERSIONS))]


def start(target, socket):
    """Start a target and wait until it listens."""
    process = subprocess.Popen([target, f"--socket={socket}", *(f"--lun={lun}" for lun in LUNS)],
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().startswith("listening on "), "vscsi-target did not start"
    return process


def main():
    """Run everything, then compare with what is stored."""
    sg, target, program = sys.argv[1:]
    if suite.cannot_run():
        print("skipped: " + suite.cannot_run())
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="vscsi-") as name:
        folder = pathlib.Path(name)
        suite.make_files(folder)
        process = start(target, folder / "v")
        try:
            runner = Runner(sg, f"vhost-user:{folder}/v?mem=64M")
            result = sg3_utils(runner, folder) | sweep(runner, program) | iscsi(runner)
        finally:
            process.terminate()
            process.wait(SECONDS)
            process.stdout.close()
    lines = suite.compare(COLUMN, result)
    reference = suite.read("linux-scsi_debug")
    lines += suite.unexplained(result, reference) + suite.unused(result, reference) + all_listed()
    print("\n".join(lines))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
