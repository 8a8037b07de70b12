/* SPDX-License-Identifier: BSD-3-Clause */
/* PERSISTENT RESERVE IN and OUT: the bytes that are sent, and what is believed of the answers. */
#include <errno.h>
#include <stdlib.h>

#include "tests.h"

#include "scsi/reserve.h"

#define KEY UINT64_C(0x1122334455667788)

static void commands(void **state)
{
	static const uint8_t in[SCSI_CDB_LEN] = {0x5e, 2, 0, 0, 0, 0, 0, 0x12, 0x34};
	static const uint8_t out[SCSI_CDB_LEN] = {0x5f, 5, 6, 0, 0, 0, 0, 0, 24};
	uint8_t cdb[SCSI_CDB_LEN];

	(void)state;
	memset(cdb, 0xa5, sizeof(cdb));
	scsi_cdb_pr_in(cdb, SCSI_PR_CAPABILITIES, 0x1234);
	assert_memory_equal(cdb, in, sizeof(cdb));
	memset(cdb, 0xa5, sizeof(cdb));
	scsi_cdb_pr_out(cdb, SCSI_PR_PREEMPT_ABORT, VSCSI_PR_EXCLUSIVE_ACCESS_REGISTRANTS);
	assert_memory_equal(cdb, out, sizeof(cdb));
}

static void parameter_list(void **state)
{
	static const uint8_t want[SCSI_PR_LIST_LEN] = {
		0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0, 0, 0, 0, 0, 0, 0, 9, [20] = 1};
	uint8_t list[SCSI_PR_LIST_LEN];

	(void)state;
	memset(list, 0xa5, sizeof(list));
	scsi_pr_list(list, KEY, 9, true);
	assert_memory_equal(list, want, sizeof(list));
	scsi_pr_list(list, KEY, 9, false);
	assert_int_equal(list[20], 0);
}

/* What READ KEYS returns: @claimed bytes of keys, of which @len bytes arrive. */
static uint8_t *keys_of(uint32_t claimed, size_t len)
{
	uint8_t data[64] = {0, 0, 1, 2};
	unsigned i;

	put_be32(data + 4, claimed);
	for (i = 0; i < 7; i++)
		put_be64(data + 8 + 8 * i, i + 1);
	return exact_copy(data, len);
}

static void keys(void **state)
{
	static const struct {
		uint32_t claimed;
		size_t len;
		int count;
		unsigned received;
		bool has_2;
		bool has_3;
	} table[] = {
		{16, 24, 2, 2, true, false},
		{0, 8, 0, 0, false, false},
		/* No more than the device says, nor than has arrived. */
		{16, 64, 2, 2, true, false},
		{23, 64, 2, 2, true, false},
		{24, 31, 3, 2, true, true},
		{16, 8, 2, 0, true, true},
		{UINT32_MAX, 16, INT32_MAX / 8, 1, true, true},
		{16, 7, -EPROTO, 0, false, false},
		{16, 0, -EPROTO, 0, false, false},
	};
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(table); i++) {
		uint8_t *data = keys_of(table[i].claimed, table[i].len);
		uint32_t generation = 0;
		unsigned received = 0;

		assert_int_equal(scsi_pr_parse_keys(data, table[i].len, &generation, &received),
				 table[i].count);
		assert_int_equal(received, table[i].received);
		if (table[i].count >= 0)
			assert_int_equal(generation, 0x102);
		assert_int_equal(scsi_pr_has_key(data, table[i].len, 2), table[i].has_2);
		assert_int_equal(scsi_pr_has_key(data, table[i].len, 3), table[i].has_3);
		free(data);
	}
}

static void reservation(void **state)
{
	static const uint8_t data[24] = {0,    0,    0,    7,    0,    0,    0,    16,         0x11,
					 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, [21] = 0xf5};
	struct vscsi_pr_reservation now;
	uint8_t *copy;
	size_t len;

	(void)state;
	for (len = 0; len <= sizeof(data); len++) {
		bool whole = len == sizeof(data);

		copy = exact_copy(data, len);
		assert_int_equal(scsi_pr_parse_reservation(copy, len, &now), whole ? 0 : -EPROTO);
		assert_int_equal(now.generation, len < 8 ? 0 : 7);
		assert_int_equal(now.type, whole ? VSCSI_PR_WRITE_EXCLUSIVE_REGISTRANTS : 0);
		assert_true(now.key == (whole ? KEY : 0));
		free(copy);
	}
	/* The length says that there is none. */
	copy = exact_copy(data, sizeof(data));
	copy[7] = 0;
	assert_int_equal(scsi_pr_parse_reservation(copy, sizeof(data), &now), 0);
	assert_int_equal(now.type, 0);
	free(copy);
}

static void capabilities(void **state)
{
	static const struct {
		uint8_t data[8];
		uint32_t flags;
		uint32_t types;
	} table[] = {
		{{0, 8, 0x1d, 0x80, 0xea, 1}, VSCSI_PR_CAN_PERSIST, 0x1ea},
		{{0, 8, 0x1c, 0x81, 0x02, 0}, VSCSI_PR_PERSISTS, 1u << VSCSI_PR_WRITE_EXCLUSIVE},
		/* The types are valid only if TMV says so. */
		{{0, 8, 0x01, 0x01, 0xea, 1}, VSCSI_PR_CAN_PERSIST | VSCSI_PR_PERSISTS, 0},
	};
	struct vscsi_pr_capabilities now;
	uint8_t *copy;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(table); i++) {
		copy = exact_copy(table[i].data, 8);
		assert_int_equal(scsi_pr_parse_capabilities(copy, 8, &now), 0);
		assert_int_equal(now.flags, table[i].flags);
		assert_int_equal(now.types, table[i].types);
		copy[1] = 7;
		assert_int_equal(scsi_pr_parse_capabilities(copy, 8, &now), -EPROTO);
		free(copy);
		copy = exact_copy(table[i].data, 7);
		assert_int_equal(scsi_pr_parse_capabilities(copy, 7, &now), -EPROTO);
		assert_int_equal(now.flags, 0);
		free(copy);
	}
}

int run_reserve_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands),     cmocka_unit_test(parameter_list),
		cmocka_unit_test(keys),         cmocka_unit_test(reservation),
		cmocka_unit_test(capabilities),
	};

	return cmocka_run_group_tests_name("reserve", tests, NULL, NULL);
}
