/* SPDX-License-Identifier: BSD-3-Clause */
/* Persistent reservations: what each call sends and returns, and a registration that is lost. */
#include <errno.h>
#include <string.h>

#include <vscsi/error.h>

#include "api.h"
#include "harness/loss.h"
#include "scsi/cdb.h"

#define KEY    UINT64_C(0xa1)
#define OTHER  UINT64_C(0xb2)
#define WE_RO  VSCSI_PR_WRITE_EXCLUSIVE_REGISTRANTS
#define CAN_DO (1u << 1 | 1u << 3 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 8)

static void expect_sent(struct driver *d, uint8_t action, uint8_t type)
{
	const uint8_t want[10] = {0x5f, action, type, 0, 0, 0, 0, 0, 24};

	assert_memory_equal(d->m->pr.cdb, want, sizeof(want));
}

static void expect_reservation(struct driver *d, uint64_t key, uint32_t type)
{
	struct vscsi_pr_reservation now = {.size = sizeof(now)};

	assert_int_equal(vscsi_pr_read_reservation(d->lun, &now), 0);
	assert_true(now.key == key);
	assert_int_equal(now.type, type);
}

static void test_calls(void **state)
{
	struct vscsi_pr_capabilities can = {.size = sizeof(can)};
	uint32_t generation = 0;
	char block[512] = {0};
	uint64_t keys[3] = {0};
	struct driver d;

	(void)state;
	driver_start(&d, "");
	assert_int_equal(vscsi_pr_get_capabilities(d.lun, &can), 0);
	assert_int_equal(can.flags, VSCSI_PR_CAN_PERSIST);
	assert_int_equal(can.types, CAN_DO);
	d.m->pr.others[1] = OTHER;
	assert_int_equal(vscsi_pr_register(d.lun, 0, KEY, 0), 0);
	expect_sent(&d, 0, 0);
	assert_false(d.m->pr.persist);
	assert_int_equal(vscsi_pr_register(d.lun, 7, KEY, 0), -EBADE);
	expect_error_text("vscsi_pr_register: ");
	expect_error_text("RESERVATION CONFLICT");
	assert_int_equal(vscsi_pr_register(d.lun, 7, KEY + 1,
					   VSCSI_PR_IGNORE_EXISTING | VSCSI_PR_PERSIST),
			 0);
	expect_sent(&d, 6, 0);
	assert_true(d.m->pr.persist);
	assert_int_equal(vscsi_pr_register(d.lun, KEY + 1, KEY, 0), 0);
	/* The keys, as many as there is room for. */
	assert_int_equal(vscsi_pr_read_keys(d.lun, &generation, keys, 3), 2);
	assert_int_equal(generation, 3);
	assert_true(keys[0] == KEY && keys[1] == OTHER && !keys[2]);
	keys[1] = 0;
	assert_int_equal(vscsi_pr_read_keys(d.lun, NULL, keys, 1), 2);
	assert_true(keys[0] == KEY && !keys[1]);
	assert_int_equal(vscsi_pr_read_keys(d.lun, NULL, NULL, 0), 2);
	expect_reservation(&d, 0, 0);
	assert_int_equal(vscsi_pr_reserve(d.lun, KEY, WE_RO), 0);
	expect_sent(&d, 1, 5);
	expect_reservation(&d, KEY, WE_RO);
	assert_int_equal(vscsi_pr_release(d.lun, KEY, WE_RO), 0);
	expect_sent(&d, 2, 5);
	/* Another one has it. */
	d.m->pr.holder = OTHER;
	d.m->pr.type = VSCSI_PR_WRITE_EXCLUSIVE;
	assert_int_equal(vscsi_pr_reserve(d.lun, KEY, WE_RO), -EBADE);
	assert_int_equal(vscsi_pwrite(d.lun, block, 512, 0, 0), -EBADE);
	assert_int_equal(vscsi_pr_preempt(d.lun, KEY, OTHER, WE_RO, 0), 0);
	expect_sent(&d, 4, 5);
	expect_reservation(&d, KEY, WE_RO);
	assert_int_equal(vscsi_pwrite(d.lun, block, 512, 0, 0), 0);
	assert_int_equal(vscsi_pr_preempt(d.lun, KEY, OTHER, WE_RO, VSCSI_PR_ABORT), 0);
	expect_sent(&d, 5, 5);
	assert_int_equal(vscsi_pr_clear(d.lun, KEY), 0);
	expect_sent(&d, 3, 0);
	assert_int_equal(vscsi_pr_read_keys(d.lun, NULL, NULL, 0), 0);
	driver_close(&d);
}

