/* SPDX-License-Identifier: BSD-3-Clause */
/* More events than there is room for: memory stays as it is, and no news that counts is lost. */
#include <errno.h>
#include <string.h>

#include "device_tests.h"

#define MISSED 0x80000000u

static const uint8_t nowhere[8];

/* Tells the application; how many events it hears. */
static int hear(struct driver *d, struct vscsi_event *events, unsigned max)
{
	return vscsi_dev_poll_events(d->dev, events, max);
}

static void open_scanned(struct driver *d)
{
	driver_init(d);
	driver_open(d, "");
	assert_int_equal(vscsi_dev_scan(d->dev, NULL, 0), 2);
}

/* A flood: the list is bounded, the same event waits once only, and the overflow becomes a scan. */
static void test_floods(void **state)
{
	struct vscsi_event events[256];
	uint8_t addr[8];
	unsigned before;
	struct driver d;
	unsigned i;
	int heard;

	(void)state;
	CONFORMS("R-HARD-12", "R-HARD-23", "R-SCSI-92");
	open_scanned(&d);
	for (i = 0; i < 100000; i++) {
		put_lun(addr, 1, 2);
		assert_true(model_event(d.m, 3, addr, 0x092a));
		assert_int_equal(hear(&d, events, 0), 0);
	}
	assert_int_equal(hear(&d, events, 256), 1);
	before = d.m->commands;
	for (i = 0; i < 1000; i++) {
		put_lun(addr, 1, i);
		assert_true(model_event(d.m, 3, addr, 0x092a));
		if (i % 16 == 15)
			assert_int_equal(hear(&d, events, 0), 0);
	}
	heard = hear(&d, events, 256);
	assert_true(heard >= 100 && heard <= 128);
	assert_int_equal(hear(&d, events, 256), 0);
	assert_true(d.m->commands > before);
	/* Loss upon loss is one scan each time that the application listens. */
	before = d.m->commands;
	for (i = 0; i < 16; i++)
		assert_true(model_event(d.m, MISSED, nowhere, 0));
	assert_int_equal(hear(&d, events, 256), 0);
	assert_true(d.m->commands - before < 50);
	driver_close(&d);
}

/* Fills the list with changes of 0:0 that all differ; one more is left. */
static void fill_list(struct driver *d)
{
	uint8_t addr[8];
	unsigned i;

	put_lun(addr, 0, 0);
	for (i = 0; i < 127; i++) {
		/* ASCQ 0x80 and up: none of them is a change of capacity. */
		assert_true(model_event(d->m, 3, addr, (0x80 + i) << 8 | 0x2a));
		assert_int_equal(hear(d, NULL, 0), 0);
	}
}

/* Events that don't fit stay pending on their LUN, one of each kind, until the list is empty. */
static void test_changes_that_do_not_fit(void **state)
{
	static const struct vscsi_event pending[] = {
		{.type = VSCSI_EVENT_CHANGED, .code = 0x2afe},
		{.type = VSCSI_EVENT_RESIZED, .target = 1, .lun = 2, .code = 0x2a09},
		{.type = VSCSI_EVENT_CHANGED, .target = 1, .lun = 2, .code = 0x2a02},
		{.type = VSCSI_EVENT_RESET, .target = 1, .lun = 2},
	};
	struct vscsi_event events[256];
	uint8_t addr[8];
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-HARD-23");
	open_scanned(&d);
	fill_list(&d);
	put_lun(addr, 1, 2);
	for (i = 0; i < 21; i++) {
		static const uint32_t reasons[] = {0x092a, 0x012a, 0x022a};

		assert_true(model_event(d.m, 3, addr, reasons[i % 3]));
		assert_true(model_event(d.m, 1, addr, 0));
		assert_int_equal(hear(&d, NULL, 0), 0);
	}
	assert_int_equal(vscsi_dev_scan(d.dev, NULL, 0), 2);
	assert_int_equal(hear(&d, events, 126), 126);
	for (i = 0; i < 126; i++)
		assert_int_equal(events[i].code, 0x2a80 + i);
	assert_int_equal(hear(&d, events, 256), ARRAY_LEN(pending));
	/* The last of three codes is what a change is told with. */
	for (i = 0; i < ARRAY_LEN(pending); i++)
		assert_memory_equal(&events[i], &pending[i], sizeof(pending[i]));
	assert_int_equal(hear(&d, events, 256), 0);
	driver_close(&d);
}

/* For a unit that is gone by then only its removal is reported. */
static void test_change_of_what_is_gone(void **state)
{
	struct vscsi_event events[256];
	uint8_t addr[8];
	struct driver d;

	(void)state;
	open_scanned(&d);
	fill_list(&d);
	put_lun(addr, 1, 2);
	assert_true(model_event(d.m, 3, addr, 0x092a));
	assert_int_equal(hear(&d, events, 126), 126);
	d.m->present[1][2] = false;
	assert_true(model_event(d.m, 1, addr, 2));
	assert_int_equal(hear(&d, events, 256), 2);
	assert_int_equal(events[0].type, VSCSI_EVENT_UNPLUGGED);
	assert_int_equal(events[0].lun, 2);
	assert_int_equal(events[1].type, VSCSI_EVENT_CHANGED);
	assert_int_equal(events[1].lun, 0);
	driver_close(&d);
}

