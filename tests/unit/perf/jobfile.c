/* SPDX-License-Identifier: BSD-3-Clause */
/* Valid and invalid job files. Each is a file in the current directory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "perf.h"

#include "perf/options.h"

static struct settings settings;

static int read_text(const char *text)
{
	char path[] = "jobfile.XXXXXX";
	int fd = mkstemp(path), ret;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	options_init(&settings);
	settings.global.iodepth = 2;
	ret = jobfile_read(&settings, path);
	unlink(path);
	return ret;
}

static void test_global_and_sections(void **state)
{
	(void)state;
	assert_int_equal(read_text("# a comment\n; another\n\n[global]\naddress=a\n  bs = 8k \n"
				   "[one]\nrw=write\ntime_based\n[two]\niodepth=9\nbs=512"),
			 0);
	assert_int_equal(settings.count, 2);
	assert_string_equal(settings.jobs[0].name, "one");
	assert_string_equal(settings.jobs[0].address, "a");
	assert_int_equal(settings.jobs[0].bs, 8192);
	assert_int_equal(settings.jobs[0].rw, RW_WRITE);
	assert_int_equal(settings.jobs[0].time_based, 1);
	/* From the command line, overridden by [global]. */
	assert_int_equal(settings.jobs[0].iodepth, 2);
	assert_int_equal(settings.jobs[1].iodepth, 9);
	assert_int_equal(settings.jobs[1].bs, 512);
	assert_int_equal(settings.jobs[1].rw, RW_READ);
}

static void test_second_global_section(void **state)
{
	(void)state;
	assert_int_equal(read_text("[global]\nbs=8k\n[one]\n[global]\nbs=512\n[two]\n"), 0);
	assert_int_equal(settings.jobs[0].bs, 8192);
	assert_int_equal(settings.jobs[1].bs, 512);
}

/* As in fio: a comment begins anywhere, and is removed before variables are replaced. */
static void test_comments(void **state)
{
	(void)state;
	setenv("VSCSI_TEST_PATH", "vhost-user:a#b;c", 1);
	assert_int_equal(read_text("[global] # defaults\nbs=8k # eight\nsize=1m;one\n  # none\n"
				   "[one] ; a job\naddress=${VSCSI_TEST_PATH}\ntime_based#yes\n"),
			 0);
	assert_int_equal(settings.count, 1);
	assert_string_equal(settings.jobs[0].name, "one");
	assert_int_equal(settings.jobs[0].bs, 8192);
	assert_int_equal(settings.jobs[0].size, 1 << 20);
	assert_int_equal(settings.jobs[0].time_based, 1);
	assert_string_equal(settings.jobs[0].address, "vhost-user:a#b;c");
}

static void test_variables(void **state)
{
	char text[3 * MAX_TEXT];

	(void)state;
	setenv("VSCSI_TEST_SIZE", "3", 1);
	unsetenv("VSCSI_TEST_NONE");
	assert_int_equal(read_text("[one]\nsize=${VSCSI_TEST_SIZE}m\nname=a${VSCSI_TEST_NONE}b\n"
				   "address=${x\nbs=${VSCSI_TEST_NONE}4${VSCSI_TEST_NONE}k\n"),
			 0);
	assert_int_equal(settings.jobs[0].size, 3 << 20);
	assert_string_equal(settings.jobs[0].name, "ab");
	assert_string_equal(settings.jobs[0].address, "${x");
	assert_int_equal(settings.jobs[0].bs, 4096);
	/* The value is missing, which is not the default. */
	assert_true(read_text("[one]\nfilesize=${VSCSI_TEST_NONE}\n") < 0);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	setenv("VSCSI_TEST_LONG", text, 1);
	assert_true(read_text("[one]\naddress=${VSCSI_TEST_LONG}\n") < 0);
	unsetenv("VSCSI_TEST_LONG");
}

/* As in fio: the jobs of a second file wait for those of the first. */
static void test_second_file(void **state)
{
	char path[] = "jobfile.XXXXXX";
	static const char text[] = "[three]\n[four]\n";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	assert_int_equal(read_text("[one]\n[two]\n"), 0);
	assert_int_equal(jobfile_read(&settings, path), 0);
	unlink(path);
	assert_int_equal(settings.count, 4);
	assert_int_equal(settings.jobs[0].stonewall + settings.jobs[1].stonewall, 0);
	assert_int_equal(settings.jobs[2].stonewall, 1);
	assert_int_equal(settings.jobs[3].stonewall, 0);
}

/* fio compares six characters. */
static void test_global_with_a_suffix(void **state)
{
	(void)state;
	assert_int_equal(read_text("[global-defaults]\nbs=8k\n[one]\n"), 0);
	assert_int_equal(settings.count, 1);
	assert_int_equal(settings.jobs[0].bs, 8192);
}

static void test_invalid_files(void **state)
{
	char line[3 * MAX_TEXT];

	(void)state;
	assert_true(read_text("") < 0);
	assert_true(read_text("[global]\nbs=4k\n") < 0);
	assert_true(read_text("bs=4k\n[one]\n") < 0);
	assert_true(read_text("[one\n") < 0);
	assert_true(read_text("[]\n") < 0);
	assert_true(read_text("[one]\nbss=4k\n") < 0);
	assert_true(read_text("[one]\nbs=4x\n") < 0);
	assert_true(read_text("[one]\nloops=2\n") < 0);
	assert_true(read_text("[one]\ninclude other.fio\n") < 0);
	assert_true(read_text("[one]\noutput=file\n") < 0);
	memset(line, 'x', sizeof(line));
	memcpy(line, "[one]\n", 6);
	line[sizeof(line) - 1] = 0;
	assert_true(read_text(line) < 0);
	memcpy(line, "[", 1);
	memcpy(line + MAX_NAME + 10, "]", 2);
	memset(line + 1, 'n', MAX_NAME + 9);
	assert_true(read_text(line) < 0);
}

int jobfile_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_global_and_sections),
		cmocka_unit_test(test_second_global_section),
		cmocka_unit_test(test_comments),
		cmocka_unit_test(test_variables),
		cmocka_unit_test(test_second_file),
		cmocka_unit_test(test_global_with_a_suffix),
		cmocka_unit_test(test_invalid_files),
	};

	return cmocka_run_group_tests_name("jobfile", tests, NULL, NULL);
}
