# SPDX-License-Identifier: BSD-3-Clause
"""Devices and their events."""

import collections
import weakref

from vscsi._library import (Error, Handle, c_string, check, ffi, interruptible, lib, record, struct,
                            wait_for)
from vscsi.lun import Lun
from vscsi.memory import Memory
from vscsi.queue import Queue


class Device(Handle):
    """A virtio-scsi device, by its address such as "vhost-user:/run/vhost.0".

    memory is the Memory that requests use, by default one of its own. Options are the fields of
    struct vscsi_dev_opts: queues, queue_size, recovery, timeout_ms and so on.

    If KeyboardInterrupt ends a with statement, the device is shut down before it is closed: one
    that is lost or hangs would take its time.
    """

    def __init__(self, address, memory=None, **options):
        self._children = weakref.WeakSet()
        self.memory = memory or self._add(Memory())
        self._events = collections.deque()
        pool = self.memory.pointer
        name, opts = c_string(address), struct("vscsi_dev_opts", mem=pool, **options)
        out = ffi.new("struct vscsi_dev **")

        def complete():
            check(lib.vscsi_dev_open(name, opts, out))
            self._own(out[0], lib.vscsi_dev_close, pool)
        interruptible(complete)

    def _add(self, child):
        self._children.add(child)
        return child

    def lun(self, target, lun, **options):
        """Open a logical unit; options are the fields of struct vscsi_lun_opts."""
        return self._add(Lun._open(self, lib.vscsi_lun_open, target, lun, **options))

    def lun_by_id(self, identity=None, **options):
        """Open the logical unit that has an identity, by default the id= of the address."""
        name = ffi.NULL if identity is None else c_string(identity)
        return self._add(Lun._open(self, lib.vscsi_lun_open_by_id, name, **options))

    def queue(self, shared=False, **options):
        """Open a queue: for the calling thread alone, or shared: for any number of threads."""
        return self._add(Queue(self, shared, **options))

    def scan(self):
        """Every logical unit, each with target, lun and type."""
        room = 64
        while True:
            out = ffi.new("struct vscsi_lun_addr[]", room)
            count = wait_for(lib.vscsi_dev_scan, self.pointer, out, room)
            if count <= room:
                return [record(out[i]) for i in range(count)]
            room = count

    @property
    def info(self):
        """The fields of struct vscsi_dev_info: what was negotiated, and the state."""
        out = struct("vscsi_dev_info")
        check(lib.vscsi_dev_get_info(self.pointer, out))
        return record(out[0])

    def fileno(self):
        """A descriptor that is readable when events() has something to do."""
        return check(lib.vscsi_dev_fd(self.pointer))

    def advance(self):
        """Do whatever is due, such as a step of a reconnect, and keep events for events()."""
        out = ffi.new("struct vscsi_event[16]")
        while (count := check(lib.vscsi_dev_poll_events(self.pointer, out, 16))) > 0:
            self._events.extend(record(out[i]) for i in range(count))

    def events(self):
        """Events since the last call, oldest first, each with type, target, lun and code."""
        try:
            self.advance()
        except Error:
            if not self._events:
                raise
        return [self._events.popleft() for _ in range(len(self._events))]

    def reset(self):
        """Reset the device and restart it."""
        wait_for(lib.vscsi_dev_reset, self.pointer)

    def shutdown(self):
        """End the device by force: requests in flight complete with ENOTCONN."""
        check(lib.vscsi_dev_shutdown(self.pointer))

    def close(self):
        """Close its queues and LUNs, then the device and its own memory."""
        for child in list(self._children):
            child.close()
        super().close()

    def __exit__(self, kind, *_):
        if kind is KeyboardInterrupt and not self.closed:
            self.shutdown()
        self.close()
