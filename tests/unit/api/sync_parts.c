/* SPDX-License-Identifier: BSD-3-Clause */
/* The calls that wait, part by part: one that fails, one that finds no room; what is told. */
#include <errno.h>
#include <string.h>

#include <linux/virtio_scsi.h>

#include <vscsi/error.h>

#include "api.h"
#include "scsi/cdb.h"

#define UNKNOWN    MODEL_SENSE(5, 0x20)
#define BAD_MEDIUM MODEL_SENSE(3, 0x11)

/* Parts shrink with the free memory, down to one block; then the call fails with a message. */
static void test_little_memory(void **state)
{
	static char data[64 * MODEL_BLOCK];
	struct vscsi_mem *mem;
	struct driver d;
	void *pieces[4096];
	unsigned before;
	unsigned count;
	unsigned i;

	(void)state;
	driver_start(&d, "");
	mem = vscsi_dev_mem(d.dev);
	for (count = 0; count < ARRAY_LEN(pieces); count++) {
		pieces[count] = vscsi_mem_alloc(mem, 4096, 4096);
		if (!pieces[count])
			break;
	}
	assert_in_range(count, 16, ARRAY_LEN(pieces) - 1);
	before = d.m->commands;
	assert_int_equal(vscsi_pread(d.lun, data, sizeof(data), 0), -ENOMEM);
	expect_error_text("give the device a larger pool, as by the option mem of its address");
	assert_int_equal(vscsi_sync_compare_and_write(d.lun, data, data, 512, 0), -ENOMEM);
	assert_int_equal(d.m->commands, before);
	/* Room for eight blocks. */
	vscsi_mem_free(mem, pieces[--count]);
	memset(d.m->disk, 0x5a, sizeof(data));
	assert_int_equal(vscsi_pread(d.lun, data, sizeof(data), 0), 0);
	assert_int_equal(d.m->commands - before, 8);
	for (i = 0; i < sizeof(data); i++)
		assert_int_equal(data[i], 0x5a);
	while (count)
		vscsi_mem_free(mem, pieces[--count]);
	driver_close(&d);
}

/* Queue 2 is full of calls that were left; the next one waits for room, as long as it may. */
static void test_no_room_in_the_ring(void **state)
{
	const unsigned sync_queue = 2;
	uint8_t block[512];
	struct driver d;
	unsigned left;

	(void)state;
	clock_stop(true);
	driver_start(&d, "timeout_ms=5&queue_size=4");
	d.m->held = UINT64_C(1) << sync_queue;
	for (left = 0; left < 100; left++) {
		if (vscsi_pread(d.lun, block, 512, 0) == -EBUSY)
			break;
		expect_error_text("no answer in 5 ms");
	}
	assert_in_range(left, 1, 99);
	expect_error_text("no slot of the queue became free in 5 ms");
	assert_int_equal(model_waiting(d.m, sync_queue), left);
	/* What comes back makes room, within the call that needs it. */
	model_release(d.m, sync_queue);
	d.m->held = 0;
	assert_int_equal(vscsi_pread(d.lun, block, 512, 0), 0);
	driver_close(&d);
}

/* The first part that fails ends the call: no more commands, and the device's words. */
static void test_a_part_that_fails(void **state)
{
	static const struct said said[] = {{.cdb = {SCSI_UNMAP, 0, 0}, .end = BAD_MEDIUM},
					   {.cdb = {SCSI_WRITE_SAME_16, 0, 0}, .end = BAD_MEDIUM},
					   {.cdb = {SCSI_READ_16, 0, 0}, .end = BAD_MEDIUM}};
	const struct vscsi_range ranges[] = {{.lba = 0, .blocks = 0x30000},
					     {.lba = 5, .blocks = 1}};
	char data[16 * MODEL_BLOCK];
	unsigned before;
	struct driver d;

	(void)state;
	driver_init(&d);
	d.m->blocks = UINT64_C(1) << 32;
	d.m->max_transfer = 8;
	driver_open(&d, "");
	d.m->said = said;
	d.m->nsaid = ARRAY_LEN(said);
	before = d.m->commands;
	assert_int_equal(vscsi_sync_unmap(d.lun, ranges, 2), -EIO);
	expect_error_text("vscsi_sync_unmap: unmap on LUN 1:2");
	assert_int_equal(vscsi_sync_write_zeroes(d.lun, 512 * UINT64_C(0x30000), 0, 0), -EIO);
	expect_error_text("3/11/00");
	assert_int_equal(vscsi_pread(d.lun, data, sizeof(data), 0), -EIO);
	assert_int_equal(d.m->commands - before, 3);
	driver_close(&d);
}

