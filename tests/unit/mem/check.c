/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory that vscsi_mem_register() rejects. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include <vscsi/error.h>

#include "mem.h"

#include "conforms.h"

static struct vscsi_mem *mem;
static struct shared shared;

static int setup(void **state)
{
	(void)state;
	mem = small_pool();
	shared = shared_open(4);
	return 0;
}

static int teardown(void **state)
{
	struct vscsi_mem_stats stats = {.size = sizeof(stats)};

	(void)state;
	assert_int_equal(vscsi_mem_get_stats(mem, &stats), 0);
	assert_int_equal(stats.regions, 0);
	shared_close(&shared);
	assert_int_equal(vscsi_mem_destroy(mem), 0);
	return 0;
}

static void expect_error(void *addr, size_t len, int fd, uint64_t offset, int err)
{
	assert_int_equal(vscsi_mem_register(mem, addr, len, fd, offset), err);
	assert_non_null(strstr(vscsi_last_error(), "vscsi_mem_register: "));
}

static void test_alignment(void **state)
{
	CONFORMS("R-VU-38");
	(void)state;
	expect_error(shared.addr + 64, page_size(), shared.fd, 0, -EINVAL);
	expect_error(shared.addr, page_size() + 64, shared.fd, 0, -EINVAL);
	expect_error(shared.addr, 64, shared.fd, 0, -EINVAL);
	expect_error(shared.addr, page_size(), shared.fd, 512, -EINVAL);
}

static void test_invalid_ranges(void **state)
{
	(void)state;
	expect_error(NULL, page_size(), shared.fd, 0, -EINVAL);
	expect_error(shared.addr, 0, shared.fd, 0, -EINVAL);
	expect_error(shared.addr, SIZE_MAX - page_size() + 1, shared.fd, 0, -EINVAL);
	expect_error(shared.addr, page_size(), shared.fd, UINT64_MAX - page_size() + 1, -EINVAL);
	assert_int_equal(vscsi_mem_register(NULL, shared.addr, shared.len, shared.fd, 0), -EINVAL);
	assert_int_equal(vscsi_mem_unregister(NULL, shared.addr), -EINVAL);
}

/* The device would get SIGBUS past the end of the file (R-VU-39). */
static void test_region_past_the_end_of_the_file(void **state)
{
	CONFORMS("R-VU-39");
	(void)state;
	expect_error(shared.addr, shared.len, shared.fd, page_size(), -EINVAL);
	assert_non_null(strstr(vscsi_last_error(), "extend the file"));
	assert_int_equal(
		vscsi_mem_register(mem, shared.addr, page_size(), shared.fd, 3 * page_size()), 0);
	assert_int_equal(vscsi_mem_unregister(mem, shared.addr), 0);
}

static void test_descriptors(void **state)
{
	char path[64];
	int fd;

	(void)state;
	expect_error(shared.addr, shared.len, -2, 0, -EINVAL);
	fd = dup(shared.fd);
	assert_int_equal(close(fd), 0);
	expect_error(shared.addr, shared.len, fd, 0, -EBADF);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", shared.fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	expect_error(shared.addr, shared.len, fd, 0, -EINVAL);
	assert_non_null(strstr(vscsi_last_error(), "reading and writing"));
	assert_int_equal(close(fd), 0);
}

/*
 * A hugetlbfs file is mapped in units of hugepages. None is allocated: nothing is mapped here.
 */
static void test_hugetlbfs_alignment(void **state)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_HUGETLB | 21u << 26);

	CONFORMS("R-VU-38");
	(void)state;
	if (fd < 0) {
		print_message("this kernel has no hugepages of 2 MiB\n");
		skip();
	}
	assert_int_equal(ftruncate(fd, (off_t)(2 * MIB)), 0);
	expect_error(shared.addr, page_size(), fd, 0, -EINVAL);
	assert_non_null(strstr(vscsi_last_error(), "2097152"));
	assert_int_equal(close(fd), 0);
}

/* Whether a region needs a file is up to the transport. */
static void test_without_descriptor(void **state)
{
	(void)state;
	assert_int_equal(vscsi_mem_register(mem, shared.addr, shared.len, -1, 0), 0);
	assert_int_equal(vscsi_mem_unregister(mem, shared.addr), 0);
}

static void test_unmapped_addresses(void **state)
{
	struct shared gone = shared_open(4);

	(void)state;
	assert_int_equal(munmap(gone.addr + page_size(), page_size()), 0);
	expect_error(gone.addr, gone.len, gone.fd, 0, -EINVAL);
	assert_non_null(strstr(vscsi_last_error(), "mapped"));
	shared_close(&gone);
}

int check_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alignment),
		cmocka_unit_test(test_invalid_ranges),
		cmocka_unit_test(test_region_past_the_end_of_the_file),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_hugetlbfs_alignment),
		cmocka_unit_test(test_without_descriptor),
		cmocka_unit_test(test_unmapped_addresses),
	};

	return cmocka_run_group_tests_name("mem check", tests, setup, teardown);
}
