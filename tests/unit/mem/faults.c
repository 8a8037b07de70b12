/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A kernel that interrupts or refuses while it is asked for pages, and a neighbour that maps memory
 * at the same time. fallocate() and mmap() are defined here, which is where the linker finds them
 * first, and ask the real ones unless a test wants otherwise.
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
	int err;       /* what to fail with */
	int after;     /* calls to let pass before */
	int times;     /* how often to fail */
	uint64_t done; /* bytes that the real one was asked for */
} fake;

int fallocate(int fd, int mode, off_t offset, off_t len)
{
	if (fake.times && fake.after-- <= 0) {
		fake.times--;
		errno = fake.err;
		return -1;
	}
	fake.done += (uint64_t)len;
	return (int)syscall(SYS_fallocate, fd, mode, offset, len);
}

typedef void *mmap_call(void *, size_t, int, int, int, off_t);

/* Another thread's memory, mapped at the very place that the pool was about to take. */
static struct {
	unsigned times;   /* how often it is quicker */
	unsigned taken;   /* how often it was */
	int err;          /* what the pool's mapping fails with behind it; 0: what really happens */
	char *places[64]; /* its pages */
} neighbour;

static void *real_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	void *found = dlsym(RTLD_NEXT, "mmap");
	mmap_call *call;

	memcpy(&call, &found, sizeof(call));
	return call(addr, len, prot, flags, fd, offset);
}

static void neighbour_maps(void *addr)
{
	char *page = real_mmap(addr, page_size(), PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (page != addr)
		return;
	*page = 'n';
	neighbour.places[neighbour.taken++] = page;
}

void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) || !neighbour.times)
		return real_mmap(addr, len, prot, flags, fd, offset);
	neighbour.times--;
	/* The kernel first takes away what MAP_FIXED is to replace, and then may fail. */
	if (neighbour.err && (flags & MAP_FIXED))
		munmap(addr, len);
	neighbour_maps(addr);
	if (!neighbour.err)
		return real_mmap(addr, len, prot, flags, fd, offset);
	errno = neighbour.err;
	return MAP_FAILED;
}

/* Its pages are still mapped, and what is in them is what it wrote. */
static void assert_neighbour_lives(unsigned count)
{
	unsigned i;

	assert_int_equal(neighbour.taken, count);
	for (i = 0; i < neighbour.taken; i++) {
		assert_int_equal(msync(neighbour.places[i], page_size(), MS_ASYNC), 0);
		assert_int_equal(*neighbour.places[i], 'n');
		munmap(neighbour.places[i], page_size());
	}
	memset(&neighbour, 0, sizeof(neighbour));
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

static void test_a_signal_only_delays(void **state)
{
	struct vscsi_mem *mem = NULL;

	(void)state;
	assert_int_equal(create(EINTR, 1, 5, &mem), 0);
	assert_int_equal(fake.done, 6 * MIB);
	assert_int_equal(vscsi_mem_destroy(mem), 0);
}

/* Both kinds of pages are refused here, so that it does not matter whether there are hugepages. */
static void test_pages_that_run_out(void **state)
{
	struct vscsi_mem *mem = NULL;

	(void)state;
	assert_int_equal(create(ENOSPC, 1, 1000, &mem), -ENOSPC);
	assert_null(mem);
	assert_non_null(strstr(vscsi_last_error(), "vscsi_mem_create: taking the pool's pages"));
}

static void test_a_place_that_is_taken(void **state)
{
	struct vscsi_mem *mem = NULL;

	(void)state;
	neighbour.times = 3;
	assert_int_equal(create(0, 0, 0, &mem), 0);
	assert_neighbour_lives(3);
	assert_int_equal(vscsi_mem_destroy(mem), 0);
}

static void test_places_that_are_always_taken(void **state)
{
	struct vscsi_mem *mem = NULL;

	(void)state;
	neighbour.times = 64;
	assert_int_equal(create(0, 0, 0, &mem), -EAGAIN);
	assert_non_null(strstr(vscsi_last_error(), "addresses that nobody else takes"));
	assert_neighbour_lives(16);
}

/* Whoever maps memory while ours fails keeps it. */
static void test_a_mapping_that_fails(void **state)
{
	struct vscsi_mem *mem = NULL;

	(void)state;
	neighbour.times = 64;
	neighbour.err = ENOMEM;
	assert_int_equal(create(0, 0, 0, &mem), -ENOMEM);
	assert_non_null(strstr(vscsi_last_error(), "mapping the memory file failed"));
	assert_in_range(neighbour.taken, 1, 2); /* for hugepages first, where the kernel has them */
	assert_neighbour_lives(neighbour.taken);
}

int faults_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_signal_only_delays),
		cmocka_unit_test(test_pages_that_run_out),
		cmocka_unit_test(test_a_place_that_is_taken),
		cmocka_unit_test(test_places_that_are_always_taken),
		cmocka_unit_test(test_a_mapping_that_fails),
	};

	return cmocka_run_group_tests_name("mem faults", tests, NULL, NULL);
}
