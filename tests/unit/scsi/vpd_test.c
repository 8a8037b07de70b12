/* SPDX-License-Identifier: BSD-3-Clause */
/* VPD pages with fixed fields: 00h, 80h, B0h, B1h, B2h. */
#include <errno.h>
#include <stdlib.h>

#include "tests.h"

#include "scsi/vpd.h"

static const uint8_t limits[64] = {
	0x00, 0xb0, 0x00, 0x3c, 0x01, 0x20, 0x00, 0x08, 0x00, 0x00, 0x20, 0x00,
	0x00, 0x00, 0x04, 0x00, 0x11, 0x11, 0x11, 0x11, 0x00, 0x40, 0x00, 0x00,
	0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x10, 0x80, 0x00, 0x00, 0x01,
	0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x02, 0xee, 0xee, 0xee, 0xee,
};

static void reads_list_of_pages(void **state)
{
	static const uint8_t page[] = {0, 0, 0, 6, 0x00, 0x80, 0x83, 0xb0, 0xb2, 0xff, 0xb1};
	struct scsi_vpd_pages pages;
	unsigned i;

	(void)state;
	assert_int_equal(scsi_vpd_parse_pages(page, sizeof(page), &pages), 0);
	for (i = 0; i < 256; i++) {
		bool listed = memchr(page + 4, (int)i, 6) != NULL;

		assert_int_equal(scsi_vpd_has(&pages, (uint8_t)i), listed);
	}
}

/* Standard INQUIRY data starts with 00 00, like the list of pages. */
static void standard_data_is_not_a_page_list(void **state)
{
	static const uint8_t standard[36] = {0, 0, 5, 2, 31, 0, 0, 2, 'Q'};
	struct scsi_vpd_pages pages;

	(void)state;
	assert_int_equal(scsi_vpd_parse_pages(standard, sizeof(standard), &pages), -EPROTO);
	assert_false(scsi_vpd_has(&pages, 31));
}

static void truncated_page_list(void **state)
{
	uint8_t page[4 + 256] = {0, 0, 1, 0};
	struct scsi_vpd_pages pages;
	size_t len;
	size_t i;

	(void)state;
	CONFORMS("R-HARD-20");
	for (i = 0; i < 256; i++)
		page[4 + i] = (uint8_t)i;
	for (len = 0; len <= sizeof(page); len++) {
		uint8_t *image = exact_copy(page, len);

		assert_int_equal(scsi_vpd_parse_pages(image, len, &pages), len < 4 ? -EPROTO : 0);
		for (i = 0; i < 256; i++)
			assert_int_equal(scsi_vpd_has(&pages, (uint8_t)i), 4 + i < len);
		free(image);
	}
}

static void expect_serial(const char *image, size_t len, const char *want)
{
	char serial[SCSI_SERIAL_SIZE];
	uint8_t *copy = exact_copy(image, len);

	memset(serial, 'x', sizeof(serial));
	assert_int_equal(scsi_vpd_parse_serial(copy, len, serial), 0);
	assert_string_equal(serial, want);
	free(copy);
}

static void reads_serial(void **state)
{
	(void)state;
	expect_serial("\x00\x80\x00\x06"
		      "S12-34",
		      10, "S12-34");
	expect_serial("\x00\x80\x00\x0a"
		      "  S 12    ",
		      14, "S 12");
	expect_serial("\x00\x80\x00\x08"
		      "\0\0S12\0\0\0",
		      12, "S12");
	expect_serial("\x00\x80\x00\x04"
		      "S\x1b[2",
		      8, "S?[2");
	expect_serial("\x00\x80\x00\x03"
		      "S12345",
		      10, "S12");
	expect_serial("\x00\x80\xff\xff"
		      "S12345",
		      10, "S12345");
	expect_serial("\x00\x80\x00\x00", 4, "");
	expect_serial("\x00\x80\x00\x04"
		      "    ",
		      8, "");
}

static void truncates_long_serial(void **state)
{
	uint8_t page[4 + 252] = {0, 0x80, 0, 252};
	char serial[SCSI_SERIAL_SIZE];

	(void)state;
	memset(page + 4, '7', 252);
	assert_int_equal(scsi_vpd_parse_serial(page, sizeof(page), serial), 0);
	assert_int_equal(strlen(serial), SCSI_SERIAL_SIZE - 1);
	assert_clean_string(serial, sizeof(serial));
}

static void reads_limits(void **state)
{
	struct scsi_vpd_limits out;

	(void)state;
	assert_int_equal(scsi_vpd_parse_limits(limits, sizeof(limits), &out), 0);
	assert_int_equal(out.max_caw, 0x20);
	assert_int_equal(out.max_transfer, 0x2000);
	assert_int_equal(out.optimal_transfer, 0x400);
	assert_int_equal(out.max_unmap_blocks, 0x400000);
	assert_int_equal(out.max_unmap_ranges, 0x100);
	assert_int_equal(out.unmap_granularity, 0x10);
	assert_int_equal(out.max_write_same, UINT64_C(0x100000002));
}

