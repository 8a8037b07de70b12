/* SPDX-License-Identifier: BSD-3-Clause */
/* The registers of a virtqueue: what is written, in which order, and where it is kicked. */
#include <errno.h>
#include <stdlib.h>

#include "model.h"

#define RING 4096u

/* A function with a piece of memory mapped. */
struct bench {
	struct model *m;
	struct transport *t;
	char *memory;
};

static void bench_open(struct bench *b, struct model *m)
{
	struct dma_region region = {.len = RING, .fd = -1};
	uint64_t iova;

	b->m = m;
	b->t = model_attach(m);
	b->memory = aligned_alloc(RING, RING);
	region.addr = (uintptr_t)b->memory;
	assert_int_equal(pci_ops.mem_map(b->t, &region, &iova), 0);
}

static void bench_close(struct bench *b)
{
	pci_ops.close(b->t);
	model_free(b->m);
	free(b->memory);
}

static int start(struct bench *b, unsigned index, unsigned size)
{
	const struct transport_queue queue = {.index = index,
					      .size = size,
					      .desc = b->memory,
					      .driver = b->memory + 1024,
					      .device = b->memory + 2048};

	return pci_ops.queue_start(b->t, &queue);
}

static void test_order_of_registers(void **state)
{
	static const unsigned order[] = {
		COMMON(queue_select),   COMMON(queue_size),    COMMON(queue_msix_vector),
		COMMON(queue_desc_lo),  COMMON(queue_desc_hi), COMMON(queue_avail_lo),
		COMMON(queue_avail_hi), COMMON(queue_used_lo), COMMON(queue_used_hi),
		COMMON(queue_enable),
	};
	const struct model_queue *q;
	struct bench b;
	int last = -1;
	unsigned i;

	(void)state;
	CONFORMS("R-PCI-09", "R-PCI-26", "R-PCI-34", "R-PCI-37", "R-PCI-25");
	bench_open(&b, model_standard());
	assert_int_equal(start(&b, 3, 16), 0);
	for (i = 0; i < ARRAY_LEN(order); i++) {
		int at = model_find(b.m, BAR_WRITE, order[i], 0);

		assert_true(at > last);
		last = at;
	}
	q = &b.m->queues[3];
	assert_int_equal(q->size, 16);
	assert_int_equal((uint64_t)q->address[1] << 32 | q->address[0], (uintptr_t)b.memory);
	assert_int_equal((uint64_t)q->address[3] << 32 | q->address[2], (uintptr_t)b.memory + 1024);
	assert_int_equal((uint64_t)q->address[5] << 32 | q->address[4], (uintptr_t)b.memory + 2048);
	bench_close(&b);
}

/*
 * The ring was filled in before; a fence that no store passes orders that before the device is told
 * of it.
 */
static void test_fence_before_enabling(void **state)
{
	struct bench b;
	int fence;

	(void)state;
	CONFORMS("R-MB-17");
	bench_open(&b, model_standard());
	assert_int_equal(start(&b, 3, 16), 0);
	fence = model_find(b.m, FENCE, __ATOMIC_SEQ_CST, 0);
	assert_true(fence > model_find(b.m, BAR_WRITE, COMMON(queue_used_hi), 0));
	assert_int_equal(model_find(b.m, BAR_WRITE, COMMON(queue_enable), 0), fence + 1);
	bench_close(&b);
}

static void test_sizes(void **state)
{
	struct bench b;

	(void)state;
	CONFORMS("R-PCI-25", "R-PCI-33", "R-PCI-34");
	bench_open(&b, model_standard());
	assert_int_equal(start(&b, 2, 12), -EINVAL);
	assert_int_equal(start(&b, 2, 0), -EINVAL);
	assert_int_equal(start(&b, 2, 512), -EINVAL);
	assert_int_equal(start(&b, 6, 16), -EINVAL);
	assert_int_equal(start(&b, UINT32_MAX, 16), -EINVAL);
	b.m->queues[2].size = 0;
	assert_int_equal(pci_ops.queue_max(b.t, 2), 0);
	assert_int_equal(start(&b, 2, 16), -EINVAL);
	b.m->queues[2].size = 32769;
	assert_int_equal(pci_ops.queue_max(b.t, 2), -EPROTO);
	b.m->queues[2].size = 32768;
	assert_int_equal(pci_ops.queue_max(b.t, 2), 32768);
	assert_int_equal(model_count(b.m, BAR_WRITE, COMMON(queue_enable)), 0);
	bench_close(&b);
}

static void test_enabling(void **state)
{
	uint32_t base;
	struct bench b;

	(void)state;
	CONFORMS("R-PCI-28", "R-PCI-39");
	bench_open(&b, model_standard());
	b.m->queues[2].enable = 1;
	assert_int_equal(start(&b, 2, 16), -EBUSY);
	b.m->queues[2].enable = 0;
	b.m->enable_ignored = true;
	assert_int_equal(start(&b, 2, 16), -EPROTO);
	b.m->enable_ignored = false;
	assert_int_equal(start(&b, 2, 16), 0);
	assert_int_equal(pci_ops.queue_stop(b.t, 2, &base), -EOPNOTSUPP);
	assert_int_equal(b.m->queues[2].enable, 1);
	bench_close(&b);
}

