/* SPDX-License-Identifier: BSD-3-Clause */
/* Options: consistency of the table, valid and invalid values, the command line. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

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
		/* Larger ones would be percentages. */
		assert_true(option->kind != OPTION_SHARE || option->max <= MAX_BYTES);
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
	expect("size", "1MB", 1 << 20);
	expect("size", "1p", 1ull << 50);
	expect("size", "10%", PERCENT(10));
	expect("offset", "100%", PERCENT(100));
	expect("filesize", "1m", 1 << 20);
	expect("verify", "0", VERIFY_NONE);
	expect("continue_on_error", "1", 1);
	expect("timeout", "5", 5000000000);
	expect("runtime", "1D", 86400000000000);
	expect("runtime", "3msec", 3000000);
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
	expect_invalid("size", "18446744073709551615");
	expect_invalid("size", "0%");
	expect_invalid("size", "101%");
	expect_invalid("size", "1.5%");
	expect_invalid("size", "%");
	/* In fio, 1000 * 1000. */
	expect_invalid("size", "1MiB");
	expect_invalid("size", "1z");
	expect_invalid("filesize", "1m-2m");
	expect_invalid("filesize", "10%");
	expect_invalid("filesize", "0");
	expect_invalid("bs", "4k,8k");
	expect_invalid("rate", "1m,500k");
	expect_invalid("verify", "md5");
	/* In fio, it needs verify_pattern. */
	expect_invalid("verify", "pattern");
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

/* No name is in two tables. */
static void test_names_of_fio(void **state)
{
	const struct ignored_option *option;
	const char *name = perf_unsupported + 1;
	size_t len;

	(void)state;
	for (option = perf_ignored; option->name; option++)
		assert_null(option_find(option->name, strlen(option->name)));
	for (; *name; name += len + 1) {
		len = strcspn(name, " ");
		assert_in_range(len, 2, MAX_NAME - 1);
		assert_null(option_find(name, len));
		assert_null(option_ignored(name, len));
	}
	assert_non_null(option_ignored("ioengine=libaio", strlen("ioengine")));
	assert_non_null(option_ignored("gtod-reduce", strlen("gtod-reduce")));
}

static void assert_set(const char *text, int expected)
{
	struct job_options job = {.bs = 4096};
	const struct job_options before = job;

	assert_int_equal(option_set(&job, NULL, "test", text), expected);
	assert_memory_equal(&job, &before, sizeof(job));
}

/* Only what makes no difference to what is written or measured. */
static void test_ignored_values(void **state)
{
	(void)state;
	assert_set("ioengine=io_uring", 0);
	assert_set("direct", 0);
	assert_set("direct=1", 0);
	assert_set("buffered=0", 0);
	assert_set("nrfiles=1", 0);
	assert_set("sync=none", 0);
	assert_set("unlink", 0);
	assert_set("ioengine=null", -EINVAL);
	assert_set("ioengine", -EINVAL);
	assert_set("ioengine=", -EINVAL);
	assert_set("ioengine=io_uring,libaio", -EINVAL);
	assert_set("direct=0", -EINVAL);
	assert_set("buffered", -EINVAL);
	assert_set("nrfiles=4", -EINVAL);
	assert_set("loops=2", -EINVAL);
	assert_set("scramble_buffers", -EINVAL);
	assert_set("kb_base=1000", -EINVAL);
	assert_set("bsrange=4k-8k", -EINVAL);
	assert_set("create_only=1", -EINVAL);
}

static void assert_cpus(const char *text, int expected, unsigned count)
{
	cpu_set_t set;

	assert_int_equal(cpus_parse(text, &set), expected);
	if (!expected)
		assert_int_equal(CPU_COUNT(&set), count);
}

static void test_cpus(void **state)
{
	(void)state;
	assert_cpus("0", 0, 1);
	assert_cpus("0-0,0", 0, 1);
	if (sysconf(_SC_NPROCESSORS_CONF) > 1)
		assert_cpus("1,0-1", 0, 2);
	assert_cpus("9999", -ENODEV, 0);
	assert_cpus("0-9999", -ENODEV, 0);
	assert_cpus("", -EINVAL, 0);
	assert_cpus("0,", -EINVAL, 0);
	assert_cpus("0-", -EINVAL, 0);
	assert_cpus("1-0", -EINVAL, 0);
	assert_cpus("-1", -EINVAL, 0);
	assert_cpus("all", -EINVAL, 0);
	assert_cpus("0x1", -EINVAL, 0);
	assert_cpus("99999999999", -ENODEV, 0);
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
		if (option->kind != OPTION_SHARE)
			continue;
		option_print(option, PERCENT(7), text, sizeof(text));
		assert_string_equal(text, "7%");
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
		{"p", "--address=a", "--rate=1m", "--rate_iops=10", NULL},
		{"p", "--address=a", "--cpus_allowed=9999", NULL},
		{"p", "--address=a", "--cpus_allowed=one", NULL},
		{"p", "--address=a", "no such file", NULL},
	};
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_true(read_line(lines[i]) < 0);
}

int options_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_entries_are_complete),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_invalid_values),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_names_of_fio),
		cmocka_unit_test(test_ignored_values),
		cmocka_unit_test(test_cpus),
		cmocka_unit_test(test_printed_values_read_back),
		cmocka_unit_test(test_sections_begin_at_name),
		cmocka_unit_test(test_without_a_name_there_is_one_job),
		cmocka_unit_test(test_invalid_command_lines),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
