/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lies and floods of events. Their contents are looked at with distrust, what the application has
 * to fetch is bounded, and what is true in the end is what it hears.
 */
#include "clock.h"
#include "liar.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>

#define MISSED   0x80000000u
#define LIMIT_MS 120000u /* for what is waited for */

/* Where no event is expected, the device has to go on; where the type is known, it is told. */
struct event_lie {
	const char *name;
	uint32_t type;
	uint8_t lun[8];
	uint32_t reason;
	uint32_t len;
	unsigned heard;
};

static const struct event_lie lies[] = {
	{"LUN all ones", 1, {255, 255, 255, 255, 255, 255, 255, 255}, 0, 16, 0},
	{"LUN all zeros", 1, {0}, 0, 16, 0},
	{"first byte 2", 1, {2, 0, 0x40, 0}, 0, 16, 0},
	{"tail not zero", 1, {1, 0, 0x40, 0, 0, 0, 0, 1}, 0, 16, 0},
	{"extended addressing", 1, {1, 0, 0xc0, 0}, 0, 16, 0},
	{"unknown LUN", 1, {1, 255, 0x7f, 0xff}, 0, 16, 1},
	{"type 2^31 - 1", 0x7fffffff, {1, 0, 0x40, 0}, 0, 16, 0},
	{"reason 2^32 - 1", 1, {1, 0, 0x40, 0}, UINT32_MAX, 16, 0},
	{"used length 0", 1, {1, 0, 0x40, 0}, 0, 0, 1},
	{"used length 15", 1, {1, 0, 0x40, 0}, 0, 15, 1},
	{"used length 2^32 - 1", 1, {1, 0, 0x40, 0}, 0, UINT32_MAX, 1},
	{"missed, and garbage", MISSED | 0x1234, {9, 9, 9, 9, 9, 9, 9, 9}, 7, 16, 0},
};

/* A scan goes on with each look: until there are events, or an error. */
static int hear(struct liar *liar, struct vscsi_event *events, unsigned max)
{
	uint64_t limit = now_ms() + LIMIT_MS;
	int count;

	while (!(count = vscsi_dev_poll_events(liar->dev, events, max))) {
		assert_true(now_ms() < limit);
		sched_yield();
	}
	return count;
}

static void open_scanned(struct liar *liar)
{
	liar->opts.config.max_target = 0;
	liar->opts.config.max_lun = 16383;
	assert_int_equal(liar_open(liar), 0);
	assert_int_equal(vscsi_dev_scan(liar->dev, NULL, 0), 1);
}

static void event_lies(void **state)
{
	struct liar *liar = *state;
	const struct event_lie *lie = liar->ctx;
	struct vscsi_event events[8];
	unsigned i;

	CONFORMS("R-HARD-22");
	open_scanned(liar);
	/* Longer than the ring: buffers come back. */
	for (i = 0; i < 40; i++) {
		while (!liar_event(liar, lie->type, lie->lun, lie->reason, lie->len))
			;
		assert_int_equal(vscsi_dev_poll_events(liar->dev, events, 8), lie->heard);
	}
	assert_true(liar_runs(liar));
	told(lie->name, "%s", lie->heard ? "told" : "ignored, or a scan that finds nothing");
}

static void tell(struct liar *liar, uint32_t type, unsigned lun, uint32_t reason)
{
	const uint8_t addr[8] = {1, 0, (uint8_t)(0x40 | lun >> 8), (uint8_t)lun};

	while (!liar_event(liar, type, addr, reason, 16))
		;
}

static void flood(void **state)
{
	struct liar *liar = *state;
	struct vscsi_event events[256];
	unsigned i;
	int count;

	CONFORMS("R-HARD-23");
	open_scanned(liar);
	for (i = 0; i < 4000; i++) {
		tell(liar, 1, i % 1000, 0);
		if (i % 8 == 7)
			assert_int_equal(vscsi_dev_poll_events(liar->dev, events, 0), 0);
	}
	rig_hang_up(liar->rig);
	rig_wait_gone(liar->rig);
	count = vscsi_dev_poll_events(liar->dev, events, 256);
	assert_in_range(count, 100, 128);
	/* The news that counts most has a place of its own. */
	assert_int_equal(events[count - 1].type, VSCSI_EVENT_LOST);
	assert_int_equal(vscsi_dev_poll_events(liar->dev, events, 256), -ENOTCONN);
	told("4000 events, then hangs up", "%d heard, the last one: lost", count);
}

