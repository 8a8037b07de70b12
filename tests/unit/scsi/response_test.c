/* SPDX-License-Identifier: BSD-3-Clause */
/* The errno for responses, statuses and sense data. */
#include <errno.h>

#include <vscsi/scsi.h>

#include "tests.h"

#include "scsi/response.h"
#include "scsi/sense.h"

static struct scsi_sense sense(unsigned key, unsigned asc, unsigned ascq)
{
	return (struct scsi_sense){.key = (uint8_t)key, .asc = (uint8_t)asc, .ascq = (uint8_t)ascq};
}

/* The errnos of responses 1 to 12; all others are treated as FAILURE. */
static int response_result(unsigned response)
{
	static const int results[] = {
		[1] = -EOVERFLOW, [2] = -ECANCELED, [3] = -ENODEV,    [4] = -ECANCELED,
		[5] = -EBUSY,     [6] = -EREMOTEIO, [7] = -EREMOTEIO, [8] = -EREMOTEIO,
		[9] = -EREMOTEIO, [12] = -ENODEV,
	};

	if (response < ARRAY_LEN(results) && results[response])
		return results[response];
	return -EREMOTEIO;
}

/* Commands that were cut short, and a device that is busy. */
static enum scsi_retry response_retry(unsigned response)
{
	if (response == 2 || response == 4)
		return SCSI_RETRY_ABORTED;
	return response == 5 ? SCSI_RETRY_LATER : SCSI_RETRY_NEVER;
}

/* Whatever the status, especially GOOD. */
static void response_decides_first(void **state)
{
	static const uint8_t statuses[] = {0x00, 0x04, 0x08, 0x18, 0x28, 0x40, 0xff};
	struct scsi_sense medium = sense(3, 0x11, 0);
	unsigned response;
	size_t i;

	(void)state;
	CONFORMS("R-SCSI-41", "R-SCSI-43", "R-SCSI-44", "R-SCSI-45", "R-SCSI-46", "R-SCSI-47",
		 "R-SCSI-48", "R-SCSI-49", "R-SCSI-50", "R-SCSI-51", "R-HARD-16");
	for (response = 1; response < 256; response++) {
		for (i = 0; i < ARRAY_LEN(statuses); i++) {
			uint8_t r = (uint8_t)response;
			int want = response_result(response);

			assert_int_equal(scsi_result(r, statuses[i], NULL), want);
			/* Only FAILURE is refined by sense data. */
			assert_int_equal(scsi_result(r, statuses[i], &medium),
					 response == 9 ? -EIO : want);
			assert_int_equal(scsi_retry(r, statuses[i], NULL), response_retry(r));
		}
	}
}

static void status_decides_with_response_ok(void **state)
{
	unsigned status;

	(void)state;
	CONFORMS("R-SCSI-42");
	for (status = 0; status < 256; status++) {
		uint8_t s = (uint8_t)status;
		enum scsi_retry retry = SCSI_RETRY_NEVER;
		int want = -EREMOTEIO;

		if (status == 0x00 || status == 0x04)
			want = 0;
		if (status == 0x18)
			want = -EBADE;
		if (status == 0x08 || status == 0x28) {
			want = -EBUSY;
			retry = SCSI_RETRY_LATER;
		}
		if (status == 0x40) {
			want = -ECANCELED;
			retry = SCSI_RETRY_ABORTED;
		}
		assert_int_equal(scsi_result(0, s, NULL), want);
		assert_int_equal(scsi_retry(0, s, NULL), retry);
	}
}

/* Sense data counts only with CHECK CONDITION: with other statuses the buffer may be stale. */
static void sense_needs_check_condition(void **state)
{
	struct scsi_sense medium = sense(3, 0x11, 0);

	(void)state;
	assert_int_equal(scsi_result(0, 0x00, &medium), 0);
	assert_int_equal(scsi_result(0, 0x08, &medium), -EBUSY);
	assert_int_equal(scsi_result(0, 0x02, &medium), -EIO);
}

