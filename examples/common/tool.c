/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Begin and end of a tool, and the library's log on stderr.
 */
#include "tool.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <vscsi/vscsi.h>

#include "stdio.h"

static const char *tool = "";

/* The last message, and how often it was repeated; any thread may log. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char last[512];
static time_t last_time;
static unsigned repeats;

static void print_repeats(void)
{
	if (repeats)
		fprintf(stderr, "%s: the previous message was repeated %u times\n", tool, repeats);
	repeats = 0;
}

static void print_line(void *ctx, int level, const char *line)
{
	struct timespec now;

	(void)ctx;
	(void)level;
	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&lock);
	if (now.tv_sec - last_time <= 1 && !strcmp(line, last)) {
		repeats++;
	} else {
		print_repeats();
		/* On a terminal, there may be a progress line. */
		fprintf(stderr, "%s%s: %s\n", isatty(STDERR_FILENO) ? "\r\033[K" : "", tool, line);
		snprintf(last, sizeof(last), "%s", line);
		last_time = now.tv_sec;
	}
	pthread_mutex_unlock(&lock);
}

void tool_begin(const char *name)
{
	stdio_open_missing();
	tool = name;
	/* Without memory for it there is no log, but the tool works. */
	vscsi_set_log(VSCSI_LOG_DEFAULT, print_line, NULL);
}

int tool_log(const char *level)
{
	static const char *const names[] = {
		[VSCSI_LOG_ERROR] = "error",
		[VSCSI_LOG_WARN] = "warn",
		[VSCSI_LOG_INFO] = "info",
		[VSCSI_LOG_DEBUG] = "debug",
	};
	int i;

	for (i = VSCSI_LOG_ERROR; i <= VSCSI_LOG_DEBUG; i++) {
		if (!strcmp(level, names[i]))
			return vscsi_set_log(i, print_line, NULL);
	}
	fprintf(stderr, "%s: invalid log level '%s' (expected " TOOL_LOG_VALUES ")\n", tool, level);
	return -EINVAL;
}

int tool_flush(FILE *file, const char *name)
{
	static bool complained;
	int cause = fflush(file) ? errno : 0;

	if (!cause && !ferror(file))
		return 0;
	/* What made an earlier write fail is not known any more. */
	if (!complained)
		fprintf(stderr, "%s: writing %s%s%s\n", tool, name, cause ? ": " : " failed",
			cause ? strerror(cause) : "");
	complained = true;
	return cause ? -cause : -EIO;
}

int tool_end(int status)
{
	pthread_mutex_lock(&lock);
	print_repeats();
	pthread_mutex_unlock(&lock);
	return tool_flush(stdout, "standard output") ? EXIT_FAILURE : status;
}
