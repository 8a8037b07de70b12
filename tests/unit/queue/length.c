/* SPDX-License-Identifier: BSD-3-Clause */
/* How much was transferred: the residual, the used length, and devices that get either wrong. */
#include <errno.h>

#include "queue_tests.h"

#define DATA 512u

/* One good answer to a read of 512 bytes, and what is to come of it. */
static const struct {
	uint32_t residual;
	uint32_t used_len;
	int result;
	uint32_t missing;
	unsigned errors;
} reads[] = {
	/* all there */
	{0, RESPONSE_BYTES + DATA, 0, 0, 0},
	/* the device says so */
	{1, RESPONSE_BYTES + DATA - 1, -EBADMSG, 1, 0},
	{DATA, RESPONSE_BYTES, -EBADMSG, DATA, 0},
	/* the residual alone, and the used length alone */
	{100, RESPONSE_BYTES + DATA, -EBADMSG, 100, 0},
	{0, RESPONSE_BYTES + DATA - 100, -EBADMSG, 100, 0},
	/* they contradict each other: the less counts */
	{100, RESPONSE_BYTES + DATA - 200, -EBADMSG, 200, 0},
	{200, RESPONSE_BYTES + DATA - 100, -EBADMSG, 200, 0},
	/* not even the response fits into the used length */
	{0, 12, -EBADMSG, DATA, 0},
	{0, RESPONSE_BYTES, -EBADMSG, DATA, 0},
	/* back-ends that never set the used length: counted, and their answers count */
	{0, 0, 0, 0, 1},
	{0, 11, 0, 0, 1},
	{7, 0, -EBADMSG, 7, 1},
	/* more than there is room for: no fault, QEMU's is for every write */
	{0, RESPONSE_BYTES + DATA + 1, 0, 0, 0},
	{0, UINT32_MAX, 0, 0, 0},
	/* a residual that can't be */
	{DATA + 1, RESPONSE_BYTES + DATA, -EBADMSG, DATA, 1},
	{UINT32_MAX, RESPONSE_BYTES + DATA, -EBADMSG, DATA, 1},
};

static void test_lengths_of_a_read(void **state)
{
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-SCSI-54", "R-SCSI-57", "R-HARD-04", "R-HARD-05", "R-HARD-18", "R-SPLIT-36");
	driver_start(&d, "");
	driver_hold(&d);
	for (i = 0; i < ARRAY_LEN(reads); i++) {
		struct answer a = {.residual = reads[i].residual, .used_len = reads[i].used_len};
		uint64_t errors = driver_errors(&d);
		struct vscsi_completion c = driver_answer_read(&d, &a);

		if (c.result != reads[i].result || c.residual != reads[i].missing)
			fail_msg("row %u: result %d, residual %u", i, c.result, c.residual);
		assert_int_equal(driver_errors(&d) - errors, reads[i].errors);
	}
	driver_close(&d);
}

/* Where no device of a transport gives lengths, one that is missing is no fault. */
static void test_transport_without_lengths(void **state)
{
	struct driver d;
	unsigned i;

	(void)state;
	driver_init(&d);
	d.m->fake.ops.no_used_len = true;
	driver_open(&d, "");
	driver_hold(&d);
	for (i = 0; i < ARRAY_LEN(reads); i++) {
		struct answer a = {.residual = reads[i].residual, .status = i % 2 ? 0x18 : 0};
		struct vscsi_completion c = driver_answer_read(&d, &a);
		uint32_t missing = least(reads[i].residual, DATA);

		if (i % 2)
			assert_int_equal(c.result, -EBADE);
		else
			assert_int_equal(c.result, missing ? -EBADMSG : 0);
		assert_int_equal(c.residual, missing);
		assert_int_equal(driver_errors(&d), 0);
		/* A residual beyond the data is the only fault here, and ends it. */
		if (i + 3 == ARRAY_LEN(reads))
			break;
	}
	driver_close(&d);
}

/* A raw command may be short: the caller knows what it asked for. */
static void test_lengths_of_a_raw_command(void **state)
{
	struct iovec in = {.iov_len = DATA};
	struct vscsi_command command = {
		.size = sizeof(command), .cdb_len = 6, .in = &in, .in_count = 1};
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-SCSI-54", "R-SCSI-57", "R-HARD-18");
	driver_start(&d, "");
	driver_hold(&d);
	in.iov_base = d.buf;
	for (i = 0; i < ARRAY_LEN(reads); i++) {
		struct answer a = {.residual = reads[i].residual, .used_len = reads[i].used_len};
		struct vscsi_completion c;
		struct chain chain;

		assert_int_equal(vscsi_prepare_command(d.queue, d.lun, &command, i), 0);
		assert_int_equal(vscsi_submit(d.queue), 0);
		chain = driver_take(&d);
		model_answer(d.m, &chain, &a);
		c = driver_poll(&d);
		assert_int_equal(c.result, 0);
		assert_int_equal(c.residual, reads[i].missing);
	}
	driver_close(&d);
}

