/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sleeping until completions arrive, with vscsi_wait() and with epoll on the queue's descriptor;
 * and no notifications while nothing sleeps.
 */
#include "disk.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

/* Both kinds of device. */
static const char *const modes[] = {"--mode=eventfd", "--mode=poll"};
static const char *const variants[] = {"", "?event_idx=off"};

/* Runs the test for all four combinations. */
static void in_all_modes(struct fixture *f, void (*test)(struct fixture *f))
{
	unsigned mode;
	unsigned variant;

	for (mode = 0; mode < ARRAY_LEN(modes); mode++) {
		START(f, "--lun=0:0,ram=16M", modes[mode]);
		for (variant = 0; variant < ARRAY_LEN(variants); variant++) {
			open_disk(f, variants[variant]);
			test(f);
			close_all(f);
		}
		assert_true(target_stop(&f->target));
	}
}

static int watch(struct vscsi_queue *queue, int epoll)
{
	struct epoll_event event = {.events = EPOLLIN};
	int fd = vscsi_queue_fd(queue);

	assert_true(fd >= 0);
	event.data.ptr = queue;
	assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
	return fd;
}

static void submit_read(struct fixture *f, char *data, uint64_t lba)
{
	assert_int_equal(vscsi_read(f->queue, f->lun, data, lba, 1, 0, lba), 0);
	assert_int_equal(vscsi_submit(f->queue), 0);
}

/*
 * Whether the completion is there. It may not be: a device that was told about a request before it
 * could notify may send a late notification, which wakes the next waiter.
 */
static bool is_completed(struct vscsi_queue *queue, uint64_t user_data)
{
	struct vscsi_completion done;
	int got = vscsi_poll(queue, &done, 1);

	assert_in_range(got, 0, 1);
	if (!got)
		return false;
	assert_int_equal(done.result, 0);
	assert_int_equal(done.user_data, user_data);
	return true;
}

/* A lost wakeup makes a wait end by its timeout. */
static void wait_rounds(struct fixture *f)
{
	char *data = alloc_dma(f, 512);
	unsigned i;

	for (i = 0; i < 500; i++) {
		submit_read(f, data, i);
		do {
			assert_int_equal(vscsi_wait(f->queue, TIMEOUT_MS), 1);
		} while (!is_completed(f->queue, i));
	}
}

static void waits_are_woken(void **state)
{
	in_all_modes(*state, wait_rounds);
}

static void epoll_rounds(struct fixture *f)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event;
	char *data = alloc_dma(f, 512);
	unsigned i;

	watch(f->queue, epoll);
	for (i = 0; i < 500; i++) {
		int armed;

		submit_read(f, data, i);
		do {
			armed = vscsi_arm(f->queue);
			assert_in_range(armed, 0, 1);
			if (armed)
				continue;
			assert_int_equal(epoll_wait(epoll, &event, 1, TIMEOUT_MS), 1);
			assert_ptr_equal(event.data.ptr, f->queue);
		} while (!is_completed(f->queue, i));
	}
	close(epoll);
}

static void descriptors_are_woken(void **state)
{
	CONFORMS("R-VU-59");
	in_all_modes(*state, epoll_rounds);
}

/* One sleep, many completions. */
static void batch_rounds(struct fixture *f)
{
	struct vscsi_completion done[64];
	char *data = alloc_dma(f, 64 * 512);
	unsigned have;
	unsigned i;
	int got;

	for (have = 0, i = 0; i < 64; i++)
		assert_int_equal(vscsi_read(f->queue, f->lun, data + 512 * i, i, 1, 0, i), 0);
	assert_int_equal(vscsi_submit(f->queue), 0);
	while (have < 64) {
		assert_int_equal(vscsi_wait(f->queue, TIMEOUT_MS), 1);
		got = vscsi_poll(f->queue, done, 64);
		assert_true(got > 0);
		have += (unsigned)got;
	}
	assert_int_equal(have, 64);
}

static void wait_for_batch(void **state)
{
	CONFORMS("R-NOTIF-02");
	in_all_modes(*state, batch_rounds);
}

/* The request completes before the queue is armed: arming must report that. */
static void completed_rounds(struct fixture *f)
{
	uint64_t before = target_counter(&f->target, "requests");
	uint64_t limit = now_ms() + TIMEOUT_MS;
	char *data = alloc_dma(f, 512);

	submit_read(f, data, 3);
	while (target_counter(&f->target, "requests") == before)
		assert_true(now_ms() < limit);
	assert_int_equal(vscsi_arm(f->queue), 1);
	assert_true(is_completed(f->queue, 3));
}

