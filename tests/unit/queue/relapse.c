/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Recovery where it meets something else: a device that is lost again before a queue came back from
 * the loss before, and requests that are in none of the usual places meanwhile.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

#include "queue_tests.h"
#include "queue/queue.h"
#include "harness/loss.h"

#define BUSY 0x08

static void answer_busy(struct driver *d)
{
	struct chain chain = driver_take(d);
	struct answer busy = model_good(&chain);

	busy.status = BUSY;
	model_answer(d->m, &chain, &busy);
	driver_poll_nothing(d);
}

/*
 * An unpolled queue hasn't switched to its fresh ring when the device is lost again: the ring from
 * before the first loss no longer belongs to the device.
 */
static void test_a_queue_that_slept_through_a_loss(void **state)
{
	struct chain chain;
	struct driver d;

	(void)state;
	loss_open(&d, "");
	loss_read(&d, 1);
	chain = driver_take(&d);
	loss_lose(&d);
	loss_find(&d);
	loss_lose(&d);
	loss_find(&d);
	driver_poll_nothing(&d);
	chain = driver_take(&d);
	assert_int_equal(chain_cdb(&chain)[5], 1);
	loss_answer(&d, &chain);
	assert_int_equal(driver_poll(&d).user_data, 1);
	loss_read(&d, 2);
	loss_serve(&d, 2);
	assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
	driver_close(&d);
}

/* Its buffer was returned at the first loss: no device may be shown the request again. */
static void test_a_ring_of_the_past_stays_there(void **state)
{
	struct vscsi_completion done;
	struct driver d;

	(void)state;
	loss_open(&d, "recovery=report");
	loss_read(&d, 1);
	loss_lose(&d);
	done = driver_poll(&d);
	assert_int_equal(done.result, -ECONNRESET);
	loss_find(&d);
	loss_lose(&d);
	loss_find(&d);
	assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
	loss_read(&d, 2);
	driver_poll_nothing(&d);
	loss_serve(&d, 2);
	driver_close(&d);
}

/* Two requests wait to be sent again when the device goes; one of them is aborted. */
static void test_abort_of_one_that_waits(void **state)
{
	struct vscsi_completion done;
	struct driver d;

	(void)state;
	loss_open_stopped(&d, "");
	loss_read(&d, 1);
	answer_busy(&d);
	loss_read(&d, 2);
	answer_busy(&d);
	loss_lose(&d);
	driver_poll_nothing(&d);
	assert_int_equal(vscsi_abort(d.queue, 2), 0);
	done = driver_poll(&d);
	assert_int_equal(done.user_data, 2);
	assert_int_equal(done.result, -ECANCELED);
	driver_poll_nothing(&d);
	loss_find(&d);
	driver_poll_nothing(&d);
	clock_skip(10);
	driver_poll_nothing(&d);
	loss_serve(&d, 1);
	assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
	loss_read(&d, 3);
	loss_serve(&d, 3);
	driver_close(&d);
}

/* A call that wrote and was left while the device was away is not written later, to any disk. */
static void run_left_behind(uint64_t blocks)
{
	uint8_t before[MODEL_BLOCK];
	char data[MODEL_BLOCK];
	struct driver d;

	clock_stop(true);
	loss_open(&d, "timeout_ms=50");
	memset(before, 0, sizeof(before));
	memset(data, 0xaa, sizeof(data));
	loss_lose(&d);
	assert_int_equal(vscsi_pwrite(d.lun, data, sizeof(data), 0, 0), -ETIMEDOUT);
	d.m->blocks = blocks;
	loss_find(&d);
	/* Once more, for what is sent by the calls that wait. */
	loss_look(&d);
	assert_memory_equal(d.m->disk, before, sizeof(before));
	driver_close(&d);
}

static void test_left_behind(void **state)
{
	(void)state;
	run_left_behind(MODEL_BLOCKS);
}

static void test_left_behind_for_another_disk(void **state)
{
	(void)state;
	run_left_behind(MODEL_BLOCKS / 2);
}

