/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening, closing and refreshing LUNs, with events in between. */
#include <errno.h>
#include <string.h>

#include "fixture.h"
#include "util/clock.h"

static unsigned event_at;
static unsigned event_times;
static void (*event)(struct fixture *f, struct disk *disk);

/* Calls the event at one command of each walk, a number of times. */
static void once_in_a_walk(struct fixture *f, struct disk *disk, const uint8_t *cdb)
{
	static unsigned command;

	if (cdb[0] == SCSI_INQUIRY && !(cdb[1] & 1))
		command = 0;
	if (command++ != event_at || !event_times)
		return;
	event_times--;
	event(f, disk);
}

static void set_event(struct fixture *f, unsigned at, unsigned times,
		      void (*what)(struct fixture *f, struct disk *disk))
{
	event_at = at;
	event_times = times;
	event = what;
	f->before = once_in_a_walk;
}

static void count_loss(struct fixture *f, struct disk *disk)
{
	disk->blocks *= 2;
	lun_table_suspect_all(&f->table);
}

static void be_removed(struct fixture *f, struct disk *disk)
{
	disk->blocks *= 2;
	lun_table_remove(&f->table, 0, 0);
}

static void be_attended(struct fixture *f, struct disk *disk)
{
	disk->blocks *= 2;
	lun_table_suspect(&f->table, 0, 0);
}

static void neighbour_goes(struct fixture *f, struct disk *disk)
{
	(void)disk;
	lun_table_remove(&f->table, 0, 1);
	lun_table_suspect(&f->table, 1, 0);
}

/* Two events restart the probe, a third one fails the opening. */
static void test_restarts(void **state)
{
	static const struct {
		void (*what)(struct fixture *f, struct disk *disk);
		int err;
		const char *says;
	} table[] = {
		{count_loss, -ENOTCONN, "the device was lost and came back each time that LUN 0:0"},
		{be_removed, -ENODEV, "the disk was removed or exchanged each time that LUN 0:0"},
		{be_attended, -ENODEV, "the disk was removed or exchanged each time that LUN 0:0"},
	};
	unsigned at;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(table); i++) {
		for (at = 0; at < 7; at++) {
			struct fixture *f = fixture_new();
			struct vscsi_lun *lun;

			set_event(f, at, 2, table[i].what);
			assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
			assert_int_equal(f->logged, 3 * 7);
			assert_int_equal(lun->info.blocks, 4 * FIXTURE_BLOCKS);
			assert_int_equal(io_lun_state(&lun->io), LUN_PRESENT);
			assert_int_equal(lun_table_doubts(&f->table), 0);
			assert_int_equal(lun_close(lun), 0);
			f->logged = 0;
			set_event(f, at, 3, table[i].what);
			assert_int_equal(fixture_open(f, 0, 0, &lun), table[i].err);
			expect_error_text(table[i].says);
			assert_int_equal(f->logged, 3 * 7);
			fixture_free(f);
		}
	}
}

