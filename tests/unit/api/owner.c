/* SPDX-License-Identifier: BSD-3-Clause */
/* VSCSI_QUEUE_CHECK_THREAD: calls from a thread that doesn't own the queue fail, and do nothing. */
#include <errno.h>
#include <pthread.h>

#include "api.h"

/* Calls of another thread, and what they returned. */
struct caller {
	struct driver *d;
	struct vscsi_queue *queue;
	int results[16];
	unsigned count;
};

static void *call_everything(void *arg)
{
	struct vscsi_command command = {.size = sizeof(command), .cdb_len = 6};
	struct caller *s = arg;
	struct vscsi_completion done;
	struct iovec iov = {.iov_base = s->d->buf, .iov_len = MODEL_BLOCK};
	const int results[] = {
		vscsi_read(s->queue, s->d->lun, s->d->buf, 0, 1, 0, 0),
		vscsi_write(s->queue, s->d->lun, s->d->buf, 0, 1, 0, 0),
		vscsi_readv(s->queue, s->d->lun, &iov, 1, 0, 1, 0, 0),
		vscsi_writev(s->queue, s->d->lun, &iov, 1, 0, 1, 0, 0),
		vscsi_flush(s->queue, s->d->lun, 0),
		vscsi_prepare_command(s->queue, s->d->lun, &command, 0),
		vscsi_submit(s->queue),
		vscsi_poll(s->queue, &done, 1),
		vscsi_queue_fd(s->queue),
		vscsi_arm(s->queue),
		vscsi_next_timeout_ms(s->queue),
		vscsi_wait(s->queue, 0),
		vscsi_queue_drain(s->queue, &done, 1, 0),
		vscsi_abort(s->queue, 1),
	};

	for (s->count = 0; s->count < ARRAY_LEN(results); s->count++)
		s->results[s->count] = results[s->count];
	return NULL;
}

static struct caller call_from_another_thread(struct driver *d, struct vscsi_queue *queue)
{
	struct caller s = {.d = d, .queue = queue};
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, call_everything, &s), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	return s;
}

/* The owner of an exclusive queue, or of one that others share, and a request in flight. */
static void check_refused(struct driver *d, uint32_t flags)
{
	struct vscsi_queue_opts opts = {.size = sizeof(opts),
					.flags = VSCSI_QUEUE_CHECK_THREAD | flags};
	struct vscsi_completion done[2];
	struct vscsi_queue *queue;
	struct caller s;
	unsigned i;

	assert_int_equal(vscsi_queue_open(d->dev, &opts, &queue), 0);
	assert_int_equal(vscsi_read(queue, d->lun, d->buf, 0, 1, 0, 1), 0);
	s = call_from_another_thread(d, queue);
	for (i = 0; i < s.count; i++)
		assert_int_equal(s.results[i], -EPERM);
	assert_int_equal(vscsi_queue_drain(queue, done, 2, -1), 1);
	assert_int_equal(done[0].result, 0);
	assert_int_equal(vscsi_queue_close(queue), 0);
}

static void test_other_threads_are_refused(void **state)
{
	struct driver d;

	(void)state;
	driver_start(&d, "");
	/* One that shares its ring with the library's own calls, then one of its own. */
	check_refused(&d, 0);
	assert_int_equal(vscsi_queue_close(d.queue), 0);
	check_refused(&d, VSCSI_QUEUE_EXCLUSIVE);
	assert_int_equal(vscsi_queue_open(d.dev, NULL, &d.queue), 0);
	driver_close(&d);
}

/* Handles that are not checked behave as before when another one is checked. */
static void test_others_are_not_checked(void **state)
{
	struct vscsi_queue_opts opts = {.size = sizeof(opts), .flags = VSCSI_QUEUE_CHECK_THREAD};
	struct vscsi_queue *checked;
	struct vscsi_completion done;
	struct caller s;
	struct driver d;
	unsigned i;

	(void)state;
	driver_start(&d, "");
	assert_int_equal(vscsi_queue_open(d.dev, &opts, &checked), 0);
	opts.flags = VSCSI_QUEUE_SHARED;
	assert_int_equal(vscsi_queue_close(d.queue), 0);
	assert_int_equal(vscsi_queue_open(d.dev, &opts, &d.queue), 0);
	s = call_from_another_thread(&d, d.queue);
	for (i = 0; i < s.count; i++)
		assert_int_not_equal(s.results[i], -EPERM);
	while (vscsi_queue_drain(d.queue, &done, 1, -1) > 0)
		;
	assert_int_equal(vscsi_queue_close(checked), 0);
	driver_close(&d);
}

static void test_flags_that_contradict(void **state)
{
	struct vscsi_queue_opts opts = {.size = sizeof(opts)};
	struct vscsi_queue *queue;
	struct driver d;

	(void)state;
	driver_start(&d, "");
	opts.flags = VSCSI_QUEUE_CHECK_THREAD | VSCSI_QUEUE_SHARED;
	assert_int_equal(vscsi_queue_open(d.dev, &opts, &queue), -EINVAL);
	opts.flags = VSCSI_QUEUE_EXCLUSIVE | VSCSI_QUEUE_SHARED;
	assert_int_equal(vscsi_queue_open(d.dev, &opts, &queue), -EINVAL);
	opts.flags = 1u << 3;
	assert_int_equal(vscsi_queue_open(d.dev, &opts, &queue), -EINVAL);
	driver_close(&d);
}

int owner_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_other_threads_are_refused),
		cmocka_unit_test(test_others_are_not_checked),
		cmocka_unit_test(test_flags_that_contradict),
	};

	return cmocka_run_group_tests_name("api/owner", tests, NULL, NULL);
}
