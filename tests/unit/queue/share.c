/* SPDX-License-Identifier: BSD-3-Clause */
/* Sharing a queue: how many slots each handle gets. Opening and closing queues. */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "queue_tests.h"
#include "counts.h"

static unsigned fill_up(struct driver *d, struct vscsi_queue *queue)
{
	unsigned count = 0;
	int err;

	while (!(err = vscsi_read(queue, d->lun, d->buf, 0, 1, 0, count)))
		count++;
	assert_int_equal(err, -EAGAIN);
	return count;
}

static unsigned drain(struct vscsi_queue *queue)
{
	struct vscsi_completion c;
	unsigned count = 0;

	while (vscsi_poll(queue, &c, 1) == 1)
		count++;
	return count;
}

static void serve_all(struct driver *d)
{
	struct chain chain;

	while (model_take(d->m, 2, &chain))
		model_serve_chain(d->m, &chain);
}

/* Four share 128 slots: each is sure of 16, and one is kept for the library's own calls. */
static void test_nobody_takes_all_slots(void **state)
{
	struct vscsi_queue *greedy;
	struct vscsi_queue *queues[3];
	struct driver d;
	unsigned i;

	(void)state;
	driver_init(&d);
	d.m->fake.config.cmd_per_lun = UINT32_MAX;
	driver_open(&d, "");
	greedy = driver_open_queue(&d, 0);
	for (i = 0; i < 3; i++)
		queues[i] = driver_open_queue(&d, 0);
	driver_hold(&d);
	assert_int_equal(driver_queue_info(greedy).depth, 128 - 3 * 16 - 1);
	assert_int_equal(fill_up(&d, greedy), 128 - 3 * 16 - 1);
	for (i = 0; i < 3; i++)
		assert_int_equal(fill_up(&d, queues[i]), 16);
	assert_int_equal(vscsi_submit(greedy), 0);
	serve_all(&d);
	assert_int_equal(drain(queues[0]), 16);
	/* The greedy one can't have what another gave back, but that one can. */
	assert_int_equal(fill_up(&d, greedy), 0);
	assert_int_equal(fill_up(&d, queues[0]), 16);
	assert_int_equal(vscsi_submit(greedy), 0);
	serve_all(&d);
	assert_int_equal(drain(greedy), 128 - 3 * 16 - 1);
	assert_int_equal(drain(queues[0]), 16);
	/* All are kept that were, now that they came back one by one. */
	assert_int_equal(fill_up(&d, greedy), 128 - 3 * 16 - 1);
	assert_int_equal(fill_up(&d, queues[0]), 16);
	assert_int_equal(vscsi_submit(greedy), 0);
	serve_all(&d);
	assert_int_equal(drain(greedy), 128 - 3 * 16 - 1);
	for (i = 0; i < 3; i++) {
		assert_int_equal(drain(queues[i]), 16);
		assert_int_equal(vscsi_queue_close(queues[i]), 0);
	}
	assert_int_equal(fill_up(&d, greedy), 127);
	assert_int_equal(vscsi_submit(greedy), 0);
	serve_all(&d);
	assert_int_equal(drain(greedy), 127);
	assert_int_equal(vscsi_queue_close(greedy), 0);
	driver_close(&d);
}

/* A handle that is opened when all slots are in use gets the first free ones, up to its share. */
static void test_latecomers_get_their_part(void **state)
{
	struct vscsi_queue *greedy;
	struct vscsi_queue *late;
	struct vscsi_completion c;
	struct driver d;
	unsigned i;

	(void)state;
	driver_init(&d);
	d.m->fake.config.cmd_per_lun = UINT32_MAX;
	driver_open(&d, "");
	greedy = driver_open_queue(&d, 0);
	driver_hold(&d);
	assert_int_equal(fill_up(&d, greedy), 127);
	late = driver_open_queue(&d, 0);
	assert_int_equal(vscsi_submit(greedy), 0);
	serve_all(&d);
	for (i = 0; i < 32; i++) {
		assert_int_equal(vscsi_poll(greedy, &c, 1), 1);
		assert_int_equal(vscsi_read(greedy, d.lun, d.buf, 0, 1, 0, 0), -EAGAIN);
		assert_int_equal(vscsi_read(late, d.lun, d.buf, 0, 1, 0, i), 0);
	}
	assert_int_equal(vscsi_submit(late), 0);
	serve_all(&d);
	assert_int_equal(drain(greedy), 127 - 32);
	assert_int_equal(drain(late), 32);
	assert_int_equal(vscsi_queue_close(late), 0);
	assert_int_equal(vscsi_queue_close(greedy), 0);
	driver_close(&d);
}

