/* SPDX-License-Identifier: BSD-3-Clause */
/* Which lines reach the callback, in what form, and what the environment has to say. */
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

static void hear(void *ctx, int level, const char *line)
{
	struct heard *heard = ctx;

	heard->lines++;
	heard->level = level;
	snprintf(heard->line, sizeof(heard->line), "%s", line);
}

static int silence(void **state)
{
	(void)state;
	unsetenv("VSCSI_LOG");
	return vscsi_set_log(VSCSI_LOG_ERROR, NULL, NULL);
}

static void say_all(void)
{
	log_error("e");
	log_warn("w");
	log_info("i");
	log_debug("d");
}

/* How many of the four levels are heard when @level is set. */
static int heard_at(int level)
{
	struct heard heard = {.lines = 0};

	assert_int_equal(vscsi_set_log(level, hear, &heard), 0);
	say_all();
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
	assert_int_equal(vscsi_set_log(VSCSI_LOG_WARN, hear, &heard), 0);
	assert_int_equal(vscsi_set_log(VSCSI_LOG_DEBUG + 1, NULL, NULL), -EINVAL);
	assert_int_equal(vscsi_set_log(-1, NULL, NULL), -EINVAL);
	say_all();
	assert_int_equal(heard.lines, 2);
}

static void test_lines_are_formatted_and_cut(void **state)
{
	struct heard heard = {.lines = 0};
	char name[2000];

	(void)state;
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(vscsi_set_log(VSCSI_LOG_INFO, hear, &heard), 0);
	log_info("ring %u of %s", 3u, "four");
	assert_string_equal(heard.line, "ring 3 of four");
	assert_int_equal(heard.level, VSCSI_LOG_INFO);
	log_info("%s", name);
	assert_in_range(strlen(heard.line), 200, sizeof(heard.line) - 1);
}

static void test_failures_are_told_at_debug(void **state)
{
	struct heard heard = {.lines = 0};

	(void)state;
	assert_int_equal(vscsi_set_log(VSCSI_LOG_DEBUG, hear, &heard), 0);
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

static void *talk(void *arg)
{
	(void)arg;
	for (int i = 0; i < 1000; i++)
		log_error("line %d", i);
	return NULL;
}

/* Threads log while the setting changes under them: nothing is lost but what NULL drops. */
static void test_threads_may_log_while_it_changes(void **state)
{
	atomic_int lines = 0;
	pthread_t threads[4];

	(void)state;
	assert_int_equal(vscsi_set_log(VSCSI_LOG_ERROR, count, &lines), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, talk, NULL), 0);
	for (int i = 0; i < 50; i++)
		assert_int_equal(vscsi_set_log(1 + i % 4, count, &lines), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&lines), 4000);
}

int log_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_levels_are_thresholds, silence, silence),
		cmocka_unit_test_setup_teardown(test_environment_gives_the_default, silence,
						silence),
		cmocka_unit_test_setup_teardown(test_unknown_levels_change_nothing, silence,
						silence),
		cmocka_unit_test_setup_teardown(test_lines_are_formatted_and_cut, silence, silence),
		cmocka_unit_test_setup_teardown(test_failures_are_told_at_debug, silence, silence),
		cmocka_unit_test_setup_teardown(test_threads_may_log_while_it_changes, silence,
						silence),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
