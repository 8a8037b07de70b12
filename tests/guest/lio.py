#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Tests the library with the kernel's SCSI target (LIO) through /dev/vhost-scsi.

The host's side: boots the guest (which runs lio.sh and lio_app), and compares what it saw with LIO's
configuration.
"""

import argparse
import json
import os
import pathlib
import sys
import time

sys.dont_write_bytecode = True  # don't write to the source directory
import machine  # noqa: E402  pylint: disable=wrong-import-position

HERE = pathlib.Path(__file__).resolve().parent
MIB = 1 << 20
# Target and LUN, vendor and product, bytes.
DISKS = [
    (0, 0, "LIO-ORG", "FILEIO", 16 * MIB),
    (0, 1, "LIO-ORG", "FILEIO", 16 * MIB),
    (2, 0, "Linux", "scsi_debug", 8 * MIB),
]
# What each line says that the guest printed, in order; of the others only their beginning counts.
WANTED = [
    "vscsi-info: the device has 128 request queues, not 200",
    "WOKEN 20",
    "MEMORY",
    "RESERVATIONS", "REGISTRATION", "COMPARED", "COPIED", "PROVISIONED", "ALUA",
    "EVENT 1 0:5", "EVENT 2 0:5", "LOAD No such device",
    "BUSY vscsi_dev_open: LIO has no target naa.5001405000000001 for us: ", "LOAD Success",
    "LATE Success after the disk, no call waited", "AFTERWARDS Success",
    "LATE Connection timed out after the disk, no call waited",
    "AFTERWARDS Transport endpoint is not connected",
]
REFUSED = ["LIO has no target", "it needs a TPG with a nexus", "LIO has no target",
           "opening /dev/vhost-scsi: Permission denied; give this user read and write access",
           "opening /dev/vhost-scsi: No such file or directory; load the kernel's module"]


def load(name):
    """A JSON file from the guest."""
    return json.loads(pathlib.Path(f"out/tmp/{name}.json").read_text(encoding="utf-8"))


def check_info():
    """The output of vscsi-info matches LIO's configuration exactly."""
    info = load("info")
    device = info["device"]
    assert device["transport"] == "vhost-scsi" and device["queues"] == 4, device
    assert device["errors"] == 0, device
    assert device["max_sectors"] * 512 <= 2048 * 4096, device
    assert set(device["negotiated"]) == {"hotplug", "indirect", "event_idx", "version_1"}, device
    # Offered, and declined.
    assert "t10_pi" in device["offered"], device
    found = [(lun["target"], lun["lun"], lun["vendor"], lun["product"], lun["size"])
             for lun in info["luns"]]
    assert found == DISKS, f"found {found}, wanted {DISKS}"
    names = [lun["wwid"] for lun in info["luns"]]
    assert all(names) and len(set(names)) == len(names), names


def check_data():
    """Verification has checked every block."""
    for name, jobs, requests in ("file", 1, 256), ("file", 3, 255), ("pscsi", 2, 256), \
            ("long", 1, 1):
        report = load(f"perf-{name}-{jobs}")["jobs"]
        assert len(report) == jobs, report
        for job in report:
            assert job["error"] == 0 and job["verify_bad"] == 0, job
        assert sum(job["write"]["total_ios"] for job in report) == requests, report
        assert sum(job["verify_checked"] for job in report) >= requests, report


def check_words(said):
    """Each step said what it should, once and in this order."""
    words = {line.partition(" ")[0] for line in WANTED}
    found = [line for line in said if line.partition(" ")[0] in words]
    assert len(found) == len(WANTED), found
    for line, wanted in zip(found, WANTED):
        assert line.startswith(wanted), f"{line}, wanted {wanted}"
    refused = [line for line in said if line.startswith("REFUSED ")]
    assert len(refused) == len(REFUSED), refused
    for line, wanted in zip(refused, REFUSED):
        assert wanted in line, f"{line}, wanted {wanted}"


def main():
    """Boot, run, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", required=True, type=os.path.abspath, help="folder for all files")
    parser.add_argument("--kernel", type=os.path.abspath, help="folder of the guest's kernel")
    parser.add_argument("--timeout", type=float, default=150, help="seconds for the guest")
    parser.add_argument("tools", nargs=5, type=os.path.abspath,
                        help="vscsi-info, vscsi-perf, pci_app, lio_app, capabilities")
    options = parser.parse_args()
    os.makedirs(options.work, exist_ok=True)
    os.chdir(options.work)
    said = []

    def hear(line):
        print(line, flush=True)
        said.append(line)

    begin = time.monotonic()
    status = machine.run(machine.Options(
        work=pathlib.Path("."), kernel=options.kernel, seconds=options.timeout, memory=768,
        modules=["vhost_scsi", "target_core_file", "target_core_pscsi", "scsi_debug", "sd_mod"],
        out=["/tmp/*.json"], command=["sh", "/lio.sh"],
        files=[(tool, f"/bin/{pathlib.Path(tool).name}") for tool in options.tools] +
              [(HERE / "lio.sh", "/lio.sh")],
    ), hear)
    print(f"guest: {time.monotonic() - begin:.1f} s")
    if status:
        return status
    check_info()
    check_data()
    check_words(said)
    return 0


if __name__ == "__main__":
    sys.exit(main())
