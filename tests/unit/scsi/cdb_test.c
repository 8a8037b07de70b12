/* SPDX-License-Identifier: BSD-3-Clause */
/* The bytes of every command, and the limits of their short forms. */
#include "tests.h"

#include "scsi/cdb.h"

/* A CDB between guard bytes, pre-filled. */
struct guarded {
	uint8_t before[8];
	uint8_t cdb[SCSI_CDB_LEN];
	uint8_t after[8];
};

static void begin(struct guarded *g)
{
	memset(g, 0xa5, sizeof(*g));
}

static void expect(const struct guarded *g, const uint8_t *want)
{
	static const uint8_t guard[8] = {0xa5, 0xa5, 0xa5, 0xa5, 0xa5, 0xa5, 0xa5, 0xa5};

	assert_memory_equal(g->cdb, want, SCSI_CDB_LEN);
	assert_memory_equal(g->before, guard, sizeof(guard));
	assert_memory_equal(g->after, guard, sizeof(guard));
}

#define EXPECT(g, ...) expect(g, (const uint8_t[SCSI_CDB_LEN]){__VA_ARGS__})

static void rw_uses_10_byte_form(void **state)
{
	struct guarded g;

	(void)state;
	CONFORMS("R-SCSI-21");
	begin(&g);
	scsi_cdb_rw(g.cdb, false, 0x12345678, 0x9abc, false);
	EXPECT(&g, 0x28, 0, 0x12, 0x34, 0x56, 0x78, 0, 0x9a, 0xbc);
	begin(&g);
	scsi_cdb_rw(g.cdb, true, 1, 8, false);
	EXPECT(&g, 0x2a, 0, 0, 0, 0, 1, 0, 0, 8);
	begin(&g);
	scsi_cdb_rw(g.cdb, true, 1, 256, true);
	EXPECT(&g, 0x2a, 0x08, 0, 0, 0, 1, 0, 1, 0);
}

static void rw_uses_16_byte_form(void **state)
{
	struct guarded g;

	(void)state;
	begin(&g);
	scsi_cdb_rw(g.cdb, false, UINT64_C(0x123456789abcdef0), 0x87654321, true);
	EXPECT(&g, 0x88, 0x08, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0x87, 0x65, 0x43,
	       0x21);
	begin(&g);
	scsi_cdb_rw(g.cdb, true, 0, 65536, false);
	EXPECT(&g, 0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0);
}

static void rw_form_depends_on_address_and_length(void **state)
{
	static const struct {
		uint64_t lba;
		uint32_t blocks;
		uint8_t op;
	} cases[] = {
		{0, 0, 0x28},
		{0, 1, 0x28},
		{0, 65535, 0x28},
		{0, 65536, 0x88},
		{0, 65537, 0x88},
		{0, UINT32_MAX, 0x88},
		{UINT32_MAX, 1, 0x28},
		{UINT32_MAX, 2, 0x88},
		{UINT64_C(0x100000000) - 65535, 65535, 0x28},
		{UINT64_C(0x100000000) - 65534, 65535, 0x88},
		{UINT64_C(0x100000000), 0, 0x88},
		{UINT64_C(0x100000000), 1, 0x88},
		{UINT64_MAX, 1, 0x88},
		{UINT64_MAX - 7, 8, 0x88},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t cdb[SCSI_CDB_LEN];

		scsi_cdb_rw(cdb, false, cases[i].lba, cases[i].blocks, false);
		assert_int_equal(cdb[0], cases[i].op);
		if (cases[i].op == 0x28) {
			assert_int_equal(get_be32(cdb + 2), cases[i].lba);
			assert_int_equal(get_be16(cdb + 7), cases[i].blocks);
		} else {
			assert_int_equal(get_be64(cdb + 2), cases[i].lba);
			assert_int_equal(get_be32(cdb + 10), cases[i].blocks);
		}
	}
}

