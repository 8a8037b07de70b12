/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The clock of a test program, which is also the library's in it: the system's, put forward as a
 * test likes, so that limits of minutes pass at once. Needs the linker's --wrap=clock_gettime;
 * clocks other than the monotonic ones stay as they are.
 */
#ifndef TESTS_CLOCK_H
#define TESTS_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Puts it forward. Any thread. */
void clock_skip(uint64_t ms);

/*
 * Stops it, so that time passes by clock_skip() alone, and lets it go on. For tests of which the
 * machine's load would decide otherwise.
 */
void clock_stop(bool stop);

#endif