/* Without WRITE SAME zeros are sent as data, whole parts and a rest; they may fail, too. */
static void test_zeroes_as_data(void **state)
{
	static const struct said said[] = {
		{.cdb = {SCSI_WRITE_SAME_16, 0, 0}, .end = UNKNOWN},
		{.cdb = {SCSI_WRITE_10, 0, 0}, .end = BAD_MEDIUM},
	};
	const size_t bytes = 65536 + 2 * MODEL_BLOCK;
	unsigned before;
	struct driver d;
	size_t i;

	(void)state;
	driver_init(&d);
	d.m->said = said;
	d.m->nsaid = 1;
	memset(d.m->disk, 0xff, sizeof(d.m->disk));
	driver_open(&d, "");
	before = d.m->commands;
	assert_int_equal(vscsi_sync_write_zeroes(d.lun, bytes, MODEL_BLOCK, 0), 0);
	assert_true(d.m->commands - before > 2);
	for (i = 0; i < MODEL_BLOCK + bytes + 1; i++)
		assert_int_equal(d.m->disk[i],
				 i < MODEL_BLOCK || i >= MODEL_BLOCK + bytes ? 0xff : 0);
	d.m->nsaid = 2;
	before = d.m->commands;
	assert_int_equal(vscsi_sync_write_zeroes(d.lun, bytes, 0, 0), -EIO);
	assert_int_equal(d.m->commands - before, 2);
	driver_close(&d);
}

static void test_compare_and_write_that_makes_no_sense(void **state)
{
	static const uint8_t list[] = {0, 0, 0, 1, 0x00};
	static const struct said said = {.cdb = {SCSI_INQUIRY, 1, 0}, .data = list, .len = 5};
	char data[8 * MODEL_BLOCK];
	unsigned before;
	struct driver d;

	(void)state;
	driver_start(&d, "");
	before = d.m->commands;
	assert_int_equal(vscsi_sync_compare_and_write(d.lun, data, data, 0, 0), 0);
	assert_int_equal(vscsi_sync_compare_and_write(d.lun, data, data, 511, 0), -EINVAL);
	assert_int_equal(vscsi_sync_compare_and_write(d.lun, data, data, 5 * 512, 0), -E2BIG);
	expect_error_text("takes 4 blocks of 512");
	assert_int_equal(d.m->commands, before);
	driver_close(&d);
	/* A disk that says nothing of it. */
	driver_init(&d);
	d.m->said = &said;
	d.m->nsaid = 1;
	driver_open(&d, "");
	assert_int_equal(vscsi_sync_compare_and_write(d.lun, data, data, 512, 0), -EOPNOTSUPP);
	assert_int_equal(vscsi_compare_and_write(d.queue, d.lun, d.buf, d.buf, 0, 1, 0, 1),
			 -EOPNOTSUPP);
	driver_close(&d);
}

/* Segments of a command: empty ones, both directions, and arrays that are not there. */
static void test_segments_of_a_command(void **state)
{
	static const uint8_t answer[] = "answer";
	static const struct said said = {.cdb = {0xc0, 0, 0}, .data = answer, .len = 6};
	char in_data[6] = "......";
	char out_data[4] = "ask";
	struct iovec out[] = {{NULL, 0}, {out_data, 1}, {out_data + 1, 3}};
	struct iovec in[] = {{in_data, 2}, {NULL, 0}, {in_data + 2, 4}};
	struct vscsi_command command = {.size = sizeof(command), .cdb = {0xc0}, .cdb_len = 6};
	struct driver d;

	(void)state;
	driver_start(&d, "");
	d.m->said = &said;
	d.m->nsaid = 1;
	command.out = out;
	command.out_count = 3;
	command.in = in;
	command.in_count = 3;
	assert_int_equal(vscsi_sync_command(d.lun, &command, NULL), 0);
	assert_memory_equal(in_data, answer, sizeof(in_data));
	command.out = NULL;
	assert_int_equal(vscsi_sync_command(d.lun, &command, NULL), -EINVAL);
	expect_error_text("no array of them");
	command.out_count = 0;
	command.in = NULL;
	assert_int_equal(vscsi_sync_command(d.lun, &command, NULL), -EINVAL);
	command.in_count = 0;
	command.flags = 0x80;
	assert_int_equal(vscsi_sync_command(d.lun, &command, NULL), -EINVAL);
	expect_error_text("flags 0x80");
	command.attr = 9;
	assert_int_equal(vscsi_sync_command(d.lun, &command, NULL), -EINVAL);
	expect_error_text("attr 9");
	command.cdb_len = 5;
	assert_int_equal(vscsi_sync_command(d.lun, &command, NULL), -EINVAL);
	expect_error_text("a CDB of 5 bytes");
	command.cdb_len = 33;
	assert_int_equal(vscsi_sync_command(d.lun, &command, NULL), -E2BIG);
	expect_error_text("a CDB of 33 bytes");
	command.size = 1;
	assert_int_equal(vscsi_sync_command(d.lun, &command, NULL), -EINVAL);
	in[0].iov_len = UINT32_MAX;
	command = (struct vscsi_command){
		.size = sizeof(command), .cdb_len = 6, .in = in, .in_count = 1};
	assert_int_equal(vscsi_sync_command(d.lun, &command, NULL), -ENOMEM);
	driver_close(&d);
}

