# SPDX-License-Identifier: BSD-3-Clause
"""vscsi-copy: copies that fail or are ended, and are continued; verification; progress."""

import json
import os
import random
import re
import signal
import subprocess
import unittest

from rig import LIMIT, ToolTest, program

SIZE = 4 << 20


class Resume(ToolTest):
    luns = ["0:0,file={folder}/disk.img,thin", "0:1,null=4M"]

    def setUp(self):
        super().setUp()
        self.data = random.Random(3).randbytes(SIZE // 2) + bytes(SIZE // 2)
        for name in "disk.img", "in.img":
            self.write(name, self.data)
        self.serve()

    def start(self, *words, **options):
        """A copy of 1 MiB per second, which prints its progress each second."""
        copy = subprocess.Popen(
            [program("copy"), "--rate=1M", "--sparse=0", "--progress=always", *words],
            stderr=subprocess.PIPE, text=True, **{"stdout": subprocess.PIPE} | options)
        self.addCleanup(copy.wait)
        self.addCleanup(copy.kill)
        return copy

    def kill(self):
        self.target.kill()
        self.stop()

    def resume_point(self, err):
        point = int(re.search(r"repeat it with --resume-from=(\d+)$", err, re.M)[1])
        self.assertGreater(point, 0)
        self.assertLess(point, SIZE)
        self.assertEqual(point % 512, 0)
        return point

    def test_source_becomes_shorter(self):
        """In a hole, which is not read; and during the verification.

        A second of the sixteen that it takes has passed then.
        """
        for size, *words in ((3 << 18, "--sparse=4K"), (512, "--resume-from=4M", "--verify")):
            with self.subTest(words):
                self.write("in.img", self.data[:1 << 18])
                os.truncate(self.path("in.img"), SIZE)
                copy = self.start(self.path("in.img"), self.address, "0:0", "--rate=256K", *words)
                self.assertIn("4.0MiB", copy.stderr.readline())
                os.truncate(self.path("in.img"), size)
                _, err = copy.communicate(timeout=LIMIT)
                self.assertEqual(copy.returncode, 1, err)
                self.assertRegex(err, r"in.img has become shorter: it ends before byte \d+\n")

    def test_source_is_killed(self):
        """All that was read is kept; what the failed copy left after that is overwritten."""
        out, address = self.path("out.img"), self.address + "?recovery=off"
        copy = self.start(address, "0:0", out)
        self.assertRegex(copy.stderr.readline(),
                         r"^[0-9.]+[KM]iB of 4.0MiB \(\d+%\) copied, .+/s, \d+:\d\d left$")
        self.kill()
        _, err = copy.communicate(timeout=LIMIT)
        self.assertEqual(copy.returncode, 1)
        point = self.resume_point(err)
        self.assertIn(f"{point} bytes copied before that", err)
        self.assertEqual(self.read("out.img")[:point], self.data[:point])
        self.write("out.img", self.data[:point] + b"\xff" * (SIZE - point))
        self.serve()
        text, _ = self.run_tool("copy", address, "0:0", out, f"--resume-from={point}", "--verify",
                                "--json")
        report = json.loads(text)
        self.assertEqual((report["bytes"], report["resumed_from"], report["verified_bytes"]),
                         (SIZE, point, SIZE))
        self.assertEqual(self.read("out.img"), self.data)

    def test_destination_is_killed(self):
        """It can't be flushed any more, but was before."""
        address = self.address + "?recovery=off"
        self.write("disk.img", b"\xff" * SIZE)
        copy = self.start(self.path("in.img"), address, "0:0")
        for _ in range(3):
            self.assertIn("copied", copy.stderr.readline())
        self.kill()
        _, err = copy.communicate(timeout=LIMIT)
        self.assertEqual(copy.returncode, 1)
        # Of a write or, if none was in flight, of the device.
        self.assertIn("Transport endpoint is not connected", err)
        point = self.resume_point(err)
        self.assertEqual(self.read("disk.img")[:point], self.data[:point])
        self.serve()
        with open(self.path("in.img"), "rb") as file:
            # A pipe has to provide it from the beginning.
            self.run_tool("copy", "-", address, "0:0", f"--resume-from={point}", stdin=None,
                          input=file.read(), text=False)
        self.assertEqual(self.read("disk.img"), self.data)

    def test_back_end_is_restarted(self):
        """By default the copy waits for it and continues."""
        copy = self.start(self.address, "0:0", self.path("out.img"), "--log=error",
                          "--count=1536K")
        self.assertIn("copied", copy.stderr.readline())
        self.kill()
        self.serve()
        out, _ = copy.communicate(timeout=LIMIT)
        self.assertEqual(copy.returncode, 0)
        self.assertIn("1572864 bytes", out)
        self.assertEqual(self.read("out.img"), self.data[:1572864])

    def test_full_file_system(self):
        """One message, what was copied, and nothing else."""
        copy = subprocess.run(
            ["bash", "-c", 'ulimit -f 17408; trap "" XFSZ; exec "$@"', "-",
             program("copy"), self.address, "0:0", self.path("out.img"), "--seek=16M",
             "--sparse=0"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=LIMIT, check=False)
        self.assertEqual((copy.returncode, copy.stdout), (1, ""))
        lines = copy.stderr.splitlines()
        self.assertEqual(len(lines), 2, lines)
        self.assertRegex(lines[0], "writing .*out.img failed at byte 17825792: File too large")
        self.assertEqual(self.resume_point(copy.stderr), 1 << 20)

    def test_signals(self):
        """SIGUSR1 prints the progress; SIGINT ends the copy, and the file can be continued."""
        out = self.path("out.img")
        copy = self.start(self.address, "0:0", out, "--json")
        copy.stderr.readline()
        copy.send_signal(signal.SIGUSR1)
        self.assertRegex(copy.stderr.readline(), r"of 4.0MiB \(\d+%\) copied, .+/s, ")
        copy.send_signal(signal.SIGINT)
        text, err = copy.communicate(timeout=LIMIT)
        self.assertEqual(copy.returncode, -signal.SIGINT)
        self.assertIn("vscsi-copy: ended by a signal: Interrupt\n", err)
        report = json.loads(text)
        self.assertEqual(report["signal"], signal.SIGINT)
        self.assertEqual(report["bytes"], report["stable_bytes"])
        self.run_tool("copy", self.address, "0:0", out, f"--resume-from={report['stable_bytes']}")
        self.assertEqual(self.read("out.img"), self.data)

    def test_reader_that_stops_reading(self):
        """Ctrl-C ends the copy to a pipe that is full."""
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        copy = subprocess.Popen([program("copy"), self.address, "0:0", "-"], stdout=write,
                                stderr=subprocess.PIPE, text=True)
        self.addCleanup(copy.kill)
        os.close(write)
        self.assertEqual(len(os.read(read, 512)), 512)
        copy.send_signal(signal.SIGTERM)
        # Where the first one has come just before the write, the second ends it.
        try:
            copy.wait(5)
        except subprocess.TimeoutExpired:
            copy.send_signal(signal.SIGTERM)
        copy.communicate(timeout=LIMIT)
        self.assertEqual(copy.returncode, -signal.SIGTERM)

    def test_verify(self):
        """Differences are found wherever they are: here, in what was copied earlier."""
        out = self.path("out.img")
        self.run_tool("copy", self.address, "0:0", out)
        bad = bytearray(self.data)
        for at in 70000, 70001, 1 << 20, 3 << 20:
            bad[at] ^= 0xff
        self.write("out.img", bytes(bad))
        text, err = self.run_tool("copy", self.address, "0:0", out, "--resume-from=4M", "--verify",
                                  "--json", status=3)
        lines = err.splitlines()
        self.assertEqual(len(lines), 4, err)
        self.assertIn(f"byte 70000 of the source is 0x{self.data[70000]:02x}, byte 70000 of the "
                      f"destination is 0x{bad[70000]:02x}", lines[0])
        self.assertIn("byte 3145728 of the source is 0x00", lines[2])
        self.assertEqual(lines[3], f"vscsi-copy: verify: 4 of {SIZE} bytes differ, in 3 ranges")
        self.assertEqual(json.loads(text)["different_bytes"], 4)
        self.write("out.img", bytes([self.data[0] ^ 0xff]) + self.data[1:])
        err = self.refused("copy", self.address, "0:0", out, "--resume-from=4M", "--verify",
                           status=3)
        self.assertIn("bytes differ, in 1 range\n", err)

    def test_verify_disk_that_loses_writes(self):
        err = self.refused("copy", self.path("in.img"), self.address, "0:1", "--verify", status=3)
        self.assertRegex(err, rf"verify: \d+ of {SIZE} bytes differ")

    def test_resumed_in_another_file(self):
        """One that is not there, or ends before that, is not the copy that was begun."""
        out = self.path("none.img")
        self.refused("copy", self.address, "0:0", out, "--resume-from=1M", status=1)
        self.assertFalse(os.path.exists(out))
        self.write("short.img", bytes(4096))
        message = self.refused("copy", self.address, "0:0", self.path("short.img"),
                               "--resume-from=1M", status=2)
        self.assertIn("another file", message)


if __name__ == "__main__":
    unittest.main(verbosity=2)
