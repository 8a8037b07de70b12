# SPDX-License-Identifier: BSD-3-Clause
"""The library, its errors, and the lifetime of its objects.

An object of the library is kept by everything that needs it: the calls that use it, what was opened
through it, and the requests in flight. close() only drops one reference. So no order in which
objects are closed, dropped or collected leaves a pointer to freed memory. Python's collector calls
the destructors of a cycle in any order; so what is counted is out of its reach, in _Native.open. At
the end of the program nothing is, and nothing is closed any more: the kernel does that.
"""

import errno
import os
import queue
import sys
import threading
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


class _Helper:
    """A thread that makes calls for the main thread."""

    idle = []
    LIMIT = 0.5  # seconds until the handler of a signal runs that another thread took

    def __init__(self):
        self.jobs, self.outcomes = queue.SimpleQueue(), queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while job := self.jobs.get():
            try:
                outcome = job[0](*job[1:]), None
            except BaseException as error:
                outcome = None, error
            del job  # with all that it used
            self.outcomes.put(outcome)
            del outcome

    def call(self, *job):
        self.jobs.put(job)
        while True:
            try:
                return self.outcomes.get(timeout=self.LIMIT)
            except queue.Empty:
                pass


os.register_at_fork(after_in_child=_Helper.idle.clear)


def interruptible(function, *arguments):
    """What a function returns or raises, unless the handler of a signal raises before.

    Python runs handlers in the main thread, and not while it is in a function of C. So for this
    one a helper calls it, and finishes it even if no caller waits any longer: what it uses is kept.
    """
    if threading.current_thread() is not threading.main_thread():
        return function(*arguments)
    helper = _Helper.idle.pop() if _Helper.idle else _Helper()
    try:
        result, error = helper.call(function, *arguments)
    except BaseException:
        helper.jobs.put(None)
        raise
    _Helper.idle.append(helper)
    if error:
        raise error
    return result


def wait_for(call, *arguments):
    """The result of a control call that waits for the device, unless it is an error."""
    return interruptible(lambda: check(call(*arguments)))


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


def c_string(text):
    """The bytes of a str, for a string of C."""
    if "\0" in text:
        raise ValueError(f"{text!r} has a null character")
    return text.encode()


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


class _Native:
    """An object of the library, counted by its users; closed by the last one."""

    open = set()
    # A destructor may run in any line of a thread that has it.
    lock = threading.RLock()

    def __init__(self, pointer, close, kept):
        self.pointer, self.close, self.kept = pointer, close, kept
        self.users = 1
        self.open.add(self)

    def reference(self):
        """The pointer, which counts as a user for as long as it exists; None if it is closed."""
        with self.lock:
            if not self.users:
                return None
            self.users += 1
        return ffi.gc(self.pointer, self.release)

    def release(self, _pointer=None):
        if sys.is_finalizing():
            return
        with self.lock:
            self.users -= 1
            if self.users:
                return
        self.close(self.pointer)
        self.kept = None
        self.open.discard(self)


class Handle:
    """What has to be closed: by close(), by the end of a with statement, or when it is dropped."""

    _native = None

    def _own(self, pointer, close, *kept):
        """Take ownership; what is kept is released after closing."""
        self._native = _Native(pointer, close, kept)

    @property
    def pointer(self):
        """The library's object, for calls that this module lacks. Keep it no longer than needed."""
        native = self._native
        pointer = native and native.reference()
        if pointer is None:
            raise self._closed_error()
        return pointer

    def _call(self, name, *arguments):
        """What a data path call returns.

        The pointer is in a variable during the call: where the last reference to it ends, a
        destructor runs, and Python ignores what the handler of a signal raises there. Errors are
        for the caller to raise, so that their frames don't keep it.
        """
        pointer = self.pointer
        return getattr(lib, name)(pointer, *arguments)

    def _closed_error(self):
        return ValueError(f"the {type(self).__name__} is closed")

    @property
    def closed(self):
        return self._native is None

    def _drop(self):
        with _Native.lock:
            native, self._native = self._native, None
        if native:
            native.release()

    def close(self):
        """Close it, as soon as nothing uses it. Again: nothing happens."""
        self._drop()

    def __enter__(self):
        if self.closed:
            raise self._closed_error()
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        self._drop()
