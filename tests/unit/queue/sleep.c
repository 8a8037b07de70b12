/* SPDX-License-Identifier: BSD-3-Clause */
/* Sleeping on a queue: asked for one notification, woken by it, and not fooled by others. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "queue_tests.h"
#include "harness/loss.h"
#include "util/clock.h"

/* Both ways to ask for a notification. */
static const char *const both[] = {"event_idx=on", "event_idx=off"};

/* A driver whose queue has a descriptor that the device signals. */
static int open_signalled(struct driver *d, const char *options)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	assert_true(fd >= 0);
	driver_init(d);
	d->m->fake.call_fds[DRIVER_QUEUE] = fd;
	driver_open(d, options);
	driver_hold(d);
	return fd;
}

static void close_signalled(struct driver *d, int fd)
{
	driver_close(d);
	close(fd);
}

static bool readable(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	return poll(&pfd, 1, 0) == 1;
}

static void complete_one(struct driver *d)
{
	struct chain chain = driver_take(d);

	model_serve_chain(d->m, &chain);
}

static void test_silent_until_armed(void **state)
{
	unsigned i;

	(void)state;
	CONFORMS("R-SPLIT-21", "R-SPLIT-22", "R-SPLIT-23", "R-SPLIT-39");
	for (i = 0; i < 2; i++) {
		struct driver d;
		int fd = open_signalled(&d, both[i]);

		assert_int_equal(vscsi_queue_fd(d.queue), fd);
		driver_read(&d, 1);
		complete_one(&d);
		assert_false(readable(fd));
		/* It is there already: no sleep, and perhaps no notification. */
		assert_int_equal(vscsi_arm(d.queue), 1);
		assert_int_equal(driver_poll(&d).result, 0);
		assert_int_equal(vscsi_arm(d.queue), 0);
		driver_read(&d, 2);
		assert_false(readable(fd));
		complete_one(&d);
		assert_true(readable(fd));
		assert_int_equal(vscsi_wait(d.queue, -1), 1);
		assert_int_equal(driver_poll(&d).result, 0);
		/* After vscsi_wait() nothing is asked for any more. */
		driver_read(&d, 3);
		assert_int_equal(vscsi_wait(d.queue, 0), 0);
		complete_one(&d);
		assert_false(readable(fd));
		assert_int_equal(driver_poll(&d).result, 0);
		close_signalled(&d, fd);
	}
}

/* A notification without cause, or several at once. */
static void test_only_the_ring_tells(void **state)
{
	struct driver d;
	int fd = open_signalled(&d, "");
	unsigned i;

	(void)state;
	CONFORMS("R-NOTIF-01", "R-NOTIF-02", "R-SPLIT-24", "R-HARD-13");
	eventfd_write(fd, 1000);
	driver_poll_nothing(&d);
	/* What was there before is emptied. */
	assert_int_equal(vscsi_arm(d.queue), 0);
	assert_false(readable(fd));
	/* One that comes later wakes, and nothing is found; that is no error. */
	eventfd_write(fd, 1);
	assert_true(readable(fd));
	driver_poll_nothing(&d);
	assert_int_equal(vscsi_wait(d.queue, 1), 0);
	assert_int_equal(vscsi_arm(d.queue), 0);
	for (i = 0; i < 64; i++)
		driver_read(&d, i);
	for (i = 0; i < 64; i++)
		complete_one(&d);
	{
		struct vscsi_completion c[64];
		eventfd_t count;

		assert_int_equal(eventfd_read(fd, &count), 0);
		assert_int_equal(count, 1);
		assert_int_equal(vscsi_poll(d.queue, c, 64), 64);
	}
	close_signalled(&d, fd);
}

static void test_queues_that_cannot_sleep(void **state)
{
	struct vscsi_queue *shared;
	struct driver d;

	(void)state;
	driver_init(&d);
	d.m->fake.call_fds[2] = 99;
	driver_open(&d, "");
	/* The transport has no descriptor for one, and the other is shared. */
	assert_int_equal(vscsi_queue_fd(d.queue), -EOPNOTSUPP);
	assert_int_equal(vscsi_arm(d.queue), -EOPNOTSUPP);
	assert_int_equal(vscsi_wait(d.queue, 0), -EOPNOTSUPP);
	d.m->fake.call_fds[2] = -1;
	assert_int_equal(vscsi_queue_open(d.dev, NULL, &shared), 0);
	assert_int_equal(vscsi_queue_fd(shared), -EOPNOTSUPP);
	assert_int_equal(vscsi_arm(shared), -EOPNOTSUPP);
	assert_int_equal(vscsi_wait(shared, 0), -EOPNOTSUPP);
	assert_int_equal(vscsi_queue_close(shared), 0);
	driver_close(&d);
}

