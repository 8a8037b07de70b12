#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Tests vscsi-bind, and devices that lack a feature; counts notifications.

The host's side: boots the guest (which runs pci_bind.sh), and compares what it saw with its
configuration.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import sys
import time

sys.dont_write_bytecode = True  # don't write to the source directory
import machine  # noqa: E402  pylint: disable=wrong-import-position
from pci_disks import MIB, Monitor, disk_arguments  # noqa: E402 pylint: disable=C0413

HERE = pathlib.Path(__file__).resolve().parent
# How each function differs from the first, and its address in Linux.
FUNCTIONS = {
    "0000:01:00.0": "num_queues=2",
    "0000:02:00.0": "indirect_desc=off,num_queues=4",
    "0000:03:00.0": "event_idx=off,num_queues=4",
    "0000:04:00.0": "packed=on,num_queues=4",
}
SHARED = ["0000:06:01.0", "0000:06:02.0"]  # below a conventional PCI bridge
SIZES = {address: (8 + number) * MIB for number, address in enumerate([*FUNCTIONS, *SHARED])}
IOS = 4000


def arguments():
    """The machine: a root port for each function, and a bridge with two."""
    scsi = "virtio-scsi-pci,iommu_platform=on,disable-legacy=on"
    found = ["-qmp", "unix:qmp.sock,server=on,wait=off", "-D", "trace.log"]
    for number, features in enumerate(FUNCTIONS.values()):
        found += ["-device", f"pcie-root-port,id=root{number},chassis={number + 1},"
                  f"addr={number + 4}.0",
                  "-device", f"{scsi},bus=root{number},id=scsi{number},{features}"]
    found += ["-device", "pcie-root-port,id=root4,chassis=5,addr=8.0",
              "-device", "pcie-pci-bridge,bus=root4,id=bridge",
              "-device", f"{scsi},bus=bridge,addr=1.0,num_queues=2,id=scsi4",
              "-device", f"{scsi},bus=bridge,addr=2.0,num_queues=2,id=scsi5"]
    for number, size in enumerate(SIZES.values()):
        name = f"disk-{number}.img"
        with open(name, "wb") as file:
            file.truncate(size)
            # What is copied from one function of the group to the other.
            file.write(os.urandom(4 * MIB) if number == len(FUNCTIONS) else b"")
        found += disk_arguments(f"scsi{number}", f"d{number}", name)
    return found


class Host:
    """The guest's output; traces notifications in QEMU while the guest requests it."""

    def __init__(self):
        self.said = []
        self.notified = {}
        self._monitor = None
        self._before = None

    @staticmethod
    def _count():
        """Notifications of each virtqueue; only one device is in use."""
        text = pathlib.Path("trace.log").read_text(errors="replace")
        return collections.Counter(re.findall(r"virtio_queue_notify vdev \S+ n (\d+) ", text))

    def hear(self, line):
        """Called for each line; returns the reply if the line is a request."""
        print(line, flush=True)
        self.said.append(line)
        if not line.startswith("ASK "):
            return None
        _, word, which = line.split()
        self._monitor = self._monitor or Monitor()
        self._monitor.run("trace-event-set-state", name="virtio_queue_notify",
                          enable=word == "count")
        if word == "count":
            self._before = self._count()
        else:
            # The busiest is the job's; the others are the event queue and that of synchronous calls.
            self.notified[which] = max((self._count() - self._before).values())
        return "ok"

    def of(self, word):
        """The rest of each line that starts with a word."""
        return [line.partition(" ")[2] for line in self.said if line.startswith(word + " ")]


def load(name):
    """A JSON file from the guest."""
    return json.loads(pathlib.Path(f"out/tmp/{name}.json").read_text(encoding="utf-8"))


