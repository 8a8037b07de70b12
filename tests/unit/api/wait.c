/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vscsi_wait(): how long it sleeps at once, and what it looks at before it says that nothing came.
 * The linker's --wrap notes the sleeps, which pass at once.
 */
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "api.h"

/* While true, sleeps are noted and skipped: how many there were, and the longest. */
static bool skipping;
static unsigned sleeps;
static int longest;

int __real_poll(struct pollfd *fds, nfds_t count, int ms);
int __wrap_poll(struct pollfd *fds, nfds_t count, int ms);

int __wrap_poll(struct pollfd *fds, nfds_t count, int ms)
{
	if (!skipping)
		return __real_poll(fds, count, ms);
	sleeps++;
	longest = ms > longest ? ms : longest;
	clock_skip((uint64_t)ms);
	return __real_poll(fds, count, 0);
}

static void open_asleep(struct driver *d)
{
	driver_init(d);
	d->m->fake.call_fds[DRIVER_QUEUE] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_true(d->m->fake.call_fds[DRIVER_QUEUE] >= 0);
	driver_open(d, "");
	driver_hold(d);
	driver_read(d, 7);
	clock_stop(true);
	sleeps = 0;
	longest = 0;
}

static void close_asleep(struct driver *d)
{
	close(d->m->fake.call_fds[DRIVER_QUEUE]);
	driver_close(d);
}

static int wait_skipping(struct driver *d, int ms)
{
	int ret;

	skipping = true;
	ret = vscsi_wait(d->queue, ms);
	skipping = false;
	return ret;
}

static void test_no_longer_than_told(void **state)
{
	struct chain chain;
	struct driver d;

	(void)state;
	open_asleep(&d);
	chain = driver_take(&d);
	assert_int_equal(wait_skipping(&d, 7), 0);
	assert_true(sleeps > 0);
	assert_in_range(longest, 1, 7);
	model_serve_chain(d.m, &chain);
	assert_int_equal(wait_skipping(&d, 7), 1);
	driver_poll(&d);
	close_asleep(&d);
}

/* A request is to be sent again in a moment: the sleep ends in time for that. */
static void test_while_a_request_backs_off(void **state)
{
	struct answer busy = {.status = 0x08, .used_len = RESPONSE_BYTES};
	struct chain chain;
	struct driver d;

	(void)state;
	open_asleep(&d);
	chain = driver_take(&d);
	model_answer(d.m, &chain, &busy);
	driver_poll_nothing(&d);
	assert_int_equal(wait_skipping(&d, 60000), 1);
	assert_int_equal(sleeps, 1);
	assert_int_equal(longest, 1);
	clock_skip(1000);
	driver_poll_nothing(&d);
	chain = driver_take(&d);
	model_serve_chain(d.m, &chain);
	driver_poll(&d);
	close_asleep(&d);
}

/* The connection was looked at a moment ago, and ended since. */
static void test_the_connection_is_checked(void **state)
{
	struct vscsi_event event;
	struct driver d;

	(void)state;
	open_asleep(&d);
	assert_int_equal(vscsi_dev_poll_events(d.dev, &event, 1), 0);
	d.m->fake.fail = FAKE_CHECK;
	d.m->fake.fail_err = -ENOTCONN;
	assert_int_equal(vscsi_wait(d.queue, 0), 1);
	assert_int_equal(driver_poll(&d).result, -ENOTCONN);
	close_asleep(&d);
}

int wait_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_longer_than_told),
		cmocka_unit_test(test_while_a_request_backs_off),
		cmocka_unit_test(test_the_connection_is_checked),
	};

	return cmocka_run_group_tests_name("wait", tests, NULL, NULL);
}
