/* SPDX-License-Identifier: BSD-3-Clause */
/* What a request looks like to the device: bytes, order of the descriptors, numbers. */
#include <errno.h>
#include <string.h>

#include "queue_tests.h"

/* Everything in this file holds with and without indirect descriptors. */
static const char *const both[] = {"indirect=on", "indirect=off"};

static void test_header_of_a_read(void **state)
{
	static const uint8_t expected[HEADER_BYTES - 16] = {
		0,    0, 0, /* SIMPLE, no priority, no CRN */
		0x28, 0, 0x00, 0x00, 0x07, 0x89, 0, 0x00, 0x02, 0,
	};
	unsigned i;

	(void)state;
	CONFORMS("R-SCSI-25", "R-SCSI-31", "R-SCSI-34", "R-SCSI-35");
	for (i = 0; i < 2; i++) {
		const uint8_t lun[8] = {1, 1, 0x40, 2};
		const uint8_t *header;
		struct chain chain;
		struct driver d;

		driver_start(&d, both[i]);
		driver_hold(&d);
		assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, 0x789, 2, 0, 1), 0);
		assert_int_equal(vscsi_submit(d.queue), 0);
		chain = driver_take(&d);
		header = chain.out[0].iov_base;
		assert_memory_equal(header, lun, 8);
		assert_memory_equal(header + 16, expected, sizeof(expected));
		model_serve_chain(d.m, &chain);
		assert_int_equal(driver_poll(&d).result, 0);
		driver_close(&d);
	}
}

/* LUN 0 has the flat form as well: there are back-ends that know no other. */
static void test_lun_field_of_lun_0(void **state)
{
	const uint8_t lun[8] = {1, 0, 0x40, 0};
	struct vscsi_lun *zero;
	struct chain chain;
	struct driver d;

	(void)state;
	CONFORMS("R-SCSI-31", "R-SCSI-34");
	driver_start(&d, "");
	assert_int_equal(vscsi_lun_open(d.dev, 0, 0, NULL, &zero), 0);
	driver_hold(&d);
	assert_int_equal(vscsi_flush(d.queue, zero, 1), 0);
	assert_int_equal(vscsi_submit(d.queue), 0);
	chain = driver_take(&d);
	assert_memory_equal(chain.out[0].iov_base, lun, 8);
	model_serve_chain(d.m, &chain);
	assert_int_equal(driver_poll(&d).result, 0);
	assert_int_equal(vscsi_lun_close(zero), 0);
	driver_close(&d);
}

static void test_numbers_that_no_address_has(void **state)
{
	struct vscsi_lun *lun;
	unsigned before;
	struct driver d;

	(void)state;
	CONFORMS("R-SCSI-33");
	driver_start(&d, "");
	before = d.m->commands;
	assert_int_equal(vscsi_lun_open(d.dev, 256, 0, NULL, &lun), -EINVAL);
	assert_int_equal(vscsi_lun_open(d.dev, 0, 16384, NULL, &lun), -EINVAL);
	assert_int_equal(vscsi_target_reset(d.dev, 256), -EINVAL);
	assert_int_equal(d.m->commands, before);
	assert_int_equal(vscsi_lun_open(d.dev, 255, 16383, NULL, &lun), -ENODEV);
	assert_int_equal(d.m->commands, before + 1);
	driver_close(&d);
}

/* Checks one chain: elements for the device, elements from it, and where the data are. */
static void expect_chain(struct driver *d, unsigned nout, unsigned nin, const void *data,
			 size_t len)
{
	struct chain chain = driver_take(d);
	const struct iovec *segment = nout > 1 ? &chain.out[1] : &chain.in[1];

	assert_int_equal(chain.nout, nout);
	assert_int_equal(chain.nin, nin);
	assert_int_equal(chain.out[0].iov_len, HEADER_BYTES);
	assert_int_equal(chain.in[0].iov_len, RESPONSE_BYTES);
	if (len) {
		assert_ptr_equal(segment->iov_base, data);
		assert_int_equal(segment->iov_len, len);
	}
	model_serve_chain(d->m, &chain);
	assert_int_equal(driver_poll(d).result, 0);
}

