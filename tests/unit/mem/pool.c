/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pools through the public functions: options, fallback to ordinary pages, blocks and statistics.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <vscsi/error.h>
#include <vscsi/log.h>

#include "mem.h"

#include "device.h"

static void test_blocks_can_be_written(void **state)
{
	struct vscsi_mem *mem = small_pool();
	char *block = vscsi_mem_alloc(mem, 2 * MIB, 0);

	(void)state;
	assert_non_null(block);
	memset(block, 0x5a, 2 * MIB);
	assert_null(vscsi_mem_alloc(mem, 1, 0));
	assert_non_null(strstr(vscsi_last_error(), "vscsi_mem_alloc: "));
	assert_int_equal(vscsi_mem_free(mem, block), 0);
	assert_int_equal(vscsi_mem_destroy(mem), 0);
}

/* In a child, whose limit it is; SIGXFSZ would end it. */
static void test_limit_of_file_sizes(void **state)
{
	const struct rlimit limit = {MIB, MIB};
	const struct vscsi_mem_opts opts = {
		.size = sizeof(opts), .flags = VSCSI_MEM_ORDINARY, .bytes = 2 * MIB};
	struct vscsi_mem *mem;
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		if (setrlimit(RLIMIT_FSIZE, &limit))
			_exit(2);
		_exit(vscsi_mem_create(&opts, &mem) == -EFBIG &&
				      strstr(vscsi_last_error(), "ulimit -f")
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* What a program prints that has closed its standard streams must not end in DMA memory. */
static void test_standard_streams_are_closed(void **state)
{
	struct shared shared = shared_open(1);
	struct vscsi_mem *mem;
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		close(0);
		close(1);
		close(2);
		mem = small_pool();
		status = vscsi_mem_register(mem, shared.addr, shared.len, shared.fd, 0) ||
			 fcntl(0, F_GETFD) != -1 || fcntl(1, F_GETFD) != -1 ||
			 fcntl(2, F_GETFD) != -1 || vscsi_mem_unregister(mem, shared.addr);
		_exit(status || vscsi_mem_destroy(mem));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	shared_close(&shared);
}

static void test_alignment(void **state)
{
	struct vscsi_mem *mem = small_pool();
	size_t align;
	void *block;

	(void)state;
	for (align = 1; align <= MIB / 2; align *= 2) {
		block = vscsi_mem_alloc(mem, 1, align);
		assert_non_null(block);
		assert_int_equal((uintptr_t)block % (align < 64 ? 64 : align), 0);
	}
	assert_int_equal(vscsi_mem_destroy(mem), 0);
}

static void test_free_of_invalid_pointers(void **state)
{
	struct vscsi_mem *mem = small_pool();
	char *block = vscsi_mem_alloc(mem, 256, 0);
	char foreign = 0;

	(void)state;
	assert_int_equal(vscsi_mem_free(mem, NULL), 0);
	assert_int_equal(vscsi_mem_free(mem, block + 64), -EINVAL);
	assert_int_equal(vscsi_mem_free(mem, &foreign), -EINVAL);
	assert_int_equal(vscsi_mem_free(mem, block), 0);
	assert_int_equal(vscsi_mem_free(mem, block), -EINVAL);
	assert_non_null(strstr(vscsi_last_error(), "already freed"));
	assert_int_equal(vscsi_mem_free(NULL, block), -EINVAL);
	assert_null(vscsi_mem_alloc(NULL, 64, 0));
	assert_int_equal(vscsi_mem_destroy(mem), 0);
}

static void test_stats(void **state)
{
	struct vscsi_mem_stats stats = {.size = sizeof(stats)};
	struct vscsi_mem *mem = small_pool();
	void *block = vscsi_mem_alloc(mem, 1000, 0);

	(void)state;
	assert_int_equal(vscsi_mem_get_stats(mem, &stats), 0);
	assert_int_equal(stats.size, sizeof(stats));
	assert_int_equal(stats.bytes, 2 * MIB);
	assert_int_equal(stats.pages * stats.page_size, 2 * MIB);
	assert_int_equal(stats.used, 1024);
	assert_int_equal(stats.blocks, 1);
	assert_int_equal(stats.largest_free, 2 * MIB - 1024);
	assert_int_equal(stats.regions, 0);
	assert_int_equal(vscsi_mem_free(mem, block), 0);
	assert_int_equal(vscsi_mem_get_stats(mem, &stats), 0);
	assert_int_equal(stats.used, 0);
	assert_int_equal(stats.peak, 1024);
	assert_int_equal(stats.largest_free, 2 * MIB);
	stats.size = 3;
	assert_int_equal(vscsi_mem_get_stats(mem, &stats), -EINVAL);
	assert_int_equal(vscsi_mem_get_stats(mem, NULL), -EINVAL);
	assert_int_equal(vscsi_mem_get_stats(NULL, &stats), -EINVAL);
	assert_int_equal(vscsi_mem_destroy(mem), 0);
}

static void test_at_most_8_pages(void **state)
{
	struct vscsi_mem_opts opts = {.size = sizeof(opts), .flags = VSCSI_MEM_ORDINARY};
	struct vscsi_mem *mem = NULL;

	(void)state;
	opts.pages = VSCSI_MEM_MAX_PAGES + 1;
	assert_int_equal(vscsi_mem_create(&opts, &mem), -E2BIG);
	opts.pages = 0;
	opts.bytes = 8 * 1024 * MIB + 1;
	assert_int_equal(vscsi_mem_create(&opts, &mem), -E2BIG);
	assert_non_null(strstr(vscsi_last_error(), "8 GiB"));
	assert_null(mem);
}

static void test_options_are_checked(void **state)
{
	struct vscsi_mem_opts opts = {.size = 3};
	struct vscsi_mem *mem = NULL;

	(void)state;
	assert_int_equal(vscsi_mem_create(&opts, &mem), -EINVAL);
	assert_int_equal(vscsi_mem_create(&opts, NULL), -EINVAL);
	opts.size = sizeof(opts);
	opts.page_size = 12345;
	assert_int_equal(vscsi_mem_create(&opts, &mem), -EINVAL);
	assert_null(mem);
	assert_int_equal(vscsi_mem_destroy(NULL), 0);
}

static void count_line(void *ctx, int level, const char *line)
{
	int *count = ctx;

	if (level == VSCSI_LOG_INFO && strstr(line, "ordinary pages instead of hugepages"))
		++*count;
}

/* 6 MiB, to leave hugepages for the other tests. */
static void test_fallback_to_ordinary_pages(void **state)
{
	const struct vscsi_mem_opts opts = {.size = sizeof(opts),
					    .flags = VSCSI_MEM_ORDINARY,
					    .bytes = 4 * MIB + 1,
					    .page_size = 1024 * MIB};
	struct vscsi_mem_stats stats = {.size = sizeof(stats)};
	struct vscsi_mem *mem = NULL;
	int lines = 0;

	(void)state;
	assert_int_equal(vscsi_set_log(VSCSI_LOG_INFO, count_line, &lines), 0);
	assert_int_equal(vscsi_mem_create(&opts, &mem), 0);
	assert_int_equal(vscsi_set_log(VSCSI_LOG_WARN, NULL, NULL), 0);
	assert_int_equal(vscsi_mem_get_stats(mem, &stats), 0);
	if (stats.page_size == page_size()) {
		assert_int_equal(stats.bytes, 6 * MIB);
		assert_int_equal(stats.pages, 6 * MIB / page_size());
		assert_int_equal(lines, 1);
	}
	assert_int_equal(vscsi_mem_destroy(mem), 0);
}

static void test_destroy_of_a_pool_in_use(void **state)
{
	struct vscsi_mem *mem = small_pool();
	struct device device = {0};
	struct dma_map *map = device_follow(&device, mem);

	(void)state;
	assert_int_equal(vscsi_mem_destroy(mem), -EBUSY);
	assert_non_null(vscsi_mem_alloc(mem, 64, 0));
	dma_map_destroy(map);
	assert_int_equal(vscsi_mem_destroy(mem), 0);
}

int pool_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks_can_be_written),
		cmocka_unit_test(test_limit_of_file_sizes),
		cmocka_unit_test(test_standard_streams_are_closed),
		cmocka_unit_test(test_alignment),
		cmocka_unit_test(test_free_of_invalid_pointers),
		cmocka_unit_test(test_stats),
		cmocka_unit_test(test_at_most_8_pages),
		cmocka_unit_test(test_options_are_checked),
		cmocka_unit_test(test_fallback_to_ordinary_pages),
		cmocka_unit_test(test_destroy_of_a_pool_in_use),
	};

	return cmocka_run_group_tests_name("mem pool", tests, NULL, NULL);
}
