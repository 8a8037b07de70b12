/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Limits of a LUN that change while it is open: what is asked of it afterwards, and what had been
 * asked before. And those of COMPARE AND WRITE, which is never split.
 */
#include <errno.h>
#include <string.h>

#include "queue_tests.h"
#include "harness/loss.h"
#include "scsi/cdb.h"

#define BUSY   0x08
#define BEFORE 64u /* blocks of a request */
#define AFTER  8u

/* VPD page B0h: transfer, unmap, write same and compare all have this limit. */
static const uint8_t page_after[64] = {
	[1] = 0xb0, [3] = 60, [5] = AFTER, [11] = AFTER, [23] = AFTER, [27] = 2, [43] = AFTER};
static const struct said said_after = {
	{SCSI_INQUIRY, 1, 0xb0}, page_after, sizeof(page_after), {0}};

static struct vscsi_lun_info info_of(struct driver *d)
{
	struct vscsi_lun_info info = {.size = sizeof(info)};

	assert_int_equal(vscsi_lun_get_info(d->lun, &info), 0);
	return info;
}

static void shrink(struct driver *d)
{
	d->m->said = &said_after;
	d->m->nsaid = 1;
}

static int read_blocks(struct driver *d, uint32_t blocks, uint64_t user_data)
{
	return vscsi_read(d->queue, d->lun, d->buf, 0, blocks, 0, user_data);
}

static void expect_after(struct driver *d)
{
	const struct vscsi_range ranges[] = {{.blocks = AFTER}, {.lba = 9, .blocks = 1}};
	struct vscsi_lun_info info = info_of(d);

	assert_int_equal(info.max_blocks, AFTER);
	assert_int_equal(info.max_unmap_blocks, AFTER);
	assert_int_equal(info.max_unmap_ranges, 2);
	assert_int_equal(info.max_zeroes_blocks, AFTER);
	assert_int_equal(info.max_caw_blocks, AFTER);
	d->m->held = 0;
	assert_int_equal(read_blocks(d, AFTER + 1, 0), -E2BIG);
	assert_int_equal(vscsi_write_zeroes(d->queue, d->lun, 0, AFTER + 1, 0, 0), -E2BIG);
	assert_int_equal(vscsi_unmap(d->queue, d->lun, ranges, 2, 0), -E2BIG);
	assert_int_equal(vscsi_unmap(d->queue, d->lun, ranges, 1, 1), 0);
	assert_int_equal(vscsi_submit(d->queue), 0);
	assert_int_equal(driver_poll(d).result, 0);
	assert_int_equal(read_blocks(d, AFTER, 2), 0);
	assert_int_equal(vscsi_submit(d->queue), 0);
	assert_int_equal(driver_poll(d).result, 0);
	/* These split, as small as it takes. */
	d->m->max_transfer = AFTER;
	assert_int_equal(vscsi_pread(d->lun, d->buf, BEFORE * MODEL_BLOCK, 0), 0);
	assert_int_equal(vscsi_pwrite(d->lun, d->buf, BEFORE * MODEL_BLOCK, 0, 0), 0);
	assert_int_equal(vscsi_sync_unmap(d->lun, ranges, 2), 0);
	assert_int_equal(vscsi_sync_write_zeroes(d->lun, BEFORE * MODEL_BLOCK, 0, 0), 0);
}

static void test_refreshed(void **state)
{
	struct driver d;

	(void)state;
	driver_start(&d, "");
	assert_int_equal(info_of(&d).max_blocks, 1024);
	shrink(&d);
	assert_int_equal(vscsi_lun_refresh(d.lun), 0);
	expect_after(&d);
	d.m->nsaid = 0;
	d.m->max_transfer = 1024;
	assert_int_equal(vscsi_lun_refresh(d.lun), 0);
	assert_int_equal(info_of(&d).max_blocks, 1024);
	assert_int_equal(info_of(&d).max_unmap_blocks, 0x10000);
	assert_int_equal(read_blocks(&d, BEFORE, 3), 0);
	assert_int_equal(vscsi_submit(d.queue), 0);
	assert_int_equal(driver_poll(&d).result, 0);
	driver_close(&d);
}

