/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Error texts. Most calls return 0 or a count, or a negative errno; a text that explains the errno
 * is stored for the thread that made the call.
 */
#ifndef VSCSI_ERROR_H
#define VSCSI_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

/**
 * vscsi_last_error - Get the error text of this thread's last failed call
 *
 * The text begins with the name of the function that failed, and says what was tried, what happened
 * and, if possible, what to do. Control calls that fail set it: open, close, scan, register, the
 * calls of sync.h and so on, and vscsi_mem_alloc(). After a successful call it is meaningless. Data
 * path calls don't set it: those of io.h, vscsi_prepare_command(), vscsi_submit(), vscsi_poll(),
 * vscsi_arm(), vscsi_queue_fd(), vscsi_next_timeout_ms(), vscsi_wait() and vscsi_queue_drain(). For
 * these the errno is explained with each call. Calls that say "Sets no error text" don't set it
 * either.
 *
 * Any thread; no system call.
 *
 * Return: a string that is valid until this thread's next call of the library; "" if no call of
 * this thread has failed.
 */
const char *vscsi_last_error(void);

#ifdef __cplusplus
}
#endif

#endif
