/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Recovery where it meets something else: a device that is lost again before a queue came back from
 * the loss before, and requests that are in none of the usual places meanwhile.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core.h"
#include "core/queue.h"

#define BUSY 0x08

/* Whether the device can't be reached, and how often it was tried. */
static bool away;
static unsigned attempts;

static bool can_reopen(struct transport *t)
{
	(void)t;
	return true;
}

static int reopen(struct transport *t, bool keep)
{
	struct fake *fake = (struct fake *)t;

	(void)keep;
	attempts++;
	if (away)
		return -ECONNREFUSED;
	memset(fake->started, 0, sizeof(fake->started));
	fake->insist = 0;
	return 0;
}

static bool tracked(struct transport *t)
{
	struct fake *fake = (struct fake *)t;
	struct model *m = fake->ctx;

	return m->account;
}

static void open_recoverable(struct desk *d, const char *options)
{
	away = false;
	desk_init(d);
	d->m->fake.ops.can_reopen = can_reopen;
	d->m->fake.ops.reopen = reopen;
	d->m->fake.ops.tracked = tracked;
	desk_open(d, options);
	d->m->held = UINT64_C(1) << DESK_QUEUE;
}

static void read_block(struct desk *d, uint64_t lba)
{
	assert_int_equal(vscsi_read(d->queue, d->lun, d->buf, lba, 1, 0, lba), 0);
	assert_int_equal(vscsi_submit(d->queue), 0);
}

static void answer_good(struct desk *d, const struct chain *chain)
{
	struct answer good = model_good(chain);

	model_answer(d->m, chain, &good);
}

static void answer_busy(struct desk *d)
{
	struct chain chain = desk_take(d);
	struct answer busy = model_good(&chain);

	busy.status = BUSY;
	model_answer(d->m, &chain, &busy);
	desk_poll_nothing(d);
}

static void serve_one(struct desk *d, uint64_t lba)
{
	struct chain chain = desk_take(d);

	assert_int_equal(chain_cdb(&chain)[5], lba);
	answer_good(d, &chain);
	assert_int_equal(desk_poll(d).user_data, lba);
}

static void break_connection(struct desk *d)
{
	d->m->fake.fail = FAKE_CHECK;
	d->m->fake.fail_skip = 0;
	d->m->fake.fail_err = -ENOTCONN;
}

static void drain_events(struct desk *d)
{
	struct vscsi_event events[8];

	if (vscsi_dev_poll_events(d->dev, events, 8) < 0)
		fail_msg("%s", vscsi_last_error());
}

/* Lost, and not yet back. */
static void lose(struct desk *d)
{
	away = true;
	break_connection(d);
	drain_events(d);
}

static void find(struct desk *d)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};

	away = false;
	clock_skip(1000);
	drain_events(d);
	assert_int_equal(vscsi_dev_get_info(d->dev, &info), 0);
	assert_int_equal(info.state, VSCSI_DEV_RUNNING);
}

/*
 * A queue that nobody polls hasn't gone over to its fresh ring when the device is lost once more,
 * with an account this time: the ring from before the first loss is not the device's any more.
 */
static void test_a_queue_that_slept_through_a_loss(void **state)
{
	struct chain chain;
	struct desk d;

	(void)state;
	open_recoverable(&d, "");
	read_block(&d, 1);
	chain = desk_take(&d);
	lose(&d);
	find(&d);
	d.m->account = true;
	lose(&d);
	find(&d);
	desk_poll_nothing(&d);
	chain = desk_take(&d);
	assert_int_equal(chain_cdb(&chain)[5], 1);
	answer_good(&d, &chain);
	assert_int_equal(desk_poll(&d).user_data, 1);
	read_block(&d, 2);
	serve_one(&d, 2);
	assert_int_equal(model_waiting(d.m, DESK_QUEUE), 0);
	desk_close(&d);
}

/* Its buffer was returned at the first loss: no device may be shown the request again. */
static void test_a_ring_of_the_past_stays_there(void **state)
{
	struct vscsi_completion done;
	struct desk d;

	(void)state;
	open_recoverable(&d, "recovery=report");
	read_block(&d, 1);
	lose(&d);
	done = desk_poll(&d);
	assert_int_equal(done.result, -ECONNRESET);
	find(&d);
	d.m->account = true;
	lose(&d);
	find(&d);
	assert_int_equal(model_waiting(d.m, DESK_QUEUE), 0);
	read_block(&d, 2);
	desk_poll_nothing(&d);
	serve_one(&d, 2);
	desk_close(&d);
}

