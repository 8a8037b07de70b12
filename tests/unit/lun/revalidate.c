/* SPDX-License-Identifier: BSD-3-Clause */
/* The revalidation machine: independence of LUNs, intervals, deadlines, losses, memory. */
#include <errno.h>
#include <string.h>

#include "fixture.h"
#include "queue/notice.h"
#include "util/clock.h"

#define LUNS   20u
#define ASKING 16u

static const uint32_t changed[][2] = {{VSCSI_EVENT_CHANGED, 0x3f03}};
static const uint32_t unplugged[][2] = {{VSCSI_EVENT_UNPLUGGED, 0}};

/* Takes many rounds without advancing the clock. */
static unsigned settle(struct fixture *f, uint64_t missing_until)
{
	unsigned doubts = 0;
	unsigned i;

	f->change_count = 0;
	for (i = 0; i < 40; i++) {
		doubts = fixture_round(f, missing_until);
		fixture_pump(f);
	}
	return doubts;
}

/* A LUN that does not answer does not delay another one. */
static void test_independence(void **state)
{
	struct fixture *f = fixture_new();
	struct vscsi_lun *silent;
	struct vscsi_lun *lun;

	(void)state;
	assert_int_equal(fixture_open(f, 0, 0, &silent), 0);
	assert_int_equal(fixture_open(f, 1, 2, &lun), 0);
	f->disks[0][0].silent = true;
	fixture_lose(f, INFLIGHT_REPLAY);
	fixture_return(f);
	assert_int_equal(settle(f, UINT64_MAX), 1);
	assert_int_equal(io_lun_state(&lun->io), LUN_PRESENT);
	assert_int_equal(io_lun_state(&silent->io), LUN_SUSPECT);
	assert_int_equal(f->kept_count, 1);
	/* Nothing is due before its time limit. */
	assert_in_range(lun_table_pause(&f->table, clock_ms()), 10000, 30001);
	f->disks[0][0].silent = false;
	fixture_speak(f);
	assert_int_equal(settle(f, UINT64_MAX), 0);
	assert_int_equal(io_lun_state(&silent->io), LUN_PRESENT);
	assert_int_equal(lun_table_pause(&f->table, clock_ms()), UINT32_MAX);
	assert_int_equal(f->change_count, 0);
	assert_int_equal(lun_close(silent), 0);
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

/* A query that times out is abandoned and repeated until the deadline of the LUN. */
static void test_abandoned(void **state)
{
	struct fixture *f = fixture_new();
	uint64_t until = clock_ms() + 70000;
	struct vscsi_lun *lun;

	(void)state;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	f->disks[0][0].silent = true;
	fixture_lose(f, INFLIGHT_REPLAY);
	fixture_return(f);
	assert_int_equal(settle(f, until), 1);
	assert_int_equal(f->kept_count, 1);
	clock_skip(30001);
	assert_int_equal(settle(f, until), 1);
	assert_int_equal(f->kept_count, 1);
	assert_in_range(lun_table_pause(&f->table, clock_ms()), 1, 50);
	clock_skip(50);
	assert_int_equal(settle(f, until), 1);
	assert_int_equal(f->kept_count, 2);
	clock_skip(30001);
	settle(f, until);
	clock_skip(50);
	assert_int_equal(settle(f, until), 1);
	assert_int_equal(f->kept_count, 3);
	/* The deadline passes before the time of the command does. */
	assert_in_range(lun_table_pause(&f->table, clock_ms()), 5000, 10000);
	clock_skip(10000);
	assert_int_equal(settle(f, until), 0);
	fixture_expect(f, 0, 0, 1, changed);
	assert_int_equal(io_lun_state(&lun->io), LUN_GONE);
	assert_int_equal(lun_close(lun), 0);
	assert_int_equal(f->kept_count, 3);
	fixture_free(f);
}

/* A missing LUN is probed every 50 ms. */
static void test_missing(void **state)
{
	struct fixture *f = fixture_new();
	uint64_t until;
	struct vscsi_lun *lun;
	unsigned i;

	(void)state;
	assert_int_equal(fixture_open(f, 1, 2, &lun), 0);
	f->disks[1][2].present = false;
	fixture_lose(f, INFLIGHT_REPLAY);
	fixture_return(f);
	until = clock_ms() + 5000;
	f->logged = 0;
	for (i = 1; i <= 5; i++) {
		assert_int_equal(settle(f, until), 1);
		assert_int_equal(f->logged, i);
		assert_in_range(lun_table_pause(&f->table, clock_ms()), 1, 50);
		clock_skip(50);
	}
	f->disks[1][2].present = true;
	assert_int_equal(settle(f, until), 0);
	assert_int_equal(f->change_count, 0);
	assert_int_equal(io_lun_state(&lun->io), LUN_PRESENT);
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

/* Without a loss the deadline is five seconds after the first failed probe. */
static void test_missing_without_loss(void **state)
{
	struct fixture *f = fixture_new();
	struct vscsi_lun *lun;

	(void)state;
	assert_int_equal(fixture_open(f, 1, 2, &lun), 0);
	f->disks[1][2].not_ready = true;
	lun_table_suspect(&f->table, 1, 2);
	assert_int_equal(settle(f, 0), 1);
	clock_skip(4000);
	assert_int_equal(settle(f, 0), 1);
	assert_int_equal(f->change_count, 0);
	/* Another event restarts the deadline. */
	lun_table_suspect(&f->table, 1, 2);
	assert_int_equal(settle(f, 0), 1);
	clock_skip(4000);
	assert_int_equal(settle(f, 0), 1);
	clock_skip(1001);
	assert_int_equal(settle(f, 0), 0);
	fixture_expect(f, 1, 2, 1, unplugged);
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

static struct vscsi_lun *luns[LUNS];

static void open_many(struct fixture *f)
{
	unsigned i;

	for (i = 0; i < LUNS; i++) {
		f->disks[i / MODEL_LUNS][i % MODEL_LUNS].present = true;
		assert_int_equal(fixture_open(f, i / MODEL_LUNS, i % MODEL_LUNS, &luns[i]), 0);
	}
}

static void close_many(struct fixture *f)
{
	unsigned i;

	for (i = 0; i < LUNS; i++)
		assert_int_equal(lun_close(luns[i]), 0);
	fixture_free(f);
}

/* At most 16 queries are in flight, not counting those older than a second. */
static void test_bound(void **state)
{
	struct fixture *f = fixture_new();
	unsigned i;

	(void)state;
	open_many(f);
	lun_table_suspect_all(&f->table);
	f->logged = 0;
	assert_int_equal(fixture_round(f, 0), LUNS);
	assert_int_equal(queue_inflight(f->queue), ASKING);
	assert_int_equal(fixture_revalidate(f), 0);
	/* All are silent: the last four follow after a second. */
	for (i = 0; i < LUNS; i++)
		f->disks[i / MODEL_LUNS][i % MODEL_LUNS].silent = true;
	lun_table_suspect_all(&f->table);
	assert_int_equal(settle(f, UINT64_MAX), LUNS);
	assert_int_equal(f->kept_count, ASKING);
	assert_in_range(lun_table_pause(&f->table, clock_ms()), 1, 1000);
	clock_skip(1000);
	assert_int_equal(settle(f, UINT64_MAX), LUNS);
	assert_int_equal(f->kept_count, LUNS);
	for (i = 0; i < LUNS; i++)
		f->disks[i / MODEL_LUNS][i % MODEL_LUNS].silent = false;
	fixture_speak(f);
	assert_int_equal(settle(f, UINT64_MAX), 0);
	assert_int_equal(f->change_count, 0);
	close_many(f);
}

/* Revalidation works when the DMA pool is exhausted. */
static void test_without_memory(void **state)
{
	struct fixture *f = fixture_new();
	struct vscsi_lun *lun;
	void *rest[64];
	unsigned count = 0;
	size_t bytes;

	(void)state;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	for (bytes = 4u << 20; bytes >= 64; bytes /= 2) {
		while (count < ARRAY_LEN(rest) && (rest[count] = dma_alloc(f->mem, bytes, 64)))
			count++;
	}
	assert_null(dma_alloc(f->mem, 64, 64));
	fixture_lose(f, INFLIGHT_REPLAY);
	fixture_return(f);
	assert_int_equal(fixture_revalidate(f), 0);
	assert_int_equal(io_lun_state(&lun->io), LUN_PRESENT);
	/* Also if a query is in flight when the device is lost. */
	f->disks[0][0].silent = true;
	fixture_lose(f, INFLIGHT_REPLAY);
	fixture_return(f);
	settle(f, 0);
	assert_int_equal(f->kept_count, 1);
	clock_skip(29000);
	f->disks[0][0].silent = false;
	fixture_lose(f, INFLIGHT_REPLAY);
	clock_skip(29000);
	fixture_return(f);
	assert_int_equal(settle(f, 0), 0);
	assert_int_equal(io_lun_state(&lun->io), LUN_PRESENT);
	while (count)
		dma_free(f->mem, rest[--count]);
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

static void swap_to_other(struct fixture *f, struct disk *disk, const uint8_t *cdb)
{
	(void)f;
	if (cdb[0] == SCSI_SERVICE_IN_16 && !strcmp(disk->serial, "SN42")) {
		disk->serial = "SN43";
		disk->attention = 0x2900;
	}
}

/* The disk is swapped after it reported its identity. */
static void test_swapped_between_answers(void **state)
{
	struct fixture *f = fixture_new();
	struct vscsi_lun *lun;

	(void)state;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	lun_table_suspect(&f->table, 0, 0);
	f->before = swap_to_other;
	assert_int_equal(fixture_revalidate(f), 0);
	assert_int_equal(io_lun_state(&lun->io), LUN_GONE);
	assert_int_equal(f->change_count, 2);
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

static void lose_once(struct fixture *f, struct disk *disk, const uint8_t *cdb)
{
	(void)cdb;
	f->before = NULL;
	disk->serial = "SN43";
	lun_table_suspect_all(&f->table);
}

/* Answers from before another loss are discarded. */
static void test_restarts(void **state)
{
	struct fixture *f = fixture_new();
	struct vscsi_lun *lun;
	unsigned before;

	(void)state;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	fixture_lose(f, INFLIGHT_REPLAY);
	fixture_return(f);
	/* The loss happens at the last command of the probe. */
	before = f->logged;
	while (f->logged < before + 6) {
		assert_int_equal(fixture_round(f, 0), 1);
		fixture_pump(f);
	}
	f->before = lose_once;
	assert_int_equal(settle(f, 0), 0);
	assert_int_equal(io_lun_state(&lun->io), LUN_GONE);
	fixture_expect(f, 0, 0, 1, changed);
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

/* A query that is lost with the device leaves the LUN SUSPECT. */
static void test_lost_query(void **state)
{
	struct fixture *f = fixture_new();
	struct vscsi_lun *lun;

	(void)state;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	lun_table_suspect(&f->table, 0, 0);
	f->disks[0][0].silent = true;
	assert_int_equal(settle(f, 0), 1);
	fixture_lose(f, INFLIGHT_REPORT);
	f->disks[0][0].silent = false;
	fixture_return(f);
	assert_int_equal(settle(f, 0), 0);
	assert_int_equal(io_lun_state(&lun->io), LUN_PRESENT);
	assert_int_equal(f->change_count, 0);
	/* Also if the table has not been told of the loss. */
	f->disks[0][0].silent = true;
	fixture_lose(f, INFLIGHT_REPORT);
	fixture_return(f);
	assert_int_equal(settle(f, 0), 1);
	fixture_cut_off(f, INFLIGHT_REPORT);
	f->disks[0][0].silent = false;
	fixture_return(f);
	assert_int_equal(settle(f, 0), 1);
	clock_skip(50);
	assert_int_equal(settle(f, 0), 0);
	assert_int_equal(io_lun_state(&lun->io), LUN_PRESENT);
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

/* The medium is missing for a while. */
static void test_medium(void **state)
{
	static const struct said no_medium = {
		{SCSI_SERVICE_IN_16, SCSI_SA_READ_CAPACITY_16, 0}, NULL, 0, MODEL_SENSE(2, 0x3a)};
	struct fixture *f = fixture_new();
	struct vscsi_lun *lun;

	(void)state;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	f->m->said = &no_medium;
	f->m->nsaid = 1;
	lun_table_suspect(&f->table, 0, 0);
	assert_int_equal(settle(f, 0), 1);
	assert_int_equal(io_lun_state(&lun->io), LUN_SUSPECT);
	f->m->nsaid = 0;
	clock_skip(50);
	assert_int_equal(settle(f, 0), 0);
	assert_int_equal(io_lun_state(&lun->io), LUN_PRESENT);
	assert_int_equal(f->change_count, 0);
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

/* Nothing is decided while a notice is pending. */
static void test_notices_first(void **state)
{
	struct fixture *f = fixture_new();
	struct vscsi_lun *lun;
	unsigned count;
	unsigned i;

	(void)state;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	lun_table_suspect(&f->table, 0, 0);
	notice_add(&f->set.notices, &lun->io, 0x3f, 0x03, true);
	for (i = 0; i < 40; i++) {
		assert_int_equal(
			lun_table_revalidate(&f->table, clock_ms(), 0, f->changes, 8, &count), 1);
		fixture_pump(f);
	}
	assert_int_equal(lun_table_pause(&f->table, clock_ms()), 0);
	/* The notice restarts the probe. */
	f->disks[0][0].serial = "SN43";
	assert_int_equal(fixture_revalidate(f), 0);
	assert_int_equal(io_lun_state(&lun->io), LUN_GONE);
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

/* Changes that do not fit are left for the next call. */
static void test_room_for_changes(void **state)
{
	struct fixture *f = fixture_new();
	unsigned told = 0;
	unsigned rounds;
	unsigned i;

	(void)state;
	open_many(f);
	for (i = 0; i < LUNS; i++) {
		f->disks[i / MODEL_LUNS][i % MODEL_LUNS].serial = "SN43";
		lun_table_suspect(&f->table, i / MODEL_LUNS, i % MODEL_LUNS);
	}
	for (rounds = 0; rounds < 200; rounds++) {
		unsigned count;

		lun_table_revalidate(&f->table, clock_ms(), 0, f->changes, LUN_CHANGES_LEAST,
				     &count);
		assert_in_range(count, 0, LUN_CHANGES_LEAST);
		told += count;
		fixture_pump(f);
		clock_skip(10);
	}
	assert_int_equal(told, 2 * LUNS);
	assert_int_equal(lun_table_doubts(&f->table), 0);
	close_many(f);
}

/* Handles of one address share a probe and a change, and are decided one by one. */
static void test_two_handles(void **state)
{
	static const uint32_t expected[][2] = {
		{VSCSI_EVENT_PLUGGED, 0},
		{VSCSI_EVENT_RESIZED, 0x2a09},
	};
	struct fixture *f = fixture_new();
	struct vscsi_lun *old;
	struct vscsi_lun *lun;
	struct vscsi_lun *twin;

	(void)state;
	assert_int_equal(fixture_open(f, 1, 2, &old), 0);
	assert_true(lun_table_remove(&f->table, 1, 2));
	f->disks[1][2].serial = "SN43";
	assert_int_equal(fixture_open(f, 1, 2, &lun), 0);
	assert_int_equal(fixture_open(f, 1, 2, &twin), 0);
	f->logged = 0;
	f->disks[1][2].blocks = 4096;
	lun_table_suspect(&f->table, 1, 2);
	assert_int_equal(lun_table_doubts(&f->table), 3);
	assert_int_equal(fixture_revalidate(f), 0);
	assert_int_equal(io_lun_state(&old->io), LUN_GONE);
	assert_int_equal(io_lun_state(&lun->io), LUN_PRESENT);
	assert_int_equal(io_lun_state(&twin->io), LUN_PRESENT);
	assert_int_equal(fixture_count(f, 1, 2, SCSI_SERVICE_IN_16, 0), 1);
	assert_int_equal(lun->info.blocks, 4096);
	assert_int_equal(twin->info.blocks, 4096);
	fixture_expect(f, 1, 2, 1, expected + 1);
	/* The handle that runs the probe is closed: another handle takes over. */
	f->disks[1][2].silent = true;
	lun_table_suspect(&f->table, 1, 2);
	assert_int_equal(settle(f, 0), 3);
	assert_int_equal(lun_close(twin), 0);
	f->disks[1][2].silent = false;
	assert_int_equal(lun_table_pause(&f->table, clock_ms()), 0);
	assert_int_equal(settle(f, 0), 0);
	assert_int_equal(io_lun_state(&lun->io), LUN_PRESENT);
	assert_int_equal(lun_close(old), 0);
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

/* New limits of the disk apply after revalidation. */
static void test_limits_are_adopted(void **state)
{
	struct fixture *f = fixture_new();
	struct vscsi_lun *lun;

	(void)state;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	f->m->max_transfer = 16;
	f->m->mode = 0x80;
	fixture_lose(f, INFLIGHT_REPLAY);
	fixture_return(f);
	assert_int_equal(fixture_revalidate(f), 0);
	assert_int_equal(lun->io.max_blocks, 16);
	assert_int_equal(lun->info.max_blocks, 16);
	assert_int_equal(lun->io.fast_blocks[0], 16);
	assert_int_equal(lun->io.fast_blocks[1], 0);
	assert_true(lun->info.flags & VSCSI_LUN_READ_ONLY);
	assert_string_equal(lun->info.serial, "SN42");
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

/* If the queue is full, the query is sent later. */
static void test_full_queue(void **state)
{
	struct vscsi_command ready = {.size = sizeof(ready), .cdb_len = 6};
	struct fixture *f = fixture_new();
	struct call *calls[65];
	unsigned count = 0;
	struct vscsi_lun *lun;

	(void)state;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	for (;;) {
		assert_int_equal(call_create(f->queue, 0, 0, &calls[count]), 0);
		call_begin(calls[count]);
		if (queue_command(f->queue, &lun->io, &ready, call_user_data(calls[count])))
			break;
		count++;
	}
	lun_table_suspect_all(&f->table);
	f->logged = 0;
	assert_int_equal(fixture_round(f, 0), 1);
	assert_int_equal(lun_table_pause(&f->table, clock_ms()), 1);
	assert_int_equal(f->logged, 0);
	queue_path(f->queue)->submit(f->queue);
	assert_int_equal(fixture_revalidate(f), 0);
	call_destroy(calls[count]);
	while (count)
		call_destroy(calls[--count]);
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

int revalidate_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_independence),
		cmocka_unit_test(test_abandoned),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_missing_without_loss),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_without_memory),
		cmocka_unit_test(test_swapped_between_answers),
		cmocka_unit_test(test_restarts),
		cmocka_unit_test(test_lost_query),
		cmocka_unit_test(test_medium),
		cmocka_unit_test(test_notices_first),
		cmocka_unit_test(test_room_for_changes),
		cmocka_unit_test(test_two_handles),
		cmocka_unit_test(test_limits_are_adopted),
		cmocka_unit_test(test_full_queue),
	};

	return cmocka_run_group_tests_name("lun/revalidate", tests, NULL, NULL);
}
