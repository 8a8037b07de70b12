# SPDX-License-Identifier: BSD-3-Clause
"""Makes vscsi/_abi.py of the installed headers: declarations, and macros that are numbers.

The C preprocessor expands the headers. Nothing is compiled: the library is loaded by its soname.
"""

import os
import re
import shlex
import subprocess

from cffi import FFI

HEADER = "vscsi/vscsi.h"
# Of <sys/uio.h>, whose other contents cffi can't parse.
IOVEC = "struct iovec { void *iov_base; size_t iov_len; };\n"


def preprocess(text, *options):
    flags = subprocess.run(["pkg-config", "--cflags", "libvirtioscsi"], check=True,
                           stdout=subprocess.PIPE, text=True).stdout
    return subprocess.run(
        [*shlex.split(os.environ.get("CC", "cc")), "-E", "-x", "c", *options, *shlex.split(flags),
         "-"], check=True, input=text, stdout=subprocess.PIPE, text=True).stdout


def declarations():
    """What the library's own headers declare, without that of the C library."""
    own, lines = False, []
    for line in preprocess(f"#include <{HEADER}>\n").splitlines():
        marker = re.match(r'# \d+ "(.*)"', line)
        if marker:
            own = "/vscsi/" in marker.group(1)
        elif own:
            lines.append(line)
    return "\n".join(lines)


def constants():
    """A definition for each macro that is a number."""
    macros = preprocess(f"#include <{HEADER}>\n", "-dM")
    names = sorted(re.findall(r"^#define (VSCSI_\w+) .", macros, re.M))
    expanded = preprocess(f"#include <{HEADER}>\n" +
                          "".join(f"=={name[6:]}={name}\n" for name in names), "-P")
    for name, value in re.findall(r"==(\w+)=([^=]*)", expanded):
        value = re.sub(r"\b(0x[0-9a-fA-F]+|\d+)[uUlL]+\b", r"\1", value)
        if re.fullmatch(r"[0-9a-fA-Fx()<|\s]+", value := value.strip()):
            yield f"#define VSCSI_{name} {eval(value)}\n"


builder = FFI()
builder.set_source("vscsi._abi", None)
builder.cdef(IOVEC + declarations() + "\n" + "".join(constants()))