/* The same for one that waits to be sent again, at a device that is there. */
static void test_left_behind_while_it_waits(void **state)
{
	struct vscsi_completion done;
	struct io_lun placeholder;
	struct driver d;

	(void)state;
	loss_open_stopped(&d, "");
	loss_read(&d, 1);
	answer_busy(&d);
	queue_detach(d.queue, 1, &placeholder);
	clock_skip(10);
	assert_int_equal(vscsi_poll(d.queue, &done, 1), 1);
	assert_int_equal(done.result, -ECANCELED);
	assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
	driver_poll_nothing(&d);
	driver_close(&d);
}

/* Requests are accepted while the device is away: bidirectional commands as well. */
static void test_bidirectional_while_away(void **state)
{
	struct vscsi_completion done;
	struct iovec out;
	struct iovec in;
	struct vscsi_command command = {
		.size = sizeof(command),
		.cdb_len = 6,
		.flags = VSCSI_COMMAND_REPEATABLE,
		.out = &out,
		.out_count = 1,
		.in = &in,
		.in_count = 1,
	};
	struct chain chain;
	struct driver d;

	(void)state;
	loss_open_stopped(&d, "");
	out = (struct iovec){d.buf, 512};
	in = (struct iovec){d.buf + 512, 512};
	loss_lose(&d);
	assert_int_equal(vscsi_prepare_command(d.queue, d.lun, &command, 1), 0);
	assert_int_equal(vscsi_submit(d.queue), 0);
	loss_find(&d);
	driver_poll_nothing(&d);
	chain = driver_take(&d);
	loss_answer(&d, &chain);
	done = driver_poll(&d);
	assert_int_equal(done.result, 0);
	driver_close(&d);
}

/*
 * By the linker's --wrap: a thread that has to wait for this lock says so first, and then waits.
 * Everything that it does before has been done by then.
 */
static _Atomic(struct lock *) guarded;
static sem_t arrived;
static sem_t allowed;

void __real_lock_wait(struct lock *lock);
void __wrap_lock_wait(struct lock *lock);

void __wrap_lock_wait(struct lock *lock)
{
	if (lock == atomic_load(&guarded)) {
		sem_post(&arrived);
		sem_wait(&allowed);
	}
	__real_lock_wait(lock);
}

/* Polls a handle of a queue whose lock another thread holds. */
static void *poll_once(void *queue)
{
	struct vscsi_completion done;

	vscsi_poll(queue, &done, 1);
	return NULL;
}

static struct vscsi_queue *open_shared(struct driver *d)
{
	const struct vscsi_queue_opts opts = {.size = sizeof(opts), .flags = VSCSI_QUEUE_SHARED};
	struct vscsi_queue *queue;

	assert_int_equal(vscsi_queue_open(d->dev, &opts, &queue), 0);
	return queue;
}

/* A read that waits to be sent again. */
static void leave_waiting(struct driver *d, struct vscsi_queue *queue)
{
	struct vscsi_completion done;
	struct chain chain;
	struct answer busy;

	assert_int_equal(vscsi_read(queue, d->lun, d->buf, 0, 1, 0, 0), 0);
	assert_int_equal(vscsi_submit(queue), 0);
	assert_true(model_take(d->m, 2, &chain));
	busy = model_good(&chain);
	busy.status = BUSY;
	model_answer(d->m, &chain, &busy);
	assert_int_equal(vscsi_poll(queue, &done, 1), 0);
}

