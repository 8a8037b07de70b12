/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MODE SELECT of the write cache, WRITE AND VERIFY, LOG SENSE and REPORT TARGET PORT GROUPS.
 */
#include "target.h"

#include "../src/util/bits.h"

#define WCE 0x04

/* The caching page alone, in the list of a MODE SELECT(6). */
static void make_list(uint8_t list[24], uint8_t flags)
{
	memset(list, 0, 24);
	list[4] = 0x08;
	list[5] = 0x12;
	list[6] = flags;
}

static struct scsi_task mode_select(struct lun *lun, uint8_t *list, uint8_t len)
{
	const uint8_t cdb[16] = {0x15, 0x10, 0, 0, len};

	return command(lun, cdb, list, len);
}

/* Byte 2 of the caching page; @control is the PC field. */
static uint8_t caching(struct lun *lun, uint8_t control)
{
	const uint8_t cdb[16] = {0x1a, 0x08, (uint8_t)(control << 6 | 0x08), 0, 64};
	uint8_t data[64];
	struct scsi_task t = command(lun, cdb, data, sizeof(data));

	expect_sense(&t, 0, 0);
	assert_int_equal(data[4], 0x08);
	return data[6];
}

static unsigned flushes_of(struct lun *lun, const uint8_t *cdb, void *data, size_t len)
{
	unsigned before = flushes;
	struct scsi_task t = command(lun, cdb, data, len);

	expect_sense(&t, 0, 0);
	return flushes - before;
}

