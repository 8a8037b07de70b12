/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the application can do around the loss of a target: prepare and abort requests, register
 * memory, reset the device, leave a queue alone, share a queue between threads, and sleep.
 */
#include "loss.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#define DEPTH 16u

static void submit_while_reconnecting(void **state)
{
	check_submit_while_lost(*state, "?recovery=exact");
}

/* A reset ends in-flight tracking; then there is a new area. */
static void application_reset(void **state)
{
	struct fixture *f = *state;
	int results[DEPTH];
	unsigned i;
	char *data;

	start_file(f, "?recovery=exact");
	data = alloc_dma(f, DEPTH * 512);
	prepare_writes(f, f->queue, data, DEPTH - 1);
	fill(data, DEPTH * 512, 7);
	write_raw(f, f->queue, data + 512 * (DEPTH - 1), DEPTH - 1, DEPTH - 1);
	assert_int_equal(vscsi_submit(f->queue), 0);
	assert_int_equal(vscsi_dev_reset(f->dev), 0);
	collect_results(f->queue, DEPTH, results);
	for (i = 0; i < DEPTH - 1; i++)
		assert_int_equal(results[i], 0);
	assert_true(!results[i] || results[i] == -ECONNRESET);
	assert_written(f, data, DEPTH - 1);
	assert_works(f);
	target_freeze(&f->target);
	memset(data, 0, DEPTH * 512);
	assert_int_equal(vscsi_read(f->queue, f->lun, data, 0, DEPTH - 1, 0, 0), 0);
	write_raw(f, f->queue, data + 512 * (DEPTH - 1), DEPTH - 1, 1);
	assert_int_equal(vscsi_submit(f->queue), 0);
	target_kill(&f->target);
	START(f, FILE_LUN);
	collect_results(f->queue, 2, results);
	assert_int_equal(results[0], 0);
	assert_int_equal(results[1], -ECONNRESET);
	assert_written(f, data, DEPTH - 1);
	assert_works(f);
}

/* Whether it is aborted or completes first, it completes once; others are not affected. */
static void abort_while_reconnecting(void **state)
{
	struct fixture *f = *state;
	int results[DEPTH];
	unsigned i;
	char *data;

	start_file(f, "?recovery=exact");
	data = alloc_dma(f, DEPTH * 512);
	die_with_writes(f, f->queue, data, DEPTH);
	await_loss(f);
	assert_int_equal(vscsi_abort(f->queue, 3), 0);
	assert_int_equal(vscsi_abort(f->queue, 99), -ENOENT);
	START(f, FILE_LUN);
	collect_results(f->queue, DEPTH, results);
	for (i = 0; i < DEPTH; i++)
		assert_true(!results[i] || (i == 3 && results[i] == -ECANCELED));
	assert_works(f);
}

