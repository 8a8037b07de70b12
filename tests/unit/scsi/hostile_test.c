/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random bytes for every parser, in heap blocks of the exact length, so that a sanitizer detects
 * reads past the end; the test's timeout detects endless loops.
 */
#include <errno.h>
#include <stdlib.h>

#include <vscsi/scsi.h>

#include "tests.h"

#include "scsi/scsi.h"

#define LONGEST 300

typedef void (*check_fn)(const uint8_t *data, size_t len);

/*
 * Calls @check with random bytes. Half of them start with @start, because random ones rarely pass a
 * parser's first check; small numbers are more likely, so that lengths are sometimes valid.
 */
static void run(const void *start, size_t start_len, check_fn check)
{
	uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);
	uint8_t bytes[LONGEST];
	unsigned round;
	size_t i;

	for (round = 0; round < RANDOM_ROUNDS; round++) {
		size_t len = next_random(&seed) % (round % 4 ? 64 : LONGEST);
		uint8_t *copy;

		for (i = 0; i < len; i++) {
			uint64_t r = next_random(&seed);

			bytes[i] = (uint8_t)(r >> 8 & (r & 1 ? 0xff : 0x1f));
		}
		if (round % 2)
			memcpy(bytes, start, start_len);
		copy = exact_copy(bytes, len);
		check(copy, len);
		free(copy);
	}
}

static void check_inquiry(const uint8_t *data, size_t len)
{
	struct scsi_inquiry inq;

	assert_int_equal(scsi_inquiry_parse(data, len, &inq), len < 5 ? -EPROTO : 0);
	assert_in_range(inq.type, 0, 31);
	assert_clean_string(inq.vendor, 8 + 1);
	assert_clean_string(inq.product, 16 + 1);
	assert_clean_string(inq.revision, 4 + 1);
}

static void check_pages(const uint8_t *data, size_t len)
{
	struct scsi_vpd_pages pages;
	unsigned count = 0;
	unsigned i;

	if (scsi_vpd_parse_pages(data, len, &pages))
		len = 4;
	for (i = 0; i < 4; i++)
		count += (unsigned)__builtin_popcountll(pages.bits[i]);
	assert_true(count <= len - 4);
}

static void check_serial(const uint8_t *data, size_t len)
{
	char serial[SCSI_SERIAL_SIZE];

	if (scsi_vpd_parse_serial(data, len, serial))
		assert_string_equal(serial, "");
	assert_clean_string(serial, sizeof(serial));
}

static void check_identity(const uint8_t *data, size_t len)
{
	char wwid[SCSI_WWID_SIZE];

	if (scsi_vpd_parse_identity(data, len, wwid))
		assert_string_equal(wwid, "");
	assert_clean_string(wwid, sizeof(wwid));
}

static void check_limits(const uint8_t *data, size_t len)
{
	static const struct scsi_vpd_limits zeros;
	struct scsi_vpd_limits limits;

	if (scsi_vpd_parse_limits(data, len, &limits))
		assert_memory_equal(&limits, &zeros, sizeof(limits));
}

static void check_small_pages(const uint8_t *data, size_t len)
{
	struct scsi_vpd_provisioning provisioning;
	uint16_t rate;

	assert_true(!scsi_vpd_parse_rotation(data, len, &rate) || !rate);
	assert_true(!scsi_vpd_parse_provisioning(data, len, &provisioning) || !provisioning.unmap);
	assert_in_range(provisioning.type, 0, 7);
}

static void check_capacity(const uint8_t *data, size_t len)
{
	int (*const parsers[])(const uint8_t *, size_t, struct scsi_capacity *) = {
		scsi_capacity_parse_10, scsi_capacity_parse_16};
	struct scsi_capacity c;
	size_t i;

	for (i = 0; i < ARRAY_LEN(parsers); i++) {
		if (parsers[i](data, len, &c)) {
			assert_int_equal(c.blocks, 0);
			continue;
		}
		assert_true(c.blocks >= 1 && c.blocks <= UINT64_MAX / c.block_size);
		assert_true(is_pow2(c.block_size));
		assert_in_range(c.block_size, 512, 65536);
		assert_true(c.physical_block_size >= c.block_size);
	}
}

static void check_luns(const uint8_t *data, size_t len)
{
	struct scsi_lun_list list;
	unsigned count = 0;
	unsigned lun;

	if (scsi_lun_list_begin(&list, data, len))
		len = 8;
	while (scsi_lun_list_next(&list, &lun)) {
		assert_true(lun <= 16383);
		count++;
	}
	assert_true(count <= (len - 8) / 8);
}

static void check_mode(const uint8_t *data, size_t len)
{
	struct scsi_mode mode;

	assert_int_equal(scsi_mode_parse_6(data, len, &mode), len < 4 ? -EPROTO : 0);
	assert_int_equal(scsi_mode_parse_10(data, len, &mode), len < 8 ? -EPROTO : 0);
}

static void check_sense(const uint8_t *data, size_t len)
{
	struct scsi_sense sense;
	int result;

	if (scsi_sense_decode(data, len, &sense))
		assert_int_equal(sense.key | sense.asc | sense.ascq, 0);
	assert_in_range(sense.key, 0, 15);
	assert_non_null(vscsi_sense_text(sense.key, sense.asc, sense.ascq));
	result = scsi_result(0, SCSI_CHECK_CONDITION, &sense);
	assert_int_equal(!result, sense.key == SCSI_KEY_RECOVERED_ERROR && !sense.deferred);
}

static void random_inquiry(void **state)
{
	(void)state;
	CONFORMS("R-HARD-20");
	run("\x00\x80\x05", 3, check_inquiry);
}

static void random_vpd(void **state)
{
	(void)state;
	CONFORMS("R-HARD-20");
	run("\x00\x00\x00", 3, check_pages);
	run("\x00\x80\x00", 3, check_serial);
	run("\x00\x83\x00\xff\x01\x03", 6, check_identity);
	run("\x00\xb0\x00", 3, check_limits);
	run("\x00\xb1\x00", 3, check_small_pages);
	run("\x00\xb2\x00", 3, check_small_pages);
}

static void random_capacity(void **state)
{
	(void)state;
	CONFORMS("R-HARD-20");
	run("\x01\x00\x00\x00\x00\x00\x02\x00\x00\x00\x02\x00", 12, check_capacity);
}

static void random_luns(void **state)
{
	(void)state;
	CONFORMS("R-HARD-20");
	run("\x00\x00\x00\xf0", 4, check_luns);
}

static void random_mode(void **state)
{
	(void)state;
	CONFORMS("R-HARD-20");
	run("\xff\xff\x00\x00\x08\x03", 6, check_mode);
}

static void random_sense(void **state)
{
	(void)state;
	CONFORMS("R-HARD-17");
	run("\x72\x03\x11\x00\x00\x00\x00\xff", 8, check_sense);
	run("\xf1\x00\x03", 3, check_sense);
}

int run_hostile_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_inquiry),  cmocka_unit_test(random_vpd),
		cmocka_unit_test(random_capacity), cmocka_unit_test(random_luns),
		cmocka_unit_test(random_mode),     cmocka_unit_test(random_sense),
	};

	return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
