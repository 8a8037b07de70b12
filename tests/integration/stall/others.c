/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What one thread does about the device, the others don't wait for. One that reconnects it is
 * stopped in front of each of its calls about a socket, whatever it has locked; and one that waits
 * for an answer of the device doesn't get it. Meanwhile this thread calls everything that must not
 * wait.
 */
#include "disk.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

/* The clock of these tests runs, and no limit of the library is to pass. */
#define LIMITS "&recovery_ms=600000&timeout_ms=600000&io_timeout_ms=600000&task_timeout_ms=600000"

/* Where the other thread is. */
enum turn {
	TURN_THEIRS,
	TURN_OURS, /* it has stopped in front of a call */
};

/* The other thread, with a queue of its own. */
static struct {
	pthread_t thread;
	struct vscsi_queue *queue;
	void (*work)(void);
	atomic_uint turn;
	atomic_bool run; /* it isn't stopped any more */
	atomic_bool stop;
	atomic_bool done;
} other;

struct row {
	const char *name;
	void (*work)(void);
	bool tracked;
	uint32_t request; /* which is not answered */
	bool deaf;        /* task management is not; with neither: a command is not */
};

static void stop_here(void)
{
	if (other.run)
		return;
	other.turn = TURN_OURS;
	while (other.turn == TURN_OURS)
		sched_yield();
}

/* This thread waits for what the other one has: that is noted, and the other one may go on. */
static void go_on(void)
{
	other.run = true;
	other.turn = TURN_THEIRS;
	if (stall_hangs())
		stall_release();
	stall.liar->deaf = false;
}

static void do_poll(void)
{
	struct vscsi_completion done;

	vscsi_poll(other.queue, &done, 1);
}

static void do_wait(void)
{
	vscsi_wait(other.queue, 1);
}

static void do_events(void)
{
	struct vscsi_event event;

	vscsi_dev_poll_events(stall.liar->dev, &event, 1);
}

static void do_read(void)
{
	char block[LIAR_BLOCK];

	vscsi_pread(stall.liar->lun, block, sizeof(block), 0);
}

static void *reconnect(void *ctx)
{
	(void)ctx;
	if (vscsi_queue_open(stall.liar->dev, NULL, &other.queue))
		return NULL;
	blocking_before_socket = stop_here;
	while (!other.stop)
		other.work();
	vscsi_queue_close(other.queue);
	return NULL;
}

static void up(const struct row *row, const char *options)
{
	if (row->tracked)
		stall.liar->opts.protocol |= RIG_P_INFLIGHT;
	stall.queues = 3;
	stall_up(false, options);
	clock_thaw();
	memset(&other, 0, sizeof(other));
	other.work = row->work;
	blocking_contended = go_on;
}

static void down(void)
{
	blocking_contended = NULL;
	blocking_moments = false;
	assert_int_equal(vscsi_queue_close(stall.other.queue), 0);
	stall.other.queue = NULL;
	blocking_expect_none();
}

/* Everything but the last call of it, which only shows that this thread can go on. */
static void one_round(void)
{
	if (!stall.own.good)
		user_prepare(&stall.own);
	if (!stall.other.good)
		user_prepare(&stall.other);
	user_poll(&stall.own);
	user_poll(&stall.other);
	user_sleep(&stall.own);
	user_sleep(&stall.other);
}

static void stopped_in_each_call(void **state)
{
	const struct row *row = stall.liar->ctx;
	unsigned stops = 0;

	(void)state;
	up(row, row->tracked ? "&recovery=exact" LIMITS : "&recovery=replay" LIMITS);
	stall_fill();
	stall_lose(LOSS_CLOSED);
	assert_int_equal(pthread_create(&other.thread, NULL, reconnect, NULL), 0);
	while (!user_idle(&stall.own) || !user_idle(&stall.other) || !stall.own.good) {
		while (other.turn != TURN_OURS && !other.run)
			sched_yield();
		one_round();
		stops++;
		other.turn = TURN_THEIRS;
	}
	other.run = true;
	other.stop = true;
	other.turn = TURN_THEIRS;
	pthread_join(other.thread, NULL);
	down();
	assert_true(stops > 48);
	told(row->name, "%u stops, nothing waits", stops);
}