/* The device fails while one handle is about to poll; another gets its own requests back. */
static void test_failed_in_the_middle_of_a_poll(void **state)
{
	struct vscsi_queue *first;
	struct vscsi_queue *second;
	struct vscsi_completion done[4];
	pthread_t thread;
	struct driver d;

	(void)state;
	loss_open_stopped(&d, "recovery_ms=200");
	first = open_shared(&d);
	second = open_shared(&d);
	d.m->held = MODEL_ALL;
	leave_waiting(&d, first);
	leave_waiting(&d, first);
	leave_waiting(&d, second);
	loss_lose(&d);
	assert_int_equal(vscsi_poll(second, done, 4), 0);
	sem_init(&arrived, 0, 0);
	sem_init(&allowed, 0, 0);
	atomic_store(&guarded, &first->ioq->lock);
	lock_acquire(&first->ioq->lock);
	assert_int_equal(pthread_create(&thread, NULL, poll_once, second), 0);
	assert_int_equal(sem_wait(&arrived), 0);
	atomic_store(&guarded, NULL);
	lock_release(&first->ioq->lock);
	clock_skip(1000);
	assert_int_equal(vscsi_dev_poll_events(d.dev, NULL, 0), -ENOTCONN);
	assert_int_equal(vscsi_poll(first, done, 4), 2);
	sem_post(&allowed);
	assert_int_equal(pthread_join(thread, NULL), 0);
	sem_destroy(&arrived);
	sem_destroy(&allowed);
	assert_int_equal(vscsi_poll(first, done, 4), -ENOTCONN);
	while (vscsi_poll(second, done, 4) > 0)
		;
	assert_int_equal(vscsi_queue_close(first), 0);
	assert_int_equal(vscsi_queue_close(second), 0);
	driver_close(&d);
}

/* Ways to change the disk: without the general part of a request's beginning, and with it. */
static int write_one(struct driver *d, struct vscsi_queue *queue)
{
	return vscsi_write(queue, d->lun, d->buf, 0, 1, 0, 0);
}

static int write_two(struct driver *d, struct vscsi_queue *queue)
{
	const struct iovec iov[] = {{d->buf, MODEL_BLOCK}, {d->buf + 8192, MODEL_BLOCK}};

	return vscsi_writev(queue, d->lun, iov, 2, 0, 2, 0, 0);
}

static int write_zeroes(struct driver *d, struct vscsi_queue *queue)
{
	return vscsi_write_zeroes(queue, d->lun, 0, 1, 0, 0);
}

struct writer {
	struct driver *d;
	struct vscsi_queue *queue;
	int (*write)(struct driver *d, struct vscsi_queue *queue);
	int result;
};

static void *write_once(void *arg)
{
	struct writer *writer = arg;

	writer->result = writer->write(writer->d, writer->queue);
	vscsi_submit(writer->queue);
	return NULL;
}

/*
 * A thread that shares the queue is about to write when the device is lost, comes back with another
 * disk, and has the queue again: that disk is not written to.
 */
static void run_another_disk_in_the_middle(int (*write)(struct driver *d,
							struct vscsi_queue *queue))
{
	uint8_t before[2 * MODEL_BLOCK];
	struct vscsi_completion done[4];
	struct vscsi_queue *other;
	struct writer writer;
	pthread_t thread;
	struct driver d;

	loss_open(&d, "");
	memset(d.m->disk, 0x55, sizeof(before));
	memcpy(before, d.m->disk, sizeof(before));
	writer = (struct writer){.d = &d, .queue = open_shared(&d), .write = write};
	other = open_shared(&d);
	sem_init(&arrived, 0, 0);
	sem_init(&allowed, 0, 0);
	atomic_store(&guarded, &other->ioq->lock);
	lock_acquire(&other->ioq->lock);
	assert_int_equal(pthread_create(&thread, NULL, write_once, &writer), 0);
	assert_int_equal(sem_wait(&arrived), 0);
	atomic_store(&guarded, NULL);
	lock_release(&other->ioq->lock);
	loss_lose(&d);
	d.m->blocks = MODEL_BLOCKS / 2;
	loss_find(&d);
	assert_int_equal(vscsi_poll(other, done, 4), 0);
	sem_post(&allowed);
	assert_int_equal(pthread_join(thread, NULL), 0);
	sem_destroy(&arrived);
	sem_destroy(&allowed);
	while (vscsi_poll(writer.queue, done, 4) > 0)
		;
	assert_memory_equal(d.m->disk, before, sizeof(before));
	assert_int_equal(writer.result, -ENODEV);
	assert_int_equal(vscsi_queue_close(other), 0);
	assert_int_equal(vscsi_queue_close(writer.queue), 0);
	driver_close(&d);
}

