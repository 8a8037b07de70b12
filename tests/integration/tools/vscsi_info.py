# SPDX-License-Identifier: BSD-3-Clause
"""vscsi-info: the table, one unit, JSON, and errors."""

import itertools
import json
import os
import shutil
import unittest

from rig import LIMIT, ToolTest


class Info(ToolTest):
    luns = ["0:0,ram=64M,serial=first", "0:3,null=10G,block=4096", "2:0,ram=1M,thin",
            "7:300,file={folder}/ro.img,ro"]

    def setUp(self):
        super().setUp()
        self.write("ro.img", bytes(1 << 20))
        self.serve()

    def test_table(self):
        out, _ = self.run_tool("info", self.address)
        lines = out.splitlines()
        self.assertEqual(lines[0].split()[:4], ["LUN", "TYPE", "VENDOR", "PRODUCT"])
        self.assertEqual([line.split()[0] for line in lines[1:]], ["0:0", "0:3", "2:0", "7:300"])
        self.assertTrue(all(line.split()[1] == "disk" for line in lines[1:]))
        self.assertIn(" 64.0MiB    512 ", lines[1])
        self.assertIn(" 10.0GiB   4096 ", lines[2])

    def test_one_unit(self):
        out, _ = self.run_tool("info", self.address, "0:0")
        self.assertIn("LUN 0:0", out)
        self.assertRegex(out, r"serial +first\n")
        self.assertRegex(out, r"size +64\.0MiB \(67108864 bytes\)")
        self.assertNotIn("LUN 0:3", out)

    def test_verbose(self):
        out, _ = self.run_tool("info", "--verbose", self.address)
        self.assertRegex(out, r"features negotiated .*version_1")
        self.assertRegex(out, r"protocol features .*config")
        self.assertEqual(out.count("\nLUN "), 4)

    def test_json(self):
        out, _ = self.run_tool("info", "--json", self.address + "?queues=2&indirect=off")
        report = json.loads(out)
        self.assertEqual(report["device"]["queues"], 2)
        self.assertIn("version_1", report["device"]["negotiated"])
        self.assertIn("indirect", report["device"]["offered"])
        self.assertNotIn("indirect", report["device"]["negotiated"])
        units = {(unit["target"], unit["lun"]): unit for unit in report["luns"]}
        self.assertEqual(sorted(units), [(0, 0), (0, 3), (2, 0), (7, 300)])
        self.assertEqual(units[0, 0]["size"], 64 << 20)
        self.assertEqual(units[0, 0]["serial"], "first")
        self.assertEqual(units[0, 3]["block_size"], 4096)
        self.assertIn("unmap", units[2, 0]["flags"])
        self.assertIn("read_only", units[7, 300]["flags"])
        self.assertNotIn("read_only", units[0, 0]["flags"])

    def test_json_of_one_unit(self):
        out, _ = self.run_tool("info", "--json", self.address, "2:0")
        self.assertEqual([unit["target"] for unit in json.loads(out)["luns"]], [2])

    def metrics(self, *words, status=0):
        out, _ = self.run_tool("info", "--metrics", *words, status=status)
        self.assertTrue(out.endswith("# EOF\n"))
        try:
            from prometheus_client.openmetrics import parser
        except ImportError:
            self.skipTest("python3-prometheus-client is not installed")
        return {sample.name + sample.labels.get("lun", "") + sample.labels.get("le", ""): sample
                for family in parser.text_string_to_metric_families(out)
                for sample in family.samples}

    def test_metrics(self):
        samples = self.metrics(self.address)
        self.assertEqual(samples["vscsi_device_up"].value, 1)
        for lun in "0:0", "0:3", "2:0", "7:300":
            self.assertEqual(samples["vscsi_lun_up" + lun].value, 1)
            self.assertEqual(samples["vscsi_lun_errors" + lun].value, 0)
            self.assertGreater(samples["vscsi_lun_read_seconds" + lun].value, 0)
            self.assertLess(samples["vscsi_lun_read_seconds" + lun].value, LIMIT)
        self.assertEqual(samples["vscsi_lun_size_bytes0:0"].value, 64 << 20)
        self.assertEqual(samples["vscsi_lun_info0:0"].labels["serial"], "first")

    def test_metrics_are_gauges(self):
        """The next run counts from 0 again, so that a counter would never have a rate."""
        out, _ = self.run_tool("info", "--metrics", self.address)
        types = {line.split()[2]: line.split()[3] for line in out.splitlines()
                 if line.startswith("# TYPE")}
        self.assertEqual(types.pop("vscsi_lun"), "info")
        self.assertEqual(set(types.values()), {"gauge"})

    def test_metrics_of_a_unit_that_is_missing(self):
        """The device is up; nothing but this is said of the unit."""
        for words, lun in (([self.address, "9:9"], "9:9"),
                           ([self.address + "?id=naa.777"], "")):
            samples = self.metrics(*words, status=1)
            self.assertEqual(samples["vscsi_device_up"].value, 1)
            self.assertEqual(samples["vscsi_device_losses"].value, 0)
            self.assertEqual(samples["vscsi_lun_up" + lun].value, 0)
            self.assertEqual([name for name in samples if name.startswith("vscsi_lun")],
                             ["vscsi_lun_up" + lun])

    def test_metrics_of_a_device_that_is_down(self):
        samples = self.metrics(self.address + ".gone", status=1)
        self.assertEqual([name for name in samples], ["vscsi_device_up"])
        self.assertEqual(samples["vscsi_device_up"].value, 0)
        self.assertIn("--json", self.refused("info", "--metrics", "--json", self.address))

    def test_identity(self):
        out, _ = self.run_tool("info", self.address + "?id=serial.first")
        self.assertTrue(out.startswith("LUN 0:0\n"), out)
        self.assertRegex(out, r"identities +serial\.first, scsi_id SVSCSI_TARGET_DISK_first\n")
        self.assertNotIn("LUN 0:3", out)
        message = self.refused("info", self.address + "?id=serial.second", status=1)
        self.assertIn('no LUN of the device has the identity "serial.second"', message)
        # Without the identity, with which it would fail again.
        self.assertIn(f"'vscsi-info {self.address}' lists", message)

    def test_json_of_what_is_missing(self):
        """A program that reads it always gets an object, with what is on stderr too."""
        for words, unit in (([self.address, "0:7"], {"target": 0, "lun": 7}),
                            ([self.address + "?id=naa.777"], {})):
            out, err = self.run_tool("info", "--json", *words, status=1)
            report = json.loads(out)
            self.assertEqual(report["device"]["state"], "running")
            self.assertNotIn("error", report)
            error = report["luns"][0].pop("error")
            self.assertIn(f"vscsi-info: {error}\n", err)
            self.assertIn("lists the logical units", err)
            self.assertEqual(report["luns"], [unit])
        out, err = self.run_tool("info", "--json", self.address + ".gone", status=1)
        report = json.loads(out)
        self.assertEqual(err, f"vscsi-info: {report['error']}\n")
        self.assertEqual(report["address"], self.address + ".gone")
        self.assertEqual(sorted(report), ["address", "error", "version"])

    def test_renumbered(self):
        self.stop()
        self.luns = ["3:5,ram=64M,serial=first", "4:0,ram=1M,serial=twice",
                     "4:1,ram=1M,serial=twice"]
        self.serve()
        out, _ = self.run_tool("info", self.address + "?id=serial.first")
        self.assertTrue(out.startswith("LUN 3:5\n"), out)
        message = self.refused("info", self.address + "?id=serial.twice", status=1)
        self.assertIn("LUN 4:0 and LUN 4:1 have the same identity", message)

    def test_an_identity_and_a_unit(self):
        message = self.refused("info", self.address + "?id=serial.first", "0:3")
        self.assertIn("leave out 0:3", message)

    def test_absent_units(self):
        for unit in "0:1", "5:0":
            out, message = self.run_tool("info", "--verbose", self.address, unit, status=1)
            self.assertEqual(out, "")
            self.assertIn(unit, message)
            self.assertIn("lists the logical units", message)


    def test_full_output(self):
        for words in ([self.address], ["--json", self.address], ["--verbose", self.address],
                      [self.address, "0:0"], ["--metrics", self.address], ["--options"], ["--help"], ["--version"]):
            self.notices_full_output("info", *words)

    def test_closed_descriptors(self):
        """What it opens doesn't become its output, and it doesn't believe in what it printed."""
        for closed in itertools.product((False, True), repeat=3):
            with self.subTest(closed):
                _, err = self.run_tool(
                    "info", self.address, status=int(closed[1]), stdin=None,
                    preexec_fn=lambda: [os.close(fd) for fd in range(3) if closed[fd]])
                if closed[1] and not closed[2]:
                    self.assertIn("Bad file descriptor", err)

    def test_log(self):
        def log(*options, **environment):
            return self.run_tool("info", *options, self.address, environment=environment)[1]

        self.assertIn("vscsi-info: vscsi_dev_scan: ", log("--log=debug"))
        self.assertIn("vscsi-info: vscsi_dev_scan: ", log(VSCSI_LOG="debug"))
        self.assertEqual(log("--log=error", VSCSI_LOG="debug"), "")
        self.assertEqual(log(VSCSI_LOG=""), "")
        self.assertIn("error|warn|info|debug", self.refused("info", "--log=loud", self.address))