/* More LUNs come at once than events can wait: none is forgotten, none comes twice. */
static void many_luns_at_once(void **state)
{
	struct liar *liar = *state;
	static bool seen[LIAR_LUNS];
	struct vscsi_event events[32];
	unsigned total = 0;
	int count;
	int i;

	CONFORMS("R-HARD-23");
	open_scanned(liar);
	liar->luns = 400;
	tell(liar, 1, 5, 1);
	while (total < 399) {
		count = hear(liar, events, 32);
		assert_in_range(count, 1, 32);
		for (i = 0; i < count; i++) {
			assert_int_equal(events[i].type, VSCSI_EVENT_PLUGGED);
			assert_false(seen[events[i].lun]);
			seen[events[i].lun] = true;
			total++;
		}
	}
	assert_int_equal(total, 399);
	assert_int_equal(vscsi_dev_poll_events(liar->dev, events, 32), 0);
	told("399 LUNs appear at once", "all heard, each once");
}

/* More LUNs change at once than events can wait: each is told of. */
static void many_luns_resized(void **state)
{
	struct liar *liar = *state;
	static bool seen[LIAR_LUNS];
	struct vscsi_event events[32];
	unsigned total = 0;
	unsigned i;
	int count;

	liar->luns = 400;
	liar->opts.config.max_target = 0;
	liar->opts.config.max_lun = 16383;
	assert_int_equal(liar_open(liar), 0);
	assert_int_equal(vscsi_dev_scan(liar->dev, NULL, 0), 400);
	for (i = 0; i < 800; i++) {
		tell(liar, 3, i % 400, 0x092a);
		if (i % 8 == 7)
			assert_int_equal(vscsi_dev_poll_events(liar->dev, events, 0), 0);
	}
	while ((count = vscsi_dev_poll_events(liar->dev, events, 32)) > 0) {
		for (i = 0; i < (unsigned)count; i++) {
			assert_int_equal(events[i].type, VSCSI_EVENT_RESIZED);
			assert_int_equal(events[i].code, 0x2a09);
			total += !seen[events[i].lun];
			seen[events[i].lun] = true;
		}
	}
	assert_int_equal(count, 0);
	assert_int_equal(total, 400);
	told("400 LUNs resized at once", "all heard");
}

/* When a scan has ended, LUNs that are open are asked for their pages. */
static atomic_uint scans;

static bool count_scans(struct liar *liar, unsigned queue, const struct rig_chain *chain,
			const uint8_t *cdb)
{
	(void)liar;
	(void)queue;
	(void)chain;
	if (cdb[0] == 0x12 && cdb[1] && !cdb[2])
		atomic_fetch_add(&scans, 1);
	return false;
}

/* A LUN is plugged, unplugged and plugged again unobserved: the last event has the final state. */
static void plugged_and_unplugged(void **state)
{
	struct liar *liar = *state;
	uint64_t limit = now_ms() + LIMIT_MS;
	struct vscsi_event events[8];
	unsigned i;

	open_scanned(liar);
	liar_up(liar);
	liar->lie = count_scans;
	for (i = 0; i < 3; i++) {
		unsigned before = atomic_load(&scans);

		liar->luns = i % 2 ? 1 : 2;
		tell(liar, 1, 1, i % 2 ? 2 : 1);
		while (atomic_load(&scans) == before) {
			assert_int_equal(vscsi_dev_poll_events(liar->dev, events, 0), 0);
			assert_true(now_ms() < limit);
			sched_yield();
		}
	}
	assert_int_equal(vscsi_dev_poll_events(liar->dev, events, 8), 3);
	for (i = 0; i < 3; i++)
		assert_int_equal(events[i].type,
				 i % 2 ? VSCSI_EVENT_UNPLUGGED : VSCSI_EVENT_PLUGGED);
	told("a LUN comes, goes and comes", "three events, the last one: plugged");
}