/* That a disk was swapped is told when there is room, before what the scan after it finds. */
static void test_removed_after_a_flood(void **state)
{
	static const uint32_t types[] = {VSCSI_EVENT_UNPLUGGED, VSCSI_EVENT_PLUGGED};
	struct vscsi_event events[256];
	uint8_t addr[8];
	struct driver d;
	unsigned heard;
	unsigned i;

	(void)state;
	open_scanned(&d);
	fill_list(&d);
	put_lun(addr, 1, 2);
	assert_true(model_event(d.m, 3, addr, 0x092a));
	d.m->serial = "SN43";
	assert_true(model_event(d.m, 1, addr, 2));
	assert_int_equal(hear(&d, NULL, 0), 0);
	assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, 0, 1, 0, 0), -ENODEV);
	for (heard = 0, i = 0; i < 4; i++)
		heard += (unsigned)hear(&d, events + heard, 64);
	assert_int_equal(heard, 129);
	for (heard = 0, i = 0; i < 129; i++) {
		if (events[i].target != 1)
			continue;
		assert_in_range(heard, 0, 1);
		assert_int_equal(events[i].lun, 2);
		assert_int_equal(events[i].type, types[heard++]);
	}
	assert_int_equal(heard, 2);
	assert_int_equal(hear(&d, events, 256), 0);
	driver_close(&d);
}

/* That the configuration changed is heard however many events wait, and once. */
static void test_configuration_after_a_flood(void **state)
{
	struct vscsi_event events[256];
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-HARD-42");
	open_scanned(&d);
	fill_list(&d);
	for (i = 0; i < 3; i++) {
		d.m->fake.events = TRANSPORT_CONFIG;
		assert_int_equal(hear(&d, NULL, 0), 0);
	}
	assert_int_equal(hear(&d, events, 256), 128);
	assert_int_equal(events[126].type, VSCSI_EVENT_CONFIG);
	assert_int_equal(events[127].type, VSCSI_EVENT_CHANGED);
	driver_close(&d);
}

/* However many events wait, that the device is lost is always heard. */
static void test_loss_after_a_flood(void **state)
{
	struct vscsi_event events[256];
	uint8_t addr[8];
	struct driver d;
	unsigned i;
	int heard;

	(void)state;
	CONFORMS("R-HARD-23");
	open_scanned(&d);
	for (i = 0; i < 320; i++) {
		put_lun(addr, 1, i);
		assert_true(model_event(d.m, 3, addr, 0x092a));
		if (i % 16 == 15)
			assert_true(hear(&d, events, 0) >= 0);
	}
	d.m->fake.events = TRANSPORT_BROKEN;
	heard = hear(&d, events, 256);
	assert_true(heard > 0);
	assert_int_equal(events[heard - 1].type, VSCSI_EVENT_LOST);
	assert_int_equal(hear(&d, events, 256), -ENOTCONN);
	driver_close(&d);
}

static unsigned refused;

/* Refuses every command of the library's own, at once. */
static void refusing_hook(void *ctx, enum fake_call call, unsigned queue)
{
	struct model *m = ctx;
	struct chain chain;
	struct answer end;

	model_hook(ctx, call, queue);
	if (call != FAKE_NOTIFY || queue != DRIVER_SHARED)
		return;
	do {
		while (model_take(m, DRIVER_SHARED, &chain)) {
			end = model_sense(&chain, 5, 0x20, 0);
			model_answer(m, &chain, &end);
			refused++;
		}
	} while (!m->broken && !device_sleep(&m->rings[DRIVER_SHARED]));
}

/*
 * Answers to a scan that are all there at once: there are more of them than one call looks at, so
 * it returns, and the next ones go on. LUNs come after targets without end.
 */
static void test_answers_without_end(void **state)
{
	struct vscsi_event events[4];
	unsigned calls = 0;
	struct driver d;

	(void)state;
	driver_init(&d);
	d.m->fake.config.max_target = htole16(255);
	driver_open(&d, "");
	d.m->held = UINT64_C(1) << DRIVER_SHARED;
	d.m->fake.hook = refusing_hook;
	refused = 0;
	assert_true(model_event(d.m, MISSED, nowhere, 0));
	do {
		unsigned before = refused;

		assert_int_equal(hear(&d, events, 0), 0);
		assert_true(refused - before <= 1001);
		calls += refused != before;
	} while (refused < 2 * 1000 && calls < 10);
	assert_in_range(calls, 2, 3);
	d.m->fake.hook = model_hook;
	driver_close(&d);
}

int flood_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_floods),
		cmocka_unit_test(test_changes_that_do_not_fit),
		cmocka_unit_test(test_change_of_what_is_gone),
		cmocka_unit_test(test_removed_after_a_flood),
		cmocka_unit_test(test_configuration_after_a_flood),
		cmocka_unit_test(test_loss_after_a_flood),
		cmocka_unit_test(test_answers_without_end),
	};

	return cmocka_run_group_tests_name("device/flood", tests, NULL, NULL);
}