class InfoAlone(ToolTest):
    def test_options_of_an_address(self):
        out, _ = self.run_tool("info", "--options")
        names = [line.split()[0] for line in out.splitlines()]
        self.assertIn("queues", names)
        self.assertIn("event_idx", names)
        self.assertEqual(len(names), len(set(names)))

    def test_no_socket(self):
        self.assertIn(self.path("v"), self.refused("info", self.address, status=1))

    def names(self):
        out, _ = self.run_tool("info", "--json", self.address)
        return [unit["serial"] for unit in json.loads(out)["luns"]]

    def test_names_of_units_without_contents(self):
        """After a restart as before, and others at another socket."""
        self.luns = ["0:0,null=4M", "0:1,ram=4M,serial=X"]
        self.serve()
        first = self.names()
        self.stop()
        self.serve()
        self.assertEqual(self.names(), first)
        self.stop()
        self.folder = self.folder + "2"
        os.mkdir(self.folder)
        self.addCleanup(shutil.rmtree, self.folder)
        self.address = "vhost-user:" + self.path("v")
        self.serve()
        self.assertNotEqual(self.names()[0], first[0])

    def test_a_target_without_units(self):
        self.assertIn("--lun", self.refused("target", "--socket=" + self.path("v")))
        self.luns = []
        self.serve("--control=" + self.path("c"))
        out, _ = self.run_tool("info", "--json", self.address)
        self.assertEqual(json.loads(out)["luns"], [])

    def test_socket_without_a_target(self):
        self.serve()
        self.target.kill()
        self.target.wait()
        message = self.refused("info", self.address, status=1)
        self.assertIn("refused", message)

    def test_wrong_usage(self):
        self.assertIn("--jsn", self.refused("info", "--jsn"))
        self.refused("info")
        self.refused("info", "a", "0:0", "b")
        self.assertIn("TARGET:LUN", self.refused("info", self.address, "0"))
        self.refused("info", self.address, "256:0")
        self.assertIn("vscsi-info --options", self.refused("info", self.address + "?quues=2"))
        self.refused("info", "carrier-pigeon:x")

    def test_help(self):
        out, _ = self.run_tool("info", "--help")
        self.assertIn("ADDRESS", out)
        self.assertRegex(self.run_tool("info", "--version")[0], r"^vscsi-info \d+\.\d+\.\d+\n$")


if __name__ == "__main__":
    unittest.main(verbosity=2)
