# SPDX-License-Identifier: BSD-3-Clause
"""The library, its errors, and the lifetime of its objects.

An object of the library is kept by everything that needs it: the calls that use it, what was opened
through it, and the requests in flight. close() only drops one reference. So no order in which
objects are closed, dropped or collected leaves a pointer to freed memory.
"""

import errno
import functools
import os
import types

from vscsi._abi import ffi

SONAME = "libvirtioscsi.so.0"

try:
    lib = ffi.dlopen(SONAME)
except OSError as error:
    raise ImportError(f"{error}: install libvirtioscsi, then run ldconfig") from None

__version__ = ffi.string(lib.vscsi_version()).decode()
if __version__.split(".")[:2] != [str(lib.VSCSI_VERSION_MAJOR), str(lib.VSCSI_VERSION_MINOR)]:
    raise ImportError(f"{SONAME} is version {__version__}, and this module was installed with "
                      "another: install the module again")

# The data path has no error texts of its own.
HINTS = {
    errno.EAGAIN: "the queue or the LUN is full: poll first",
    errno.EFAULT: "the buffer is not DMA memory: get it from Memory.alloc()",
    errno.EPERM: "the queue belongs to another thread",
}


class Error(OSError):
    """A call or a request failed: errno, strerror, and the completion if there is one."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.completion = None


def check(result):
    """The result of a control call, unless it is an error."""
    if result < 0:
        raise Error(-result, ffi.string(lib.vscsi_last_error()).decode(errors="replace"))
    return result


def check_path(result, name):
    """The result of a data path call, unless it is an error."""
    if result < 0:
        raise Error(-result, f"{name}: {HINTS.get(-result) or os.strerror(-result)}")
    return result


def struct(name, **fields):
    """A struct that begins with its size."""
    made = ffi.new(f"struct {name} *")
    made.size = ffi.sizeof(made[0])
    for field, value in fields.items():
        if not hasattr(made, field):
            raise TypeError(f"{name} has no field '{field}'")
        setattr(made, field, value)
    return made


def record(value):
    """A namespace with the contents of a struct."""
    fields = {}
    for name, field in ffi.typeof(value).fields:
        item = getattr(value, name)
        if name in ("size", "reserved"):
            continue
        if field.type.kind == "array":
            item = ffi.string(item).decode(errors="replace")
        fields[name] = item
    return types.SimpleNamespace(**fields)


def _destroy(close, _kept, pointer):
    close(pointer)


class Handle:
    """What has to be closed: by close(), by the end of a with statement, or by its last user."""

    _pointer = None

    def _own(self, pointer, close, *kept):
        """Take ownership; what is kept is released after closing."""
        self._pointer = ffi.gc(pointer, functools.partial(_destroy, close, kept))

    @property
    def pointer(self):
        """The library's object, for calls that this module lacks."""
        pointer = self._pointer
        if pointer is None:
            raise ValueError(f"the {type(self).__name__} is closed")
        return pointer

    @property
    def closed(self):
        return self._pointer is None

    def close(self):
        """Close it, once no other thread is in a call for it. Again: nothing happens."""
        self._pointer = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
