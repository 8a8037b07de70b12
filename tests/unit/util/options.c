/* SPDX-License-Identifier: BSD-3-Clause */
/* Option and info structs of older, newer and incorrect programs. */
#include <errno.h>
#include <string.h>

#include <vscsi/error.h>

#include "util.h"

#include "util/options.h"

/* The struct in three versions; the library under test knows the second. */
struct older {
	uint32_t size;
	uint32_t a;
};

struct known {
	uint32_t size;
	uint32_t a;
	uint64_t b;
};

struct newer {
	uint32_t size;
	uint32_t a;
	uint64_t b;
	uint64_t c;
};

static void test_no_options_are_all_defaults(void **state)
{
	struct known to;

	(void)state;
	memset(&to, 0xff, sizeof(to));
	assert_int_equal(options_copy(&to, sizeof(to), NULL), 0);
	assert_int_equal(to.size, sizeof(to));
	assert_int_equal(to.a, 0);
	assert_int_equal(to.b, 0);
}

static void test_same_version_is_copied(void **state)
{
	const struct known from = {.size = sizeof(from), .a = 1, .b = 2};
	struct known to;

	(void)state;
	assert_int_equal(options_copy(&to, sizeof(to), &from), 0);
	assert_memory_equal(&to, &from, sizeof(to));
}

static void test_older_program_gets_defaults_for_the_rest(void **state)
{
	const struct older from = {.size = sizeof(from), .a = 1};
	struct known to;

	(void)state;
	memset(&to, 0xff, sizeof(to));
	assert_int_equal(options_copy(&to, sizeof(to), &from), 0);
	assert_int_equal(to.size, sizeof(to));
	assert_int_equal(to.a, 1);
	assert_int_equal(to.b, 0);
}

static void test_newer_program_may_leave_the_rest_zero(void **state)
{
	struct newer from = {.size = sizeof(from), .a = 1, .b = 2};
	struct known to;

	(void)state;
	assert_int_equal(options_copy(&to, sizeof(to), &from), 0);
	assert_int_equal(to.size, sizeof(to));
	assert_int_equal(to.b, 2);
	from.c = UINT64_C(1) << 63;
	assert_int_equal(options_copy(&to, sizeof(to), &from), -E2BIG);
	assert_non_null(strstr(vscsi_last_error(), "24 bytes"));
}

static void test_invalid_sizes_are_rejected(void **state)
{
	struct known from = {.size = 0};
	struct known to;

	(void)state;
	for (uint32_t size = 0; size < 4; size++) {
		from.size = size;
		assert_int_equal(options_copy(&to, sizeof(to), &from), -EINVAL);
	}
	/* Uninitialized: memory after the struct must not be read. */
	from.size = UINT32_MAX;
	assert_int_equal(options_copy(&to, sizeof(to), &from), -E2BIG);
	assert_int_equal(info_copy(&from, &to, sizeof(to)), -E2BIG);
	from.size = 3;
	assert_int_equal(info_copy(&from, &to, sizeof(to)), -EINVAL);
	assert_int_equal(info_copy(NULL, &to, sizeof(to)), -EINVAL);
}

static void test_info_is_truncated_or_padded(void **state)
{
	const struct known from = {.size = 0, .a = 1, .b = 2};
	struct {
		struct older info;
		uint64_t beyond;
	} old = {.info = {.size = sizeof(struct older)}, .beyond = 7};
	struct newer new = {.size = sizeof(new), .c = 7};

	(void)state;
	assert_int_equal(info_copy(&old.info, &from, sizeof(from)), 0);
	assert_int_equal(old.info.size, sizeof(struct older));
	assert_int_equal(old.info.a, 1);
	assert_int_equal(old.beyond, 7);
	assert_int_equal(info_copy(&new, &from, sizeof(from)), 0);
	assert_int_equal(new.size, sizeof(new));
	assert_int_equal(new.b, 2);
	assert_int_equal(new.c, 0);
}

int options_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_options_are_all_defaults),
		cmocka_unit_test(test_same_version_is_copied),
		cmocka_unit_test(test_older_program_gets_defaults_for_the_rest),
		cmocka_unit_test(test_newer_program_may_leave_the_rest_zero),
		cmocka_unit_test(test_invalid_sizes_are_rejected),
		cmocka_unit_test(test_info_is_truncated_or_padded),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
