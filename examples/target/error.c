/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The error text, and messages.
 */
#include "error.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MESSAGE_MAX 1024 /* less than PIPE_BUF, so a pipe takes all of a line or nothing */

static __thread char error_buffer[512];

static int error_fd = STDERR_FILENO;
static int output_fd = STDOUT_FILENO;
static int max_level = LOG_WARNING;
static bool in_journal;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* for a line, and this: */
static unsigned long dropped; /* lines since the last one that was written */

/* Too long a text is truncated. */
int set_error(int errnum, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(error_buffer, sizeof(error_buffer), fmt, args);
	va_end(args);
	return -errnum;
}

const char *last_error(void)
{
	return error_buffer;
}

/*
 * A non-blocking descriptor of the same pipe or terminal. O_NONBLOCK can't be set for @fd, which
 * other processes use too.
 */
static int non_blocking(int fd)
{
	char path[32];
	struct stat st;
	int own;

	if (fstat(fd, &st) || !(S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)))
		return fd;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own < 0)
		return fd;
	return own;
}

/* The variable is inherited by programs whose stderr is something else (systemd.exec(5)). */
static bool is_journal(int fd)
{
	const char *journal = getenv("JOURNAL_STREAM");
	char text[64];
	struct stat st;

	if (!journal || fstat(fd, &st))
		return false;
	snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return !strcmp(journal, text);
}

void messages_open(void)
{
	in_journal = is_journal(STDERR_FILENO);
	error_fd = non_blocking(STDERR_FILENO);
	output_fd = non_blocking(STDOUT_FILENO);
}

/* For what non_blocking() couldn't open again, sockets for example, poll() has to suffice. */
static bool put_line(int fd, char *line, size_t len)
{
	struct pollfd pfd = {.fd = fd, .events = POLLOUT};

	if (len > MESSAGE_MAX - 1)
		len = MESSAGE_MAX - 1;
	line[len++] = '\n';
	return poll(&pfd, 1, 0) == 1 && pfd.revents & POLLOUT &&
	       write(fd, line, len) == (ssize_t)len;
}

void messages_level(int level)
{
	max_level = level;
}

void log_line(int level, const char *fmt, ...)
{
	char line[MESSAGE_MAX];
	va_list args;
	int n;

	if (level > max_level)
		return;
	pthread_mutex_lock(&lock);
	if (in_journal)
		n = snprintf(line, sizeof(line), "<%d>", level);
	else
		n = snprintf(line, sizeof(line), "vscsi-target: ");
	if (dropped)
		n += snprintf(line + n, sizeof(line) - (size_t)n, "(%lu messages were dropped) ",
			      dropped);
	va_start(args, fmt);
	n += vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, args);
	va_end(args);
	if (put_line(error_fd, line, (size_t)n))
		dropped = 0;
	else
		dropped++;
	pthread_mutex_unlock(&lock);
}

void announce(const char *fmt, ...)
{
	char line[MESSAGE_MAX];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	put_line(output_fd, line, (size_t)n);
}
