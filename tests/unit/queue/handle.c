/* SPDX-License-Identifier: BSD-3-Clause */
/* Handles on queues: their own and shared, used by one thread and by several. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include <vscsi/error.h>

#include "queue_tests.h"
#include "util/clock.h"

static void test_who_gets_which_queue(void **state)
{
	const struct vscsi_queue_opts alone = {.size = sizeof(alone),
					       .flags = VSCSI_QUEUE_EXCLUSIVE};
	struct vscsi_queue *more[3];
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-SCSI-03");
	driver_start(&d, "");
	/* Two queues: the driver has the second, the first is for everybody else. */
	assert_int_equal(driver_queue_info(d.queue).exclusive, 1);
	assert_int_equal(driver_queue_info(d.queue).index, 1);
	assert_int_equal(vscsi_queue_open(d.dev, &alone, &more[0]), -EBUSY);
	assert_non_null(strstr(vscsi_last_error(), "vscsi_queue_open"));
	for (i = 0; i < 3; i++) {
		more[i] = driver_open_queue(&d, i == 2 ? VSCSI_QUEUE_SHARED : 0);
		assert_int_equal(driver_queue_info(more[i]).exclusive, 0);
		assert_int_equal(driver_queue_info(more[i]).index, 0);
	}
	assert_int_equal(vscsi_dev_close(d.dev), -EBUSY);
	for (i = 0; i < 3; i++)
		assert_int_equal(vscsi_queue_close(more[i]), 0);
	/* A queue that was given back can be had again. */
	assert_int_equal(vscsi_queue_close(d.queue), 0);
	assert_int_equal(vscsi_queue_open(d.dev, &alone, &d.queue), 0);
	driver_close(&d);
}

static void test_options_of_a_queue(void **state)
{
	struct {
		struct vscsi_queue_opts opts;
		uint32_t tail;
	} newer = {.opts = {.size = sizeof(newer)}};
	struct vscsi_queue_opts opts = {.size = sizeof(opts)};
	struct vscsi_queue *queue;
	struct driver d;

	(void)state;
	driver_start(&d, "");
	opts.flags = VSCSI_QUEUE_EXCLUSIVE | VSCSI_QUEUE_SHARED;
	assert_int_equal(vscsi_queue_open(d.dev, &opts, &queue), -EINVAL);
	opts.flags = 8;
	assert_int_equal(vscsi_queue_open(d.dev, &opts, &queue), -EINVAL);
	assert_int_equal(vscsi_queue_open(d.dev, &newer.opts, &queue), 0);
	assert_int_equal(vscsi_queue_close(queue), 0);
	newer.tail = 1;
	assert_int_equal(vscsi_queue_open(d.dev, &newer.opts, &queue), -E2BIG);
	assert_int_equal(vscsi_queue_close(NULL), 0);
	driver_close(&d);
}

static void test_closing_what_is_in_use(void **state)
{
	struct chain chain;
	struct driver d;

	(void)state;
	driver_start(&d, "");
	driver_hold(&d);
	/* Prepared and not even submitted. */
	assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, 0, 1, 0, 1), 0);
	assert_int_equal(driver_queue_info(d.queue).inflight, 1);
	assert_int_equal(vscsi_queue_close(d.queue), -EBUSY);
	assert_int_equal(vscsi_lun_close(d.lun), -EBUSY);
	assert_int_equal(vscsi_submit(d.queue), 0);
	chain = driver_take(&d);
	model_serve_chain(d.m, &chain);
	/* Completed and not yet polled. */
	assert_int_equal(vscsi_queue_close(d.queue), -EBUSY);
	assert_int_equal(vscsi_lun_close(d.lun), -EBUSY);
	assert_int_equal(vscsi_dev_close(d.dev), -EBUSY);
	assert_int_equal(driver_poll(&d).result, 0);
	assert_int_equal(driver_queue_info(d.queue).inflight, 0);
	driver_close(&d);
}

/* A batch comes back piece by piece, in whatever order, each request once. */
static void test_polling_one_at_a_time(void **state)
{
	bool seen[100] = {false};
	struct chain chains[100];
	struct driver d;
	unsigned i;

	(void)state;
	driver_start(&d, "");
	driver_hold(&d);
	for (i = 0; i < 100; i++)
		assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, i, 1, 0, i), 0);
	assert_int_equal(vscsi_submit(d.queue), 0);
	for (i = 0; i < 100; i++)
		chains[i] = driver_take(&d);
	for (i = 0; i < 100; i++)
		model_serve_chain(d.m, &chains[(i * 37) % 100]);
	for (i = 0; i < 100; i++) {
		struct vscsi_completion c = driver_poll(&d);

		assert_int_equal(c.user_data, (i * 37) % 100);
		assert_false(seen[c.user_data]);
		seen[c.user_data] = true;
	}
	driver_poll_nothing(&d);
	driver_close(&d);
}