/* In SBC-2 the page has 16 bytes; a truncated field is treated as missing. */
static void truncated_limits(void **state)
{
	struct scsi_vpd_limits out;
	size_t len;

	(void)state;
	CONFORMS("R-HARD-20");
	for (len = 0; len <= sizeof(limits); len++) {
		uint8_t *image = exact_copy(limits, len);

		assert_int_equal(scsi_vpd_parse_limits(image, len, &out), len < 4 ? -EPROTO : 0);
		assert_int_equal(out.max_caw, len >= 6 ? 0x20 : 0);
		assert_int_equal(out.max_transfer, len >= 12 ? 0x2000 : 0);
		assert_int_equal(out.optimal_transfer, len >= 16 ? 0x400 : 0);
		assert_int_equal(out.max_unmap_blocks, len >= 24 ? 0x400000 : 0);
		assert_int_equal(out.max_unmap_ranges, len >= 28 ? 0x100 : 0);
		assert_int_equal(out.unmap_granularity, len >= 32 ? 0x10 : 0);
		assert_int_equal(out.max_write_same, len >= 44 ? UINT64_C(0x100000002) : 0);
		free(image);
	}
}

static void limits_respect_the_page_length(void **state)
{
	struct scsi_vpd_limits out;
	uint8_t page[64];

	(void)state;
	CONFORMS("R-HARD-20");
	memcpy(page, limits, sizeof(page));
	page[3] = 12;
	assert_int_equal(scsi_vpd_parse_limits(page, sizeof(page), &out), 0);
	assert_int_equal(out.optimal_transfer, 0x400);
	assert_int_equal(out.max_unmap_blocks, 0);
	assert_int_equal(out.max_write_same, 0);
}

static void reads_rotation(void **state)
{
	static const uint8_t disk[] = {0, 0xb1, 0, 60, 0x1c, 0x20};
	static const uint8_t flash[] = {0, 0xb1, 0, 60, 0x00, 0x01};
	uint16_t rate;

	(void)state;
	assert_int_equal(scsi_vpd_parse_rotation(disk, sizeof(disk), &rate), 0);
	assert_int_equal(rate, 7200);
	assert_int_equal(scsi_vpd_parse_rotation(flash, sizeof(flash), &rate), 0);
	assert_int_equal(rate, 1);
	assert_int_equal(scsi_vpd_parse_rotation(disk, 5, &rate), 0);
	assert_int_equal(rate, 0);
	assert_int_equal(scsi_vpd_parse_rotation(disk, 3, &rate), -EPROTO);
	assert_int_equal(rate, 0);
}

static void reads_provisioning(void **state)
{
	static const struct {
		uint8_t page[8];
		struct scsi_vpd_provisioning want;
	} cases[] = {
		{{0, 0xb2, 0, 4, 0, 0xe4, 2, 0}, {true, true, true, 2}},
		{{0, 0xb2, 0, 4, 0, 0x80, 1, 0}, {true, false, false, 1}},
		{{0, 0xb2, 0, 4, 0, 0x40, 0xf8, 0}, {false, true, false, 0}},
		{{0, 0xb2, 0, 4, 0, 0x20, 0, 0}, {false, false, false, 0}},
		/* LBPRZ 010b: unmapped blocks read as a vendor-specific pattern, not zeros. */
		{{0, 0xb2, 0, 4, 0, 0x88, 2, 0}, {true, false, false, 2}},
		{{0, 0xb2, 0, 1, 9, 0xff, 7, 0}, {false, false, false, 0}},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct scsi_vpd_provisioning out;

		assert_int_equal(scsi_vpd_parse_provisioning(cases[i].page, 8, &out), 0);
		assert_memory_equal(&out, &cases[i].want, sizeof(out));
	}
}

static void rejects_other_pages(void **state)
{
	struct scsi_vpd_provisioning provisioning;
	struct scsi_vpd_limits lim;
	struct scsi_vpd_pages pages;
	char serial[SCSI_SERIAL_SIZE];
	uint16_t rate;
	uint8_t page[64] = {0, 0x55, 0, 60};

	(void)state;
	assert_int_equal(scsi_vpd_parse_pages(page, sizeof(page), &pages), -EPROTO);
	assert_int_equal(scsi_vpd_parse_serial(page, sizeof(page), serial), -EPROTO);
	assert_string_equal(serial, "");
	assert_int_equal(scsi_vpd_parse_limits(page, sizeof(page), &lim), -EPROTO);
	assert_int_equal(scsi_vpd_parse_rotation(page, sizeof(page), &rate), -EPROTO);
	assert_int_equal(scsi_vpd_parse_provisioning(page, sizeof(page), &provisioning), -EPROTO);
}

int run_vpd_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_list_of_pages),
		cmocka_unit_test(standard_data_is_not_a_page_list),
		cmocka_unit_test(truncated_page_list),
		cmocka_unit_test(reads_serial),
		cmocka_unit_test(truncates_long_serial),
		cmocka_unit_test(reads_limits),
		cmocka_unit_test(truncated_limits),
		cmocka_unit_test(limits_respect_the_page_length),
		cmocka_unit_test(reads_rotation),
		cmocka_unit_test(reads_provisioning),
		cmocka_unit_test(rejects_other_pages),
	};

	return cmocka_run_group_tests_name("vpd", tests, NULL, NULL);
}