static void test_refusals(void **state)
{
	static const uint8_t few[] = {0, 0, 0};
	static const struct said said[] = {
		{.cdb = {SCSI_PERSISTENT_IN, 0, 0}, .data = few, .len = 3},
		{.cdb = {SCSI_PERSISTENT_IN, 1, 0}, .data = few, .len = 3},
		{.cdb = {SCSI_PERSISTENT_IN, 2, 0}, .end = MODEL_SENSE(5, 0x20)}};
	static const uint8_t ten[16] = {[7] = 80, [15] = 1};
	static const struct said cut = {
		.cdb = {SCSI_PERSISTENT_IN, 0, 0}, .data = ten, .len = sizeof(ten)};
	struct vscsi_pr_reservation now = {.size = sizeof(now)};
	struct vscsi_pr_capabilities can = {.size = sizeof(can)};
	uint64_t keys[3];
	static const uint32_t types[] = {0, 2, 4, 9, 32, 33, UINT32_MAX};
	unsigned before;
	struct driver d;
	unsigned i;

	(void)state;
	driver_start(&d, "");
	before = d.m->commands;
	for (i = 0; i < ARRAY_LEN(types); i++) {
		assert_int_equal(vscsi_pr_reserve(d.lun, KEY, types[i]), -EINVAL);
		assert_int_equal(vscsi_pr_release(d.lun, KEY, types[i]), -EINVAL);
		assert_int_equal(vscsi_pr_preempt(d.lun, KEY, OTHER, types[i], 0), -EINVAL);
		expect_error_text("1, 3, 5, 6, 7 or 8");
	}
	assert_int_equal(vscsi_pr_register(d.lun, 0, KEY, VSCSI_PR_ABORT), -EINVAL);
	assert_int_equal(vscsi_pr_preempt(d.lun, KEY, OTHER, WE_RO, VSCSI_PR_PERSIST), -EINVAL);
	assert_int_equal(vscsi_pr_read_keys(d.lun, NULL, NULL, 1), -EINVAL);
	assert_int_equal(d.m->commands, before);
	d.m->said = said;
	d.m->nsaid = ARRAY_LEN(said);
	assert_int_equal(vscsi_pr_read_keys(d.lun, NULL, NULL, 0), -EPROTO);
	assert_int_equal(vscsi_pr_read_reservation(d.lun, &now), -EPROTO);
	expect_error_text("too few bytes");
	assert_int_equal(vscsi_pr_get_capabilities(d.lun, &can), -EOPNOTSUPP);
	/* More keys are announced than come. */
	d.m->said = &cut;
	d.m->nsaid = 1;
	assert_int_equal(vscsi_pr_read_keys(d.lun, NULL, NULL, 0), 10);
	assert_int_equal(vscsi_pr_read_keys(d.lun, NULL, keys, 1), 10);
	assert_int_equal(vscsi_pr_read_keys(d.lun, NULL, keys, 3), -EPROTO);
	driver_close(&d);
}

static void expect_event(struct driver *d, bool lost)
{
	const struct vscsi_event want = {.type = VSCSI_EVENT_UNREGISTERED, .target = 1, .lun = 2};
	struct vscsi_event events[8];
	unsigned found = 0;
	int count;
	int i;

	while ((count = vscsi_dev_poll_events(d->dev, events, 8)) > 0) {
		for (i = 0; i < count; i++)
			found += !memcmp(&events[i], &want, sizeof(want));
	}
	assert_int_equal(count, 0);
	assert_int_equal(found, lost);
}

static void reconnect(struct driver *d)
{
	assert_int_equal(vscsi_dev_reset(d->dev), 0);
	/* Waits until the LUN is verified. */
	assert_int_equal(vscsi_pread(d->lun, d->buf, 512, 0), 0);
}

/* Every call that changes blocks. */
static void expect_writes(struct driver *d, int result)
{
	const struct vscsi_range range = {.blocks = 1};
	char block[512] = {0};

	assert_int_equal(vscsi_pwrite(d->lun, block, 512, 0, 0), result);
	assert_int_equal(vscsi_sync_write_zeroes(d->lun, 512, 0, 0), result);
	assert_int_equal(vscsi_sync_unmap(d->lun, &range, 1), result);
	/* The model has no COMPARE AND WRITE. */
	assert_int_equal(vscsi_sync_compare_and_write(d->lun, block, block, 512, 0),
			 result ? result : -EOPNOTSUPP);
	if (result)
		assert_int_equal(vscsi_write(d->queue, d->lun, d->buf, 0, 1, 0, 1), result);
	assert_int_equal(vscsi_sync_flush(d->lun), 0);
	assert_int_equal(vscsi_pread(d->lun, block, 512, 0), 0);
}

