# SPDX-License-Identifier: BSD-3-Clause
"""DMA memory."""

import sys

from vscsi._library import Error, Handle, check, ffi, lib, record, struct


# The pool of each block, by its address: out of reach of Python's collector, as all that is counted.
_pools = {}


def _free(block):
    if sys.is_finalizing():
        return
    lib.vscsi_mem_free(_pools.pop(int(ffi.cast("uintptr_t", block))), block)


class Memory(Handle):
    """A pool of DMA memory, which asynchronous requests need and any number of devices share.

    Options are the fields of struct vscsi_mem_opts: bytes, page_size, pages, numa, flags. By
    default ordinary pages are used if there are no hugepages.
    """

    def __init__(self, **options):
        options.setdefault("flags", lib.VSCSI_MEM_ORDINARY)
        out = ffi.new("struct vscsi_mem **")
        check(lib.vscsi_mem_create(struct("vscsi_mem_opts", **options), out))
        self._own(out[0], lib.vscsi_mem_destroy)

    def alloc(self, size, align=0):
        """A writable memoryview of size bytes, whose contents are undefined.

        The block is freed with the last view or slice of it, never while a request uses it, and
        stays valid after close().
        """
        pool = self.pointer
        block = lib.vscsi_mem_alloc(pool, size, align)
        if block == ffi.NULL:
            raise Error(ffi.errno, ffi.string(lib.vscsi_last_error()).decode())
        _pools[int(ffi.cast("uintptr_t", block))] = pool
        return memoryview(ffi.buffer(ffi.gc(ffi.cast("char *", block), _free), size))

    @property
    def stats(self):
        """The fields of struct vscsi_mem_stats."""
        out = struct("vscsi_mem_stats")
        check(lib.vscsi_mem_get_stats(self.pointer, out))
        return record(out[0])