/* The error text of a failed command: what the device reported, if anything. */
static void test_error_texts(void **state)
{
	static const struct {
		struct answer end;
		int err;
		const char *says;
	} table[] = {
		{MODEL_SENSE(3, 0x11), -EIO, "(3/11/00)"},
		{{.status = 2, .used_len = RESPONSE_BYTES}, -EREMOTEIO, "status CHECK CONDITION"},
		{{.status = 0x18, .used_len = RESPONSE_BYTES}, -EBADE, "RESERVATION CONFLICT"},
		{{.response = 6, .used_len = RESPONSE_BYTES}, -EREMOTEIO, "the link from host"},
		{{.response = 9, .used_len = RESPONSE_BYTES}, -EREMOTEIO, "no cause given"},
		{{.response = 9,
		  .status = 2,
		  .sense_len = 18,
		  .sense = {0x70, 0, 3, [7] = 10, [12] = 0x11},
		  .used_len = RESPONSE_BYTES},
		 -EIO,
		 "(3/11/00)"},
		/* There are back-ends that leave the status unwritten then. */
		{{.response = 9,
		  .sense_len = 18,
		  .sense = {0x70, 0, 3, [7] = 10, [12] = 0x11},
		  .used_len = RESPONSE_BYTES},
		 -EIO,
		 "(3/11/00)"},
		{{.response = 0xff, .used_len = RESPONSE_BYTES}, -EPROTO, "without an answer"},
	};
	struct driver d;
	unsigned i;

	(void)state;
	driver_start(&d, "");
	for (i = 0; i < ARRAY_LEN(table); i++) {
		const struct said said = {.cdb = {SCSI_SYNC_CACHE_10, 0, 0}, .end = table[i].end};

		d.m->said = &said;
		d.m->nsaid = 1;
		assert_int_equal(vscsi_sync_flush(d.lun), table[i].err);
		expect_error_text(table[i].says);
		d.m->nsaid = 0;
	}
	driver_close(&d);
}

/*
 * A flush with nothing to do ends well: nothing is wrong, or there is no cache and the command is
 * not known. All else is a flush that failed.
 */
static void test_flush_without_a_cache(void **state)
{
	static const struct {
		uint8_t data[24];
		uint32_t len;
	} pages[] = {{{3}, 4}, {{23, [4] = 0x08, 0x12}, 24}, {{23, [4] = 0x08, 0x12, 0x04}, 24}};
	static const struct {
		struct answer end;
		int with_cache;
		int without;
	} rows[] = {
		{{.used_len = RESPONSE_BYTES}, 0, 0},
		{MODEL_SENSE(0, 0), 0, 0},
		{MODEL_SENSE(5, 0x20), -EOPNOTSUPP, 0},
		{MODEL_SENSE(3, 0x0c), -EIO, -EIO},
		{MODEL_SENSE(4, 0x44), -EIO, -EIO},
		{{.status = 2, .used_len = RESPONSE_BYTES}, -EREMOTEIO, -EREMOTEIO},
		{{.response = 9, .used_len = RESPONSE_BYTES}, -EREMOTEIO, -EREMOTEIO},
		{{.response = 3, .used_len = RESPONSE_BYTES}, -ENODEV, -ENODEV},
	};
	struct said said[] = {{.cdb = {SCSI_SYNC_CACHE_10, 0, 0}},
			      {.cdb = {SCSI_MODE_SENSE_6, 8, 8}}};
	unsigned i;

	(void)state;
	/* Without the page, without a cache, with one. */
	for (i = 0; i < 3 * ARRAY_LEN(rows); i++) {
		struct vscsi_command raw = {
			.size = sizeof(raw), .cdb_len = 10, .cdb = {SCSI_SYNC_CACHE_10}};
		const bool cache = i % 3 == 2;
		const int result = cache ? rows[i / 3].with_cache : rows[i / 3].without;
		struct driver d;

		driver_init(&d);
		said[0].end = rows[i / 3].end;
		said[1].data = pages[i % 3].data;
		said[1].len = pages[i % 3].len;
		d.m->said = said;
		d.m->nsaid = 2;
		driver_open(&d, "");
		if (vscsi_sync_flush(d.lun) != result)
			fail_msg("row %u: %s", i, vscsi_last_error());
		/* A caller that sends the raw command sees the device's answer. */
		if (rows[i / 3].end.status == 2)
			assert_int_not_equal(vscsi_sync_command(d.lun, &raw, NULL), 0);
		d.m->nsaid = 0;
		driver_close(&d);
	}
}