static void test_another_disk_in_the_middle_of_a_write(void **state)
{
	(void)state;
	run_another_disk_in_the_middle(write_one);
	run_another_disk_in_the_middle(write_two);
	run_another_disk_in_the_middle(write_zeroes);
}

/*
 * A write was answered that the disk is busy, and another handle's poll found that. By the time
 * that its own handle polls, the queue has come back with another disk: it isn't sent to that one.
 */
static void test_busy_and_then_another_disk(void **state)
{
	uint8_t before[MODEL_BLOCK];
	struct vscsi_completion done[4];
	struct vscsi_queue *queue;
	struct vscsi_queue *other;
	struct answer busy;
	struct chain chain;
	struct driver d;

	(void)state;
	loss_open_stopped(&d, "");
	queue = open_shared(&d);
	other = open_shared(&d);
	memset(d.m->disk, 0x55, sizeof(before));
	memcpy(before, d.m->disk, sizeof(before));
	d.m->held = MODEL_ALL;
	assert_int_equal(vscsi_write(queue, d.lun, d.buf, 0, 1, 0, 7), 0);
	assert_int_equal(vscsi_submit(queue), 0);
	assert_true(model_take(d.m, 2, &chain));
	busy = model_good(&chain);
	busy.status = BUSY;
	model_answer(d.m, &chain, &busy);
	assert_int_equal(vscsi_poll(other, done, 4), 0);
	d.m->held = UINT64_C(1) << DRIVER_QUEUE;
	loss_lose(&d);
	d.m->blocks = MODEL_BLOCKS / 2;
	loss_find(&d);
	assert_int_equal(vscsi_poll(other, done, 4), 0);
	if (!vscsi_poll(queue, done, 4)) {
		clock_skip(10);
		assert_int_equal(vscsi_poll(queue, done, 4), 0);
		assert_int_equal(vscsi_poll(queue, done, 4), 1);
	}
	assert_int_equal(done[0].user_data, 7);
	assert_memory_equal(d.m->disk, before, sizeof(before));
	assert_int_equal(done[0].result, -EBUSY);
	assert_int_equal(vscsi_queue_close(other), 0);
	assert_int_equal(vscsi_queue_close(queue), 0);
	driver_close(&d);
}

/* The reset of a LUN that is gone doesn't hit the disk that has its address now. */
static void test_reset_of_one_that_is_gone(void **state)
{
	uint8_t before[TMF_BYTES];
	struct driver d;

	(void)state;
	loss_open(&d, "");
	memcpy(before, d.m->tmf, TMF_BYTES);
	loss_lose(&d);
	d.m->blocks = MODEL_BLOCKS / 2;
	loss_find(&d);
	assert_int_equal(vscsi_lun_reset(d.lun), -ENODEV);
	assert_memory_equal(d.m->tmf, before, TMF_BYTES);
	driver_poll_nothing(&d);
	driver_close(&d);
}

/* While the device is recognized: how many commands it is too busy for, all but INQUIRY as such. */
static unsigned busy_times;

static bool is_inquiry(const struct chain *chain)
{
	return chain_cdb(chain)[0] == 0x12 && !(chain_cdb(chain)[1] & 1);
}

static void answer_recognition(struct model *m, const struct chain *chain)
{
	struct answer busy = model_good(chain);

	if (!busy_times || is_inquiry(chain)) {
		model_serve_chain(m, chain);
		return;
	}
	busy_times--;
	busy.status = BUSY;
	model_answer(m, chain, &busy);
}

static void recognition_hook(void *ctx, enum fake_call call, unsigned queue)
{
	struct model *m = ctx;
	struct chain chain;

	model_hook(ctx, call, queue);
	if (call != FAKE_NOTIFY || queue != 2)
		return;
	do {
		while (model_take(m, 2, &chain))
			answer_recognition(m, &chain);
	} while (!m->broken && !device_sleep(&m->rings[2]));
}

