/* SPDX-License-Identifier: BSD-3-Clause */
/* Sleeping on a shared queue: which threads wake, why, and when notifications are enabled. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "queue_tests.h"
#include "util/clock.h"

/* Two handles on the one shared queue, which has a descriptor that the device signals. */
struct pair {
	struct driver d;
	struct vscsi_queue *a;
	struct vscsi_queue *b;
	int fd;
};

static void open_pair(struct pair *p, const char *options)
{
	p->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(p->fd >= 0);
	driver_init(&p->d);
	p->d.m->fake.call_fds[2] = p->fd;
	driver_open(&p->d, options);
	p->a = driver_open_queue(&p->d, VSCSI_QUEUE_SHARED);
	p->b = driver_open_queue(&p->d, VSCSI_QUEUE_SHARED);
	driver_hold(&p->d);
}

static void close_pair(struct pair *p)
{
	assert_int_equal(vscsi_queue_close(p->a), 0);
	assert_int_equal(vscsi_queue_close(p->b), 0);
	driver_close(&p->d);
	close(p->fd);
}

static bool readable(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	return poll(&pfd, 1, 0) == 1;
}

static void submit_one(struct pair *p, struct vscsi_queue *queue, uint64_t user_data)
{
	assert_int_equal(vscsi_read(queue, p->d.lun, p->d.buf, 0, 1, 0, user_data), 0);
	assert_int_equal(vscsi_submit(queue), 0);
}

static void serve_one(struct pair *p)
{
	struct chain chain;

	assert_true(model_take(p->d.m, 2, &chain));
	model_serve_chain(p->d.m, &chain);
}

static void expect_one(struct vscsi_queue *queue, uint64_t user_data)
{
	struct vscsi_completion c;

	assert_int_equal(vscsi_poll(queue, &c, 1), 1);
	assert_int_equal(c.user_data, user_data);
}

/* The device's one notification is for both, and either may eat it. */
static void test_another_finds_what_one_sleeps_for(void **state)
{
	struct vscsi_completion c;
	struct pair p;
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++) {
		int fd;

		open_pair(&p, i ? "event_idx=off" : "event_idx=on");
		fd = vscsi_queue_fd(p.a);
		assert_true(fd >= 0 && fd != p.fd && fd != vscsi_queue_fd(p.b));
		assert_int_equal(vscsi_queue_fd(p.a), fd);
		submit_one(&p, p.a, 1);
		assert_int_equal(vscsi_arm(p.a), 0);
		assert_false(readable(fd));
		serve_one(&p);
		assert_true(readable(fd));
		/* The other one eats the notification and finds nothing of its own. */
		assert_int_equal(vscsi_arm(p.b), 0);
		assert_false(readable(p.fd));
		assert_true(readable(fd));
		assert_int_equal(vscsi_poll(p.b, &c, 1), 0);
		/* Until they were polled the descriptor is for all threads of the handle. */
		assert_int_equal(vscsi_arm(p.a), 1);
		assert_true(readable(fd));
		expect_one(p.a, 1);
		/* The other still sleeps: notifications have been enabled again for it. */
		assert_false(readable(vscsi_queue_fd(p.b)));
		submit_one(&p, p.b, 2);
		serve_one(&p);
		assert_true(readable(vscsi_queue_fd(p.b)));
		expect_one(p.b, 2);
		close_pair(&p);
	}
}

/* The thread that drains the device's eventfd completes the ring and wakes the owners. */
static void test_a_drain_wakes_the_owners(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, "");
	submit_one(&p, p.b, 1);
	submit_one(&p, p.b, 2);
	submit_one(&p, p.a, 3);
	assert_int_equal(vscsi_arm(p.a), 0);
	serve_one(&p);
	expect_one(p.b, 1);
	serve_one(&p);
	expect_one(p.b, 2);
	serve_one(&p);
	assert_true(readable(vscsi_queue_fd(p.a)));
	assert_int_equal(vscsi_arm(p.b), 0);
	assert_false(readable(p.fd));
	assert_true(readable(vscsi_queue_fd(p.a)));
	expect_one(p.a, 3);
	close_pair(&p);
}

/* Of two threads on a handle one may poll what the other sleeps for: that ends with a ring. */
static void test_a_poll_ends_another_threads_sleep(void **state)
{
	struct pair p;
	eventfd_t count;

	(void)state;
	open_pair(&p, "");
	submit_one(&p, p.a, 1);
	assert_int_equal(vscsi_arm(p.a), 0);
	serve_one(&p);
	/* As if a third one had been just about to look. */
	assert_int_equal(eventfd_read(p.fd, &count), 0);
	assert_false(readable(vscsi_queue_fd(p.a)));
	expect_one(p.a, 1);
	assert_true(readable(vscsi_queue_fd(p.a)));
	close_pair(&p);
}

