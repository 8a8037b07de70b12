/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Error texts, and messages on stderr and stdout.
 */
#ifndef TARGET_ERROR_H
#define TARGET_ERROR_H

#include <syslog.h>

/*
 * set_error - set the error text and return the error.
 * @errnum: a positive errno value
 * The text says what was attempted, what was found and, if useful, what to do. It is kept until the
 * next call of this thread. Returns -@errnum, for "return set_error(...)".
 */
int set_error(int errnum, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* last_error - the text of the last set_error(); never NULL, valid until the next one. */
const char *last_error(void);

/*
 * messages_open - prepare the functions below. They never wait: a message that can't be written
 * at once, because a pipe is full or a terminal is stopped, is dropped.
 */
void messages_open(void);

/* messages_level - from now on, print lines up to this level: LOG_ERR to LOG_DEBUG of syslog.h. */
void messages_level(int level);

/*
 * log_line - print one line on stderr, after the program's name and the number of lines dropped; if
 * that is the journal, after the level, which it keeps apart.
 * @level: LOG_ERR, LOG_WARNING, LOG_INFO or LOG_DEBUG
 */
void log_line(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* warn - a line of LOG_WARNING. */
#define warn(...) log_line(LOG_WARNING, __VA_ARGS__)

/* announce - print one line on stdout. */
void announce(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