static void arm_after_completion(void **state)
{
	in_all_modes(*state, completed_rounds);
}

static void poll_reads(struct fixture *f, char *data)
{
	unsigned i;

	for (i = 0; i < 200; i++) {
		assert_int_equal(vscsi_read(f->queue, f->lun, data, i, 1, 0, i), 0);
		assert_int_equal(submit_one(f->queue), 0);
	}
}

/*
 * Without a waiter the device sends no notification, except possibly for the first completion of a
 * ring, because it has no previous index to compare with (virtio 1.4, 2.7.10).
 */
static void polled_rounds(struct fixture *f)
{
	uint64_t before = target_counter(&f->target, "calls");
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event;
	char *data = alloc_dma(f, 512);

	poll_reads(f, data);
	assert_in_range(target_counter(&f->target, "calls") - before, 0, 1);
	/* Clears the descriptor and disarms the queue. */
	assert_int_equal(vscsi_wait(f->queue, 0), 0);
	before = target_counter(&f->target, "calls");
	watch(f->queue, epoll);
	poll_reads(f, data);
	assert_int_equal(epoll_wait(epoll, &event, 1, 0), 0);
	assert_int_equal(target_counter(&f->target, "calls"), before);
	close(epoll);
}

static void silent_until_armed(void **state)
{
	in_all_modes(*state, polled_rounds);
}

static uint64_t kicks_sent(struct fixture *f)
{
	struct vscsi_queue_info info = {.size = sizeof(info)};

	assert_int_equal(vscsi_queue_get_info(f->queue, &info), 0);
	return info.notifications;
}

/*
 * Reads without a kick, by what the driver sent. The device agrees once its threads have also read
 * the kicks of other rings, and those that came before a ring was started.
 */
static void rounds_without_kicks(struct fixture *f, char *data)
{
	uint64_t limit = now_ms() + TIMEOUT_MS;
	uint64_t sent = kicks_sent(f);
	uint64_t before;

	do {
		assert_true(now_ms() < limit);
		before = target_counter(&f->target, "kicks");
		poll_reads(f, data);
		assert_int_equal(kicks_sent(f), sent);
	} while (target_counter(&f->target, "kicks") != before);
}

/* A polling device disables kicks: none is sent, so I/O makes no system calls. */
static void no_kicks_for_a_polling_device(void **state)
{
	struct fixture *f = *state;
	unsigned variant;
	char *data;

	START(f, "--lun=0:0,ram=16M", "--mode=poll");
	for (variant = 0; variant < ARRAY_LEN(variants); variant++) {
		open_disk(f, variants[variant]);
		data = alloc_dma(f, 512);
		assert_works(f);
		rounds_without_kicks(f, data);
		close_all(f);
	}
}

static void wait_times_out(void **state)
{
	struct fixture *f = *state;
	uint64_t begin;
	char *data;

	START(f, "--lun=0:0,ram=16M");
	open_disk(f, "");
	data = alloc_dma(f, 512);
	assert_works(f);
	target_freeze(&f->target);
	submit_read(f, data, 1);
	assert_int_equal(vscsi_wait(f->queue, 0), 0);
	begin = now_ms();
	/* Longer than one sleep inside the library. */
	assert_int_equal(vscsi_wait(f->queue, 700), 0);
	assert_in_range(now_ms() - begin, 690, 700 + TIMEOUT_MS);
	target_thaw(&f->target);
	assert_int_equal(vscsi_wait(f->queue, -1), 1);
	assert_true(is_completed(f->queue, 1));
}

static void do_nothing(int number)
{
	(void)number;
}

