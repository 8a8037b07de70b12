/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The error text, and warnings.
 */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>

/* The target has one thread, so one buffer is enough. */
static char error_buffer[512];

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

void warn(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("vscsi-target: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
}