static void sense_determines_the_result(void **state)
{
	static const struct {
		uint8_t key;
		uint8_t asc;
		uint8_t ascq;
		int result;
	} cases[] = {
		{0x0, 0x00, 0x00, -EREMOTEIO}, {0x1, 0x17, 0x01, 0},
		{0x2, 0x04, 0x00, -EIO},       {0x2, 0x04, 0x01, -EBUSY},
		{0x2, 0x04, 0x0a, -EBUSY},     {0x2, 0x04, 0x04, -EIO},
		{0x2, 0x3a, 0x00, -ENOMEDIUM}, {0x2, 0x3a, 0x02, -ENOMEDIUM},
		{0x3, 0x11, 0x00, -EIO},       {0x3, 0x10, 0x00, -EIO},
		{0x4, 0x44, 0x00, -EIO},       {0x5, 0x20, 0x00, -EOPNOTSUPP},
		{0x5, 0x20, 0x02, -EREMOTEIO}, {0x5, 0x21, 0x00, -EREMOTEIO},
		{0x5, 0x24, 0x00, -EREMOTEIO}, {0x5, 0x25, 0x00, -ENODEV},
		{0x5, 0x10, 0x01, -EILSEQ},    {0x6, 0x29, 0x00, -EBUSY},
		{0x6, 0x2a, 0x09, -EBUSY},     {0x6, 0xff, 0xff, -EBUSY},
		{0x7, 0x27, 0x00, -EROFS},     {0x7, 0x27, 0x02, -EROFS},
		{0x7, 0x27, 0x07, -ENOSPC},    {0x7, 0x74, 0x71, -EREMOTEIO},
		{0x8, 0x00, 0x00, -EIO},       {0x9, 0x80, 0x00, -EREMOTEIO},
		{0xa, 0x00, 0x00, -EREMOTEIO}, {0xb, 0x10, 0x03, -EILSEQ},
		{0xb, 0x47, 0x00, -EREMOTEIO}, {0xb, 0x00, 0x00, -EREMOTEIO},
		{0xc, 0x00, 0x00, -EREMOTEIO}, {0xd, 0x00, 0x00, -ENOSPC},
		{0xe, 0x1d, 0x00, -EILSEQ},    {0xf, 0x00, 0x00, -EREMOTEIO},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct scsi_sense s = sense(cases[i].key, cases[i].asc, cases[i].ascq);
		enum scsi_retry retry = SCSI_RETRY_NEVER;

		if (s.key == 6)
			retry = SCSI_RETRY_NOW;
		else if (cases[i].result == -EBUSY)
			retry = SCSI_RETRY_LATER;
		else if (s.key == 0xb && s.asc != 0x10)
			retry = SCSI_RETRY_ABORTED;
		assert_int_equal(scsi_result(0, 0x02, &s), cases[i].result);
		assert_int_equal(scsi_retry(0, 0x02, &s), retry);
	}
}

static void check_condition_without_sense(void **state)
{
	(void)state;
	assert_int_equal(scsi_result(0, 0x02, NULL), -EREMOTEIO);
	assert_int_equal(scsi_retry(0, 0x02, NULL), SCSI_RETRY_NEVER);
}

static void failure_with_sense(void **state)
{
	struct scsi_sense s = sense(6, 0x29, 0);

	(void)state;
	CONFORMS("R-SCSI-53");
	assert_int_equal(scsi_result(9, 0x02, &s), -EBUSY);
	assert_int_equal(scsi_retry(9, 0x02, &s), SCSI_RETRY_NOW);
	s = sense(7, 0x27, 0);
	assert_int_equal(scsi_result(9, 0x02, &s), -EROFS);
	/* Whatever status comes with it: there are back-ends that leave it 0. */
	assert_int_equal(scsi_result(9, 0x00, &s), -EROFS);
	/* FAILURE is never a success. */
	s = sense(1, 0x17, 0);
	assert_int_equal(scsi_result(9, 0x02, &s), -EREMOTEIO);
	/* Other responses are not refined by sense data. */
	s = sense(6, 0x29, 0);
	assert_int_equal(scsi_result(3, 0x02, &s), -ENODEV);
	assert_int_equal(scsi_result(200, 0x02, &s), -EREMOTEIO);
}

