/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A kernel that interrupts or refuses while it is asked for pages. fallocate() is defined here,
 * which is where the linker finds it first, and asks the real one unless a test wants otherwise.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
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

int faults_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_signal_only_delays),
		cmocka_unit_test(test_pages_that_run_out),
	};

	return cmocka_run_group_tests_name("mem faults", tests, NULL, NULL);
}
