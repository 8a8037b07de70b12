/* SPDX-License-Identifier: BSD-3-Clause */
/* The pages chosen for a pool's options, and options that contradict each other. */
#include <errno.h>

#include <vscsi/error.h>

#include "mem.h"

#include "mem/layout.h"
#include "util/bits.h"

#define GIB (1024 * MIB)

struct row {
	uint64_t bytes;
	uint64_t page_size;
	uint32_t pages;
	int err;
	struct layout layout;
};

static const struct row rows[] = {
	/* Defaults. */
	{0, 0, 0, 0, {2 * MIB, 8, 16 * MIB}},
	{0, 2 * MIB, 0, 0, {2 * MIB, 8, 16 * MIB}},
	{0, GIB, 0, 0, {GIB, 1, 16 * MIB}},
	{0, 0, 3, 0, {2 * MIB, 3, 6 * MIB}},
	{0, GIB, 2, 0, {GIB, 2, 2 * GIB}},
	/* The smaller page size if 8 pages are enough. */
	{1, 0, 0, 0, {2 * MIB, 1, 2 * MIB}},
	{2 * MIB + 1, 0, 0, 0, {2 * MIB, 2, 4 * MIB}},
	{16 * MIB, 0, 0, 0, {2 * MIB, 8, 16 * MIB}},
	{16 * MIB + 1, 0, 0, 0, {GIB, 1, 18 * MIB}},
	{GIB + 1, 0, 0, 0, {GIB, 2, GIB + 2 * MIB}},
	{8 * GIB, 0, 0, 0, {GIB, 8, 8 * GIB}},
	/* More pages than necessary are allowed. */
	{1, 0, 8, 0, {2 * MIB, 8, 16 * MIB}},
	{1, GIB, 0, 0, {GIB, 1, 2 * MIB}},
	/* Too many. */
	{0, 0, 9, -E2BIG, {0}},
	{8 * GIB + 1, 0, 0, -E2BIG, {0}},
	{UINT64_MAX, 0, 0, -E2BIG, {0}},
	{16 * MIB + 1, 2 * MIB, 0, -E2BIG, {0}},
	/* Contradictions. */
	{4 * MIB, 2 * MIB, 1, -EINVAL, {0}},
	{GIB + 1, 0, 1, -EINVAL, {0}},
	{0, 4096, 0, -EINVAL, {0}},
	{0, 4 * MIB, 0, -EINVAL, {0}},
};

static void test_layouts(void **state)
{
	struct vscsi_mem_opts opts = {.size = sizeof(opts)};
	struct layout layout;
	const struct row *row;

	(void)state;
	for (row = rows; row < rows + ARRAY_LEN(rows); row++) {
		opts.bytes = row->bytes;
		opts.page_size = row->page_size;
		opts.pages = row->pages;
		assert_int_equal(layout_choose(&opts, &layout), row->err);
		if (row->err) {
			assert_string_not_equal(vscsi_last_error(), "");
			continue;
		}
		assert_int_equal(layout.page_size, row->layout.page_size);
		assert_int_equal(layout.pages, row->layout.pages);
		assert_int_equal(layout.ordinary, row->layout.ordinary);
	}
}

static void test_unknown_flag(void **state)
{
	const struct vscsi_mem_opts opts = {.size = sizeof(opts), .flags = 1u << 2};
	struct layout layout;

	(void)state;
	assert_int_equal(layout_choose(&opts, &layout), -EINVAL);
}

int layout_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layouts),
		cmocka_unit_test(test_unknown_flag),
	};

	return cmocka_run_group_tests_name("mem layout", tests, NULL, NULL);
}
