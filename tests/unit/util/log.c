/* SPDX-License-Identifier: BSD-3-Clause */
/* Which lines reach the callback, their format, and the environment variable. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#include "util/error.h"
#include "util/log.h"

struct heard {
	int lines;
	int level;
	char line[1024];
};

static void record_line(void *ctx, int level, const char *line)
{
	struct heard *heard = ctx;

	heard->lines++;
	heard->level = level;
	snprintf(heard->line, sizeof(heard->line), "%s", line);
}

static int disable_log(void **state)
{
	(void)state;
	unsetenv("VSCSI_LOG");
	return vscsi_set_log(VSCSI_LOG_ERROR, NULL, NULL);
}

static void log_all_levels(void)
{
	log_error("e");
	log_warn("w");
	log_info("i");
	log_debug("d");
}

/* How many of the four levels are logged if @level is set. */
static int heard_at(int level)
{
	struct heard heard = {.lines = 0};

	assert_int_equal(vscsi_set_log(level, record_line, &heard), 0);
	log_all_levels();
	return heard.lines;
}

static void test_levels_are_thresholds(void **state)
{
	(void)state;
	assert_int_equal(heard_at(VSCSI_LOG_ERROR), 1);
	assert_int_equal(heard_at(VSCSI_LOG_WARN), 2);
	assert_int_equal(heard_at(VSCSI_LOG_INFO), 3);
	assert_int_equal(heard_at(VSCSI_LOG_DEBUG), 4);
}

static void test_environment_gives_the_default(void **state)
{
	(void)state;
	assert_int_equal(heard_at(VSCSI_LOG_DEFAULT), 2);
	setenv("VSCSI_LOG", "error", 1);
	assert_int_equal(heard_at(VSCSI_LOG_DEFAULT), 1);
	setenv("VSCSI_LOG", "debug", 1);
	assert_int_equal(heard_at(VSCSI_LOG_DEFAULT), 4);
	assert_int_equal(heard_at(VSCSI_LOG_INFO), 3);
	setenv("VSCSI_LOG", "everything", 1);
	assert_int_equal(heard_at(VSCSI_LOG_DEFAULT), 2);
	setenv("VSCSI_LOG", "", 1);
	assert_int_equal(heard_at(VSCSI_LOG_DEFAULT), 2);
}

static void test_unknown_levels_change_nothing(void **state)
{
	struct heard heard = {.lines = 0};

	(void)state;
	assert_int_equal(vscsi_set_log(VSCSI_LOG_WARN, record_line, &heard), 0);
	assert_int_equal(vscsi_set_log(VSCSI_LOG_DEBUG + 1, NULL, NULL), -EINVAL);
	assert_int_equal(vscsi_set_log(-1, NULL, NULL), -EINVAL);
	log_all_levels();
	assert_int_equal(heard.lines, 2);
}

static void test_lines_are_formatted_and_truncated(void **state)
{
	struct heard heard = {.lines = 0};
	char name[2000];

	(void)state;
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(vscsi_set_log(VSCSI_LOG_INFO, record_line, &heard), 0);
	log_info("ring %u of %s", 3u, "four");
	assert_string_equal(heard.line, "ring 3 of four");
	assert_int_equal(heard.level, VSCSI_LOG_INFO);
	log_info("%s", name);
	assert_in_range(strlen(heard.line), 200, sizeof(heard.line) - 1);
}

static void test_failures_are_logged_at_debug(void **state)
{
	struct heard heard = {.lines = 0};

	(void)state;
	assert_int_equal(vscsi_set_log(VSCSI_LOG_DEBUG, record_line, &heard), 0);
	error_enter("vscsi_test");
	error_set(-EIO, "broken");
	assert_int_equal(heard.lines, 1);
	assert_string_equal(heard.line, "vscsi_test: broken");
}

static void count(void *ctx, int level, const char *line)
{
	(void)level;
	(void)line;
	atomic_fetch_add((atomic_int *)ctx, 1);
}

static void *log_lines(void *arg)
{
	(void)arg;
	for (int i = 0; i < 1000; i++)
		log_error("line %d", i);
	return NULL;
}

/* Threads log while the setting changes; nothing is lost except while it is NULL. */
static void test_log_during_setting_change(void **state)
{
	atomic_int lines = 0;
	pthread_t threads[4];

	(void)state;
	assert_int_equal(vscsi_set_log(VSCSI_LOG_ERROR, count, &lines), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, log_lines, NULL), 0);
	for (int i = 0; i < 50; i++)
		assert_int_equal(vscsi_set_log(1 + i % 4, count, &lines), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&lines), 4000);
}

int log_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_levels_are_thresholds, disable_log,
						disable_log),
		cmocka_unit_test_setup_teardown(test_environment_gives_the_default, disable_log,
						disable_log),
		cmocka_unit_test_setup_teardown(test_unknown_levels_change_nothing, disable_log,
						disable_log),
		cmocka_unit_test_setup_teardown(test_lines_are_formatted_and_truncated, disable_log,
						disable_log),
		cmocka_unit_test_setup_teardown(test_failures_are_logged_at_debug, disable_log,
						disable_log),
		cmocka_unit_test_setup_teardown(test_log_during_setting_change, disable_log,
						disable_log),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
