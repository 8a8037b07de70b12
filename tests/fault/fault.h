/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Faults: calls of the C library that the linker has wrapped (see meson.build), of which one, the
 * n-th of its kind, fails while the thread that asked for it is in the library. Other threads, such
 * as the back-end's, are never hit.
 */
#ifndef TESTS_FAULT_FAULT_H
#define TESTS_FAULT_FAULT_H

#include <stdbool.h>

/* The calls that can be made to fail, those of the same kind as one. */
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
	CALL_FOPEN,
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
	CALL_SETSOCKOPT,
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
	CALLS,
};

/* How a call fails. */
enum how {
	GOES_ON, /* not at all */
	FAILS,   /* nothing happens but the errno */
	IS_DONE, /* it does its work and reports the errno all the same */
	IS_CUT,  /* it moves one byte and says so */
};

/**
 * struct fault - A way for a call to fail
 * @call: which; @name: for people
 * @how: GOES_ON ends a list
 * @err: the errno that it reports
 * @want: the errno that the library has to fail with; 0: it has to go on as if nothing were
 * @either: it may go on as well, by another way
 * @ends: the connection is lost with it
 * @lasts: all further calls of its kind fail as well
 */
struct fault {
	enum call call;
	const char *name;
	enum how how;
	int err;
	int want;
	bool either;
	bool ends;
	bool lasts;
};

/* Every way in which the calls fail; the last one is GOES_ON. */
extern const struct fault faults[];

/*
 * Arms this thread: call number @n, from 1, of @fault's kind fails. NULL: calls are counted only.
 */
void fault_arm(const struct fault *fault, unsigned n);

/* Ends that. Returns whether the call came to pass. */
bool fault_disarm(void);

/* How many calls of this kind there were between the last fault_arm() and fault_disarm(). */
unsigned fault_calls(enum call call);

/* Blocks of the heap that all threads hold, as far as the program itself asked for them. */
long fault_blocks(void);

/* For the wrappers: how this call is to fail. Sets errno unless it goes on. */
enum how fault_now(enum call call);

/* For wrappers of calls that move no bytes. */
bool fault_strikes(enum call call);

/* For the wrappers of the heap: so many more blocks. */
void fault_count_blocks(long more);

#endif
