/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sentences about failures: kept for whoever answers the request, or printed on stderr.
 */
#include "say.h"

#include <stdarg.h>
#include <stdio.h>

/* One thread runs the whole target, so one sentence is enough. */
static char sentence[512];

/* A sentence that is too long is cut; it is for people. */
int refuse(int errnum, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(sentence, sizeof(sentence), fmt, args);
	va_end(args);
	return -errnum;
}

const char *refusal(void)
{
	return sentence;
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
