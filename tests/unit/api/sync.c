/* SPDX-License-Identifier: BSD-3-Clause */
/* The calls that wait: any memory, any length, and what becomes of a call that waited in vain. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <vscsi/error.h>

#include "api.h"
#include "scsi/cdb.h"

static uint64_t used_memory(struct driver *d)
{
	struct vscsi_mem_stats stats = {.size = sizeof(stats)};

	assert_int_equal(vscsi_mem_get_stats(vscsi_dev_mem(d->dev), &stats), 0);
	return stats.used;
}

static void fill(uint8_t *data, size_t len, unsigned seed)
{
	size_t i;

	for (i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 31 + i / 512 + seed);
}

/* Data go to the disk and come back, in parts of no more than the disk takes. */
static void test_any_memory_and_length(void **state)
{
	static const struct {
		uint32_t blocks;
		uint32_t max_transfer;
		unsigned parts;
	} table[] = {{1, 8, 1}, {8, 8, 1}, {9, 8, 2}, {100, 8, 13}, {1024, 1024, 1}, {2048, 0, 1}};
	unsigned i;

	(void)state;
	CONFORMS("R-SCSI-14");
	for (i = 0; i < ARRAY_LEN(table); i++) {
		size_t len = (size_t)table[i].blocks * MODEL_BLOCK;
		uint8_t *data = malloc(2 * len + 2);
		unsigned before;
		struct driver d;

		driver_init(&d);
		d.m->max_transfer = table[i].max_transfer;
		driver_open(&d, "");
		fill(data + 1, len, i);
		before = d.m->commands;
		assert_int_equal(vscsi_pwrite(d.lun, data + 1, len, 0, 0), 0);
		assert_int_equal(d.m->commands - before, table[i].parts);
		assert_memory_equal(d.m->disk, data + 1, len);
		assert_int_equal(vscsi_pread(d.lun, data + 1 + len, len, 0), 0);
		assert_memory_equal(data + 1, data + 1 + len, len);
		free(data);
		driver_close(&d);
	}
}

/* The model's disk refuses the service action, as one does that has others. */
static void test_extents_are_not_known(void **state)
{
	struct vscsi_extent extent;
	struct driver d;

	(void)state;
	driver_start(&d, "");
	assert_int_equal(vscsi_sync_get_extents(d.lun, MODEL_BLOCK, 0, &extent, 1), -EOPNOTSUPP);
	assert_non_null(strstr(vscsi_last_error(), "doesn't support GET LBA STATUS"));
	driver_close(&d);
}

static void test_ranges_that_make_no_sense(void **state)
{
	const uint64_t end = (uint64_t)MODEL_BLOCKS * MODEL_BLOCK;
	uint8_t data[1024];
	unsigned before;
	struct driver d;

	(void)state;
	driver_start(&d, "");
	before = d.m->commands;
	assert_int_equal(vscsi_pread(d.lun, data, 511, 0), -EINVAL);
	assert_int_equal(vscsi_pread(d.lun, data, 512, 1), -EINVAL);
	assert_int_equal(vscsi_pread(d.lun, data, 1024, end - 512), -EINVAL);
	assert_int_equal(vscsi_pread(d.lun, data, 512, end), -EINVAL);
	assert_int_equal(vscsi_pwrite(d.lun, data, 512, UINT64_MAX - 511, 0), -EINVAL);
	assert_int_equal(vscsi_pwrite(d.lun, data, UINT64_MAX - 511, 512, 0), -EINVAL);
	assert_non_null(strstr(vscsi_last_error(), "vscsi_pwrite"));
	assert_int_equal(vscsi_pwrite(d.lun, data, 512, 0, 0xff), -EINVAL);
	assert_non_null(strstr(vscsi_last_error(), "flags 0xff"));
	assert_int_equal(vscsi_sync_write_zeroes(d.lun, 512, 0, VSCSI_IO_FUA), -EINVAL);
	assert_non_null(strstr(vscsi_last_error(), "use VSCSI_IO_UNMAP"));
	assert_int_equal(vscsi_pread(d.lun, data, 0, 0), 0);
	assert_int_equal(d.m->commands, before);
	assert_int_equal(vscsi_pread(d.lun, data, 512, end - 512), 0);
	driver_close(&d);
}