/* Application memory: registered before the loss, and after it where that fails in between. */
static void application_memory(void **state)
{
	const size_t part = 2 * MIB;
	struct fixture *f = *state;
	unsigned i;
	char *own;
	int fd;

	fd = memfd_create("own", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(fd, (off_t)(3 * part)), 0);
	own = mmap(NULL, 3 * part, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(own, MAP_FAILED);
	start_file(f, "?recovery=exact");
	assert_int_equal(vscsi_mem_register(vscsi_dev_mem(f->dev), own, part, fd, 0), 0);
	die_with_writes(f, f->queue, own, DEPTH);
	await_loss(f);
	assert_int_equal(vscsi_mem_register(vscsi_dev_mem(f->dev), own + part, part, fd, part),
			 -EBUSY);
	START(f, FILE_LUN);
	collect_all(f->queue, DEPTH, 0, false);
	assert_int_equal(vscsi_mem_register(vscsi_dev_mem(f->dev), own + part, part, fd, part), 0);
	assert_written(f, own, DEPTH);
	/* The next target is told about new regions as well. */
	die_with_writes(f, f->queue, own + part, DEPTH);
	START(f, FILE_LUN);
	collect_all(f->queue, DEPTH, 0, false);
	assert_int_equal(
		vscsi_mem_register(vscsi_dev_mem(f->dev), own + 2 * part, part, fd, 2 * part), 0);
	for (i = 1; i < 3; i++) {
		assert_int_equal(vscsi_read(f->queue, f->lun, own + i * part, 0, DEPTH, 0, i), 0);
		assert_int_equal(submit_one(f->queue), 0);
		assert_memory_equal(own, own + i * part, DEPTH * 512);
	}
	close_all(f);
	munmap(own, 3 * part);
	close(fd);
}

/*
 * Two queues of one thread, one of which is not polled between two losses. @killed: the first loss
 * is a kill too; otherwise a reset of the device.
 */
static void lose_twice(struct fixture *f, const char *options, bool killed)
{
	const struct vscsi_queue_opts opts = {.size = sizeof(opts), .flags = VSCSI_QUEUE_EXCLUSIVE};
	struct vscsi_queue *late;
	struct vscsi_lun *lun;
	unsigned i;
	char *data;

	make_file("disk.img", 16 * MIB);
	START(f, FILE_LUN);
	open_default(f, options);
	assert_int_equal(vscsi_queue_open(f->dev, &opts, &late), 0);
	data = alloc_dma(f, (2 * DEPTH + 1) * 512);
	lun = f->lun;
	if (killed)
		target_freeze(&f->target);
	for (i = 0; i < DEPTH; i++)
		assert_int_equal(vscsi_read(late, lun, data + 512 * (DEPTH + i), i, 1, 0, i), 0);
	assert_int_equal(vscsi_submit(late), 0);
	prepare_writes(f, f->queue, data, DEPTH);
	if (killed) {
		target_kill(&f->target);
		START(f, FILE_LUN);
		await_reconnect(f);
	} else {
		assert_int_equal(vscsi_dev_reset(f->dev), 0);
	}
	collect_all(f->queue, DEPTH, 0, false);
	target_freeze(&f->target);
	prepare_writes(f, f->queue, data, DEPTH);
	assert_int_equal(vscsi_submit(f->queue), 0);
	target_kill(&f->target);
	START(f, FILE_LUN);
	collect_all(late, DEPTH, 0, false);
	collect_all(f->queue, DEPTH, 0, false);
	assert_written(f, data, DEPTH);
	assert_works(f);
	assert_int_equal(vscsi_queue_close(late), 0);
	stop_all(f);
}

static void queue_not_polled_between_losses(void **state)
{
	struct fixture *f = *state;

	lose_twice(f, "?queues=3&recovery=exact", true);
	lose_twice(f, "?queues=3&recovery=exact", false);
	lose_twice(f, "?queues=3", false);
}

/*
 * struct user - A thread with its own handle of a shared queue
 * @rounds: number of writes and reads; @stop: ends it; @error: error message, or NULL
 */
struct user {
	struct fixture *f;
	pthread_t thread;
	char *data;
	uint64_t lba;
	_Atomic unsigned rounds;
	atomic_bool stop;
	const char *_Atomic error;
};

/* Submits a request and sleeps until it completes. */
static int finish(struct vscsi_queue *queue)
{
	struct vscsi_completion done;
	int got;

	vscsi_submit(queue);
	while (!(got = vscsi_poll(queue, &done, 1))) {
		if (vscsi_wait(queue, TIMEOUT_MS) != 1)
			return -ETIMEDOUT;
	}
	return got < 0 ? got : done.result;
}

static void *use_shared(void *arg)
{
	const struct vscsi_queue_opts opts = {.size = sizeof(opts), .flags = VSCSI_QUEUE_SHARED};
	struct vscsi_queue *queue;
	struct user *u = arg;

	if (vscsi_queue_open(u->f->dev, &opts, &queue)) {
		u->error = "no queue";
		return NULL;
	}
	while (!u->stop && !u->error) {
		fill(u->data, 4096, u->lba << 32 | u->rounds);
		if (vscsi_write(queue, u->f->lun, u->data, u->lba, 8, 0, 1) || finish(queue))
			u->error = "a write failed";
		memset(u->data, 0, 4096);
		if (vscsi_read(queue, u->f->lun, u->data, u->lba, 8, 0, 2) || finish(queue))
			u->error = "a read failed";
		if (!u->error && !holds(u->data, 4096, u->lba << 32 | u->rounds))
			u->error = "a read returned wrong data";
		u->rounds++;
	}
	if (vscsi_queue_close(queue) && !u->error)
		u->error = "a request was lost";
	return NULL;
}

static void await_rounds(struct user *u, unsigned more)
{
	uint64_t limit = now_ms() + TIMEOUT_MS;
	unsigned goal = u->rounds + more;

	while (u->rounds < goal && !u->error)
		assert_true(now_ms() < limit);
}

static void queue_shared_by_threads(void **state)
{
	struct fixture *f = *state;
	struct user users[2];
	unsigned i;
	unsigned k;

	memset(users, 0, sizeof(users));
	start_file(f, "?recovery=exact&queues=1");
	for (i = 0; i < 2; i++) {
		users[i].f = f;
		users[i].lba = 100 * (i + 1);
		users[i].data = alloc_dma(f, 4096);
		assert_int_equal(pthread_create(&users[i].thread, NULL, use_shared, &users[i]), 0);
	}
	for (k = 0; k < 5; k++) {
		for (i = 0; i < 2; i++)
			await_rounds(&users[i], 3);
		target_kill(&f->target);
		START(f, FILE_LUN);
	}
	for (i = 0; i < 2; i++)
		await_rounds(&users[i], 3);
	for (i = 0; i < 2; i++) {
		users[i].stop = true;
		assert_int_equal(pthread_join(users[i].thread, NULL), 0);
		if (users[i].error)
			fail_msg("%s", users[i].error);
	}
	assert_works(f);
}

/*
 * struct waiter - A thread that sleeps on its own queue
 * @tid: its thread id, set before it sleeps
 * @error: error message, or NULL
 */
struct waiter {
	struct fixture *f;
	char *data;
	_Atomic pid_t tid;
	const char *error;
};

static void *sleep_through(void *arg)
{
	struct vscsi_completion done[DEPTH];
	struct waiter *s = arg;
	struct vscsi_queue *queue;
	unsigned seen = 0;
	unsigned i;
	int got;

	if (vscsi_queue_open(s->f->dev, NULL, &queue))
		s->error = "no queue";
	for (i = 0; i < DEPTH && !s->error; i++) {
		if (vscsi_write(queue, s->f->lun, s->data + (size_t)512 * i, i, 1, 0, i))
			s->error = "a request was not accepted";
	}
	if (!s->error)
		vscsi_submit(queue);
	s->tid = gettid();
	while (seen < DEPTH && !s->error) {
		if (vscsi_wait(queue, TIMEOUT_MS) != 1)
			s->error = "no completion";
		got = vscsi_poll(queue, done, DEPTH);
		for (i = 0; (int)i < got; i++) {
			if (done[i].result)
				s->error = "a request failed";
		}
		seen += got > 0 ? (unsigned)got : 0;
	}
	if (vscsi_queue_close(queue) && !s->error)
		s->error = "a request was lost";
	return NULL;
}

static void await_sleep(struct waiter *s)
{
	uint64_t limit = now_ms() + TIMEOUT_MS;
	char path[64];
	char line[256] = "";
	FILE *file;

	while (!s->tid)
		assert_true(now_ms() < limit);
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", s->tid);
	while (!strstr(line, ") S ")) {
		assert_true(now_ms() < limit);
		file = fopen(path, "re");
		assert_non_null(file);
		assert_non_null(fgets(line, sizeof(line), file));
		fclose(file);
	}
}

/* It sleeps when the target dies, and sleeps again before the next target is there. */
static void sleep_in_vscsi_wait(void **state)
{
	struct fixture *f = *state;
	struct waiter s = {.f = f};
	pthread_t thread;

	start_file(f, "?recovery=exact&queues=3");
	s.data = alloc_dma(f, DEPTH * 512);
	fill(s.data, DEPTH * 512, 7);
	target_freeze(&f->target);
	assert_int_equal(pthread_create(&thread, NULL, sleep_through, &s), 0);
	await_sleep(&s);
	target_kill(&f->target);
	await_loss(f);
	await_sleep(&s);
	START(f, FILE_LUN);
	assert_int_equal(pthread_join(thread, NULL), 0);
	if (s.error)
		fail_msg("%s", s.error);
	assert_written(f, s.data, DEPTH);
	assert_works(f);
}

/*
 * An event loop that only sleeps on the descriptor, for as long as allowed, until all requests have
 * completed or the time is over. Return: number of wakeups.
 */
static unsigned sleep_on_fd(struct vscsi_queue *queue, unsigned *left, uint64_t end)
{
	struct pollfd pfd = {.fd = vscsi_queue_fd(queue), .events = POLLIN};
	struct vscsi_completion done[DEPTH];
	unsigned rounds;

	assert_true(pfd.fd >= 0);
	for (rounds = 0; *left && now_ms() < end; rounds++) {
		int armed = vscsi_arm(queue);
		int got;
		int i;

		assert_in_range(armed, 0, 1);
		if (!armed)
			poll(&pfd, 1, vscsi_next_timeout_ms(queue));
		got = vscsi_poll(queue, done, DEPTH);
		assert_true(got >= 0);
		for (i = 0; i < got; i++)
			assert_int_equal(done[i].result, 0);
		*left -= (unsigned)got;
	}
	return rounds;
}

/* It sleeps between attempts to reconnect: a busy loop would make thousands of iterations. */
static void sleep_on_descriptor(void **state)
{
	static const char *const options[] = {"?recovery=exact", "?recovery=replay",
					      "?recovery=replay&queues=1"};
	struct fixture *f = *state;
	uint64_t began;
	unsigned sleeps;
	unsigned i;
	char *data;

	for (i = 0; i < ARRAY_LEN(options); i++) {
		unsigned left = DEPTH;

		start_file(f, options[i]);
		data = alloc_dma(f, DEPTH * 512);
		die_with_writes(f, f->queue, data, DEPTH);
		assert_in_range(sleep_on_fd(f->queue, &left, now_ms() + 500), 0, 60);
		assert_int_equal(left, DEPTH);
		START(f, FILE_LUN);
		/* Once a millisecond while an answer is waited for, however slow the target is. */
		began = now_ms();
		sleeps = sleep_on_fd(f->queue, &left, began + TIMEOUT_MS);
		assert_in_range(sleeps, 1, 60 + now_ms() - began);
		assert_int_equal(left, 0);
		assert_written(f, data, DEPTH);
		assert_works(f);
		stop_all(f);
	}
}

/* As an event loop: both descriptors, no timer. Returns how often it woke before @end or BACK. */
static unsigned loop_on_device(struct fixture *f, uint64_t end, bool *back)
{
	struct pollfd pfds[2] = {
		{.fd = vscsi_dev_fd(f->dev), .events = POLLIN},
		{.fd = vscsi_queue_fd(f->queue), .events = POLLIN},
	};
	struct vscsi_completion done;
	struct vscsi_event event;
	unsigned wakes;

	for (wakes = 0; !*back && now_ms() < end; wakes++) {
		while (vscsi_dev_poll_events(f->dev, &event, 1) > 0)
			*back = *back || event.type == VSCSI_EVENT_BACK;
		do
			assert_int_equal(vscsi_poll(f->queue, &done, 1), 0);
		while (vscsi_arm(f->queue) > 0);
		poll(pfds, 2, (int)(end - now_ms()) + 1);
	}
	return wakes;
}

/* The same for one that sleeps on vscsi_dev_fd() too. */
static void sleep_on_device(void **state)
{
	struct fixture *f = *state;
	bool back = false;
	int deaf;

	start_file(f, "?recovery=replay");
	assert_true(vscsi_dev_fd(f->dev) > 2);
	target_kill(&f->target);
	assert_in_range(loop_on_device(f, now_ms() + 500, &back), 1, 100);
	/* A back-end that accepts and doesn't answer. */
	deaf = target_listen(f->target.socket);
	assert_in_range(loop_on_device(f, now_ms() + 1000, &back), 1, 300);
	assert_false(back);
	close(deaf);
	START(f, FILE_LUN);
	loop_on_device(f, now_ms() + TIMEOUT_MS, &back);
	assert_true(back);
	assert_works(f);
}

int main(void)
{
	static const struct CMUnitTest away[] = {
		TEST(submit_while_reconnecting),
		TEST(application_reset),
		TEST(abort_while_reconnecting),
		TEST(application_memory),
		TEST(queue_not_polled_between_losses),
		TEST(queue_shared_by_threads),
		TEST(sleep_in_vscsi_wait),
		TEST(sleep_on_descriptor),
		TEST(sleep_on_device),
	};

	return RUN_TESTS(away);
}
