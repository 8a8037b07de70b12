/* SPDX-License-Identifier: BSD-3-Clause */
/* A virtqueue in DMA memory: what the transport is given, and when it is kicked. */
#include <errno.h>

#include <vscsi/mem.h>

#include "virtio.h"
#include "virtio/virtq.h"

/* A virtqueue of a device on the transport in memory. */
struct queue_bench {
	struct bench b;
	struct vscsi_mem *mem;
	struct virtq vq;
};

static void queue_bench_open(struct queue_bench *q, unsigned size, bool event_idx)
{
	const struct vscsi_mem_opts opts = {
		.size = sizeof(opts),
		.flags = VSCSI_MEM_ORDINARY,
		.bytes = UINT64_C(4) << 20,
	};

	bench_open(&q->b);
	assert_int_equal(vscsi_mem_create(&opts, &q->mem), 0);
	assert_int_equal(virtq_init(&q->vq, &q->b.fake.transport, q->mem, 3, size, event_idx), 0);
}

static void queue_bench_close(struct queue_bench *q)
{
	struct vscsi_mem_stats stats = {.size = sizeof(stats)};

	virtq_fini(&q->vq);
	assert_int_equal(vscsi_mem_get_stats(q->mem, &stats), 0);
	assert_int_equal(stats.used, 0);
	assert_int_equal(vscsi_mem_destroy(q->mem), 0);
	bench_close(&q->b);
}

static void test_transport_gets_aligned_parts(void **state)
{
	unsigned size;

	(void)state;
	CONFORMS("R-SPLIT-01", "R-SPLIT-02");
	for (size = 1; size <= SPLIT_MAX_SIZE; size *= 2) {
		const struct transport_queue *given;
		struct queue_bench q;

		queue_bench_open(&q, size, false);
		assert_false(q.vq.started);
		assert_int_equal(virtq_start(&q.vq), 0);
		assert_true(q.vq.started);
		given = &q.b.fake.queues[3];
		assert_int_equal(given->index, 3);
		assert_int_equal(given->size, size);
		assert_int_equal(given->base, 0);
		assert_int_equal((uintptr_t)given->desc % 16, 0);
		assert_int_equal((uintptr_t)given->driver % 2, 0);
		assert_int_equal((uintptr_t)given->device % 4, 0);
		assert_ptr_equal(given->desc, virtq_table(&q.vq));
		queue_bench_close(&q);
	}
}

static void test_pause_and_resume(void **state)
{
	struct queue_bench q;
	uint32_t base = 0;

	(void)state;
	queue_bench_open(&q, 16, true);
	assert_int_equal(virtq_start(&q.vq), 0);
	q.b.fake.base[3] = 7;
	assert_int_equal(virtq_pause(&q.vq, &base), 0);
	assert_int_equal(base, 7);
	assert_false(q.vq.started);
	assert_int_equal(virtq_resume(&q.vq, base), 0);
	assert_int_equal(q.b.fake.queues[3].base, 7);
	assert_true(q.vq.started);
	queue_bench_close(&q);
}

static void test_transport_says_no(void **state)
{
	struct queue_bench q;
	uint32_t base;

	(void)state;
	queue_bench_open(&q, 16, true);
	q.b.fake.fail = FAKE_QUEUE_START;
	q.b.fake.fail_err = -ECONNRESET;
	assert_int_equal(virtq_start(&q.vq), -ECONNRESET);
	assert_false(q.vq.started);
	assert_int_equal(virtq_start(&q.vq), 0);
	q.b.fake.fail = FAKE_QUEUE_STOP;
	q.b.fake.fail_err = -ECONNRESET;
	assert_int_equal(virtq_pause(&q.vq, &base), -ECONNRESET);
	assert_true(q.vq.started);
	queue_bench_close(&q);
}

/* A kick goes to the queue's own number, and only where the device wants it. */
static void test_kicks(void **state)
{
	struct queue_bench q;

	(void)state;
	CONFORMS("R-SPLIT-27", "R-SPLIT-28");
	queue_bench_open(&q, 16, false);
	assert_int_equal(virtq_start(&q.vq), 0);
	virtq_push(&q.vq, 0);
	virtq_submit(&q.vq);
	assert_int_equal(q.b.fake.notified[3], 1);
	q.vq.ring.used->flags = htole16(VRING_USED_F_NO_NOTIFY);
	virtq_push(&q.vq, 1);
	virtq_submit(&q.vq);
	assert_int_equal(q.b.fake.notified[3], 1);
	virtq_submit(&q.vq);
	assert_int_equal(q.b.fake.notified[3], 1);
	queue_bench_close(&q);
}

static void test_no_memory_for_a_ring(void **state)
{
	struct queue_bench q;
	struct virtq second;
	void *all;

	(void)state;
	queue_bench_open(&q, 16, false);
	all = vscsi_mem_alloc(q.mem, (3u << 20) + (512u << 10), 0);
	assert_non_null(all);
	assert_int_equal(virtq_init(&second, &q.b.fake.transport, q.mem, 4, SPLIT_MAX_SIZE, false),
			 -ENOMEM);
	virtq_fini(&second);
	assert_int_equal(vscsi_mem_free(q.mem, all), 0);
	queue_bench_close(&q);
}

int virtq_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transport_gets_aligned_parts),
		cmocka_unit_test(test_pause_and_resume),
		cmocka_unit_test(test_transport_says_no),
		cmocka_unit_test(test_kicks),
		cmocka_unit_test(test_no_memory_for_a_ring),
	};

	return cmocka_run_group_tests_name("virtio/virtq", tests, NULL, NULL);
}
