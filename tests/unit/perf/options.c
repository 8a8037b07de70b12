/* SPDX-License-Identifier: BSD-3-Clause */
/* Options: consistency of the table, valid and invalid values, the command line. */
#include <errno.h>
#include <string.h>

#include "perf.h"

#include "perf/options.h"

static struct settings settings;

static int parse(const char *name, const char *text, uint64_t *value)
{
	return option_parse(option_find(name, strlen(name)), text, value);
}

static void expect(const char *name, const char *text, uint64_t expected)
{
	uint64_t value = ~expected;

	assert_int_equal(parse(name, text, &value), 0);
	assert_int_equal(value, expected);
}

static void expect_invalid(const char *name, const char *text)
{
	uint64_t value;

	assert_int_equal(parse(name, text, &value), -EINVAL);
}

static void test_table_entries_are_complete(void **state)
{
	const struct perf_option *option;

	(void)state;
	for (option = perf_options; option->name; option++) {
		assert_non_null(option->help);
		assert_non_null(option->values);
		assert_true((option->job_offset == NO_OFFSET) != (option->run_offset == NO_OFFSET));
		assert_true(option->kind < OPTION_WORD || option->words);
		assert_ptr_equal(option_find(option->name, strlen(option->name)), option);
		if (option->alias)
			assert_ptr_equal(option_find(option->alias, strlen(option->alias)), option);
		if (option->kind >= OPTION_SIZE && option->kind <= OPTION_TIME)
			assert_true(option->initial >= option->min &&
				    option->initial <= option->max);
	}
}

static void test_values(void **state)
{
	(void)state;
	expect("bs", "4096", 4096);
	expect("bs", "4k", 4096);
	expect("size", "2G", 2ull << 30);
	expect("size", "1MiB", 1 << 20);
	expect("offset", "0x10", 16);
	expect("lun", "3:17", 3 << 16 | 17);
	expect("runtime", "5", 5000000000);
	expect("runtime", "250ms", 250000000);
	expect("runtime", "2m", 120000000000);
	expect("time_based", NULL, 1);
	expect("time_based", "0", 0);
	expect("rw", "randrw", RW_READ | RW_WRITE | RW_RANDOM);
	expect("output-format", "json,normal", FORMAT_JSON | FORMAT_NORMAL);
	expect("rwmixread", "100", 100);
	expect("iodepth", "16384", 16384);
}

static void test_invalid_values(void **state)
{
	(void)state;
	expect_invalid("bs", "0");
	expect_invalid("bs", "4x");
	expect_invalid("bs", "4kk");
	expect_invalid("bs", "-4096");
	expect_invalid("bs", "");
	expect_invalid("bs", NULL);
	expect_invalid("size", "99999999999999999999");
	expect_invalid("size", "99999999999999T");
	expect_invalid("lun", "0");
	expect_invalid("lun", "256:0");
	expect_invalid("lun", "0:16384");
	expect_invalid("lun", "0:1x");
	expect_invalid("runtime", "5y");
	expect_invalid("runtime", "9999999999999999999h");
	expect_invalid("time_based", "2");
	expect_invalid("rw", "reads");
	expect_invalid("rw", "rea");
	expect_invalid("output-format", "normal,");
	expect_invalid("rwmixread", "101");
	expect_invalid("iodepth", "16385");
	expect_invalid("iodepth", "0");
}

static void test_names(void **state)
{
	(void)state;
	assert_non_null(option_find("output_format=json", strlen("output_format")));
	assert_non_null(option_find("group-reporting", strlen("group-reporting")));
	assert_null(option_find("iodept", strlen("iodept")));
	assert_string_equal(option_nearest("iodpth")->name, "iodepth");
	assert_string_equal(option_nearest("adress")->name, "address");
	assert_string_equal(option_nearest("verify-fatl")->name, "verify_fatal");
	assert_null(option_nearest("bsrange"));
	assert_null(option_nearest(""));
}

static void assert_range(const char *name, const char *expected)
{
	char text[64];

	option_range(option_find(name, strlen(name)), text, sizeof(text));
	assert_string_equal(text, expected);
}

static void test_ranges(void **state)
{
	(void)state;
	assert_range("numjobs", ", 1 to 256");
	assert_range("rwmixread", ", 0 to 100");
	assert_range("runtime", ", 0 to 1000000");
	assert_range("size", "");
	assert_range("rw", "");
}

