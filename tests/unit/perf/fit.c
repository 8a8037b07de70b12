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
	options.size = UINT64_MAX;
	assert_int_equal(job_fit(&job), -EINVAL);
	options.size = 512;
	assert_int_equal(job_fit(&job), -EINVAL);
	options.size = 0;
	options.offset_increment = UINT64_MAX - 511;
	job.clone = 3;
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
		cmocka_unit_test_setup(test_verify_divides_the_region, begin),
		cmocka_unit_test_setup(test_blocks_that_do_not_fit, begin),
		cmocka_unit_test_setup(test_regions_that_do_not_fit, begin),
		cmocka_unit_test_setup(test_unsupported_operations, begin),
	};

	return cmocka_run_group_tests_name("fit", tests, NULL, NULL);
}
