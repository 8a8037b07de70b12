/* SPDX-License-Identifier: BSD-3-Clause */
/* What a device answers, and what the caller hears: response, then status, then sense. */
#include <errno.h>
#include <string.h>

#include "queue_tests.h"

/* A device whose disk is asked once only, whatever it answers. */
static void open_without_retries(struct driver *d)
{
	const struct vscsi_lun_opts opts = {.size = sizeof(opts), .retries = VSCSI_NO_RETRIES};

	driver_init(d);
	driver_open(d, "");
	assert_int_equal(vscsi_lun_close(d->lun), 0);
	assert_int_equal(vscsi_lun_open(d->dev, 1, 2, &opts, &d->lun), 0);
	driver_hold_own(d);
}

/* What the specification calls each response, and 5.6.6.1.1 says of it. */
static int expected_of_response(unsigned response)
{
	switch (response) {
	case 0:
		return 0;
	case 1: /* OVERRUN */
		return -EOVERFLOW;
	case 2: /* ABORTED */
	case 4: /* RESET */
		return -ECANCELED;
	case 3:  /* BAD TARGET */
	case 12: /* INCORRECT LUN */
		return -ENODEV;
	case 5: /* BUSY */
		return -EBUSY;
	case 255: /* what the library writes there before: no answer */
		return -EPROTO;
	default: /* failures and unknown values */
		return -EREMOTEIO;
	}
}

static void test_every_response(void **state)
{
	unsigned response;
	struct driver d;

	(void)state;
	CONFORMS("R-SCSI-41", "R-SCSI-43", "R-SCSI-44", "R-SCSI-45", "R-SCSI-46", "R-SCSI-47",
		 "R-SCSI-48", "R-SCSI-49", "R-SCSI-50", "R-SCSI-51", "R-HARD-16");
	open_without_retries(&d);
	for (response = 0; response < 256; response++) {
		/* The status is GOOD at the same time, as QEMU has it. */
		struct answer a = {.response = (uint8_t)response, .used_len = RESPONSE_BYTES + 512};
		struct vscsi_completion c = driver_answer_read(&d, &a);

		assert_int_equal(c.result, expected_of_response(response));
		assert_int_equal(c.response, response);
		assert_true(c.user_data == 0x1122334455667788);
	}
	driver_close(&d);
}

static int expected_of_status(unsigned status)
{
	switch (status) {
	case 0x00: /* GOOD */
	case 0x04: /* CONDITION MET */
		return 0;
	case 0x08: /* BUSY */
	case 0x28: /* TASK SET FULL */
		return -EBUSY;
	case 0x18: /* RESERVATION CONFLICT */
		return -EBADE;
	case 0x40: /* TASK ABORTED */
		return -ECANCELED;
	default:
		return -EREMOTEIO;
	}
}

static void test_every_status(void **state)
{
	unsigned status;
	struct driver d;

	(void)state;
	CONFORMS("R-SCSI-42", "R-SCSI-58");
	open_without_retries(&d);
	for (status = 0; status < 256; status++) {
		struct answer a = {
			.status = (uint8_t)status,
			.qualifier = (uint16_t)(0x1200 + status),
			.used_len = RESPONSE_BYTES + 512,
		};
		struct vscsi_completion c = driver_answer_read(&d, &a);

		assert_int_equal(c.result, expected_of_status(status));
		assert_int_equal(c.status, status);
		assert_int_equal(c.status_qualifier, 0x1200 + status);
	}
	driver_close(&d);
}

