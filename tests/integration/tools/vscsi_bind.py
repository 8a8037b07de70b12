# SPDX-License-Identifier: BSD-3-Clause
"""vscsi-bind on a simulated sysfs: the list, and all errors.

What needs a kernel is in tests/guest/: changing drivers, and disks that are open exclusively.
"""

import json
import os
import subprocess
import unittest

from rig import LIMIT, ToolTest, program

DISK, OTHER, RANDOM = "0000:01:00.0", "0000:02:01.0", "0000:00:12.0"
MOUNT = "29 1 8:1 / /mnt/two\\040words rw,relatime shared:1 - ext4 /dev/root rw\n"


class Tree(ToolTest):
    """A machine with a disk with two partitions, another virtio-scsi function, and an entropy device."""

    def setUp(self):
        super().setUp()
        self.put("proc/self/mountinfo", "21 1 0:20 / /proc rw - proc proc rw\nnonsense\n")
        self.put("proc/swaps", "Filename Type Size Used Priority\n")
        self.put("sys/bus/pci/drivers/vfio-pci/new_id")
        self.put("sys/bus/pci/drivers_probe")
        self.function(DISK, "0x1048", "virtio-pci", "5")
        self.function(RANDOM, "0x1044", "virtio-pci", "6")
        self.block("sda", "8:0", 2048)
        self.block("sda/sda1", "8:1", 1024)
        self.block("sda/sda2", "8:2", 512)

    def put(self, name, text=""):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        self.write(name, text)

    def link(self, name, target):
        """A relative link, as in sysfs."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(os.path.relpath(self.path(target), os.path.dirname(path)), path)

    def function(self, address, device, driver, group):
        home = f"sys/devices/pci0000:00/{address}"
        for name, text in {"vendor": "0x1af4\n", "device": device + "\n", "numa_node": "-1\n",
                           "driver_override": "(null)\n"}.items():
            self.put(f"{home}/{name}", text)
        self.link(f"sys/bus/pci/devices/{address}", home)
        if driver:
            self.put(f"sys/bus/pci/drivers/{driver}/unbind")
            self.link(f"{home}/driver", f"sys/bus/pci/drivers/{driver}")
        if group:
            self.link(f"sys/kernel/iommu_groups/{group}/devices/{address}", home)
            self.link(f"{home}/iommu_group", f"sys/kernel/iommu_groups/{group}")

    def block(self, name, number, sectors):
        home = f"sys/devices/pci0000:00/{DISK}/virtio0/host0/target0:0:0/0:0:0:0/block/{name}"
        self.put(f"{home}/dev", number + "\n")
        self.put(f"{home}/size", f"{sectors}\n")
        if "/" in name:
            self.put(f"{home}/partition", "1\n")
        name = os.path.basename(name)
        self.link(f"sys/class/block/{name}", home)
        self.put(f"dev/{name}")

    def tool(self, *words, status=0):
        return self.run_tool("bind", "--root", self.folder, *words, status=status)

    def no(self, status, *words):
        out, message = self.tool(*words, status=status)
        self.assertEqual(out, "")
        return message

    def untouched(self):
        self.assertEqual(self.read("sys/bus/pci/drivers_probe"), b"")
        self.assertEqual(self.read("sys/bus/pci/drivers/virtio-pci/unbind"), b"")
        self.assertEqual(self.read(f"sys/bus/pci/devices/{DISK}/driver_override"), b"(null)\n")

    def remove(self, name):
        os.unlink(self.path(name))


class List(Tree):
    def test_text(self):
        self.function(OTHER, "0x1004", "", "5")
        lines = self.tool("list")[0].splitlines()
        self.assertEqual(lines[1].split(),
                         [DISK, "1af4:1048", "virtio-pci", "5", "-", "sda(1.0MiB)"])
        self.assertEqual(lines[2], f"  {OTHER} is in the same IOMMU group (no driver)")
        self.assertEqual(lines[3].split(), [OTHER, "1af4:1004", "-", "5", "-", "-"])
        self.assertEqual(lines[4], f"  {DISK} is in the same IOMMU group (virtio-pci)")
        self.assertEqual(len(lines), 5)

    def test_uses_in_text(self):
        self.put("proc/self/mountinfo", MOUNT)
        self.put("proc/swaps", "Filename\n/dev/sda2 partition 8 0 -2\n")
        self.put("sys/class/block/sda/holders/dm-0")
        out, _ = self.tool("list")
        self.assertIn("  /dev/sda1 is mounted at /mnt/two words\n", out)
        self.assertIn("  /dev/sda2 is swap space\n", out)
        self.assertIn("  /dev/sda is part of /dev/dm-0\n", out)

    def test_json(self):
        self.function(OTHER, "0x1004", "", "")
        self.put(f"sys/devices/pci0000:00/{DISK}/numa_node", "1\n")
        self.put("proc/self/mountinfo", MOUNT)
        first, second = json.loads(self.tool("list", "--json")[0])["functions"]
        blocks = first.pop("blocks")
        self.assertEqual(first, {"address": DISK, "id": "1af4:1048", "driver": "virtio-pci",
                                 "iommu_group": 5, "group_others": [], "node": 1})
        self.assertEqual([(b["name"], b["partition"], b["bytes"]) for b in blocks],
                         [("sda", False, 1 << 20), ("sda1", True, 1 << 19),
                          ("sda2", True, 1 << 18)])
        self.assertEqual([b["uses"] for b in blocks],
                         [[], [{"kind": "mount", "where": "/mnt/two words"}], []])
        self.assertEqual(second, {"address": OTHER, "id": "1af4:1004", "driver": None,
                                  "iommu_group": None, "group_others": [], "node": None,
                                  "blocks": []})

    def test_none(self):
        self.remove(f"sys/bus/pci/devices/{DISK}")
        self.assertIn("no virtio-scsi", self.tool("list")[0])
        self.assertEqual(json.loads(self.tool("list", "--json")[0])["functions"], [])

    def test_full_output(self):
        for words in ["list"], ["list", "--json"], ["--help"], ["--version"]:
            self.notices_full_output("bind", "--root", self.folder, *words)

    def test_no_sysfs(self):
        out, message = self.run_tool("bind", "--root", self.path("none"), "list", status=5)
        self.assertEqual(out, "")
        self.assertIn("is sysfs mounted", message)


class Take(Tree):
    def refused_with(self, status, *words):
        message = self.no(status, "take", DISK)
        for word in words:
            self.assertIn(word, message)
        self.untouched()

    def test_mounted(self):
        self.put("proc/self/mountinfo", MOUNT)
        self.refused_with(4, "/dev/sda1", "/mnt/two words", "unmount")

    def test_mounted_by_name(self):
        # A file system on several disks has its own device number.
        self.put("proc/self/mountinfo", "29 1 0:40 / /data rw - btrfs /dev/sda2 rw\n")
        self.refused_with(4, "/dev/sda2", "/data")

    def test_swap(self):
        self.put("proc/swaps", "Filename\n/dev/sda2 partition 8 0 -2\n")
        self.refused_with(4, "swapoff /dev/sda2")

    def test_held(self):
        self.put("sys/class/block/sda1/holders/md0")
        self.refused_with(4, "/dev/sda1", "/dev/md0")

    def test_use_that_is_unknown(self):
        self.remove("dev/sda")
        self.refused_with(1, "/dev/sda", "can't determine")

    def test_no_vfio(self):
        self.remove("sys/bus/pci/drivers/vfio-pci/new_id")
        os.rmdir(self.path("sys/bus/pci/drivers/vfio-pci"))
        self.refused_with(5, "modprobe vfio-pci")

    def test_no_iommu(self):
        self.remove(f"sys/devices/pci0000:00/{DISK}/iommu_group")
        self.refused_with(5, "intel_iommu=on", DISK)

    def test_shared_group(self):
        self.function(OTHER, "0x1048", "virtio-pci", "5")
        self.refused_with(5, DISK, "group 5", OTHER, "virtio-pci")

    def test_shared_group_that_does_not_matter(self):
        for number, driver in enumerate(["", "pcieport", "pci-stub", "vfio-pci"]):
            self.function(f"0000:00:1c.{number}", "0x1000", driver, "5")
        # All checks pass, but the simulated kernel does nothing.
        self.assertIn("did not bind", self.no(1, "take", DISK))

    def test_whole_group(self):
        self.function(OTHER, "0x1048", "virtio-pci", "5")
        self.assertIn("did not bind", self.no(1, "take", DISK, "pci:" + OTHER))

    def test_absent(self):
        self.assertIn("0000:00:1f.7", self.no(3, "take", "0000:00:1f.7"))

    def test_not_virtio_scsi(self):
        message = self.no(3, "take", RANDOM)
        self.assertIn("1af4:1044", message)
        self.assertIn(RANDOM, message)

    def test_all_or_nothing(self):
        self.assertIn("0000:00:1f.7", self.no(3, "take", DISK, "0000:00:1f.7"))
        self.untouched()

    def test_no_permission(self):
        self.function(OTHER, "0x1048", "vfio-pci", "7")
        for command, file in ("take", DISK), ("give-back", OTHER):
            os.chmod(self.path(f"sys/bus/pci/devices/{file}/driver_override"), 0o444)
            # Root without capabilities is like an ordinary user that owns the files.
            drop = [] if os.getuid() else ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
            done = subprocess.run(
                drop + [program("bind"), "--root", self.folder, command, file],
                capture_output=True, text=True, timeout=LIMIT, check=False)
            self.assertEqual(done.returncode, 5, done.stderr)
            self.assertIn("requires root", done.stderr)
        self.untouched()

    def test_kernel_does_nothing(self):
        # The override is cleared, and the function is probed again.
        self.assertIn("it is now bound to virtio-pci", self.no(1, "take", DISK))
        self.assertEqual(self.read("sys/bus/pci/drivers/virtio-pci/unbind"), DISK.encode())
        self.assertEqual(self.read("sys/bus/pci/drivers_probe"), DISK.encode())
        self.assertEqual(self.read(f"sys/bus/pci/devices/{DISK}/driver_override"), b"\n")

    def test_kernel_refuses(self):
        self.remove("sys/bus/pci/drivers_probe")
        self.assertIn("drivers_probe: No such file", self.no(1, "take", DISK))

    def test_taken_already(self):
        self.function(OTHER, "0x1048", "vfio-pci", "7")
        # Each of the kernel's files is printed if it exists.
        for group in "7", "noiommu-7":
            self.put(f"dev/vfio/{group}")
            self.assertEqual(self.tool("take", OTHER)[0],
                             f"{OTHER} is bound to vfio-pci; its address is pci:{OTHER}, "
                             f"its files: /dev/vfio/{group}\n")
            self.remove(f"dev/vfio/{group}")
        self.put(f"sys/devices/pci0000:00/{OTHER}/vfio-dev/vfio3/dev", "511:3\n")
        self.assertRegex(self.tool("take", OTHER)[0], "files:\n$")
        self.put("dev/vfio/7")
        self.put("dev/vfio/devices/vfio3")
        self.put("dev/iommu")
        self.assertRegex(self.tool("take", OTHER)[0],
                         "files: /dev/vfio/7 /dev/vfio/devices/vfio3 /dev/iommu\n$")
        self.untouched()


class GiveBack(Tree):
    def test_has_its_driver(self):
        self.assertEqual(self.tool("give-back", DISK)[0], f"{DISK} is bound to virtio-pci\n")
        self.untouched()

    def test_kernel_does_nothing(self):
        self.function(OTHER, "0x1048", "vfio-pci", "7")
        self.assertIn("modprobe virtio_pci", self.no(1, "give-back", OTHER))
        self.assertEqual(self.read("sys/bus/pci/drivers/vfio-pci/unbind"), OTHER.encode())
        self.assertEqual(self.read("sys/bus/pci/drivers_probe"), OTHER.encode())
        self.assertEqual(self.read(f"sys/bus/pci/devices/{OTHER}/driver_override"), b"\n")

    def test_no_driver(self):
        self.function(OTHER, "0x1048", "", "7")
        self.assertIn("no driver", self.no(1, "give-back", OTHER))
        self.assertEqual(self.read("sys/bus/pci/drivers_probe"), OTHER.encode())

    def test_absent(self):
        self.assertIn("no PCI function", self.no(3, "give-back", "0000:00:1f.7"))


class Usage(Tree):
    def test_words(self):
        for words in [], ["take"], ["give-back"], ["list", "x"], ["bind", DISK], \
                ["take", "--json", DISK], ["give-back", "--json", DISK], ["--jsn"]:
            self.assertIn("--help", self.no(2, *words))

    def test_address(self):
        for address in "../x", "01:00.0", DISK + "0", "0000:01:00", "0000:0g:00.0", "":
            self.assertIn("0000:00:05.0", self.no(2, "take", address))

    def test_long_root(self):
        self.assertIn("too long", self.refused("bind", "--root", "x" * 1025, "list"))

    def test_help(self):
        self.assertIn("Exit status", self.tool("--help")[0])
        self.assertRegex(self.tool("--version")[0], r"^vscsi-bind \d+\.\d+\.\d+\n$")


if __name__ == "__main__":
    unittest.main(verbosity=2)
