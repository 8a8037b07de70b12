/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory that joins and leaves while the device runs, and buffers that lie across its borders. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/virtio_config.h>

#include "device_tests.h"
#include "harness/loss.h"
#include "mem/pool.h"

#define AREA (UINT64_C(64) << 10)

/* Memory of two files that touch in this process. */
struct areas {
	char *base;
	int fd[2];
};

static void areas_make(struct areas *a)
{
	unsigned i;

	a->base = mmap(NULL, 2 * AREA, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(a->base, MAP_FAILED);
	for (i = 0; i < 2; i++) {
		a->fd[i] = memfd_create("area", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		assert_int_equal(ftruncate(a->fd[i], (off_t)AREA), 0);
		assert_ptr_equal(mmap(a->base + i * AREA, AREA, PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_FIXED, a->fd[i], 0),
				 a->base + i * AREA);
	}
}

static void areas_drop(struct areas *a)
{
	close(a->fd[0]);
	close(a->fd[1]);
	munmap(a->base, 2 * AREA);
}

static int add(struct driver *d, struct areas *a, unsigned i)
{
	return vscsi_mem_register(vscsi_dev_mem(d->dev), a->base + i * AREA, AREA, a->fd[i], 0);
}

static int drop(struct driver *d, struct areas *a, unsigned i)
{
	return vscsi_mem_unregister(vscsi_dev_mem(d->dev), a->base + i * AREA);
}

/* Reads a block into @buf and back out of the model's hands. */
static void read_into(struct driver *d, char *buf)
{
	d->m->held = 0;
	assert_int_equal(vscsi_read(d->queue, d->lun, buf, 0, 1, 0, 1), 0);
	assert_int_equal(vscsi_submit(d->queue), 0);
	assert_int_equal(driver_poll(d).result, 0);
}

static void test_memory_joins_a_running_device(void **state)
{
	struct areas a;
	struct driver d;
	unsigned live;

	(void)state;
	for (live = 0; live < 2; live++) {
		areas_make(&a);
		driver_init(&d);
		d.m->fake.map_live = live;
		d.m->disk[0] = 0x42;
		driver_open(&d, "");
		assert_int_equal(vscsi_read(d.queue, d.lun, a.base, 0, 1, 0, 1), -EFAULT);
		read_into(&d, d.buf);
		fake_forget(&d.m->fake);
		assert_int_equal(add(&d, &a, 0), 0);
		assert_int_equal(fake_count(&d.m->fake, FAKE_QUEUE_STOP), live ? 0 : 4);
		read_into(&d, a.base);
		assert_int_equal(a.base[0], 0x42);
		assert_int_equal(vscsi_sync_flush(d.lun), 0);
		assert_int_equal(vscsi_lun_reset(d.lun), 0);
		assert_int_equal(drop(&d, &a, 0), 0);
		assert_int_equal(fake_count(&d.m->fake, FAKE_QUEUE_START), live ? 0 : 8);
		assert_int_equal(vscsi_read(d.queue, d.lun, a.base, 0, 1, 0, 1), -EFAULT);
		read_into(&d, d.buf);
		driver_close(&d);
		areas_drop(&a);
	}
}

/* All rings are stopped, the memory changes, and each ring resumes at its position. */
static void test_rings_are_stopped_for_the_change(void **state)
{
	static const enum fake_call order[] = {
		FAKE_QUEUE_STOP,  FAKE_QUEUE_STOP,  FAKE_QUEUE_STOP,
		FAKE_QUEUE_STOP,  FAKE_MEM_MAP,     FAKE_QUEUE_START,
		FAKE_QUEUE_START, FAKE_QUEUE_START, FAKE_QUEUE_START,
	};
	struct areas a;
	struct driver d;
	unsigned i;

	(void)state;
	areas_make(&a);
	driver_init(&d);
	d.m->fake.map_live = false;
	driver_open(&d, "");
	for (i = 0; i < 300; i++)
		read_into(&d, d.buf);
	fake_forget(&d.m->fake);
	assert_int_equal(add(&d, &a, 0), 0);
	assert_int_equal(d.m->fake.logged, ARRAY_LEN(order));
	for (i = 0; i < ARRAY_LEN(order); i++)
		assert_int_equal(d.m->fake.log[i].call, order[i]);
	/* The bases: @len of the start of each queue. */
	for (i = 0; i < 4; i++)
		assert_int_equal(d.m->fake.log[5 + i].len, d.m->rings[i].seen);
	assert_int_equal(d.m->rings[DRIVER_QUEUE].seen, 300);
	read_into(&d, a.base);
	assert_int_equal(drop(&d, &a, 0), 0);
	driver_close(&d);
	areas_drop(&a);
}

static void test_memory_in_use_cannot_leave(void **state)
{
	struct chain chain;
	struct areas a;
	struct driver d;
	unsigned live;

	(void)state;
	CONFORMS("R-HARD-15");
	for (live = 0; live < 2; live++) {
		areas_make(&a);
		driver_init(&d);
		d.m->fake.map_live = live;
		driver_open(&d, "");
		assert_int_equal(add(&d, &a, 0), 0);
		assert_int_equal(add(&d, &a, 1), 0);
		driver_hold(&d);
		assert_int_equal(vscsi_read(d.queue, d.lun, a.base, 0, 1, 0, 1), 0);
		/* Prepared is in use; what it doesn't use may go where the device allows that. */
		assert_int_equal(drop(&d, &a, 0), -EBUSY);
		assert_int_equal(drop(&d, &a, 1), live ? 0 : -EBUSY);
		assert_int_equal(vscsi_submit(d.queue), 0);
		assert_int_equal(drop(&d, &a, 0), -EBUSY);
		chain = driver_take(&d);
		model_serve_chain(d.m, &chain);
		assert_int_equal(drop(&d, &a, 0), -EBUSY);
		assert_int_equal(driver_poll(&d).result, 0);
		assert_int_equal(drop(&d, &a, 0), 0);
		assert_int_equal(drop(&d, &a, 1), live ? -ENOENT : 0);
		driver_close(&d);
		areas_drop(&a);
	}
}

static void test_busy_device_takes_no_memory(void **state)
{
	struct chain chain;
	struct areas a;
	struct driver d;

	(void)state;
	areas_make(&a);
	driver_init(&d);
	d.m->fake.map_live = false;
	driver_open(&d, "");
	driver_hold(&d);
	driver_read(&d, 1);
	fake_forget(&d.m->fake);
	assert_int_equal(add(&d, &a, 0), -EBUSY);
	assert_int_equal(d.m->fake.logged, 0);
	assert_int_equal(vscsi_read(d.queue, d.lun, a.base, 0, 1, 0, 1), -EFAULT);
	chain = driver_take(&d);
	model_serve_chain(d.m, &chain);
	assert_int_equal(driver_poll(&d).result, 0);
	assert_int_equal(add(&d, &a, 0), 0);
	assert_int_equal(drop(&d, &a, 0), 0);
	driver_close(&d);
	areas_drop(&a);
}

/* Whatever step of a change fails, the device works as before, or is lost. */
static void test_changes_that_fail(void **state)
{
	static const struct {
		enum fake_call call;
		unsigned skip;
		bool lost;
	} table[] = {{FAKE_MEM_MAP, 0, false},
		     {FAKE_QUEUE_STOP, 0, false},
		     {FAKE_QUEUE_STOP, 2, false},
		     {FAKE_QUEUE_START, 0, true},
		     {FAKE_QUEUE_START, 3, true}};
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(table); i++) {
		struct vscsi_dev_info info = {.size = sizeof(info)};
		struct areas a;
		struct driver d;

		areas_make(&a);
		driver_init(&d);
		d.m->fake.map_live = false;
		driver_open(&d, "");
		read_into(&d, d.buf);
		d.m->fake.fail = table[i].call;
		d.m->fake.fail_skip = table[i].skip;
		d.m->fake.fail_err = -ECONNRESET;
		assert_int_equal(add(&d, &a, 0), -ECONNRESET);
		assert_int_equal(vscsi_dev_get_info(d.dev, &info), 0);
		assert_int_equal(info.state, table[i].lost ? VSCSI_DEV_FAILED : VSCSI_DEV_RUNNING);
		if (!table[i].lost) {
			read_into(&d, d.buf);
			assert_int_equal(add(&d, &a, 0), 0);
			read_into(&d, a.base);
			assert_int_equal(drop(&d, &a, 0), 0);
		}
		driver_close(&d);
		areas_drop(&a);
	}
}

/* A read on a device that is back, whose LUN may have to be revalidated first; its result. */
static int read_again(struct driver *d, char *buf)
{
	struct vscsi_completion done;
	int err = vscsi_read(d->queue, d->lun, buf, 0, 1, 0, 1);
	int count = 0;
	unsigned i;

	if (err)
		return err;
	assert_int_equal(vscsi_submit(d->queue), 0);
	for (i = 0; i < 100 && !count; i++) {
		loss_look(d);
		count = vscsi_poll(d->queue, &done, 1);
	}
	assert_int_equal(count, 1);
	return done.result;
}

/*
 * The device is lost over a change. It is reconnected, and has the memory or not, as the call said;
 * what it said is what went wrong first.
 */
static void test_device_is_lost_over_a_change(void **state)
{
	static const struct {
		enum fake_call call;
		unsigned skip;
		int added;
	} table[] = {{FAKE_MEM_MAP, 0, -ENOTCONN},    {FAKE_QUEUE_STOP, 0, -ENOTCONN},
		     {FAKE_QUEUE_STOP, 2, -ENOTCONN}, {FAKE_QUEUE_START, 0, 0},
		     {FAKE_QUEUE_START, 3, 0},        {FAKE_MEM_UNMAP, 0, 0}};
	unsigned i;

	(void)state;
	for (i = 0; i < 2 * ARRAY_LEN(table); i++) {
		const bool adds = i % 2;
		const bool has = adds && !table[i / 2].added;
		struct vscsi_dev_info info = {.size = sizeof(info)};
		struct areas a;
		struct driver d;

		if (table[i / 2].call == (adds ? FAKE_MEM_UNMAP : FAKE_MEM_MAP))
			continue;
		areas_make(&a);
		loss_open(&d, "");
		d.m->fake.map_live = false;
		read_into(&d, d.buf);
		if (!adds)
			assert_int_equal(add(&d, &a, 0), 0);
		d.m->fake.fail = table[i / 2].call;
		d.m->fake.fail_skip = table[i / 2].skip;
		d.m->fake.fail_err = -ENOTCONN;
		loss_away = true;
		assert_int_equal(adds ? add(&d, &a, 0) : drop(&d, &a, 0),
				 adds ? table[i / 2].added : 0);
		if (adds && table[i / 2].added)
			assert_non_null(strstr(vscsi_last_error(), "told to fail"));
		assert_int_equal(vscsi_dev_get_info(d.dev, &info), 0);
		assert_int_equal(info.state, VSCSI_DEV_RECONNECTING);
		d.m->fake.fail = 0;
		loss_find(&d);
		d.m->held = 0;
		assert_int_equal(read_again(&d, d.buf), 0);
		assert_int_equal(read_again(&d, a.base), has ? 0 : -EFAULT);
		assert_int_equal(add(&d, &a, 0), has ? -EEXIST : 0);
		assert_int_equal(drop(&d, &a, 0), 0);
		driver_close(&d);
		areas_drop(&a);
	}
}

static void test_memory_leaves_a_lost_device(void **state)
{
	struct areas a;
	struct driver d;

	(void)state;
	areas_make(&a);
	driver_start(&d, "");
	assert_int_equal(add(&d, &a, 0), 0);
	d.m->fake.events = TRANSPORT_BROKEN;
	vscsi_dev_poll_events(d.dev, NULL, 0);
	assert_int_equal(drop(&d, &a, 0), 0);
	assert_int_equal(add(&d, &a, 0), -ENOTCONN);
	driver_close(&d);
	areas_drop(&a);
}

/*
 * What another thread does in the worst moment: when the address of a buffer was looked up, and the
 * request isn't in its slot yet. Runs once.
 */
/* Another thread registers memory while a device of the pool is being closed. */
struct closing {
	struct model *m;
	struct vscsi_mem *mem;
	struct areas areas;
	pthread_t thread;
	int err;
};

static void *register_meanwhile(void *ctx)
{
	struct closing *c = ctx;

	c->err = vscsi_mem_register(c->mem, c->areas.base, AREA, c->areas.fd[0], 0);
	return NULL;
}

/* Goes on when that thread has begun: it asks the device next, which is locked. */
static void begin_to_register(void *ctx, enum fake_call call, unsigned queue)
{
	struct closing *c = ctx;

	model_hook(c->m, call, queue);
	if (call != FAKE_SET_STATUS)
		return;
	assert_int_equal(pthread_create(&c->thread, NULL, register_meanwhile, c), 0);
	while (!pthread_mutex_trylock(&c->mem->regions_lock)) {
		pthread_mutex_unlock(&c->mem->regions_lock);
		sched_yield();
	}
}

static void test_memory_joins_while_a_device_is_closed(void **state)
{
	const struct vscsi_mem_opts mem_opts = {
		.size = sizeof(mem_opts), .flags = VSCSI_MEM_ORDINARY, .bytes = 4u << 20};
	struct vscsi_dev_opts opts = {.size = sizeof(opts)};
	struct closing c = {.err = -1};
	struct driver d;

	(void)state;
	driver_init(&d);
	c.m = d.m;
	areas_make(&c.areas);
	assert_int_equal(vscsi_mem_create(&mem_opts, &c.mem), 0);
	opts.mem = c.mem;
	assert_int_equal(vscsi_dev_open("fake:model?queues=2", &opts, &d.dev), 0);
	d.m->fake.hook = begin_to_register;
	d.m->fake.ctx = &c;
	assert_int_equal(vscsi_dev_close(d.dev), 0);
	d.dev = NULL;
	assert_int_equal(pthread_join(c.thread, NULL), 0);
	assert_int_equal(c.err, 0);
	assert_int_equal(vscsi_mem_unregister(c.mem, c.areas.base), 0);
	assert_int_equal(vscsi_mem_destroy(c.mem), 0);
	areas_drop(&c.areas);
	driver_close(&d);
}

static void (*after_find)(struct driver *d, struct areas *a);
static struct driver *found_by;
static struct areas *found_in;

bool __real_dma_find(const struct dma_map *map, struct dma_cache *cache, uint64_t addr);
bool __wrap_dma_find(const struct dma_map *map, struct dma_cache *cache, uint64_t addr);

bool __wrap_dma_find(const struct dma_map *map, struct dma_cache *cache, uint64_t addr)
{
	bool found = __real_dma_find(map, cache, addr);
	void (*now)(struct driver *, struct areas *) = after_find;

	after_find = NULL;
	if (now)
		now(found_by, found_in);
	return found;
}

static void take_away(struct driver *d, struct areas *a)
{
	assert_int_equal(drop(d, a, 0), 0);
}

/* As above, and it is back at once, elsewhere for the device, under the same number. */
static void move(struct driver *d, struct areas *a)
{
	assert_int_equal(drop(d, a, 0), 0);
	d->m->fake.shift += UINT64_C(1) << 30;
	assert_int_equal(add(d, a, 0), 0);
}

static int prepare_read(struct driver *d, struct areas *a)
{
	return vscsi_read(d->queue, d->lun, a->base, 0, 1, 0, 1);
}

static int prepare_readv(struct driver *d, struct areas *a)
{
	struct iovec iov[2] = {{a->base, 256}, {a->base + 4096, 256}};

	return vscsi_readv(d->queue, d->lun, iov, 2, 0, 1, 0, 1);
}

static int prepare_write(struct driver *d, struct areas *a)
{
	return vscsi_write(d->queue, d->lun, a->base, 0, 1, 0, 1);
}

static int prepare_command(struct driver *d, struct areas *a)
{
	const struct iovec in = {a->base, 512};
	const struct vscsi_command command = {.size = sizeof(command),
					      .cdb_len = 10,
					      .cdb = {0x28, [8] = 1},
					      .in = &in,
					      .in_count = 1};

	return vscsi_prepare_command(d->queue, d->lun, &command, 1);
}

/* The slot's last request was of the same kind, so that the fast path would take the next one. */
static void warm_up(struct driver *d, int (*prepare)(struct driver *d, struct areas *a),
		    struct areas *pool)
{
	unsigned i;

	for (i = 0; i < 2; i++) {
		assert_int_equal(prepare(d, pool), 0);
		assert_int_equal(vscsi_submit(d->queue), 0);
		assert_int_equal(driver_poll(d).result, 0);
	}
}

static void open_with_queue(struct driver *d, const char *options)
{
	const struct vscsi_queue_opts opts = {.size = sizeof(opts), .flags = VSCSI_QUEUE_SHARED};
	bool shared = strcmp(options, "shared") == 0;

	if (strcmp(options, "packed=on") == 0)
		d->m->fake.ops.features |= BIT(VIRTIO_F_RING_PACKED);
	driver_open(d, shared ? "" : options);
	if (!shared)
		return;
	assert_int_equal(vscsi_queue_close(d->queue), 0);
	assert_int_equal(vscsi_queue_open(d->dev, &opts, &d->queue), 0);
}

static void test_memory_leaves_while_a_request_is_prepared(void **state)
{
	static int (*const prepare[])(struct driver *, struct areas *) = {
		prepare_read, prepare_write, prepare_readv, prepare_command};
	static const char *const options[] = {"", "indirect=off", "packed=on", "shared"};
	unsigned i;
	unsigned k;

	(void)state;
	for (i = 0; i < ARRAY_LEN(prepare) * ARRAY_LEN(options); i++) {
		struct areas pool;
		struct areas a;
		struct driver d;

		areas_make(&a);
		driver_init(&d);
		open_with_queue(&d, options[i % ARRAY_LEN(options)]);
		pool.base = d.buf;
		found_by = &d;
		found_in = &a;
		for (k = 0; k < 2; k++) {
			assert_int_equal(add(&d, &a, 0), 0);
			warm_up(&d, prepare[i / ARRAY_LEN(options)], &pool);
			after_find = k ? move : take_away;
			assert_int_equal(prepare[i / ARRAY_LEN(options)](&d, &a), k ? 0 : -EFAULT);
			assert_null(after_find);
		}
		/* The model finds the buffer where the device sees it now. */
		assert_int_equal(vscsi_submit(d.queue), 0);
		assert_int_equal(driver_poll(&d).result, 0);
		assert_int_equal(drop(&d, &a, 0), 0);
		driver_close(&d);
		areas_drop(&a);
	}
}

/* A buffer across two regions is two descriptors, each inside its region. */
static void test_buffer_across_a_border(void **state)
{
	static const char *const both[] = {"indirect=on", "indirect=off"};
	unsigned i;

	(void)state;
	CONFORMS("R-VU-37");
	for (i = 0; i < 2; i++) {
		char *buf;
		struct chain chain;
		struct areas a;
		struct driver d;

		areas_make(&a);
		driver_init(&d);
		memset(d.m->disk, 0x61, 1024);
		memset(d.m->disk + 700, 0x62, 324);
		driver_open(&d, both[i]);
		assert_int_equal(add(&d, &a, 0), 0);
		buf = a.base + AREA - 700;
		assert_int_equal(vscsi_read(d.queue, d.lun, buf, 0, 2, 0, 1), -EFAULT);
		assert_int_equal(add(&d, &a, 1), 0);
		driver_hold(&d);
		assert_int_equal(vscsi_read(d.queue, d.lun, buf, 0, 2, 0, 1), 0);
		assert_int_equal(vscsi_submit(d.queue), 0);
		chain = driver_take(&d);
		assert_int_equal(chain.nin, 3);
		assert_int_equal(chain.in[1].iov_len, 700);
		assert_int_equal(chain.in[2].iov_len, 324);
		model_serve_chain(d.m, &chain);
		/* Both count as used until it is back. */
		assert_int_equal(drop(&d, &a, 0), -EBUSY);
		assert_int_equal(drop(&d, &a, 1), -EBUSY);
		assert_int_equal(driver_poll(&d).result, 0);
		assert_memory_equal(buf, d.m->disk, 1024);
		assert_int_equal(drop(&d, &a, 0), 0);
		assert_int_equal(drop(&d, &a, 1), 0);
		driver_close(&d);
		areas_drop(&a);
	}
}

int memory_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_joins_a_running_device),
		cmocka_unit_test(test_rings_are_stopped_for_the_change),
		cmocka_unit_test(test_memory_in_use_cannot_leave),
		cmocka_unit_test(test_busy_device_takes_no_memory),
		cmocka_unit_test(test_changes_that_fail),
		cmocka_unit_test(test_device_is_lost_over_a_change),
		cmocka_unit_test(test_memory_leaves_a_lost_device),
		cmocka_unit_test(test_memory_joins_while_a_device_is_closed),
		cmocka_unit_test(test_memory_leaves_while_a_request_is_prepared),
		cmocka_unit_test(test_buffer_across_a_border),
	};

	return cmocka_run_group_tests_name("device/memory", tests, NULL, NULL);
}