static uint64_t dma_used(struct driver *d)
{
	struct vscsi_mem_stats stats = {.size = sizeof(stats)};

	assert_int_equal(vscsi_mem_get_stats(vscsi_dev_mem(d->dev), &stats), 0);
	return stats.used;
}

static void take_and_release(struct driver *d)
{
	struct vscsi_queue *alone = driver_open_queue(d, VSCSI_QUEUE_EXCLUSIVE);
	struct vscsi_queue *shared = driver_open_queue(d, 0);

	assert_int_equal(vscsi_wait(shared, 0), 0);
	assert_int_equal(vscsi_queue_close(alone), 0);
	assert_int_equal(vscsi_queue_close(shared), 0);
}

/* Under AddressSanitizer mallinfo2() says nothing; there its own check for leaks does. */
static void test_taking_and_releasing_costs_nothing(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	size_t heap;
	uint64_t dma;
	struct driver d;
	unsigned fds;
	unsigned i;

	(void)state;
	driver_init(&d);
	d.m->fake.call_fds[2] = fd;
	driver_open(&d, "");
	assert_int_equal(vscsi_queue_close(d.queue), 0);
	take_and_release(&d);
	fds = count_fds();
	heap = mallinfo2().uordblks;
	dma = dma_used(&d);
	for (i = 0; i < 10000; i++)
		take_and_release(&d);
	assert_int_equal(count_fds(), fds);
	assert_int_equal(mallinfo2().uordblks, heap);
	assert_int_equal(dma_used(&d), dma);
	d.queue = driver_open_queue(&d, 0);
	driver_close(&d);
	close(fd);
}

static void test_what_is_told_of_a_queue(void **state)
{
	struct driver d;

	(void)state;
	driver_start(&d, "event_idx=off");
	assert_int_equal(driver_queue_info(d.queue).node, 0);
	assert_int_equal(driver_queue_info(d.queue).notifications, 0);
	driver_read(&d, 1);
	assert_int_equal(driver_queue_info(d.queue).notifications, 1);
	assert_int_equal(driver_poll(&d).result, 0);
	/* Nothing to publish, nothing to notify of. */
	assert_int_equal(vscsi_submit(d.queue), 0);
	assert_int_equal(driver_queue_info(d.queue).notifications, 1);
	driver_close(&d);
}

static atomic_bool opened;

/* Polls as long as a LUN is being opened, and once more after that. */
static void *poll_meanwhile(void *queue)
{
	struct vscsi_completion c;
	bool last;

	do {
		last = atomic_load_explicit(&opened, memory_order_relaxed);
		vscsi_poll(queue, &c, 1);
	} while (!last);
	return NULL;
}

/* A LUN whose requests are counted is opened while others poll: for ThreadSanitizer to look at. */
static void test_counting_begins_while_others_poll(void **state)
{
	struct vscsi_queue *queue;
	struct vscsi_lun *lun;
	pthread_t thread;
	struct driver d;

	(void)state;
	driver_init(&d);
	d.m->fake.config.cmd_per_lun = htole32(1);
	assert_int_equal(driver_open_device(&d, ""), 0);
	queue = driver_open_queue(&d, VSCSI_QUEUE_SHARED);
	atomic_store(&opened, false);
	assert_int_equal(pthread_create(&thread, NULL, poll_meanwhile, queue), 0);
	assert_int_equal(vscsi_lun_open(d.dev, 0, 0, NULL, &lun), 0);
	atomic_store_explicit(&opened, true, memory_order_relaxed);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(vscsi_lun_close(lun), 0);
	assert_int_equal(vscsi_queue_close(queue), 0);
	driver_open_rest(&d);
	driver_close(&d);
}

int share_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody_takes_all_slots),
		cmocka_unit_test(test_latecomers_get_their_part),
		cmocka_unit_test(test_taking_and_releasing_costs_nothing),
		cmocka_unit_test(test_what_is_told_of_a_queue),
		cmocka_unit_test(test_counting_begins_while_others_poll),
	};

	return cmocka_run_group_tests_name("queue/share", tests, NULL, NULL);
}
