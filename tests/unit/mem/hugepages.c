/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Real hugepages, if the machine has or can reserve some, and the error text if not. Pages are
 * reserved only as root, and released afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/file.h>

#include <vscsi/error.h>

#include "mem.h"

#include "conforms.h"
#include "device.h"

#define RESERVED "/proc/sys/vm/nr_hugepages"
#define COUNTS   "/sys/kernel/mm/hugepages/hugepages-2048kB/"

static int read_count(const char *path, unsigned *count)
{
	FILE *file = fopen(path, "re");
	int got;

	if (!file)
		return -1;
	got = fscanf(file, "%u", count);
	fclose(file);
	return got == 1 ? 0 : -1;
}

/* Locked while pages are reserved, against other instances of this program. */
static struct {
	int lock;
	unsigned gained;
} reserved;

static void write_count(unsigned count)
{
	FILE *file = fopen(RESERVED, "we");

	if (!file)
		return;
	fprintf(file, "%u\n", count);
	fclose(file);
}

/* Makes 8 hugepages of 2 MiB available, if possible. */
static int reserve(void **state)
{
	unsigned before;
	unsigned after;
	unsigned free;

	(void)state;
	reserved.gained = 0;
	reserved.lock = open(RESERVED, O_RDONLY | O_CLOEXEC);
	if (reserved.lock < 0 || flock(reserved.lock, LOCK_EX) < 0 || geteuid() != 0 ||
	    read_count(RESERVED, &before) || read_count(COUNTS "free_hugepages", &free))
		return 0;
	if (free >= VSCSI_MEM_MAX_PAGES)
		return 0;
	write_count(before + VSCSI_MEM_MAX_PAGES);
	if (!read_count(RESERVED, &after) && after > before)
		reserved.gained = after - before;
	return 0;
}

/* Releases what was reserved here, but not what others have reserved meanwhile. */
static int release(void **state)
{
	unsigned now;

	(void)state;
	if (reserved.gained && !read_count(RESERVED, &now))
		write_count(now - reserved.gained);
	if (reserved.lock >= 0)
		close(reserved.lock);
	return 0;
}

static bool are_free(void)
{
	unsigned free;

	return !read_count(COUNTS "free_hugepages", &free) && free >= VSCSI_MEM_MAX_PAGES;
}

/*
 * Other programs may take hugepages and give them back at any moment; then the pool has ordinary
 * pages, or there is none.
 */
#define ATTEMPTS 100u

static struct vscsi_mem *create_of_hugepages(const struct vscsi_mem_opts *opts,
					     struct vscsi_mem_stats *stats)
{
	struct vscsi_mem *mem = NULL;
	unsigned i;

	for (i = 0; i < ATTEMPTS; i++) {
		int err = vscsi_mem_create(opts, &mem);

		assert_true(!err || err == -ENOMEM);
		if (!err) {
			assert_int_equal(vscsi_mem_get_stats(mem, stats), 0);
			if (stats->page_size == 2 * MIB)
				return mem;
			assert_int_equal(vscsi_mem_destroy(mem), 0);
		}
		if (!are_free()) {
			print_message("other programs have allocated the hugepages\n");
			skip();
		}
	}
	fail_msg("8 hugepages are free, and the pool has none of them");
	return NULL;
}

static void check_hugepages(const struct vscsi_mem_opts *opts, unsigned pages)
{
	struct vscsi_mem_stats stats = {.size = sizeof(stats)};
	struct vscsi_mem *mem = create_of_hugepages(opts, &stats);
	char *block;
	uint64_t i;

	assert_int_equal(stats.pages, pages);
	assert_int_equal(stats.bytes, pages * 2 * MIB);
	block = vscsi_mem_alloc(mem, pages * 2 * MIB, 2 * MIB);
	assert_non_null(block);
	for (i = 0; i < stats.bytes; i += 512)
		assert_int_equal(block[i], 0);
	assert_int_equal(vscsi_mem_destroy(mem), 0);
}

