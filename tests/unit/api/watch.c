/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vscsi_dev_fd(): what makes it readable, and what doesn't. Its timer never fires by itself here:
 * the linker's --wrap notes what it was set to, and a test lets it fire.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <linux/virtio_scsi.h>

#include "api.h"
#include "harness/loss.h"

/* The device's timer, how often it was set, and to what. */
static int timer_fd = -1;
static unsigned timer_sets;
static unsigned timer_ms;

int __real_timerfd_settime(int fd, int flags, const struct itimerspec *value,
			   struct itimerspec *old);
int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *value,
			   struct itimerspec *old);

int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *value,
			   struct itimerspec *old)
{
	const struct itimerspec never = {.it_value = {.tv_sec = 1000000}};

	timer_fd = fd;
	timer_sets++;
	timer_ms = (unsigned)(value->it_value.tv_sec * 1000 + value->it_value.tv_nsec / 1000000);
	return __real_timerfd_settime(fd, flags, &never, old);
}

/* The time that the timer was set to has passed. */
static void fire(int fd)
{
	const struct itimerspec now = {.it_value = {.tv_nsec = 1}};
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	clock_skip(timer_ms);
	assert_int_equal(__real_timerfd_settime(timer_fd, 0, &now, NULL), 0);
	assert_int_equal(poll(&pfd, 1, -1), 1);
}

static bool is_readable(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	return poll(&pfd, 1, 0) == 1;
}

/* Until there is nothing to do any more. Returns the last event. */
static struct vscsi_event collect(struct driver *d, unsigned expected)
{
	struct vscsi_event event = {0};
	struct vscsi_event last = {0};
	unsigned events = 0;
	int count;

	while ((count = vscsi_dev_poll_events(d->dev, &event, 1)) > 0) {
		events++;
		last = event;
	}
	assert_int_equal(count, 0);
	assert_int_equal(events, expected);
	return last;
}

static int begin(struct driver *d)
{
	int fd = vscsi_dev_fd(d->dev);

	assert_true(fd > 2);
	collect(d, 0);
	assert_false(is_readable(fd));
	return fd;
}

/* An event of the model's. */
static void send_event(void *ctx)
{
	static const uint8_t addr[8] = {1, 1, 0x40, 2};
	struct driver *d = ctx;

	assert_true(
		model_event(d->m, VIRTIO_SCSI_T_TRANSPORT_RESET, addr, VIRTIO_SCSI_EVT_RESET_HARD));
}

/* Gives a virtqueue of the model a descriptor to signal. */
static int give_call_fd(struct driver *d, unsigned queue)
{
	d->m->fake.call_fds[queue] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return d->m->fake.call_fds[queue];
}

static void resize(struct driver *d)
{
	uint8_t lun[8];

	put_lun(lun, 1, 2);
	assert_true(model_event(d->m, VIRTIO_SCSI_T_PARAM_CHANGE, lun, 0x092a));
}

