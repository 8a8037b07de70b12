#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Tells the calls of the C library that the library makes, that can fail, and that no test fails.

complete.py NM ARCHIVE CALL...   ARCHIVE: the library; CALL: names that the linker wraps

A call that need not fail stands below, with the reason.
"""

import re
import subprocess
import sys

# What can't fail, or fails only for arguments that are never given.
PURE = """
bsearch memcmp memcpy memmove memset strchr strcmp strcpy strcspn strlen strncmp strrchr strtok_r strtol
strtoull strerror toupper snprintf vsnprintf qsort getenv free
__ctype_b_loc __cmsg_nxthdr __ctype_toupper_loc __errno_location __sched_cpucount __tls_get_addr
pthread_self pthread_equal pthread_mutex_init pthread_mutex_destroy pthread_mutex_lock pthread_mutex_trylock
pthread_mutex_unlock sched_yield clock_gettime sysconf numa_available numa_max_node
"""

EXCEPTIONS = dict.fromkeys(PURE.split(), "can't fail") | {
    "syscall": "futex(2) only, behind which the lock is looked at again in any case",
    "munmap": "what it leaves then are addresses that have no memory",
    "__isoc99_fscanf": "reads a number for a sentence; that the file can't be opened is tested",
    "fclose": "of a file that was only read",
    "closedir": "of a folder that was open",
    "getrlimit64": "fails for a bad number only; it is for a sentence",
}

# What the compiler puts in: checks of itself, and calls for what has no instruction.
GENERATED = re.compile(r"__(asan|ubsan|tsan|sanitizer|sanitize|gcov|stack_chk|popcount)|_GLOBAL_OFFSET"
                       r"|__(mem|str|vsn|sn)\w+_chk$")


def symbols(nm, archive, kind):
    listing = subprocess.run([nm, kind, archive], check=True, timeout=60, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return {line.split()[-1] for line in listing.splitlines() if len(line.split()) in (2, 3)}


def main(nm, archive, *wrapped):
    called = symbols(nm, archive, "--undefined-only") - symbols(nm, archive, "--defined-only")
    called = {name for name in called if not GENERATED.match(name)}
    missing = called - set(wrapped) - EXCEPTIONS.keys()
    for name in sorted(missing):
        print(f"{name}: the library calls it, and no test makes it fail; wrap it in "
              "tests/fault/meson.build, or say in complete.py why it can't fail")
    print(f"{len(called)} calls, {len(set(wrapped) & called)} of them wrapped")
    return 1 if missing or not called else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