/* Finds the device, in as many loss_attempts as it takes. */
static void find_slowly(struct driver *d)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};
	unsigned i;

	loss_away = false;
	for (i = 0; i < 40 && info.state != VSCSI_DEV_RUNNING; i++) {
		clock_skip(100);
		loss_look(d);
		assert_int_equal(vscsi_dev_get_info(d->dev, &info), 0);
	}
	assert_int_equal(info.state, VSCSI_DEV_RUNNING);
}

/* A disk that isn't ready yet is no other disk. What is for it waits meanwhile. */
static void test_busy_when_revalidated(void **state)
{
	struct driver d;
	unsigned i;
	unsigned k;

	(void)state;
	for (i = 1; i < 4; i++) {
		loss_open(&d, "");
		loss_lose(&d);
		d.m->held = UINT64_C(1) << DRIVER_QUEUE | 1 << 2;
		d.m->fake.hook = recognition_hook;
		busy_times = i;
		find_slowly(&d);
		loss_read(&d, 1);
		assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
		for (k = 0; k < 10; k++) {
			clock_skip(100);
			driver_poll_nothing(&d);
		}
		assert_int_equal(busy_times, 0);
		loss_serve(&d, 1);
		driver_close(&d);
	}
}

/* Says that a ring is broken in the place of an answer. */
static void broken_hook(void *ctx, enum fake_call call, unsigned queue)
{
	struct model *m = ctx;

	if (call == FAKE_NOTIFY && queue == 2 && busy_times) {
		busy_times--;
		m->fake.events = TRANSPORT_BROKEN;
		return;
	}
	recognition_hook(ctx, call, queue);
}

/* The failure is reported once: after that no answer is waited for. */
static void test_broken_when_revalidated(void **state)
{
	struct driver d;

	(void)state;
	loss_open(&d, "");
	loss_lose(&d);
	d.m->held = UINT64_C(1) << DRIVER_QUEUE | 1 << 2;
	d.m->fake.hook = broken_hook;
	loss_attempts = 0;
	busy_times = 1;
	find_slowly(&d);
	assert_int_equal(loss_attempts, 2);
	driver_close(&d);
}

/* Back, lost and back once more before the application looks: the last word is the last. */
static void test_the_last_word(void **state)
{
	struct vscsi_event events[8];
	struct vscsi_completion done;
	struct driver d;
	uint32_t last = 0;
	unsigned i;
	int got;

	(void)state;
	loss_open(&d, "");
	loss_lose(&d);
	loss_away = false;
	clock_skip(1000);
	assert_int_equal(vscsi_poll(d.queue, &done, 1), 0);
	for (i = 0; i < 3; i++)
		assert_int_equal(vscsi_dev_reset(d.dev), 0);
	got = vscsi_dev_poll_events(d.dev, events, 8);
	while (got-- > 0 && !last)
		last = events[got].type < VSCSI_EVENT_LOST ? 0 : events[got].type;
	assert_int_equal(last, VSCSI_EVENT_BACK);
	assert_int_equal(vscsi_dev_reset(d.dev), 0);
	loss_lose(&d);
	loss_find(&d);
	driver_close(&d);
}

int relapse_tests(void)
{
	const struct CMUnitTest relapse[] = {
		cmocka_unit_test(test_a_queue_that_slept_through_a_loss),
		cmocka_unit_test(test_a_ring_of_the_past_stays_there),
		cmocka_unit_test(test_left_behind),
		cmocka_unit_test(test_left_behind_for_another_disk),
		cmocka_unit_test(test_left_behind_while_it_waits),
		cmocka_unit_test(test_bidirectional_while_away),
		cmocka_unit_test(test_abort_of_one_that_waits),
		cmocka_unit_test(test_busy_when_revalidated),
		cmocka_unit_test(test_broken_when_revalidated),
		cmocka_unit_test(test_the_last_word),
		cmocka_unit_test(test_failed_in_the_middle_of_a_poll),
		cmocka_unit_test(test_another_disk_in_the_middle_of_a_write),
		cmocka_unit_test(test_busy_and_then_another_disk),
		cmocka_unit_test(test_reset_of_one_that_is_gone),
	};

	return cmocka_run_group_tests(relapse, NULL, NULL);
}
