/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Error texts. Every call returns 0 or a count, or a negative errno; the text that explains the
 * errno is kept for the thread that made the call.
 */
#ifndef VSCSI_ERROR_H
#define VSCSI_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

/**
 * vscsi_last_error - Get the error text of this thread's last failed call
 *
 * The text begins with the name of the function that failed and says what was tried, what happened
 * and, if possible, what to do. Control calls set it if they fail: open, close, scan, register, the
 * calls of sync.h and so on; vscsi_mem_alloc() does too. After a successful call it is meaningless.
 * Data path calls don't set it: those of io.h, vscsi_prepare_command(), vscsi_submit(),
 * vscsi_poll(), vscsi_arm(), vscsi_queue_fd(), vscsi_next_timeout_ms(), vscsi_wait() and
 * vscsi_queue_drain(). Their errno says it all.
 *
 * Any thread; no system call.
 *
 * Return: a string that is valid until this thread's next call of the library; "" if none has
 * failed.
 */
const char *vscsi_last_error(void);

#ifdef __cplusplus
}
#endif

#endif
