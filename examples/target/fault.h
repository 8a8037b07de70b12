/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Survives clients that truncate their shared memory: accessing it then raises SIGBUS here.
 */
#ifndef TARGET_FAULT_H
#define TARGET_FAULT_H

#include <setjmp.h>

/* Where this thread continues after a fault. */
extern __thread sigjmp_buf fault_escape;

/*
 * fault_guard - from now on a SIGBUS jumps to fault_escape, which the caller has set with
 * sigsetjmp(fault_escape, 1) in a function that does not return while the guard is on. The client
 * is that of device->serving, or the worker's.
 * All access to client memory happens under this guard. Nothing may be held across it that closing
 * the session does not release.
 */
void fault_guard(void);

#endif
