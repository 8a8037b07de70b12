/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keeps the last error's sentence for each thread, in a fixed buffer: nothing to free when a thread
 * ends, nothing that can fail when memory is short.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <vscsi/error.h>

#include "util/error.h"
#include "util/export.h"
#include "util/log.h"

static _Thread_local char sentence[512];
static _Thread_local const char *function = "";
static _Thread_local int kept;
static _Thread_local int prefix; /* bytes of the sentence that name the function */

EXPORT const char *vscsi_last_error(void)
{
	return sentence;
}

const char *error_text(void)
{
	return sentence + prefix;
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
	char fresh[sizeof(sentence)];
	int used;
	va_list ap;

	used = snprintf(fresh, sizeof(fresh), "%s%s", function, *function ? ": " : "");
	va_start(ap, fmt);
	vsnprintf(fresh + used, sizeof(fresh) - (size_t)used, fmt, ap);
	va_end(ap);
	log_debug("%s", fresh);
	if (!kept) {
		memcpy(sentence, fresh, sizeof(sentence));
		prefix = used;
	}
	return err;
}
