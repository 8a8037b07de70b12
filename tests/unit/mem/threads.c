/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads that share a pool. With ThreadSanitizer the blocks themselves are the check: two owners
 * of a byte would be a race. A thread must not fail an assertion, so it returns a number.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "mem.h"

#include "device.h"
#include "util/bits.h"

#define THREADS 8
#define ROUNDS  3000
#define HELD    16

struct worker {
	struct vscsi_mem *mem;
	unsigned char id;
	uint64_t seed;
	struct {
		unsigned char *at;
		size_t len;
	} held[HELD];
	unsigned wrong;
};

static void replace_block(struct worker *worker, unsigned slot)
{
	unsigned char *at = worker->held[slot].at;
	size_t len = worker->held[slot].len;

	if (at && (at[0] != worker->id || at[len - 1] != worker->id))
		worker->wrong++;
	if (vscsi_mem_free(worker->mem, at))
		worker->wrong++;
	len = 1 + next_random(&worker->seed) % 5000;
	at = vscsi_mem_alloc(worker->mem, len, (size_t)64 << next_random(&worker->seed) % 6);
	if (at)
		memset(at, worker->id, len);
	else
		worker->wrong++;
	worker->held[slot].at = at;
	worker->held[slot].len = len;
}

static void *use_heap(void *arg)
{
	struct worker *worker = arg;
	unsigned i;

	for (i = 0; i < ROUNDS; i++)
		replace_block(worker, i % HELD);
	for (i = 0; i < HELD; i++) {
		if (vscsi_mem_free(worker->mem, worker->held[i].at))
			worker->wrong++;
	}
	return NULL;
}

static void test_eight_threads_on_one_heap(void **state)
{
	struct vscsi_mem_stats stats = {.size = sizeof(stats)};
	struct vscsi_mem *mem = small_pool();
	struct worker workers[THREADS];
	pthread_t threads[THREADS];
	unsigned i;

	(void)state;
	for (i = 0; i < THREADS; i++) {
		workers[i] =
			(struct worker){.mem = mem, .id = (unsigned char)(i + 1), .seed = 77 + i};
		assert_int_equal(pthread_create(&threads[i], NULL, use_heap, &workers[i]), 0);
	}
	for (i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(workers[i].wrong, 0);
	}
	assert_int_equal(vscsi_mem_get_stats(mem, &stats), 0);
	assert_int_equal(stats.blocks, 0);
	assert_int_equal(stats.used, 0);
	assert_int_equal(stats.largest_free, 2 * MIB);
	assert_int_equal(vscsi_mem_destroy(mem), 0);
}

/* Of the sanitizers, whose heap it is where there is one. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t heap_bytes(void)
{
	if (__sanitizer_get_current_allocated_bytes)
		return __sanitizer_get_current_allocated_bytes();
	return mallinfo2().uordblks;
}

struct reader {
	const struct dma_map *map;
	char *fixed;
	char *moving;
	atomic_bool stop;
	atomic_uint rounds;
	unsigned wrong;
};

/* The pool's own memory is always found; the other region is found completely or not at all. */
static void *read_tables(void *arg)
{
	struct reader *reader = arg;
	struct dma_cache cache = {.version = 0};
	uint64_t iova;
	uint64_t set = 0;
	size_t got;

	while (!atomic_load(&reader->stop)) {
		got = dma_translate(reader->map, &cache, reader->fixed, 64, &iova, &set);
		if (got != 64 || iova != (uintptr_t)reader->fixed + 4096)
			reader->wrong++;
		got = dma_translate(reader->map, &cache, reader->moving, 64, &iova, &set);
		if (got && (got != 64 || iova != (uintptr_t)reader->moving + 4096))
			reader->wrong++;
		atomic_fetch_add(&reader->rounds, 1);
	}
	return NULL;
}

static void test_translation_during_region_changes(void **state)
{
	struct shared shared = shared_open(1);
	struct vscsi_mem *mem = small_pool();
	struct device device = {.shift = 4096};
	struct dma_map *map = device_follow(&device, mem);
	struct reader reader = {
		.map = map, .fixed = vscsi_mem_alloc(mem, 64, 0), .moving = shared.addr};
	pthread_t thread;
	unsigned i;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, read_tables, &reader), 0);
	for (i = 0; i < 300 || atomic_load(&reader.rounds) < 1000; i++) {
		assert_int_equal(vscsi_mem_register(mem, shared.addr, shared.len, shared.fd, 0), 0);
		assert_int_equal(vscsi_mem_unregister(mem, shared.addr), 0);
	}
	atomic_store(&reader.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(reader.wrong, 0);
	dma_map_destroy(map);
	assert_int_equal(vscsi_mem_destroy(mem), 0);
	shared_close(&shared);
}

/* Registering and unregistering leaks nothing: no table, no descriptor. */
static void test_changes_leave_nothing(void **state)
{
	struct shared shared = shared_open(1);
	struct vscsi_mem *mem = small_pool();
	struct device device = {.shift = 4096};
	struct dma_map *map = device_follow(&device, mem);
	const int free = dup(shared.fd);
	size_t before = 0;
	unsigned i;

	(void)state;
	close(free);
	for (i = 0; i < 1000; i++) {
		assert_int_equal(vscsi_mem_register(mem, shared.addr, shared.len, shared.fd, 0), 0);
		assert_int_equal(vscsi_mem_unregister(mem, shared.addr), 0);
		/* After the first round, in which the C library allocates what it keeps. */
		if (!i)
			before = heap_bytes();
	}
	assert_int_equal(heap_bytes(), before);
	i = (unsigned)dup(shared.fd);
	assert_int_equal(i, free);
	close((int)i);
	dma_map_destroy(map);
	assert_int_equal(vscsi_mem_destroy(mem), 0);
	shared_close(&shared);
}

int threads_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_eight_threads_on_one_heap),
		cmocka_unit_test(test_translation_during_region_changes),
		cmocka_unit_test(test_changes_leave_nothing),
	};

	return cmocka_run_group_tests_name("mem threads", tests, NULL, NULL);
}
