/* SPDX-License-Identifier: BSD-3-Clause */
/* Time, and processors to run on. */
#ifndef BENCH_THREADS_H
#define BENCH_THREADS_H

/* Seconds since some moment. */
double clock_seconds(void);

/**
 * threads_pin - Move the calling thread to a processor of its own
 * @nth: the processor, counted among those that the process may use; more than there are go around
 *
 * Left to itself the scheduler may run both sides of a ring on one, and each then spins for its
 * whole time slice.
 */
void threads_pin(unsigned nth);

/* Seconds of a processor that the calling thread has had. */
double clock_thread_seconds(void);

/* How many processors the process may use; asked before any thread is moved. */
unsigned threads_processors(void);

#endif