/* Two requests wait to be sent again when the device goes; one of them is aborted. */
static void test_abort_of_one_that_waits(void **state)
{
	struct vscsi_completion done;
	struct desk d;

	(void)state;
	open_recoverable(&d, "");
	read_block(&d, 1);
	answer_busy(&d);
	read_block(&d, 2);
	answer_busy(&d);
	lose(&d);
	desk_poll_nothing(&d);
	assert_int_equal(vscsi_abort(d.queue, 2), 0);
	done = desk_poll(&d);
	assert_int_equal(done.user_data, 2);
	assert_int_equal(done.result, -ECANCELED);
	desk_poll_nothing(&d);
	find(&d);
	desk_poll_nothing(&d);
	clock_skip(10);
	desk_poll_nothing(&d);
	serve_one(&d, 1);
	assert_int_equal(model_waiting(d.m, DESK_QUEUE), 0);
	read_block(&d, 3);
	serve_one(&d, 3);
	desk_close(&d);
}

/* A call that wrote and was left while the device was away is not written later, to any disk. */
static void run_left_behind(uint64_t blocks)
{
	uint8_t before[MODEL_BLOCK];
	char data[MODEL_BLOCK];
	struct desk d;

	open_recoverable(&d, "timeout_ms=50");
	memset(before, 0, sizeof(before));
	memset(data, 0xaa, sizeof(data));
	lose(&d);
	assert_int_equal(vscsi_pwrite(d.lun, data, sizeof(data), 0, 0), -ETIMEDOUT);
	d.m->blocks = blocks;
	find(&d);
	/* Once more, for what is sent by the calls that wait. */
	drain_events(&d);
	assert_memory_equal(d.m->disk, before, sizeof(before));
	desk_close(&d);
}

static void test_left_behind(void **state)
{
	(void)state;
	run_left_behind(MODEL_BLOCKS);
}

static void test_left_behind_for_a_stranger(void **state)
{
	(void)state;
	run_left_behind(MODEL_BLOCKS / 2);
}

/* The same for one that waits to be sent again, at a device that is there. */
static void test_left_behind_while_it_waits(void **state)
{
	struct vscsi_completion done;
	struct vscsi_lun stand_in;
	struct desk d;

	(void)state;
	open_recoverable(&d, "");
	read_block(&d, 1);
	answer_busy(&d);
	queue_detach(d.queue, 1, &stand_in);
	clock_skip(10);
	assert_int_equal(vscsi_poll(d.queue, &done, 1), 1);
	assert_int_equal(done.result, -ECANCELED);
	assert_int_equal(model_waiting(d.m, DESK_QUEUE), 0);
	desk_poll_nothing(&d);
	desk_close(&d);
}

/* Requests are accepted while the device is away: those with data both ways as well. */
static void test_both_ways_while_away(void **state)
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
	struct desk d;

	(void)state;
	open_recoverable(&d, "");
	out = (struct iovec){d.buf, 512};
	in = (struct iovec){d.buf + 512, 512};
	lose(&d);
	assert_int_equal(vscsi_command(d.queue, d.lun, &command, 1), 0);
	assert_int_equal(vscsi_submit(d.queue), 0);
	find(&d);
	desk_poll_nothing(&d);
	chain = desk_take(&d);
	answer_good(&d, &chain);
	done = desk_poll(&d);
	assert_int_equal(done.result, 0);
	desk_close(&d);
}

/* Polls a handle of a queue whose lock somebody else has. */
static void *poll_once(void *queue)
{
	struct vscsi_completion done;

	vscsi_poll(queue, &done, 1);
	return NULL;
}

static struct vscsi_queue *open_shared(struct desk *d)
{
	const struct vscsi_queue_opts opts = {.size = sizeof(opts), .flags = VSCSI_QUEUE_SHARED};
	struct vscsi_queue *queue;

	assert_int_equal(vscsi_queue_open(d->dev, &opts, &queue), 0);
	return queue;
}

/* Takes the lock away from who has it, while the thread that waits for it sleeps on. */
static void hold_while_waited_for(struct lock *lock)
{
	while (atomic_load(&lock->state) != LOCK_WANTED)
		sched_yield();
	atomic_store(&lock->state, LOCK_FREE);
}

/* A read that waits to be sent again. */
static void leave_waiting(struct desk *d, struct vscsi_queue *queue)
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