/* Every command that changes the medium is durable when it completes, but only with WCE 0. */
static void without_cache_writes_are_durable(void **state)
{
	static const uint8_t writes[][16] = {
		{0x0a, 0, 0, 0, 1},                            /* WRITE(6) */
		{0x2a, 0, 0, 0, 0, 0, 0, 0, 1},                /* WRITE(10) */
		{0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, /* WRITE(16) */
		{0x41, 0, 0, 0, 0, 0, 0, 0, 1},                /* WRITE SAME(10) */
		{0x89, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, /* COMPARE AND WRITE */
		{0x42, 0, 0, 0, 0, 0, 0, 0, 24},               /* UNMAP */
	};
	static uint8_t data[2 * BLOCK];
	struct lun_table luns = {0};
	uint8_t list[24];
	struct scsi_task t;
	struct lun *lun;
	unsigned i;

	(void)state;
	make_file("mode.img", 1 << 20);
	lun = get_lun(&luns, "0:0,file=mode.img,thin");
	for (i = 0; i < 6; i++) {
		/* An UNMAP of one block; all else writes zeros, which the disk has anyway. */
		memset(data, 0, sizeof(data));
		if (writes[i][0] == 0x42) {
			data[1] = 22;
			data[3] = 16;
			data[8 + 11] = 1;
		}
		assert_int_equal(caching(lun, 0), WCE);
		assert_int_equal(flushes_of(lun, writes[i], data, sizeof(data)), 0);
		make_list(list, 0);
		t = mode_select(lun, list, sizeof(list));
		expect_sense(&t, 0, 0);
		assert_int_equal(caching(lun, 0), 0);
		assert_int_equal(flushes_of(lun, writes[i], data, sizeof(data)), 1);
		make_list(list, WCE);
		t = mode_select(lun, list, sizeof(list));
		expect_sense(&t, 0, 0);
	}
	lun_table_close(&luns);
}

/* What was written before is durable when the command completes; others hear of the change. */
static void switching_off_flushes(void **state)
{
	const uint8_t cdb[16] = {0x55, 0x10, 0, 0, 0, 0, 0, 0, 28};
	struct lun_table luns = {0};
	uint8_t list[28] = {0};
	struct lun *lun;

	(void)state;
	make_file("mode.img", 1 << 20);
	lun = get_lun(&luns, "0:0,file=mode.img");
	lun_take_attention(lun, 1);
	make_list(list + 4, 0);
	assert_int_equal(flushes_of(lun, cdb, list, sizeof(list)), 1);
	assert_int_equal(lun_take_attention(lun, 0), 0);
	assert_int_equal(lun_take_attention(lun, 1), UA_MODE_CHANGED);
	/* Not a change. */
	assert_int_equal(flushes_of(lun, cdb, list, sizeof(list)), 0);
	assert_int_equal(lun_take_attention(lun, 1), 0);
	assert_int_equal(caching(lun, 1), WCE);
	assert_int_equal(caching(lun, 2), WCE);
	lun_table_close(&luns);
}

static void refused_lists(void **state)
{
	struct lun_table luns = {0};
	const uint8_t save[16] = {0x15, 0x11, 0, 0, 24};
	uint8_t list[24];
	struct scsi_task t;
	struct lun *lun;

	(void)state;
	make_file("mode.img", 1 << 20);
	lun = get_lun(&luns, "0:0,file=mode.img");
	make_list(list, 0x01); /* RCD */
	t = mode_select(lun, list, 24);
	expect_sense(&t, KEY_ILLEGAL_REQUEST, ASC_INVALID_PARAM_FIELD);
	make_list(list, 0);
	list[4] = 0x1c; /* no such page */
	t = mode_select(lun, list, 24);
	expect_sense(&t, KEY_ILLEGAL_REQUEST, ASC_INVALID_PARAM_FIELD);
	make_list(list, 0);
	t = mode_select(lun, list, 23);
	expect_sense(&t, KEY_ILLEGAL_REQUEST, ASC_PARAM_LIST_LENGTH);
	list[3] = 8; /* a block descriptor that would change the size */
	t = mode_select(lun, list, 24);
	expect_sense(&t, KEY_ILLEGAL_REQUEST, ASC_INVALID_PARAM_FIELD);
	make_list(list, 0);
	t = command(lun, save, list, 24);
	expect_sense(&t, KEY_ILLEGAL_REQUEST, ASC_SAVING_NOT_SUPPORTED);
	assert_int_equal(caching(lun, 0), WCE);
	lun_remove(&luns, 0, 0);
	/* No cache to switch on. */
	lun = get_lun(&luns, "0:0,ram=1M");
	make_list(list, WCE);
	t = mode_select(lun, list, 24);
	expect_sense(&t, KEY_ILLEGAL_REQUEST, ASC_INVALID_PARAM_FIELD);
	lun_table_close(&luns);
}

static void write_and_verify(void **state)
{
	uint8_t cdb[16] = {0x2e, 0, 0, 0, 0, 3, 0, 0, 1};
	const uint8_t read10[16] = {0x28, 0, 0, 0, 0, 3, 0, 0, 1};
	uint8_t data[BLOCK], back[BLOCK];
	struct lun_table luns = {0};
	struct scsi_task t;
	struct lun *lun;

	(void)state;
	make_file("mode.img", 1 << 20);
	lun = get_lun(&luns, "0:0,file=mode.img");
	memset(data, 0x5a, sizeof(data));
	assert_int_equal(flushes_of(lun, cdb, data, sizeof(data)), 1);
	data[7]++;
	cdb[1] = 0x02; /* compare with the data */
	assert_int_equal(flushes_of(lun, cdb, data, sizeof(data)), 1);
	t = command(lun, read10, back, sizeof(back));
	expect_sense(&t, 0, 0);
	assert_memory_equal(back, data, sizeof(data));
	cdb[1] = 0x06;
	t = command(lun, cdb, data, sizeof(data));
	expect_sense(&t, KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB);
	lun_table_close(&luns);
}

static struct scsi_task log_sense(struct lun *lun, uint8_t page, uint8_t subpage, uint8_t *data)
{
	const uint8_t cdb[16] = {0x4d, 0, page, subpage, 0, 0, 0, 0, 64};

	return command(lun, cdb, data, 64);
}

/* Each page of the list exists. */
static void log_pages(void **state)
{
	struct lun_table luns = {0};
	uint8_t list[64], data[64];
	struct scsi_task t;
	struct lun *lun;
	unsigned i;

	(void)state;
	lun = get_lun(&luns, "0:0,ram=1M");
	t = log_sense(lun, 0x40, 0, list);
	expect_sense(&t, 0, 0);
	assert_int_equal(get_be16(list + 2), 2);
	for (i = 4; i < 4u + get_be16(list + 2); i++) {
		t = log_sense(lun, 0x40 | list[i], 0, data);
		expect_sense(&t, 0, 0);
		assert_int_equal(data[0], list[i]);
		assert_int_equal(t.in_done, 4u + get_be16(data + 2));
	}
	t = log_sense(lun, 0x40, 0xff, data);
	expect_sense(&t, 0, 0);
	assert_int_equal(data[0], 0x40);
	t = log_sense(lun, 0x40 | 0x0d, 0, data);
	expect_sense(&t, KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB);
	t = log_sense(lun, 0x40 | 0x2f, 0xff, data);
	expect_sense(&t, KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB);
	t = log_sense(lun, 0xc0 | 0x2f, 0, data);
	expect_sense(&t, KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB);
	lun_table_close(&luns);
}

static void one_target_port_group(void **state)
{
	static const uint8_t plain[16] = {0, 0, 0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1};
	uint8_t cdb[16] = {0xa3, 0x0a, 0, 0, 0, 0, 0, 0, 0, 64};
	const uint8_t inquiry[16] = {0x12, 0, 0, 0, 36};
	struct lun_table luns = {0};
	uint8_t data[64];
	struct scsi_task t;
	struct lun *lun;

	(void)state;
	lun = get_lun(&luns, "0:0,ram=1M");
	t = command(lun, cdb, data, sizeof(data));
	assert_int_equal(t.in_done, sizeof(plain));
	assert_memory_equal(data, plain, sizeof(plain));
	cdb[1] = 0x2a; /* with the extended header */
	t = command(lun, cdb, data, sizeof(data));
	assert_int_equal(t.in_done, sizeof(plain) + 4);
	assert_int_equal(data[3], 16);
	assert_int_equal(data[4], 0x10);
	assert_memory_equal(data + 8, plain + 4, 12);
	t = command(lun, inquiry, data, sizeof(data));
	expect_sense(&t, 0, 0);
	assert_int_equal(data[5] & 0x30, 0x10); /* TPGS */
	lun_table_close(&luns);
}

int mode_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_cache_writes_are_durable),
		cmocka_unit_test(switching_off_flushes),
		cmocka_unit_test(refused_lists),
		cmocka_unit_test(write_and_verify),
		cmocka_unit_test(log_pages),
		cmocka_unit_test(one_target_port_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
