/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Notes each system call that can block while its thread is in a function that must not wait. The
 * calls of the C library are wrapped by the linker (see meson.build). A call can block if its
 * arguments and its descriptor allow that, whether or not it has to wait this time; a mutex, which
 * has no other form, if it is held by another thread.
 *
 * A call that was noted doesn't wait: it returns as if its time had passed, and the clock is put
 * forward by that time. So a test that fails does so soon.
 */
#ifndef STALL_BLOCKING_H
#define STALL_BLOCKING_H

#include <stdbool.h>

/**
 * blocking_enter - Begin to watch this thread
 * @function: the function of the library that is about to be called
 * @may_ms: how long it may sleep in all: 0 for those that must not wait
 *
 * Sleeps within @may_ms are not noted. With a stopped clock they put it forward instead.
 */
void blocking_enter(const char *function, int may_ms);
void blocking_leave(void);

/* Calls a function of the library that may sleep for so long, and has its value. */
#define WATCHED(may_ms, call)                    \
	__extension__({                          \
		__typeof__(call) watched_;       \
		blocking_enter(#call, (may_ms)); \
		watched_ = (call);               \
		blocking_leave();                \
		watched_;                        \
	})

/* Calls one that must not wait. */
#define PROMPT(call) WATCHED(0, call)

/* How many calls were noted since the last blocking_forget(), and the first different ones. */
unsigned blocking_count(void);
const char *blocking_note(unsigned number);
void blocking_forget(void);

/* Fails the test, with the notes, when there are some; and forgets them. */
void blocking_expect_none(void);

/*
 * Called before a thread that is watched lets time pass on a stopped clock, and before it waits for
 * a lock. NULL: nothing.
 */
extern void (*blocking_settle)(void);
extern void (*blocking_contended)(void);

/*
 * Where other threads run, they hold locks for moments. With this only a lock is noted that isn't
 * free in far longer than that.
 */
extern bool blocking_moments;

/* Called before each call about a socket in this thread, watched or not. NULL: nothing. */
extern _Thread_local void (*blocking_before_socket)(void);

/* For the clock: this thread reads it. One that does nothing else waits as well. */
void blocking_clock_read(void);

#endif