/* One batch, one kick, all of it visible at once. */
static void test_a_batch_is_published_whole(void **state)
{
	struct vscsi_completion c[64];
	struct driver d;
	unsigned kicks;
	unsigned i;

	(void)state;
	CONFORMS("R-SPLIT-17", "R-SPLIT-28", "R-NOTIF-02");
	driver_start(&d, "event_idx=off");
	driver_hold(&d);
	kicks = d.m->fake.notified[DRIVER_QUEUE];
	for (i = 0; i < 64; i++)
		assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, i, 1, 0, i), 0);
	assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
	assert_int_equal(vscsi_submit(d.queue), 0);
	assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 64);
	assert_int_equal(d.m->fake.notified[DRIVER_QUEUE], kicks + 1);
	assert_int_equal(vscsi_submit(d.queue), 0);
	assert_int_equal(d.m->fake.notified[DRIVER_QUEUE], kicks + 1);
	model_release(d.m, DRIVER_QUEUE);
	assert_int_equal(vscsi_poll(d.queue, c, 64), 64);
	driver_close(&d);
}

/* A poll finds completions of other handles too, and leaves them for their owners. */
static void test_shared_handles_keep_apart(void **state)
{
	struct vscsi_queue *a;
	struct vscsi_queue *b;
	struct vscsi_completion c;
	struct chain chain;
	struct driver d;
	unsigned i;

	(void)state;
	driver_start(&d, "");
	a = driver_open_queue(&d, 0);
	b = driver_open_queue(&d, 0);
	driver_hold(&d);
	for (i = 0; i < 20; i++)
		assert_int_equal(vscsi_read(i & 1 ? a : b, d.lun, d.buf, i, 1, 0, i), 0);
	/* One submit publishes for all handles. */
	assert_int_equal(vscsi_submit(a), 0);
	while (model_take(d.m, 2, &chain))
		model_serve_chain(d.m, &chain);
	for (i = 0; i < 10; i++) {
		assert_int_equal(vscsi_poll(a, &c, 1), 1);
		assert_int_equal(c.user_data, 2 * i + 1);
	}
	assert_int_equal(vscsi_poll(a, &c, 1), 0);
	assert_int_equal(vscsi_queue_close(b), -EBUSY);
	assert_int_equal(vscsi_queue_close(a), 0);
	assert_int_equal(driver_queue_info(b).inflight, 10);
	for (i = 0; i < 10; i++) {
		assert_int_equal(vscsi_poll(b, &c, 1), 1);
		assert_int_equal(c.user_data, 2 * i);
	}
	assert_int_equal(vscsi_poll(b, &c, 1), 0);
	assert_int_equal(vscsi_queue_close(b), 0);
	driver_close(&d);
}

#define THREADS 3
#define EACH    4000u

/*
 * A thread's part: it reads, with its own number in each request. With one handle for all, others
 * may get what it sent. It asserts nothing: see @wrong.
 */
struct worker {
	struct driver *d;
	struct vscsi_queue *queue;
	pthread_t thread;
	uint64_t number;
	bool one_handle;
	unsigned returned;
	const char *wrong;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	uint64_t limit = clock_ns() + UINT64_C(40000000000);
	struct vscsi_completion c[8];
	unsigned sent = 0;
	unsigned spins = 0;

	while ((w->one_handle ? sent : w->returned) < EACH && clock_ns() < limit) {
		int count;
		int i;

		while (sent < EACH && (w->one_handle || sent - w->returned < 16) &&
		       !vscsi_read(w->queue, w->d->lun, w->d->buf, sent % 100, 1, 0,
				   w->number << 32 | sent))
			sent++;
		vscsi_submit(w->queue);
		count = vscsi_poll(w->queue, c, 8);
		for (i = 0; i < count; i++) {
			if (c[i].result)
				w->wrong = "a read failed";
			if (!w->one_handle && c[i].user_data >> 32 != w->number)
				w->wrong = "a completion of another handle";
			w->returned++;
		}
		if (count <= 0)
			clock_relax(&spins);
		else
			spins = 0;
	}
	return NULL;
}