/* The key is asked for after each reconnect; one that is gone is told once. */
static void test_lost_by_a_reconnect(void **state)
{
	struct vscsi_lun *other;
	struct driver d;

	(void)state;
	driver_init(&d);
	loss_prepare(&d);
	driver_open(&d, "");
	assert_int_equal(vscsi_lun_open(d.dev, 1, 2, NULL, &other), 0);
	assert_int_equal(vscsi_pr_register(d.lun, 0, KEY, 0), 0);
	reconnect(&d);
	expect_event(&d, false);
	expect_writes(&d, 0);
	d.m->pr.own = 0;
	reconnect(&d);
	expect_event(&d, true);
	expect_writes(&d, -EBADE);
	/* The other handle has registered nothing. */
	assert_int_equal(vscsi_pwrite(other, d.buf, 512, 0, 0), 0);
	reconnect(&d);
	expect_event(&d, false);
	expect_writes(&d, -EBADE);
	assert_int_equal(vscsi_pr_register(d.lun, 0, KEY, 0), 0);
	expect_writes(&d, 0);
	reconnect(&d);
	expect_event(&d, false);
	/* The registration through another handle is that one's. */
	assert_int_equal(vscsi_pr_register(other, KEY, OTHER, 0), 0);
	d.m->pr.own = 0;
	reconnect(&d);
	expect_event(&d, true);
	expect_writes(&d, 0);
	assert_int_equal(vscsi_pwrite(other, d.buf, 512, 0, 0), -EBADE);
	/* What is not registered can't be lost. */
	assert_int_equal(vscsi_pr_register(other, 0, 0, 0), 0);
	reconnect(&d);
	expect_event(&d, false);
	assert_int_equal(vscsi_pwrite(other, d.buf, 512, 0, 0), 0);
	assert_int_equal(vscsi_lun_close(other), 0);
	driver_close(&d);
}

/* A LUN that doesn't answer the question any more has lost it. */
static void test_lost_with_the_command(void **state)
{
	static const struct said said = {.cdb = {SCSI_PERSISTENT_IN, 0, 0},
					 .end = MODEL_SENSE(5, 0x20)};
	struct driver d;

	(void)state;
	driver_init(&d);
	loss_prepare(&d);
	driver_open(&d, "");
	assert_int_equal(vscsi_pr_register(d.lun, 0, KEY, 0), 0);
	d.m->said = &said;
	d.m->nsaid = 1;
	reconnect(&d);
	expect_event(&d, true);
	expect_writes(&d, -EBADE);
	driver_close(&d);
}

/* Writes that were held back while the device was away are refused, reads are sent. */
static void test_requests_held_back(void **state)
{
	struct vscsi_completion done;
	unsigned i;
	struct driver d;

	(void)state;
	loss_open(&d, "");
	assert_int_equal(vscsi_pr_register(d.lun, 0, KEY, 0), 0);
	assert_int_equal(vscsi_write(d.queue, d.lun, d.buf, 0, 1, 0, 1), 0);
	assert_int_equal(vscsi_submit(d.queue), 0);
	d.m->pr.own = 0;
	loss_lose(&d);
	assert_int_equal(vscsi_write(d.queue, d.lun, d.buf, 0, 1, 0, 2), 0);
	assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, 0, 1, 0, 3), 0);
	assert_int_equal(vscsi_submit(d.queue), 0);
	d.m->held = 0;
	loss_find(&d);
	for (i = 0; i < 3; i++) {
		assert_int_equal(vscsi_queue_drain(d.queue, &done, 1, 10000), 1);
		assert_int_equal(done.result, done.user_data == 1   ? -ECONNRESET
					      : done.user_data == 2 ? -EBADE
								    : 0);
	}
	driver_close(&d);
}

int reserve_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_lost_by_a_reconnect),
		cmocka_unit_test(test_lost_with_the_command),
		cmocka_unit_test(test_requests_held_back),
	};

	return cmocka_run_group_tests_name("reserve", tests, NULL, NULL);
}
