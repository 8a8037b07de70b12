/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * System calls of the transport as a test wants them: cut, failing, or watched. The linker puts the
 * wrappers in their place (--wrap). All of it is a thread's own: the rig's calls are left alone.
 */
#ifndef TESTS_UNIT_TRANSPORT_WRAP_H
#define TESTS_UNIT_TRANSPORT_WRAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * struct wraps - What happens to the calls of this thread
 * @limit: bytes that sendmsg() and recvmsg() move at most; 0: no limit
 * @err: errno with which every third sendmsg(), recvmsg() and poll() that may wait fails; 0: none
 *	does
 * @no_waiting: calls that could wait are counted instead of made
 * @waits: how many there were
 * @peer: the process at the other end of every socket; -1: not known; 0: the real one
 * @clock_ns: added to the monotonic clock
 */
struct wraps {
	size_t limit;
	int err;
	bool no_waiting;
	unsigned waits;
	pid_t peer;
	uint64_t clock_ns;
};

extern _Thread_local struct wraps wraps;

#endif
