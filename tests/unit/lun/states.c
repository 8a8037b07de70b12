/* SPDX-License-Identifier: BSD-3-Clause */
/* Every edge of the LUN state diagram in queue/io_lun.h, and the events that cause it. */
#include <errno.h>
#include <string.h>

#include "fixture.h"
#include "queue/notice.h"
#include "util/clock.h"

#define IDENTITY_CHANGED 0x3f03
#define CAPACITY_CHANGED 0x2a09

static const uint32_t unplugged[][2] = {{VSCSI_EVENT_UNPLUGGED, 0}};
static const uint32_t plugged[][2] = {{VSCSI_EVENT_PLUGGED, 0}};
static const uint32_t exchanged[][2] = {{VSCSI_EVENT_UNPLUGGED, 0}, {VSCSI_EVENT_PLUGGED, 0}};
static const uint32_t changed[][2] = {{VSCSI_EVENT_CHANGED, IDENTITY_CHANGED}};
static const uint32_t resized[][2] = {{VSCSI_EVENT_RESIZED, CAPACITY_CHANGED}};

static struct fixture *open_one(struct vscsi_lun **lun)
{
	struct fixture *f = fixture_new();

	assert_int_equal(fixture_open(f, 1, 2, lun), 0);
	return f;
}

static void close_one(struct fixture *f, struct vscsi_lun *lun)
{
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

static void expect_state(const struct vscsi_lun *lun, enum lun_state state)
{
	assert_int_equal(io_lun_state(&lun->io), state);
	assert_int_equal(lun->io.fast_blocks[0], state == LUN_PRESENT ? lun->io.max_blocks : 0);
	assert_int_equal(lun->io.fast_blocks[1], state == LUN_PRESENT ? lun->io.max_blocks : 0);
}

/* Brings a LUN that is PRESENT to a state. */
static void bring_to(struct fixture *f, struct vscsi_lun *lun, enum lun_state state)
{
	if (state == LUN_SUSPECT)
		lun_table_suspect(&f->table, 1, 2);
	if (state == LUN_GONE)
		assert_true(lun_table_remove(&f->table, 1, 2));
	expect_state(lun, state);
}

/* The edges that io_lun_set_state() allows. */
static void test_edges(void **state)
{
	static const bool legal[3][3] = {
		[LUN_PRESENT] = {[LUN_SUSPECT] = true, [LUN_GONE] = true},
		[LUN_SUSPECT] = {[LUN_PRESENT] = true, [LUN_GONE] = true},
		[LUN_GONE] = {[LUN_SUSPECT] = true},
	};
	struct vscsi_lun *lun;
	unsigned from;
	unsigned to;

	(void)state;
	for (from = 0; from < 3; from++) {
		for (to = 0; to < 3; to++) {
			struct fixture *f = open_one(&lun);

			bring_to(f, lun, (enum lun_state)from);
			assert_int_equal(io_lun_set_state(&lun->io, (enum lun_state)to),
					 legal[from][to]);
			expect_state(lun,
				     legal[from][to] ? (enum lun_state)to : (enum lun_state)from);
			close_one(f, lun);
		}
	}
}

/* Requests to a SUSPECT LUN are held back, and sent once it is PRESENT. */
static void test_held_back(void **state)
{
	struct vscsi_completion done;
	struct vscsi_lun *lun;
	struct fixture *f = open_one(&lun);

	(void)state;
	lun_table_suspect(&f->table, 1, 2);
	f->logged = 0;
	fixture_read(f, lun);
	assert_false(fixture_poll(f, &done));
	assert_int_equal(f->logged, 0);
	assert_int_equal(fixture_revalidate(f), 0);
	assert_int_equal(f->change_count, 0);
	expect_state(lun, LUN_PRESENT);
	assert_false(fixture_poll(f, &done));
	assert_true(fixture_poll(f, &done));
	assert_int_equal(done.result, 0);
	close_one(f, lun);
}

/* Requests to a GONE LUN fail, including those that were held back. */
static void test_gone(void **state)
{
	struct vscsi_completion done;
	struct vscsi_lun *lun;
	struct fixture *f = open_one(&lun);

	(void)state;
	lun_table_suspect(&f->table, 1, 2);
	fixture_read(f, lun);
	assert_true(lun_table_remove(&f->table, 1, 2));
	assert_false(lun_table_remove(&f->table, 1, 2));
	assert_int_equal(lun_table_doubts(&f->table), 0);
	assert_true(fixture_poll(f, &done));
	assert_int_equal(done.result, -ENODEV);
	assert_int_equal(queue_path(f->app)->read(f->app, &lun->io, f->buf, 0, 1, 0, 1), -ENODEV);
	close_one(f, lun);
}

/* A unit attention for a request: the queue makes the LUN SUSPECT and leaves a notice. */
static void test_unit_attention(void **state)
{
	static const struct {
		uint16_t code;
		bool suspect;
	} table[] = {
		{0x2900, true}, {0x3f03, true}, {0x3f05, true}, {0x3f0e, true}, {0x2a09, false}};
	struct vscsi_completion done;
	struct vscsi_lun *lun;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(table); i++) {
		struct fixture *f = open_one(&lun);

		f->disks[1][2].attention = table[i].code;
		fixture_read(f, lun);
		assert_false(fixture_poll(f, &done));
		expect_state(lun, table[i].suspect ? LUN_SUSPECT : LUN_PRESENT);
		/* The table has not been told. */
		assert_int_equal(lun_table_doubts(&f->table), 0);
		assert_true(notice_pending(&f->set.notices));
		assert_int_equal(fixture_revalidate(f), 0);
		assert_int_equal(f->change_count, 0);
		expect_state(lun, LUN_PRESENT);
		while (!fixture_poll(f, &done))
			clock_skip(1);
		assert_int_equal(done.result, 0);
		close_one(f, lun);
	}
}

