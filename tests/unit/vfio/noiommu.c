/* SPDX-License-Identifier: BSD-3-Clause */
/* Without an IOMMU: only when asked for, never silently, and only with memory that stays put. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vscsi/log.h>

#include "kernel.h"
#include "util/error.h"

#define HUGE    (UINT64_C(2) << 20)
#define PRESENT (UINT64_C(1) << 63)

static unsigned warnings;

static void count_warnings(void *ctx, int level, const char *line)
{
	(void)ctx;
	warnings += level == VSCSI_LOG_WARN && strstr(line, "all memory");
}

static void test_only_by_name_and_with_a_warning(void **state)
{
	struct pci_bus *bus;

	(void)state;
	kernel_noiommu();
	warnings = 0;
	vscsi_set_log(VSCSI_LOG_WARN, count_warnings, NULL);
	assert_int_equal(vfio_open(NAME, TRANSPORT_IOMMU_AUTO, &bus), -ENODEV);
	assert_int_equal(vfio_open(NAME, TRANSPORT_IOMMU_GROUP, &bus), -ENODEV);
	assert_int_equal(warnings, 0);
	assert_int_equal(vfio_open(NAME, TRANSPORT_IOMMU_NONE, &bus), 0);
	assert_int_equal(warnings, 1);
	assert_int_equal(kernel.calls[kernel_find(VFIO_SET_IOMMU, 0)].a, VFIO_NOIOMMU_IOMMU);
	assert_true(bus->physical);
	assert_false(bus->snoops);
	/* Nothing is asked of the container: there is nothing that could map. */
	assert_int_equal(
		bus->ops->dma_map(bus, &(struct dma_region){.addr = HUGE, .len = HUGE}, HUGE), 0);
	assert_int_equal(bus->ops->dma_unmap(bus, HUGE, HUGE), 0);
	assert_int_equal(kernel_find(VFIO_IOMMU_MAP_DMA, 0), -1);
	bus->ops->close(bus);
	assert_int_equal(kernel.open, 0);
	/* Where there is an IOMMU it isn't gone round. */
	kernel_group();
	assert_int_equal(vfio_open(NAME, TRANSPORT_IOMMU_NONE, &bus), -ENODEV);
	assert_non_null(strstr(error_text(), "enable_unsafe_noiommu_mode"));
	vscsi_set_log(0, NULL, NULL);
}

static void lay_out(unsigned page, uint64_t frame)
{
	unsigned i;

	for (i = 0; i < 512; i++)
		kernel.frames[page * 512 + i] = PRESENT | (frame + i);
}

static int where(struct pci_bus *bus, uint64_t addr, uint64_t len, int fd, uint64_t *iova)
{
	const struct dma_region region = {.addr = addr, .len = len, .fd = fd};

	return bus->ops->dma_where(bus, &region, iova);
}

static void test_physical_addresses(void **state)
{
	char *memory = aligned_alloc(HUGE, 4 * HUGE);
	uintptr_t area = (uintptr_t)memory;
	int fd = memfd_create("huge", MFD_CLOEXEC);
	struct pci_bus *bus;
	uint64_t iova;

	(void)state;
	assert_true(memory && fd >= 0);
	memset(memory, 0, 4 * HUGE);
	kernel_noiommu();
	kernel.area = area;
	kernel.huge_fd = fd;
	assert_int_equal(vfio_open(NAME, TRANSPORT_IOMMU_NONE, &bus), 0);
	/* Two pages that follow one another, a third that doesn't, and one that is hidden. */
	lay_out(0, 0x100000);
	lay_out(1, 0x100200);
	lay_out(2, 0x300000);
	assert_int_equal(where(bus, area, 2 * HUGE, fd, &iova), 0);
	assert_int_equal(iova, 0x100000000);
	assert_int_equal(where(bus, area + 8192, HUGE, fd, &iova), 0);
	assert_int_equal(iova, 0x100002000);
	assert_int_equal(where(bus, area + 2 * HUGE, HUGE, fd, &iova), 0);
	assert_int_equal(iova, 0x300000000);
	assert_int_equal(where(bus, area, 3 * HUGE, fd, &iova), -EOPNOTSUPP);
	assert_non_null(strstr(error_text(), "one hugepage of 2048 KiB"));
	assert_int_equal(where(bus, area + HUGE + 4096, HUGE, fd, &iova), -EOPNOTSUPP);
	assert_int_equal(where(bus, area + 3 * HUGE, HUGE, fd, &iova), -EPERM);
	assert_non_null(strstr(error_text(), "CAP_SYS_ADMIN"));
	/* The kernel shows that the page is there and hides its number. */
	kernel.frames[3 * 512] = PRESENT;
	assert_int_equal(where(bus, area + 3 * HUGE, HUGE, fd, &iova), -EPERM);
	/* Memory that can be swapped or moved. */
	assert_int_equal(where(bus, area, HUGE, -1, &iova), -EOPNOTSUPP);
	kernel.huge_fd = -1;
	assert_int_equal(where(bus, area, HUGE, fd, &iova), -EOPNOTSUPP);
	assert_non_null(strstr(error_text(), "nr_hugepages"));
	bus->ops->close(bus);
	assert_int_equal(kernel.open, 0);
	close(fd);
	free(memory);
}

int noiommu_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_by_name_and_with_a_warning),
		cmocka_unit_test(test_physical_addresses),
	};

	return cmocka_run_group_tests_name("vfio/noiommu", tests, NULL, NULL);
}
