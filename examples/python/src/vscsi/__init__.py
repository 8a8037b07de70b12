# SPDX-License-Identifier: BSD-3-Clause
"""virtio-scsi disks in user space: libvirtioscsi for Python.

    with vscsi.Device("vhost-user:/run/vhost.0") as device, device.lun(0, 0) as lun:
        data = lun.pread(4096, 0)

Device, Lun, Queue and Memory are closed by close() or the end of a with statement; a device closes
its queues and LUNs. A closed object raises ValueError. Failures raise Error, an OSError with the
text of the library. Macros of the C headers are here without VSCSI_: vscsi.IO_FUA,
vscsi.LUN_READ_ONLY, vscsi.EVENT_PLUGGED.
"""

from vscsi._library import Error, __version__, lib as _lib
from vscsi.aio import AsyncQueue
from vscsi.completion import Completion
from vscsi.device import Device
from vscsi.lun import Lun
from vscsi.memory import Memory
from vscsi.queue import Queue

_constants = {name[len("VSCSI_"):]: getattr(_lib, name)
              for name in dir(_lib) if name.startswith("VSCSI_")}
globals().update(_constants)

__all__ = ["AsyncQueue", "Completion", "Device", "Error", "Lun", "Memory", "Queue",
           "__version__", *_constants]