/* Outcomes without a device loss, for a LUN that was PRESENT and one that was GONE. */
static void test_in_doubt(void **state)
{
	static const struct {
		bool gone;
		struct disk now;
		enum lun_state state;
		unsigned count;
		const uint32_t (*changes)[2];
	} table[] = {
		{false, {true, .blocks = 2048, .serial = "SN42"}, LUN_PRESENT, 0, NULL},
		{false, {true, .blocks = 4096, .serial = "SN42"}, LUN_PRESENT, 1, resized},
		{false, {true, .blocks = 1024, .serial = "SN42"}, LUN_GONE, 1, changed},
		{false, {true, .blocks = 2048, .serial = "SN43"}, LUN_GONE, 2, exchanged},
		{false, {false, .blocks = 2048, .serial = "SN42"}, LUN_GONE, 1, unplugged},
		{true, {true, .blocks = 2048, .serial = "SN42"}, LUN_PRESENT, 1, plugged},
		{true, {true, .blocks = 1024, .serial = "SN42"}, LUN_GONE, 0, NULL},
		{true, {true, .blocks = 2048, .serial = "SN43"}, LUN_GONE, 0, NULL},
		{true, {false, .blocks = 2048, .serial = "SN42"}, LUN_GONE, 0, NULL},
	};
	struct vscsi_lun *lun;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(table); i++) {
		struct fixture *f = open_one(&lun);

		if (table[i].gone)
			bring_to(f, lun, LUN_GONE);
		f->disks[1][2] = table[i].now;
		lun_table_suspect(&f->table, 1, 2);
		expect_state(lun, LUN_SUSPECT);
		assert_int_equal(lun_table_doubts(&f->table), 1);
		assert_int_equal(fixture_revalidate(f), 0);
		expect_state(lun, table[i].state);
		fixture_expect(f, 1, 2, table[i].count, table[i].changes);
		close_one(f, lun);
	}
}

/* Outcomes after a device loss. A GONE LUN stays GONE. */
static void test_lost(void **state)
{
	static const struct {
		struct disk now;
		enum lun_state state;
		unsigned count;
		const uint32_t (*changes)[2];
	} table[] = {
		{{true, .blocks = 2048, .serial = "SN42"}, LUN_PRESENT, 0, NULL},
		{{true, .blocks = 4096, .serial = "SN42"}, LUN_PRESENT, 1, resized},
		{{true, .blocks = 1024, .serial = "SN42"}, LUN_GONE, 1, changed},
		{{true, .blocks = 2048, .serial = "SN43"}, LUN_GONE, 1, changed},
		{{false, .blocks = 2048, .serial = "SN42"}, LUN_GONE, 1, changed},
		{{true, .not_ready = true, .serial = "SN42"}, LUN_GONE, 1, changed},
	};
	struct vscsi_lun *lun;
	struct vscsi_lun *gone;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(table); i++) {
		struct fixture *f = open_one(&lun);

		assert_int_equal(fixture_open(f, 0, 0, &gone), 0);
		assert_true(lun_table_remove(&f->table, 0, 0));
		f->disks[1][2] = table[i].now;
		fixture_lose(f, INFLIGHT_REPLAY);
		expect_state(lun, LUN_SUSPECT);
		expect_state(gone, LUN_GONE);
		assert_int_equal(lun_table_doubts(&f->table), 1);
		/* While the device is away nothing is sent and nothing is decided. */
		assert_int_equal(fixture_round(f, 0), 1);
		assert_int_equal(queue_inflight(f->queue), 0);
		fixture_return(f);
		assert_int_equal(fixture_revalidate(f), 0);
		expect_state(lun, table[i].state);
		expect_state(gone, LUN_GONE);
		fixture_expect(f, 1, 2, table[i].count, table[i].changes);
		assert_int_equal(lun_close(gone), 0);
		close_one(f, lun);
	}
}

