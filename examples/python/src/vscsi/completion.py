# SPDX-License-Identifier: BSD-3-Clause
"""How requests end, and raw commands."""

import contextlib
import os

from vscsi._library import Error, ffi, lib, struct

STATUS_CHECK_CONDITION = 2
RESPONSE_NONE = 0xff


class Completion:
    """How a request ended: the fields of struct vscsi_completion, and the request's tag."""

    def __init__(self, tag, source):
        self.tag = tag
        self.result = source.result
        self.residual = source.residual
        self.status = source.status
        self.status_qualifier = source.status_qualifier
        self.response = source.response
        self.sense_key, self.asc, self.ascq = source.sense_key, source.asc, source.ascq
        self.sense = ffi.unpack(ffi.cast("char *", source.sense), source.sense_len)

    def __repr__(self):
        return f"<Completion {self.tag!r}: {self.text}>"

    @property
    def text(self):
        """What the device answered, or "ok"."""
        if self.result == 0:
            return "ok"
        text = ffi.NULL
        if self.response not in (0, RESPONSE_NONE):
            text = lib.vscsi_response_text(self.response)
        elif self.response == 0 and self.status == STATUS_CHECK_CONDITION:
            text = lib.vscsi_sense_text(self.sense_key, self.asc, self.ascq)
        elif self.response == 0 and self.status:
            text = lib.vscsi_status_text(self.status)
        reason = os.strerror(-self.result)
        return f"{reason}: {ffi.string(text).decode()}" if text != ffi.NULL else reason

    def check(self):
        """Raise an Error if the request failed; otherwise return self."""
        if self.result < 0:
            error = Error(-self.result, self.text)
            error.completion = self
            raise error
        return self


@contextlib.contextmanager
def filled_command(cdb, data, answer, options):
    """A struct vscsi_command for one call, and the views that keep its memory afterwards."""
    cdb = bytes(cdb)
    if len(cdb) > lib.VSCSI_MAX_CDB:
        raise ValueError(f"a CDB has at most {lib.VSCSI_MAX_CDB} bytes")
    command = struct("vscsi_command", cdb_len=len(cdb), **options)
    ffi.memmove(command.cdb, cdb, len(cdb))
    vectors, views = [], []
    with contextlib.ExitStack() as exported:
        for name, buffer, writable in ("out", data, False), ("in", answer, True):
            if buffer is None or not len(buffer):
                continue
            memory = exported.enter_context(
                ffi.from_buffer("char[]", buffer, require_writable=writable))
            vectors.append(ffi.new("struct iovec *", (memory, len(memory))))
            views.append(memoryview(buffer))
            setattr(command, name, vectors[-1])
            setattr(command, name + "_count", 1)
        yield command, views
