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
		cmocka_unit_test(test_invalid_files),
	};

	return cmocka_run_group_tests_name("jobfile", tests, NULL, NULL);
}
