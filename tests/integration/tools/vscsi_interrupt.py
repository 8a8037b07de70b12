# SPDX-License-Identifier: BSD-3-Clause
"""Ctrl-C while the device is lost or hangs, which no limit of the library ends here: what was done is
printed all the same."""

import json
import re
import signal
import subprocess
import unittest

from rig import LIMIT, ToolTest, program

FOREVER = "recovery_ms=4294967295&io_timeout_ms=4294967295&timeout_ms=3600000"


class Interrupt(ToolTest):
    luns = ["0:0,file={folder}/disk.img"]

    def setUp(self):
        super().setUp()
        with open(self.path("disk.img"), "wb") as file:
            file.truncate(64 << 20)
        self.write("data.img", b"x" * (64 << 20))
        self.serve()
        self.address += "?" + FOREVER

    def start(self, name, *arguments):
        running = subprocess.Popen([program(name), *arguments], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(running.communicate)
        self.addCleanup(running.kill)
        return running

    def perf(self):
        """A run that has requests in flight."""
        running = self.start("perf", "--address=" + self.address, "--rw=randread", "--numjobs=2",
                             "--iodepth=4", "--time_based", "--runtime=300",
                             "--status-interval=100ms", "--group_reporting")
        while "Run status" not in running.stdout.readline():
            self.assertIsNone(running.poll())
        return running

    def copy(self):
        """A copy that has written something."""
        running = self.start("copy", self.path("data.img"), self.address, "0:0", "--rate=8M",
                             "--progress=always", "--json")
        self.assertIn("copied", running.stderr.readline())
        return running

    def freeze(self):
        self.target.send_signal(signal.SIGSTOP)
        self.addCleanup(self.target.send_signal, signal.SIGCONT)  # also after a failure

    def lose(self):
        self.target.kill()
        self.target.wait(LIMIT)

    def await_standstill(self, running):
        """Until a report has as many requests as the one before it: then some are in flight."""
        last, count = None, ""
        while last != count:
            line = running.stdout.readline()
            self.assertNotEqual(line, "")
            found = re.search(r"  read: .* (\d+) requests", line)
            if found:
                last, count = count, found[1]

    def test_perf(self):
        for lose in self.freeze, self.lose:
            with self.subTest(lose):
                running = self.perf()
                lose()
                self.await_standstill(running)
                running.send_signal(signal.SIGINT)
                out, err = running.communicate(timeout=LIMIT)
                self.target.send_signal(signal.SIGCONT)
                self.assertEqual(running.returncode, 128 + signal.SIGINT, err)
                self.assertIn("requests in flight don't complete; they are abandoned", err)
                self.assertNotIn("shut down by the application", err)
                report = out[out.rindex("groupid=0"):]
                self.assertIn("err=0", report)
                self.assertGreater(int(re.search(r"  read: .* (\d+) requests", report)[1]), 0)
                self.assertNotIn("errors:", report)

    def test_copy(self):
        for lose in self.freeze, self.lose:
            with self.subTest(lose):
                running = self.copy()
                lose()
                running.send_signal(signal.SIGINT)
                out, err = running.communicate(timeout=LIMIT)
                self.target.send_signal(signal.SIGCONT)
                self.assertEqual(running.returncode, -signal.SIGINT, err)
                self.assertEqual(json.loads(out)["signal"], signal.SIGINT)
                self.assertGreater(json.loads(out)["bytes"], 0)
                self.assertNotIn("shut down by the application", err)

    def test_second_signal(self):
        """Different ones, because two of a kind may arrive as one."""
        running = self.perf()
        self.freeze()
        running.send_signal(signal.SIGINT)
        running.send_signal(signal.SIGTERM)
        self.assertIn(running.wait(LIMIT), (-signal.SIGINT, -signal.SIGTERM))


if __name__ == "__main__":
    unittest.main(verbosity=2)