static void test_hugepages(void **state)
{
	const struct vscsi_mem_opts small = {.size = sizeof(small), .bytes = 3 * MIB};

	(void)state;
	if (!are_free()) {
		print_message(
			"8 hugepages of 2 MiB are neither available nor can they be reserved\n");
		skip();
	}
	check_hugepages(NULL, 8);
	check_hugepages(&small, 2);
}

/*
 * Finds a size with fewer than 8 free pages, the largest first: other programs use 2 MiB pages at
 * the same time.
 */
static bool find_scarce(uint64_t *size, char *folder, size_t len)
{
	char path[128];
	unsigned free;

	for (*size = 1024 * MIB; *size >= 2 * MIB; *size /= 512) {
		snprintf(folder, len, "/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB",
			 *size / 1024);
		snprintf(path, sizeof(path), "%s/free_hugepages", folder);
		if (read_count(path, &free) || free < VSCSI_MEM_MAX_PAGES)
			return true;
	}
	return false;
}

/* Whether the error text has the command, or says that there are no such pages. */
static bool is_in_text(const char *folder)
{
	char command[160];
	char path[128];
	unsigned total;

	snprintf(path, sizeof(path), "%s/nr_hugepages", folder);
	if (read_count(path, &total))
		return strstr(vscsi_last_error(), "this kernel has no hugepages of");
	snprintf(command, sizeof(command), "`echo %u > %s`", total + 8, path);
	return strstr(vscsi_last_error(), command);
}

static void test_error_text_has_the_command(void **state)
{
	struct vscsi_mem_opts opts = {.size = sizeof(opts), .pages = VSCSI_MEM_MAX_PAGES};
	struct vscsi_mem *mem = NULL;
	char folder[80];
	bool found;
	unsigned i;

	(void)state;
	/* The numbers may change between the two. */
	for (found = false, i = 0; !found && i < ATTEMPTS; i++) {
		int err;

		if (!find_scarce(&opts.page_size, folder, sizeof(folder))) {
			print_message("there are 8 free hugepages of each size\n");
			skip();
		}
		err = vscsi_mem_create(&opts, &mem);
		found = err == -ENOMEM && !mem && is_in_text(folder);
		assert_true(!err || err == -ENOMEM);
		if (!err)
			assert_int_equal(vscsi_mem_destroy(mem), 0);
		mem = NULL;
	}
	assert_true(found);
	/* The alternative given in the error text. */
	opts.flags = VSCSI_MEM_ORDINARY;
	opts.pages = 0;
	opts.bytes = 2 * MIB;
	assert_non_null(strstr(vscsi_last_error(), "VSCSI_MEM_ORDINARY"));
	assert_int_equal(vscsi_mem_create(&opts, &mem), 0);
	assert_int_equal(vscsi_mem_destroy(mem), 0);
}

/* R-VU-39: a back-end that maps in steps of 2 MiB need not round. */
static void test_pool_is_aligned_to_2_mib(void **state)
{
	const struct vscsi_mem_opts opts = {
		.size = sizeof(opts), .flags = VSCSI_MEM_ORDINARY, .bytes = 2 * MIB + 1};
	struct vscsi_mem *mem = NULL;
	struct device device = {0};
	struct dma_map *map;

	CONFORMS("R-VU-38", "R-VU-39");
	(void)state;
	assert_int_equal(vscsi_mem_create(&opts, &mem), 0);
	map = device_follow(&device, mem);
	assert_int_equal(device.mapped, 1);
	assert_int_equal(device.regions[0].addr % (2 * MIB), 0);
	assert_int_equal(device.regions[0].len, 4 * MIB);
	assert_int_equal(device.regions[0].fd_offset, 0);
	dma_map_destroy(map);
	assert_int_equal(vscsi_mem_destroy(mem), 0);
}

int hugepages_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_hugepages, reserve, release),
		cmocka_unit_test(test_error_text_has_the_command),
		cmocka_unit_test(test_pool_is_aligned_to_2_mib),
	};

	return cmocka_run_group_tests_name("mem hugepages", tests, NULL, NULL);
}
