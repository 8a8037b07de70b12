/* SPDX-License-Identifier: BSD-3-Clause */
/* The REPORT LUNS list: which entries are returned, and where it ends. */
#include <errno.h>
#include <stdlib.h>

#include "tests.h"

#include "scsi/report_luns.h"

/* Header, then LUN 0, 5, 300 and 16383, between entries that can't be addressed. */
static const uint8_t reply[] = {
	0,    0,    0, 88, 0, 0, 0, 0, /* eleven entries */
	0,    0,    0, 0,  0, 0, 0, 0, /* peripheral form, 0 */
	0,    5,    0, 0,  0, 0, 0, 0, /* peripheral form, 5 */
	1,    5,    0, 0,  0, 0, 0, 0, /* another bus */
	0x41, 0x2c, 0, 0,  0, 0, 0, 0, /* flat form, 300 */
	0x80, 1,    0, 0,  0, 0, 0, 0, /* logical unit addressing */
	0xc1, 1,    0, 0,  0, 0, 0, 0, /* the REPORT LUNS well-known unit */
	0xd2, 0,    0, 1,  0, 0, 0, 0, /* extended flat form */
	0,    5,    0, 1,  0, 0, 0, 0, /* a second level */
	0x40, 1,    0, 0,  0, 0, 0, 1, /* a fourth level */
	0x3f, 0xff, 0, 0,  0, 0, 0, 0, /* bus 63 */
	0x7f, 0xff, 0, 0,  0, 0, 0, 0, /* flat form, 16383 */
};

static unsigned count(const uint8_t *data, size_t len, uint64_t *wanted)
{
	struct scsi_lun_list list;
	unsigned found = 0;
	unsigned lun;

	assert_int_equal(scsi_lun_list_begin(&list, data, len), 0);
	*wanted = list.wanted;
	while (scsi_lun_list_next(&list, &lun)) {
		assert_true(lun <= 16383);
		found++;
	}
	/* At the end it stays at the end. */
	assert_false(scsi_lun_list_next(&list, &lun));
	return found;
}

static void accepts_single_level_luns(void **state)
{
	static const unsigned want[] = {0, 5, 300, 16383};
	struct scsi_lun_list list;
	unsigned lun;
	size_t i;

	(void)state;
	CONFORMS("R-SCSI-34", "R-HARD-20");
	assert_int_equal(scsi_lun_list_begin(&list, reply, sizeof(reply)), 0);
	assert_int_equal(list.wanted, sizeof(reply));
	for (i = 0; i < ARRAY_LEN(want); i++) {
		assert_true(scsi_lun_list_next(&list, &lun));
		assert_int_equal(lun, want[i]);
	}
	assert_false(scsi_lun_list_next(&list, &lun));
}

static void parses_truncated_data(void **state)
{
	uint64_t wanted;
	size_t len;

	(void)state;
	CONFORMS("R-HARD-20");
	for (len = 0; len <= sizeof(reply); len++) {
		uint8_t *copy = exact_copy(reply, len);
		struct scsi_lun_list list;
		unsigned lun;

		if (len < 8) {
			assert_int_equal(scsi_lun_list_begin(&list, copy, len), -EPROTO);
			assert_false(scsi_lun_list_next(&list, &lun));
		} else {
			assert_int_equal(count(copy, len, &wanted),
					 (len >= 16) + (len >= 24) + (len >= 40) + (len >= 96));
			assert_int_equal(wanted, sizeof(reply));
		}
		free(copy);
	}
}

static void length_is_rounded_down_and_bounded(void **state)
{
	uint8_t data[8 + 4 * 8] = {0};
	uint64_t wanted;

	(void)state;
	CONFORMS("R-HARD-20");
	put_be32(data, 0);
	assert_int_equal(count(data, sizeof(data), &wanted), 0);
	assert_int_equal(wanted, 8);
	put_be32(data, 7);
	assert_int_equal(count(data, sizeof(data), &wanted), 0);
	assert_int_equal(wanted, 8);
	put_be32(data, 23);
	assert_int_equal(count(data, sizeof(data), &wanted), 2);
	assert_int_equal(wanted, 24);
	put_be32(data, 1 << 20);
	assert_int_equal(count(data, sizeof(data), &wanted), 4);
	assert_int_equal(wanted, 8 + (1 << 20));
	put_be32(data, UINT32_MAX);
	assert_int_equal(count(data, sizeof(data), &wanted), 4);
	assert_int_equal(wanted, UINT64_C(0x100000000));
}

int run_report_luns_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_single_level_luns),
		cmocka_unit_test(parses_truncated_data),
		cmocka_unit_test(length_is_rounded_down_and_bounded),
	};

	return cmocka_run_group_tests_name("report_luns", tests, NULL, NULL);
}
