/* SPDX-License-Identifier: BSD-3-Clause */
/* The error text: its format and lifetime, and that it is thread-local. */
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

static void test_text_names_the_function(void **state)
{
	(void)state;
	assert_int_equal(error_set(-ENOENT, "no disk %d", 7), -ENOENT);
	assert_string_equal(vscsi_last_error(), "vscsi_test: no disk 7");
}

static void test_last_failure_is_kept(void **state)
{
	(void)state;
	error_set(-EIO, "a first and long text");
	error_set(-EPROTO, "short");
	assert_string_equal(vscsi_last_error(), "vscsi_test: short");
}

static void test_argument_may_be_the_previous_text(void **state)
{
	(void)state;
	error_set(-EIO, "inner");
	error_enter("vscsi_outer");
	error_set(-EIO, "because of [%s]", vscsi_last_error());
	assert_string_equal(vscsi_last_error(), "vscsi_outer: because of [vscsi_test: inner]");
}

static void test_long_texts_are_truncated(void **state)
{
	char name[2000];

	(void)state;
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	error_set(-ENAMETOOLONG, "%s", name);
	assert_in_range(strlen(vscsi_last_error()), 200, 1023);
	assert_memory_equal(vscsi_last_error(), "vscsi_test: xxx", 15);
}

static void test_cleanup_keeps_the_text(void **state)
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

static void test_text_is_thread_local(void **state)
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
		cmocka_unit_test_setup(test_text_names_the_function, enter),
		cmocka_unit_test_setup(test_last_failure_is_kept, enter),
		cmocka_unit_test_setup(test_argument_may_be_the_previous_text, enter),
		cmocka_unit_test_setup(test_long_texts_are_truncated, enter),
		cmocka_unit_test_setup(test_cleanup_keeps_the_text, enter),
		cmocka_unit_test_setup(test_text_is_thread_local, enter),
	};

	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
