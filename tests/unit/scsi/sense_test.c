/* SPDX-License-Identifier: BSD-3-Clause */
/* Sense data in both formats, and its texts. */
#include <errno.h>
#include <stdlib.h>

#include <vscsi/scsi.h>

#include "tests.h"

#include "scsi/sense.h"

/* UNIT ATTENTION, capacity data has changed. */
static const uint8_t fixed[18] = {0x70, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x2a, 0x09};

/* MEDIUM ERROR, unrecovered read error; a block descriptor, then an information descriptor. */
static const uint8_t descriptor[] = {
	0x72, 3,    0x11, 0x00, 0, 0, 0, 18, /* header */
	0x05, 4,    0,    0,    0, 0,        /* another descriptor */
	0x00, 0x0a, 0x80, 0,    0, 0, 0, 1,  2, 3, 4, 5,
};

static void fixed_format(void **state)
{
	static const uint8_t medium[18] = {0xf0, 0, 3, 0x12, 0x34, 0x56, 0x78,
					   10,   0, 0, 0,    0,    0x11};
	struct scsi_sense s;

	(void)state;
	assert_int_equal(scsi_sense_decode(fixed, sizeof(fixed), &s), 0);
	assert_int_equal(s.key, SCSI_KEY_UNIT_ATTENTION);
	assert_int_equal(s.asc, 0x2a);
	assert_int_equal(s.ascq, 0x09);
	assert_false(s.deferred);
	assert_int_equal(scsi_sense_decode(medium, sizeof(medium), &s), 0);
	assert_int_equal(s.key, SCSI_KEY_MEDIUM_ERROR);
}

static void descriptor_format(void **state)
{
	struct scsi_sense s;

	(void)state;
	assert_int_equal(scsi_sense_decode(descriptor, sizeof(descriptor), &s), 0);
	assert_int_equal(s.key, SCSI_KEY_MEDIUM_ERROR);
	assert_int_equal(s.asc, 0x11);
	assert_int_equal(s.ascq, 0x00);
}

static void only_four_response_codes(void **state)
{
	struct scsi_sense s;
	unsigned code;

	(void)state;
	for (code = 0; code < 128; code++) {
		uint8_t data[18] = {(uint8_t)code, 6, 6, 0, 0, 0, 0, 10};
		bool known = code >= 0x70 && code <= 0x73;

		assert_int_equal(scsi_sense_decode(data, sizeof(data), &s), known ? 0 : -EPROTO);
		assert_int_equal(s.key, known ? 6 : 0);
		assert_int_equal(s.deferred, known && code & 1);
	}
}

static void truncated_fixed_format(void **state)
{
	struct scsi_sense s;
	size_t len;

	(void)state;
	CONFORMS("R-HARD-17");
	for (len = 0; len <= sizeof(fixed); len++) {
		uint8_t *copy = exact_copy(fixed, len);

		assert_int_equal(scsi_sense_decode(copy, len, &s), len < 3 ? -EPROTO : 0);
		assert_int_equal(s.key, len < 3 ? 0 : 6);
		assert_int_equal(s.asc, len < 13 ? 0 : 0x2a);
		assert_int_equal(s.ascq, len < 14 ? 0 : 0x09);
		free(copy);
	}
}

static void truncated_descriptor_format(void **state)
{
	struct scsi_sense s;
	size_t len;

	(void)state;
	CONFORMS("R-HARD-17");
	for (len = 0; len <= sizeof(descriptor); len++) {
		uint8_t *copy = exact_copy(descriptor, len);

		assert_int_equal(scsi_sense_decode(copy, len, &s), len < 2 ? -EPROTO : 0);
		assert_int_equal(s.key, len < 2 ? 0 : 3);
		assert_int_equal(s.asc, len < 3 ? 0 : 0x11);
		free(copy);
	}
}

static void wrong_lengths(void **state)
{
	uint8_t data[sizeof(descriptor)];
	struct scsi_sense s;

	(void)state;
	CONFORMS("R-HARD-17");
	/* Descriptor format: lengths in the descriptors don't matter for the key and the codes. */
	memcpy(data, descriptor, sizeof(data));
	data[7] = 255;
	data[9] = 255;
	assert_int_equal(scsi_sense_decode(data, sizeof(data), &s), 0);
	assert_int_equal(s.key, SCSI_KEY_MEDIUM_ERROR);
	assert_int_equal(s.asc, 0x11);
	/* Fixed format, too short for the additional sense code. */
	memcpy(data, fixed, sizeof(fixed));
	data[7] = 4;
	assert_int_equal(scsi_sense_decode(data, sizeof(fixed), &s), 0);
	assert_int_equal(s.key, 6);
	assert_int_equal(s.asc, 0);
}

static void texts_of_known_codes(void **state)
{
	(void)state;
	assert_string_equal(vscsi_sense_text(6, 0x2a, 0x09),
			    "UNIT ATTENTION: capacity data has changed");
	assert_string_equal(vscsi_sense_text(5, 0x20, 0),
			    "ILLEGAL REQUEST: invalid command operation code");
	assert_string_equal(vscsi_sense_text(2, 0x3a, 0), "NOT READY: medium not present");
	assert_string_equal(vscsi_sense_text(7, 0x27, 0), "DATA PROTECT: write protected");
}

static void texts_of_other_codes(void **state)
{
	unsigned key;

	(void)state;
	assert_string_equal(vscsi_sense_text(3, 0xee, 0xee), "MEDIUM ERROR");
	assert_string_equal(vscsi_sense_text(0, 0, 0), "NO SENSE");
	assert_string_equal(vscsi_sense_text(0xc, 0, 0), "unknown sense key");
	assert_string_equal(vscsi_sense_text(16, 0x2a, 0x09), "unknown sense key");
	assert_string_equal(vscsi_sense_text(UINT32_MAX, UINT32_MAX, UINT32_MAX),
			    "unknown sense key");
	/* Values above a byte are unknown, not truncated. */
	assert_string_equal(vscsi_sense_text(6, 0x12a, 0x09), "UNIT ATTENTION");
	assert_string_equal(vscsi_sense_text(6, 0x2a, 0x109), "UNIT ATTENTION");
	for (key = 0; key < 32; key++)
		assert_non_null(vscsi_sense_text(key, 0xff, 0xff));
}

/* Every text starts with the name of its key. */
static void texts_start_with_the_key(void **state)
{
	unsigned known = 0;
	unsigned code;
	unsigned key;

	(void)state;
	for (key = 0; key < 16; key++) {
		const char *name = vscsi_sense_text(key, 0xff, 0xff);

		for (code = 0; code < 0xffff; code++) {
			const char *text = vscsi_sense_text(key, code >> 8, code & 0xff);

			if (text == name)
				continue;
			assert_memory_equal(text, name, strlen(name));
			assert_memory_equal(text + strlen(name), ": ", 2);
			assert_clean_string(text, 100);
			known++;
		}
	}
	assert_true(known >= 120);
}

int run_sense_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixed_format),
		cmocka_unit_test(descriptor_format),
		cmocka_unit_test(only_four_response_codes),
		cmocka_unit_test(truncated_fixed_format),
		cmocka_unit_test(truncated_descriptor_format),
		cmocka_unit_test(wrong_lengths),
		cmocka_unit_test(texts_of_known_codes),
		cmocka_unit_test(texts_of_other_codes),
		cmocka_unit_test(texts_start_with_the_key),
	};

	return cmocka_run_group_tests_name("sense", tests, NULL, NULL);
}
