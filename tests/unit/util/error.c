/* SPDX-License-Identifier: BSD-3-Clause */
/* The sentence of a failure: its form, its life, and that each thread has its own. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <vscsi/error.h>

#include "util.h"

#include "util/error.h"

static int enter(void **state)
{
	(void)state;
	error_enter("vscsi_test");
	return 0;
}

static void test_sentence_names_the_function(void **state)
{
	(void)state;
	assert_int_equal(error_set(-ENOENT, "no disk %d", 7), -ENOENT);
	assert_string_equal(vscsi_last_error(), "vscsi_test: no disk 7");
}

static void test_the_last_failure_counts(void **state)
{
	(void)state;
	error_set(-EIO, "a first and long sentence");
	error_set(-EPROTO, "short");
	assert_string_equal(vscsi_last_error(), "vscsi_test: short");
}

static void test_an_argument_may_be_the_sentence_itself(void **state)
{
	(void)state;
	error_set(-EIO, "inner");
	error_enter("vscsi_outer");
	error_set(-EIO, "because of [%s]", vscsi_last_error());
	assert_string_equal(vscsi_last_error(), "vscsi_outer: because of [vscsi_test: inner]");
}

static void test_long_sentences_are_cut(void **state)
{
	char name[2000];

	(void)state;
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	error_set(-ENAMETOOLONG, "%s", name);
	assert_in_range(strlen(vscsi_last_error()), 200, 1023);
	assert_memory_equal(vscsi_last_error(), "vscsi_test: xxx", 15);
}

static void test_cleaning_up_does_not_replace_it(void **state)
{
	(void)state;
	error_set(-EIO, "the cause");
	error_keep(true);
	error_keep(true);
	assert_int_equal(error_set(-EBADF, "a consequence"), -EBADF);
	error_keep(false);
	error_set(-EBADF, "another one");
	error_keep(false);
	assert_string_equal(vscsi_last_error(), "vscsi_test: the cause");
	error_set(-EBUSY, "a new cause");
	assert_string_equal(vscsi_last_error(), "vscsi_test: a new cause");
}

static void *other_thread(void *arg)
{
	const char **seen = arg;

	seen[0] = *vscsi_last_error() ? "something" : "nothing";
	error_set(-EIO, "in the other thread");
	seen[1] = strstr(vscsi_last_error(), "other") ? "its own" : "not its own";
	return NULL;
}

static void test_each_thread_has_its_own(void **state)
{
	const char *seen[2] = {NULL, NULL};
	pthread_t thread;

	(void)state;
	error_set(-EIO, "here");
	assert_int_equal(pthread_create(&thread, NULL, other_thread, seen), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_string_equal(seen[0], "nothing");
	assert_string_equal(seen[1], "its own");
	assert_string_equal(vscsi_last_error(), "vscsi_test: here");
}

int error_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_sentence_names_the_function, enter),
		cmocka_unit_test_setup(test_the_last_failure_counts, enter),
		cmocka_unit_test_setup(test_an_argument_may_be_the_sentence_itself, enter),
		cmocka_unit_test_setup(test_long_sentences_are_cut, enter),
		cmocka_unit_test_setup(test_cleaning_up_does_not_replace_it, enter),
		cmocka_unit_test_setup(test_each_thread_has_its_own, enter),
	};

	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