/* Limits of the calls that don't wait, one by one: nothing reaches the device. */
static void test_refused(void **state)
{
	struct vscsi_range ranges[9] = {{.blocks = 1}};
	struct vscsi_lun *lun;
	unsigned before;
	struct driver d;

	(void)state;
	driver_start(&d, "");
	lun = d.lun;
	before = d.m->commands;
	assert_int_equal(vscsi_unmap(d.queue, lun, ranges, 0, 1), -EINVAL);
	assert_int_equal(vscsi_unmap(d.queue, lun, ranges, 9, 1), -E2BIG);
	assert_int_equal(vscsi_unmap(d.queue, lun, ranges, UINT32_MAX, 1), -E2BIG);
	ranges[0].blocks = UINT32_MAX;
	ranges[1].blocks = 2;
	assert_int_equal(vscsi_unmap(d.queue, lun, ranges, 2, 1), -E2BIG);
	ranges[8].reserved = 1;
	assert_int_equal(vscsi_unmap(d.queue, lun, ranges + 8, 1, 1), -EINVAL);
	assert_int_equal(vscsi_write_zeroes(d.queue, lun, 0, 1, 0x80, 1), -EINVAL);
	assert_int_equal(vscsi_write_zeroes(d.queue, lun, 0, 0, 0, 1), -EINVAL);
	assert_int_equal(vscsi_write_zeroes(d.queue, lun, 0, 0x8001, 0, 1), -E2BIG);
	assert_int_equal(vscsi_compare_and_write(d.queue, lun, d.buf, d.buf, 0, 1, 0x80, 1),
			 -EINVAL);
	assert_int_equal(vscsi_compare_and_write(d.queue, lun, d.buf, d.buf, 0, 0, 0, 1), -EINVAL);
	assert_int_equal(vscsi_compare_and_write(d.queue, lun, d.buf, d.buf, 0, 5, 0, 1), -E2BIG);
	assert_int_equal(vscsi_compare_and_write(d.queue, lun, d.buf, d.buf, 0, 257, 0, 1), -E2BIG);
	assert_int_equal(vscsi_compare_and_write(d.queue, lun, ranges, d.buf, 0, 1, 0, 1), -EFAULT);
	assert_int_equal(vscsi_submit(d.queue), 0);
	assert_int_equal(d.m->commands, before);
	driver_close(&d);
}

/* A ring that is full is so for every call. */
static void test_full(void **state)
{
	const struct vscsi_range range = {.blocks = 1};
	struct vscsi_completion c[64];
	struct driver d;
	unsigned count;

	(void)state;
	driver_start(&d, "queue_size=16");
	driver_hold(&d);
	for (count = 0; count < ARRAY_LEN(c) && !vscsi_flush(d.queue, d.lun, count);)
		count++;
	assert_in_range(count, 1, ARRAY_LEN(c) - 1);
	assert_int_equal(vscsi_unmap(d.queue, d.lun, &range, 1, 1), -EAGAIN);
	assert_int_equal(vscsi_write_zeroes(d.queue, d.lun, 0, 1, 0, 1), -EAGAIN);
	assert_int_equal(vscsi_compare_and_write(d.queue, d.lun, d.buf, d.buf, 0, 1, 0, 1),
			 -EAGAIN);
	assert_int_equal(vscsi_submit(d.queue), 0);
	assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), count);
	model_release(d.m, DRIVER_QUEUE);
	assert_int_equal(vscsi_poll(d.queue, c, ARRAY_LEN(c)), count);
	driver_close(&d);
}

int sync_parts_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_little_memory),
		cmocka_unit_test(test_no_room_in_the_ring),
		cmocka_unit_test(test_a_part_that_fails),
		cmocka_unit_test(test_zeroes_as_data),
		cmocka_unit_test(test_compare_and_write_that_makes_no_sense),
		cmocka_unit_test(test_segments_of_a_command),
		cmocka_unit_test(test_error_texts),
		cmocka_unit_test(test_flush_without_a_cache),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests_name("api/sync_parts", tests, NULL, NULL);
}
