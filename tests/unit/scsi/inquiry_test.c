/* SPDX-License-Identifier: BSD-3-Clause */
/* Standard INQUIRY data of several kinds of devices. */
#include <errno.h>
#include <stdlib.h>

#include "tests.h"

#include "scsi/inquiry.h"

/* A modern disk; the text fields have 8, 16 and 4 bytes. */
static const uint8_t disk[] = "\x00\x00\x05\x12\x1f\x00\x10\x02"
			      "QEMU    "
			      "QEMU HARDDISK   "
			      "2.5+";

#define DISK_LEN (sizeof(disk) - 1)

static void reads_a_disk(void **state)
{
	struct scsi_inquiry inq;

	(void)state;
	assert_int_equal(scsi_inquiry_parse(disk, DISK_LEN, &inq), 0);
	assert_int_equal(inq.qualifier, SCSI_QUALIFIER_CONNECTED);
	assert_int_equal(inq.type, 0);
	assert_false(inq.removable);
	assert_string_equal(inq.vendor, "QEMU");
	assert_string_equal(inq.product, "QEMU HARDDISK");
	assert_string_equal(inq.revision, "2.5+");
}

static void reads_a_cdrom(void **state)
{
	static const uint8_t cdrom[] = "\x05\x80\x05\x02\x1f\x00\x00\x00"
				       "ACME1234"
				       "  DVD\x01ROM \xff    x"
				       "1\0\0\0";
	struct scsi_inquiry inq;

	(void)state;
	assert_int_equal(scsi_inquiry_parse(cdrom, sizeof(cdrom) - 1, &inq), 0);
	assert_int_equal(inq.type, 5);
	assert_true(inq.removable);
	assert_string_equal(inq.vendor, "ACME1234");
	assert_string_equal(inq.product, "  DVD?ROM ?    x");
	assert_string_equal(inq.revision, "1");
}

static void detects_absent_units(void **state)
{
	static const uint8_t none[36] = {0x7f, 0, 5, 2, 31};
	static const uint8_t empty[36] = {0x20, 0, 5, 2, 31};
	struct scsi_inquiry inq;

	(void)state;
	assert_int_equal(scsi_inquiry_parse(none, sizeof(none), &inq), 0);
	assert_int_equal(inq.qualifier, SCSI_QUALIFIER_NONE);
	assert_int_equal(inq.type, 0x1f);
	assert_string_equal(inq.vendor, "");
	assert_int_equal(scsi_inquiry_parse(empty, sizeof(empty), &inq), 0);
	assert_int_equal(inq.qualifier, SCSI_QUALIFIER_EMPTY);
}

/* ADDITIONAL LENGTH ends the data before the end of the buffer. */
static void respects_additional_length(void **state)
{
	uint8_t image[DISK_LEN];
	struct scsi_inquiry inq;

	(void)state;
	CONFORMS("R-HARD-20");
	memcpy(image, disk, sizeof(image));
	image[4] = 16 + 4 - 5;
	assert_int_equal(scsi_inquiry_parse(image, sizeof(image), &inq), 0);
	assert_string_equal(inq.vendor, "QEMU");
	assert_string_equal(inq.product, "QEMU");
	assert_string_equal(inq.revision, "");
	image[4] = 0;
	assert_int_equal(scsi_inquiry_parse(image, sizeof(image), &inq), 0);
	assert_string_equal(inq.vendor, "");
	image[4] = 0xff;
	assert_int_equal(scsi_inquiry_parse(image, sizeof(image), &inq), 0);
	assert_string_equal(inq.revision, "2.5+");
}

static void parses_truncated_data(void **state)
{
	struct scsi_inquiry inq;
	size_t len;

	(void)state;
	CONFORMS("R-HARD-20");
	for (len = 0; len <= DISK_LEN; len++) {
		uint8_t *image = exact_copy(disk, len);

		assert_int_equal(scsi_inquiry_parse(image, len, &inq), len < 5 ? -EPROTO : 0);
		assert_int_equal(strlen(inq.vendor), len < 8 ? 0 : len < 12 ? len - 8 : 4);
		assert_string_equal(inq.product, len < 29 ? inq.product : "QEMU HARDDISK");
		assert_int_equal(strlen(inq.revision), len < 32 ? 0 : len - 32);
		free(image);
	}
}

int run_inquiry_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_disk),
		cmocka_unit_test(reads_a_cdrom),
		cmocka_unit_test(detects_absent_units),
		cmocka_unit_test(respects_additional_length),
		cmocka_unit_test(parses_truncated_data),
	};

	return cmocka_run_group_tests_name("inquiry", tests, NULL, NULL);
}
