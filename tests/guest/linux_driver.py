#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Tests vscsi-target with Linux's virtio_scsi driver.

The host's side: creates the disks, boots the guest (which runs linux_driver.sh), and compares what
the guest saw with what was served and with the contents of the files afterwards.
"""

import argparse
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True  # don't write to the source directory
import machine  # noqa: E402  pylint: disable=wrong-import-position
import target  # noqa: E402  pylint: disable=wrong-import-position

HERE = pathlib.Path(__file__).resolve().parent
MIB = 1 << 20
SOCKET = "-chardev socket,id=vhost,path=target.sock -device vhost-user-scsi-pci,chardev=vhost"
LUNS = [
    "0:0,file=ext4.img,serial=GUEST-0", "0:1,ram=16M", "1:0,file=large-blocks.img,block=4096",
    "2:0,file=read-only.img,ro", "2:300,file=thin.img,thin",
]
# As in /sys: address, 512-byte sectors, block size, read-only, discard. For LUNs from 256 on Linux
# includes the two bits of the addressing method (SAM-5, 4.7.7.4): 0x4000 + 300.
DISKS = [
    "0:0 131072 512 0 thick", "0:1 32768 512 0 *", "1:0 65536 4096 0 thick",
    "2:0 16384 512 1 thick", "2:16684 131072 512 0 thin",
]
# Feature bits that both sides support (virtio 1.4, 5.6.3 and 6): HOTPLUG and CHANGE always.
ALWAYS, INDIRECT_AND_EVENT_INDEX = (1, 2, 32), (28, 29)
TOOLS = """sg_compare_and_write sg_dd sg_inq sg_luns sg_modes sg_raw sg_readcap sg_requests sg_reset
sg_sync sg_turs sg_unmap sg_verify sg_vpd sg_write_same blkdiscard fstrim""".split()
# In Debian these are only in root's PATH.
SYSTEM = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def tool(name):
    """The path of a required program; if it is missing, the test is skipped."""
    path = shutil.which(name, path=SYSTEM)
    if not path:
        print(f"skipped: {name} is not installed")
        sys.exit(machine.SKIPPED)
    return path


def run(*command):
    """Run a program on the host and return its output; the test fails if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise AssertionError(f"`{' '.join(command)}` ended with {done.returncode}: "
                             f"{done.stdout}{done.stderr}")
    return done.stdout


def make_disks():
    """Create images in the current directory; the ext4 ones are sparse."""
    for name, size in (("ext4.img", 64), ("thin.img", 64), ("large-blocks.img", 32)):
        pathlib.Path(name).unlink(missing_ok=True)
        with open(name, "wb") as image:
            image.truncate(size * MIB)
    pathlib.Path("read-only.img").write_bytes(os.urandom(8 * MIB))
    for name in ("ext4.img", "thin.img"):
        run(tool("mkfs.ext4"), "-q", "-F", name)


class Conversation:
    """The guest's output, and replies to its requests."""

    def __init__(self, served):
        self._served = served
        self.said = []
        self.allocated = {}

    def hear(self, line):
        """Called for each line; returns the reply if the line is a request."""
        print(line, flush=True)
        self.said.append(line)
        word, _, rest = line.partition(" ")
        if word != "ASK":
            return None
        request, _, argument = rest.partition(" ")
        if request == "control":
            return self._served.control(argument)
        self.allocated[argument] = os.stat("thin.img").st_blocks * 512
        return "ok"

    def of(self, word):
        """The rest of each line that starts with a word."""
        return [line.partition(" ")[2] for line in self.said if line.startswith(word + " ")]


def check_disks(heard):
    """Exactly the served disks, each with its properties; '*' matches both."""
    seen = sorted(heard.of("DISK"))
    assert len(seen) == len(DISKS), f"Linux found {seen}"
    for found, expected in zip(seen, sorted(DISKS)):
        assert re.fullmatch(re.escape(expected).replace(r"\*", r"\w+"), found), \
            f"Linux sees '{found}', served was '{expected}'"


def check_negotiated(heard, plain):
    """The negotiated features, and the number of queues that Linux uses."""
    bits, = heard.of("FEATURES")
    assert all(bits[bit] == "1" for bit in ALWAYS), f"features are {bits}"
    for bit in INDIRECT_AND_EVENT_INDEX:
        assert bits[bit] == ("0" if plain else "1"), f"feature {bit} is {bits[bit]}"
    assert heard.of("QUEUES") == ["1" if plain else "2"], f"queues: {heard.of('QUEUES')}"


