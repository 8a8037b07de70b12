/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Surviving a client that cuts its shared memory short: touching what is gone raises SIGBUS in us.
 */
#ifndef TARGET_FAULT_H
#define TARGET_FAULT_H

#include <setjmp.h>

/* Where to go on after a fault. */
extern sigjmp_buf fault_escape;

/*
 * fault_guard - from now on a SIGBUS jumps to fault_escape, which the caller has set with
 * sigsetjmp(fault_escape, 1) in a function that does not return while the guard is on.
 * All memory of clients is touched under this guard, and nothing is held across it that the end of
 * the session would not release.
 */
void fault_guard(void);

#endif
