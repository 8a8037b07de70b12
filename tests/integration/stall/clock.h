/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The monotonic clock of this program, by the linker's --wrap: the system's, put forward or stopped
 * as a test likes. With a stopped clock a test decides how much time passes between two calls, so
 * that neither the machine's load nor its speed decides the outcome.
 */
#ifndef STALL_CLOCK_H
#define STALL_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Stops the clock, and lets it go on from where it stands. */
void clock_freeze(void);
void clock_thaw(void);
bool clock_is_frozen(void);

/* Puts it forward. */
void clock_skip(uint64_t ms);

/* Milliseconds that it was put forward by in all. */
uint64_t clock_skipped(void);

#endif