static void run_workers(struct driver *d, struct worker *workers, bool one_handle)
{
	unsigned i;

	for (i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.d = d, .number = i + 1};
		workers[i].one_handle = one_handle;
		workers[i].queue = one_handle && i ? workers[0].queue
						   : driver_open_queue(d, VSCSI_QUEUE_SHARED);
	}
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	for (i = 0; i < THREADS; i++)
		assert_string_equal(workers[i].wrong ? workers[i].wrong : "none", "none");
}

static void test_threads_with_a_handle_each(void **state)
{
	struct worker workers[THREADS];
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-MB-22");
	driver_start(&d, "");
	run_workers(&d, workers, false);
	for (i = 0; i < THREADS; i++) {
		assert_int_equal(workers[i].returned, EACH);
		assert_int_equal(vscsi_queue_close(workers[i].queue), 0);
	}
	driver_close(&d);
}

static void test_threads_with_one_handle(void **state)
{
	struct worker workers[THREADS];
	struct vscsi_completion c;
	unsigned returned = 0;
	struct driver d;
	unsigned i;

	(void)state;
	CONFORMS("R-MB-22");
	driver_start(&d, "");
	run_workers(&d, workers, true);
	for (i = 0; i < THREADS; i++)
		returned += workers[i].returned;
	while (vscsi_poll(workers[0].queue, &c, 1) == 1)
		returned++;
	assert_int_equal(returned, THREADS * EACH);
	assert_int_equal(vscsi_queue_close(workers[0].queue), 0);
	driver_close(&d);
}

/* Looks at the device in every way that talks to it. */
static void *look(void *arg)
{
	struct driver *d = arg;
	struct vscsi_event event;
	unsigned i;

	for (i = 0; i < 300; i++) {
		if (vscsi_dev_poll_events(d->dev, &event, 1) < 0)
			return (void *)1;
	}
	return NULL;
}

/* Registers memory and takes it back. */
static void *move_memory(void *arg)
{
	struct driver *d = arg;
	size_t len = 4096;
	void *area = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	intptr_t wrong = area == MAP_FAILED;
	unsigned i;

	for (i = 0; i < 100 && !wrong; i++)
		wrong = vscsi_mem_register(vscsi_dev_mem(d->dev), area, len, -1, 0) ||
			vscsi_mem_unregister(vscsi_dev_mem(d->dev), area);
	if (area != MAP_FAILED)
		munmap(area, len);
	return (void *)wrong;
}

/* A register that is selected and then read needs this: no two threads talk to the transport. */
static void test_one_talks_to_the_transport(void **state)
{
	pthread_t threads[3];
	struct driver d;
	void *ret;
	unsigned i;

	(void)state;
	CONFORMS("R-PCI-32");
	driver_init(&d);
	d.m->fake.map_live = true;
	driver_open(&d, "");
	for (i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, i ? look : move_memory, &d), 0);
	for (i = 0; i < 3; i++) {
		pthread_join(threads[i], &ret);
		assert_null(ret);
	}
	assert_int_equal(d.m->fake.overlaps, 0);
	driver_close(&d);
}

#ifndef NDEBUG
static void *use_foreign_queue(void *arg)
{
	struct driver *d = arg;

	return (void *)(intptr_t)vscsi_read(d->queue, d->lun, d->buf, 0, 1, 0, 1);
}

static void test_another_threads_queue(void **state)
{
	pthread_t thread;
	struct driver d;
	void *ret;

	(void)state;
	driver_start(&d, "");
	assert_int_equal(pthread_create(&thread, NULL, use_foreign_queue, &d), 0);
	pthread_join(thread, &ret);
	assert_int_equal((intptr_t)ret, -EPERM);
	driver_close(&d);
}
#endif

int handle_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_gets_which_queue),
		cmocka_unit_test(test_options_of_a_queue),
		cmocka_unit_test(test_closing_what_is_in_use),
		cmocka_unit_test(test_polling_one_at_a_time),
		cmocka_unit_test(test_a_batch_is_published_whole),
		cmocka_unit_test(test_shared_handles_keep_apart),
		cmocka_unit_test(test_threads_with_a_handle_each),
		cmocka_unit_test(test_threads_with_one_handle),
		cmocka_unit_test(test_one_talks_to_the_transport),
#ifndef NDEBUG
		cmocka_unit_test(test_another_threads_queue),
#endif
	};

	return cmocka_run_group_tests_name("queue/handle", tests, NULL, NULL);
}
