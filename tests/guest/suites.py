#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs tests/suites on SCSI generic devices of Linux: those of vscsi-target, of QEMU's own disk, of
scsi_debug and of LIO. Compares the outcomes with the stored ones."""

import argparse
import os
import pathlib
import sys

sys.dont_write_bytecode = True  # don't write to the source directory
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "suites"))
import cdbs  # noqa: E402  pylint: disable=wrong-import-position
import linux_driver  # noqa: E402  pylint: disable=wrong-import-position
import machine  # noqa: E402  pylint: disable=wrong-import-position
import suite  # noqa: E402  pylint: disable=wrong-import-position
import target  # noqa: E402  pylint: disable=wrong-import-position

# The vendor of a column's disks in INQUIRY.
COLUMNS = {"linux-vscsi-target": "VSCSI", "linux-qemu": "QEMU", "linux-scsi_debug": "Linux",
           "linux-lio": "LIO-ORG"}
# What the stored outcomes are of: another kernel has another scsi_debug and LIO.
KERNEL = "Linux 6.1."
LUNS = ["0:0,ram=64M,thin,serial=SUITES-0", "0:1,ram=64M,thin,serial=SUITES-1"]
QEMU = """-chardev socket,id=vhost,path=target.sock -device vhost-user-scsi-pci,chardev=vhost
-device virtio-scsi-pci,id=own
-blockdev null-co,node-name=d0,size=67108864,read-zeroes=on
-blockdev null-co,node-name=d1,size=67108864,read-zeroes=on
-device scsi-hd,bus=own.0,drive=d0,lun=0 -device scsi-hd,bus=own.0,drive=d1,lun=1"""


def case_lines(cases):
    """The file /cases of suites.sh."""
    return "".join("\t".join([str(number), case.output or ".*|^$", " ".join(
        suite.words(case, "/tmp", "$dev", "$other"))]) + "\n" for number, case in enumerate(cases))


def outcomes(cases, report, column):
    """The result of a column from the guest's report."""
    result = {}
    text = (report / f"{column}.sg3_utils").read_text(encoding="utf-8", errors="replace")
    for line in text.splitlines():
        if line.startswith("CASE "):
            _, number, status, matches = line.split()
            case = cases[int(number)]
            matches = matches == "yes" or not case.output
            result["sg3_utils", suite.label(case)] = suite.outcome_of(case, int(status), matches)
    for name, parse in ("cdb", suite.cdb_outcomes), ("iscsi", suite.iscsi_outcomes):
        path = report / f"{column}.{name}"
        if path.exists():
            result |= parse(path.read_text(encoding="utf-8", errors="replace"))
    return result


def boot(options, cases, hear):
    """Run the guest and return its exit status."""
    pathlib.Path("cases").write_text(case_lines(cases), encoding="utf-8")
    pathlib.Path("cdbs").write_text("\n".join(cdbs.lines()) + "\n", encoding="ascii")
    suite.make_files(pathlib.Path("."))
    tools = sorted({case.tool for case in cases} | {"iscsi-test-cu"})
    return machine.run(machine.Options(
        work=pathlib.Path("."), kernel=options.kernel, qemu=QEMU.split(), seconds=options.timeout,
        files=[(linux_driver.tool(name), f"/bin/{name}") for name in tools] +
              [(options.sweep, "/bin/sweep"), (HERE / "suites.sh", "/suites.sh"),
               ("cases", "/cases"), ("cdbs", "/cdbs")] +
              [(name, f"/tmp/{name}") for name in ("block", "pair")],
        modules=["sg", "virtio_pci", "virtio_scsi", "scsi_debug", "target_core_file", "tcm_loop"],
        out=["/tmp/report"],
        command=["sh", "/suites.sh", *(f"{name}={vendor}" for name, vendor in COLUMNS.items())],
    ), hear)


def main():
    """Serve, boot, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", required=True, type=os.path.abspath, help="vscsi-target")
    parser.add_argument("--sweep", required=True, type=os.path.abspath, help="sweep.c, compiled")
    parser.add_argument("--work", required=True, type=os.path.abspath, help="folder for all files")
    parser.add_argument("--kernel", type=os.path.abspath, help="folder of the guest's kernel")
    parser.add_argument("--timeout", type=float, default=150, help="seconds for the guest")
    options = parser.parse_args()
    if suite.cannot_run():
        print("skipped: " + suite.cannot_run())
        return machine.SKIPPED
    os.makedirs(options.work, exist_ok=True)
    os.chdir(options.work)
    cases = suite.cases("all", "linux")
    with target.running(options.target, [f"--lun={lun}" for lun in LUNS]):
        said = []
        status = boot(options, cases, lambda line: said.append(line) or print(line, flush=True))
    if status:
        return status
    if not said[0].startswith(KERNEL) or os.environ.get("VSCSI_GUEST_QEMU"):
        print(f"skipped: the stored outcomes are of {KERNEL}*, this is {said[0]}")
        return machine.SKIPPED
    results = {column: outcomes(cases, pathlib.Path("out/tmp/report"), column)
               for column in COLUMNS}
    lines = [line for column in COLUMNS for line in suite.compare(column, results[column])]
    lines += suite.unexplained(results["linux-vscsi-target"], results["linux-scsi_debug"])
    print("\n".join(lines))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
