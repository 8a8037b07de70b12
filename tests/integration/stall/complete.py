#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Tells the calls of the C library that the library makes, that can block, and that aren't wrapped.

complete.py NM ARCHIVE CALL...   ARCHIVE: the library; CALL: names that the linker wraps
"""

import subprocess
import sys

BLOCKING = set("""
accept accept4 clock_nanosleep connect epoll_pwait epoll_wait eventfd_read eventfd_write flock lockf lockf64
mq_receive mq_send msgrcv msgsnd nanosleep pause poll ppoll pselect pthread_barrier_wait pthread_cond_clockwait
pthread_cond_timedwait pthread_cond_wait pthread_join pthread_mutex_clocklock pthread_mutex_lock
pthread_mutex_timedlock pthread_rwlock_rdlock pthread_rwlock_wrlock pthread_spin_lock read readv recv recvfrom
recvmmsg recvmsg sched_yield select sem_timedwait sem_wait semop send sendfile sendfile64 sendmmsg sendmsg
sendto sigsuspend sigtimedwait sigwait sigwaitinfo sleep splice syscall tcdrain usleep wait waitid waitpid
write writev
""".split())


def undefined(nm, archive):
    listing = subprocess.run([nm, "--undefined-only", archive], check=True, timeout=60, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return {line.split()[-1] for line in listing.splitlines() if len(line.split()) == 2}


def main(nm, archive, *wrapped):
    called = undefined(nm, archive) & BLOCKING
    missing = called - set(wrapped)
    for name in sorted(missing):
        print(f"{name}: the library calls it, and it can block; wrap it in tests/integration/stall")
    print(f"{len(called)} calls that can block: {' '.join(sorted(called))}")
    return 1 if missing or not called else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
