/* SPDX-License-Identifier: BSD-3-Clause */
/* Where memory is mapped in the IOMMU. Addresses here are numbers, except for those of rings. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

#define MIB  (UINT64_C(1) << 20)
#define HIGH UINT64_C(0x7f0000000000)

static int map(struct transport *t, uint64_t addr, uint64_t len, uint64_t *iova)
{
	const struct dma_region region = {.addr = addr, .len = len, .fd = -1};

	return pci_ops.mem_map(t, &region, iova);
}

static int unmap(struct transport *t, uint64_t addr, uint64_t len, uint64_t iova)
{
	const struct dma_region region = {.addr = addr, .len = len, .fd = -1};

	return pci_ops.mem_unmap(t, &region, iova);
}

static void test_its_own_address_where_it_can_be(void **state)
{
	struct model *m = model_standard();
	struct transport *t = model_attach(m);
	uint64_t iova;

	(void)state;
	assert_int_equal(map(t, HIGH, 16 * MIB, &iova), 0);
	assert_int_equal(iova, HIGH);
	assert_int_equal(m->log[m->logged - 1].access, DMA_MAP);
	assert_int_equal(m->log[m->logged - 1].value, HIGH);
	/* Not across the window of the interrupts. */
	assert_int_equal(map(t, 0xfed00000, 4 * MIB, &iova), 0);
	assert_true(iova != 0xfed00000);
	assert_true(pci_ops.mem_map_live(t));
	pci_ops.close(t);
	/* What was mapped is unmapped. */
	assert_int_equal(model_count(m, DMA_UNMAP, HIGH), 1);
	model_free(m);
}

/* 39 bits, as an IOMMU of three levels has; regions come, go, and never overlap. */
static void test_a_narrow_iommu(void **state)
{
	struct model *m = model_standard();
	struct transport *t;
	uint64_t iova[57];
	uint64_t again;
	unsigned i;
	unsigned k;

	(void)state;
	CONFORMS("R-PCI-64");
	m->bus.ranges[1].last = (UINT64_C(1) << 39) - 1;
	t = model_attach(m);
	for (i = 0; i < ARRAY_LEN(iova); i++) {
		assert_int_equal(map(t, HIGH + i * 64 * MIB, 63 * MIB, &iova[i]), 0);
		assert_true(iova[i] && iova[i] + 63 * MIB <= UINT64_C(1) << 39);
		assert_true(iova[i] + 63 * MIB <= 0xfee00000 || iova[i] >= 0xfef00000);
		for (k = 0; k < i; k++)
			assert_true(iova[k] + 63 * MIB <= iova[i] || iova[i] + 63 * MIB <= iova[k]);
	}
	assert_int_equal(map(t, HIGH * 2, MIB, &again), -ENOSPC);
	assert_int_equal(unmap(t, HIGH + 5 * 64 * MIB, 63 * MIB, iova[5]), 0);
	assert_int_equal(unmap(t, HIGH + 5 * 64 * MIB, 63 * MIB, iova[5]), -ENOENT);
	assert_int_equal(map(t, HIGH * 2, 63 * MIB, &again), 0);
	assert_int_equal(again, iova[5]);
	pci_ops.close(t);
	model_free(m);
}

static void test_impossible_regions(void **state)
{
	struct model *m = model_standard();
	struct transport *t = model_attach(m);
	uint64_t iova;

	(void)state;
	assert_int_equal(map(t, HIGH, 0, &iova), -EINVAL);
	assert_int_equal(map(t, HIGH + 1, MIB, &iova), -EINVAL);
	assert_int_equal(map(t, HIGH, MIB + 512, &iova), -EINVAL);
	assert_int_equal(map(t, HIGH, UINT64_MAX - 4095, &iova), -EINVAL);
	assert_int_equal(map(t, HIGH, UINT64_C(1) << 60, &iova), -ENOSPC);
	assert_int_equal(unmap(t, HIGH, MIB, HIGH), -ENOENT);
	assert_int_equal(model_count(m, DMA_MAP, HIGH), 0);
	pci_ops.close(t);
	model_free(m);
}

