/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sentence behind a negative errno, kept for each thread (vscsi_last_error()). Not for the data
 * path.
 */
#ifndef UTIL_ERROR_H
#define UTIL_ERROR_H

#include <stdbool.h>

/**
 * error_set - Keep a sentence for this thread and hand its errno back
 * @err: negative errno, what the failing function returns
 * @fmt: what was tried, what came back, what to do; no line feed, no full stop. The public
 *	function's name is put before it by error_enter()
 *
 * Used as `return error_set(-EINVAL, "...")`. The deepest place that knows what happened sets it;
 * callers above pass the number on and don't set it again.
 *
 * Return: @err.
 */
int error_set(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * error_enter - Name the public function that this thread is in
 * @function: __func__ of the exported function
 *
 * Called first by every control function; sentences set from then on begin with it.
 */
void error_enter(const char *function);

/**
 * error_text - The last sentence without the function's name
 *
 * Return: as vscsi_last_error().
 */
const char *error_text(void);

/**
 * error_keep - Protect the sentence while cleaning up after it
 * @keep: true before, false after; calls may nest
 *
 * What error_set() is told in between goes to the log only.
 */
void error_keep(bool keep);

#endif
