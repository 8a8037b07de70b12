# SPDX-License-Identifier: BSD-3-Clause
"""The manuals and --help tell of the same options."""

import os
import re
import unittest

from rig import ToolTest

OPTION = re.compile(r"--([a-z][a-z0-9_-]+)")


def manual(name):
    """The options that a manual has a paragraph or a mention of."""
    with open(os.path.join(os.environ["VSCSI_MANUALS"], name)) as file:
        return set(OPTION.findall(file.read().replace("\\-", "-")))


class Manual(ToolTest):
    def told(self, tool):
        return set(OPTION.findall(self.run_tool(tool, "--help")[0]))

    def test_perf(self):
        self.assertGreater(len(self.told("perf")), 30)
        self.assertEqual(self.told("perf"), manual("perf/vscsi-perf.1"))

    def test_info(self):
        self.assertEqual(self.told("info"), manual("info/vscsi-info.1"))

    def test_bind(self):
        self.assertEqual(self.told("bind"), manual("bind/vscsi-bind.1"))

    def test_copy(self):
        self.assertEqual(self.told("copy") | {"help"}, manual("vscsi-copy.1"))

    def test_each_option_of_perf_once(self):
        out, _ = self.run_tool("perf", "--help")
        names = re.findall(r"(?m)^  --([a-z0-9_-]+)", out)
        self.assertEqual(len(names), len(set(names)))


if __name__ == "__main__":
    unittest.main(verbosity=2)
