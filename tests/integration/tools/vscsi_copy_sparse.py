# SPDX-License-Identifier: BSD-3-Clause
"""vscsi-copy: holes and zeros, offsets, and copies between disks."""

import json
import os
import random
import shutil
import subprocess
import unittest

from rig import LIMIT, ToolTest

MIB = 1 << 20
SIZE = 16 * MIB
# Where a sparse image has data: pieces that begin and end within chunks, and one block.
PIECES = ((0, 4096), (3 * MIB - 4096, 8192), (5 * MIB, MIB + 4096), (12 * MIB + 8192, 4096))


class Sparse(ToolTest):
    luns = ["0:0,file={folder}/thin.img,thin", "0:1,file={folder}/full.img", "0:2,ram=24M",
            "0:3,file={folder}/4k.img,thin,block=4096"]

    def setUp(self):
        super().setUp()
        generator = random.Random(2)
        data = bytearray(SIZE)
        with open(self.path("in.img"), "wb") as file:
            file.truncate(SIZE)
            for at, length in PIECES:
                # No zero, so that all other zeros are holes.
                data[at:at + length] = bytes(generator.choices(range(1, 256), k=length))
                file.seek(at)
                file.write(data[at:at + length])
        self.data = bytes(data)
        # What was there before must not show through where the copy has zeros.
        for name in "thin.img", "full.img", "4k.img":
            self.write(name, b"\xff" * SIZE)
        self.serve()

    def copy(self, *words, status=0):
        return self.run_tool("copy", *words, status=status)

    def same_as(self, name, expected):
        # Not assertEqual(), which would print them.
        self.assertTrue(self.read(name) == expected, name + " differs")
        if name == "out.img" and shutil.which("qemu-img"):
            subprocess.run(["qemu-img", "compare", "-f", "raw", "-F", "raw",
                            self.path("in.img"), self.path(name)], timeout=LIMIT, check=True,
                           stdout=subprocess.DEVNULL)

    def blocks(self, name):
        """Bytes that the file takes up."""
        with open(self.path(name), "rb") as file:
            os.fsync(file.fileno())
        return os.stat(self.path(name)).st_blocks * 512

    def test_there_and_back(self):
        """Compared byte by byte, and neither the disk nor the file has more than the source."""
        most = self.blocks("in.img") + 64 * 1024
        self.assertLess(most, SIZE // 3, "this file system has no holes")
        for unit in "0:0", "0:3":
            out, _ = self.copy(self.path("in.img"), self.address, unit, "--json")
            self.assertEqual(json.loads(out)["zero_bytes"], SIZE - sum(n for _, n in PIECES))
        self.same_as("thin.img", self.data)
        self.same_as("4k.img", self.data)
        self.assertLess(self.blocks("thin.img"), most)
        for unit in "0:0", "0:3":
            self.copy(self.address, unit, self.path("out.img"), "--verify")
            self.same_as("out.img", self.data)
            self.assertLess(self.blocks("out.img"), most)

    def test_file_that_is_kept(self):
        """Where the source has zeros, what was there becomes holes."""
        self.write("out.img", b"\xff" * SIZE)
        self.copy(self.path("in.img"), self.address, "0:1")
        self.copy(self.address, "0:1", self.path("out.img"), "--seek=0")
        self.same_as("out.img", self.data)
        self.assertLess(self.blocks("out.img"), SIZE // 3)

    def test_disk_that_is_not_thin(self):
        self.copy(self.path("in.img"), self.address, "0:1", "--verify")
        self.same_as("full.img", self.data)
        # It says nothing about its zeros, but they are found.
        self.copy(self.address, "0:1", self.path("out.img"))
        self.assertLess(self.blocks("out.img"), SIZE // 3)

    def test_all_is_written(self):
        self.copy(self.path("in.img"), self.address, "0:0", "--sparse=0")
        self.same_as("thin.img", self.data)
        self.assertGreaterEqual(self.blocks("thin.img"), SIZE)
        self.copy(self.address, "0:0", self.path("out.img"), "--sparse=0")
        self.assertGreaterEqual(self.blocks("out.img"), SIZE)

    def test_coarse_units(self):
        """Units of 1 MiB: a chunk is a hole only if all of it is zeros."""
        self.copy(self.address, "0:1", self.path("out.img"), "--count=4M")
        self.copy(self.path("in.img"), self.address, "0:1")
        self.copy(self.address, "0:1", self.path("out.img"), "--sparse=1M")
        self.same_as("out.img", self.data)

    def test_target_is_zero(self):
        """Zeros are not written then, whatever the disk has."""
        self.copy(self.path("in.img"), self.address, "0:0", "--target-is-zero", "--count=4K")
        self.copy(self.path("in.img"), self.address, "0:0", "--target-is-zero")
        thin = self.read("thin.img")
        self.assertEqual(thin[:4096], self.data[:4096])
        self.assertEqual(thin[4096:MIB], b"\xff" * (MIB - 4096))
        self.refused("copy", self.address, "0:0", self.path("out.img"), "--target-is-zero")

    def test_pipes(self):
        """They get everything, and zeros in them are found."""
        with open(self.path("in.img"), "rb") as file:
            out, _ = self.run_tool("copy", "-", self.address, "0:0", input=file.read(), text=False,
                                   stdin=None)
        self.assertIn(b"of them zeros", out)
        self.same_as("thin.img", self.data)
        out, _ = self.run_tool("copy", self.address, "0:0", "-", text=False)
        self.assertTrue(out == self.data)

    def test_disk_to_disk(self):
        """On one device, and between two."""
        self.copy(self.path("in.img"), self.address, "0:0")
        self.copy(self.address, "0:0", self.address, "0:1", "--verify")
        self.same_as("full.img", self.data)
        other = Sparse("copy")
        self.addCleanup(other.doCleanups)
        other.setUp()
        self.copy(self.address, "0:1", other.address, "0:3", "--verify")
        other.same_as("4k.img", self.data)
        self.assertIn("has room for",
                      self.refused("copy", self.address, "0:2", self.address, "0:0", status=1))

    def test_one_disk(self):
        """Parts that overlap are refused, whichever way it is named; others are copied."""
        out, _ = self.run_tool("info", "--json", self.address, "0:0")
        name = json.loads(out)["luns"][0]["wwid"]
        os.symlink("v", self.path("w"))
        for other in ((self.address, "0:0"), (self.address + "?queues=1", "0:0"),
                      ("vhost-user:" + self.path("w"), "0:0"), (self.address + "?id=" + name,)):
            with self.subTest(other):
                for start in "--seek=1M", "--skip=1M":
                    err = self.refused("copy", self.address, "0:0", *other, "--count=2M", start)
                    self.assertIn(f"0:0 of {other[0]} are the same disk, {name}", err)
                self.copy(self.path("in.img"), self.address, "0:0")
                self.copy(self.address, "0:0", *other, "--skip=4M", "--count=4M", "--verify")
                self.same_as("thin.img", self.data[4 * MIB:8 * MIB] + self.data[4 * MIB:])
        self.assertIn("the same disk", self.refused("copy", self.address, "0:0", self.address, "0:0"))

    def test_offsets(self):
        self.copy(self.path("in.img"), self.address, "0:0", "--skip=5M", "--seek=1M", "--count=64K")
        expected = (b"\xff" * MIB + self.data[5 * MIB:][:65536]).ljust(SIZE, b"\xff")
        self.same_as("thin.img", expected)
        # Of a file, the rest is kept, or appended to.
        self.write("out.img", b"before" * 512)
        self.copy(self.address, "0:0", self.path("out.img"), "--skip=1M", "--seek=1024",
                  "--count=512")
        self.assertEqual(self.read("out.img"), (b"before" * 512)[:1024] +
                         self.data[5 * MIB:][:512] + (b"before" * 512)[1536:])
        self.copy(self.address, "0:0", self.path("out.img"), "--seek=8192", "--count=512")
        self.assertEqual(self.read("out.img")[3072:], bytes(8192 - 3072) + b"\xff" * 512)
        # Of a pipe, the beginning is discarded.
        self.run_tool("copy", "-", self.address, "0:0", "--skip=7", "--count=512", stdin=None,
                      input="skipped" + "x" * 1000)
        self.assertEqual(self.read("thin.img")[:1024], b"x" * 512 + b"\xff" * 512)

    def test_offsets_that_do_not_fit(self):
        out = self.path("out.img")
        for words in (["--skip=1"], ["--skip=1G"], ["--resume-from=1"], ["--resume-from=64M"],
                      ["--count=x"], ["--count=1KB"], ["--skip=-1"], ["--sparse=1"],
                      ["--count=9999999T"], ["--rate="], ["--progress=sometimes"]):
            self.refused("copy", self.address, "0:0", out, *words)
        self.refused("copy", self.address, "0:0", out, "--count=1000", status=1)
        for words in (["--seek=512"], ["--resume-from=512"], ["--verify"]):
            self.assertIn("pipe", self.refused("copy", self.address, "0:0", "-", *words))
        self.assertFalse(os.path.exists(out))
        self.refused("copy", self.path("in.img"), self.address, "0:0", "--seek=1M", status=1)
        self.assertTrue(self.read("thin.img") == b"\xff" * SIZE)


if __name__ == "__main__":
    unittest.main(verbosity=2)
