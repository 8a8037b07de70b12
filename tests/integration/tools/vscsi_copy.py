# SPDX-License-Identifier: BSD-3-Clause
"""vscsi-copy in both directions, and the two example programs."""

import os
import random
import unittest

from rig import ToolTest


class Copy(ToolTest):
    # Not a multiple of the request size.
    size = (5 << 20) + 512 * 3
    luns = ["0:0,file={folder}/disk.img", "0:1,ram=8M", "1:0,file={folder}/ro.img,ro"]

    def setUp(self):
        super().setUp()
        self.data = random.Random(1).randbytes(self.size)
        for name in "disk.img", "ro.img", "in.img":
            self.write(name, self.data)
        self.serve()

    def test_out(self):
        out, _ = self.run_tool("copy", self.address, "0:0", self.path("out.img"))
        self.assertEqual(out, f"{self.size} bytes copied\n")
        self.assertEqual(self.read("out.img"), self.data)

    def test_out_replaces_a_longer_file(self):
        self.write("out.img", bytes(self.size + 4096))
        self.run_tool("copy", self.address, "0:0", self.path("out.img"))
        self.assertEqual(self.read("out.img"), self.data)

    def test_in_and_out_again(self):
        self.run_tool("copy", "--to-disk", self.path("in.img"), self.address, "0:1")
        self.run_tool("copy", self.address, "0:1", self.path("out.img"))
        self.assertEqual(self.read("out.img"), self.data + bytes((8 << 20) - self.size))

    def test_in_changes_the_beginning_only(self):
        self.write("small", b"x" * 1024)
        self.run_tool("copy", "--to-disk", self.path("small"), self.address, "0:0")
        self.assertEqual(self.read("disk.img"), b"x" * 1024 + self.data[1024:])

    def test_small_rings(self):
        address = self.address + "?queue_size=8&indirect=off"
        self.run_tool("copy", address, "0:0", self.path("out.img"))
        self.assertEqual(self.read("out.img"), self.data)

    def test_files_that_do_not_fit(self):
        odd = self.write("odd", b"x" * 1000)
        self.assertIn("blocks of 512", self.refused("copy", "--to-disk", odd, self.address, "0:1",
                                                    status=1))
        large = self.write("large", bytes(self.size + 512))
        self.assertIn(str(self.size), self.refused("copy", "--to-disk", large, self.address,
                                                   "0:0", status=1))
        self.refused("copy", "--to-disk", self.path("absent"), self.address, "0:1", status=1)
        self.assertEqual(self.read("disk.img"), self.data)

    def test_read_only_disk(self):
        message = self.refused("copy", "--to-disk", self.path("in.img"), self.address, "1:0",
                               status=1)
        self.assertIn("Read-only", message)

    def test_a_full_file_system(self):
        self.assertIn("/dev/full", self.refused("copy", self.address, "0:0", "/dev/full", status=1))

    def test_wrong_usage(self):
        self.refused("copy")
        self.refused("copy", self.address, "0:0")
        self.refused("copy", self.address, "0", "file")
        self.refused("copy", "--from-disk", self.address, "0:0", "file")
        self.refused("copy", self.address, "0:9", self.path("out.img"), status=1)
        self.assertFalse(os.path.exists(self.path("out.img")))

    def test_help(self):
        self.assertIn("--to-disk", self.run_tool("copy", "--help")[0])

    def test_example_read_block(self):
        out, _ = self.run_tool("read_block", self.address)
        self.assertEqual(out, self.data[:16].hex(" ") + "\n")
        self.refused("read_block", "vhost-user:" + self.path("absent"), status=1)

    def test_example_async(self):
        out, _ = self.run_tool("async", self.address)
        self.assertEqual(out, f"sum of the first 262144 bytes: {sum(self.data[:262144])}\n")
        self.refused("async", "vhost-user:" + self.path("absent"), status=1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
