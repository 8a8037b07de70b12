/* SPDX-License-Identifier: BSD-3-Clause */
/* The event queue: what the device says, what the application hears, buffers that never run out. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "device_tests.h"

#define MISSED 0x80000000u

static const uint8_t nowhere[8];

/* Tells the application; how many events it hears. */
static int hear(struct driver *d, struct vscsi_event *events, unsigned max)
{
	return vscsi_dev_poll_events(d->dev, events, max);
}

/* One event from the device, and what comes of it: at most one for the application. */
static int tell(struct driver *d, uint32_t event, unsigned target, unsigned lun, uint32_t reason,
		struct vscsi_event *out)
{
	uint8_t addr[8];

	put_lun(addr, target, lun);
	assert_true(model_event(d->m, event, addr, reason));
	memset(out, 0, sizeof(*out));
	return hear(d, out, 1);
}

static void open_scanned(struct driver *d)
{
	driver_init(d);
	driver_open(d, "");
	assert_int_equal(vscsi_dev_scan(d->dev, NULL, 0), 2);
}

static void test_parameter_changes(void **state)
{
	static const struct {
		uint32_t reason;
		uint32_t type;
		uint32_t code;
	} table[] = {{0x092a, VSCSI_EVENT_RESIZED, 0x2a09},
		     {0x012a, VSCSI_EVENT_CHANGED, 0x2a01},
		     {0x033f, VSCSI_EVENT_CHANGED, 0x3f03},
		     {0xffff092a, VSCSI_EVENT_RESIZED, 0x2a09}};
	struct vscsi_event event;
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-SCSI-06", "R-SCSI-78", "R-SCSI-95");
	open_scanned(&d);
	for (i = 0; i < ARRAY_LEN(table); i++) {
		assert_int_equal(tell(&d, 3, 0, 0, table[i].reason, &event), 1);
		assert_int_equal(event.type, table[i].type);
		assert_int_equal(event.target, 0);
		assert_int_equal(event.lun, 0);
		assert_int_equal(event.code, table[i].code);
		assert_int_equal(hear(&d, &event, 1), 0);
	}
	driver_close(&d);
}

static void test_reset_of_a_lun(void **state)
{
	struct vscsi_event event;
	struct driver d;

	(void)state;
	CONFORMS("R-SCSI-90");
	open_scanned(&d);
	assert_int_equal(tell(&d, 1, 1, 2, 0, &event), 1);
	assert_int_equal(event.type, VSCSI_EVENT_RESET);
	assert_int_equal(event.target, 1);
	assert_int_equal(event.lun, 2);
	driver_close(&d);
}

/* What came or went is found by scanning, for the whole target and all others. */
static void expect_rescan(uint32_t event, uint32_t reason, bool with_lun)
{
	uint8_t addr[8] = {0};
	struct vscsi_event events[8];
	struct driver d;

	open_scanned(&d);
	if (with_lun)
		put_lun(addr, 1, 0);
	d.m->present[1][5] = true;
	d.m->present[0][0] = false;
	d.m->present[3][7] = true;
	assert_true(model_event(d.m, event, addr, reason));
	assert_int_equal(hear(&d, events, 8), 3);
	assert_int_equal(events[0].type, VSCSI_EVENT_UNPLUGGED);
	assert_int_equal(events[0].target << 8 | events[0].lun, 0x000);
	assert_int_equal(events[1].type, VSCSI_EVENT_PLUGGED);
	assert_int_equal(events[1].target << 8 | events[1].lun, 0x105);
	assert_int_equal(events[2].type, VSCSI_EVENT_PLUGGED);
	assert_int_equal(events[2].target << 8 | events[2].lun, 0x307);
	/* That is known now. */
	assert_true(model_event(d.m, event, addr, reason));
	assert_int_equal(hear(&d, events, 8), 0);
	driver_close(&d);
}

static void test_luns_that_come_and_go(void **state)
{
	(void)state;
	CONFORMS("R-SCSI-05", "R-SCSI-88", "R-SCSI-89", "R-SCSI-90");
	expect_rescan(1, 1, true);
	expect_rescan(1, 2, true);
	/* The list of LUNs changed, as sense code in an event. */
	expect_rescan(3, 0x0e3f, true);
}