/* A call that timed out: the late answer leaves the caller's memory alone; all is freed. */
static void test_late_answer(void **state)
{
	uint8_t data[512];
	struct chain chain;
	uint64_t before;
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-CLN-03", "R-HARD-15");
	driver_init(&d);
	memset(d.m->disk, 0xdd, sizeof(d.m->disk));
	clock_stop(true);
	driver_open(&d, "timeout_ms=30");
	before = used_memory(&d);
	memset(data, 0x11, sizeof(data));
	d.m->held = MODEL_ALL;
	assert_int_equal(vscsi_pread(d.lun, data, 512, 0), -ETIMEDOUT);
	assert_non_null(strstr(vscsi_last_error(), "no answer in 30 ms"));
	/* The memory that the device was given is still there for it. */
	assert_true(used_memory(&d) > before);
	assert_true(model_take(d.m, 2, &chain));
	assert_int_equal(vscsi_lun_close(d.lun), 0);
	model_serve_chain(d.m, &chain);
	model_release(d.m, 2);
	for (i = 0; i < sizeof(data); i++)
		assert_int_equal(data[i], 0x11);
	/* The next call finds it. */
	assert_int_equal(vscsi_lun_open(d.dev, 1, 2, NULL, &d.lun), 0);
	assert_int_equal(vscsi_pread(d.lun, data, 512, 0), 0);
	assert_int_equal(data[0], 0xdd);
	assert_int_equal(used_memory(&d), before);
	driver_close(&d);
}

/* The call has been abandoned: its command isn't retried when the device is busy. */
static void test_late_answer_that_is_busy(void **state)
{
	struct answer busy = {.status = 0x08, .used_len = RESPONSE_BYTES};
	uint8_t data[512];
	struct chain chain;
	uint64_t before;
	struct driver d;

	(void)state;
	CONFORMS("R-CLN-03");
	clock_stop(true);
	driver_start(&d, "timeout_ms=30");
	before = used_memory(&d);
	d.m->held = MODEL_ALL;
	assert_int_equal(vscsi_pread(d.lun, data, 512, 0), -ETIMEDOUT);
	assert_true(model_take(d.m, 2, &chain));
	model_answer(d.m, &chain, &busy);
	model_release(d.m, 2);
	assert_int_equal(vscsi_pread(d.lun, data, 512, 0), 0);
	assert_int_equal(used_memory(&d), before);
	driver_close(&d);
}

/* Abandoned calls are freed when the device is closed, after its reset. */
static void test_closing_with_abandoned_calls(void **state)
{
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-CLN-02", "R-CLN-03");
	clock_stop(true);
	driver_start(&d, "timeout_ms=10");
	d.m->held = MODEL_ALL;
	for (i = 0; i < 5; i++)
		assert_int_equal(vscsi_pwrite(d.lun, d.buf, 4096, 0, 0), -ETIMEDOUT);
	driver_close(&d);
}

/* With a limit for each LUN, calls that were abandoned don't count for ever. */
static void test_abandoned_calls_give_their_credit_back(void **state)
{
	struct driver d;

	(void)state;
	driver_init(&d);
	d.m->fake.config.cmd_per_lun = htole32(1);
	clock_stop(true);
	driver_open(&d, "timeout_ms=10");
	d.m->held = MODEL_ALL;
	assert_int_equal(vscsi_sync_flush(d.lun), -ETIMEDOUT);
	assert_int_equal(vscsi_sync_flush(d.lun), -ETIMEDOUT);
	assert_int_equal(model_waiting(d.m, 2), 2);
	model_release(d.m, 2);
	d.m->held = 0;
	assert_int_equal(vscsi_sync_flush(d.lun), 0);
	driver_close(&d);
}

static void test_error_text_names_the_sense_data(void **state)
{
	struct vscsi_command command = {.size = sizeof(command), .cdb_len = 6};
	struct vscsi_completion c;
	struct driver d;

	(void)state;
	driver_start(&d, "");
	command.cdb[0] = 0x77;
	assert_int_equal(vscsi_sync_command(d.lun, &command, &c), -EOPNOTSUPP);
	assert_int_equal(c.sense_key, 5);
	assert_int_equal(c.asc, 0x20);
	assert_non_null(strstr(vscsi_last_error(), "LUN 1:2"));
	assert_non_null(strstr(vscsi_last_error(), "5/20/00"));
	driver_close(&d);
}