/* The loss of the device wakes waiting threads, as there are completions to poll. */
static void test_lost_device_wakes(void **state)
{
	struct driver d;
	int fd = open_signalled(&d, "");

	(void)state;
	driver_read(&d, 1);
	assert_int_equal(vscsi_arm(d.queue), 0);
	d.m->fake.events = TRANSPORT_BROKEN;
	assert_int_equal(vscsi_wait(d.queue, 60000), 1);
	assert_int_equal(driver_poll(&d).result, -ENOTCONN);
	assert_int_equal(vscsi_wait(d.queue, 60000), 1);
	assert_int_equal(vscsi_arm(d.queue), -ENOTCONN);
	close_signalled(&d, fd);
}

/* A request that waits to be sent again needs polls, not notifications. */
static void test_request_to_be_sent_again_wakes(void **state)
{
	struct answer busy = {.status = 0x08, .used_len = RESPONSE_BYTES};
	struct driver d;
	int fd = open_signalled(&d, "");
	struct chain chain;

	(void)state;
	driver_read(&d, 1);
	chain = driver_take(&d);
	model_answer(d.m, &chain, &busy);
	driver_poll_nothing(&d);
	while (!model_take(d.m, DRIVER_QUEUE, &chain)) {
		assert_int_equal(vscsi_wait(d.queue, 60000), 1);
		driver_poll_nothing(&d);
	}
	model_serve_chain(d.m, &chain);
	assert_int_equal(vscsi_wait(d.queue, 60000), 1);
	assert_int_equal(driver_poll(&d).result, 0);
	close_signalled(&d, fd);
}

/*
 * During a reconnect threads can sleep: the descriptor stays silent until the device is back or has
 * failed, and vscsi_sleep_ms() is at most the time to the next attempt.
 */
static void run_away(struct driver *d, struct vscsi_queue *queue, int fd, bool back)
{
	/* The library itself resumes a queue that is shared with it. */
	const bool resumed = back && queue != d->queue;
	struct vscsi_completion done;
	unsigned i;

	loss_lose(d);
	assert_true(readable(fd));
	/* What was in flight has to be decided about first. */
	assert_int_equal(vscsi_arm(queue), 1);
	assert_int_equal(vscsi_poll(queue, &done, 1), 0);
	for (i = 0; i < 4; i++) {
		int ms;

		assert_int_equal(vscsi_arm(queue), 0);
		assert_false(readable(fd));
		ms = vscsi_next_timeout_ms(queue);
		assert_in_range(ms, 1, 10 << (i + 1));
		assert_false(readable(fd));
		clock_skip((uint64_t)ms);
	}
	assert_int_equal(vscsi_arm(queue), 0);
	loss_away = !back;
	clock_skip(back ? 1000 : 2000);
	if (resumed)
		assert_in_range(vscsi_next_timeout_ms(queue), 1, 500);
	else
		assert_int_equal(vscsi_next_timeout_ms(queue), 0);
	assert_true(readable(fd));
	assert_int_equal(vscsi_arm(queue), resumed ? 0 : back ? 1 : -ENOTCONN);
	assert_int_equal(vscsi_poll(queue, &done, 1), back ? 0 : 1);
	if (back)
		assert_int_equal(vscsi_arm(queue), 0);
}

static void test_asleep_while_it_is_away(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct driver d;
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++) {
		loss_open_stopped(&d, "recovery_ms=2000");
		d.m->fake.call_fds[DRIVER_QUEUE] = fd;
		loss_read(&d, 1);
		run_away(&d, d.queue, fd, i == 0);
		if (i == 0)
			loss_serve(&d, 1);
		driver_close(&d);
	}
	close(fd);
}

