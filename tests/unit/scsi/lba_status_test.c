/* SPDX-License-Identifier: BSD-3-Clause */
/* GET LBA STATUS data: which runs are returned, and what is not believed. */
#include <errno.h>
#include <stdlib.h>

#include "tests.h"

#include "scsi/cdb.h"
#include "scsi/lba_status.h"

#define MOST 4u

struct descriptor {
	uint64_t lba;
	uint32_t blocks;
	uint8_t status;
};

static int parse(const struct descriptor *list, unsigned count, uint32_t claimed, uint64_t lba,
		 struct scsi_lba_run *runs)
{
	uint8_t data[SCSI_LBA_STATUS_LEN(8)] = {0};
	size_t len = SCSI_LBA_STATUS_LEN(count);
	uint8_t *copy;
	unsigned i;
	int ret;

	put_be32(data, claimed);
	for (i = 0; i < count; i++) {
		put_be64(data + 8 + 16 * i, list[i].lba);
		put_be32(data + 16 + 16 * i, list[i].blocks);
		data[20 + 16 * i] = list[i].status;
	}
	copy = exact_copy(data, len);
	ret = scsi_lba_status_parse(copy, len, lba, runs, MOST);
	free(copy);
	return ret;
}

static void runs_adjoin(void **state)
{
	static const struct descriptor list[] = {{0, 8, 1},  {8, 8, 0},     {16, 4, 0},
						 {20, 1, 2}, {21, 5, 0xf1}, {30, 5, 0}};
	struct scsi_lba_run runs[MOST];

	(void)state;
	assert_int_equal(parse(list, 6, 4 + 16 * 6, 2, runs), 4);
	/* The first began before the block that was asked for. */
	assert_int_equal(runs[0].blocks, 6);
	assert_int_equal(runs[0].status, SCSI_LBA_DEALLOCATED);
	assert_int_equal(runs[1].blocks, 12);
	assert_int_equal(runs[1].status, SCSI_LBA_MAPPED);
	assert_int_equal(runs[2].blocks, 1);
	assert_int_equal(runs[2].status, SCSI_LBA_ANCHORED);
	/* The upper half of the byte is not part of the status. */
	assert_int_equal(runs[3].blocks, 5);
	assert_int_equal(runs[3].status, SCSI_LBA_DEALLOCATED);
	/* No more than the device says, nor than there is room for. */
	assert_int_equal(parse(list, 6, 4 + 16 * 2 + 15, 0, runs), 2);
	assert_int_equal(runs[1].blocks, 8);
	assert_int_equal(parse(list, 2, UINT32_MAX, 0, runs), 2);
}

static void unknown_status_means_data(void **state)
{
	static const struct descriptor list[] = {{0, 1, 3}, {1, 1, 15}};
	struct scsi_lba_run runs[MOST];

	(void)state;
	assert_int_equal(parse(list, 2, 36, 0, runs), 1);
	assert_int_equal(runs[0].blocks, 2);
	assert_int_equal(runs[0].status, SCSI_LBA_MAPPED);
}

static void answers_that_make_no_sense(void **state)
{
	static const struct {
		struct descriptor list;
		uint64_t lba;
	} table[] = {
		{{5, 5, 0}, 4},          {{5, 5, 0}, 10},
		{{0, 0, 0}, 0},          {{4, 0, 0}, 4},
		{{UINT64_MAX, 1, 0}, 0}, {{UINT64_MAX, 2, 0}, UINT64_MAX},
		{{0, 5, 1}, 500},        {{UINT64_MAX - 1, 3, 0}, UINT64_MAX},
	};
	struct scsi_lba_run runs[MOST];
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(table); i++)
		assert_int_equal(parse(&table[i].list, 1, 20, table[i].lba, runs), -EPROTO);
	assert_int_equal(parse(&table[0].list, 1, 0, 5, runs), -EPROTO);
	assert_int_equal(scsi_lba_status_parse(NULL, 0, 0, runs, MOST), -EPROTO);
}

/* Not to run in circles: a second descriptor has to begin where the first ends. */
static void overlaps_end_the_list(void **state)
{
	static const struct descriptor list[] = {{0, 8, 0}, {4, 8, 1}};
	struct scsi_lba_run runs[MOST];

	(void)state;
	assert_int_equal(parse(list, 2, 36, 0, runs), 1);
	assert_int_equal(runs[0].blocks, 8);
}

static void the_command(void **state)
{
	static const uint8_t want[SCSI_CDB_LEN] = {0x9e, 0x12, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 8, 0};
	uint8_t cdb[SCSI_CDB_LEN];

	(void)state;
	memset(cdb, 0xee, sizeof(cdb));
	scsi_cdb_get_lba_status(cdb, 0x0102030405060708, 2048);
	assert_memory_equal(cdb, want, sizeof(cdb));
}

int run_lba_status_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_adjoin),
		cmocka_unit_test(unknown_status_means_data),
		cmocka_unit_test(answers_that_make_no_sense),
		cmocka_unit_test(overlaps_end_the_list),
		cmocka_unit_test(the_command),
	};

	return cmocka_run_group_tests_name("scsi lba status", tests, NULL, NULL);
}