/* A LUN without names counts as the same, except when it was GONE. */
static void test_without_names(void **state)
{
	struct fixture *f = fixture_new();
	struct vscsi_lun *lun;

	(void)state;
	f->disks[1][2].serial = NULL;
	assert_int_equal(fixture_open(f, 1, 2, &lun), 0);
	lun_table_suspect(&f->table, 1, 2);
	assert_int_equal(fixture_revalidate(f), 0);
	expect_state(lun, LUN_PRESENT);
	f->disks[1][2].blocks--;
	lun_table_suspect(&f->table, 1, 2);
	assert_int_equal(fixture_revalidate(f), 0);
	expect_state(lun, LUN_GONE);
	f->disks[1][2].blocks++;
	lun_table_suspect(&f->table, 1, 2);
	assert_int_equal(fixture_revalidate(f), 0);
	expect_state(lun, LUN_GONE);
	close_one(f, lun);
}

/* One that has names now is another one, for each way to find out. */
static void test_names_where_none_were(void **state)
{
	struct fixture *f = fixture_new();
	struct vscsi_lun *lun;
	struct vscsi_lun *new;

	(void)state;
	f->disks[1][2].serial = NULL;
	assert_int_equal(fixture_open(f, 1, 2, &lun), 0);
	fixture_lose(f, INFLIGHT_REPLAY);
	f->disks[1][2].serial = "SN42";
	fixture_return(f);
	assert_int_equal(fixture_revalidate(f), 0);
	expect_state(lun, LUN_GONE);
	fixture_expect(f, 1, 2, 1, changed);
	assert_int_equal(lun_close(lun), 0);
	f->disks[1][2].serial = NULL;
	assert_int_equal(fixture_open(f, 1, 2, &lun), 0);
	f->disks[1][2].serial = "SN42";
	assert_int_equal(fixture_refresh(f, lun), -ENODEV);
	expect_state(lun, LUN_SUSPECT);
	f->disks[1][2].serial = NULL;
	assert_int_equal(fixture_revalidate(f), 0);
	expect_state(lun, LUN_PRESENT);
	f->disks[1][2].serial = "SN42";
	assert_int_equal(fixture_open(f, 1, 2, &new), 0);
	expect_state(lun, LUN_SUSPECT);
	assert_int_equal(lun_close(new), 0);
	close_one(f, lun);
}

/* A disk with another block size is another disk. */
static void test_block_size(void **state)
{
	struct vscsi_lun *lun;
	struct fixture *f = open_one(&lun);

	(void)state;
	f->m->block_size = 1024;
	lun_table_suspect(&f->table, 1, 2);
	assert_int_equal(fixture_revalidate(f), 0);
	expect_state(lun, LUN_GONE);
	fixture_expect(f, 1, 2, 2, exchanged);
	close_one(f, lun);
}

/* A LUN that was GONE is found, and the device is lost before it is revalidated. */
static void test_lost_when_found_again(void **state)
{
	struct vscsi_lun *lun;
	struct fixture *f = open_one(&lun);

	(void)state;
	assert_true(lun_table_remove(&f->table, 1, 2));
	lun_table_suspect(&f->table, 1, 2);
	fixture_lose(f, INFLIGHT_REPLAY);
	fixture_return(f);
	assert_int_equal(fixture_revalidate(f), 0);
	expect_state(lun, LUN_PRESENT);
	fixture_expect(f, 1, 2, 1, plugged);
	close_one(f, lun);
}

/* Removed and plugged again, several times. */
static void test_round_trip(void **state)
{
	struct vscsi_lun *lun;
	struct fixture *f = open_one(&lun);
	unsigned i;

	(void)state;
	for (i = 0; i < 3; i++) {
		assert_true(lun_table_remove(&f->table, 1, 2));
		lun_table_suspect(&f->table, 1, 2);
		/* The application knows of the removal. */
		assert_false(lun_table_remove(&f->table, 1, 2));
		lun_table_suspect(&f->table, 1, 2);
		assert_int_equal(fixture_revalidate(f), 0);
		fixture_expect(f, 1, 2, 1, plugged);
		expect_state(lun, LUN_PRESENT);
		lun_table_suspect(&f->table, 1, 2);
		assert_int_equal(fixture_revalidate(f), 0);
		assert_int_equal(f->change_count, 0);
	}
	close_one(f, lun);
}

int state_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_held_back),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_unit_attention),
		cmocka_unit_test(test_in_doubt),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_without_names),
		cmocka_unit_test(test_names_where_none_were),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_block_size),
		cmocka_unit_test(test_lost_when_found_again),
	};

	return cmocka_run_group_tests_name("lun/states", tests, NULL, NULL);
}
