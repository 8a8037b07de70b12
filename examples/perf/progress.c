/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The progress line on a terminal. It reads counters that the threads publish, and never blocks
 * them.
 */
#include "report.h"

#include <inttypes.h>

#include "common/text.h"

struct totals {
	uint64_t ios[DIR_COUNT];
	uint64_t bytes[DIR_COUNT];
};

static struct totals before;
static uint64_t before_time;
static bool shown;

static struct totals read_totals(struct job *const *jobs, unsigned count)
{
	struct totals now = {0};
	unsigned i, dir;

	for (i = 0; i < count; i++) {
		for (dir = 0; dir < DIR_COUNT; dir++) {
			now.ios[dir] +=
				atomic_load_explicit(&jobs[i]->live_ios[dir], memory_order_relaxed);
			now.bytes[dir] += atomic_load_explicit(&jobs[i]->live_bytes[dir],
							       memory_order_relaxed);
		}
	}
	return now;
}

/* Totals decrease when a ramp ends: start over. */
static double rate(uint64_t now, uint64_t last, double seconds)
{
	return (double)(now >= last ? now - last : now) / seconds;
}

void progress_show(struct job *const *jobs, unsigned count, uint64_t now)
{
	static const char *const names[] = {"read", "write", "trim"};
	struct totals totals = read_totals(jobs, count);
	double seconds = (double)(now - before_time) / 1e9;
	char human[TEXT_HUMAN_LEN];
	unsigned dir;

	/*
	 * The first line has nothing to compare with: it shows totals since the start.
	 */
	if (!before_time || now <= before_time)
		seconds = 1;
	fprintf(stderr, "\r\033[Kvscsi-perf: %u threads", count);
	for (dir = 0; dir < DIR_SYNC; dir++) {
		if (!totals.ios[dir])
			continue;
		fprintf(stderr, ", %s %.0f IOPS %s/s", names[dir],
			rate(totals.ios[dir], before.ios[dir], seconds),
			text_human(human,
				   (uint64_t)rate(totals.bytes[dir], before.bytes[dir], seconds)));
	}
	fflush(stderr);
	before = totals;
	before_time = now;
	shown = true;
}

void progress_clear(void)
{
	if (shown)
		fputs("\r\033[K", stderr);
	shown = false;
}