/* Kicks queue 2 of a function whose multiplier and offset are these; where it was, or an errno. */
static int64_t kick(uint32_t multiplier, uint16_t offset, uint32_t length)
{
	struct model *m = model_new();
	unsigned at = model_cap(m, VIRTIO_PCI_CAP_NOTIFY_CFG, MODEL_BAR, MODEL_NOTIFY, length, 20);
	struct bench b;
	int64_t ret;

	m->config[at + 16] = (uint8_t)multiplier;
	m->config[at + 17] = (uint8_t)(multiplier >> 8);
	m->config[at + 18] = (uint8_t)(multiplier >> 16);
	m->config[at + 19] = (uint8_t)(multiplier >> 24);
	model_rest(m, VIRTIO_PCI_CAP_NOTIFY_CFG);
	m->queues[2].notify_off = offset;
	bench_open(&b, m);
	ret = start(&b, 2, 16);
	if (!ret) {
		const struct model_entry *e;

		pci_ops.notify(b.t, 2, 0);
		e = &m->log[m->logged - 1];
		assert_int_equal(e->access, BAR_WRITE);
		assert_int_equal(e->width, 2);
		assert_int_equal(e->value, 2);
		ret = (int64_t)e->offset - MODEL_NOTIFY;
	}
	bench_close(&b);
	return ret;
}

static void test_where_a_queue_is_kicked(void **state)
{
	(void)state;
	CONFORMS("R-PCI-40", "R-PCI-41", "R-PCI-42", "R-PCI-43", "R-HARD-26");
	assert_int_equal(kick(4, 2, 0x1000), 8);
	assert_int_equal(kick(4, 0, 0x1000), 0);
	assert_int_equal(kick(2, 5, 0x1000), 10);
	assert_int_equal(kick(0, 65535, 0x1000), 0);
	assert_int_equal(kick(4096, 3, 0x5000), 3 * 4096);
	/* The last place there is, and one beyond it. */
	assert_int_equal(kick(2, 0x7ff, 0x1000), 0xffe);
	assert_int_equal(kick(2, 0x800, 0x1000), -EPROTO);
	assert_int_equal(kick(1, 1, 0x1000), -EPROTO);
	/* Products that are small in 32 bits: 65536 * 65536, and 0x80000000 * 2. */
	assert_int_equal(kick(0x80000000, 2, 0x1000), -EPROTO);
	assert_int_equal(kick(0xffffffff, 0xffff, 0x1000), -EPROTO);
}

static void test_many_queues(void **state)
{
	struct model *m = model_standard();
	struct transport *t;

	(void)state;
	m->num_queues = 65535;
	t = model_attach(m);
	assert_int_equal(pci_ops.queue_count(t), 256);
	assert_int_equal(pci_ops.queue_max(t, 256), 0);
	pci_ops.notify(t, 256, 0);
	pci_ops.notify(t, UINT32_MAX, 0);
	assert_int_equal(pci_ops.call_fd(t, UINT32_MAX), -1);
	pci_ops.close(t);
	m->num_queues = 0;
	t = model_attach(m);
	assert_int_equal(pci_ops.queue_count(t), 0);
	pci_ops.close(t);
	model_free(m);
}

/* On a packed ring a size of 0 would mean something else than "not there" (4.1.4.3.2). */
static void test_no_size_of_zero(void **state)
{
	struct model *m = model_standard();
	unsigned written = 0;
	struct bench b;
	unsigned i;

	(void)state;
	CONFORMS("R-PCI-24");
	bench_open(&b, m);
	assert_int_equal(pci_ops.set_features(b.t, UINT64_C(1) << VIRTIO_F_RING_PACKED), 0);
	for (i = 0; i < 6; i++)
		assert_int_equal(start(&b, i, 16), 0);
	assert_int_equal(pci_ops.set_status(b.t, 0), 0);
	for (i = 0; i < m->logged; i++) {
		if (m->log[i].access != BAR_WRITE || m->log[i].offset != COMMON(queue_size))
			continue;
		assert_int_not_equal(m->log[i].value, 0);
		written++;
	}
	assert_int_equal(written, 6);
	bench_close(&b);
}

int queue_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_of_registers),
		cmocka_unit_test(test_fence_before_enabling),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_enabling),
		cmocka_unit_test(test_where_a_queue_is_kicked),
		cmocka_unit_test(test_many_queues),
		cmocka_unit_test(test_no_size_of_zero),
	};

	return cmocka_run_group_tests_name("pci/queue", tests, NULL, NULL);
}
