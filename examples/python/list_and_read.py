# SPDX-License-Identifier: BSD-3-Clause
"""Lists the LUNs of a device and prints the first bytes of each. usage: list_and_read.py ADDRESS"""
import sys
import vscsi

with vscsi.Device(sys.argv[1]) as device:
    for found in device.scan():
        with device.lun(found.target, found.lun) as lun:
            info = lun.info
            print(f"{found.target}:{found.lun} {info.blocks * info.block_size} {info.wwid}")
            print(lun.pread(info.block_size, 0)[:16].hex(" "))
