/* SPDX-License-Identifier: BSD-3-Clause */
/* MODE SENSE data in both forms. */
#include <errno.h>
#include <stdlib.h>

#include "tests.h"

#include "scsi/mode.h"

/* Header of 4, a block descriptor of 8, page 01h, then the caching page with WCE. */
static const uint8_t reply_6[] = {
	43,   0,    0x10, 8,                         /* lengths, DPOFUA */
	0,    0,    0,    0, 0, 0, 2, 0,             /* block descriptor */
	0x81, 0x0a, 0,    0, 0, 0, 0, 0, 0, 0, 0, 0, /* another page, with PS */
	0x88, 0x12, 0x04, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
};

/* Header of 8, no block descriptor, a subpage, then the caching page with WCE. */
static const uint8_t reply_10[] = {
	0,    38,   0,    0x80, 0, 0, 0, 0,       /* length, WP */
	0x48, 0x08, 0,    6,    4, 4, 4, 4, 4, 4, /* page 08h, subpage 08h: another one */
	0x08, 0x12, 0x04, 0,    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
};

static void six_byte_form(void **state)
{
	struct scsi_mode m;

	(void)state;
	assert_int_equal(scsi_mode_parse_6(reply_6, sizeof(reply_6), &m), 0);
	assert_false(m.write_protected);
	assert_true(m.dpofua);
	assert_true(m.write_cache);
}

static void ten_byte_form(void **state)
{
	uint8_t no_cache[sizeof(reply_10)];
	struct scsi_mode m;

	(void)state;
	assert_int_equal(scsi_mode_parse_10(reply_10, sizeof(reply_10), &m), 0);
	assert_true(m.write_protected);
	assert_false(m.dpofua);
	assert_true(m.write_cache);
	memcpy(no_cache, reply_10, sizeof(no_cache));
	no_cache[20] = 0;
	assert_int_equal(scsi_mode_parse_10(no_cache, sizeof(no_cache), &m), 0);
	assert_false(m.write_cache);
}

static void truncated_six_byte_form(void **state)
{
	struct scsi_mode m;
	size_t len;

	(void)state;
	CONFORMS("R-HARD-20");
	for (len = 0; len <= sizeof(reply_6); len++) {
		uint8_t *copy = exact_copy(reply_6, len);

		assert_int_equal(scsi_mode_parse_6(copy, len, &m), len < 4 ? -EPROTO : 0);
		assert_int_equal(m.dpofua, len >= 4);
		assert_int_equal(m.write_cache, len >= 27);
		free(copy);
	}
}

static void truncated_ten_byte_form(void **state)
{
	struct scsi_mode m;
	size_t len;

	(void)state;
	CONFORMS("R-HARD-20");
	for (len = 0; len <= sizeof(reply_10); len++) {
		uint8_t *copy = exact_copy(reply_10, len);

		assert_int_equal(scsi_mode_parse_10(copy, len, &m), len < 8 ? -EPROTO : 0);
		assert_int_equal(m.write_protected, len >= 8);
		assert_int_equal(m.write_cache, len >= 21);
		free(copy);
	}
}

static void wrong_lengths(void **state)
{
	struct scsi_mode m;
	uint8_t data[64];

	(void)state;
	CONFORMS("R-HARD-20");
	/* The data ends before the caching page. */
	memcpy(data, reply_6, sizeof(reply_6));
	data[0] = 23;
	assert_int_equal(scsi_mode_parse_6(data, sizeof(reply_6), &m), 0);
	assert_false(m.write_cache);
	/* The claimed length exceeds the data. */
	data[0] = 255;
	assert_int_equal(scsi_mode_parse_6(data, sizeof(reply_6), &m), 0);
	assert_true(m.write_cache);
	/* Block descriptors, then a page, that exceed the data. */
	data[3] = 255;
	assert_int_equal(scsi_mode_parse_6(data, sizeof(reply_6), &m), 0);
	assert_true(m.dpofua);
	assert_false(m.write_cache);
	data[3] = 8;
	data[13] = 255;
	assert_int_equal(scsi_mode_parse_6(data, sizeof(reply_6), &m), 0);
	assert_false(m.write_cache);
	/* A caching page too short for its flags. */
	data[13] = 0x0a;
	data[25] = 0;
	assert_int_equal(scsi_mode_parse_6(data, sizeof(reply_6), &m), 0);
	assert_false(m.write_cache);
	memcpy(data, reply_10, sizeof(reply_10));
	put_be16(data + 6, 0xffff);
	assert_int_equal(scsi_mode_parse_10(data, sizeof(reply_10), &m), 0);
	assert_true(m.write_protected);
	assert_false(m.write_cache);
}

int run_mode_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(six_byte_form),
		cmocka_unit_test(ten_byte_form),
		cmocka_unit_test(truncated_six_byte_form),
		cmocka_unit_test(truncated_ten_byte_form),
		cmocka_unit_test(wrong_lengths),
	};

	return cmocka_run_group_tests_name("mode", tests, NULL, NULL);
}