/* The device is given up while one handle is about to poll, and another one is returned its own. */
static void test_given_up_in_the_middle_of_a_poll(void **state)
{
	struct vscsi_queue *first;
	struct vscsi_queue *second;
	struct vscsi_completion done[4];
	pthread_t thread;
	struct desk d;

	(void)state;
	open_recoverable(&d, "recovery_ms=200");
	first = open_shared(&d);
	second = open_shared(&d);
	d.m->held = MODEL_ALL;
	leave_waiting(&d, first);
	leave_waiting(&d, first);
	leave_waiting(&d, second);
	lose(&d);
	assert_int_equal(vscsi_poll(second, done, 4), 0);
	lock_take(&first->ioq->lock);
	assert_int_equal(pthread_create(&thread, NULL, poll_once, second), 0);
	hold_while_waited_for(&first->ioq->lock);
	clock_skip(1000);
	assert_int_equal(vscsi_dev_poll_events(d.dev, NULL, 0), -ENOTCONN);
	assert_int_equal(vscsi_poll(first, done, 4), 2);
	lock_wake(&first->ioq->lock);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(vscsi_poll(first, done, 4), -ENOTCONN);
	while (vscsi_poll(second, done, 4) > 0)
		;
	assert_int_equal(vscsi_queue_close(first), 0);
	assert_int_equal(vscsi_queue_close(second), 0);
	desk_close(&d);
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

/* Finds the device, in as many attempts as it takes. */
static void find_slowly(struct desk *d)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};
	unsigned i;

	away = false;
	for (i = 0; i < 40 && info.state != VSCSI_DEV_RUNNING; i++) {
		clock_skip(100);
		drain_events(d);
		assert_int_equal(vscsi_dev_get_info(d->dev, &info), 0);
	}
	assert_int_equal(info.state, VSCSI_DEV_RUNNING);
}

/* A disk that isn't ready yet is no other disk. */
static void test_busy_when_recognized(void **state)
{
	struct desk d;
	unsigned i;

	(void)state;
	for (i = 1; i < 4; i++) {
		open_recoverable(&d, "");
		lose(&d);
		d.m->held = UINT64_C(1) << DESK_QUEUE | 1 << 2;
		d.m->fake.hook = recognition_hook;
		busy_times = i;
		find_slowly(&d);
		assert_int_equal(busy_times, 0);
		read_block(&d, 1);
		desk_poll_nothing(&d);
		serve_one(&d, 1);
		desk_close(&d);
	}
}

/* Says that a ring is broken in the place of an answer. */
static void broken_hook(void *ctx, enum fake_call call, unsigned queue)
{
	struct model *m = ctx;

	if (call == FAKE_NOTIFY && queue == 2 && busy_times) {
		busy_times--;
		m->fake.news = TRANSPORT_BROKEN;
		return;
	}
	recognition_hook(ctx, call, queue);
}

/* No answer is waited for behind that word, which comes once. */
static void test_broken_when_recognized(void **state)
{
	struct desk d;

	(void)state;
	open_recoverable(&d, "");
	lose(&d);
	d.m->held = UINT64_C(1) << DESK_QUEUE | 1 << 2;
	d.m->fake.hook = broken_hook;
	attempts = 0;
	busy_times = 1;
	find_slowly(&d);
	assert_int_equal(attempts, 2);
	desk_close(&d);
}

/* Back, lost and back once more before the application looks: the last word is the last. */
static void test_the_last_word(void **state)
{
	struct vscsi_event events[8];
	struct vscsi_completion done;
	struct desk d;
	uint32_t last = 0;
	unsigned i;
	int got;

	(void)state;
	open_recoverable(&d, "");
	lose(&d);
	away = false;
	clock_skip(1000);
	assert_int_equal(vscsi_poll(d.queue, &done, 1), 0);
	for (i = 0; i < 3; i++)
		assert_int_equal(vscsi_dev_reset(d.dev), 0);
	got = vscsi_dev_poll_events(d.dev, events, 8);
	while (got-- > 0 && !last)
		last = events[got].type < VSCSI_EVENT_LOST ? 0 : events[got].type;
	assert_int_equal(last, VSCSI_EVENT_BACK);
	assert_int_equal(vscsi_dev_reset(d.dev), 0);
	lose(&d);
	find(&d);
	desk_close(&d);
}

int relapse_tests(void)
{
	const struct CMUnitTest relapse[] = {
		cmocka_unit_test(test_a_queue_that_slept_through_a_loss),
		cmocka_unit_test(test_a_ring_of_the_past_stays_there),
		cmocka_unit_test(test_left_behind),
		cmocka_unit_test(test_left_behind_for_a_stranger),
		cmocka_unit_test(test_left_behind_while_it_waits),
		cmocka_unit_test(test_both_ways_while_away),
		cmocka_unit_test(test_abort_of_one_that_waits),
		cmocka_unit_test(test_busy_when_recognized),
		cmocka_unit_test(test_broken_when_recognized),
		cmocka_unit_test(test_the_last_word),
		cmocka_unit_test(test_given_up_in_the_middle_of_a_poll),
	};

	return cmocka_run_group_tests(relapse, NULL, NULL);
}