static void test_one_descriptor(void **state)
{
	struct driver d;
	int saved;
	int fd;

	(void)state;
	driver_start(&d, "");
	/* Not even with room below: what is opened there next is the application's stdin. */
	saved = dup(STDIN_FILENO);
	close(STDIN_FILENO);
	fd = vscsi_dev_fd(d.dev);
	assert_true(fd > 2);
	assert_int_equal(dup2(saved, STDIN_FILENO), STDIN_FILENO);
	close(saved);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(vscsi_dev_fd(d.dev), fd);
	driver_close(&d);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void test_event_queue(void **state)
{
	struct driver d;
	unsigned i;
	int call;
	int fd;

	(void)state;
	driver_init(&d);
	call = give_call_fd(&d, 1);
	driver_open(&d, "");
	fd = begin(&d);
	/* More than the ring holds, so that it is armed again each time. */
	for (i = 0; i < 40; i++) {
		resize(&d);
		assert_true(is_readable(fd));
		assert_int_equal(collect(&d, 1).type, VSCSI_EVENT_RESIZED);
		assert_false(is_readable(fd));
	}
	driver_close(&d);
	close(call);
}

/* Polls of a queue collect events as well: then the list tells. */
static void test_collected_by_another(void **state)
{
	struct driver d;
	int call;
	int fd;

	(void)state;
	driver_init(&d);
	call = give_call_fd(&d, 1);
	driver_open(&d, "");
	fd = begin(&d);
	resize(&d);
	clock_skip(20);
	driver_poll_nothing(&d);
	assert_true(is_readable(fd));
	assert_int_equal(collect(&d, 1).type, VSCSI_EVENT_RESIZED);
	assert_false(is_readable(fd));
	resize(&d);
	assert_true(is_readable(fd));
	collect(&d, 1);
	driver_close(&d);
	close(call);
}

/* It stays readable while there are more. */
static void test_more_than_asked_for(void **state)
{
	struct vscsi_event event;
	struct driver d;
	uint8_t lun[8];
	int fd;

	(void)state;
	driver_start(&d, "");
	fd = begin(&d);
	resize(&d);
	put_lun(lun, 0, 0);
	assert_true(model_event(d.m, VIRTIO_SCSI_T_PARAM_CHANGE, lun, 0x092a));
	assert_int_equal(vscsi_dev_poll_events(d.dev, &event, 1), 1);
	assert_true(is_readable(fd));
	collect(&d, 1);
	assert_false(is_readable(fd));
	driver_close(&d);
}

/* The connection's end of the model, which the transport watches. */
static int watched[2];

static int watch_fd(struct transport *t)
{
	(void)t;
	return watched[0];
}

static void test_connection(void **state)
{
	struct vscsi_event event;
	struct driver d;
	int call;
	int fd;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, watched), 0);
	loss_open_stopped(&d, "");
	call = give_call_fd(&d, 1);
	d.m->fake.ops.watch_fd = watch_fd;
	assert_int_equal(vscsi_dev_scan(d.dev, NULL, 0), 2);
	fd = begin(&d);
	loss_away = true;
	loss_break(&d);
	close(watched[1]);
	/* A transport signals all virtqueues, for threads that sleep. */
	assert_int_equal(eventfd_write(call, 1), 0);
	assert_true(is_readable(fd));
	assert_int_equal(collect(&d, 1).type, VSCSI_EVENT_LOST);
	close(watched[0]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, watched), 0);
	/* Nothing but the next attempt is due, and soon. */
	assert_false(is_readable(fd));
	assert_in_range(timer_ms, 1, 10);
	fire(fd);
	collect(&d, 0);
	assert_in_range(timer_ms, 1, 20);
	loss_away = false;
	while (vscsi_dev_poll_events(d.dev, &event, 1) == 0)
		fire(fd);
	assert_int_equal(event.type, VSCSI_EVENT_BACK);
	/* The scan that follows finds what was there before. */
	collect(&d, 0);
	/* All of it again, on the new connection. */
	resize(&d);
	assert_true(is_readable(fd));
	assert_int_equal(collect(&d, 1).type, VSCSI_EVENT_RESIZED);
	assert_int_equal(write(watched[1], "x", 1), 1);
	assert_true(is_readable(fd));
	collect(&d, 0);
	driver_close(&d);
	close(call);
	close(watched[0]);
	close(watched[1]);
}

static void poll_a_lot(struct driver *d)
{
	unsigned i;

	for (i = 0; i < 100; i++) {
		clock_skip(11);
		driver_poll_nothing(d);
		vscsi_arm(d->queue);
	}
}

/* The timer fires earlier than any of these polls needs it: none of them sets it. */
static void test_polls_set_no_timer(void **state)
{
	struct driver d;
	int call;

	(void)state;
	timer_sets = 0;
	driver_init(&d);
	call = give_call_fd(&d, DRIVER_QUEUE);
	driver_open(&d, "");
	driver_hold(&d);
	driver_read(&d, 1);
	poll_a_lot(&d);
	assert_int_equal(timer_sets, 0);
	begin(&d);
	timer_sets = 0;
	poll_a_lot(&d);
	assert_int_equal(timer_sets, 0);
	model_release(d.m, DRIVER_QUEUE);
	driver_poll(&d);
	driver_close(&d);
	close(call);
}

