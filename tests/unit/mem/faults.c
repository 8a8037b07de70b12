/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A kernel that interrupts or fails the allocation of pages, and another thread that maps memory at
 * the same time. fallocate() and mmap() are overridden here and call the real ones by default.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <vscsi/error.h>

#include "mem.h"

static struct {
	int err;       /* errno of the failure */
	int after;     /* calls that succeed before */
	int times;     /* number of failures */
	uint64_t done; /* bytes allocated by the real call, from the start of the file */
} fake;

int fallocate(int fd, int mode, off_t offset, off_t len)
{
	if (fake.times && fake.after-- <= 0) {
		fake.times--;
		errno = fake.err;
		return -1;
	}
	if (syscall(SYS_fallocate, fd, mode, offset, len))
		return -1;
	/* If there are too few hugepages, the pool starts again with ordinary pages. */
	fake.done = (offset ? fake.done : 0) + (uint64_t)len;
	return 0;
}

typedef void *mmap_call(void *, size_t, int, int, int, off_t);

/* Another thread that maps memory as soon as the kernel has unmapped the pool's reservation. */
static struct {
	bool wanted;
	unsigned count;
	char *pages[2]; /* for the attempts with hugepages and with ordinary pages */
} neighbour;

static void *real_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	void *found = dlsym(RTLD_NEXT, "mmap");
	mmap_call *call;

	memcpy(&call, &found, sizeof(call));
	return call(addr, len, prot, flags, fd, offset);
}

/* MAP_FIXED first unmaps the old mapping, and may fail afterwards. */
void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	char *page;

	if (!(flags & MAP_FIXED) || !neighbour.wanted)
		return real_mmap(addr, len, prot, flags, fd, offset);
	page = real_mmap(addr, page_size(), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	*page = 'n';
	neighbour.pages[neighbour.count++] = page;
	errno = ENOMEM;
	return MAP_FAILED;
}

static int create(int err, int after, int times, struct vscsi_mem **mem)
{
	const struct vscsi_mem_opts opts = {
		.size = sizeof(opts), .flags = VSCSI_MEM_ORDINARY, .bytes = 6 * MIB};
	int rc;

	memset(&fake, 0, sizeof(fake));
	fake.err = err;
	fake.after = after;
	fake.times = times;
	rc = vscsi_mem_create(&opts, mem);
	fake.times = 0;
	return rc;
}

static void test_signal_interrupts_allocation(void **state)
{
	struct vscsi_mem *mem = NULL;

	(void)state;
	assert_int_equal(create(EINTR, 1, 5, &mem), 0);
	assert_int_equal(fake.done, 6 * MIB);
	assert_int_equal(vscsi_mem_destroy(mem), 0);
}

/* Both kinds of pages fail, so the test does not depend on hugepages. */
static void test_out_of_pages(void **state)
{
	struct vscsi_mem *mem = NULL;

	(void)state;
	assert_int_equal(create(ENOSPC, 1, 1000, &mem), -ENOSPC);
	assert_null(mem);
	assert_non_null(
		strstr(vscsi_last_error(), "vscsi_mem_create: allocating the pool's pages"));
}

/* Memory that another thread maps during the failure is not unmapped. */
static void test_mapping_fails(void **state)
{
	struct vscsi_mem *mem = NULL;
	unsigned i;

	(void)state;
	neighbour.wanted = true;
	assert_int_equal(create(0, 0, 0, &mem), -ENOMEM);
	neighbour.wanted = false;
	assert_non_null(strstr(vscsi_last_error(), "mapping the memory file failed"));
	assert_true(neighbour.count > 0);
	for (i = 0; i < neighbour.count; i++) {
		assert_int_equal(msync(neighbour.pages[i], page_size(), MS_ASYNC), 0);
		assert_int_equal(*neighbour.pages[i], 'n');
		munmap(neighbour.pages[i], page_size());
	}
}

int faults_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signal_interrupts_allocation),
		cmocka_unit_test(test_out_of_pages),
		cmocka_unit_test(test_mapping_fails),
	};

	return cmocka_run_group_tests_name("mem faults", tests, NULL, NULL);
}