static int clear_for_one(struct transport *t, unsigned index)
{
	struct epoll_event event;

	return epoll_wait(t->ops->call_fd(t, index), &event, 1, 0) < 0 ? -errno : 0;
}

/*
 * Where queues share an interrupt, each has a descriptor of its own that notes it, and emptying
 * that is the transport's business.
 */
static void test_a_descriptor_that_is_no_eventfd(void **state)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	int interrupt = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct pair p = {.fd = epoll_create1(EPOLL_CLOEXEC)};

	(void)state;
	assert_int_equal(epoll_ctl(p.fd, EPOLL_CTL_ADD, interrupt, &event), 0);
	driver_init(&p.d);
	p.d.m->fake.call_fds[2] = p.fd;
	p.d.m->fake.ops.call_clear = clear_for_one;
	driver_open(&p.d, "");
	p.a = driver_open_queue(&p.d, VSCSI_QUEUE_SHARED);
	p.b = driver_open_queue(&p.d, VSCSI_QUEUE_SHARED);
	driver_hold(&p.d);
	submit_one(&p, p.a, 1);
	assert_int_equal(vscsi_arm(p.a), 0);
	serve_one(&p);
	assert_int_equal(eventfd_write(interrupt, 1), 0);
	assert_true(readable(vscsi_queue_fd(p.a)));
	expect_one(p.a, 1);
	assert_int_equal(vscsi_arm(p.a), 0);
	assert_false(readable(vscsi_queue_fd(p.a)));
	close_pair(&p);
	close(interrupt);
}

/* While no thread sleeps notifications are off: before the first arm and after each wakeup. */
static void test_shared_queue_is_silent_until_armed(void **state)
{
	struct pair p;
	unsigned i;

	(void)state;
	CONFORMS("R-SPLIT-21", "R-SPLIT-23");
	for (i = 0; i < 2; i++) {
		open_pair(&p, i ? "event_idx=off" : "event_idx=on");
		submit_one(&p, p.a, 1);
		serve_one(&p);
		assert_false(readable(p.fd));
		assert_int_equal(vscsi_wait(p.a, 60000), 1);
		expect_one(p.a, 1);
		assert_int_equal(vscsi_wait(p.a, 0), 0);
		submit_one(&p, p.a, 2);
		serve_one(&p);
		assert_false(readable(p.fd));
		expect_one(p.a, 2);
		assert_int_equal(vscsi_arm(p.a), 0);
		submit_one(&p, p.a, 3);
		serve_one(&p);
		assert_true(readable(p.fd));
		expect_one(p.a, 3);
		assert_int_equal(vscsi_wait(p.b, 0), 0);
		submit_one(&p, p.a, 4);
		serve_one(&p);
		assert_false(readable(p.fd));
		expect_one(p.a, 4);
		close_pair(&p);
	}
}

/* The end of one thread's wait doesn't cancel the notification request of another. */
static void test_a_wait_leaves_other_requests(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, "");
	submit_one(&p, p.a, 1);
	assert_int_equal(vscsi_arm(p.a), 0);
	assert_int_equal(vscsi_wait(p.a, 0), 0);
	assert_int_equal(vscsi_wait(p.b, 0), 0);
	serve_one(&p);
	assert_true(readable(vscsi_queue_fd(p.a)));
	expect_one(p.a, 1);
	close_pair(&p);
}

/* The news may be read by one; all that sleep are told. */
static void test_lost_device_wakes_all(void **state)
{
	struct vscsi_completion c;
	struct pair p;

	(void)state;
	open_pair(&p, "");
	submit_one(&p, p.a, 1);
	assert_int_equal(vscsi_arm(p.a), 0);
	assert_int_equal(vscsi_arm(p.b), 0);
	p.d.m->fake.events = TRANSPORT_BROKEN;
	assert_int_equal(vscsi_wait(p.b, 60000), 1);
	assert_int_equal(vscsi_arm(p.b), -ENOTCONN);
	assert_true(readable(vscsi_queue_fd(p.a)));
	assert_int_equal(vscsi_poll(p.a, &c, 1), 1);
	assert_int_equal(c.result, -ENOTCONN);
	close_pair(&p);
}