static void test_order_of_the_descriptors(void **state)
{
	unsigned i;

	(void)state;
	CONFORMS("R-SCSI-27", "R-SCSI-28", "R-SCSI-39", "R-SPLIT-05", "R-SPLIT-09", "R-SPLIT-10",
		 "R-SPLIT-15", "R-SPLIT-16", "R-SPLIT-08", "R-SCSI-07");
	for (i = 0; i < 2; i++) {
		struct driver d;

		driver_start(&d, both[i]);
		driver_hold(&d);
		assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, 0, 8, 0, 1), 0);
		assert_int_equal(vscsi_submit(d.queue), 0);
		expect_chain(&d, 1, 2, d.buf, 4096);
		assert_int_equal(vscsi_write(d.queue, d.lun, d.buf, 0, 4, 0, 1), 0);
		assert_int_equal(vscsi_submit(d.queue), 0);
		expect_chain(&d, 2, 1, d.buf, 2048);
		assert_int_equal(vscsi_flush(d.queue, d.lun, 1), 0);
		assert_int_equal(vscsi_submit(d.queue), 0);
		expect_chain(&d, 1, 1, NULL, 0);
		driver_close(&d);
	}
}

/* Segments that touch are one descriptor, and those without bytes none. */
static void test_segments_are_joined(void **state)
{
	struct iovec iov[9];
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-SPLIT-06", "R-SPLIT-16");
	driver_start(&d, "");
	driver_hold(&d);
	for (i = 0; i < 9; i++)
		iov[i] = (struct iovec){d.buf + 512 * (i - (i > 4)), i == 4 ? 0 : 512};
	assert_int_equal(vscsi_readv(d.queue, d.lun, iov, 9, 0, 8, 0, 1), 0);
	assert_int_equal(vscsi_submit(d.queue), 0);
	expect_chain(&d, 1, 2, d.buf, 4096);
	/* Backwards they touch nothing. */
	for (i = 0; i < 2; i++)
		iov[i] = (struct iovec){d.buf + 512 * (1 - i), 512};
	assert_int_equal(vscsi_writev(d.queue, d.lun, iov, 2, 0, 2, 0, 1), 0);
	assert_int_equal(vscsi_submit(d.queue), 0);
	expect_chain(&d, 3, 1, d.buf + 512, 512);
	driver_close(&d);
}

/* Without the feature no chain is indirect; with it, each is. */
static void test_indirect_only_when_negotiated(void **state)
{
	unsigned i;

	(void)state;
	CONFORMS("R-SPLIT-11", "R-SPLIT-12", "R-SPLIT-14", "R-RFB-14");
	for (i = 0; i < 4; i++) {
		struct chain chain;
		struct driver d;

		driver_init(&d);
		d.m->fake.offer = UINT64_MAX;
		if (i & 1)
			d.m->fake.offer &= ~(UINT64_C(1) << 28);
		if (i & 2)
			d.m->fake.offer &= ~(UINT64_C(1) << 29);
		driver_open(&d, "");
		driver_hold(&d);
		driver_read(&d, 1);
		chain = driver_take(&d);
		assert_int_equal(chain.indirect, !(i & 1));
		model_serve_chain(d.m, &chain);
		assert_int_equal(driver_poll(&d).result, 0);
		driver_close(&d);
	}
}

