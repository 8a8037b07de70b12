#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Tests the library with QEMU's virtio-scsi-pci device through VFIO.

The host's side: creates the images, boots the guest (which runs pci_disks.sh and pci_app), changes
the machine by QMP on request of the guest, and compares.
"""

import argparse
import hashlib
import json
import os
import pathlib
import re
import socket
import sys
import time

sys.dont_write_bytecode = True  # don't write to the source directory
import machine  # noqa: E402  pylint: disable=wrong-import-position

HERE = pathlib.Path(__file__).resolve().parent
MIB = 1 << 20
FUNCTION = "0000:01:00.0"
# Target and LUN, device, block size, bytes.
DISKS = [
    (0, 0, "scsi-hd", 512, 16 * MIB),
    (0, 1, "scsi-hd", 512, 8 * MIB),
    (1, 0, "scsi-hd", 4096, 8 * MIB),
    (2, 0, "scsi-cd", 2048, 4 * MIB),
    (3, 0, "scsi-hd", 512, 3 << 40),
    (4, 300, "scsi-hd", 512, 4 * MIB),
]
NOT_SCSI = "0000:00:12.0"


def image(target, lun):
    """The file name of a disk's image."""
    return f"disk-{target}-{lun}.img"


def make_images():
    """Random data where it is read, holes elsewhere."""
    for target, lun, _, _, size in DISKS:
        with open(image(target, lun), "wb") as file:
            file.truncate(size)
            file.write(os.urandom(min(size, 16 * MIB)))
    for name in ("plug-5.img", "plug-6.img", "second.img", "off.img"):
        with open(name, "wb") as file:
            file.write(os.urandom(8 * MIB))


def disk_arguments(bus, ident, name, device="scsi-hd", **properties):
    """QEMU's arguments for one disk."""
    options = "".join(f",{key}={value}" for key, value in properties.items())
    return ["-drive", f"if=none,id={ident},file={name},format=raw,cache=writeback",
            "-device", f"{device},id=dev-{ident},drive={ident},bus={bus}.0{options}"]


def arguments(full):
    """The machine. The plain one has a single request queue and an IOMMU of 39 bits."""
    features = "num_queues=4" if full else "num_queues=1,indirect_desc=off,event_idx=off"
    scsi = "iommu_platform=on,disable-legacy=on"
    found = ["-global", f"intel-iommu.aw-bits={48 if full else 39}",
             "-qmp", "unix:qmp.sock,server=on,wait=off",
             "-device", "pcie-root-port,id=root0,chassis=1,addr=4.0",
             "-device", f"virtio-scsi-pci,bus=root0,id=scsi,{scsi},{features}"]
    for target, lun, device, block, _ in DISKS:
        sizes = {} if device == "scsi-cd" else {
            "logical_block_size": block, "physical_block_size": block}
        found += disk_arguments("scsi", f"d{target}x{lun}", image(target, lun), device, **{
            "scsi-id": target, "lun": lun, "serial": f"SERIAL-{target}-{lun}", **sizes})
    if not full:
        return found
    for number, options in ((1, scsi + ",num_queues=4"),
                            (2, "iommu_platform=off,disable-legacy=on")):
        found += ["-device", f"pcie-root-port,id=root{number},chassis={number + 1},"
                  f"addr={number + 4}.0",
                  "-device", f"virtio-scsi-pci,bus=root{number},id=scsi{number},{options}"]
    found += disk_arguments("scsi1", "second", "second.img")
    return found + [
        "-device", "virtio-scsi-pci,id=legacy,addr=10.0,disable-modern=on,disable-legacy=off",
        "-device", "virtio-scsi-pci,id=mixed,addr=11.0,disable-legacy=off",
        "-device", "virtio-rng-pci,addr=12.0,disable-legacy=on,iommu_platform=on"]


class Monitor:
    """QEMU's monitor (QMP)."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(20)
        self._socket.connect("qmp.sock")
        self._file = self._socket.makefile("rw")
        self._file.readline()
        self.run("qmp_capabilities")

    def run(self, command, **values):
        """Run a command; the test fails if it fails."""
        names = {key.replace("_", "-"): value for key, value in values.items()}
        self._file.write(json.dumps({"execute": command, "arguments": names}) + "\n")
        self._file.flush()
        while True:
            answer = json.loads(self._file.readline())
            if "return" in answer:
                return
            assert "error" not in answer, f"{command}: {answer}"


class Host:
    """The guest's output, and its requests."""

    def __init__(self):
        self.said = []
        self._monitor = None

    def hear(self, line):
        """Called for each line; returns the reply if the line is a request."""
        print(line, flush=True)
        self.said.append(line)
        word, _, request = line.partition(" ")
        if word != "ASK":
            return None
        self._monitor = self._monitor or Monitor()
        name, _, target = request.partition(" ")
        getattr(self, "_" + name)(target)
        return "ok"

    def _plug(self, target):
        self._monitor.run("blockdev-add", driver="raw", node_name=f"plug-{target}",
                          file={"driver": "file", "filename": f"plug-{target}.img"})
        self._monitor.run("device_add", driver="scsi-hd", id=f"dev-{target}",
                          drive=f"plug-{target}", bus="scsi.0", scsi_id=int(target))

    def _resize(self, target, size=16 * MIB):
        self._monitor.run("block_resize", device=f"d{target}x0", size=size)

    def _unplug(self, target):
        self._monitor.run("device_del", id=f"dev-{target}")

    def _flood(self, target):
        for step in range(40):
            self._resize("1", (17 + step % 2) * MIB)
        self._plug(target)

    def _remove(self, _target):
        self._monitor.run("device_del", id="scsi1")

    def of(self, word):
        """The rest of each line that starts with a word."""
        return [line.partition(" ")[2] for line in self.said if line.startswith(word + " ")]