static void test_lengths_of_a_write(void **state)
{
	/* QEMU counts what it read as well; others count the response only, or nothing. */
	static const uint32_t lengths[] = {RESPONSE_BYTES, RESPONSE_BYTES + DATA, 12, 0,
					   UINT32_MAX};
	static const uint32_t residuals[] = {0, 1, DATA, DATA + 1};
	struct driver d;
	unsigned i;
	unsigned k;

	(void)state;
	CONFORMS("R-SCSI-54", "R-HARD-04", "R-HARD-18");
	driver_start(&d, "");
	driver_hold(&d);
	for (i = 0; i < ARRAY_LEN(lengths); i++) {
		for (k = 0; k < ARRAY_LEN(residuals); k++) {
			struct answer a = {.residual = residuals[k], .used_len = lengths[i]};
			struct vscsi_completion c;
			struct chain chain;

			assert_int_equal(vscsi_write(d.queue, d.lun, d.buf, 0, 1, 0, 1), 0);
			assert_int_equal(vscsi_submit(d.queue), 0);
			chain = driver_take(&d);
			model_answer(d.m, &chain, &a);
			c = driver_poll(&d);
			assert_int_equal(c.result, k ? -EBADMSG : 0);
			assert_int_equal(c.residual, k < 3 ? residuals[k] : DATA);
		}
	}
	driver_close(&d);
}

/* SPDK says of every UNMAP that it didn't take the parameters, all bytes of which it has used. */
static void test_residual_of_an_unmap(void **state)
{
	static const uint32_t residuals[] = {0, 24, UINT32_MAX};
	struct vscsi_range range = {.lba = 8, .blocks = 8};
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-SCSI-54");
	driver_start(&d, "");
	driver_hold(&d);
	for (i = 0; i < ARRAY_LEN(residuals); i++) {
		struct answer a = {.residual = residuals[i], .used_len = RESPONSE_BYTES};
		uint64_t errors = driver_errors(&d);
		struct vscsi_completion c;
		struct chain chain;

		assert_int_equal(vscsi_unmap(d.queue, d.lun, &range, 1, 1), 0);
		assert_int_equal(vscsi_submit(d.queue), 0);
		chain = driver_take(&d);
		model_answer(d.m, &chain, &a);
		c = driver_poll(&d);
		assert_int_equal(c.result, 0);
		assert_int_equal(c.residual, 0);
		assert_int_equal(driver_errors(&d) - errors, residuals[i] ? 1 : 0);
	}
	driver_close(&d);
}

/* QEMU leaves the residual 0 on CHECK CONDITION: the result alone tells that there are no data. */
static void test_residual_beside_an_error(void **state)
{
	static const uint32_t residuals[] = {0, 100, UINT32_MAX};
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-SCSI-56");
	driver_start(&d, "");
	driver_hold(&d);
	for (i = 0; i < ARRAY_LEN(residuals); i++) {
		struct vscsi_completion c;
		struct chain chain;
		struct answer a;

		driver_read(&d, 1);
		chain = driver_take(&d);
		a = model_sense(&chain, 3, 0x11, 0);
		a.residual = residuals[i];
		model_answer(d.m, &chain, &a);
		c = driver_poll(&d);
		assert_int_equal(c.result, -EIO);
		assert_int_equal(c.residual, residuals[i] > DATA ? DATA : residuals[i]);
	}
	driver_close(&d);
}

/* With data both ways the residual is of the sum, and checked against it. */
static void test_residual_of_both_directions(void **state)
{
	static const struct {
		uint32_t claimed;
		uint32_t residual;
	} table[] = {{0, 0},       {100, 100},   {1024, 1024},      {1025, 1025},
		     {1536, 1536}, {1537, 1536}, {UINT32_MAX, 1536}};
	struct iovec out = {.iov_len = 512};
	struct iovec in = {.iov_len = 1024};
	struct vscsi_command command = {.size = sizeof(command),
					.cdb_len = 32,
					.out = &out,
					.in = &in,
					.out_count = 1,
					.in_count = 1};
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-SCSI-55", "R-HARD-18");
	driver_start(&d, "");
	driver_hold(&d);
	out.iov_base = d.buf;
	in.iov_base = d.buf + 512;
	for (i = 0; i < ARRAY_LEN(table); i++) {
		struct answer a = {.residual = table[i].claimed, .used_len = RESPONSE_BYTES + 1024};
		struct chain chain;

		assert_int_equal(vscsi_prepare_command(d.queue, d.lun, &command, 1), 0);
		assert_int_equal(vscsi_submit(d.queue), 0);
		chain = driver_take(&d);
		model_answer(d.m, &chain, &a);
		assert_int_equal(driver_poll(&d).residual, table[i].residual);
	}
	driver_close(&d);
}

int length_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lengths_of_a_read),
		cmocka_unit_test(test_transport_without_lengths),
		cmocka_unit_test(test_lengths_of_a_raw_command),
		cmocka_unit_test(test_lengths_of_a_write),
		cmocka_unit_test(test_residual_of_an_unmap),
		cmocka_unit_test(test_residual_beside_an_error),
		cmocka_unit_test(test_residual_of_both_directions),
	};

	return cmocka_run_group_tests_name("queue/length", tests, NULL, NULL);
}
