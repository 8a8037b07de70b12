/* SPDX-License-Identifier: BSD-3-Clause */
/* Regions that fit a disk or not. */
#include <errno.h>

#include "perf.h"

#include "perf/prepare.h"

#define DISK (1024 * 512)

static struct job_options options;
static struct job job;

static int begin(void **state)
{
	static struct settings settings;

	(void)state;
	options_init(&settings);
	options = settings.global;
	job = (struct job){.options = &options};
	job.info = (struct vscsi_lun_info){
		.block_size = 512,
		.blocks = 1024,
		.max_blocks = 64,
		.max_unmap_blocks = 16,
		.flags = VSCSI_LUN_UNMAP,
	};
	return 0;
}

static void test_whole_disk(void **state)
{
	(void)state;
	assert_int_equal(job_fit(&job), 0);
	assert_int_equal(job.first_lba, 0);
	assert_int_equal(job.blocks, 8);
	assert_int_equal(job.pieces, DISK / 4096);
}

static void test_part_of_the_disk(void **state)
{
	(void)state;
	options.offset = 1024;
	options.size = 20000;
	assert_int_equal(job_fit(&job), 0);
	assert_int_equal(job.first_lba, 2);
	assert_int_equal(job.pieces, 4);
	options.offset_increment = 65536;
	job.clone = 2;
	assert_int_equal(job_fit(&job), 0);
	assert_int_equal(job.first_lba, 2 + 256);
}

static void test_share_of_the_disk(void **state)
{
	(void)state;
	options.size = PERCENT(10);
	assert_int_equal(job_fit(&job), 0);
	/* Rounded down to requests of 4 KiB: 12.8. */
	assert_int_equal(job.pieces, 12);
	/* Rounded up. */
	options.offset = PERCENT(95);
	assert_int_equal(job_fit(&job), 0);
	assert_int_equal(job.first_lba, 122 * 8);
	assert_int_equal(job.pieces, 6);
	options.offset = 0;
	options.offset_increment = PERCENT(50);
	options.size = PERCENT(50);
	job.clone = 1;
	assert_int_equal(job_fit(&job), 0);
	assert_int_equal(job.first_lba, 512);
	assert_int_equal(job.pieces, 64);
	/* A disk too large to multiply its size by 100. */
	options.bs = 1ull << 30;
	options.size = PERCENT(50);
	options.offset_increment = 0;
	job.clone = 0;
	job.info.blocks = 1ull << 54;
	job.info.max_blocks = 1u << 31;
	assert_int_equal(job_fit(&job), 0);
	assert_int_equal(job.pieces, 1ull << 32);
}

/* The region and how much is transferred, as in fio. */
static void test_filesize(void **state)
{
	(void)state;
	options.filesize = 65536;
	assert_int_equal(job_fit(&job), 0);
	assert_int_equal(job.pieces, 16);
	assert_int_equal(job.amount, 16);
	options.offset = 16384;
	assert_int_equal(job_fit(&job), 0);
	assert_int_equal(job.first_lba, 32);
	assert_int_equal(job.pieces, 12);
	options.size = 8192;
	assert_int_equal(job_fit(&job), 0);
	assert_int_equal(job.pieces, 12);
	assert_int_equal(job.amount, 2);
	options.size = DISK;
	assert_int_equal(job_fit(&job), 0);
	assert_int_equal(job.amount, 12);
	options.size = PERCENT(50);
	assert_int_equal(job_fit(&job), 0);
	assert_int_equal(job.pieces, 8);
	assert_int_equal(job.amount, 8);
	options.offset = 65536;
	assert_int_equal(job_fit(&job), -EINVAL);
	options.offset = 0;
	options.filesize = DISK + 512;
	assert_int_equal(job_fit(&job), -EINVAL);
}

static void test_io_size(void **state)
{
	(void)state;
	options.size = 65536;
	options.io_size = 16384;
	assert_int_equal(job_fit(&job), 0);
	assert_int_equal(job.pieces, 16);
	assert_int_equal(job.amount, 4);
	options.io_size = 2 * DISK;
	assert_int_equal(job_fit(&job), 0);
	assert_int_equal(job.pieces, 16);
	assert_int_equal(job.amount, 256);
	options.io_size = 512;
	assert_int_equal(job_fit(&job), -EINVAL);
}

