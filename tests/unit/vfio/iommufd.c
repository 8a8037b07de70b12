/* SPDX-License-Identifier: BSD-3-Clause */
/* A function's own file and iommufd: when it is taken, in which steps, and what can go wrong. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "kernel.h"
#include "util/error.h"

/* Opens, expects success, and says which way it went by the requests that were made. */
static struct pci_bus *open_bus(unsigned iommu, bool iommufd)
{
	struct pci_bus *bus;

	assert_int_equal(vfio_open(NAME, iommu, &bus), 0);
	assert_int_equal(kernel_find(IOMMU_IOAS_ALLOC, 0) >= 0, iommufd);
	assert_int_equal(kernel_find(VFIO_SET_IOMMU, 0) >= 0, !iommufd);
	return bus;
}

static void close_bus(struct pci_bus *bus)
{
	bus->ops->close(bus);
	assert_int_equal(kernel.open, 0);
}

static void test_steps(void **state)
{
	struct pci_bus *bus;
	int bind;
	int alloc;
	int attach;
	int ranges;

	(void)state;
	kernel_iommufd();
	bus = open_bus(TRANSPORT_IOMMU_AUTO, true);
	bind = kernel_find(VFIO_DEVICE_BIND_IOMMUFD, 0);
	alloc = kernel_find(IOMMU_IOAS_ALLOC, 0);
	attach = kernel_find(VFIO_DEVICE_ATTACH_IOMMUFD_PT, 0);
	ranges = kernel_find(IOMMU_IOAS_IOVA_RANGES, 0);
	assert_true(alloc >= 0 && bind > alloc && attach > bind && ranges > attach);
	assert_int_equal(kernel.calls[bind].a, 16);
	assert_int_equal(kernel.calls[bind].b, 0);
	assert_int_equal(kernel.calls[alloc].a, 12);
	assert_int_equal(kernel.calls[attach].a, 12);
	assert_int_equal(kernel.calls[attach].c, 42);
	assert_int_equal(kernel.calls[ranges].a, 32);
	assert_int_equal(kernel.calls[ranges].b, 42);
	assert_int_equal(bus->nranges, 2);
	assert_int_equal(bus->ranges[1].first, 0xfef00000);
	assert_int_equal(bus->ranges[1].last, (UINT64_C(1) << 48) - 1);
	assert_false(bus->physical);
	close_bus(bus);
}

static void test_mapping(void **state)
{
	struct pci_bus *bus;
	const struct kernel_call *call;

	(void)state;
	kernel_iommufd();
	/* iommufd would take any address, but memory is pinned by the page. */
	kernel.alignment = 1;
	bus = open_bus(TRANSPORT_IOMMU_FD, true);
	assert_int_equal(bus->page, sysconf(_SC_PAGESIZE));
	assert_int_equal(bus->ops->dma_map(
				 bus, &(struct dma_region){.addr = 0x7f0000000000, .len = 0x200000},
				 0x40000000),
			 0);
	call = &kernel.calls[kernel_find(IOMMU_IOAS_MAP, 0)];
	assert_int_equal(call->a, 0x7f0000000000);
	assert_int_equal(call->b, 0x200000);
	assert_int_equal(call->c, 0x40000000);
	assert_int_equal(bus->ops->dma_unmap(bus, 0x40000000, 0x200000), 0);
	call = &kernel.calls[kernel_find(IOMMU_IOAS_UNMAP, 0)];
	assert_int_equal(call->b, 0x200000);
	assert_int_equal(call->c, 0x40000000);
	kernel.short_unmap = 4096;
	assert_int_equal(bus->ops->dma_unmap(bus, 0x40000000, 0x200000), -EIO);
	kernel.fail = IOMMU_IOAS_UNMAP;
	kernel.fail_errno = ENOENT;
	assert_int_equal(bus->ops->dma_unmap(bus, 0x40000000, 0x200000), -ENOENT);
	kernel.fail = IOMMU_IOAS_MAP;
	kernel.fail_errno = EEXIST;
	assert_int_equal(bus->ops->dma_map(
				 bus, &(struct dma_region){.addr = 0x7f0000000000, .len = 4096}, 0),
			 -EEXIST);
	assert_non_null(strstr(error_text(), NAME));
	close_bus(bus);
}

