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

static void queue_bench_open(struct queue_bench *q, unsigned size, uint64_t features)
{
	const struct vscsi_mem_opts opts = {
		.size = sizeof(opts),
		.flags = VSCSI_MEM_ORDINARY,
		.bytes = UINT64_C(4) << 20,
	};

	bench_open(&q->b);
	assert_int_equal(vscsi_mem_create(&opts, &q->mem), 0);
	assert_int_equal(virtq_init(&q->vq, &q->b.fake.transport, q->mem, 3, size, features), 0);
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
	for (size = 1; size <= RING_MAX_SIZE; size *= 2) {
		const struct transport_queue *given;
		struct queue_bench q;

		queue_bench_open(&q, size, 0);
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
	queue_bench_open(&q, 16, BIT(VIRTIO_RING_F_EVENT_IDX));
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
	queue_bench_open(&q, 16, BIT(VIRTIO_RING_F_EVENT_IDX));
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
static void submit(struct virtq *vq)
{
	if (virtq_publish(vq))
		virtq_kick(vq);
}

static void test_kicks(void **state)
{
	struct queue_bench q;

	(void)state;
	CONFORMS("R-SPLIT-27", "R-SPLIT-28");
	queue_bench_open(&q, 16, 0);
	assert_int_equal(virtq_start(&q.vq), 0);
	virtq_push(&q.vq, 0);
	submit(&q.vq);
	assert_int_equal(q.b.fake.notified[3], 1);
	q.vq.ring.used->flags = htole16(VRING_USED_F_NO_NOTIFY);
	virtq_push(&q.vq, 1);
	submit(&q.vq);
	assert_int_equal(q.b.fake.notified[3], 1);
	submit(&q.vq);
	assert_int_equal(q.b.fake.notified[3], 1);
	queue_bench_close(&q);
}

/* What the last kick said. */
static uint64_t last_data(const struct fake *fake)
{
	return fake->log[fake_find(fake, FAKE_NOTIFY, fake_count(fake, FAKE_NOTIFY) - 1)].len;
}

/* One chain through the ring, with the device's part done here. */
static void round_trip(struct queue_bench *q, uint16_t head)
{
	struct split_ring *ring = &q->vq.ring;
	uint16_t used = le16toh(ring->used->idx);
	struct ring_used taken;

	virtq_push(&q->vq, head);
	virtq_publish(&q->vq);
	ring->used->ring[used & ring->mask].id = htole32(head);
	ring->used->idx = htole16((uint16_t)(used + 1));
	assert_int_equal(virtq_pending(&q->vq), 1);
	assert_int_equal(virtq_take(&q->vq, &taken), 0);
	assert_int_equal(taken.head, head);
}

/* The available index as the device may see it, at its borders too; only when it is wanted. */
static void test_kicks_with_data(void **state)
{
	struct queue_bench q;
	unsigned i;

	(void)state;
	CONFORMS("R-ND-07", "R-ND-09");
	queue_bench_open(&q, 16, false);
	assert_int_equal(virtq_start(&q.vq), 0);
	for (i = 0; i < 65536; i++) {
		assert_int_equal(virtq_position(&q.vq), i);
		round_trip(&q, i & 15);
	}
	assert_int_equal(virtq_position(&q.vq), 0);
	round_trip(&q, 0);
	virtq_kick(&q.vq);
	assert_int_equal(last_data(&q.b.fake), 0);
	q.b.fake.transport.notify_data = true;
	virtq_kick(&q.vq);
	assert_int_equal(last_data(&q.b.fake), 1);
	/* What was only pushed doesn't count yet. */
	virtq_push(&q.vq, 1);
	virtq_kick(&q.vq);
	assert_int_equal(last_data(&q.b.fake), 1);
	virtq_publish(&q.vq);
	virtq_kick(&q.vq);
	assert_int_equal(last_data(&q.b.fake), 2);
	queue_bench_close(&q);
}

/* A kick carries the published offset and wrap; a second kick carries the same. */
static void test_kicks_with_data_on_a_packed_ring(void **state)
{
	const uint16_t both = 1u << VRING_PACKED_DESC_F_AVAIL | 1u << VRING_PACKED_DESC_F_USED;
	struct ring_used taken;
	struct queue_bench q;
	unsigned i;

	(void)state;
	CONFORMS("R-ND-08", "R-PACK-14", "R-PACK-15", "R-VU-52");
	queue_bench_open(&q, 16, VIRTIO_BIT(VIRTIO_F_RING_PACKED));
	assert_int_equal(virtq_start(&q.vq), 0);
	assert_int_equal(q.b.fake.queues[3].base, 0x80008000);
	q.b.fake.transport.notify_data = true;
	for (i = 0; i < 40; i++) {
		struct vring_packed_desc *desc = &q.vq.packed.desc[i % 16];
		uint16_t wrap = i / 16 % 2 ? 0 : 1u << 15;

		virtq_kick(&q.vq);
		assert_int_equal(last_data(&q.b.fake), wrap | i % 16);
		/* What was only pushed doesn't count yet. */
		virtq_push(&q.vq, i & 15);
		virtq_kick(&q.vq);
		assert_int_equal(last_data(&q.b.fake), wrap | i % 16);
		virtq_publish(&q.vq);
		desc->id = htole16(i & 15);
		desc->flags = htole16(wrap ? both : 0);
		assert_int_equal(virtq_take(&q.vq, &taken), 0);
		assert_int_equal(taken.head, i & 15);
		assert_int_equal(virtq_taken(&q.vq), i + 1);
	}
	queue_bench_close(&q);
}

static void test_no_memory_for_a_ring(void **state)
{
	struct queue_bench q;
	struct virtq second;
	void *all;

	(void)state;
	queue_bench_open(&q, 16, 0);
	all = vscsi_mem_alloc(q.mem, (3u << 20) + (512u << 10), 0);
	assert_non_null(all);
	assert_int_equal(virtq_init(&second, &q.b.fake.transport, q.mem, 4, RING_MAX_SIZE, 0),
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
		cmocka_unit_test(test_kicks_with_data),
		cmocka_unit_test(test_kicks_with_data_on_a_packed_ring),
		cmocka_unit_test(test_no_memory_for_a_ring),
	};

	return cmocka_run_group_tests_name("virtio/virtq", tests, NULL, NULL);
}