def digest(name, size=None):
    """The checksum of the first bytes of a file."""
    return hashlib.sha256(pathlib.Path(name).read_bytes()[:size]).hexdigest()


def check_info(full):
    """The output of vscsi-info matches QEMU's configuration exactly."""
    # CONFORMS("R-PCI-01", "R-RFB-03", "R-RFB-04")
    info = json.loads(pathlib.Path("out/tmp/info.json").read_text(encoding="utf-8"))
    device = info["device"]
    assert device["transport"] == "pci" and device["errors"] == 0, device
    assert device["queues"] == (4 if full else 1), device
    taken = set(device["negotiated"])
    assert {"version_1", "access_platform", "hotplug", "change"} <= taken, taken
    assert ({"indirect", "event_idx"} <= taken) == full, taken
    # Faults before the function is taken are the BIOS's, which leaves its devices running.
    console = pathlib.Path("console.log").read_text(errors="replace")
    _, taken, log = console.partition("guest: taking")
    assert taken and "DMAR: [" not in log, "the IOMMU reported a fault"
    found = [(lun["target"], lun["lun"], lun["type_name"], lun["block_size"],
              lun["blocks"] * lun["block_size"], lun["serial"]) for lun in info["luns"]]
    wanted = [(target, lun, "cd/dvd" if device == "scsi-cd" else "disk", block, size,
               f"SERIAL-{target}-{lun}") for target, lun, device, block, size in DISKS]
    assert found == wanted, f"found {found}, wanted {wanted}"


def check_addresses(host, full):
    """IOVAs equal addresses if the IOMMU has 48 bits, and differ if it has 39."""
    for line in host.of("LOG"):
        ours, theirs = re.search(r"at (0x\w+) are at (0x\w+) for the device", line).groups()
        assert (ours == theirs) == full, line
        assert full or int(theirs, 16) < 1 << 39, line


def check_data(host, first, full):
    """Data is the same on both sides, and verification has checked it."""
    assert host.of("READ")[0].split()[0] == first, "0:0 was read wrong"
    assert host.of("WROTE")[0].split()[0] == digest(image(0, 1)), "0:1 was written wrong"
    for jobs in (1, 4) if full else (1,):
        report = json.loads(pathlib.Path(f"out/tmp/perf{jobs}.json").read_text(encoding="utf-8"))
        job = report["jobs"][0]
        assert job["error"] == 0 and job["write"]["total_ios"] == 512, job
    if full:
        assert "COPIED" in host.said and digest("second.img", 4 * MIB) == \
            hashlib.sha256(pathlib.Path(image(0, 0)).read_bytes()[:4 * MIB]).hexdigest()


def check_full(host):
    """Checks for the full machine only."""
    # CONFORMS("R-RFB-05", "R-LEG-01", "R-PCI-67")
    assert host.of("REFUSED") == ["vfio-pci", "ACCESS_PLATFORM", "ACCESS_PLATFORM", "legacy",
                                  "no PCI function", "virtio-scsi"], host.of("REFUSED")
    assert host.of("EVENT") == ["1 5:0 0000", "3 1:0 2a09", "2 5:0 0000", "1 6:0 0000"], \
        host.of("EVENT")
    assert host.of("WOKEN") == ["20"], host.of("WOKEN")
    assert len(host.of("LOAD")) == 4 and len(host.of("LOST")) == 1
    assert "KILLED" in host.said


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", required=True, type=os.path.abspath, help="folder for all files")
    parser.add_argument("--kernel", type=os.path.abspath, help="folder of the guest's kernel")
    parser.add_argument("--timeout", type=float, default=150, help="seconds for the guest")
    parser.add_argument("--plain", action="store_true",
                        help="one queue, no indirect descriptors, no event index, 39 bits")
    parser.add_argument("tools", nargs=6, type=os.path.abspath,
                        help="vscsi-bind, vscsi-info, vscsi-copy, vscsi-perf, pci_app, "
                             "capabilities")
    return parser.parse_args()


def main():
    """Boot, run, compare."""
    options = parse()
    full = not options.plain
    os.makedirs(options.work, exist_ok=True)
    os.chdir(options.work)
    make_images()
    first = digest(image(0, 0))
    host = Host()
    begin = time.monotonic()
    status = machine.run(machine.Options(
        work=pathlib.Path("."), kernel=options.kernel, qemu=arguments(full), iommu=True,
        bind=[NOT_SCSI] if full else [], seconds=options.timeout,
        modules=["virtio_pci", "vfio_iommu_type1", "vfio-pci"], memory=768, out=["/tmp/*.json"],
        files=[(tool, f"/bin/{pathlib.Path(tool).name}") for tool in options.tools] +
              [(HERE / "pci_disks.sh", "/pci_disks.sh")],
        command=["sh", "/pci_disks.sh", FUNCTION, f"?queues={4 if full else 1}",
                 "full" if full else "plain"],
    ), host.hear)
    print(f"guest: {time.monotonic() - begin:.1f} s")
    if status:
        return status
    check_info(full)
    check_addresses(host, full)
    check_data(host, first, full)
    if full:
        check_full(host)
    return 0


if __name__ == "__main__":
    sys.exit(main())