/* While it spins, vscsi_wait() asks nothing, and needs no descriptor for what comes meanwhile. */
static void test_spinning_asks_nothing(void **state)
{
	const uint32_t kinds[] = {VSCSI_QUEUE_EXCLUSIVE, VSCSI_QUEUE_SHARED};
	struct vscsi_queue_opts opts = {.size = sizeof(opts), .spin_us = 1000};
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct vscsi_queue *queue;
		struct chain chain;
		struct driver d;

		driver_start(&d, "");
		assert_int_equal(vscsi_queue_close(d.queue), 0);
		opts.flags = kinds[i];
		assert_int_equal(vscsi_queue_open(d.dev, &opts, &queue), 0);
		driver_hold(&d);
		assert_int_equal(vscsi_read(queue, d.lun, d.buf, 0, 1, 0, 7), 0);
		assert_int_equal(vscsi_submit(queue), 0);
		/* There is nothing to sleep on: that is found only when the polling is over. */
		assert_int_equal(vscsi_wait(queue, 60000), -EOPNOTSUPP);
		assert_true(model_take(d.m, 2 + driver_queue_info(queue).index, &chain));
		model_serve_chain(d.m, &chain);
		assert_int_equal(vscsi_wait(queue, 60000), 1);
		expect_one(queue, 7);
		assert_int_equal(vscsi_queue_close(queue), 0);
		d.queue = driver_open_queue(&d, 0);
		driver_close(&d);
	}
}

/* The driver whose device runs only when a thread offers the CPU. */
static struct driver *starved;

int __real_sched_yield(void);
int __wrap_sched_yield(void);

int __wrap_sched_yield(void)
{
	struct chain chain;

	if (starved && model_take(starved->m, 2 + driver_queue_info(starved->queue).index, &chain))
		model_serve_chain(starved->m, &chain);
	return __real_sched_yield();
}

/* While it spins, vscsi_wait() leaves the CPU to a device that needs it. */
static void test_spinning_yields(void **state)
{
	struct vscsi_queue_opts opts = {.size = sizeof(opts), .spin_us = 60000000};
	struct driver d;

	(void)state;
	driver_start(&d, "");
	assert_int_equal(vscsi_queue_close(d.queue), 0);
	assert_int_equal(vscsi_queue_open(d.dev, &opts, &d.queue), 0);
	driver_hold(&d);
	assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, 0, 1, 0, 7), 0);
	assert_int_equal(vscsi_submit(d.queue), 0);
	starved = &d;
	assert_int_equal(vscsi_wait(d.queue, 10000), 1);
	starved = NULL;
	expect_one(d.queue, 7);
	driver_close(&d);
}

#define WAITERS 4
#define EACH    3000u

/* A thread that sleeps for each of its requests; others may poll what it sent: see @any. */
struct waiter {
	struct driver *d;
	struct vscsi_queue *queue;
	pthread_t thread;
	uint64_t number;
	atomic_uint *any;
	const char *wrong;
};

static atomic_bool ended;

/* A device that completes at any moment, several at once at times; it asserts nothing. */
static void *serve_rounds(void *arg)
{
	struct driver *d = arg;
	unsigned spins = 0;

	while (!atomic_load(&ended)) {
		struct chain chain;

		if (model_take(d->m, 2, &chain)) {
			model_serve_chain(d->m, &chain);
			spins = 0;
		} else {
			clock_relax(&spins);
		}
	}
	return NULL;
}

/* Sleeps until one has come, to whatever thread of the handle. */
static bool sleep_for(struct waiter *s, unsigned sent)
{
	struct vscsi_completion c;

	for (;;) {
		int got = vscsi_poll(s->queue, &c, 1);

		if (got < 0 || (got && c.result))
			return false;
		if (got && !s->any)
			return c.user_data == (s->number << 32 | sent);
		if (got)
			atomic_fetch_add(&s->any[c.user_data], 1);
		if (s->any && atomic_load(&s->any[s->number]) > sent)
			return true;
		/* On a handle of many another thread may have it by now: then there is an end. */
		got = got ? 1 : vscsi_wait(s->queue, s->any ? 1 : 20000);
		if (got != 1 && !(s->any && !got))
			return false;
	}
}

static void *sleep_rounds(void *arg)
{
	struct waiter *s = arg;
	unsigned sent;

	for (sent = 0; sent < EACH && !s->wrong; sent++) {
		uint64_t user_data = s->any ? s->number : s->number << 32 | sent;

		if (vscsi_read(s->queue, s->d->lun, s->d->buf, 0, 1, 0, user_data) ||
		    vscsi_submit(s->queue))
			s->wrong = "a request was refused";
		else if (!sleep_for(s, sent))
			s->wrong = "a wake-up was lost, or a request";
	}
	return NULL;
}

