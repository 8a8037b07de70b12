/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counts down to the crash point.
 */
#include "crash.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../src/util/bits.h"
#include "error.h"

static const char *const names[] = {
	[CRASH_TAKEN] = "taken", [CRASH_DONE] = "done",       [CRASH_LINKED] = "linked",
	[CRASH_SHOWN] = "shown", [CRASH_CLEARED] = "cleared",
};

static struct {
	enum crash_point point; /* CRASH_NONE: not armed */
	unsigned long left;
} armed;

int crash_arm(const char *text)
{
	size_t len = strcspn(text, " ");
	unsigned long count;
	unsigned int i;
	char *end;

	count = strtoul(text + len, &end, 10);
	for (i = CRASH_TAKEN; i < ARRAY_LEN(names); i++) {
		if (strlen(names[i]) != len || memcmp(names[i], text, len) || !count || *end)
			continue;
		armed.left = count;
		__atomic_store_n(&armed.point, i, __ATOMIC_RELAXED);
		return 0;
	}
	return set_error(EINVAL,
			 "'%s' is not 'POINT N' (POINT: taken, done, linked, shown or cleared)",
			 text);
}

void crash_point(enum crash_point point)
{
	/* Threads reach it at once. */
	if (point == __atomic_load_n(&armed.point, __ATOMIC_RELAXED) &&
	    !__atomic_sub_fetch(&armed.left, 1, __ATOMIC_RELAXED))
		kill(getpid(), SIGKILL);
}
