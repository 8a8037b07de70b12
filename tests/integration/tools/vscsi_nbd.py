# SPDX-License-Identifier: BSD-3-Clause
"""vscsi-target with the disk of an NBD server, which nbdkit is, and what its death does."""

import os
import re
import shutil
import subprocess
import time
import unittest

import rig

SIZE = 8 << 20
# A sanitizer's library must be the first in a program that was not built with it.
ENVIRONMENT = {"LD_PRELOAD": os.environ["VSCSI_PRELOAD"], "ASAN_OPTIONS": "detect_leaks=0",
               "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
NOT_READY, MEDIUM_ERROR, DATA_PROTECT = 2, 3, 7  # exit status of sg3_utils


def built_in():
    """Whether the target was built with libnbd."""
    done = subprocess.run([rig.program("target"), "--socket=none", "--lun=0:0,nbd=nbd+unix:///"],
                          stderr=subprocess.PIPE, text=True, check=False, timeout=rig.LIMIT)
    return "without libnbd" not in done.stderr


@unittest.skipUnless(shutil.which("nbdkit"), "nbdkit is not installed")
@unittest.skipUnless(shutil.which("sg_raw"), "sg3-utils is not installed")
@unittest.skipUnless(built_in(), "the target was built without libnbd")
class Nbd(rig.ToolTest):
    """One LUN in a file that nbdkit serves."""

    def setUp(self):
        super().setUp()
        self.server = None
        self.write("disk", bytes(SIZE))
        self.luns = ["0:0,thin,nbd=nbd+unix:///?socket={folder}/n"]

    def start_server(self, *arguments):
        """Runs nbdkit until the end of the test, and waits until it listens."""
        if os.path.exists(self.path("n")):
            os.unlink(self.path("n"))
        arguments = arguments or ("file", self.path("disk"))
        self.server = subprocess.Popen(
            ["nbdkit", "--foreground", "--unix", self.path("n"), "--pidfile", self.path("pid"),
             *arguments])
        self.addCleanup(self.kill_server, self.server)
        limit = time.monotonic() + rig.LIMIT
        while not os.path.exists(self.path("pid")):
            self.assertIsNone(self.server.poll(), "nbdkit has ended")
            self.assertLess(time.monotonic(), limit, "nbdkit does not start")
            time.sleep(0.01)
        os.unlink(self.path("pid"))

    @staticmethod
    def kill_server(server):
        server.kill()
        server.wait(rig.LIMIT)

    def sg(self, *command, status=0):
        """Runs a program of sg3_utils on the LUN."""
        return self.run_tool("sg", self.address, *command, status=status, environment=ENVIRONMENT)

    def put(self, status=0, flags="00"):
        """Writes block 9."""
        self.sg("sg_raw", "--send=512", "--infile=" + self.path("data"), "vscsi:0:0",
                "2a", flags, "00", "00", "00", "09", "00", "00", "01", "00", status=status)

    def flush(self, status=0):
        self.sg("sg_raw", "vscsi:0:0", "35", *["00"] * 9, status=status)

    def block(self):
        """Reads block 9 through the target."""
        self.sg("sg_raw", "--request=512", "--outfile=" + self.path("back"), "vscsi:0:0",
                "28", "00", "00", "00", "00", "09", "00", "00", "01", "00")
        return self.read("back")

    def test_a_whole_disk(self):
        """Data goes both ways, in requests that are larger than the target's buffer."""
        self.start_server()
        self.serve()
        data = os.urandom(SIZE)
        self.write("data", data)
        self.run_tool("copy", self.path("data"), self.address, "0:0")
        self.assertEqual(self.read("disk"), data)
        self.run_tool("copy", self.address, "0:0", self.path("back"))
        self.assertEqual(self.read("back"), data)

    def test_unmapped_blocks(self):
        """UNMAP makes holes on the server, and GET LBA STATUS tells of them."""
        self.start_server("memory", str(SIZE))
        self.serve()
        self.write("data", b"x" * (1 << 20))
        self.sg("sg_dd", "if=" + self.path("data"), "of=vscsi:0:0", "bs=512", "bpt=2048")
        self.sg("sg_unmap", "--lba=1024", "--num=1024", "--force", "vscsi:0:0")
        out, _ = self.sg("sg_get_lba_status", "--brief", "--maxlen=128", "--lba=0",
                         "vscsi:0:0")
        self.assertEqual([line.split()[1:3] for line in out.splitlines() if line.startswith("0x")],
                         [["0x400", "0"], ["0x3c00", "1"]])
        self.sg("sg_dd", "if=vscsi:0:0", "of=" + self.path("back"), "bs=512", "count=2048")
        self.assertEqual(self.read("back"), b"x" * (512 << 10) + bytes(512 << 10))

    def test_read_only_servers(self):
        self.start_server("--readonly", "file", self.path("disk"))
        self.serve()
        self.write("data", bytes(512))
        self.put(status=DATA_PROTECT)
        self.assertEqual(self.block(), bytes(512))

    def test_a_flushed_server_restarts(self):
        """Commands go on as if nothing had happened."""
        self.start_server()
        self.serve()
        for data in b"first", b"second":
            data = data.ljust(512)
            self.write("data", data)
            self.put(flags="08")
            self.kill_server(self.server)
            self.start_server()
            self.assertEqual(self.block(), data)
            self.flush()

    def test_fua_is_the_servers(self):
        """One request instead of two: if its server dies, it can be repeated."""
        self.start_server("--filter=log", "file", self.path("disk"),
                          "logfile=" + self.path("log"))
        self.serve()
        self.write("data", b"fua".ljust(512))
        self.put(flags="08")
        self.put()
        self.flush()
        log = self.read("log").decode()
        self.assertEqual(len(re.findall(r"Write .* fua=1 \.\.\.", log)), 1, log)
        self.assertEqual(len(re.findall(r"Write .* fua=0 \.\.\.", log)), 1, log)
        self.assertEqual(len(re.findall(r"Flush .*\.\.\.", log)), 1, log)

    def test_unflushed_writes_are_not_forgotten(self):
        """Their server has died: no later flush may say that they are durable."""
        self.start_server("memory", str(SIZE))
        self.serve()
        self.write("data", b"lost".ljust(512))
        self.put()
        self.kill_server(self.server)
        self.start_server("memory", str(SIZE))
        self.flush(status=MEDIUM_ERROR)
        self.flush(status=MEDIUM_ERROR)
        self.put()
        self.put(flags="08", status=MEDIUM_ERROR)
        self.assertEqual(self.block(), b"lost".ljust(512))

    def test_no_server(self):
        """Commands fail after a limited time, other LUNs and inquiries work, and all returns."""
        self.luns.append("0:1,ram=1M")
        self.start_server()
        self.serve()
        self.kill_server(self.server)
        self.write("data", b"back".ljust(512))
        self.put(status=NOT_READY)
        self.put(status=NOT_READY)
        self.sg("sg_dd", "if=vscsi:0:1", "of=/dev/null", "bs=512", "count=1")
        self.start_server()
        self.put(flags="08")
        self.assertEqual(self.block(), b"back".ljust(512))

    def test_another_disk(self):
        """A server that comes back with another size is not this disk."""
        self.start_server()
        self.serve()
        self.kill_server(self.server)
        self.start_server("memory", "1M")
        self.write("data", bytes(512))
        self.put(status=NOT_READY)
        self.kill_server(self.server)
        self.start_server()
        self.put()

    def test_a_wrong_uri(self):
        for uri in "nbd+unix:///?socket=none", "nonsense":
            done = subprocess.run(
                [rig.program("target"), "--socket=" + self.path("v"), "--lun=0:0,nbd=" + uri],
                stderr=subprocess.PIPE, text=True, check=False, timeout=rig.LIMIT)
            self.assertEqual(done.returncode, 2)
            self.assertEqual(len(done.stderr.splitlines()), 1)
            self.assertIn(f"cannot open {uri}: ", done.stderr)


if __name__ == "__main__":
    unittest.main()