/* No name is in both tables. */
static void test_ignored_options(void **state)
{
	const struct ignored_option *option;

	(void)state;
	for (option = perf_ignored; option->name; option++)
		assert_null(option_find(option->name, strlen(option->name)));
	assert_non_null(option_ignored("ioengine=libaio", strlen("ioengine")));
	assert_non_null(option_ignored("gtod-reduce", strlen("gtod-reduce")));
	assert_null(option_ignored("rate", strlen("rate")));
}

static void test_printed_values_read_back(void **state)
{
	const struct perf_option *option;
	uint64_t value;
	char text[64];

	(void)state;
	for (option = perf_options; option->name; option++) {
		if (option->kind <= OPTION_NAME || option->kind == OPTION_WORDS)
			continue;
		option_print(option, option->initial, text, sizeof(text));
		assert_int_equal(option_parse(option, text, &value), 0);
		assert_int_equal(value, option->initial);
	}
}

static int read_line(char **words)
{
	int count = 0;

	while (words[count])
		count++;
	return cmdline_read(&settings, count, words);
}

static void test_sections_begin_at_name(void **state)
{
	char *line[] = {"p", "--address=a", "--bs=8k",    "--name=one", "--iodepth",
			"4", "--name=two",  "--rw=write", NULL};

	(void)state;
	assert_int_equal(read_line(line), 0);
	assert_int_equal(settings.count, 2);
	assert_string_equal(settings.jobs[0].name, "one");
	assert_int_equal(settings.jobs[0].bs, 8192);
	assert_int_equal(settings.jobs[0].iodepth, 4);
	assert_string_equal(settings.jobs[1].name, "two");
	assert_int_equal(settings.jobs[1].iodepth, 1);
	assert_int_equal(settings.jobs[1].rw, RW_WRITE);
	assert_string_equal(settings.jobs[1].address, "a");
}

static void test_without_a_name_there_is_one_job(void **state)
{
	char *line[] = {"p", "--address", "a", "--time_based", "--runtime=1", NULL};

	(void)state;
	assert_int_equal(read_line(line), 0);
	assert_int_equal(settings.count, 1);
	assert_int_equal(settings.jobs[0].time_based, 1);
}

static void test_invalid_command_lines(void **state)
{
	char *lines[][8] = {
		{"p", NULL},
		{"p", "--adress=a", NULL},
		{"p", "--address=a", "-x", NULL},
		{"p", "--address=a", "--bs", NULL},
		{"p", "--address=a", "--time_based", NULL},
		{"p", "--address=a", "--iodepth_batch=2", NULL},
		{"p", "--address=a", "--verify=crc32c", NULL},
		{"p", "--address=a", "--rw=write", "--verify_only", NULL},
		{"p", "--address=a", "--rw=write", "--verify_only", "--verify=crc32c", NULL},
		{"p", "--address=a", "--rw=rw", "--verify_only", "--verify=crc32c", "--randseed=1",
		 NULL},
		{"p", "--address=a", "--numjobs=200", "--name=x", "--name=y", NULL},
		{"p", "--address=a", "--rw=write", "--verify=crc32c", "--name=x", "--name=y", NULL},
		{"p", "--address=a", "no such file", NULL},
	};
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_true(read_line(lines[i]) < 0);
}

static void test_separate_verifying_jobs(void **state)
{
	char *apart[] = {"p",         "--address=a", "--rw=write", "--verify=crc32c",
			 "--size=1m", "--name=x",    "--name=y",   "--offset=1m",
			 NULL};
	char *later[] = {"p",        "--address=a", "--rw=write",  "--verify=crc32c",
			 "--name=x", "--name=y",    "--stonewall", NULL};

	(void)state;
	assert_int_equal(read_line(apart), 0);
	assert_int_equal(read_line(later), 0);
}

int options_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_entries_are_complete),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_invalid_values),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_ignored_options),
		cmocka_unit_test(test_printed_values_read_back),
		cmocka_unit_test(test_sections_begin_at_name),
		cmocka_unit_test(test_without_a_name_there_is_one_job),
		cmocka_unit_test(test_invalid_command_lines),
		cmocka_unit_test(test_separate_verifying_jobs),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
