# SPDX-License-Identifier: BSD-3-Clause
"""vscsi-perf's verification: correct data passes, and corrupted data is detected."""

import unittest

from rig import ToolTest

BLOCK = 512
SIZE = 1 << 20


class Verify(ToolTest):
    luns = ["0:0,file={folder}/disk.img"]

    def setUp(self):
        super().setUp()
        self.write("disk.img", bytes(SIZE))
        self.serve()

    def perf(self, *options, status=0):
        return self.run_tool("perf", "--address=" + self.address, "--iodepth=8", *options,
                             status=status)

    def write_and_damage(self, damage, *options):
        """Writes, calls @damage to corrupt the file, and verifies; returns the output."""
        options = ("--rw=randwrite", "--verify=crc32c", "--randseed=7", *options)
        self.perf(*options, "--do_verify=0")
        data = bytearray(self.read("disk.img"))
        damage(data)
        self.write_in_place(data)
        out, err = self.perf(*options, "--verify_only", status=1)
        self.assertIn("vscsi-perf: job 'vscsi-perf': verification of 0:0", err)
        return out + err

    def write_in_place(self, data):
        with open(self.path("disk.img"), "r+b") as file:
            file.write(data)

    def test_write_and_read_back(self):
        for method in "crc32c", "compare":
            out, _ = self.perf("--rw=randwrite", "--verify=" + method)
            self.assertIn(f"verify: {SIZE // BLOCK} blocks of 512 bytes checked, 0 bad", out)
            self.assertIn("  read: ", out)

    def test_write_now_verify_later(self):
        options = ("--rw=write", "--verify=compare", "--randseed=3", "--bs=8k", "--numjobs=2",
                   "--group_reporting")
        self.perf(*options, "--do_verify=0")
        before = self.read("disk.img")
        out, _ = self.perf(*options, "--verify_only")
        self.assertIn(f"{SIZE // BLOCK} blocks of 512 bytes checked, 0 bad", out)
        self.assertNotIn("  write: ", out)
        self.assertEqual(self.read("disk.img"), before)

    def test_rewritten_and_mixed(self):
        out, _ = self.perf("--rw=randrw", "--verify=crc32c", "--runtime=1", "--time_based",
                           "--size=128k", "--fsync=7")
        self.assertRegex(out, r"verify: [1-9]\d* blocks of 512 bytes checked, 0 bad")

    def test_finds_a_flipped_bit(self):
        def flip(data):
            data[100 * BLOCK + 333] ^= 1
        for method in "crc32c", "compare":
            output = self.write_and_damage(flip, "--verify=" + method)
            self.assertIn("block 100 is corrupted", output)
            self.assertIn("checked, 1 bad", output)

    def test_finds_a_lost_write(self):
        def lose(data):
            data[40 * BLOCK : 48 * BLOCK] = bytes(8 * BLOCK)
        output = self.write_and_damage(lose)
        self.assertIn("block 40 contains nothing", output)
        self.assertIn("checked, 8 bad", output)

    def test_finds_a_misplaced_write(self):
        def swap(data):
            one, other = slice(0, 4096), slice(8192, 12288)
            data[one], data[other] = data[other], data[one]
        output = self.write_and_damage(swap)
        self.assertIn("misplaced: its contents were written to block", output)
        self.assertIn("checked, 16 bad", output)

    def test_finds_a_stale_block(self):
        self.perf("--rw=randwrite", "--verify=crc32c", "--randseed=6")
        old = self.read("disk.img")

        def restore(data):
            data[4096:8192] = old[4096:8192]
        output = self.write_and_damage(restore)
        self.assertIn("block 8 is stale: its contents are from another run, with another randseed,"
                      " or from another thread\n", output)
        self.assertIn("checked, 8 bad", output)

    def test_ends_at_the_first_when_asked(self):
        def zero(data):
            data[:] = bytes(len(data))
        output = self.write_and_damage(zero)
        self.assertIn(f"checked, {SIZE // BLOCK} bad", output)
        output = self.write_and_damage(zero, "--verify_fatal")
        self.assertNotIn(f"checked, {SIZE // BLOCK} bad", output)

    def test_jobs_that_disturb_each_other(self):
        writers = ("--rw=write", "--verify=crc32c", "--name=one", "--size=50%", "--name=two")
        _, err = self.perf(*writers, status=2)
        self.assertIn("another job verifies", err)
        self.assertEqual(self.read("disk.img"), bytes(SIZE))
        self.perf(*writers, "--offset=50%")
        self.perf(*writers, "--stonewall")

    def test_another_seed_is_another_run(self):
        self.perf("--rw=write", "--verify=crc32c", "--randseed=7")
        _, err = self.perf("--rw=write", "--verify=crc32c", "--randseed=8", "--verify_only",
                           status=1)
        self.assertIn("stale", err)


if __name__ == "__main__":
    unittest.main(verbosity=2)