/* Two jobs of the same disk at the same time. */
static void test_jobs_that_disturb_each_other(void **state)
{
	struct job_options writes = {.rw = RW_WRITE};
	static struct job other;
	struct job_list list = {.jobs = {&job, &other}, .count = 2};

	(void)state;
	other = (struct job){.options = &writes, .pieces = 4, .blocks = 8};
	options.rw = RW_WRITE;
	options.verify = VERIFY_CRC32C;
	options.offset = 4 * 4096;
	assert_int_equal(job_fit(&job), 0);
	assert_int_equal(list_fit(&list), 0);
	other.first_lba = 8;
	assert_int_equal(list_fit(&list), -EINVAL);
	other.group = 1;
	assert_int_equal(list_fit(&list), 0);
	other.group = 0;
	writes.lun = 1;
	assert_int_equal(list_fit(&list), 0);
	writes = (struct job_options){.rw = RW_TRIM};
	assert_int_equal(list_fit(&list), -EINVAL);
	writes.rw = RW_READ;
	assert_int_equal(list_fit(&list), 0);
	/* The first of them can be the one that writes. */
	writes = options;
	options.verify = 0;
	assert_int_equal(list_fit(&list), -EINVAL);
	writes.verify = 0;
	assert_int_equal(list_fit(&list), 0);
}

static void test_verify_divides_the_region(void **state)
{
	(void)state;
	options.verify = VERIFY_CRC32C;
	options.numjobs = 3;
	job.clone = 2;
	assert_int_equal(job_fit(&job), 0);
	assert_int_equal(job.pieces, 128 / 3);
	assert_int_equal(job.first_lba, 2 * 42 * 8);
	options.offset_increment = 4096;
	assert_int_equal(job_fit(&job), -EINVAL);
}

static void test_blocks_that_do_not_fit(void **state)
{
	(void)state;
	options.bs = 1000;
	assert_int_equal(job_fit(&job), -EINVAL);
	options.bs = 4096;
	options.offset = 100;
	assert_int_equal(job_fit(&job), -EINVAL);
	options.offset = 0;
	job.info.block_size = 0;
	assert_int_equal(job_fit(&job), -EINVAL);
	job.info.block_size = 256;
	options.verify = VERIFY_CRC32C;
	assert_int_equal(job_fit(&job), -EINVAL);
}

static void test_regions_that_do_not_fit(void **state)
{
	(void)state;
	options.offset = DISK;
	assert_int_equal(job_fit(&job), -EINVAL);
	options.offset = DISK - 512;
	assert_int_equal(job_fit(&job), -EINVAL);
	options.offset = 512;
	options.size = DISK;
	assert_int_equal(job_fit(&job), -EINVAL);
	options.size = MAX_BYTES;
	assert_int_equal(job_fit(&job), -EINVAL);
	options.size = 512;
	assert_int_equal(job_fit(&job), -EINVAL);
	options.size = 0;
	options.offset_increment = MAX_BYTES - 511;
	job.clone = 5;
	assert_int_equal(job_fit(&job), -EINVAL);
}

static void test_unsupported_operations(void **state)
{
	(void)state;
	options.bs = 65 * 512;
	assert_int_equal(job_fit(&job), -EINVAL);
	options.bs = 17 * 512;
	options.rw = RW_TRIM;
	assert_int_equal(job_fit(&job), -EINVAL);
	options.bs = 16 * 512;
	assert_int_equal(job_fit(&job), 0);
	job.info.flags = 0;
	assert_int_equal(job_fit(&job), -EINVAL);
	options.rw = RW_WRITE;
	assert_int_equal(job_fit(&job), 0);
	job.info.flags = VSCSI_LUN_READ_ONLY;
	assert_int_equal(job_fit(&job), -EINVAL);
}

int fit_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_whole_disk, begin),
		cmocka_unit_test_setup(test_part_of_the_disk, begin),
		cmocka_unit_test_setup(test_share_of_the_disk, begin),
		cmocka_unit_test_setup(test_filesize, begin),
		cmocka_unit_test_setup(test_io_size, begin),
		cmocka_unit_test_setup(test_jobs_that_disturb_each_other, begin),
		cmocka_unit_test_setup(test_verify_divides_the_region, begin),
		cmocka_unit_test_setup(test_blocks_that_do_not_fit, begin),
		cmocka_unit_test_setup(test_regions_that_do_not_fit, begin),
		cmocka_unit_test_setup(test_unsupported_operations, begin),
	};

	return cmocka_run_group_tests_name("fit", tests, NULL, NULL);
}
