/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Formats a line and hands it to the application. The setting is one immutable structure behind an
 * atomic pointer, so that logging takes no lock; the former one is kept, since another thread may
 * still be inside it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/bits.h"
#include "util/export.h"
#include "util/log.h"

struct sink {
	int level;
	void (*fn)(void *ctx, int level, const char *line);
	void *ctx;
	struct sink *former;
};

static _Atomic(struct sink *) current;

static int level_from_environment(void)
{
	static const char *const names[] = {"", "error", "warn", "info", "debug"};
	const char *value = getenv("VSCSI_LOG");
	int i;

	for (i = VSCSI_LOG_ERROR; value && i < (int)ARRAY_LEN(names); i++) {
		if (strcmp(value, names[i]) == 0)
			return i;
	}
	return VSCSI_LOG_WARN;
}

EXPORT int vscsi_set_log(int level, void (*fn)(void *ctx, int level, const char *line), void *ctx)
{
	struct sink *sink;

	if (level < VSCSI_LOG_DEFAULT || level > VSCSI_LOG_DEBUG)
		return -EINVAL;
	sink = malloc(sizeof(*sink));
	if (!sink)
		return -ENOMEM;
	sink->level = level == VSCSI_LOG_DEFAULT ? level_from_environment() : level;
	sink->fn = fn;
	sink->ctx = ctx;
	sink->former = atomic_load_explicit(&current, memory_order_relaxed);
	/* Release pairs with the acquire in log_line(): the fields are there before the pointer. */
	while (!atomic_compare_exchange_weak_explicit(&current, &sink->former, sink,
						      memory_order_release, memory_order_relaxed))
		;
	return 0;
}

void log_line(int level, const char *fmt, ...)
{
	struct sink *sink = atomic_load_explicit(&current, memory_order_acquire);
	char line[512];
	va_list ap;

	if (!sink || !sink->fn || level > sink->level)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	sink->fn(sink->ctx, level, line);
}
