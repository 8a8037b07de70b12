/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the end of a device, or a change of its memory, does to other threads. The moment between
 * two steps of the library is staged by a function that runs there: the linker wraps lock_wait()
 * and eventfd_write().
 */
#include "liar.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "queue/queue.h"

#define BYTES (UINT64_C(1) << 20)

void __real_lock_wait(struct lock *lock);
void __wrap_lock_wait(struct lock *lock);

int __real_eventfd_write(int fd, eventfd_t value);
int __wrap_eventfd_write(int fd, eventfd_t value);

/*
 * Each runs once, in this thread: while it waits for a queue's lock, which it has itself until
 * then, and after the next signal to @sleeps.
 */
static _Thread_local void (*before_lock)(struct liar *liar);
static _Thread_local void (*after_wake)(struct liar *liar);
static _Thread_local struct liar *staged;
static _Thread_local int sleeps;

void __wrap_lock_wait(struct lock *lock)
{
	void (*now)(struct liar * liar) = before_lock;

	if (!now) {
		__real_lock_wait(lock);
		return;
	}
	before_lock = NULL;
	lock_release(lock);
	now(staged);
	lock_acquire(lock);
}

int __wrap_eventfd_write(int fd, eventfd_t value)
{
	void (*now)(struct liar * liar) = fd == sleeps ? after_wake : NULL;
	int ret = __real_eventfd_write(fd, value);

	if (now) {
		after_wake = NULL;
		now(staged);
	}
	return ret;
}

/* The device is lost, and everything of the liar's own handle is returned. */
static void lose(struct liar *liar)
{
	struct vscsi_completion done;
	struct vscsi_event event;
	unsigned came = 0;

	rig_err(liar->rig, 2);
	assert_int_equal(vscsi_dev_poll_events(liar->dev, &event, 1), 1);
	while (vscsi_poll(liar->queue, &done, 1) == 1)
		came++;
	assert_int_equal(came, 4);
}

/*
 * Two handles share a request queue. One found the device working and waits for the lock; when it
 * gets it, the other has taken back all it had from the lost device. The ring still says that those
 * requests are complete, and must not be believed.
 */
static void lost_while_another_polls(void **state)
{
	static const struct vscsi_queue_opts shared = {.size = sizeof(shared),
						       .flags = VSCSI_QUEUE_SHARED};
	struct liar *liar = *state;
	struct vscsi_completion done;
	struct vscsi_queue *other;
	unsigned i;

	CONFORMS("R-CLN-04");
	liar->options = "?queues=1";
	liar_up(liar);
	assert_int_equal(vscsi_queue_open(liar->dev, &shared, &other), 0);
	liar->lie = liar_keep;
	for (i = 0; i < 4; i++)
		assert_int_equal(vscsi_read(liar->queue, liar->lun, liar->buf, i, 1, 0, i), 0);
	assert_int_equal(vscsi_submit(liar->queue), 0);
	liar_wait_kept(liar, 4);
	for (i = 0; i < 4; i++)
		liar_serve(liar, 2, &liar->kept[i]);
	staged = liar;
	before_lock = lose;
	lock_acquire(&other->ioq->lock);
	assert_true(vscsi_poll(other, &done, 1) <= 0);
	assert_int_equal(vscsi_poll(liar->queue, &done, 1), -ENOTCONN);
	assert_int_equal(vscsi_poll(other, &done, 1), -ENOTCONN);
	assert_int_equal(vscsi_queue_close(other), 0);
	told("lost between a look and a lock", "4 of 4 returned once");
}

/* The worst moment to be woken in: the connection has ended, but the device isn't lost yet. */
static void go_back_to_sleep(struct liar *liar)
{
	struct vscsi_completion done;

	assert_int_equal(vscsi_poll(liar->queue, &done, 1), 0);
	assert_int_equal(vscsi_arm(liar->queue), 0);
}

static bool readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static void lost_while_falling_asleep(void **state)
{
	struct liar *liar = *state;
	struct vscsi_event event;

	liar_up(liar);
	liar_hold(liar, 8);
	assert_int_equal(vscsi_arm(liar->queue), 0);
	rig_hang_up(liar->rig);
	rig_wait_gone(liar->rig);
	staged = liar;
	sleeps = vscsi_queue_fd(liar->queue);
	after_wake = go_back_to_sleep;
	assert_int_equal(vscsi_dev_poll_events(liar->dev, &event, 1), 1);
	assert_null(after_wake);
	assert_true(readable(vscsi_queue_fd(liar->queue)));
	assert_int_equal(vscsi_arm(liar->queue), -ENOTCONN);
	liar_expect_lost(liar, 8, "closed the connection");
	told("lost while a thread falls asleep again", "woken; 8 of 8 returned once");
}