static void test_after_a_reconnect(void **state)
{
	static const char *const options[] = {"recovery=replay", "recovery=report"};
	struct driver d;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(options); i++) {
		loss_open(&d, options[i]);
		loss_lose(&d);
		shrink(&d);
		loss_find(&d);
		driver_poll_nothing(&d);
		expect_after(&d);
		driver_close(&d);
	}
}

/*
 * When the device is back, those are too long that it had, that it was too busy for, and that were
 * prepared meanwhile: none is sent to it. The short one is.
 */
static void test_held_back(void **state)
{
	static const int results[] = {[1] = -E2BIG, [2] = -ECONNRESET, [3] = -E2BIG, [4] = 0};
	struct vscsi_completion done;
	struct chain chain;
	struct answer busy;
	struct driver d;
	unsigned came = 0;

	(void)state;
	loss_open_stopped(&d, "recovery=replay");
	assert_int_equal(read_blocks(&d, BEFORE, 1), 0);
	assert_int_equal(vscsi_submit(d.queue), 0);
	chain = driver_take(&d);
	busy = model_good(&chain);
	busy.status = BUSY;
	model_answer(d.m, &chain, &busy);
	driver_poll_nothing(&d);
	assert_int_equal(read_blocks(&d, BEFORE, 2), 0);
	assert_int_equal(vscsi_submit(d.queue), 0);
	loss_lose(&d);
	assert_int_equal(read_blocks(&d, BEFORE, 3), 0);
	assert_int_equal(read_blocks(&d, AFTER, 4), 0);
	assert_int_equal(vscsi_submit(d.queue), 0);
	shrink(&d);
	loss_find(&d);
	while (came < 4) {
		clock_skip(10);
		while (model_take(d.m, DRIVER_QUEUE, &chain)) {
			assert_int_equal(chain_cdb(&chain)[8], AFTER);
			loss_answer(&d, &chain);
		}
		if (!vscsi_poll(d.queue, &done, 1))
			continue;
		assert_in_range(done.user_data, 1, 4);
		assert_int_equal(done.result, results[done.user_data]);
		came++;
	}
	driver_poll_nothing(&d);
	assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
	driver_close(&d);
}

/* It is lost while a call that waits has a part out that is too long afterwards. */
static void shrink_hook(void *ctx, enum fake_call call, unsigned queue)
{
	struct model *m = ctx;

	if (call == FAKE_NOTIFY && queue == DRIVER_SHARED && m->unanswered) {
		m->unanswered = 0;
		m->max_transfer = AFTER;
		m->fake.fail = FAKE_CHECK;
		m->fake.fail_skip = 0;
		m->fake.fail_err = -ENOTCONN;
		return;
	}
	model_hook(ctx, call, queue);
}

static void test_in_the_middle_of_a_call(void **state)
{
	struct driver d;

	(void)state;
	loss_open(&d, "");
	d.m->fake.hook = shrink_hook;
	d.m->unanswered = UINT32_MAX;
	/* What was with the device then may have been executed. */
	assert_int_equal(vscsi_pread(d.lun, d.buf, BEFORE * MODEL_BLOCK, 0), -ECONNRESET);
	assert_int_equal(vscsi_pread(d.lun, d.buf, BEFORE * MODEL_BLOCK, 0), 0);
	driver_close(&d);
}

/* What the device found in a COMPARE AND WRITE. */
static unsigned segments;
static uint64_t data_bytes;