/* -- a call that waits for the device -- */

static void do_scan(void)
{
	vscsi_dev_scan(stall.liar->dev, NULL, 0);
}

static void do_lun_reset(void)
{
	vscsi_lun_reset(stall.liar->lun);
}

static void do_dev_reset(void)
{
	vscsi_dev_reset(stall.liar->dev);
}

static void do_open(void)
{
	struct vscsi_lun *lun = NULL;

	vscsi_lun_open(stall.liar->dev, 0, 0, NULL, &lun);
	vscsi_lun_close(lun);
}

static void do_refresh(void)
{
	vscsi_lun_refresh(stall.liar->lun);
}

static void do_register(void)
{
	const size_t bytes = 1u << 20;
	int fd = memfd_create("memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *at;

	if (ftruncate(fd, (off_t)bytes))
		return;
	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (!vscsi_mem_register(vscsi_dev_mem(stall.liar->dev), at, bytes, fd, 0))
		vscsi_mem_unregister(vscsi_dev_mem(stall.liar->dev), at);
	munmap(at, bytes);
	close(fd);
}

static void *work_once(void *ctx)
{
	(void)ctx;
	other.work();
	other.done = true;
	return NULL;
}

static void waits_for_an_answer(void **state)
{
	const struct row *row = stall.liar->ctx;
	unsigned i;

	(void)state;
	up(row, "&recovery=replay" LIMITS);
	blocking_moments = true;
	stall_fill();
	stall.liar->deaf = row->deaf;
	stall.liar->kept_count = 0;
	if (!row->request && !row->deaf)
		stall_plan(HANG_COMMAND, 0);
	if (row->request)
		rig_plan(stall.liar->rig, row->request, RIG_FAULT_DELAY, 0);
	assert_int_equal(pthread_create(&other.thread, NULL, work_once, NULL), 0);
	while (!stall_hangs() && !(stall.liar->deaf && stall.liar->kept_count))
		sched_yield();
	for (i = 0; i < 10; i++) {
		user_poll(&stall.own);
		user_poll(&stall.other);
		user_sleep(&stall.own);
		user_sleep(&stall.other);
	}
	assert_false(other.done);
	/* The end of the connection ends the wait for a task, and gives back what was kept. */
	if (row->deaf)
		rig_hang_up(stall.liar->rig);
	stall.keep = false;
	go_on();
	pthread_join(other.thread, NULL);
	if (!row->deaf)
		rig_hang_up(stall.liar->rig);
	stall.own.result = stall.other.result = -ECANCELED;
	stall_finish();
	down();
	told(row->name, "nothing else waits");
}

static const struct row reconnects[] = {
	{.name = "another thread polls", .work = do_poll},
	{.name = "another thread polls, exact", .work = do_poll, .tracked = true},
	{.name = "another thread waits", .work = do_wait},
	{.name = "another thread asks for events", .work = do_events},
	{.name = "another thread reads", .work = do_read},
};

static const struct row answers[] = {
	{.name = "another thread registers memory",
	 .work = do_register,
	 .request = RIG_ADD_MEM_REG},
	{.name = "another thread scans", .work = do_scan},
	{.name = "another thread opens a LUN", .work = do_open},
	{.name = "another thread refreshes a LUN", .work = do_refresh},
	{.name = "another thread resets a LUN", .work = do_lun_reset, .deaf = true},
	{.name = "another thread resets the device",
	 .work = do_dev_reset,
	 .request = RIG_GET_VRING_BASE},
};

/* An argument is a pattern of names: those alone are run. */
int main(int argc, char **argv)
{
	struct CMUnitTest tests[ARRAY_LEN(reconnects) + ARRAY_LEN(answers)];
	unsigned count = 0;
	unsigned i;

	for (i = 0; i < ARRAY_LEN(reconnects); i++)
		tests[count++] = (struct CMUnitTest)STALL_ROW(stopped_in_each_call, &reconnects[i]);
	for (i = 0; i < ARRAY_LEN(answers); i++)
		tests[count++] = (struct CMUnitTest)STALL_ROW(waits_for_an_answer, &answers[i]);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("stall others", tests, NULL, NULL);
}