static void write_same_form_depends_on_flags(void **state)
{
	struct guarded g;

	(void)state;
	begin(&g);
	scsi_cdb_write_same(g.cdb, 0x01020304, 0x0506, 0);
	EXPECT(&g, 0x41, 0, 1, 2, 3, 4, 0, 5, 6);
	begin(&g);
	scsi_cdb_write_same(g.cdb, 0x01020304, 0x0506, SCSI_WS_UNMAP);
	EXPECT(&g, 0x41, 0x08, 1, 2, 3, 4, 0, 5, 6);
	begin(&g);
	scsi_cdb_write_same(g.cdb, 0x01020304, 0x0506, SCSI_WS_16);
	EXPECT(&g, 0x93, 0, 0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 5, 6);
	begin(&g);
	scsi_cdb_write_same(g.cdb, 0x01020304, 0x0506, SCSI_WS_UNMAP | SCSI_WS_16);
	EXPECT(&g, 0x93, 0x08, 0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 5, 6);
	begin(&g);
	scsi_cdb_write_same(g.cdb, 0, 65536, SCSI_WS_UNMAP);
	EXPECT(&g, 0x93, 0x08, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0);
	begin(&g);
	scsi_cdb_write_same(g.cdb, UINT64_C(0x100000000), 1, 0);
	EXPECT(&g, 0x93, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1);
}

static void other_block_commands(void **state)
{
	struct guarded g;

	(void)state;
	begin(&g);
	scsi_cdb_sync_cache(g.cdb, false);
	EXPECT(&g, 0x35);
	begin(&g);
	scsi_cdb_sync_cache(g.cdb, true);
	EXPECT(&g, 0x91);
	begin(&g);
	scsi_cdb_compare_and_write(g.cdb, UINT64_C(0x0102030405060708), 0xff, true);
	EXPECT(&g, 0x89, 0x08, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0xff);
	begin(&g);
	scsi_cdb_compare_and_write(g.cdb, 5, 1, false);
	EXPECT(&g, 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1);
	begin(&g);
	scsi_cdb_unmap(g.cdb, 14);
	EXPECT(&g, 0x42, 0, 0, 0, 0, 0, 0, 0, 232);
	begin(&g);
	scsi_cdb_unmap(g.cdb, 4095);
	EXPECT(&g, 0x42, 0, 0, 0, 0, 0, 0, 0xff, 0xf8);
}

static void unmap_list(void **state)
{
	static const uint8_t want[SCSI_UNMAP_LIST_LEN(2)] = {
		0, 38, 0, 32, 0, 0, 0, 0, /* lengths of what follows each, four reserved */
		1, 2,  3, 4,  5, 6, 7, 8, 9,    9,    9,    8,    0, 0, 0, 0,
		0, 0,  0, 0,  0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0,
	};
	uint8_t list[SCSI_UNMAP_LIST_LEN(2)];

	(void)state;
	memset(list, 0xa5, sizeof(list));
	scsi_unmap_header(list, 2);
	scsi_unmap_range(list, 0, UINT64_C(0x0102030405060708), 0x09090908);
	scsi_unmap_range(list, 1, 0, UINT32_MAX);
	assert_memory_equal(list, want, sizeof(want));
}

static void query_commands(void **state)
{
	struct guarded g;

	(void)state;
	begin(&g);
	scsi_cdb_inquiry(g.cdb, false, 0, SCSI_INQUIRY_ALLOC);
	EXPECT(&g, 0x12, 0, 0, 0, 96);
	begin(&g);
	scsi_cdb_inquiry(g.cdb, true, 0x83, 0x1234);
	EXPECT(&g, 0x12, 1, 0x83, 0x12, 0x34);
	begin(&g);
	scsi_cdb_read_capacity_10(g.cdb);
	EXPECT(&g, 0x25);
	begin(&g);
	scsi_cdb_read_capacity_16(g.cdb);
	EXPECT(&g, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32);
	begin(&g);
	scsi_cdb_report_luns(g.cdb, 2, 0x01020304);
	EXPECT(&g, 0xa0, 0, 2, 0, 0, 0, 1, 2, 3, 4);
	begin(&g);
	scsi_cdb_mode_sense_6(g.cdb, 0x08, 192);
	EXPECT(&g, 0x1a, 0x08, 0x08, 0, 192);
	begin(&g);
	scsi_cdb_mode_sense_10(g.cdb, 0x3f, 0x0102);
	EXPECT(&g, 0x5a, 0x08, 0x3f, 0, 0, 0, 0, 1, 2);
}

int run_cdb_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rw_uses_10_byte_form),
		cmocka_unit_test(rw_uses_16_byte_form),
		cmocka_unit_test(rw_form_depends_on_address_and_length),
		cmocka_unit_test(write_same_form_depends_on_flags),
		cmocka_unit_test(other_block_commands),
		cmocka_unit_test(unmap_list),
		cmocka_unit_test(query_commands),
	};

	return cmocka_run_group_tests_name("cdb", tests, NULL, NULL);
}