static void compare_hook(void *ctx, enum fake_call call, unsigned queue)
{
	struct model *m = ctx;
	struct chain chain;

	while (call == FAKE_NOTIFY && queue >= DRIVER_SHARED && model_take(m, queue, &chain)) {
		if (chain_cdb(&chain)[0] == SCSI_COMPARE_AND_WRITE) {
			struct answer end = chain_cdb(&chain)[13] > 1
						    ? model_sense(&chain, 5, 0x24, 0)
						    : model_good(&chain);

			segments = chain.nout - 1;
			data_bytes = chain_data_out(&chain);
			model_answer(m, &chain, &end);
		} else {
			model_serve_chain(m, &chain);
		}
	}
	if (call != FAKE_NOTIFY || queue < DRIVER_SHARED)
		model_hook(ctx, call, queue);
	else
		device_sleep(&m->rings[queue]);
}

/* Ordinary memory apart; DMA memory side by side, and apart. */
static void test_compare_in_one_piece(void **state)
{
	static char compare[MODEL_BLOCK];
	static char data[4 * MODEL_BLOCK];
	struct driver d;

	(void)state;
	driver_start(&d, "");
	d.m->fake.hook = compare_hook;
	assert_int_equal(vscsi_sync_compare_and_write(d.lun, compare, data, MODEL_BLOCK, 0), 0);
	assert_int_equal(segments, 1);
	assert_int_equal(data_bytes, 2 * MODEL_BLOCK);
	assert_int_equal(
		vscsi_compare_and_write(d.queue, d.lun, d.buf, d.buf + MODEL_BLOCK, 0, 1, 0, 1), 0);
	assert_int_equal(vscsi_submit(d.queue), 0);
	assert_int_equal(driver_poll(&d).result, 0);
	assert_int_equal(segments, 1);
	assert_int_equal(data_bytes, 2 * MODEL_BLOCK);
	assert_int_equal(vscsi_compare_and_write(d.queue, d.lun, d.buf, d.buf + 4096, 0, 1, 0, 2),
			 0);
	assert_int_equal(vscsi_submit(d.queue), 0);
	assert_int_equal(driver_poll(&d).result, 0);
	assert_int_equal(segments, 2);
	assert_int_equal(data_bytes, 2 * MODEL_BLOCK);
	driver_close(&d);
}

/* It announces four blocks, and takes one: once that is known, it is what is reported. */
static void test_compare_of_one_block(void **state)
{
	static char data[4 * MODEL_BLOCK];
	struct driver d;

	(void)state;
	driver_start(&d, "");
	d.m->fake.hook = compare_hook;
	assert_int_equal(info_of(&d).max_caw_blocks, 4);
	assert_int_equal(vscsi_sync_compare_and_write(d.lun, data, data, MODEL_BLOCK, 0), 0);
	assert_int_equal(info_of(&d).max_caw_blocks, 4);
	assert_int_equal(vscsi_sync_compare_and_write(d.lun, data, data, sizeof(data), 0),
			 -EREMOTEIO);
	assert_int_equal(info_of(&d).max_caw_blocks, 1);
	assert_int_equal(vscsi_sync_compare_and_write(d.lun, data, data, sizeof(data), 0), -E2BIG);
	assert_int_equal(vscsi_compare_and_write(d.queue, d.lun, d.buf, d.buf, 0, 2, 0, 0), -E2BIG);
	assert_int_equal(vscsi_sync_compare_and_write(d.lun, data, data, MODEL_BLOCK, 0), 0);
	assert_int_equal(vscsi_lun_refresh(d.lun), 0);
	assert_int_equal(info_of(&d).max_caw_blocks, 1);
	driver_close(&d);
}

int shrink_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refreshed),
		cmocka_unit_test(test_after_a_reconnect),
		cmocka_unit_test(test_held_back),
		cmocka_unit_test(test_in_the_middle_of_a_call),
		cmocka_unit_test(test_compare_in_one_piece),
		cmocka_unit_test(test_compare_of_one_block),
	};

	return cmocka_run_group_tests_name("queue/shrink", tests, NULL, NULL);
}
