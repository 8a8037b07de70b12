/* SPDX-License-Identifier: BSD-3-Clause */
/* The fixture, and what a driver does. */
#include "bench.h"

#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

bool bench_may_sleep = true;

/* Of the test that runs. While it is silent, each look of the client at the clock takes a while. */
static struct server *server;
static uint64_t looked_ms;

int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);
int __real_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_clock_gettime(clockid_t id, struct timespec *ts);
int __real_nanosleep(const struct timespec *time, struct timespec *left);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left);
int __real_sched_yield(void);
int __wrap_sched_yield(void);

/* The server's thread sleeps when it likes; it is not built from wrapped calls of the library. */
static __thread bool is_client;

static void sleeps(void)
{
	if (is_client && !bench_may_sleep)
		fail_msg("a call that must not wait sleeps");
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	if (timeout)
		sleeps();
	/* The clock wakes no one: the client looks at it again and again. */
	return __real_poll(fds, count, is_client && timeout ? 1 : timeout);
}

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	int ret = __real_clock_gettime(id, ts);

	if (is_client && server && server->silent)
		looked_ms += AMPLE_MS / 2;
	ts->tv_sec += (time_t)(looked_ms / 1000);
	return ret;
}

int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	sleeps();
	return __real_nanosleep(time, left);
}

int __wrap_sched_yield(void)
{
	sleeps();
	return __real_sched_yield();
}

int bench_begin(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	int fd = memfd_create("bench", MFD_CLOEXEC);
	char path[100];

	is_client = true;
	bench_may_sleep = true;
	assert_true(b && fd >= 0 && !ftruncate(fd, MEMORY));
	strcpy(b->folder, "/tmp/vfio-user-XXXXXX");
	assert_non_null(mkdtemp(b->folder));
	snprintf(path, sizeof(path), "%s/s", b->folder);
	snprintf(b->address, sizeof(b->address), "vfio-user:%s", path);
	b->server = server = server_new(path);
	b->memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(b->memory != MAP_FAILED);
	b->region = (struct dma_region){.addr = (uintptr_t)b->memory, .len = MEMORY, .fd = fd};
	*state = b;
	return 0;
}

int bench_end(void **state)
{
	struct bench *b = *state;
	bool sound = !*b->server->broken;

	bench_may_sleep = true;
	bench_close(b);
	if (!sound)
		print_error("the client broke a rule: %s\n", b->server->broken);
	server = NULL;
	server_free(b->server);
	munmap(b->memory, MEMORY);
	close(b->region.fd);
	rmdir(b->folder);
	free(b);
	return sound ? 0 : -1;
}

int bench_try(struct bench *b, unsigned timeout_ms)
{
	const struct transport_opts opts = {.timeout_ms = timeout_ms};

	return transport_open(b->address, &opts, &b->t);
}

void bench_settle(struct bench *b)
{
	while (b->server->silent)
		sched_yield();
}

void bench_open(struct bench *b)
{
	int err = bench_try(b, AMPLE_MS);

	if (err)
		fail_msg("%d: %s", err, error_text());
}

void bench_close(struct bench *b)
{
	if (b->t)
		b->t->ops->close(b->t);
	b->t = NULL;
	b->mapped = false;
}

static int start_queue(struct bench *b, unsigned index)
{
	char *at = b->memory + index * 4096;
	const struct transport_queue queue = {.index = index,
					      .size = QUEUE_SIZE,
					      .desc = at,
					      .driver = at + 1024,
					      .device = at + 2048};

	return b->t->ops->queue_start(b->t, &queue);
}

/* What it may remember of the device's answers must not differ with the way of waiting. */
static int read_all(struct bench *b)
{
	static char config[36];
	int ret = b->t->ops->read_config(b->t, 0, config, sizeof(config));

	if (!ret)
		assert_memory_equal(config, b->server->device, sizeof(config));
	return ret;
}

static int get_features(struct bench *b)
{
	uint64_t features = 0;
	int ret = b->t->ops->get_features(b->t, &features);

	if (!ret)
		assert_int_equal(features, b->server->features);
	return ret;
}

static int get_status(struct bench *b, int expected)
{
	int ret = b->t->ops->get_status(b->t);

	if (ret >= 0)
		assert_int_equal(ret, expected);
	return ret < 0 ? ret : 0;
}

static int queue_max(struct bench *b, unsigned index)
{
	int ret = b->t->ops->queue_max(b->t, index);

	if (ret >= 0)
		assert_int_equal(ret, index < b->server->queues ? b->server->queue_max : 0);
	return ret < 0 ? ret : 0;
}

static int write_sense_size(struct bench *b)
{
	const uint32_t size = htole32(96);

	return b->t->ops->write_config(b->t, 20, &size, sizeof(size));
}

static int map(struct bench *b)
{
	uint64_t iova;
	int ret = b->mapped ? 0 : b->t->ops->mem_map(b->t, &b->region, &iova);

	b->mapped = b->mapped || !ret;
	return ret;
}

int bench_step(struct bench *b, unsigned step)
{
	const struct transport_ops *ops = b->t->ops;

	switch (step) {
	case 0:
		return ops->set_status(b->t, 0);
	case 1:
		return ops->set_status(b->t, 1);
	case 2:
		return get_status(b, 1);
	case 3:
		return ops->set_status(b->t, 3);
	case 4:
		return get_features(b);
	case 5:
		return ops->set_features(b->t, b->server->features & ops->features);
	case 6:
		return ops->set_status(b->t, 11);
	case 7:
		return get_status(b, 11);
	case 8:
		return map(b);
	case 9:
		return read_all(b);
	case 10:
		return write_sense_size(b);
	case 11:
		return queue_max(b, 2);
	case 12:
		return queue_max(b, 200);
	case 13:
	case 14:
	case 15:
	case 16:
	case 17:
	case 18:
		return start_queue(b, step - 13);
	case 19:
		return ops->set_status(b->t, 15);
	case 20:
		return get_status(b, 15);
	}
	return 1;
}

int bench_repeat(struct bench *b, int (*call)(struct bench *b, unsigned arg), unsigned arg)
{
	int ret;

	for (;;) {
		bench_may_sleep = b->t->wait;
		ret = call(b, arg);
		bench_may_sleep = true;
		if (ret != -EINPROGRESS)
			return ret;
		assert_false(b->t->wait);
		assert_int_equal(b->t->ops->wait_ready(b->t, -1), 0);
	}
}

int bench_run(struct bench *b)
{
	unsigned step;
	int ret = 0;

	for (step = 0; !ret; step++)
		ret = bench_repeat(b, bench_step, step);
	return ret < 0 ? ret : 0;
}

void bench_start(struct bench *b)
{
	server_start(b->server);
	bench_open(b);
	assert_int_equal(bench_run(b), 0);
}
