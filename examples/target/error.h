/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Error texts, and messages on stderr and stdout.
 */
#ifndef TARGET_ERROR_H
#define TARGET_ERROR_H

/*
 * set_error - set the error text and return the error.
 * @errnum: a positive errno value
 * The text says what was attempted, what was found and, if useful, what to do. It is kept until the
 * next call. Returns -@errnum, for "return set_error(...)".
 */
int set_error(int errnum, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* last_error - the text of the last set_error(); never NULL, valid until the next one. */
const char *last_error(void);

/*
 * messages_open - prepare warn() and announce(). They never wait: a message that can't be written
 * at once, because a pipe is full or a terminal is stopped, is dropped.
 */
void messages_open(void);

/* warn - print one line on stderr, after the program's name and the number of lines dropped. */
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* announce - print one line on stdout. */
void announce(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
