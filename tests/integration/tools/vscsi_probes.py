# SPDX-License-Identifier: BSD-3-Clause
"""What bpftrace prints with examples/probes.bt while a device is lost and comes back, and while requests
fail."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest

import rig
from vscsi_target import TargetTest

LIBRARY, SCRIPT = os.environ["VSCSI_LIBRARY"], os.environ["VSCSI_PROBES"]
REQUEST = r"LUN 3:5, user_data 0x[0-3]"


def refusal():
    """Why nothing can be traced here, or None."""
    if not shutil.which("bpftrace"):
        return "bpftrace is not installed"
    if os.geteuid():
        return "only root can trace"

    def bpftrace(*arguments):
        return subprocess.run(["bpftrace", *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=rig.LIMIT, check=False)
    if not bpftrace("-l", f"usdt:{LIBRARY}:vscsi:*").stdout:
        return "the library was built without sys/sdt.h"
    tried = bpftrace("-e", 'BEGIN { printf("attached\\n"); exit() } '
                     f"usdt:{LIBRARY}:vscsi:lost {{ @ = 1 }}")
    return None if "\nattached\n" in tried.stdout else f"can't trace here: {tried.stderr.strip()}"


class Probes(TargetTest):
    """With a copy of the library: whatever else runs at the same time is not traced."""

    def setUp(self):
        super().setUp()
        self.library = os.path.abspath(shutil.copy(LIBRARY, self.path("libvirtioscsi.so.0")))
        self.disk = self.image("disk.img")
        self.serve_disk()

    def serve_disk(self):
        self.process = self.started("--lun=3:5,file=" + self.disk, "--control=" + self.path("c"))

    def control(self, command):
        with self.connect("c") as client, client.makefile("rw") as lines:
            print(command, file=lines, flush=True)
            return lines.readline()

    def perf(self, options):
        """Starts vscsi-perf, which reads until it fails, and waits until it does."""
        perf = subprocess.Popen(
            [rig.program("perf"), f"--address={self.address}?{options}", "--filename=3:5",
             "--rw=randread", "--iodepth=4", "--time_based", "--runtime=1h"],
            env=os.environ | {"LD_LIBRARY_PATH": os.path.abspath(self.folder)},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(perf.communicate)
        self.addCleanup(perf.kill)
        while json.loads(self.control("stat"))["requests"] < 1000:
            self.assertIsNone(perf.poll(), "vscsi-perf has ended")
        return perf

    def trace(self, *arguments):
        """Starts bpftrace, and waits until it has attached itself."""
        trace = subprocess.Popen(["bpftrace", "-B", "line", *arguments],
                                 env=os.environ | {"BPFTRACE_STRLEN": "200"},
                                 stdout=subprocess.PIPE, text=True)
        limit = threading.Timer(rig.LIMIT, trace.kill)
        limit.start()
        for clean in trace.communicate, trace.kill, limit.cancel:
            self.addCleanup(clean)
        self.lines, self.printed = [], trace.stdout
        self.await_line("TIME +PID +COMMAND +PROBE +ARGUMENTS\n")
        return trace

    def await_line(self, wanted):
        """The match of a line, printed already or not: what several CPUs print is not in order."""
        for line in self.lines:
            if match := re.fullmatch(wanted, line):
                return match
        for line in self.printed:
            self.lines.append(line)
            if match := re.fullmatch(wanted, line):
                return match
        self.fail(f"bpftrace has not printed {wanted}, but:\n{''.join(self.lines)}")

    def await_event(self, perf, probe, wanted):
        """The match of a probe with such arguments."""
        line = rf"\d\d:\d\d:\d\d\.\d{{6}} +{perf.pid} +vscsi-perf +{probe} +(?:{wanted})\n"
        return self.await_line(line)

    def test_restart(self):
        trace = self.trace(SCRIPT, self.library)
        perf = self.perf("recovery_ms=60000")
        self.assertEqual(self.control(f"resize 3:5 {2 << 20}"), "ok\n")
        self.await_event(perf, "retry", r"LUN 3:5, user_data 0x[0-9a-f]+")

        before = time.monotonic()
        self.assertEqual(self.control("die taken 1"), "ok\n")
        reason = self.await_event(perf, "lost", "(.*)").group(1)
        self.await_event(perf, "lun_state", "LUN 3:5 being revalidated")
        self.process.wait(rig.LIMIT)
        self.serve_disk()
        away = int(self.await_event(perf, "back", r"after (\d+) ms").group(1))
        self.assertLessEqual(away, 1000 * (time.monotonic() - before) + 1)
        self.await_event(perf, "replay", REQUEST)
        self.await_event(perf, "lun_state", "LUN 3:5 present")

        self.assertEqual(self.control("remove 3:5"), "ok\n")
        self.await_event(perf, "error", REQUEST + ", result -19")
        self.await_event(perf, "lun_state", "LUN 3:5 gone")
        _, messages = perf.communicate(timeout=rig.LIMIT)
        self.assertEqual(reason, "the back-end closed the connection")
        self.assertIn(f"the device is lost, reconnecting: {reason}\n", messages)
        trace.send_signal(signal.SIGINT)
        self.assertEqual(trace.wait(rig.LIMIT), 0)

    def test_timeout(self):
        """By process; it ends with that."""
        perf = self.perf("io_timeout_ms=3000&task_timeout_ms=1000&recovery_ms=1000")
        trace = self.trace("-p", str(perf.pid), SCRIPT)
        self.process.send_signal(signal.SIGSTOP)
        self.await_event(perf, "abort", REQUEST + ", result -110")
        lost = self.await_event(perf, "lost", "(a request took too long.*)").group(1)
        failed = self.await_event(perf, "failed", "(.*)").group(1)
        self.await_event(perf, "error", REQUEST + ", result -110")
        _, messages = perf.communicate(timeout=rig.LIMIT)
        self.assertIn(f"the device is lost, reconnecting: {lost}\n", messages)
        self.assertIn(f"the device is lost: {failed}\n", messages)
        self.assertEqual(trace.wait(rig.LIMIT), 0)


if __name__ == "__main__":
    if reason := refusal():
        print(reason)
        sys.exit(77)
    unittest.main()
