# SPDX-License-Identifier: BSD-3-Clause
"""What every back-end is asked (tests/compatibility/capabilities.c), asked of vscsi-target."""

import unittest

from rig import ToolTest


class Capabilities(ToolTest):
    luns = ["0:0,file={folder}/disk.img,thin", "0:1,ram=4M", "1:0,file={folder}/thick.img"]

    def setUp(self):
        super().setUp()
        for name in "disk.img", "thick.img":
            self.write(name, bytes(4 << 20))
        self.serve()

    def check(self, lun, *without, options=""):
        out, _ = self.run_tool("capabilities", self.address + options, lun,
                               "--without=" + ",".join(without))
        self.assertNotIn("UNEXPECTED", out)

    def test_thin(self):
        self.check("0:0")

    def test_thick(self):
        self.check("1:0", "unmap")

    def test_packed(self):
        self.check("0:0", options="?packed=on")

    def test_one_queue(self):
        self.check("0:0", "several-queues", options="?queues=1")

    def test_what_is_missing_is_noticed(self):
        out, _ = self.run_tool("capabilities", self.address, "0:0", "--without=flush", status=1)
        self.assertIn("flush: yes, UNEXPECTED\n", out)


if __name__ == "__main__":
    unittest.main()