static void run_waiters(bool one_handle, uint32_t spin_us)
{
	struct vscsi_queue_opts opts = {.size = sizeof(opts), .flags = VSCSI_QUEUE_SHARED};
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct waiter waiters[WAITERS];
	atomic_uint any[WAITERS] = {0};
	pthread_t device;
	struct driver d;
	unsigned i;

	driver_init(&d);
	d.m->fake.call_fds[2] = fd;
	driver_open(&d, "");
	driver_hold(&d);
	opts.spin_us = spin_us;
	atomic_store(&ended, false);
	for (i = 0; i < WAITERS; i++) {
		waiters[i] = (struct waiter){.d = &d, .number = i};
		waiters[i].any = one_handle ? any : NULL;
		waiters[i].queue = waiters[0].queue;
		if (!i || !one_handle)
			assert_int_equal(vscsi_queue_open(d.dev, &opts, &waiters[i].queue), 0);
	}
	assert_int_equal(pthread_create(&device, NULL, serve_rounds, &d), 0);
	for (i = 0; i < WAITERS; i++)
		assert_int_equal(
			pthread_create(&waiters[i].thread, NULL, sleep_rounds, &waiters[i]), 0);
	for (i = 0; i < WAITERS; i++)
		pthread_join(waiters[i].thread, NULL);
	atomic_store(&ended, true);
	pthread_join(device, NULL);
	for (i = 0; i < WAITERS; i++) {
		assert_string_equal(waiters[i].wrong ? waiters[i].wrong : "none", "none");
		if (!i || !one_handle)
			assert_int_equal(vscsi_queue_close(waiters[i].queue), 0);
	}
	driver_close(&d);
	close(fd);
}

static void test_waiters_with_a_handle_each(void **state)
{
	(void)state;
	CONFORMS("R-MB-22", "R-SPLIT-39");
	run_waiters(false, 0);
	run_waiters(false, 20);
}

static void test_waiters_on_one_handle(void **state)
{
	(void)state;
	CONFORMS("R-MB-22");
	run_waiters(true, 0);
}

static void serve_pair(void *ctx)
{
	serve_one(ctx);
}

/* The device doesn't signal what completes between the check of the ring and arming it. */
static void test_completion_before_arming(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p, "");
	submit_one(&p, p.a, 1);
	driver_before_arm(serve_pair, &p);
	assert_int_equal(vscsi_arm(p.a), 1);
	expect_one(p.a, 1);
	/* Another handle's: this one may sleep, and the other one is woken. */
	assert_int_equal(vscsi_arm(p.b), 0);
	submit_one(&p, p.b, 2);
	driver_before_arm(serve_pair, &p);
	assert_int_equal(vscsi_arm(p.a), 0);
	assert_true(readable(vscsi_queue_fd(p.b)));
	expect_one(p.b, 2);
	close_pair(&p);
}

#define MANY 20u

/* One thread empties the device's descriptor, and wakes all whose completions came. */
static void test_more_waiters_than_are_woken_at_once(void **state)
{
	struct vscsi_queue *queues[MANY];
	struct pair p;
	unsigned i;

	(void)state;
	open_pair(&p, "");
	for (i = 0; i < MANY; i++) {
		queues[i] = driver_open_queue(&p.d, VSCSI_QUEUE_SHARED);
		submit_one(&p, queues[i], i);
		assert_int_equal(vscsi_arm(queues[i]), 0);
	}
	for (i = 0; i < MANY; i++)
		serve_one(&p);
	assert_int_equal(vscsi_arm(p.a), 0);
	for (i = 0; i < MANY; i++) {
		assert_true(readable(vscsi_queue_fd(queues[i])));
		expect_one(queues[i], i);
		assert_int_equal(vscsi_queue_close(queues[i]), 0);
	}
	close_pair(&p);
}

int wakeup_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_more_waiters_than_are_woken_at_once),
		cmocka_unit_test(test_completion_before_arming),
		cmocka_unit_test(test_another_finds_what_one_sleeps_for),
		cmocka_unit_test(test_a_drain_wakes_the_owners),
		cmocka_unit_test(test_a_poll_ends_another_threads_sleep),
		cmocka_unit_test(test_a_descriptor_that_is_no_eventfd),
		cmocka_unit_test(test_shared_queue_is_silent_until_armed),
		cmocka_unit_test(test_a_wait_leaves_other_requests),
		cmocka_unit_test(test_lost_device_wakes_all),
		cmocka_unit_test(test_spinning_asks_nothing),
		cmocka_unit_test(test_spinning_yields),
		cmocka_unit_test(test_waiters_with_a_handle_each),
		cmocka_unit_test(test_waiters_on_one_handle),
	};

	return cmocka_run_group_tests_name("queue/wakeup", tests, NULL, NULL);
}
