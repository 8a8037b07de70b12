/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The part of the kernel that fuzz targets need, in memory: Unix stream sockets with descriptors,
 * eventfds, timers, epoll sets, files, and a clock that goes on by being looked at. No execution
 * makes a system call or depends on time, and what is left open at its end is known.
 *
 * The linker's --wrap (kernel_wrap in meson.build) puts it between the program and libc.
 * Descriptors that it didn't make, and all of them between kernel_end() and kernel_begin(), are
 * libc's. One thread.
 */
#ifndef TESTS_FUZZ_KERNEL_H
#define TESTS_FUZZ_KERNEL_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct kernel_hooks - What the other side of sockets and eventfds does
 * @turn: something was sent, signalled, or waited for; never called inside of itself; may be NULL
 * @connect: a client connects: 0 with the other end of the connection, which the hook closes; or
 *	a negative errno; NULL: there is no listener
 */
struct kernel_hooks {
	void (*turn)(void);
	int (*connect)(int end);
};

/* Begins an execution, with nothing open and at the same time each time. */
void kernel_begin(const struct kernel_hooks *hooks);

/* Ends it. Nothing that was opened may still be open. */
void kernel_end(void);

/* Lets time pass. */
void kernel_sleep_ms(unsigned ms);

/* A file over memory of the caller's, which has to outlast it: its descriptor. */
int kernel_file(void *memory, size_t len);

/* Connects two sockets, as socketpair(). */
void kernel_pair(int pair[2]);

#endif