/* The flag comes alone, with an address of zeros, or on top of an event. */
static void test_events_that_were_missed(void **state)
{
	struct vscsi_event events[4];
	uint8_t addr[8];
	struct driver d;

	(void)state;
	CONFORMS("R-SCSI-80", "R-SCSI-86");
	expect_rescan(MISSED, 0, false);
	expect_rescan(MISSED, 0, true);
	expect_rescan(MISSED | 1, 1, true);
	open_scanned(&d);
	put_lun(addr, 1, 2);
	d.m->present[0][0] = false;
	assert_true(model_event(d.m, MISSED | 3, addr, 0x092a));
	assert_int_equal(hear(&d, events, 4), 2);
	assert_int_equal(events[0].type, VSCSI_EVENT_RESIZED);
	assert_int_equal(events[1].type, VSCSI_EVENT_UNPLUGGED);
	driver_close(&d);
}

static void test_events_that_say_nothing(void **state)
{
	struct vscsi_event event;
	unsigned before;
	struct driver d;

	(void)state;
	CONFORMS("R-SCSI-81", "R-SCSI-94", "R-SCSI-96");
	open_scanned(&d);
	before = d.m->commands;
	assert_true(model_event(d.m, 0, nowhere, 0));
	assert_int_equal(hear(&d, &event, 1), 0);
	/* Unknown types and reasons, and asynchronous notifications without a subscription. */
	assert_int_equal(tell(&d, 4, 1, 2, 0, &event), 0);
	assert_int_equal(tell(&d, 0x7fffffff, 1, 2, 1, &event), 0);
	assert_int_equal(tell(&d, 1, 1, 2, 3, &event), 0);
	assert_int_equal(tell(&d, 1, 1, 2, UINT32_MAX, &event), 0);
	assert_int_equal(tell(&d, 2, 1, 2, 0xffff, &event), 0);
	assert_int_equal(d.m->commands, before);
	driver_close(&d);
}

/* Without HOTPLUG such events must not come; nothing breaks when they do. */
static void test_events_without_the_feature(void **state)
{
	struct vscsi_event event;
	struct driver d;

	(void)state;
	CONFORMS("R-SCSI-93");
	driver_start(&d, "hotplug=off&change=off");
	assert_int_equal(vscsi_dev_scan(d.dev, NULL, 0), 2);
	assert_int_equal(tell(&d, 1, 1, 2, 1, &event), 0);
	assert_int_equal(tell(&d, 1, 1, 2, 2, &event), 0);
	assert_int_equal(model_waiting(d.m, 1), 16);
	driver_close(&d);
}