def check_counters(counters):
    """The target has not detected any error of the driver."""
    print(f"target: {counters}")
    counters = json.loads(counters)
    assert counters["requests"] > 0 and not counters["broken_rings"] and \
        not counters["bad_messages"], "the target and Linux do not agree about the protocol"


def check_ext4(heard):
    """The host's tools find a clean file system with the same files."""
    run(tool("e2fsck"), "-fn", "ext4.img")
    sums = [line.split() for line in heard.of("SUM")]
    assert len(sums) == 11, f"the guest wrote {len(sums)} files"
    for checksum, name in sums:
        run(tool("debugfs"), "-R", f"dump /{name} dumped", "ext4.img")
        found = hashlib.sha256(pathlib.Path("dumped").read_bytes()).hexdigest()
        assert found == checksum, f"{name}: {found} on the host, {checksum} in the guest"


def check_files(heard):
    """Raw writes are in the right place of the backing file."""
    written = dict(line.split() for line in heard.of("RAW"))
    found = hashlib.sha256(pathlib.Path("large-blocks.img").read_bytes()[:16 * MIB]).hexdigest()
    assert written["1:0"] == found, "what was written to 1:0 is not in its file"


def check_full(heard, before):
    """The read-only disk is unchanged; the thin disk has freed blocks."""
    assert heard.of("READONLY") == [before], "the guest read something else from 2:0"
    after = hashlib.sha256(pathlib.Path("read-only.img").read_bytes()).hexdigest()
    assert after == before, "the read-only file was changed"
    filled, trimmed, discarded = (heard.allocated[at] for at in ("filled", "trimmed", "discarded"))
    print(f"thin.img: {filled} bytes allocated, {trimmed} trimmed, {discarded} discarded")
    assert filled - trimmed >= 15 * MIB, "fstrim gave nothing back"
    assert discarded <= MIB // 4, "blkdiscard left blocks allocated"


def boot(options, served, heard):
    """Run the guest and return its exit status."""
    device = SOCKET + (",num_queues=1,indirect_desc=off,event_idx=off" if options.plain
                       else ",num_queues=2")
    scripts = [HERE / "linux_driver.sh", HERE / "scsi_tools.sh"]
    return machine.run(machine.Options(
        work=pathlib.Path("."), kernel=options.kernel, qemu=device.split(), seconds=options.timeout,
        cpus=1 if options.plain else 2,
        files=[(tool(name), f"/bin/{name}") for name in TOOLS] +
              [(script, f"/{script.name}") for script in scripts],
        modules=["sd_mod", "sg", "virtio_pci", "virtio_scsi"],
        command=["sh", "/linux_driver.sh", "plain" if options.plain else "full", str(len(DISKS))],
    ), heard.hear)


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", required=True, type=os.path.abspath, help="vscsi-target")
    parser.add_argument("--work", required=True, type=os.path.abspath, help="folder for all files")
    parser.add_argument("--kernel", type=os.path.abspath, help="folder of the guest's kernel")
    parser.add_argument("--timeout", type=float, default=150, help="seconds for the guest")
    parser.add_argument("--plain", action="store_true",
                        help="one queue, no indirect descriptors, no event index")
    return parser.parse_args()


def main():
    """Serve, boot, compare."""
    options = parse()
    os.makedirs(options.work, exist_ok=True)
    os.chdir(options.work)
    make_disks()
    before = hashlib.sha256(pathlib.Path("read-only.img").read_bytes()).hexdigest()
    with target.running(options.target, [f"--lun={lun}" for lun in LUNS]) as served:
        heard = Conversation(served)
        status = boot(options, served, heard)
        counters = served.control("stat")
        stopped = served.stop()
    if status:
        print(pathlib.Path("target.log").read_text(encoding="utf-8"), file=sys.stderr)
        return status
    assert heard.said[-1] == "DONE", "the guest's script did not reach its end"
    assert stopped == 0, f"vscsi-target ended with {stopped} after SIGTERM"
    check_counters(counters)
    check_negotiated(heard, options.plain)
    check_disks(heard)
    check_ext4(heard)
    check_files(heard)
    if not options.plain:
        check_full(heard, before)
    return 0


if __name__ == "__main__":
    sys.exit(main())
