# SPDX-License-Identifier: BSD-3-Clause
"""Queues: asynchronous requests."""

import errno
import itertools
import math
import time

from vscsi._library import Error, Handle, check, check_path, ffi, lib, record, struct
from vscsi.completion import Completion, filled_command

BATCH = 64
# For requests in flight when a program is interrupted.
LIMIT_MS = 1000
# The longest wait of one call. A signal that comes just before it doesn't end it.
SLICE_MS = 500

# Requests whose completions can't be collected: the device may still use their memory.
_abandoned = []


def _end(timeout_ms):
    return time.monotonic() + timeout_ms / 1000 if timeout_ms >= 0 else math.inf


def _left(end):
    """Milliseconds until then; as many as a day has if there is no end."""
    return max(0, math.ceil(min(end - time.monotonic(), 86400) * 1000))


def _close_queue(pending):
    def close(pointer):
        out = ffi.new("struct vscsi_completion[]", BATCH)
        while pending and lib.vscsi_queue_drain(pointer, out, BATCH, -1) > 0:
            pass
        if lib.vscsi_queue_close(pointer):
            _abandoned.append(pending)
    return close


class Queue(Handle):
    """Prepares requests, submits them, and collects their completions: from Device.queue().

    Prepare calls take DMA memory (Memory.alloc(), or a slice of it), which belongs to the device
    until the completion is returned, and a tag, any object, which the completion has. Positions
    are in blocks. Errors are those of io.h: EAGAIN means that the queue is full.

    If KeyboardInterrupt ends a with statement, requests in flight have a second to complete. Then
    the device is shut down, which ends them.
    """

    def __init__(self, device, shared, **options):
        flags = lib.VSCSI_QUEUE_SHARED if shared else lib.VSCSI_QUEUE_CHECK_THREAD
        options["flags"] = options.get("flags", 0) | flags
        parent, self._parent = device.pointer, device._native
        out = ffi.new("struct vscsi_queue **")
        check(lib.vscsi_queue_open(parent, struct("vscsi_queue_opts", **options), out))
        self._pending = {}
        self._numbers = itertools.count(1)
        self._own(out[0], _close_queue(self._pending), parent)

    def _prepare(self, name, lun, arguments, tag, *kept):
        """Everything that the request uses is kept until its completion is collected.

        Buffers are kept as memoryviews, not as what cffi exports of one: Python before 3.11.8
        crashes when it collects a cycle with a memoryview and an export of it.
        """
        unit, number = lun.pointer, next(self._numbers)
        if lun._parent is not self._parent:
            raise ValueError("the LUN belongs to another device than the queue")
        self._pending[number] = tag, unit, kept
        # Not if the handler of a signal raises: the request may have been prepared.
        try:
            check_path(self._call(name, unit, *arguments, number), name)
        except (Error, OverflowError, TypeError):
            del self._pending[number]
            raise
        return number

    def _transfer(self, name, lun, buffer, lba, flags, tag):
        with ffi.from_buffer("char[]", buffer, require_writable=name == "vscsi_read") as data:
            blocks, rest = divmod(len(data), lun.block_size)
            if rest:
                raise ValueError(f"the buffer has to be a multiple of {lun.block_size} bytes")
            return self._prepare(name, lun, (data, lba, blocks, flags), tag, memoryview(buffer))

    def read(self, lun, buffer, lba, flags=0, tag=None):
        """Prepare a read; returns the number of the request, for abort()."""
        return self._transfer("vscsi_read", lun, buffer, lba, flags, tag)

    def write(self, lun, buffer, lba, flags=0, tag=None):
        """Prepare a write."""
        return self._transfer("vscsi_write", lun, buffer, lba, flags, tag)

    def flush(self, lun, tag=None):
        """Prepare a flush of the volatile write cache."""
        return self._prepare("vscsi_flush", lun, (), tag)

    def unmap(self, lun, lba, blocks, tag=None):
        """Prepare an UNMAP of a range."""
        ranges = ffi.new("struct vscsi_range *", (lba, blocks, 0))
        return self._prepare("vscsi_unmap", lun, (ranges, 1), tag)

    def write_zeroes(self, lun, lba, blocks, flags=0, tag=None):
        """Prepare to fill blocks with zeros."""
        return self._prepare("vscsi_write_zeroes", lun, (lba, blocks, flags), tag)

    def command(self, lun, cdb, data=None, answer=None, tag=None, **options):
        """Prepare any SCSI command, with DMA memory for the data of both directions."""
        with filled_command(cdb, data, answer, options) as (command, views):
            return self._prepare("vscsi_prepare_command", lun, (command,), tag, views)

    def abort(self, number):
        """Send ABORT TASK for a request; its completion still arrives. ENOENT: it has completed."""
        check(lib.vscsi_abort(self.pointer, number))

    @property
    def inflight(self):
        """How many requests have no completion yet."""
        return len(self._pending)

    @property
    def info(self):
        """The fields of struct vscsi_queue_info."""
        out = struct("vscsi_queue_info")
        check(lib.vscsi_queue_get_info(self.pointer, out))
        return record(out[0])

    def submit(self):
        """Submit everything that was prepared."""
        check_path(self._call("vscsi_submit"), "vscsi_submit")

    def _collect(self, name, *arguments):
        out = ffi.new("struct vscsi_completion[]", BATCH)
        count = check_path(self._call(name, out, BATCH, *arguments), name)
        return [Completion(self._pending.pop(out[i].user_data)[0], out[i]) for i in range(count)]

    def poll(self):
        """The completions that are there. ENOTCONN: the device failed, and there are no more."""
        return self._collect("vscsi_poll")

    def wait(self, timeout_ms=-1):
        """Sleep until there is something for poll(); False if the time is up."""
        end = _end(timeout_ms)
        while True:
            left = _left(end)
            result = self._call("vscsi_wait", min(left, SLICE_MS))
            if result not in (0, -errno.EINTR):
                return bool(check_path(result, "vscsi_wait"))
            if not left:
                return False

    def drain(self, timeout_ms=-1):
        """Submit what is prepared and return the completions of everything in flight."""
        completions, end = [], _end(timeout_ms)
        while self._pending:
            left = _left(end)
            try:
                some = self._collect("vscsi_queue_drain", min(left, SLICE_MS))
            except Error as error:
                if error.errno != errno.EINTR and (error.errno != errno.ETIMEDOUT or not left):
                    raise
            else:
                completions += some
                if not some:  # nothing is in flight: what is left was never prepared, or lost
                    self._pending.clear()
        return completions

    def fileno(self):
        """A descriptor that becomes readable when completions arrive, after arm()."""
        return check_path(lib.vscsi_queue_fd(self.pointer), "vscsi_queue_fd")

    def arm(self):
        """Request one notification; True if there is something for poll() already."""
        return bool(check_path(self._call("vscsi_arm"), "vscsi_arm"))

    def close(self):
        """Wait for the requests in flight, without their completions, and close the queue."""
        if not self.closed:
            self.drain()
        super().close()

    def __exit__(self, kind, *_):
        if kind is KeyboardInterrupt and not self.closed:
            try:
                self.drain(LIMIT_MS)
            except Error as error:
                if error.errno != errno.ETIMEDOUT:
                    raise
                check(lib.vscsi_dev_shutdown(self._native.kept[0]))
        self.close()
