/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The clock of a test program, which is also the library's in it: the system's, put forward as a
 * test likes, so that limits of minutes pass at once. Needs the linker's --wrap for clock_gettime()
 * and nanosleep(); clocks other than the monotonic ones stay as they are.
 */
#ifndef TESTS_CLOCK_H
#define TESTS_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Puts it forward. Any thread. */
void clock_skip(uint64_t ms);

/*
 * Stops it, and lets it go on. While it stands, time passes by clock_skip() and by nanosleep(),
 * which doesn't sleep then, so that the machine's load decides nothing. Stopping it again has no
 * effect.
 */
void clock_stop(bool stop);

#endif
