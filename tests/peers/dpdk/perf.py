# SPDX-License-Identifier: BSD-3-Clause
"""vscsi-perf with a back-end of another maker: verified jobs of each depth on one and on several
queues, with each kind of ring and each way to start; with every option of an address; and while
the back-end is stopped."""

import json
import os
import signal
import socket
import subprocess
import unittest

from rig import LIMIT, ToolTest, program

SIZE = 2 << 20

# What is worth trying of each option. None: not over this transport, or not with this back-end.
OPTIONS = {
    "queues": ("1", "2", "126", "254"),
    "queue_size": ("4", "16", "1024"),
    "max_segs": ("1", "15"),
    "timeout_ms": ("3600000",),
    "io_timeout_ms": ("3600000", "4294967295"),
    "task_timeout_ms": ("3600000",),
    "recovery": ("off", "report", "replay", "exact"),
    "recovery_ms": ("60000", "4294967295"),
    "mem": ("4M", "64M"),
    "guest_base": ("0", "0x100000000"),
    "in_order": ("off",),
    "mem_slots": ("off",),
    "reset_device": ("off",),
    "id": None,
    "iommu": None,
    "notify_data": None,
    "notify_config": None,
} | {name: ("on", "off") for name in (
    "indirect", "event_idx", "packed", "hotplug", "change", "inout", "mq", "reply_ack", "config",
    "stats", "status", "backend_req")}
MISSING = "in_order", "mem_slots", "reset_device"


class PeerTest(ToolTest):
    luns = ["0:0,file={folder}/disk.img", "3:1,file={folder}/disk4k.img,block=4096"]

    def setUp(self):
        super().setUp()
        for name in "disk.img", "disk4k.img":
            self.write(name, bytes(SIZE))

    def perf(self, address, *options, status=0):
        return self.run_tool("perf", "--address=" + self.address + address, "--group_reporting",
                             "--rw=randwrite", "--verify=crc32c", *options, status=status)

    def checked(self, address, *options, blocks=SIZE // 512):
        out, _ = self.perf(address, *options)
        self.assertIn(f"{blocks} blocks of ", out)
        self.assertIn(" checked, 0 bad", out)


class Jobs(PeerTest):
    def every_depth(self, start, *options):
        os.environ["VSCSI_PEER_START"] = start
        self.addCleanup(os.environ.pop, "VSCSI_PEER_START")
        self.serve(*options)
        for jobs in 1, 4:
            for depth in 1, 32, 128:
                with self.subTest(jobs=jobs, depth=depth):
                    self.checked(f"?queues={jobs + 1}", f"--iodepth={depth}",
                                 f"--numjobs={jobs}")

    def test_packed_rings(self):
        self.every_depth("rings")

    def test_split_rings(self):
        self.every_depth("rings", "--off=packed")

    def test_packed_rings_all_or_none(self):
        self.every_depth("device")

    def test_split_rings_all_or_none(self):
        self.every_depth("device", "--off=packed")

    def test_another_lun(self):
        self.serve()
        self.checked("", "--lun=3:1", "--iodepth=32", blocks=SIZE // 4096)

    def stop_and_continue(self):
        """Once requests come in, and only after the back-end has really stopped."""
        while self.counter("requests") < 2000:
            pass
        self.target.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.target.pid, os.WSTOPPED)
        self.target.send_signal(signal.SIGCONT)

    def counter(self, name):
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(LIMIT)
            control.connect(self.path("c"))
            control.sendall(b"stat\n")
            return json.loads(control.recv(4096))[name]

    def test_stopped_and_continued(self):
        self.serve("--control=" + self.path("c"))
        with subprocess.Popen(
                [program("perf"), "--address=" + self.address, "--rw=randrw", "--verify=crc32c",
                 "--iodepth=32", "--io_size=32M", "--do_verify=1"],
                stdout=subprocess.PIPE, text=True) as job:
            for _ in range(5):
                self.stop_and_continue()
            out, _ = job.communicate(timeout=LIMIT)
        self.assertEqual(job.returncode, 0, out)
        self.assertIn(" checked, 0 bad", out)


class Options(PeerTest):
    def test_the_list_is_complete(self):
        out, _ = self.run_tool("info", "--options")
        self.assertEqual({line.split()[0] for line in out.splitlines()}, set(OPTIONS))

    def every_option(self, *options):
        self.serve(*options)
        for name, values in OPTIONS.items():
            for value in values or ():
                with self.subTest(name=name, value=value):
                    self.checked(f"?{name}={value}", "--iodepth=16", "--bs=8k")

    def test_every_option(self):
        self.every_option()

    def test_every_option_of_a_polling_back_end(self):
        self.every_option("--mode=poll")

    def test_what_it_lacks(self):
        self.serve()
        for name in MISSING:
            _, err = self.perf(f"?{name}=on", status=1)
            self.assertIn("offer", err)


if __name__ == "__main__":
    unittest.main(verbosity=2)
