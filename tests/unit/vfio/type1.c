/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kernel says of a container's IOMMU: answers of old kernels, and such as no kernel gives,
 * in which every offset and count is checked all the same.
 */
#include <errno.h>
#include <string.h>

#include "kernel.h"
#include "util/error.h"

#define RANGES 2u

/* struct vfio_iommu_type1_info_cap_iova_range without its ranges. */
struct list {
	struct vfio_info_cap_header header;
	uint32_t nr_iovas;
	uint32_t reserved;
};

/* An answer with another capability, then the list of ranges, and nothing after it. */
struct answer {
	struct vfio_iommu_type1_info head;
	struct vfio_info_cap_header other;
	struct list list;
	struct vfio_iova_range ranges[RANGES];
};

static const struct answer good = {
	.head = {.argsz = sizeof(struct answer),
		 .flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS,
		 .iova_pgsizes = 0x200000,
		 .cap_offset = offsetof(struct answer, other)},
	.other = {.id = 77, .version = 1, .next = offsetof(struct answer, list)},
	.list = {.header = {.id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, .version = 1},
		 .nr_iovas = RANGES},
	.ranges = {{0x1000, 0x1fff}, {0x10000, 0x1ffff}}};

/* Opens a machine that says so; the bus's ranges are the first @expect of the answer's. */
static void expect_ranges(const struct answer *answer, unsigned expect, uint64_t page)
{
	struct pci_bus *bus;
	unsigned i;

	kernel_group();
	kernel.info = answer;
	kernel.info_len = sizeof(*answer);
	assert_int_equal(vfio_open(NAME, TRANSPORT_IOMMU_GROUP, &bus), 0);
	assert_int_equal(bus->page, page);
	for (i = 0; i < expect; i++) {
		assert_int_equal(bus->ranges[i].first, answer->ranges[i].start);
		assert_int_equal(bus->ranges[i].last, answer->ranges[i].end);
	}
	if (expect)
		assert_int_equal(bus->nranges, expect);
	/* What any IOMMU is sure to have. */
	if (!expect) {
		assert_int_equal(bus->nranges, 2);
		assert_int_equal(bus->ranges[0].last, 0xfedfffff);
		assert_int_equal(bus->ranges[1].last, (UINT64_C(1) << 39) - 1);
	}
	bus->ops->close(bus);
	assert_int_equal(kernel.open, 0);
}

static void test_old_kernels(void **state)
{
	struct answer answer = good;

	(void)state;
	expect_ranges(&answer, RANGES, 0x200000);
	answer.head.flags = VFIO_IOMMU_INFO_PGSIZES;
	expect_ranges(&answer, 0, 0x200000);
	answer.head.flags = 0;
	expect_ranges(&answer, 0, 4096);
	answer.head.flags = VFIO_IOMMU_INFO_PGSIZES;
	answer.head.iova_pgsizes = 0;
	expect_ranges(&answer, 0, 4096);
	/* Shorter than what is known today. */
	answer.head.argsz = 8;
	expect_ranges(&answer, 0, 4096);
}

static void test_offsets_that_lead_nowhere(void **state)
{
	struct answer answer = good;
	const uint32_t end = sizeof(answer);

	(void)state;
	answer.head.cap_offset = 0;
	expect_ranges(&answer, 0, 0x200000);
	answer.head.cap_offset = end;
	expect_ranges(&answer, 0, 0x200000);
	answer.head.cap_offset = end - 7;
	expect_ranges(&answer, 0, 0x200000);
	answer.head.cap_offset = UINT32_MAX;
	expect_ranges(&answer, 0, 0x200000);
	answer = good;
	answer.other.next = 0;
	expect_ranges(&answer, 0, 0x200000);
	answer.other.next = UINT32_MAX - 3;
	expect_ranges(&answer, 0, 0x200000);
	/* A loop. */
	answer.other.next = offsetof(struct answer, other);
	expect_ranges(&answer, 0, 0x200000);
}

static void test_lists_that_are_cut_off(void **state)
{
	struct answer answer = good;

	(void)state;
	answer.list.nr_iovas = UINT32_MAX;
	expect_ranges(&answer, RANGES, 0x200000);
	answer.list.nr_iovas = 0;
	expect_ranges(&answer, 0, 0x200000);
	answer = good;
	answer.head.argsz = offsetof(struct answer, ranges) + 17;
	expect_ranges(&answer, 1, 0x200000);
	answer.head.argsz = offsetof(struct answer, ranges);
	expect_ranges(&answer, 0, 0x200000);
	/* The list's own head is not all there. */
	answer.head.argsz = offsetof(struct answer, ranges) - 1;
	expect_ranges(&answer, 0, 0x200000);
}

/* More than there is room for; and an answer longer than any. */
static void test_too_much(void **state)
{
	struct {
		struct answer answer;
		struct vfio_iova_range more[PCI_RANGES];
	} big = {.answer = good};
	struct pci_bus *bus;

	(void)state;
	big.answer.head.argsz = sizeof(big);
	big.answer.list.nr_iovas = PCI_RANGES + RANGES;
	kernel_group();
	kernel.info = &big;
	kernel.info_len = sizeof(big);
	assert_int_equal(vfio_open(NAME, TRANSPORT_IOMMU_GROUP, &bus), 0);
	assert_int_equal(bus->nranges, PCI_RANGES);
	bus->ops->close(bus);
	big.answer.head.argsz = 65537;
	assert_int_equal(vfio_open(NAME, TRANSPORT_IOMMU_GROUP, &bus), -EIO);
	assert_non_null(strstr(error_text(), "65537 bytes"));
	assert_int_equal(kernel.open, 0);
}

/* The kernel's words, where mapping fails. */
static void test_mapping_that_fails(void **state)
{
	struct pci_bus *bus;

	(void)state;
	kernel_group();
	assert_int_equal(vfio_open(NAME, TRANSPORT_IOMMU_GROUP, &bus), 0);
	kernel.fail = VFIO_IOMMU_MAP_DMA;
	kernel.fail_errno = EEXIST;
	assert_int_equal(bus->ops->dma_map(
				 bus, &(struct dma_region){.addr = 0x7f0000000000, .len = 4096}, 0),
			 -EEXIST);
	assert_non_null(strstr(error_text(), NAME));
	kernel.fail = VFIO_IOMMU_UNMAP_DMA;
	kernel.fail_errno = EINVAL;
	assert_int_equal(bus->ops->dma_unmap(bus, 0, 4096), -EINVAL);
	kernel.fail = VFIO_DEVICE_RESET;
	kernel.fail_errno = ENOTTY;
	assert_int_equal(bus->ops->reset(bus), -ENOTTY);
	assert_non_null(strstr(error_text(), "resetting " NAME));
	kernel.fail = 0;
	assert_int_equal(bus->ops->reset(bus), 0);
	assert_true(kernel_find(VFIO_DEVICE_RESET, 0) >= 0);
	bus->ops->close(bus);
}

int type1_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_old_kernels),
		cmocka_unit_test(test_offsets_that_lead_nowhere),
		cmocka_unit_test(test_lists_that_are_cut_off),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_mapping_that_fails),
	};

	return cmocka_run_group_tests_name("vfio/type1", tests, NULL, NULL);
}
