/* SPDX-License-Identifier: BSD-3-Clause */
/* Where memory is mapped in the IOMMU. Addresses here are numbers, except for those of rings. */
#include <errno.h>
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

int dma_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_its_own_address_where_it_can_be),
		cmocka_unit_test(test_a_narrow_iommu),
		cmocka_unit_test(test_impossible_regions),
		cmocka_unit_test(test_rings_outside_are_refused),
		cmocka_unit_test(test_physical_addresses),
	};

	return cmocka_run_group_tests_name("pci/dma", tests, NULL, NULL);
}
