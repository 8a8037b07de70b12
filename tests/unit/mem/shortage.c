/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the error text says about hugepages, from counters of the kernel that are made up: open() is
 * overridden here for files below /sys, while the counters are set.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "mem.h"

#include "mem/shortage.h"

/* Text of each file; NULL: it doesn't exist. */
static struct {
	bool active;
	const char *total;
	const char *free;
	const char *reserved;
} fake;

static int open_text(const char *text)
{
	int fd;

	if (!text) {
		errno = ENOENT;
		return -1;
	}
	fd = memfd_create("counter", MFD_CLOEXEC);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

int open64(const char *path, int flags, ...)
{
	const char *name = strrchr(path, '/');

	if (fake.active && !strncmp(path, "/sys/kernel/mm/hugepages/hugepages-2048kB/", 42)) {
		if (!strcmp(name, "/nr_hugepages"))
			return open_text(fake.total);
		if (!strcmp(name, "/free_hugepages"))
			return open_text(fake.free);
		if (!strcmp(name, "/resv_hugepages"))
			return open_text(fake.reserved);
	}
	/* Nothing that these tests link creates a file with it. */
	assert_false(flags & O_CREAT);
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags);
}

static void check(const char *total, const char *free, const char *reserved, const char *expected)
{
	const struct pages_want want = {.bytes = 16 * MIB, .huge = 2 * MIB};
	char why[PAGES_WHY];

	fake.active = true;
	fake.total = total;
	fake.free = free;
	fake.reserved = reserved;
	shortage_explain(&want, why);
	fake.active = false;
	if (!strstr(why, expected))
		fail_msg("'%s' doesn't say '%s'", why, expected);
}

/* Pages that are free, but promised to mappings of others, can't be had. */
static void test_reserved_pages_are_not_free(void **state)
{
	(void)state;
	check("776\n", "256\n", "256\n", "(0 of 776 are free and not reserved)");
	check("776\n", "256\n", "250\n", "(6 of 776 are free and not reserved)");
	check("776\n", "256\n", "250\n", "`echo 784 > /sys/kernel/mm/hugepages/");
}

/* Counters that change between two reads, or that can't be read. */
static void test_counters_that_make_no_sense(void **state)
{
	(void)state;
	check("776\n", "2\n", "300\n", "(0 of 776 are free and not reserved)");
	check("776\n", "2\n", NULL, "(2 of 776 are free and not reserved)");
	check("776\n", "\n", "0\n", "their number can't be read");
	check("776\n", NULL, "0\n", "this kernel has no hugepages of 2 MiB");
	check(NULL, "2\n", "0\n", "this kernel has no hugepages of 2 MiB");
}

int shortage_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reserved_pages_are_not_free),
		cmocka_unit_test(test_counters_that_make_no_sense),
	};

	return cmocka_run_group_tests_name("mem shortage", tests, NULL, NULL);
}
