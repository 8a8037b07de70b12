/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory that vscsi_mem_register() rejects. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <vscsi/error.h>

#include "mem.h"

#include "conforms.h"
#include "error_text.h"
#include "kernel.h"

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
	char *last = shared.addr + 3 * page_size();

	CONFORMS("R-VU-39");
	(void)state;
	expect_error(shared.addr, shared.len, shared.fd, page_size(), -EINVAL);
	assert_non_null(strstr(vscsi_last_error(), "extend the file"));
	assert_int_equal(vscsi_mem_register(mem, last, page_size(), shared.fd, 3 * page_size()), 0);
	assert_int_equal(vscsi_mem_unregister(mem, last), 0);
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

/* Memory in which a back-end would see something else, or that a device can't write. */
static void test_another_mapping(void **state)
{
	const size_t page = page_size();
	struct shared other = shared_open(4);
	char *private = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE, shared.fd, 0);
	char *read_only = mmap(NULL, page, PROT_READ, MAP_SHARED, shared.fd, 0);
	char *anonymous =
		mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)state;
	expect_error(private, page, shared.fd, 0, -EINVAL);
	expect_error_text("MAP_SHARED");
	expect_error(read_only, page, shared.fd, 0, -EINVAL);
	expect_error_text("access r--s");
	expect_error(read_only, page, -1, 0, -EINVAL);
	expect_error(anonymous, page, shared.fd, 0, -EINVAL);
	expect_error_text("not a mapping of file descriptor");
	expect_error(shared.addr, page, other.fd, 0, -EINVAL);
	expect_error(shared.addr, page, shared.fd, page, -EINVAL);
	/* The second page is of another file, or of another part of this one. */
	assert_ptr_equal(mmap(other.addr + page, page, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_FIXED, shared.fd, (off_t)page),
			 other.addr + page);
	expect_error(other.addr, 2 * page, other.fd, 0, -EINVAL);
	assert_ptr_equal(mmap(other.addr + page, page, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_FIXED, other.fd, (off_t)(2 * page)),
			 other.addr + page);
	expect_error(other.addr, 2 * page, other.fd, 0, -EINVAL);
	assert_int_equal(munmap(private, page), 0);
	assert_int_equal(munmap(read_only, page), 0);
	assert_int_equal(munmap(anonymous, page), 0);
	shared_close(&other);
}

/* Pages with different protection or advice are several mappings, and all of them will do. */
static void test_several_mappings_of_one_file(void **state)
{
	struct shared own = shared_open(4);

	(void)state;
	assert_int_equal(madvise(own.addr + page_size(), page_size(), MADV_DONTDUMP), 0);
	assert_int_equal(vscsi_mem_register(mem, own.addr, own.len, own.fd, 0), 0);
	assert_int_equal(vscsi_mem_unregister(mem, own.addr), 0);
	shared_close(&own);
}

/* A back-end that truncates a file would end this process with SIGBUS. */
static void test_file_that_can_shrink(void **state)
{
	const struct vscsi_mem_opts opts = {.size = sizeof(opts),
					    .flags = VSCSI_MEM_ORDINARY | VSCSI_MEM_UNVERIFIED,
					    .bytes = 2 * MIB};
	struct vscsi_mem *believing = NULL;
	struct shared own = shared_open(1);
	int fd = memfd_create("open", MFD_CLOEXEC);
	char *addr;

	(void)state;
	assert_false(fcntl(own.fd, F_GET_SEALS) & F_SEAL_SHRINK);
	assert_int_equal(vscsi_mem_register(mem, own.addr, own.len, own.fd, 0), 0);
	assert_int_equal(ftruncate(own.fd, 0), -1);
	assert_int_equal(vscsi_mem_unregister(mem, own.addr), 0);
	shared_close(&own);
	assert_int_equal(ftruncate(fd, (off_t)page_size()), 0);
	addr = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	expect_error(addr, page_size(), fd, 0, -EPERM);
	expect_error_text("VSCSI_MEM_UNVERIFIED");
	assert_int_equal(vscsi_mem_create(&opts, &believing), 0);
	assert_int_equal(vscsi_mem_register(believing, addr, page_size(), fd, 0), 0);
	assert_int_equal(vscsi_mem_destroy(believing), 0);
	assert_int_equal(munmap(addr, page_size()), 0);
	assert_int_equal(close(fd), 0);
}

/* Whether a child of this process has memory at @addr. */
static bool child_has(const void *addr)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(msync((void *)(uintptr_t)addr, page_size(), MS_ASYNC) ? 1 : 0);
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* What a child writes would be copied, and the device may be left with the child's pages. */
static void test_private_memory_and_fork(void **state)
{
	const size_t page = page_size();
	char *private =
		mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	need_advice();
	assert_int_equal(vscsi_mem_register(mem, private, page, -1, 0), 0);
	assert_false(child_has(private));
	assert_int_equal(vscsi_mem_unregister(mem, private), 0);
	assert_true(child_has(private));
	assert_int_equal(vscsi_mem_register(mem, shared.addr, shared.len, -1, 0), 0);
	assert_true(child_has(shared.addr));
	assert_int_equal(vscsi_mem_unregister(mem, shared.addr), 0);
	assert_int_equal(munmap(private, page), 0);
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
		cmocka_unit_test(test_another_mapping),
		cmocka_unit_test(test_several_mappings_of_one_file),
		cmocka_unit_test(test_file_that_can_shrink),
		cmocka_unit_test(test_private_memory_and_fork),
	};

	return cmocka_run_group_tests_name("mem check", tests, setup, teardown);
}
