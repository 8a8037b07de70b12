/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When the list of events signals its descriptor: while it has events, and when a scan was
 * requested since the last check, even if another thread checks meanwhile.
 */
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "device_tests.h"
#include "device/event_list.h"

static struct event_list list;
static int fd;

static int begin(void **state)
{
	(void)state;
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	event_list_init(&list);
	event_list_tell(&list, fd);
	return fd < 0;
}

static int end(void **state)
{
	(void)state;
	event_list_fini(&list);
	return close(fd);
}

static bool is_told(void)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};

	return poll(&pollfd, 1, 0) == 1;
}

/* What a look empties first of all; see watch_clear(). */
static void begin_look(void)
{
	eventfd_t ignored;

	eventfd_read(fd, &ignored);
	event_list_begin_look(&list);
}

static unsigned take(void)
{
	struct vscsi_event event;

	return event_list_take(&list, &event, 1);
}

static void test_events(void **state)
{
	(void)state;
	assert_false(is_told());
	event_list_add(&list, VSCSI_EVENT_RESET, 0, 0, 0);
	event_list_add(&list, VSCSI_EVENT_RESET, 0, 1, 0);
	assert_true(is_told());
	begin_look();
	assert_int_equal(take(), 1);
	assert_true(is_told());
	begin_look();
	/* One that came meanwhile, and is taken at once, isn't news any more. */
	event_list_add(&list, VSCSI_EVENT_RESET, 0, 2, 0);
	assert_int_equal(take(), 1);
	assert_int_equal(take(), 1);
	assert_false(is_told());
}

/* The other thread requests a scan after this one checked for that, before it takes events. */
static void test_asked_for_during_a_look(void **state)
{
	(void)state;
	begin_look();
	assert_false(event_list_take_scan(&list));
	event_list_want_scan(&list);
	assert_int_equal(take(), 0);
	assert_true(is_told());
	begin_look();
	assert_true(event_list_take_scan(&list));
	assert_int_equal(take(), 0);
	assert_false(is_told());
	/* The same for one that an unplugged LUN asks for, and with its event. */
	begin_look();
	event_list_unplug(&list, 1, 2);
	assert_int_equal(take(), 1);
	assert_true(is_told());
}

/* A scan isn't possible now, or it failed: that alone doesn't signal the descriptor again. */
static void test_scan_that_has_to_wait(void **state)
{
	(void)state;
	event_list_want_scan(&list);
	begin_look();
	assert_int_equal(take(), 0);
	assert_false(is_told());
	assert_true(event_list_take_scan(&list));
	event_list_retry_scan(&list);
	assert_int_equal(take(), 0);
	assert_false(is_told());
	assert_true(event_list_take_scan(&list));
}

int event_list_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_events, begin, end),
		cmocka_unit_test_setup_teardown(test_asked_for_during_a_look, begin, end),
		cmocka_unit_test_setup_teardown(test_scan_that_has_to_wait, begin, end),
	};

	return cmocka_run_group_tests_name("device/event_list", tests, NULL, NULL);
}