/* A file that stands for memory of the application's own. */
static void *map_file(int *fd)
{
	void *memory;

	*fd = memfd_create("memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(*fd, BYTES), 0);
	memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	return memory;
}

static void unmap_file(void *memory, int fd)
{
	munmap(memory, BYTES);
	close(fd);
}

/* A back-end without slots has its rings stopped and started for new memory. */
static void memory_under_a_waiter(void **state)
{
	struct liar *liar = *state;
	struct epoll_event event = {.events = EPOLLIN};
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	void *memory;
	int fd;

	liar->opts.protocol &= ~RIG_P_MEM_SLOTS;
	liar_up(liar);
	event.data.fd = vscsi_queue_fd(liar->queue);
	assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event), 0);
	assert_int_equal(vscsi_arm(liar->queue), 0);
	memory = map_file(&fd);
	assert_int_equal(vscsi_mem_register(vscsi_dev_mem(liar->dev), memory, BYTES, fd, 0), 0);
	assert_int_equal(rig_seen(liar->rig, RIG_GET_VRING_BASE) > 0, 1);
	assert_int_equal(vscsi_queue_fd(liar->queue), event.data.fd);
	rig_call(liar->rig, LIAR_QUEUE);
	assert_int_equal(epoll_wait(epoll, &event, 1, 10000), 1);
	assert_int_equal(vscsi_mem_unregister(vscsi_dev_mem(liar->dev), memory), 0);
	unmap_file(memory, fd);
	close(epoll);
	told("rings restarted under a thread that sleeps", "still woken by the same descriptor");
}

/* A thread that registers memory and takes it away while devices come and go on the same pool. */
struct registrar {
	struct vscsi_mem *mem;
	void *memory;
	int fd;
	atomic_bool stop;
	atomic_uint rounds;
};

static void *change_memory(void *ctx)
{
	struct registrar *r = ctx;

	while (!r->stop) {
		/* Refused by a device that is being closed, or whose rings hold requests. */
		if (vscsi_mem_register(r->mem, r->memory, BYTES, r->fd, 0) == 0)
			while (vscsi_mem_unregister(r->mem, r->memory))
				;
		r->rounds++;
	}
	return NULL;
}

/* Each read completes or is refused, and never reaches memory that is gone: the rig would tell. */
static void memory_leaves_while_requests_are_prepared(void **state)
{
	struct registrar r = {.stop = false};
	struct liar *liar = *state;
	/* Valgrind runs one thread at a time: the memory is nearly always in use when it looks. */
	const unsigned rounds = getenv("VSCSI_TEST_BRIEF") ? 10 : 500;
	struct vscsi_completion done;
	unsigned came = 0;
	pthread_t thread;
	int err;

	liar_up(liar);
	r.mem = vscsi_dev_mem(liar->dev);
	r.memory = map_file(&r.fd);
	assert_int_equal(pthread_create(&thread, NULL, change_memory, &r), 0);
	while (came < rounds || r.rounds < rounds) {
		err = vscsi_read(liar->queue, liar->lun, r.memory, 0, 1, 0, 0);
		if (err) {
			assert_int_equal(err, -EFAULT);
			sched_yield();
			continue;
		}
		assert_int_equal(vscsi_submit(liar->queue), 0);
		while (!(err = vscsi_poll(liar->queue, &done, 1)))
			;
		assert_int_equal(err, 1);
		assert_int_equal(done.result, 0);
		came++;
		/* A moment in which nothing is in flight. */
		sched_yield();
	}
	r.stop = true;
	pthread_join(thread, NULL);
	unmap_file(r.memory, r.fd);
	assert_true(liar_runs(liar));
	told("memory leaves while requests are prepared", "each read whole or refused");
}

static int open_once(const struct rig_opts *ropts, struct vscsi_mem *mem)
{
	struct vscsi_dev_opts opts = {.size = sizeof(opts), .mem = mem, .queues = 2};
	struct rig *rig = rig_start(ropts);
	struct vscsi_dev *dev = NULL;
	char address[64];
	int err;

	snprintf(address, sizeof(address), "vhost-user:%s", rig_address(rig));
	err = vscsi_dev_open(address, &opts, &dev);
	if (!err) {
		rig_taken(rig);
		assert_int_equal(vscsi_dev_close(dev), 0);
	}
	rig_stop(rig);
	return err;
}

static void memory_while_devices_come_and_go(void **state)
{
	struct vscsi_mem_opts opts = {
		.size = sizeof(opts), .flags = VSCSI_MEM_ORDINARY, .bytes = 4 * BYTES};
	struct registrar r = {.stop = false};
	struct liar *liar = *state;
	pthread_t thread;
	unsigned i;

	CONFORMS("R-VU-113");
	assert_int_equal(vscsi_mem_create(&opts, &r.mem), 0);
	r.memory = map_file(&r.fd);
	assert_int_equal(pthread_create(&thread, NULL, change_memory, &r), 0);
	for (i = 0; i < 100; i++) {
		/* Half of them without slots; a third is refused half-way. */
		liar->opts.protocol ^= RIG_P_MEM_SLOTS;
		liar->opts.config.num_queues = i % 3 ? 4 : 0;
		assert_int_equal(open_once(&liar->opts, r.mem), i % 3 ? 0 : -EPROTO);
	}
	while (r.rounds < 10)
		sched_yield();
	r.stop = true;
	pthread_join(thread, NULL);
	unmap_file(r.memory, r.fd);
	assert_int_equal(vscsi_mem_destroy(r.mem), 0);
	told("memory changes while devices come and go",
	     "100 devices opened or refused as they are");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		LIAR_TEST(lost_while_another_polls),
		LIAR_TEST(lost_while_falling_asleep),
		LIAR_TEST(memory_under_a_waiter),
		LIAR_TEST(memory_leaves_while_requests_are_prepared),
		LIAR_TEST(memory_while_devices_come_and_go),
	};

	return cmocka_run_group_tests_name("hostile threads", tests, NULL, NULL);
}