/* Events of other LUNs do not matter. */
static void test_neighbours(void **state)
{
	struct fixture *f = fixture_new();
	struct vscsi_lun *lun;

	(void)state;
	set_event(f, 3, 1, neighbour_goes);
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	assert_int_equal(f->logged, 7);
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

static void fall_silent(struct fixture *f, struct disk *disk)
{
	disk->silent = true;
	(void)f;
}

/*
 * A query in flight when the device is lost is resent, or fails. In both cases the probe restarts,
 * even if the query was for an optional page.
 */
static void test_lost_command(void **state)
{
	static const struct {
		enum inflight_policy policy;
		unsigned commands;
	} table[] = {{INFLIGHT_REPLAY, 5 + 3 + 7}, {INFLIGHT_REPORT, 5 + 7}};
	const struct lun_open_opts opts = {0};
	unsigned i;
	int err;

	(void)state;
	for (i = 0; i < ARRAY_LEN(table); i++) {
		struct fixture *f = fixture_new();
		struct vscsi_lun *lun;

		set_event(f, 4, 1, fall_silent);
		assert_int_equal(lun_open_begin(&f->table, NULL, 0, 0, &opts, &lun), 0);
		while (!f->disks[0][0].silent) {
			assert_int_equal(lun_open_step(lun), -EINPROGRESS);
			fixture_pump(f);
		}
		fixture_lose(f, table[i].policy);
		f->disks[0][0].silent = false;
		fixture_return(f);
		while ((err = lun_open_step(lun)) == -EINPROGRESS)
			fixture_pump_on(f);
		assert_int_equal(err, 0);
		assert_int_equal(f->logged, table[i].commands);
		assert_int_equal(lun->info.max_caw_blocks, 4);
		assert_int_equal(lun_close(lun), 0);
		fixture_free(f);
	}
}

/* A failed device fails the opening at once. */
static void test_dead(void **state)
{
	const struct lun_open_opts opts = {0};
	struct fixture *f = fixture_new();
	struct vscsi_lun *lun;

	(void)state;
	assert_int_equal(lun_open_begin(&f->table, NULL, 0, 0, &opts, &lun), 0);
	pthread_mutex_lock(&f->set.lock);
	ioq_set_state(f->ioqs[0], IOQ_DEAD);
	pthread_mutex_unlock(&f->set.lock);
	lun_table_suspect_all(&f->table);
	assert_int_equal(lun_open_step(lun), -ENOTCONN);
	expect_error_text(
		"command on LUN 0:0: the device is lost: it hung up; close it and open it");
	fixture_free(f);
}

/* A LUN opened for raw commands is not probed. */
static void test_raw(void **state)
{
	struct vscsi_command ready = {.size = sizeof(ready), .cdb_len = 6};
	struct fixture *f = fixture_new();
	struct vscsi_completion done;
	struct vscsi_lun_info info;
	struct vscsi_lun *lun;

	(void)state;
	f->disks[1][2].not_ready = true;
	assert_int_equal(fixture_open_raw(f, 1, 2, &lun), 0);
	assert_int_equal(f->logged, 0);
	lun_get_info(lun, &info);
	assert_int_equal(info.target, 1);
	assert_int_equal(info.lun, 2);
	assert_int_equal(info.block_size, 0);
	assert_int_equal(queue_path(f->app)->read(f->app, &lun->io, f->buf, 0, 1, 0, 1), -EINVAL);
	assert_int_equal(queue_command(f->app, &lun->io, &ready, 9), 0);
	queue_path(f->app)->submit(f->app);
	assert_true(fixture_poll(f, &done));
	assert_int_equal(done.result, -EIO);
	assert_int_equal(fixture_refresh(f, lun), -EINVAL);
	expect_error_text("LUN 1:2 was opened for raw commands");
	/* Revalidation reads its identity only. */
	f->logged = 0;
	fixture_lose(f, INFLIGHT_REPLAY);
	fixture_return(f);
	assert_int_equal(fixture_revalidate(f), 0);
	assert_int_equal(io_lun_state(&lun->io), LUN_PRESENT);
	assert_int_equal(fixture_count(f, 1, 2, SCSI_SERVICE_IN_16, 0), 0);
	assert_int_equal(fixture_count(f, 1, 2, SCSI_INQUIRY, 0), 3);
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

static unsigned count_kept(const struct fixture *f)
{
	unsigned count = 0;
	unsigned i;

	for (i = 0; i < LUN_CALLS_KEPT; i++)
		count += f->table.kept[i] != NULL;
	return count;
}

static uint64_t count_used(const struct fixture *f)
{
	struct vscsi_mem_stats stats = {.size = sizeof(stats)};

	assert_int_equal(vscsi_mem_get_stats(f->mem, &stats), 0);
	return stats.used;
}

/* DMA buffers of probes don't grow with the LUNs, and are there without an allocation. */
static void test_buffers(void **state)
{
	struct vscsi_lun *luns[3 * LUN_CALLS_KEPT];
	struct fixture *f = fixture_new();
	uint64_t allocated = count_used(f);
	uint64_t most = 0;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(luns); i++) {
		assert_int_equal(fixture_open(f, 0, 0, &luns[i]), 0);
		assert_int_equal(count_kept(f), i < LUN_CALLS_KEPT ? i + 1 : LUN_CALLS_KEPT);
		if (i + 1 == LUN_CALLS_KEPT)
			most = count_used(f);
	}
	assert_int_equal(count_used(f), most);
	fixture_lose(f, INFLIGHT_REPLAY);
	fixture_return(f);
	assert_int_equal(fixture_revalidate(f), 0);
	assert_int_equal(count_kept(f), LUN_CALLS_KEPT);
	assert_int_equal(count_used(f), most);
	for (i = ARRAY_LEN(luns); i-- > 0;) {
		assert_int_equal(lun_close(luns[i]), 0);
		assert_int_equal(count_kept(f), i < LUN_CALLS_KEPT ? i : LUN_CALLS_KEPT);
	}
	assert_int_equal(count_used(f), allocated);
	fixture_free(f);
}

/* Requests are counted if the rings hold more than the device's limit for a LUN. */
static void test_credits(void **state)
{
	struct fixture *f = fixture_new();
	struct vscsi_lun *lun;

	(void)state;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	assert_null(lun->io.credits);
	assert_int_equal(lun->info.queue_limit, 0);
	assert_false(ioq_counting(f->ioqs[0]));
	assert_int_equal(lun_close(lun), 0);
	f->table.limits.cmd_per_lun = 128;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	assert_null(lun->io.credits);
	assert_int_equal(lun_close(lun), 0);
	f->table.limits.cmd_per_lun = 1;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	assert_int_equal(lun->info.queue_limit, 1);
	assert_true(ioq_counting(f->ioqs[0]) && ioq_counting(f->ioqs[1]));
	assert_int_equal(lun->io.fast_blocks[0], 0);
	assert_int_equal(lun->io.counted_blocks[0], 1024);
	fixture_read(f, lun);
	assert_int_equal(queue_path(f->app)->read(f->app, &lun->io, f->buf, 0, 1, 0, 1), -EAGAIN);
	/* The library's own commands are not counted. */
	assert_int_equal(fixture_refresh(f, lun), 0);
	assert_true(fixture_poll(f, &(struct vscsi_completion){0}));
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

static void test_options(void **state)
{
	const struct lun_open_opts opts = {.retries = 9, .timeout_ms = 70, .raw = true};
	struct fixture *f = fixture_new();
	struct vscsi_lun *lun;

	(void)state;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	assert_int_equal(lun->io.timeout_ms, 30000);
	assert_int_equal(lun_close(lun), 0);
	assert_int_equal(lun_open_begin(&f->table, NULL, 0, 0, &opts, &lun), 0);
	assert_int_equal(lun_open_step(lun), 0);
	assert_int_equal(lun->io.timeout_ms, 70);
	assert_int_equal(lun->io.retries, 9);
	/* The scan interval fits the limit. */
	assert_int_equal(f->set.scan_ms, 70 / 8);
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

static void test_close_in_use(void **state)
{
	struct fixture *f = fixture_new();
	struct vscsi_completion done;
	struct vscsi_lun *lun;

	(void)state;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	fixture_read(f, lun);
	assert_int_equal(lun_close(lun), -EBUSY);
	expect_error_text("requests to LUN 0:0 are in flight");
	assert_true(fixture_poll(f, &done));
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

/* Closing and cancelling with a query in flight: its completion frees the call. */
static void test_in_flight(void **state)
{
	const struct lun_open_opts opts = {0};
	struct fixture *f = fixture_new();
	struct lun_refresh *refresh;
	struct vscsi_lun *lun;

	(void)state;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	f->disks[0][0].silent = true;
	lun_table_suspect_all(&f->table);
	assert_int_equal(fixture_round(f, 0), 1);
	assert_int_equal(lun_refresh_begin(lun, &refresh), 0);
	assert_int_equal(lun_refresh_step(refresh), -EINPROGRESS);
	lun_refresh_end(refresh);
	assert_int_equal(lun_close(lun), 0);
	assert_int_equal(lun_open_begin(&f->table, NULL, 0, 0, &opts, &lun), 0);
	assert_int_equal(lun_open_step(lun), -EINPROGRESS);
	lun_open_cancel(lun);
	assert_int_equal(queue_inflight(f->queue), 3);
	fixture_pump(f);
	assert_int_equal(f->kept_count, 3);
	fixture_free(f);
}

/* A refresh updates the capacity and all limits. */
static void test_refresh(void **state)
{
	static const uint8_t limits[64] = {
		[1] = 0xb0, [3] = 0x3c, [5] = 2, [11] = 8, [23] = 1, [27] = 3};
	static const struct said said = {{SCSI_INQUIRY, 1, 0xb0}, limits, sizeof(limits), {0}};
	struct fixture *f = fixture_new();
	struct vscsi_lun *lun;

	(void)state;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	f->disks[0][0].blocks = UINT64_C(1) << 33;
	f->m->said = &said;
	f->m->nsaid = 1;
	assert_int_equal(fixture_refresh(f, lun), 0);
	assert_int_equal(lun->info.blocks, UINT64_C(1) << 33);
	assert_int_equal(lun->io.max_blocks, 8);
	assert_int_equal(lun->io.fast_blocks[0], 8);
	assert_int_equal(lun->io.max_caw_blocks, 2);
	assert_int_equal(lun->io.max_unmap_ranges, 3);
	assert_int_equal(lun->info.max_unmap_blocks, 1);
	/* The CDB of a request still depends on its address. */
	assert_false(lun->io.wide);
	assert_int_equal(lun->io.short_lbas, UINT32_MAX - UINT16_MAX);
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

static void test_refresh_fails(void **state)
{
	static const struct said no_medium = {
		{SCSI_SERVICE_IN_16, SCSI_SA_READ_CAPACITY_16, 0}, NULL, 0, MODEL_SENSE(2, 0x3a)};
	struct fixture *f = fixture_new();
	struct vscsi_lun *lun;

	(void)state;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	f->m->block_size = 4096;
	assert_int_equal(fixture_refresh(f, lun), -EPROTO);
	expect_error_text("LUN 0:0 now has blocks of 4096 bytes instead of 512; open it again");
	f->m->block_size = 512;
	f->m->said = &no_medium;
	f->m->nsaid = 1;
	assert_int_equal(fixture_refresh(f, lun), 0);
	assert_int_equal(lun->info.blocks, 0);
	assert_int_equal(lun->io.max_blocks, 1024);
	f->m->nsaid = 0;
	assert_int_equal(fixture_refresh(f, lun), 0);
	assert_int_equal(lun->info.blocks, FIXTURE_BLOCKS);
	f->table.timeout_ms = 5;
	f->disks[0][0].silent = true;
	assert_int_equal(fixture_refresh(f, lun), -ETIMEDOUT);
	f->disks[0][0].silent = false;
	/* Another disk: nothing is updated, and the LUN becomes SUSPECT. */
	f->disks[0][0].serial = "SN43";
	f->disks[0][0].blocks = 4096;
	assert_int_equal(fixture_refresh(f, lun), -ENODEV);
	expect_error_text("is another one now");
	assert_int_equal(lun->info.blocks, FIXTURE_BLOCKS);
	assert_int_equal(io_lun_state(&lun->io), LUN_SUSPECT);
	assert_int_equal(lun_table_doubts(&f->table), 1);
	assert_int_equal(fixture_revalidate(f), 0);
	assert_int_equal(io_lun_state(&lun->io), LUN_GONE);
	/* A refresh does not bring back a GONE LUN. */
	f->disks[0][0].serial = "SN42";
	assert_int_equal(fixture_refresh(f, lun), -ENODEV);
	assert_int_equal(io_lun_state(&lun->io), LUN_GONE);
	assert_int_equal(lun->info.blocks, FIXTURE_BLOCKS);
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

static void test_refresh_restarts(void **state)
{
	struct fixture *f = fixture_new();
	struct vscsi_lun *lun;

	(void)state;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	set_event(f, 5, 2, count_loss);
	assert_int_equal(fixture_refresh(f, lun), 0);
	assert_int_equal(lun->info.blocks, 4 * FIXTURE_BLOCKS);
	set_event(f, 5, 3, count_loss);
	assert_int_equal(fixture_refresh(f, lun), -ENOTCONN);
	expect_error_text("the device was lost and came back each time");
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

int open_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restarts),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_lost_command),
		cmocka_unit_test(test_dead),
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_buffers),
		cmocka_unit_test(test_credits),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_close_in_use),
		cmocka_unit_test(test_in_flight),
		cmocka_unit_test(test_refresh),
		cmocka_unit_test(test_refresh_fails),
		cmocka_unit_test(test_refresh_restarts),
	};

	return cmocka_run_group_tests_name("lun/open", tests, NULL, NULL);
}