/* By default iommufd is used only if all of it exists and this user may open it. */
static void test_selection(void **state)
{
	unsigned without;

	(void)state;
	for (without = 0; without < 5; without++) {
		struct pci_bus *bus;

		kernel_iommufd();
		if (without == 0)
			kernel.files[3] = NULL;
		if (without == 1)
			kernel.files[4] = NULL;
		if (without == 2)
			kernel.cdev = NULL;
		kernel.denied = without == 3   ? "/dev/iommu"
				: without == 4 ? "/dev/vfio/devices/vfio3"
					       : NULL;
		kernel.denied_errno = EACCES;
		close_bus(open_bus(TRANSPORT_IOMMU_AUTO, false));
		kernel.ncalls = 0;
		/* Asked for by name it isn't replaced by anything. */
		assert_int_equal(vfio_open(NAME, TRANSPORT_IOMMU_FD, &bus), without < 2 ? -ENOENT
									    : without == 2
										    ? -ENODEV
										    : -EACCES);
		assert_non_null(strstr(error_text(), without == 2 ? "iommu=group" : "/dev/"));
		assert_int_equal(kernel.open, 0);
	}
	kernel_iommufd();
	close_bus(open_bus(TRANSPORT_IOMMU_GROUP, false));
}

static void test_steps_that_fail(void **state)
{
	static const struct {
		unsigned long request;
		int err;
		int ret;
		const char *says;
	} table[] = {
		/* In use by the group interface, and by iommufd. */
		{VFIO_DEVICE_BIND_IOMMUFD, EBUSY, -EBUSY, "in use"},
		{VFIO_DEVICE_BIND_IOMMUFD, EINVAL, -EBUSY, "in use"},
		{VFIO_DEVICE_BIND_IOMMUFD, EPERM, -EPERM, "allow_unsafe_interrupts"},
		{VFIO_DEVICE_BIND_IOMMUFD, ENODEV, -ENODEV, "binding"},
		{IOMMU_IOAS_ALLOC, ENOMEM, -ENOMEM, "address space"},
		{VFIO_DEVICE_ATTACH_IOMMUFD_PT, EINVAL, -EINVAL, "address space"},
		{IOMMU_IOAS_IOVA_RANGES, EOPNOTSUPP, -EOPNOTSUPP, "address ranges"},
	};
	struct pci_bus *bus;
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		kernel_iommufd();
		kernel.fail = table[i].request;
		kernel.fail_errno = table[i].err;
		assert_int_equal(vfio_open(NAME, TRANSPORT_IOMMU_AUTO, &bus), table[i].ret);
		assert_non_null(strstr(error_text(), table[i].says));
		assert_non_null(strstr(error_text(), NAME));
		assert_int_equal(kernel.open, 0);
	}
}

/* A group belongs to one driver that does DMA, or to one iommufd. */
static void test_neighbours(void **state)
{
	static const struct {
		const char *driver;
		const char *says;
	} table[] = {
		{"../drivers/e1000e", OTHER ", which is bound to e1000e; unbind"},
		{"../drivers/vfio-pci", OTHER ", which another program has open"},
		{"../drivers/pci-stub", "allow_unsafe_interrupts"},
		{NULL, "allow_unsafe_interrupts"},
	};
	struct pci_bus *bus;
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		kernel_iommufd();
		kernel_add_other(NULL);
		kernel.neighbour_driver = table[i].driver;
		kernel.fail = VFIO_DEVICE_BIND_IOMMUFD;
		kernel.fail_errno = EPERM;
		assert_int_equal(vfio_open(NAME, TRANSPORT_IOMMU_FD, &bus), -EPERM);
		assert_non_null(strstr(error_text(), table[i].says));
		assert_int_equal(kernel.open, 0);
	}
}

static void test_many_ranges_and_none(void **state)
{
	struct pci_bus *bus;
	unsigned i;

	(void)state;
	kernel_iommufd();
	for (i = 0; i < 64; i++)
		kernel.ranges[i] = (struct pci_range){i << 24, (i << 24) + 0xffff};
	kernel.nranges = kernel.total = 64;
	bus = open_bus(TRANSPORT_IOMMU_FD, true);
	assert_int_equal(bus->nranges, PCI_RANGES);
	assert_int_equal(bus->ranges[PCI_RANGES - 1].first, (PCI_RANGES - 1) << 24);
	close_bus(bus);
	kernel_iommufd();
	kernel.nranges = kernel.total = 0;
	assert_int_equal(vfio_open(NAME, TRANSPORT_IOMMU_FD, &bus), -EIO);
	assert_int_equal(kernel.open, 0);
}

int iommufd_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),      cmocka_unit_test(test_mapping),
		cmocka_unit_test(test_selection),  cmocka_unit_test(test_steps_that_fail),
		cmocka_unit_test(test_neighbours), cmocka_unit_test(test_many_ranges_and_none),
	};

	return cmocka_run_group_tests_name("vfio/iommufd", tests, NULL, NULL);
}