/* A ring has to lie inside one mapping, each of its parts whole. */
static void test_rings_outside_are_refused(void **state)
{
	struct model *m = model_standard();
	struct transport *t = model_attach(m);
	char *base = aligned_alloc(4096, 4096);
	struct transport_queue queue = {
		.index = 2, .size = 256, .desc = base, .driver = base, .device = base};
	uint64_t iova;

	(void)state;
	CONFORMS("R-PCI-64", "R-RFB-04");
	assert_int_equal(pci_ops.queue_start(t, &queue), -EFAULT);
	assert_int_equal(map(t, (uintptr_t)base, 4096, &iova), 0);
	memset(base, 0, 4096);
	assert_int_equal(pci_ops.queue_start(t, &queue), 0);
	queue.index = 3;
	queue.desc = base + 16;
	assert_int_equal(pci_ops.queue_start(t, &queue), -EFAULT);
	queue.desc = base;
	queue.driver = base + 4096 - 517;
	assert_int_equal(pci_ops.queue_start(t, &queue), -EFAULT);
	queue.driver = base;
	queue.device = base + 4096 - 2053;
	assert_int_equal(pci_ops.queue_start(t, &queue), -EFAULT);
	assert_int_equal(m->queues[3].enable, 0);
	pci_ops.close(t);
	model_free(m);
	free(base);
}

/* Without an IOMMU the function's own view counts, and the device need not know of any. */
static void test_physical_addresses(void **state)
{
	struct dma_region region = {.addr = HIGH, .len = 2 * MIB, .fd = 5};
	struct model *m = model_standard();
	struct transport *t;
	uint64_t iova;

	(void)state;
	CONFORMS("R-PCI-64");
	assert_true(pci_ops.needs & PCI_BIT(VIRTIO_F_ACCESS_PLATFORM));
	m->bus.physical = true;
	m->physical = 3 * MIB;
	t = model_attach(m);
	assert_int_equal(t->ops->needs, 0);
	assert_int_equal(pci_ops.mem_map(t, &region, &iova), 0);
	assert_int_equal(iova, HIGH + 3 * MIB);
	region.fd = -1;
	region.addr += 2 * MIB;
	assert_int_equal(pci_ops.mem_map(t, &region, &iova), -EOPNOTSUPP);
	assert_int_equal(model_count(m, DMA_MAP, HIGH + 5 * MIB), 0);
	pci_ops.close(t);
	model_free(m);
}

#define PEERS   3
#define REGIONS 8
#define ROUNDS  50

/* Functions of one IOMMU group. */
struct group {
	struct pci_space space;
	struct model *m[PEERS];
	struct transport *t[PEERS];
};

static void group_open(struct group *g, uint64_t last)
{
	unsigned i;

	*g = (struct group){.space = {.lock = PTHREAD_MUTEX_INITIALIZER}};
	for (i = 0; i < PEERS; i++) {
		g->m[i] = model_standard();
		g->m[i]->bus.space = &g->space;
		g->m[i]->bus.ranges[1].last = last;
		g->t[i] = model_attach(g->m[i]);
	}
}

static void group_close(struct group *g)
{
	unsigned i;

	for (i = 0; i < PEERS; i++) {
		if (g->t[i])
			pci_ops.close(g->t[i]);
		model_free(g->m[i]);
	}
	assert_null(g->space.first);
}

static bool apart(uint64_t a, uint64_t b, uint64_t len)
{
	return a + len <= b || b + len <= a;
}

