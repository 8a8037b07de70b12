/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the two files of wrapped calls: blocking.c and calls.c. */
#ifndef STALL_CALLS_H
#define STALL_CALLS_H

#include <stdbool.h>

/* Whether this thread is watched. */
bool blocking_watched(void);

/* Adds a note about this thread, which is watched. */
void blocking_add(const char *what);

/* Runs blocking_before_socket. */
void blocking_before(void);

#endif
