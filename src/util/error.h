/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * src/util/ - what every other folder may use
 *
 * Provides: the thread's error text (this header), log, lock, clocks, byte order and bit
 * arithmetic, the size rule of public structs, descriptors above the standard streams, the list of
 * objects that fork() invalidates, static probes, and the export macro.
 *
 * Never does: know a device, a request or any public struct by name; print; use any other folder.
 *
 * Locking: all functions may be called from any thread. Only those of fork.h take a lock, their
 * own. The error text is thread-local.
 *
 * This header: the text for a negative errno, see vscsi_last_error(). Not for the data path.
 */
#ifndef UTIL_ERROR_H
#define UTIL_ERROR_H

#include <stdbool.h>

/**
 * error_set - Set this thread's error text and return the errno
 * @err: negative errno, the caller's return value
 * @fmt: what was attempted, what came back, what to do; no line feed, no full stop. The name of the
 *	public function is prepended, see error_enter()
 *
 * Used as `return error_set(-EINVAL, "...")`. Called where the error is detected; callers further
 * up pass the number on without setting the text again.
 *
 * Return: @err.
 */
int error_set(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * error_enter - Set the public function's name for this thread
 * @function: __func__ of the exported function
 *
 * Called first by every control function; error texts set afterwards start with the name.
 */
void error_enter(const char *function);

/* The last text, including the function's name: vscsi_last_error(). */
const char *error_last(void);

/**
 * error_text - This thread's last error text without the function's name
 *
 * Return: valid as long as the result of vscsi_last_error().
 */
const char *error_text(void);

/**
 * error_keep - Preserve the error text during cleanup
 * @keep: true before, false after; calls may nest
 *
 * In between, error_set() only logs.
 */
void error_keep(bool keep);

/* Sets the text for an event descriptor that could not be created, from errno. Returns -errno. */
int error_no_fd(void);

#endif