static bool silent_on_report_luns(struct liar *liar, unsigned queue, const struct rig_chain *chain,
				  const uint8_t *cdb)
{
	if (cdb[0] != 0xa0)
		return false;
	liar_keep(liar, queue, chain, cdb);
	/* Its limit passes now that it is here, and not before. */
	clock_skip(601000);
	return true;
}

static void scan_without_an_answer(void **state)
{
	struct liar *liar = *state;
	struct vscsi_event events[8];
	int heard;

	liar->options = "?timeout_ms=600000";
	open_scanned(liar);
	liar->lie = silent_on_report_luns;
	liar->luns = 2;
	tell(liar, 1, 1, 1);
	assert_int_equal(hear(liar, events, 8), -ETIMEDOUT);
	/* Other news are heard meanwhile, and the scan is not forgotten. */
	tell(liar, 1, 0, 0);
	assert_int_equal(vscsi_dev_poll_events(liar->dev, events, 8), 1);
	assert_int_equal(events[0].type, VSCSI_EVENT_RESET);
	liar->lie = NULL;
	/* The next one may have begun, and has no answer either. */
	while ((heard = hear(liar, events, 8)) == -ETIMEDOUT)
		;
	assert_int_equal(heard, 1);
	assert_int_equal(events[0].type, VSCSI_EVENT_PLUGGED);
	assert_int_equal(events[0].lun, 1);
	told("says rescan, then doesn't answer the scan", "timed out, tried again, found");
}

static void config_changes(void **state)
{
	struct liar *liar = *state;
	struct vscsi_event events[8];
	unsigned heard = 0;
	unsigned i;
	int count;

	CONFORMS("R-HARD-42");
	open_scanned(liar);
	for (i = 0; i < 2000; i++) {
		/* CONFIG_CHANGE of the back-end's channel. */
		rig_channel_send(liar->rig, 2, RIG_VERSION, 0, NULL, 0, 0);
		if (i % 50 < 49)
			continue;
		count = vscsi_dev_poll_events(liar->dev, events, 8);
		assert_in_range(count, 0, 1);
		heard += (unsigned)count;
	}
	assert_in_range(heard, 1, 40);
	assert_true(liar_runs(liar));
	told("2000 configuration changes", "%u heard in 40 calls", heard);
}

static void broken_event_ring(void **state)
{
	struct liar *liar = *state;
	struct vscsi_event events[8];

	open_scanned(liar);
	rig_put(liar->rig, 1, 99, 16);
	assert_int_equal(vscsi_dev_poll_events(liar->dev, events, 8), 1);
	assert_int_equal(events[0].type, VSCSI_EVENT_LOST);
	assert_int_equal(vscsi_dev_poll_events(liar->dev, events, 8), -ENOTCONN);
	assert_non_null(strstr(vscsi_last_error(), "a used id is not in flight"));
	told("used id 99 in the event ring", "lost: a used id is not in flight");
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		LIAR_TEST(flood),
		LIAR_TEST(many_luns_at_once),
		LIAR_TEST(many_luns_resized),
		LIAR_TEST(plugged_and_unplugged),
		LIAR_TEST(scan_without_an_answer),
		LIAR_TEST(config_changes),
		LIAR_TEST(broken_event_ring),
	};
	struct CMUnitTest tests[ARRAY_LEN(lies) + ARRAY_LEN(others)];
	unsigned i;

	for (i = 0; i < ARRAY_LEN(lies); i++)
		tests[i] = (struct CMUnitTest)LIAR_ROW(event_lies, &lies[i]);
	memcpy(&tests[i], others, sizeof(others));
	return _cmocka_run_group_tests("hostile events", tests, ARRAY_LEN(tests), NULL, NULL);
}
