/* SPDX-License-Identifier: BSD-3-Clause */
/* Scans, with correct and hostile answers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "util/clock.h"

#define TYPE_CDROM 5u

/* Scans. Return: what the last step returned. */
static int scan(struct fixture *f, struct vscsi_lun_addr **out)
{
	struct scan *scan;
	int count;

	*out = NULL;
	assert_int_equal(scan_begin(&f->table, &scan), 0);
	while ((count = scan_step(scan, out)) == -EINPROGRESS)
		fixture_pump_on(f);
	scan_end(scan);
	return count;
}

static void expect_found(struct fixture *f, unsigned count, const unsigned (*expected)[2])
{
	struct vscsi_lun_addr *found;
	unsigned i;

	assert_int_equal(scan(f, &found), count);
	for (i = 0; i < count; i++) {
		assert_int_equal(found[i].target, expected[i][0]);
		assert_int_equal(found[i].lun, expected[i][1]);
		assert_int_equal(found[i].type, f->m->type);
	}
	free(found);
}

static void test_order(void **state)
{
	static const unsigned expected[][2] = {{0, 0}, {1, 2}, {3, 0}, {3, 7}};
	static const struct {
		unsigned target;
		unsigned lun;
		uint8_t opcode;
	} asked[] = {
		{0, 0, SCSI_REPORT_LUNS}, {0, 0, SCSI_INQUIRY},     {1, 0, SCSI_REPORT_LUNS},
		{1, 2, SCSI_INQUIRY},     {2, 0, SCSI_REPORT_LUNS}, {3, 0, SCSI_REPORT_LUNS},
		{3, 0, SCSI_INQUIRY},     {3, 7, SCSI_INQUIRY},
	};
	struct fixture *f = fixture_new();
	unsigned i;

	(void)state;
	f->m->type = TYPE_CDROM;
	f->disks[3][7].present = true;
	f->disks[3][0].present = true;
	expect_found(f, 4, expected);
	assert_int_equal(f->logged, ARRAY_LEN(asked));
	for (i = 0; i < f->logged; i++) {
		assert_int_equal(f->log[i].target, asked[i].target);
		assert_int_equal(f->log[i].lun, asked[i].lun);
		assert_int_equal(f->log[i].cdb[0], asked[i].opcode);
	}
	fixture_free(f);
}

/* Targets and LUNs beyond the limits of the device are skipped. */
static void test_limits(void **state)
{
	static const unsigned expected[][2] = {{0, 0}, {1, 2}};
	struct fixture *f = fixture_new();

	(void)state;
	f->disks[0][3].present = true;
	f->disks[2][0].present = true;
	f->table.limits.max_lun = 2;
	f->table.limits.max_target = 1;
	expect_found(f, 2, expected);
	assert_int_equal(f->logged, 4);
	fixture_free(f);
}

/* The LUNs of a list are sorted, and duplicates dropped. */
static void test_unsorted_list(void **state)
{
	static const uint8_t list[] = {
		0, 0, 0,    56, 0, 0, 0, 0, /* seven of them */
		0, 5, 0,    0,  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 5, 0,
		0, 0, 0,    0,  0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,    0, 0,
		0, 0, 0xc1, 1,  0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0,    0,
	};
	static const unsigned expected[][2] = {{0, 0}, {0, 5}};
	struct fixture *f = fixture_new();

	(void)state;
	f->disks[0][0].list = list;
	f->disks[0][0].list_len = sizeof(list);
	f->disks[0][5].present = true;
	f->table.limits.max_target = 0;
	expect_found(f, 2, expected);
	assert_int_equal(f->logged, 4);
	assert_int_equal(f->log[2].lun, 3);
	/* The list is truncated, and the header is. */
	f->logged = 0;
	f->disks[0][0].list_len = 17;
	expect_found(f, 1, expected + 1);
	assert_int_equal(f->logged, 2);
	f->logged = 0;
	f->disks[0][0].list_len = 7;
	expect_found(f, 0, NULL);
	assert_int_equal(f->logged, 1);
	fixture_free(f);
}

/* A list that was cut off is read again as a whole, once. */
static void test_long_list(void **state)
{
	static uint8_t list[8 + 8 * 600];
	static const unsigned expected[][2] = {{0, 0}, {0, 6}};
	struct fixture *f = fixture_new();

	(void)state;
	put_be32(list, 8 * 600);
	list[8 + 8 * 599 + 1] = 6;
	f->disks[0][0].list = list;
	f->disks[0][0].list_len = sizeof(list);
	f->disks[0][6].present = true;
	f->table.limits.max_target = 0;
	expect_found(f, 2, expected);
	assert_int_equal(f->logged, 4);
	assert_int_equal(get_be32(f->log[0].cdb + 6), 4096);
	assert_int_equal(get_be32(f->log[1].cdb + 6), 8 + 8 * 16384);
	f->logged = 0;
	put_be32(list, UINT32_MAX - 7);
	expect_found(f, 2, expected);
	assert_int_equal(f->logged, 4);
	fixture_free(f);
}

