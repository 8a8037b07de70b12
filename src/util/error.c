/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The last error text of each thread, in a fixed buffer: nothing to free when a thread exits, and
 * nothing that can fail when memory is short.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/error.h"
#include "util/log.h"

static _Thread_local char last_error[512];
static _Thread_local const char *function = "";
static _Thread_local int kept;
static _Thread_local int prefix; /* length of the function's name at the start of the text */

const char *error_last(void)
{
	return last_error;
}

const char *error_text(void)
{
	return last_error + prefix;
}

void error_enter(const char *name)
{
	function = name;
}

void error_keep(bool keep)
{
	kept += keep ? 1 : -1;
}

int error_set(int err, const char *fmt, ...)
{
	char text[sizeof(last_error)];
	int used;
	va_list ap;

	used = snprintf(text, sizeof(text), "%s%s", function, *function ? ": " : "");
	va_start(ap, fmt);
	vsnprintf(text + used, sizeof(text) - (size_t)used, fmt, ap);
	va_end(ap);
	log_debug("%s", text);
	if (!kept) {
		memcpy(last_error, text, sizeof(last_error));
		prefix = used;
	}
	return err;
}

int error_no_fd(void)
{
	/* The only limit that an application can raise by itself. */
	if (errno == EMFILE)
		return error_set(-EMFILE, "making an event descriptor failed; allow this process "
					  "more open files");
	return error_set(-errno, "making an event descriptor failed: %m");
}