/* The command itself was not executed, and a lost write must not be hidden by a retry. */
static void deferred_sense(void **state)
{
	struct scsi_sense s = sense(1, 0x17, 0);
	unsigned key;

	(void)state;
	s.deferred = true;
	assert_int_equal(scsi_result(0, 0x02, &s), -EBUSY);
	assert_int_equal(scsi_retry(0, 0x02, &s), SCSI_RETRY_NOW);
	for (key = 2; key < 16; key++) {
		s.key = (uint8_t)key;
		assert_int_equal(scsi_result(0, 0x02, &s), -EIO);
		assert_int_equal(scsi_retry(0, 0x02, &s), SCSI_RETRY_NEVER);
	}
}

/* NO SENSE reports no error; a LUN without a cache may lack the command. Nothing else is hidden. */
static void flush_with_nothing_to_do(void **state)
{
	static const struct {
		uint8_t response;
		uint8_t status;
		uint8_t key;
		uint8_t asc;
		uint8_t ascq;
		bool cached;
		bool uncached;
	} rows[] = {
		{0, 0x02, 0, 0x00, 0, true, true},     {9, 0x02, 0, 0x00, 0, true, true},
		{0, 0x02, 0, 0x5d, 0, false, false},   {0, 0x02, 5, 0x20, 0, false, true},
		{9, 0x02, 5, 0x20, 0, false, true},    {0, 0x02, 5, 0x24, 0, false, true},
		{0, 0x02, 5, 0x25, 0, false, false},   {0, 0x02, 3, 0x0c, 0, false, false},
		{0, 0x02, 4, 0x44, 0, false, false},   {0, 0x02, 6, 0x29, 0, false, false},
		{0, 0x02, 0xb, 0x00, 0, false, false}, {0, 0x08, 0, 0x00, 0, false, false},
		{3, 0x02, 5, 0x20, 0, false, false},
	};
	struct scsi_sense deferred = {.deferred = true};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct scsi_sense s = sense(rows[i].key, rows[i].asc, rows[i].ascq);
		uint8_t r = rows[i].response;

		assert_int_equal(scsi_flush_is_void(r, rows[i].status, &s, true), rows[i].cached);
		assert_int_equal(scsi_flush_is_void(r, rows[i].status, &s, false),
				 rows[i].uncached);
	}
	/* No sense data at all is not NO SENSE; deferred sense is of a lost write. */
	assert_false(scsi_flush_is_void(0, 0x02, NULL, false));
	assert_false(scsi_flush_is_void(0, 0x02, &deferred, false));
	deferred.key = 5;
	assert_false(scsi_flush_is_void(0, 0x02, &deferred, false));
}

static void texts(void **state)
{
	unsigned i;

	(void)state;
	CONFORMS("R-HARD-16");
	assert_string_equal(vscsi_response_text(0), "OK");
	assert_string_equal(vscsi_response_text(3), "no such target");
	assert_string_equal(vscsi_response_text(12), "no such logical unit");
	assert_string_equal(vscsi_response_text(13), "unknown response");
	assert_string_equal(vscsi_response_text(256 + 3), "unknown response");
	assert_string_equal(vscsi_status_text(0x08), "BUSY");
	assert_string_equal(vscsi_status_text(0x28), "TASK SET FULL");
	assert_string_equal(vscsi_status_text(0x01), "unknown status");
	assert_string_equal(vscsi_status_text(UINT32_MAX), "unknown status");
	for (i = 0; i < 300; i++) {
		assert_clean_string(vscsi_response_text(i), 100);
		assert_clean_string(vscsi_status_text(i), 100);
	}
}

int run_response_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(response_decides_first),
		cmocka_unit_test(status_decides_with_response_ok),
		cmocka_unit_test(sense_needs_check_condition),
		cmocka_unit_test(sense_determines_the_result),
		cmocka_unit_test(check_condition_without_sense),
		cmocka_unit_test(failure_with_sense),
		cmocka_unit_test(deferred_sense),
		cmocka_unit_test(flush_with_nothing_to_do),
		cmocka_unit_test(texts),
	};

	return cmocka_run_group_tests_name("response", tests, NULL, NULL);
}