/* A target without REPORT LUNS is scanned LUN by LUN, up to eight. */
static void test_old_target(void **state)
{
	static const unsigned expected[][2] = {{0, 0}, {0, 5}};
	struct fixture *f = fixture_new();
	unsigned i;

	(void)state;
	f->disks[0][5].present = true;
	f->disks[0][0].refuses = SCSI_REPORT_LUNS;
	f->table.limits.max_target = 0;
	expect_found(f, 2, expected);
	assert_int_equal(f->logged, 9);
	for (i = 0; i < 8; i++)
		assert_int_equal(f->log[1 + i].lun, i);
	f->logged = 0;
	f->table.limits.max_lun = 2;
	expect_found(f, 1, expected);
	assert_int_equal(f->logged, 4);
	/* FAILURE with sense data is an answer. */
	f->logged = 0;
	f->disks[0][0].fails = true;
	expect_found(f, 1, expected);
	assert_int_equal(f->logged, 4);
	fixture_free(f);
}

/* The scan as a whole has a time limit. */
static void be_slow(struct fixture *f, struct disk *disk, const uint8_t *cdb)
{
	(void)f;
	(void)disk;
	(void)cdb;
	clock_skip(25000);
}

static void test_slow(void **state)
{
	struct fixture *f = fixture_new();
	struct vscsi_lun_addr *found;

	(void)state;
	f->before = be_slow;
	assert_int_equal(scan(f, &found), -ETIMEDOUT);
	expect_error_text("the scan reached only target 3 in 120000 ms");
	assert_null(found);
	assert_int_equal(f->logged, 5);
	fixture_free(f);
}

static void test_silent(void **state)
{
	struct fixture *f = fixture_new();
	struct vscsi_lun_addr *found;
	struct scan *scan_of;

	(void)state;
	f->table.timeout_ms = 5;
	f->disks[1][0].silent = true;
	assert_int_equal(scan(f, &found), -ETIMEDOUT);
	expect_error_text("command on LUN 1:0: no answer in 5 ms");
	/* A scan can end with a query in flight. */
	assert_int_equal(scan_begin(&f->table, &scan_of), 0);
	assert_int_equal(scan_step(scan_of, &found), -EINPROGRESS);
	scan_end(scan_of);
	fixture_free(f);
}

static void fall_silent(struct fixture *f, struct disk *disk, const uint8_t *cdb)
{
	(void)f;
	disk->silent = cdb[0] == SCSI_INQUIRY;
}

static void test_silent_lun(void **state)
{
	struct fixture *f = fixture_new();
	struct vscsi_lun_addr *found;

	(void)state;
	f->table.timeout_ms = 5;
	f->before = fall_silent;
	assert_int_equal(scan(f, &found), -ETIMEDOUT);
	expect_error_text("command on LUN 0:0: no answer in 5 ms");
	assert_int_equal(f->logged, 2);
	fixture_free(f);
}

/* A query that is lost with the device fails the scan. */
static void test_lost(void **state)
{
	struct fixture *f = fixture_new();
	struct vscsi_lun_addr *found;
	struct scan *scan_of;
	int err;

	(void)state;
	f->disks[0][0].silent = true;
	assert_int_equal(scan_begin(&f->table, &scan_of), 0);
	assert_int_equal(scan_step(scan_of, &found), -EINPROGRESS);
	fixture_pump(f);
	fixture_lose(f, INFLIGHT_REPORT);
	fixture_return(f);
	while ((err = scan_step(scan_of, &found)) == -EINPROGRESS)
		fixture_pump_on(f);
	assert_int_equal(err, -ECONNRESET);
	expect_error_text("the device was lost while it was in flight");
	scan_end(scan_of);
	fixture_free(f);
}

static void test_dead(void **state)
{
	struct fixture *f = fixture_new();
	struct vscsi_lun_addr *found;

	(void)state;
	pthread_mutex_lock(&f->set.lock);
	ioq_set_state(f->ioqs[0], IOQ_DEAD);
	pthread_mutex_unlock(&f->set.lock);
	assert_int_equal(scan(f, &found), -ENOTCONN);
	expect_error_text("the device is lost: it hung up");
	fixture_free(f);
}

int scan_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),         cmocka_unit_test(test_limits),
		cmocka_unit_test(test_unsorted_list), cmocka_unit_test(test_long_list),
		cmocka_unit_test(test_old_target),    cmocka_unit_test(test_slow),
		cmocka_unit_test(test_silent_lun),    cmocka_unit_test(test_lost),
		cmocka_unit_test(test_silent),        cmocka_unit_test(test_dead),
	};

	return cmocka_run_group_tests_name("lun/scan", tests, NULL, NULL);
}
