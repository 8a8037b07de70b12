# SPDX-License-Identifier: BSD-3-Clause
"""Logical units, with the calls that wait."""

from vscsi._library import Handle, check, ffi, interruptible, lib, record, struct, wait_for
from vscsi.completion import Completion, filled_command


def _check_range(size, offset):
    """The check that cffi makes of what is passed as it is."""
    if size < 0 or offset < 0:
        raise OverflowError("size and offset can't be negative")


class Lun(Handle):
    """A logical unit, usually a disk: from Device.lun() or Device.lun_by_id().

    Each call waits for the device. Offsets and sizes are in bytes, and multiples of the block size.
    Data may be in any object with a buffer. Ctrl-C ends the waiting at once; the call itself may
    still be executed, and keeps the buffer and everything else that it uses until it has ended.
    """

    @classmethod
    def _open(cls, device, call, *where, **options):
        self, pointer = cls(), device.pointer
        self._parent = device._native
        opts, out = struct("vscsi_lun_opts", **options), ffi.new("struct vscsi_lun **")

        def complete():
            check(call(pointer, *where, opts, out))
            self._own(out[0], lib.vscsi_lun_close, pointer)
        interruptible(complete)
        self.block_size = self.info.block_size or 1
        return self

    @property
    def info(self):
        """The fields of struct vscsi_lun_info: block_size, blocks, flags, serial, wwid, ..."""
        out = struct("vscsi_lun_info")
        check(lib.vscsi_lun_get_info(self.pointer, out))
        return record(out[0])

    @property
    def ids(self):
        """All identities, such as "serial.S4X0" and "naa.6001405..."."""
        out, found = ffi.new("char[88]"), []
        while lib.vscsi_lun_get_id(self.pointer, len(found), out, 88) == 0:
            found.append(ffi.string(out).decode())
        return found

    def refresh(self):
        """Ask for capacity, limits and features again, as after EVENT_RESIZED."""
        wait_for(lib.vscsi_lun_refresh, self.pointer)

    def pread(self, size, offset):
        """Read size bytes; returns a bytearray."""
        data = bytearray(size)
        self.pread_into(data, offset)
        return data

    def pread_into(self, buffer, offset):
        """Read as many bytes as the buffer has."""
        pointer = self.pointer

        def complete():
            with ffi.from_buffer("char[]", buffer, require_writable=True) as into:
                check(lib.vscsi_pread(pointer, into, len(into), offset))
        interruptible(complete)

    def pwrite(self, data, offset, flags=0):
        """Write; with IO_FUA to the medium itself."""
        pointer = self.pointer

        def complete():
            with ffi.from_buffer("char[]", data) as source:
                check(lib.vscsi_pwrite(pointer, source, len(source), offset, flags))
        interruptible(complete)

    def flush(self):
        """Make every completed write stable."""
        wait_for(lib.vscsi_sync_flush, self.pointer)

    def unmap(self, size, offset):
        """Let the device deallocate the blocks."""
        _check_range(size, offset)
        block = self.block_size
        if size % block or offset % block:
            raise ValueError(f"size and offset have to be multiples of {block}")
        # A range has at most 2^32 - 1 blocks.
        lba, end, ranges = offset // block, (offset + size) // block, []
        while lba < end:
            count = min(end - lba, 0xffffffff)
            ranges.append((lba, count, 0))
            lba += count
        wait_for(lib.vscsi_sync_unmap, self.pointer, ffi.new("struct vscsi_range[]", ranges),
                 len(ranges))

    def write_zeroes(self, size, offset, flags=0):
        """Fill with zeros; with IO_UNMAP the device may deallocate the blocks."""
        wait_for(lib.vscsi_sync_write_zeroes, self.pointer, size, offset, flags)

    def compare_and_write(self, compare, data, offset):
        """Write if the blocks equal compare, atomically; otherwise EILSEQ."""
        pointer = self.pointer

        def complete():
            with ffi.from_buffer("char[]", compare) as old, ffi.from_buffer("char[]", data) as new:
                if len(old) != len(new):
                    raise ValueError("compare and data have to have the same size")
                check(lib.vscsi_sync_compare_and_write(pointer, old, new, len(new), offset))
        interruptible(complete)

    def extents(self, size, offset):
        """Generate what GET LBA STATUS says about the range: offset, bytes and state of each."""
        _check_range(size, offset)
        out, end = ffi.new("struct vscsi_extent[64]"), offset + size
        while offset < end:
            count = wait_for(lib.vscsi_sync_get_extents, self.pointer, end - offset, offset, out,
                             64)
            yield from [record(out[i]) for i in range(count)]
            offset = out[count - 1].offset + out[count - 1].bytes

    def command(self, cdb, data=b"", in_size=0, **options):
        """Send any SCSI command, with data for the device or room for data of it.

        Options are fields of struct vscsi_command: timeout_ms, retries, attr, flags. Returns the
        data; an Error has the completion, with the sense data.
        """
        answer, out = bytearray(in_size), ffi.new("struct vscsi_completion *")
        pointer = self.pointer

        def complete():
            with filled_command(cdb, data, answer, options) as (command, _):
                check(lib.vscsi_sync_command(pointer, command, out))
        try:
            interruptible(complete)
        except OSError as error:
            if out.result:
                error.completion = Completion(None, out)
            raise
        return answer[:in_size - out.residual] if in_size else answer

    def reset(self):
        """Reset the logical unit."""
        wait_for(lib.vscsi_lun_reset, self.pointer)