def check_list():
    """The functions, groups and disks match QEMU's configuration."""
    functions = {one["address"]: one for one in load("list")["functions"]}
    assert list(functions) == [*FUNCTIONS, *SHARED], list(functions)
    for address, one in functions.items():
        assert one["id"] == "1af4:1048" and one["driver"] == "virtio-pci", one
        assert [(b["bytes"], b["partition"], b["uses"]) for b in one["blocks"]] == \
            [(SIZES[address], False, [])], one
        others = [other["address"] for other in one["group_others"]]
        wanted = [other for other in SHARED if other != address] if address in SHARED else []
        assert [other for other in others if other in functions] == wanted, one
    groups = [functions[address]["iommu_group"] for address in [*FUNCTIONS, SHARED[0]]]
    assert None not in groups and len(set(groups)) == 5, groups
    assert functions[SHARED[0]]["iommu_group"] == functions[SHARED[1]]["iommu_group"]
    mounted = load("mounted")["functions"][0]["blocks"][0]["uses"]
    assert mounted == [{"kind": "mount", "where": "/mnt"}], mounted


def check_features():
    """Each device used all features that both sides support, and wrote correctly."""
    for name, lacking in ("no_indirect", "indirect"), ("no_event_idx", "event_idx"), \
            ("packed", None):
        device = load(f"info-{name}")["device"]
        assert device["errors"] == 0, device
        for feature in "indirect", "event_idx":
            assert (feature in device["offered"]) == (feature != lacking), device
            assert (feature in device["negotiated"]) == (feature != lacking), device
        for of in "offered", "negotiated":
            assert ("packed" in device[of]) == (name == "packed"), device
        assert device["queues"] == 4, device
        for threads in 1, 4:
            jobs = load(f"perf-{name}-{threads}")["jobs"]
            assert len(jobs) == threads, jobs
            for job in jobs:
                assert job["error"] == 0 and job["write"]["total_ios"] == 512 / threads, job
                assert job["verify_bad"] == 0 and job["verify_checked"] >= 512 / threads, job


def check_notifications(host):
    """Print the numbers, and check vscsi-perf's count against QEMU's.

    QEMU counts one more, because it wakes each queue once by itself, or fewer, because it merges
    notifications that it has not processed yet.
    """
    for which in "on", "off":
        job = load(f"notify-{which}")["jobs"][0]
        assert job["read"]["total_ios"] == IOS, job
        print(f"notifications per 1,000 I/Os at depth 32, event index {which}: "
              f"{job['notifications'] * 1000 / IOS:.1f}")
        assert IOS / 32 <= job["notifications"] <= IOS, job
        assert host.notified[which] <= job["notifications"] + 1, (host.notified, job)


def main():
    """Boot, run, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", required=True, type=os.path.abspath, help="folder for all files")
    parser.add_argument("--kernel", type=os.path.abspath, help="folder of the guest's kernel")
    parser.add_argument("--timeout", type=float, default=150, help="seconds for the guest")
    parser.add_argument("tools", nargs="+", type=os.path.abspath,
                        help="vscsi-bind, vscsi-info, vscsi-perf, pci_app")
    options = parser.parse_args()
    os.makedirs(options.work, exist_ok=True)
    os.chdir(options.work)
    pathlib.Path("trace.log").write_bytes(b"")
    host = Host()
    begin = time.monotonic()
    status = machine.run(machine.Options(
        work=pathlib.Path("."), kernel=options.kernel, qemu=arguments(), iommu=True,
        modules=["sd_mod", "virtio_pci", "virtio_scsi", "vfio_iommu_type1", "vfio-pci"],
        seconds=options.timeout, memory=768, out=["/tmp/*.json"],
        files=[(tool, f"/bin/{pathlib.Path(tool).name}") for tool in options.tools] +
              [(HERE / "pci_bind.sh", "/pci_bind.sh")],
        command=["sh", "/pci_bind.sh"],
    ), host.hear)
    print(f"guest: {time.monotonic() - begin:.1f} s")
    if status:
        return status
    check_list()
    check_features()
    assert host.of("KEPT") == ["written through the kernel's driver"], host.of("KEPT")
    assert "USED_BY_USER" in host.said and len(host.of("REFUSED")) == 11, host.said
    left, right = (pathlib.Path(f"disk-{len(FUNCTIONS) + number}.img").read_bytes()[:4 * MIB]
                   for number in (0, 1))
    assert host.of("NO_DMA") or ("COPIED" in host.said and left == right), host.said
    check_notifications(host)
    return 0


if __name__ == "__main__":
    sys.exit(main())
