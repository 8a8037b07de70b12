/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fault injection: the linker wraps calls of the C library (see meson.build), and the n-th call of
 * a kind fails if the thread that armed the fault makes it. Calls of other threads, such as the
 * back-end's, never fail.
 */
#ifndef TESTS_FAULT_FAULT_H
#define TESTS_FAULT_FAULT_H

#include <stdbool.h>

/* Kinds of calls that can fail; several functions may be of one kind. */
enum call {
	CALL_MALLOC,
	CALL_CALLOC,
	CALL_REALLOC,
	CALL_ALIGNED_ALLOC,
	CALL_MEMFD_CREATE,
	CALL_FTRUNCATE,
	CALL_FALLOCATE,
	CALL_MMAP,
	CALL_MADVISE_POPULATE,
	CALL_MADVISE,
	CALL_MSYNC,
	CALL_FCNTL,
	CALL_FSTAT,
	CALL_FSTATFS,
	CALL_FDOPEN,
	CALL_CLOSE,
	CALL_OPEN,
	CALL_ACCESS,
	CALL_READLINK,
	CALL_OPENDIR,
	CALL_READDIR,
	CALL_IOCTL,
	CALL_PREAD,
	CALL_PWRITE,
	CALL_SOCKET,
	CALL_SOCKETPAIR,
	CALL_CONNECT,
	CALL_GETSOCKOPT,
	CALL_SHUTDOWN,
	CALL_SEND,
	CALL_SENDMSG,
	CALL_RECV,
	CALL_RECVMSG,
	CALL_POLL,
	CALL_EVENTFD,
	CALL_EVENTFD_READ,
	CALL_EVENTFD_WRITE,
	CALL_READ,
	CALL_EPOLL_CREATE,
	CALL_EPOLL_CTL,
	CALL_EPOLL_WAIT,
	CALL_AFFINITY,
	CALL_MEMPOLICY,
	CALL_NANOSLEEP,
	CALL_TIMERFD,
	CALL_ATFORK,
	CALLS,
};

/* How a call fails. */
enum how {
	PASSES,     /* not at all */
	FAILS,      /* nothing happens but the errno */
	FAILS_LATE, /* it does its work and reports the errno all the same */
	IS_SHORT,   /* it moves one byte and says so */
};

/**
 * struct fault - A failure of a call
 * @call: the kind of call; @name: for messages
 * @how: PASSES terminates a list
 * @err: the errno that the call returns
 * @want: the errno that the library must return; 0: it must succeed
 * @may_succeed: it may also succeed, by a fallback
 * @disconnects: the connection is lost
 * @permanent: all later calls of this kind fail too
 */
struct fault {
	enum call call;
	const char *name;
	enum how how;
	int err;
	int want;
	bool may_succeed;
	bool disconnects;
	bool permanent;
};

/* All faults; terminated by PASSES. */
extern const struct fault faults[];

/*
 * Arms this thread: call number @n, from 1, of @fault's kind fails. NULL: only counts calls.
 */
void fault_arm(const struct fault *fault, unsigned n);

/* Disarms it. Returns whether the call was made. */
bool fault_disarm(void);

/* Number of calls of this kind between the last fault_arm() and fault_disarm(). */
unsigned fault_calls(enum call call);

/* Heap blocks allocated by all threads, counting only calls from the program itself. */
long fault_blocks(void);

/* For wrappers: how this call fails. Sets errno unless it passes. */
enum how fault_now(enum call call);

/* For wrappers of calls that transfer no data. */
bool fault_injected(enum call call);

/* For wrappers of heap calls: changes the number of blocks. */
void fault_count_blocks(long more);

#endif