/* The bytes of a response, one by one (virtio 1.4, 5.6.6.1). */
static void test_bytes_of_a_response(void **state)
{
	static const uint8_t bytes[] = {18, 0, 0, 0, 0x00, 0x01, 0,  0, 0x34, 0x12, 2, 0,    0x70,
					0,  3, 0, 0, 0,    0,    10, 0, 0,    0,    0, 0x11, 0x0b};
	struct vscsi_completion c;
	struct chain chain;
	struct driver d;

	(void)state;
	CONFORMS("R-SCSI-26", "R-SCSI-54", "R-SCSI-58");
	open_without_retries(&d);
	driver_read(&d, 5);
	chain = driver_take(&d);
	memcpy(chain.in[0].iov_base, bytes, sizeof(bytes));
	model_give(d.m, &chain, RESPONSE_BYTES);
	c = driver_poll(&d);
	assert_int_equal(c.result, -EIO);
	assert_int_equal(c.residual, 256);
	assert_int_equal(c.status_qualifier, 0x1234);
	assert_int_equal(c.status, 2);
	assert_int_equal(c.response, 0);
	assert_int_equal(c.sense_key, 3);
	assert_int_equal(c.asc, 0x11);
	assert_int_equal(c.ascq, 0x0b);
	assert_int_equal(c.sense_len, 18);
	assert_memory_equal(c.sense, bytes + 12, 14);
	driver_close(&d);
}

static void test_lengths_of_sense(void **state)
{
	static const struct {
		uint32_t claimed;
		unsigned kept;
		unsigned errors;
	} table[] = {{0, 0, 0},   {1, 1, 0},   {17, 17, 0}, {18, 18, 0},        {40, 40, 0},
		     {41, 40, 0}, {96, 40, 0}, {97, 40, 1}, {UINT32_MAX, 40, 1}};
	struct driver d;
	unsigned i;
	unsigned k;

	(void)state;
	CONFORMS("R-SCSI-52", "R-HARD-17");
	open_without_retries(&d);
	for (i = 0; i < ARRAY_LEN(table); i++) {
		struct answer a = {.status = 2, .used_len = RESPONSE_BYTES};
		uint64_t before = driver_errors(&d);
		struct vscsi_completion c;

		memset(a.sense, 0x77, sizeof(a.sense));
		a.sense[0] = 0x70;
		a.sense_len = table[i].claimed;
		c = driver_answer_read(&d, &a);
		assert_int_equal(c.sense_len, table[i].kept);
		for (k = 0; k < sizeof(c.sense); k++) {
			if (k >= table[i].kept)
				assert_int_equal(c.sense[k], 0);
			else
				assert_int_equal(c.sense[k], a.sense[k]);
		}
		assert_int_equal(driver_errors(&d) - before, table[i].errors);
	}
	driver_close(&d);
}

/* Sense beyond what the device says it has written is none: it was there before. */
static void test_sense_beyond_the_used_length(void **state)
{
	static const struct {
		uint32_t used_len;
		uint32_t claimed;
		unsigned kept;
	} table[] = {
		{12, 18, 0},
		{13, 18, 1},
		{12 + 13, 18, 13},
		{12 + 18, 18, 18},
		{12 + 18, 96, 18},
		{12 + 39, UINT32_MAX, 39},
		{RESPONSE_BYTES, 18, 18},
		{UINT32_MAX, 18, 18},
		/* Back-ends that never set it: no answer is that short. */
		{0, 18, 18},
		{11, 18, 18},
	};
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-HARD-17", "R-SPLIT-35");
	open_without_retries(&d);
	for (i = 0; i < ARRAY_LEN(table); i++) {
		struct vscsi_completion c;
		struct chain chain;
		struct answer a;

		driver_read(&d, i);
		chain = driver_take(&d);
		a = model_sense(&chain, 3, 0x11, 0x0b);
		a.sense_len = table[i].claimed;
		a.used_len = table[i].used_len;
		model_answer(d.m, &chain, &a);
		c = driver_poll(&d);
		assert_int_equal(c.sense_len, table[i].kept);
		assert_int_equal(c.sense_key, table[i].kept > 2 ? 3 : 0);
		assert_int_equal(c.asc, table[i].kept > 12 ? 0x11 : 0);
		assert_int_equal(c.ascq, table[i].kept > 13 ? 0x0b : 0);
		assert_int_equal(c.result, table[i].kept > 2 ? -EIO : -EREMOTEIO);
	}
	driver_close(&d);
}