/* Any memory for the data of any command, and the answer's length. */
static void test_command_with_data(void **state)
{
	uint8_t data[256];
	struct iovec in[2] = {{data + 1, 5}, {data + 100, 91}};
	struct vscsi_command command = {
		.size = sizeof(command), .cdb_len = 6, .in = in, .in_count = 2};
	struct vscsi_completion c;
	struct driver d;

	(void)state;
	driver_start(&d, "");
	memset(data, 0x33, sizeof(data));
	command.cdb[0] = SCSI_INQUIRY;
	command.cdb[4] = 96;
	assert_int_equal(vscsi_sync_command(d.lun, &command, &c), 0);
	assert_int_equal(c.residual, 0);
	assert_int_equal(data[0], 0x33);
	assert_int_equal(data[1 + 4], 91);
	assert_int_equal(data[6], 0x33);
	assert_memory_equal(data + 100 + 3, "TESTS   MODEL DISK", 18);
	driver_close(&d);
}

/* Big jobs become as many commands as the disk's limits ask for. */
static void test_unmap_and_zeroes_in_parts(void **state)
{
	const struct vscsi_range ranges[] = {
		{.lba = 0, .blocks = 0x10000}, {.lba = 0x10000, .blocks = 0x10001}, {.lba = 5}};
	unsigned before;
	struct driver d;

	(void)state;
	driver_init(&d);
	d.m->blocks = UINT64_C(1) << 32;
	driver_open(&d, "");
	before = d.m->commands;
	assert_int_equal(vscsi_sync_unmap(d.lun, ranges, 3), 0);
	assert_int_equal(d.m->commands - before, 3);
	before = d.m->commands;
	assert_int_equal(vscsi_sync_write_zeroes(d.lun, 512 * UINT64_C(0x18001), 512, 0), 0);
	assert_int_equal(d.m->commands - before, 4);
	driver_close(&d);
}

#define THREADS 4

struct caller {
	struct driver *d;
	pthread_t thread;
	unsigned number;
	int wrong;
};

/* Each thread has blocks of its own, and finds there what it wrote. */
static void *call(void *arg)
{
	struct caller *c = arg;
	uint64_t at = (uint64_t)c->number * 32 * MODEL_BLOCK;
	uint8_t out[4096];
	uint8_t in[4096];
	unsigned round;

	for (round = 0; round < 300 && !c->wrong; round++) {
		fill(out, sizeof(out), c->number * 1000 + round);
		c->wrong = vscsi_pwrite(c->d->lun, out, sizeof(out), at, 0) ||
			   vscsi_pread(c->d->lun, in, sizeof(in), at) ||
			   memcmp(in, out, sizeof(in)) != 0;
	}
	return NULL;
}

static void test_calls_from_several_threads(void **state)
{
	struct caller callers[THREADS];
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-MB-22");
	driver_start(&d, "");
	for (i = 0; i < THREADS; i++) {
		callers[i] = (struct caller){.d = &d, .number = i};
		assert_int_equal(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(callers[i].thread, NULL);
		assert_false(callers[i].wrong);
	}
	driver_close(&d);
}

int sync_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_memory_and_length),
		cmocka_unit_test(test_extents_are_not_known),
		cmocka_unit_test(test_ranges_that_make_no_sense),
		cmocka_unit_test(test_late_answer),
		cmocka_unit_test(test_late_answer_that_is_busy),
		cmocka_unit_test(test_closing_with_abandoned_calls),
		cmocka_unit_test(test_abandoned_calls_give_their_credit_back),
		cmocka_unit_test(test_error_text_names_the_sense_data),
		cmocka_unit_test(test_command_with_data),
		cmocka_unit_test(test_unmap_and_zeroes_in_parts),
		cmocka_unit_test(test_calls_from_several_threads),
	};

	return cmocka_run_group_tests_name("api/sync", tests, NULL, NULL);
}