/* Commands go to request queues, task management to the first, and events come from the second. */
static void test_which_queue_gets_what(void **state)
{
	struct chain chain;
	struct driver d;

	(void)state;
	CONFORMS("R-SCSI-02", "R-SCSI-23", "R-SCSI-83");
	driver_start(&d, "");
	driver_hold(&d);
	driver_read(&d, 1);
	assert_int_equal(model_waiting(d.m, 0), 0);
	assert_int_equal(model_waiting(d.m, 1), 16);
	assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 1);
	chain = driver_take(&d);
	model_serve_chain(d.m, &chain);
	assert_int_equal(driver_poll(&d).result, 0);
	assert_true(model_take(d.m, 1, &chain));
	assert_int_equal(chain.nout, 0);
	assert_int_equal(chain.nin, 1);
	model_give(d.m, &chain, 0);
	model_release(d.m, 0);
	assert_int_equal(vscsi_lun_reset(d.lun), 0);
	assert_int_equal(d.m->tmf[4], 5);
	driver_close(&d);
}

static uint64_t tag_of(const struct chain *chain)
{
	uint64_t tag;

	memcpy(&tag, (const char *)chain->out[0].iov_base + 8, sizeof(tag));
	return le64toh(tag);
}

/* Two full queues: no two commands outstanding have the same number. */
static void test_tags_are_unique(void **state)
{
	static struct chain chains[512];
	struct vscsi_queue *other;
	struct vscsi_completion c;
	unsigned count = 0;
	struct driver d;
	unsigned i;
	unsigned j;

	(void)state;
	CONFORMS("R-SCSI-36");
	driver_init(&d);
	d.m->fake.config.cmd_per_lun = UINT32_MAX;
	driver_open(&d, "");
	assert_int_equal(vscsi_queue_open(d.dev, NULL, &other), 0);
	driver_hold(&d);
	while (vscsi_read(d.queue, d.lun, d.buf, 0, 1, 0, 1) == 0)
		count++;
	while (vscsi_read(other, d.lun, d.buf, 0, 1, 0, 1) == 0)
		count++;
	/* One slot of those that are shared is kept for the calls that wait. */
	assert_int_equal(count, 255);
	vscsi_submit(d.queue);
	vscsi_submit(other);
	for (i = 0; i < count; i++)
		assert_true(model_take(d.m, i < 128 ? DRIVER_QUEUE : 2, &chains[i]));
	for (i = 0; i < count; i++) {
		for (j = 0; j < i; j++)
			assert_true(tag_of(&chains[i]) != tag_of(&chains[j]));
	}
	for (i = 0; i < count; i++)
		model_serve_chain(d.m, &chains[i]);
	for (i = 0; i < count; i++)
		assert_int_equal(vscsi_poll(i < 128 ? d.queue : other, &c, 1), 1);
	assert_int_equal(vscsi_queue_close(other), 0);
	driver_close(&d);
}

/* A CDB of any length is padded to 32 bytes with zeros; nothing of it reaches the next one. */
static void test_cdbs_of_every_length(void **state)
{
	static const unsigned lengths[] = {32, 6, 10, 12, 16};
	uint8_t expected[32];
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-SCSI-21", "R-SCSI-25", "R-SCSI-37");
	driver_start(&d, "");
	driver_hold(&d);
	for (i = 0; i < ARRAY_LEN(lengths); i++) {
		struct vscsi_command command = {.size = sizeof(command), .cdb_len = lengths[i]};
		struct chain chain;

		memset(command.cdb, 0x5a, sizeof(command.cdb));
		command.attr = i % 4;
		memset(expected, 0, sizeof(expected));
		memset(expected, 0x5a, lengths[i]);
		assert_int_equal(vscsi_prepare_command(d.queue, d.lun, &command, 1), 0);
		assert_int_equal(vscsi_submit(d.queue), 0);
		chain = driver_take(&d);
		assert_memory_equal(chain_cdb(&chain), expected, 32);
		assert_int_equal(((uint8_t *)chain.out[0].iov_base)[16], i % 4);
		model_serve_chain(d.m, &chain);
		assert_int_equal(driver_poll(&d).result, -EOPNOTSUPP);
	}
	/* The plain request after it in the same slot has nothing of it. */
	driver_read(&d, 1);
	memset(expected, 0, sizeof(expected));
	expected[0] = 0x28;
	expected[8] = 1;
	{
		struct chain chain = driver_take(&d);

		assert_memory_equal(chain_cdb(&chain), expected, 32);
		assert_int_equal(((uint8_t *)chain.out[0].iov_base)[16], 0);
		model_serve_chain(d.m, &chain);
	}
	assert_int_equal(driver_poll(&d).result, 0);
	driver_close(&d);
}