/* Two threads on a shared queue don't wake each other by arming; the reconnect wakes both. */
static void test_two_asleep_while_it_is_away(void **state)
{
	const struct vscsi_queue_opts opts = {.size = sizeof(opts), .flags = VSCSI_QUEUE_SHARED};
	int call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct vscsi_completion done;
	struct vscsi_queue *a;
	struct vscsi_queue *b;
	struct driver d;

	(void)state;
	loss_open_stopped(&d, "");
	d.m->fake.call_fds[2] = call;
	assert_int_equal(vscsi_queue_open(d.dev, &opts, &a), 0);
	assert_int_equal(vscsi_queue_open(d.dev, &opts, &b), 0);
	assert_int_equal(vscsi_arm(b), 0);
	run_away(&d, a, vscsi_queue_fd(a), true);
	loss_lose(&d);
	assert_true(readable(vscsi_queue_fd(b)));
	assert_int_equal(vscsi_poll(b, &done, 1), 0);
	assert_int_equal(vscsi_arm(a), 0);
	assert_int_equal(vscsi_arm(b), 0);
	assert_false(readable(vscsi_queue_fd(a)));
	assert_false(readable(vscsi_queue_fd(b)));
	/* A third one gets it back, which wakes both. The library has resumed their queue. */
	loss_away = false;
	clock_skip(1000);
	vscsi_next_timeout_ms(d.queue);
	assert_true(readable(vscsi_queue_fd(a)));
	assert_true(readable(vscsi_queue_fd(b)));
	assert_int_equal(vscsi_arm(a), 0);
	assert_int_equal(vscsi_arm(b), 0);
	assert_int_equal(vscsi_queue_close(a), 0);
	assert_int_equal(vscsi_queue_close(b), 0);
	driver_close(&d);
	close(call);
}

/* A loop that sleeps in poll(2) notices a broken connection and late requests. */
static void test_what_a_sleep_in_poll_handles(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct driver d;

	(void)state;
	loss_open_stopped(&d, "io_timeout_ms=800");
	d.m->fake.call_fds[DRIVER_QUEUE] = fd;
	loss_read(&d, 1);
	assert_int_equal(vscsi_arm(d.queue), 0);
	assert_in_range(vscsi_next_timeout_ms(d.queue), 1, 100);
	clock_skip(101);
	vscsi_next_timeout_ms(d.queue);
	clock_skip(1000);
	/* Late: it is aborted. */
	vscsi_next_timeout_ms(d.queue);
	assert_int_equal(d.m->tmf[4], 0);
	assert_int_equal(d.m->tmf[8 + 1], 1);
	assert_false(readable(fd));
	loss_away = true;
	loss_break(&d);
	clock_skip(500);
	assert_int_equal(vscsi_next_timeout_ms(d.queue), 0);
	assert_true(readable(fd));
	assert_int_equal(driver_poll(&d).result, -ETIMEDOUT);
	loss_find(&d);
	driver_poll_nothing(&d);
	driver_close(&d);
	close(fd);
}

#define ROUNDS 20000u

static atomic_bool over;

/* A device that completes at any moment; it asserts nothing. */
static void *complete_rounds(void *arg)
{
	struct driver *d = arg;
	unsigned spins = 0;

	while (!atomic_load(&over)) {
		struct chain chain;

		if (!model_take(d->m, DRIVER_QUEUE, &chain)) {
			clock_relax(&spins);
			continue;
		}
		model_serve_chain(d->m, &chain);
		spins = 0;
	}
	return NULL;
}

/* One request at a time, and a sleep for each: 60 seconds would be a wake-up that was lost. */
static void test_no_wake_up_is_lost(void **state)
{
	unsigned i;

	(void)state;
	CONFORMS("R-SPLIT-39", "R-MB-07");
	for (i = 0; i < 2; i++) {
		uint64_t limit = clock_ns() + UINT64_C(3000000000);
		struct driver d;
		int fd = open_signalled(&d, both[i]);
		pthread_t thread;
		unsigned done;

		atomic_store(&over, false);
		assert_int_equal(pthread_create(&thread, NULL, complete_rounds, &d), 0);
		for (done = 0; done < ROUNDS && clock_ns() < limit; done++) {
			struct vscsi_completion c;

			assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, done % 100, 1, 0, done),
					 0);
			assert_int_equal(vscsi_submit(d.queue), 0);
			while (vscsi_poll(d.queue, &c, 1) == 0)
				assert_int_equal(vscsi_wait(d.queue, 60000), 1);
			assert_int_equal(c.user_data, done);
		}
		atomic_store(&over, true);
		pthread_join(thread, NULL);
		close_signalled(&d, fd);
	}
}

int sleep_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_silent_until_armed),
		cmocka_unit_test(test_only_the_ring_tells),
		cmocka_unit_test(test_queues_that_cannot_sleep),
		cmocka_unit_test(test_lost_device_wakes),
		cmocka_unit_test(test_request_to_be_sent_again_wakes),
		cmocka_unit_test(test_asleep_while_it_is_away),
		cmocka_unit_test(test_two_asleep_while_it_is_away),
		cmocka_unit_test(test_what_a_sleep_in_poll_handles),
		cmocka_unit_test(test_no_wake_up_is_lost),
	};

	return cmocka_run_group_tests_name("queue/sleep", tests, NULL, NULL);
}