/* A thread that sleeps on its queue is woken when one of its requests has taken too long. */
static void test_request_that_is_late(void **state)
{
	struct vscsi_completion c;
	unsigned wakes = 0;
	struct driver d;
	int call;
	int fd;

	(void)state;
	driver_init(&d);
	call = give_call_fd(&d, DRIVER_QUEUE);
	driver_open(&d, "io_timeout_ms=1000&task_timeout_ms=100");
	clock_stop(true);
	fd = begin(&d);
	d.m->held = UINT64_C(1) << DRIVER_QUEUE;
	driver_read(&d, 7);
	/* ABORT TASK is answered, the request stays away, its LUN's reset brings it back. */
	while (vscsi_poll(d.queue, &c, 1) == 0) {
		struct chain chain;

		assert_int_equal(vscsi_arm(d.queue), 0);
		do {
			fire(fd);
			collect(&d, 0);
			assert_true(++wakes < 100);
		} while (!is_readable(call));
		if (d.m->tmf[4] == VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET &&
		    model_take(d.m, DRIVER_QUEUE, &chain)) {
			struct answer gone = {.response = VIRTIO_SCSI_S_RESET,
					      .used_len = RESPONSE_BYTES};

			model_answer(d.m, &chain, &gone);
		}
	}
	assert_int_equal(c.user_data, 7);
	assert_int_equal(c.result, -ETIMEDOUT);
	driver_close(&d);
	close(call);
}

/* The same for one that is to be sent again. */
static void test_request_that_was_refused(void **state)
{
	const struct answer busy = {.status = 8, .used_len = RESPONSE_BYTES};
	struct vscsi_completion c;
	struct chain chain;
	struct driver d;
	int call;
	int fd;

	(void)state;
	driver_init(&d);
	call = give_call_fd(&d, DRIVER_QUEUE);
	driver_open(&d, "");
	clock_stop(true);
	fd = begin(&d);
	d.m->held = UINT64_C(1) << DRIVER_QUEUE;
	driver_read(&d, 7);
	assert_int_equal(vscsi_arm(d.queue), 0);
	chain = driver_take(&d);
	model_answer(d.m, &chain, &busy);
	assert_true(is_readable(call));
	while (vscsi_poll(d.queue, &c, 1) == 0 && !model_take(d.m, DRIVER_QUEUE, &chain)) {
		assert_int_equal(vscsi_arm(d.queue), 0);
		assert_in_range(timer_ms, 1, 2);
		do {
			fire(fd);
			collect(&d, 0);
		} while (!is_readable(call));
	}
	model_serve_chain(d.m, &chain);
	assert_int_equal(driver_poll(&d).result, 0);
	driver_close(&d);
	close(call);
}

/* Of an event that comes between the look at the ring and arming it no notification tells. */
static void test_event_before_arming(void **state)
{
	struct vscsi_event event;
	struct driver d;
	int call;

	(void)state;
	driver_init(&d);
	call = give_call_fd(&d, 1);
	driver_open(&d, "");
	begin(&d);
	driver_before_arm(send_event, &d);
	assert_int_equal(vscsi_dev_poll_events(d.dev, &event, 1), 1);
	assert_int_equal(event.type, VSCSI_EVENT_RESET);
	collect(&d, 0);
	close(call);
	driver_close(&d);
}

int watch_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_event_before_arming),
		cmocka_unit_test(test_one_descriptor),
		cmocka_unit_test(test_event_queue),
		cmocka_unit_test(test_collected_by_another),
		cmocka_unit_test(test_more_than_asked_for),
		cmocka_unit_test(test_connection),
		cmocka_unit_test(test_polls_set_no_timer),
		cmocka_unit_test(test_request_that_is_late),
		cmocka_unit_test(test_request_that_was_refused),
	};

	return cmocka_run_group_tests_name("api/watch", tests, NULL, NULL);
}
