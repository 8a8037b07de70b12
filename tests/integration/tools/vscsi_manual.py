# SPDX-License-Identifier: BSD-3-Clause
"""The manual pages, --help and the library's table have the same options."""

import json
import os
import re
import unittest

from rig import ToolTest

OPTION = re.compile(r"--([a-z][a-z0-9_-]+)")
# In the examples of a page about other options.
OTHERS = {"socket", "control", "lun"}
PAGES = ["perf/vscsi-perf.1", "info/vscsi-info.1", "bind/vscsi-bind.1", "copy/vscsi-copy.1",
         "sg/vscsi-sg.1", "target/vscsi-target.1", "target/vscsi-target-faults.7",
         "fio/fio-vscsi.1", "nbdkit/nbdkit-vscsi-plugin.1"]


def text(name):
    with open(os.path.join(os.environ["VSCSI_MANUALS"], name)) as file:
        return file.read().replace("\\-", "-")


def manual(name):
    """The options mentioned in a manual page."""
    return set(OPTION.findall(text(name)))


def recovery(name):
    """The recovery options described in a manual page, with their values."""
    section = re.search(r"(?ms)^\.SH RECOVERY$(.*?)^\.SH ", text(name))[1]
    return re.findall(r"(?m)^\.TP\n\.BI? (recovery\w*)= ?(\w+)$", section)


class Manual(ToolTest):
    def help_options(self, tool):
        return set(OPTION.findall(self.run_tool(tool, "--help")[0]))

    def test_version(self):
        """Of each tool the same, in one line."""
        for tool in "bind", "copy", "info", "perf", "sg", "target":
            out, _ = self.run_tool(tool, "--version")
            self.assertRegex(out, rf"^vscsi-{tool} \d+\.\d+\.\d+\n$")
            for option in "help", "version":
                self.assertIn(option, self.help_options(tool))

    def test_perf(self):
        self.assertGreater(len(self.help_options("perf")), 30)
        self.assertEqual(self.help_options("perf"), manual("perf/vscsi-perf.1"))

    def test_info(self):
        self.assertEqual(self.help_options("info"), manual("info/vscsi-info.1"))

    def test_bind(self):
        self.assertEqual(self.help_options("bind"), manual("bind/vscsi-bind.1"))

    def test_sg(self):
        self.assertEqual(self.help_options("sg"), manual("sg/vscsi-sg.1"))

    def test_copy(self):
        self.assertEqual(self.help_options("copy"), manual("copy/vscsi-copy.1"))

    def test_target(self):
        """The options for testing clients are in a page of their own."""
        faults = set(OPTION.findall(self.run_tool("target", "--help-faults")[0])) - {"control"}
        self.assertEqual(len(faults), 3)
        # The example of another program has an option of that.
        self.assertEqual(self.help_options("target"), manual("target/vscsi-target.1") - {"clear"})
        self.assertEqual(faults, manual("target/vscsi-target-faults.7") - OTHERS)
        self.assertFalse(faults & self.help_options("target"))

    def table(self):
        """The library's address options: values by name."""
        lines, _ = self.run_tool("info", "--options")
        return {name: values.split("|") for name, values, _ in
                (line.split(maxsplit=2) for line in lines.splitlines())}

    def test_recovery(self):
        """The manual page describes exactly the recovery options of the library's table."""
        described, table = recovery("perf/vscsi-perf.1"), self.table()
        self.assertEqual(sorted(value for name, value in described if name == "recovery"),
                         sorted(table["recovery"]))
        self.assertEqual({name for name, _ in described},
                         {name for name in table if name.startswith("recovery")})

    def test_options_of_addresses(self):
        """Address options in examples are in the library's table."""
        table, found = self.table(), []
        for page in PAGES:
            for options in re.findall(r"(?:vhost-user|pci):[^\s'?]+\?([\w=&]+)", text(page)):
                found += [(page, *option.split("=")) for option in options.split("&")]
        self.assertGreater(len(found), 4)
        for page, name, value in found:
            self.assertIn(name, table, page)
            if len(table[name]) > 1:
                self.assertIn(value, table[name], page)

    def test_defaults(self):
        """Those that vscsi-perf tells are values that it takes and uses."""
        self.serve()
        out, _ = self.run_tool("perf", "--help")
        found = re.findall(r"(?m)^  --([a-z0-9_-]+)=.*\n.*; default: ([^\s$]+)", out)
        self.assertGreater(len(found), 20)
        base = ["--address=" + self.address, "--output-format=json", "--name=x"]
        plain, _ = self.run_tool("perf", *base, "--randseed=1")
        told, _ = self.run_tool("perf", *base, *(f"--{name}={value}" for name, value in found
                                                 if name != "output-format"), "--randseed=1")
        options = [json.loads(text)["jobs"][0]["job options"] for text in (plain, told)]
        self.assertEqual(*options)
        self.assertIn(("output-format", "normal"), found)

    def test_each_option_of_perf_once(self):
        out, _ = self.run_tool("perf", "--help")
        names = re.findall(r"(?m)^  --([a-z0-9_-]+)", out)
        self.assertEqual(len(names), len(set(names)))


if __name__ == "__main__":
    unittest.main(verbosity=2)
