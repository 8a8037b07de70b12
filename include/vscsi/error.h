/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Errors in words. Every call returns 0 or a count, or a negative errno; the sentence behind the
 * number is kept for the thread that made the call.
 */
#ifndef VSCSI_ERROR_H
#define VSCSI_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

/**
 * vscsi_last_error - Tell what went wrong in this thread's last failed call
 *
 * The sentence begins with the name of the function that failed and says what was tried, what came
 * back and, where something can be done, what to do. Control calls (open, close, scan, register,
 * the calls of sync.h ...) set it when they fail; what it is after they succeeded means nothing. The
 * errno of the data path (vscsi_read() ... vscsi_poll(), vscsi_wait()) says all: the sentence found
 * after such a call may be another call's.
 *
 * Return: a string that is valid until this thread's next call of the library; "" when none has
 * failed.
 * Any thread; no system call.
 */
const char *vscsi_last_error(void);

#ifdef __cplusplus
}
#endif

#endif