/* Repeated signals, so that one certainly interrupts the sleep. */
static void wait_interrupted_by_signal(void **state)
{
	const struct itimerval often = {{0, 20000}, {0, 20000}};
	const struct itimerval never = {{0, 0}, {0, 0}};
	struct sigaction action = {.sa_handler = do_nothing};
	struct sigaction former;
	struct fixture *f = *state;
	char *data;
	int ret;

	START(f, "--lun=0:0,ram=16M");
	open_disk(f, "");
	data = alloc_dma(f, 512);
	target_freeze(&f->target);
	submit_read(f, data, 1);
	assert_int_equal(sigaction(SIGALRM, &action, &former), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	ret = vscsi_wait(f->queue, TIMEOUT_MS);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	assert_int_equal(sigaction(SIGALRM, &former, NULL), 0);
	assert_int_equal(ret, -EINTR);
	target_thaw(&f->target);
	assert_int_equal(vscsi_wait(f->queue, TIMEOUT_MS), 1);
	assert_true(is_completed(f->queue, 1));
}

#define SHARERS 3

/* A thread that sleeps for each of its reads, on a handle of a shared queue. */
struct sharer {
	struct fixture *f;
	char *data;
	uint64_t number;
	bool good;
};

static void *sleep_and_share(void *arg)
{
	struct vscsi_completion done;
	struct sharer *s = arg;
	struct vscsi_queue *queue;
	unsigned i;

	if (vscsi_queue_open(s->f->dev, NULL, &queue))
		return NULL;
	s->good = true;
	for (i = 0; i < 300 && s->good; i++) {
		uint64_t mine = s->number << 32 | i;
		int got = 0;

		s->good = !vscsi_read(queue, s->f->lun, s->data, i, 1, 0, mine) &&
			  !vscsi_submit(queue);
		while (s->good && !got) {
			s->good = vscsi_wait(queue, TIMEOUT_MS) == 1;
			got = vscsi_poll(queue, &done, 1);
		}
		s->good = s->good && got == 1 && !done.result && done.user_data == mine;
	}
	if (vscsi_queue_close(queue))
		s->good = false;
	return NULL;
}

static void run_sharers(struct fixture *f)
{
	struct sharer sharers[SHARERS];
	pthread_t threads[SHARERS];
	unsigned i;

	for (i = 0; i < SHARERS; i++) {
		sharers[i] = (struct sharer){.f = f, .data = alloc_dma(f, 512), .number = i};
		assert_int_equal(pthread_create(&threads[i], NULL, sleep_and_share, &sharers[i]),
				 0);
	}
	for (i = 0; i < SHARERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (i = 0; i < SHARERS; i++)
		assert_true(sharers[i].good);
}

/* One request queue with one descriptor of the device, and all waiters are woken. */
static void waiters_share_queue(void **state)
{
	struct fixture *f = *state;
	unsigned mode;
	unsigned variant;

	CONFORMS("R-MB-22");
	for (mode = 0; mode < ARRAY_LEN(modes); mode++) {
		START(f, "--lun=0:0,ram=16M", modes[mode]);
		for (variant = 0; variant < ARRAY_LEN(variants); variant++) {
			open_dev(f, variant ? "?queues=1&event_idx=off" : "?queues=1");
			assert_int_equal(vscsi_lun_open(f->dev, 0, 0, NULL, &f->lun), 0);
			run_sharers(f);
			close_all(f);
		}
		assert_true(target_stop(&f->target));
	}
}

static void shared_epoll_rounds(struct fixture *f)
{
	struct vscsi_queue_opts opts = {.size = sizeof(opts), .flags = VSCSI_QUEUE_SHARED};

	assert_int_equal(vscsi_queue_close(f->queue), 0);
	assert_int_equal(vscsi_queue_open(f->dev, &opts, &f->queue), 0);
	epoll_rounds(f);
}

static void shared_queue_descriptors(void **state)
{
	in_all_modes(*state, shared_epoll_rounds);
}

/* Two queues in one epoll: it returns the one with completions. */
static void two_queues_in_one_epoll(void **state)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event;
	struct vscsi_queue *second;
	struct fixture *f = *state;
	struct vscsi_queue *first;
	unsigned i;
	char *data;

	START(f, "--lun=0:0,ram=16M");
	open_disk(f, "?queues=3");
	data = alloc_dma(f, 512);
	first = f->queue;
	assert_int_equal(vscsi_queue_open(f->dev, NULL, &second), 0);
	assert_int_not_equal(watch(first, epoll), watch(second, epoll));
	for (i = 0; i < 50; i++) {
		f->queue = i % 3 ? first : second;
		assert_int_equal(vscsi_arm(first), 0);
		assert_int_equal(vscsi_arm(second), 0);
		submit_read(f, data, i);
		do {
			assert_int_equal(epoll_wait(epoll, &event, 1, TIMEOUT_MS), 1);
			assert_in_range(vscsi_arm(event.data.ptr), 0, 1);
		} while (event.data.ptr != f->queue || !is_completed(f->queue, i));
	}
	f->queue = first;
	assert_int_equal(vscsi_queue_close(second), 0);
	close(epoll);
}

int main(void)
{
	static const struct CMUnitTest sleeping[] = {
		TEST(waits_are_woken),         TEST(descriptors_are_woken),
		TEST(wait_for_batch),          TEST(arm_after_completion),
		TEST(silent_until_armed),      TEST(no_kicks_for_a_polling_device),
		TEST(wait_times_out),          TEST(wait_interrupted_by_signal),
		TEST(waiters_share_queue),     TEST(shared_queue_descriptors),
		TEST(two_queues_in_one_epoll),
	};

	return RUN_TESTS(sleeping);
}