/* Both forms of a LUN's number; anything else in the field is answered by looking for oneself. */
static void test_addresses_of_events(void **state)
{
	static const uint8_t good[][8] = {{1, 1, 0x40, 2}, {1, 1, 0x00, 2}};
	static const uint8_t bad[][8] = {{0, 1, 0x40, 2},
					 {2, 1, 0x40, 2},
					 {1, 1, 0x80, 2},
					 {1, 1, 0xc1, 2},
					 {1, 1, 0x40, 2, 1},
					 {1, 1, 0x40, 2, 0, 0, 0, 1},
					 {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	struct vscsi_event event;
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-SCSI-97", "R-HARD-22");
	open_scanned(&d);
	for (i = 0; i < ARRAY_LEN(good); i++) {
		assert_true(model_event(d.m, 3, good[i], 0x092a));
		assert_int_equal(hear(&d, &event, 1), 1);
		assert_int_equal(event.target, 1);
		assert_int_equal(event.lun, 2);
	}
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		unsigned before = d.m->commands;

		assert_true(model_event(d.m, 3, bad[i], 0x092a));
		assert_int_equal(hear(&d, &event, 1), 0);
		assert_true(d.m->commands > before);
	}
	driver_close(&d);
}

/* A thousand events through sixteen buffers, with a kick whenever buffers are back. */
static void test_buffers_are_posted_again(void **state)
{
	struct vscsi_event event;
	unsigned kicks;
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-SCSI-79", "R-SCSI-82", "R-SCSI-83");
	driver_start(&d, "event_idx=off");
	kicks = d.m->fake.notified[1];
	for (i = 0; i < 1000; i++) {
		assert_int_equal(tell(&d, 3, 1, i % 8, 0x092a, &event), 1);
		assert_int_equal(event.lun, i % 8);
		assert_int_equal(model_waiting(d.m, 1), 16);
		assert_int_equal(d.m->fake.notified[1], kicks + i + 1);
	}
	driver_close(&d);
}

/* More than there are buffers for, at once: all that was there comes, and the buffers come back. */
static void test_all_buffers_filled(void **state)
{
	struct vscsi_event events[32];
	uint8_t addr[8];
	unsigned sent = 0;
	struct driver d;

	(void)state;
	CONFORMS("R-SCSI-79", "R-SCSI-82");
	open_scanned(&d);
	for (;;) {
		put_lun(addr, 2, sent);
		if (!model_event(d.m, 3, addr, 0x092a))
			break;
		sent++;
	}
	assert_int_equal(sent, 16);
	assert_int_equal(hear(&d, events, 32), 16);
	assert_int_equal(events[15].lun, 15);
	assert_int_equal(model_waiting(d.m, 1), 16);
	driver_close(&d);
}

/* Every length that a device can claim, and every content. */
static void test_random_events(void **state)
{
	uint64_t seed = 3;
	struct vscsi_event events[256];
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-HARD-22", "R-SCSI-96");
	open_scanned(&d);
	for (i = 0; i < 3000; i++) {
		struct chain chain;
		uint32_t words[4];
		unsigned k;

		for (k = 0; k < 4; k++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
			words[k] = (uint32_t)(seed >> (seed >> 59));
		}
		if (i % 3)
			words[0] &= 0x80000003;
		assert_true(model_take(d.m, 1, &chain));
		memcpy(chain.in[0].iov_base, words, sizeof(words));
		model_give(d.m, &chain, words[3] % 20);
		assert_true(hear(&d, events, 256) >= 0);
		assert_int_equal(model_waiting(d.m, 1), 16);
	}
	driver_close(&d);
}

static void test_sizes_of_the_buffers(void **state)
{
	static const struct {
		uint32_t says;
		unsigned bytes;
	} table[] = {{0, 16},  {4, 16},      {15, 16},     {16, 16},
		     {64, 64}, {4096, 4096}, {4097, 4096}, {UINT32_MAX, 4096}};
	unsigned i;

	(void)state;
	CONFORMS("R-SCSI-84", "R-SCSI-85", "R-HARD-29");
	for (i = 0; i < ARRAY_LEN(table); i++) {
		struct chain chain;
		struct driver d;

		driver_init(&d);
		d.m->fake.config.event_info_size = htole32(table[i].says);
		driver_open(&d, "");
		assert_true(model_take(d.m, 1, &chain));
		assert_int_equal(chain.in[0].iov_len, table[i].bytes);
		model_give(d.m, &chain, 0);
		driver_close(&d);
	}
}

/* The same change as sense data: the application gets one event, the same as before. */
static void test_event_by_unit_attention(void **state)
{
	static const struct {
		uint8_t asc;
		uint8_t ascq;
		uint32_t type;
	} table[] = {{0x2a, 0x09, VSCSI_EVENT_RESIZED},
		     {0x2a, 0x01, VSCSI_EVENT_CHANGED},
		     {0x3f, 0x01, VSCSI_EVENT_CHANGED},
		     {0x29, 0x00, 0}};
	struct vscsi_event events[4];
	uint8_t addr[8];
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-SCSI-92");
	open_scanned(&d);
	put_lun(addr, 1, 2);
	for (i = 0; i < 2 * ARRAY_LEN(table); i++) {
		uint8_t asc = table[i / 2].asc;
		uint8_t ascq = table[i / 2].ascq;
		struct chain chain;
		struct answer a;

		if (i & 1 && table[i / 2].type)
			assert_true(model_event(d.m, 3, addr, (uint32_t)ascq << 8 | asc));
		driver_hold_own(&d);
		driver_read(&d, 1);
		chain = driver_take(&d);
		a = model_sense(&chain, 6, asc, ascq);
		model_answer(d.m, &chain, &a);
		driver_poll_nothing(&d);
		chain = driver_take(&d);
		model_serve_chain(d.m, &chain);
		assert_int_equal(driver_poll(&d).result, 0);
		d.m->held = 0;
		assert_int_equal(hear(&d, events, 4), table[i / 2].type != 0);
		if (table[i / 2].type) {
			assert_int_equal(events[0].type, table[i / 2].type);
			assert_int_equal(events[0].lun, 2);
		}
	}
	driver_close(&d);
}

/* 6/3F/0E: the list of LUNs is another, so it is read again. */
static void test_list_of_luns_changed(void **state)
{
	struct vscsi_event event;
	struct chain chain;
	struct answer a;
	struct driver d;

	(void)state;
	CONFORMS("R-SCSI-92");
	open_scanned(&d);
	driver_hold_own(&d);
	driver_read(&d, 1);
	chain = driver_take(&d);
	a = model_sense(&chain, 6, 0x3f, 0x0e);
	model_answer(d.m, &chain, &a);
	driver_poll_nothing(&d);
	chain = driver_take(&d);
	model_serve_chain(d.m, &chain);
	assert_int_equal(driver_poll(&d).result, 0);
	d.m->held = 0;
	d.m->present[1][4] = true;
	assert_int_equal(hear(&d, &event, 1), 1);
	assert_int_equal(event.type, VSCSI_EVENT_PLUGGED);
	assert_int_equal(event.lun, 4);
	assert_int_equal(hear(&d, &event, 1), 0);
	driver_close(&d);
}

/* LUNs are found up to the last target and LUN that the device names. */
static void test_scan_goes_to_the_last(void **state)
{
	struct vscsi_lun_addr found[8];
	struct driver d;

	(void)state;
	CONFORMS("R-SCSI-20", "R-HARD-30");
	driver_init(&d);
	d.m->present[3][7] = true;
	driver_open(&d, "");
	assert_int_equal(vscsi_dev_scan(d.dev, found, 8), 3);
	assert_int_equal(found[2].target, 3);
	assert_int_equal(found[2].lun, 7);
	driver_close(&d);
	/* One less, and it is out of reach. */
	driver_init(&d);
	d.m->present[3][7] = true;
	d.m->fake.config.max_lun = htole32(6);
	driver_open(&d, "");
	assert_int_equal(vscsi_dev_scan(d.dev, found, 8), 2);
	driver_close(&d);
}

/* A buffer that comes back as it was posted brings nothing, and not the event before. */
static void test_buffer_that_was_not_written(void **state)
{
	struct vscsi_event event;
	struct chain chain;
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-HARD-22");
	open_scanned(&d);
	/* Every buffer has had an event. */
	for (i = 0; i < 16; i++)
		assert_int_equal(tell(&d, 1, 1, 2, 0, &event), 1);
	d.m->held = 1u << 1;
	for (i = 0; i < 16; i++) {
		assert_true(model_take(d.m, 1, &chain));
		model_give(d.m, &chain, i % 2 ? 16 : 0);
		assert_int_equal(hear(&d, &event, 1), 0);
	}
	driver_close(&d);
}

int event_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buffer_that_was_not_written),
		cmocka_unit_test(test_parameter_changes),
		cmocka_unit_test(test_reset_of_a_lun),
		cmocka_unit_test(test_luns_that_come_and_go),
		cmocka_unit_test(test_events_that_were_missed),
		cmocka_unit_test(test_events_that_say_nothing),
		cmocka_unit_test(test_events_without_the_feature),
		cmocka_unit_test(test_addresses_of_events),
		cmocka_unit_test(test_buffers_are_posted_again),
		cmocka_unit_test(test_all_buffers_filled),
		cmocka_unit_test(test_random_events),
		cmocka_unit_test(test_sizes_of_the_buffers),
		cmocka_unit_test(test_event_by_unit_attention),
		cmocka_unit_test(test_list_of_luns_changed),
		cmocka_unit_test(test_scan_goes_to_the_last),
	};

	return cmocka_run_group_tests_name("device/event", tests, NULL, NULL);
}