static void test_commands_that_cannot_be(void **state)
{
	struct vscsi_command command = {.size = sizeof(command), .cdb_len = 5};
	struct driver d;

	(void)state;
	CONFORMS("R-SCSI-21");
	driver_start(&d, "");
	driver_hold(&d);
	assert_int_equal(vscsi_prepare_command(d.queue, d.lun, &command, 1), -EINVAL);
	command.cdb_len = 33;
	assert_int_equal(vscsi_prepare_command(d.queue, d.lun, &command, 1), -E2BIG);
	command.cdb_len = 260;
	assert_int_equal(vscsi_prepare_command(d.queue, d.lun, &command, 1), -E2BIG);
	command.cdb_len = 6;
	command.attr = 4;
	assert_int_equal(vscsi_prepare_command(d.queue, d.lun, &command, 1), -EINVAL);
	command.attr = 0;
	command.in_count = 1;
	assert_int_equal(vscsi_prepare_command(d.queue, d.lun, &command, 1), -EINVAL);
	command.in_count = 0;
	command.size = 3;
	assert_int_equal(vscsi_prepare_command(d.queue, d.lun, &command, 1), -EINVAL);
	assert_int_equal(vscsi_submit(d.queue), 0);
	assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
	driver_close(&d);
}

static void test_data_in_both_directions(void **state)
{
	unsigned i;

	(void)state;
	CONFORMS("R-SCSI-04", "R-SCSI-27", "R-SPLIT-05");
	for (i = 0; i < 2; i++) {
		struct driver d;
		struct iovec out;
		struct iovec in;
		struct vscsi_command command = {
			.size = sizeof(command),
			.cdb_len = 10,
			.out = &out,
			.in = &in,
			.out_count = 1,
			.in_count = 1,
		};
		struct chain chain;
		struct answer good;

		driver_start(&d, i ? "inout=on" : "inout=off");
		driver_hold(&d);
		out = (struct iovec){d.buf, 512};
		in = (struct iovec){d.buf + 512, 1024};
		if (!i) {
			assert_int_equal(vscsi_prepare_command(d.queue, d.lun, &command, 1),
					 -EOPNOTSUPP);
			driver_close(&d);
			continue;
		}
		assert_int_equal(vscsi_prepare_command(d.queue, d.lun, &command, 1), 0);
		assert_int_equal(vscsi_submit(d.queue), 0);
		chain = driver_take(&d);
		assert_int_equal(chain.nout, 2);
		assert_int_equal(chain.nin, 2);
		assert_int_equal(chain.out[1].iov_len, 512);
		assert_ptr_equal(chain.in[1].iov_base, d.buf + 512);
		assert_int_equal(chain.in[1].iov_len, 1024);
		good = model_good(&chain);
		model_answer(d.m, &chain, &good);
		assert_int_equal(driver_poll(&d).result, 0);
		driver_close(&d);
	}
}

int bytes_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header_of_a_read),
		cmocka_unit_test(test_lun_field_of_lun_0),
		cmocka_unit_test(test_numbers_that_no_address_has),
		cmocka_unit_test(test_order_of_the_descriptors),
		cmocka_unit_test(test_segments_are_joined),
		cmocka_unit_test(test_indirect_only_when_negotiated),
		cmocka_unit_test(test_which_queue_gets_what),
		cmocka_unit_test(test_tags_are_unique),
		cmocka_unit_test(test_cdbs_of_every_length),
		cmocka_unit_test(test_commands_that_cannot_be),
		cmocka_unit_test(test_data_in_both_directions),
	};

	return cmocka_run_group_tests_name("queue/bytes", tests, NULL, NULL);
}