/* Some back-ends report FAILURE with CHECK CONDITION: the caller gets the sense. */
static void test_sense_beside_a_failing_response(void **state)
{
	struct vscsi_completion c;
	struct chain chain;
	struct answer a;
	struct driver d;

	(void)state;
	CONFORMS("R-SCSI-53");
	open_without_retries(&d);
	driver_read(&d, 1);
	chain = driver_take(&d);
	a = model_sense(&chain, 7, 0x27, 0);
	a.response = VIRTIO_SCSI_S_FAILURE;
	model_answer(d.m, &chain, &a);
	c = driver_poll(&d);
	assert_int_equal(c.result, -EROFS);
	assert_int_equal(c.response, VIRTIO_SCSI_S_FAILURE);
	assert_int_equal(c.status, 2);
	assert_int_equal(c.sense_key, 7);
	assert_int_equal(c.sense_len, 18);
	driver_close(&d);
}

/* An unwritten response isn't mistaken for the good one that was in its place before. */
static void test_response_that_was_not_written(void **state)
{
	static const uint32_t lengths[] = {0, 1, 11, 12, RESPONSE_BYTES, RESPONSE_BYTES + 512};
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-HARD-05", "R-SPLIT-35");
	open_without_retries(&d);
	for (i = 0; i < ARRAY_LEN(lengths); i++) {
		struct answer good = {.used_len = RESPONSE_BYTES + 512};
		uint64_t errors = driver_errors(&d);
		struct vscsi_completion c;
		struct chain chain;

		assert_int_equal(driver_answer_read(&d, &good).result, 0);
		driver_read(&d, 2);
		chain = driver_take(&d);
		model_give(d.m, &chain, lengths[i]);
		c = driver_poll(&d);
		assert_int_equal(c.result, -EPROTO);
		assert_int_equal(c.residual, 512);
		assert_int_equal(driver_errors(&d), errors + 1);
	}
	driver_close(&d);
}

/* BAD TARGET with nothing but the response byte written. */
static void test_response_byte_alone(void **state)
{
	struct vscsi_completion c;
	struct chain chain;
	struct driver d;

	(void)state;
	CONFORMS("R-SCSI-45");
	open_without_retries(&d);
	driver_read(&d, 1);
	chain = driver_take(&d);
	((uint8_t *)chain.in[0].iov_base)[11] = VIRTIO_SCSI_S_BAD_TARGET;
	model_give(d.m, &chain, 0);
	c = driver_poll(&d);
	assert_int_equal(c.result, -ENODEV);
	assert_int_equal(c.status, 0);
	assert_int_equal(c.sense_len, 0);
	driver_close(&d);
}

/* Random responses: whatever is in them, each completion is of the request and of bounded size. */
static void test_random_responses(void **state)
{
	uint64_t seed = 1;
	unsigned round;
	struct driver d;

	(void)state;
	CONFORMS("R-HARD-16", "R-HARD-17", "R-HARD-18");
	open_without_retries(&d);
	for (round = 0; round < 20000; round++) {
		uint8_t bytes[RESPONSE_BYTES];
		struct vscsi_completion c;
		struct chain chain;
		unsigned i;

		for (i = 0; i < sizeof(bytes); i++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
			bytes[i] = (uint8_t)(seed >> 56);
		}
		/* Half of them get as far as their sense. */
		if (round & 1) {
			bytes[10] = 2;
			bytes[11] = 0;
		}
		driver_read(&d, round);
		chain = driver_take(&d);
		memcpy(chain.in[0].iov_base, bytes, sizeof(bytes));
		model_give(d.m, &chain, (uint32_t)(seed >> 20));
		c = driver_poll(&d);
		assert_int_equal(c.user_data, round);
		assert_true(c.residual <= 512);
		assert_true(c.sense_len <= sizeof(c.sense));
		assert_true(c.result <= 0);
	}
	driver_close(&d);
}

int answer_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_response),
		cmocka_unit_test(test_every_status),
		cmocka_unit_test(test_bytes_of_a_response),
		cmocka_unit_test(test_lengths_of_sense),
		cmocka_unit_test(test_sense_beyond_the_used_length),
		cmocka_unit_test(test_sense_beside_a_failing_response),
		cmocka_unit_test(test_response_that_was_not_written),
		cmocka_unit_test(test_response_byte_alone),
		cmocka_unit_test(test_random_responses),
	};

	return cmocka_run_group_tests_name("queue/answer", tests, NULL, NULL);
}