/* The same memory, and parts of it, is mapped for each function at a place of its own. */
static void test_a_group_with_one_pool(void **state)
{
	uint64_t iova[PEERS];
	uint64_t again;
	struct group g;

	(void)state;
	group_open(&g, UINT64_MAX);
	assert_int_equal(map(g.t[0], HIGH, 16 * MIB, &iova[0]), 0);
	assert_int_equal(map(g.t[1], HIGH, 16 * MIB, &iova[1]), 0);
	assert_int_equal(map(g.t[2], HIGH - 8 * MIB, 16 * MIB, &iova[2]), 0);
	assert_int_equal(iova[0], HIGH);
	assert_true(apart(iova[0], iova[1], 16 * MIB) && apart(iova[1], iova[2], 16 * MIB) &&
		    apart(iova[2], iova[0], 16 * MIB));
	/* A function sees its own mapping only. */
	assert_true(pci_iova(pci_of(g.t[1]), (char *)(uintptr_t)HIGH + MIB, 4096, &again));
	assert_int_equal(again, iova[1] + MIB);
	assert_int_equal(unmap(g.t[1], HIGH, 16 * MIB, iova[0]), -ENOENT);
	/* Unmapping one leaves the others. */
	assert_int_equal(unmap(g.t[1], HIGH, 16 * MIB, iova[1]), 0);
	assert_int_equal(model_count(g.m[1], DMA_UNMAP, iova[1]), 1);
	assert_int_equal(model_count(g.m[0], DMA_UNMAP, iova[0]), 0);
	assert_true(pci_iova(pci_of(g.t[0]), (char *)(uintptr_t)HIGH, 4096, &again));
	/* The place of one that is closed is free again, for memory that fits there. */
	pci_ops.close(g.t[0]);
	g.t[0] = NULL;
	assert_int_equal(map(g.t[1], HIGH, 16 * MIB, &again), 0);
	assert_int_equal(again, HIGH);
	group_close(&g);
}

static void test_a_mapping_that_fails(void **state)
{
	struct group g;
	uint64_t iova;

	(void)state;
	group_open(&g, UINT64_MAX);
	g.m[0]->map_err = -ENOMEM;
	assert_int_equal(map(g.t[0], HIGH, MIB, &iova), -ENOMEM);
	assert_false(pci_iova(pci_of(g.t[0]), (char *)(uintptr_t)HIGH, 4096, &iova));
	assert_int_equal(map(g.t[1], HIGH, MIB, &iova), 0);
	assert_int_equal(iova, HIGH);
	group_close(&g);
}

struct worker {
	struct transport *t;
	pthread_barrier_t *all;
	uint64_t iova[REGIONS];
	int err;
};

/* Maps the same regions as the others; they stay until all have theirs. */
static void *map_and_unmap(void *arg)
{
	struct worker *w = arg;
	unsigned round;
	unsigned i;

	for (round = 0; round <= ROUNDS; round++) {
		pthread_barrier_wait(w->all);
		for (i = 0; i < REGIONS && !w->err; i++)
			w->err = map(w->t, HIGH + i * 4 * MIB, 4 * MIB, &w->iova[i]);
		pthread_barrier_wait(w->all);
		for (i = 0; i < REGIONS && !w->err && round < ROUNDS; i++)
			w->err = unmap(w->t, HIGH + i * 4 * MIB, 4 * MIB, w->iova[i]);
	}
	return NULL;
}

static void test_threads_of_a_group(void **state)
{
	struct worker workers[PEERS];
	pthread_t threads[PEERS];
	pthread_barrier_t all;
	struct group g;
	unsigned i;
	unsigned k;

	(void)state;
	group_open(&g, (UINT64_C(1) << 39) - 1);
	pthread_barrier_init(&all, NULL, PEERS);
	for (i = 0; i < PEERS; i++) {
		workers[i] = (struct worker){.t = g.t[i], .all = &all};
		assert_int_equal(pthread_create(&threads[i], NULL, map_and_unmap, &workers[i]), 0);
	}
	for (i = 0; i < PEERS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(workers[i].err, 0);
	}
	for (i = 0; i < PEERS * REGIONS; i++) {
		for (k = 0; k < i; k++)
			assert_true(apart(workers[i / REGIONS].iova[i % REGIONS],
					  workers[k / REGIONS].iova[k % REGIONS], 4 * MIB));
	}
	pthread_barrier_destroy(&all);
	group_close(&g);
}

int dma_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_its_own_address_where_it_can_be),
		cmocka_unit_test(test_a_narrow_iommu),
		cmocka_unit_test(test_impossible_regions),
		cmocka_unit_test(test_rings_outside_are_refused),
		cmocka_unit_test(test_physical_addresses),
		cmocka_unit_test(test_a_group_with_one_pool),
		cmocka_unit_test(test_a_mapping_that_fails),
		cmocka_unit_test(test_threads_of_a_group),
	};

	return cmocka_run_group_tests_name("pci/dma", tests, NULL, NULL);
}
