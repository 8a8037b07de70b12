/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Formats a line and passes it to the application's callback. The setting is an immutable struct,
 * found by an atomic pointer, so that logging takes no lock; old ones are never freed, because
 * another thread may still be using them.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/bits.h"
#include "util/log.h"

struct sink {
	int level;
	void (*fn)(void *ctx, int level, const char *line);
	void *ctx;
	struct sink *previous;
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

int log_set(int level, void (*fn)(void *ctx, int level, const char *line), void *ctx)
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
	sink->previous = atomic_load_explicit(&current, memory_order_relaxed);
	/*
	 * Release pairs with the acquire in log_line(): the fields are visible before the pointer.
	 */
	while (!atomic_compare_exchange_weak_explicit(&current, &sink->previous, sink,
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
