/* SPDX-License-Identifier: BSD-3-Clause */
/* The group interface, and what is the same whichever way was taken: registers and BARs. */
#include <errno.h>
#include <string.h>

#include "kernel.h"
#include "util/error.h"

static struct pci_bus *open_bus(void)
{
	struct pci_bus *bus;

	assert_int_equal(vfio_open(NAME, TRANSPORT_IOMMU_AUTO, &bus), 0);
	return bus;
}

static void close_bus(struct pci_bus *bus)
{
	bus->ops->close(bus);
	assert_int_equal(kernel.open, 0);
}

static void check_refused(int err, const char *says)
{
	struct pci_bus *bus;

	assert_int_equal(vfio_open(NAME, TRANSPORT_IOMMU_AUTO, &bus), err);
	assert_non_null(strstr(error_text(), says));
	assert_int_equal(kernel.open, 0);
}

static void test_steps(void **state)
{
	const struct kernel_call *call;
	struct pci_bus *bus;

	(void)state;
	kernel_group();
	bus = open_bus();
	assert_true(kernel_find(VFIO_GROUP_SET_CONTAINER, 0) < kernel_find(VFIO_SET_IOMMU, 0));
	assert_true(kernel_find(VFIO_SET_IOMMU, 0) < kernel_find(VFIO_GROUP_GET_DEVICE_FD, 0));
	call = &kernel.calls[kernel_find(VFIO_SET_IOMMU, 0)];
	assert_int_equal(call->a, VFIO_TYPE1v2_IOMMU);
	assert_int_equal(bus->nranges, 2);
	assert_int_equal(bus->page, 4096);
	assert_int_equal(bus->vectors, 4);
	assert_int_equal(bus->ops->dma_map(
				 bus, &(struct dma_region){.addr = 0x7f0000000000, .len = 0x200000},
				 0x40000000),
			 0);
	call = &kernel.calls[kernel_find(VFIO_IOMMU_MAP_DMA, 0)];
	assert_int_equal(call->c, 0x40000000);
	assert_int_equal(bus->ops->dma_unmap(bus, 0x40000000, 0x200000), 0);
	kernel.short_unmap = 4096;
	assert_int_equal(bus->ops->dma_unmap(bus, 0x40000000, 0x200000), -EIO);
	close_bus(bus);
}

static void test_what_can_be_missing(void **state)
{
	(void)state;
	kernel_group();
	kernel.files[2] = NULL;
	check_refused(-ENODEV, "lspci");
	kernel_group();
	kernel.driver = "../../../bus/pci/drivers/virtio-pci";
	/* vscsi-bind refuses what is no virtio-scsi function, such as the network, or is in use. */
	check_refused(-ENODEV,
		      "virtio-pci; bind it to vfio-pci: modprobe vfio-pci; vscsi-bind take 0000");
	kernel_group();
	kernel.driver = NULL;
	check_refused(-ENODEV, "no driver");
	kernel_group();
	kernel.group = NULL;
	check_refused(-ENODEV, "intel_iommu=on");
	kernel_group();
	kernel.files[0] = NULL;
	check_refused(-ENOENT, "vfio_iommu_type1");
	kernel_group();
	kernel.denied = "/dev/vfio/7";
	kernel.denied_errno = EACCES;
	check_refused(-EACCES, "/dev/vfio/7");
	kernel.denied_errno = EBUSY;
	check_refused(-EBUSY, "in use");
	kernel_group();
	kernel.fail = VFIO_SET_IOMMU;
	kernel.fail_errno = EPERM;
	check_refused(-EPERM, "allow_unsafe_interrupts");
	kernel_group();
	kernel.fail = VFIO_CHECK_EXTENSION;
	kernel.fail_errno = EINVAL;
	check_refused(-EOPNOTSUPP, "modprobe");
	kernel_group();
	kernel.viable = false;
	kernel.neighbour = "0000:00:06.0";
	kernel.neighbour_driver = "../../drivers/e1000e";
	check_refused(-EPERM, "0000:00:06.0, which is bound to e1000e");
	kernel.neighbour_driver = "../../drivers/vfio-pci";
	check_refused(-EPERM, "0000:00:06.0, which another program has open");
	/* Part of it belongs to an iommufd. */
	kernel.viable = true;
	kernel.fail = VFIO_GROUP_SET_CONTAINER;
	kernel.fail_errno = EPERM;
	check_refused(-EPERM, "0000:00:06.0, which another program has open");
	/* Without an IOMMU it is not taken unless that is asked for. */
	kernel_noiommu();
	check_refused(-ENODEV, "iommu=none");
}

/* Neighbours that don't explain the failure, so the message names none; and no list of them. */
static void test_a_group_without_a_culprit(void **state)
{
	static const struct {
		const char *name;
		const char *driver;
	} table[] = {
		{NULL, NULL},
		{"..", "../../drivers/e1000e"},
		{"0000:00:06.00", "../../drivers/e1000e"},
		{"0000-00-06.0", "../../drivers/e1000e"},
		{"0000:00:06.0", NULL},
		{"0000:00:06.0", "../../drivers/pci-stub"},
		{"0000:00:06.0", "pcieport"},
	};
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		kernel_group();
		kernel.viable = false;
		kernel.neighbour = table[i].name;
		kernel.neighbour_driver = table[i].driver;
		check_refused(-EPERM, "not viable; bind all of it");
	}
}

static void test_steps_that_fail(void **state)
{
	static const struct {
		unsigned long request;
		const char *says;
	} table[] = {
		{VFIO_GROUP_GET_STATUS, "status of /dev/vfio/7"},
		{VFIO_GROUP_SET_CONTAINER, "into a VFIO container"},
		{VFIO_GROUP_GET_DEVICE_FD, "through VFIO"},
	};
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		kernel_group();
		kernel.fail = table[i].request;
		kernel.fail_errno = EPERM;
		check_refused(-EPERM, table[i].says);
	}
	kernel.fail = VFIO_GET_API_VERSION;
	check_refused(-EOPNOTSUPP, "version -1 of VFIO's API; only version 0");
}

/* Without eventfds for them there are no interrupts; no function has more than 2048. */
static void test_interrupts(void **state)
{
	static int fds[2049];
	struct pci_bus *bus;

	(void)state;
	kernel_group();
	kernel.irqs[VFIO_PCI_MSIX_IRQ_INDEX] = UINT32_MAX;
	bus = open_bus();
	assert_int_equal(bus->vectors, 2048);
	kernel.ncalls = 0;
	assert_int_equal(bus->ops->irq_set(bus, fds, 2049), -EINVAL);
	assert_int_equal(kernel_find(VFIO_DEVICE_SET_IRQS, 0), -1);
	assert_int_equal(bus->ops->irq_set(bus, fds, 2), 0);
	assert_int_equal(kernel.calls[kernel_find(VFIO_DEVICE_SET_IRQS, 0)].b, 2);
	assert_int_equal(kernel.calls[kernel_find(VFIO_DEVICE_SET_IRQS, 0)].c,
			 VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER);
	assert_int_equal(bus->ops->irq_set(bus, NULL, 0), 0);
	assert_int_equal(kernel.calls[kernel_find(VFIO_DEVICE_SET_IRQS, 1)].c,
			 VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER);
	close_bus(bus);
	kernel_group();
	kernel.irq_flags = 0;
	bus = open_bus();
	assert_int_equal(bus->vectors, 0);
	assert_int_equal(kernel_find(VFIO_DEVICE_SET_IRQS, 0), -1);
	close_bus(bus);
}

/* A name becomes part of paths; a link may lead to its own folder. */
static void test_names(void **state)
{
	static const char *const wrong[] = {"",
					    "0000:00:05",
					    "0000:00:05.0/",
					    "0000:00:05.0 ",
					    "../../dev/kvm",
					    "0000:0g:05.0"};
	struct pci_bus *bus;
	unsigned i;

	(void)state;
	kernel_group();
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(vfio_open(wrong[i], TRANSPORT_IOMMU_AUTO, &bus), -EINVAL);
		assert_non_null(strstr(error_text(), "write pci:DDDD:BB:DD.F"));
	}
	kernel.driver = "vfio-pci";
	kernel.group = "7";
	close_bus(open_bus());
}

static void test_coherence_is_asked_for(void **state)
{
	unsigned coherent;

	(void)state;
	for (coherent = 0; coherent < 2; coherent++) {
		struct pci_bus *bus;

		kernel_group();
		kernel.coherent = coherent;
		bus = open_bus();
		assert_int_equal(bus->snoops, coherent);
		close_bus(bus);
	}
}

static void test_bars(void **state)
{
	struct pci_bus *bus;
	const struct kernel_call *call;
	char *addr;

	(void)state;
	CONFORMS("R-PCI-66", "R-PCI-15");
	kernel_group();
	bus = open_bus();
	assert_int_equal(bus->ops->bar_size(bus, 4), 0x4000);
	assert_int_equal(bus->ops->bar_size(bus, 0), 0);
	assert_int_equal(bus->ops->bar_size(bus, 6), 0);
	/* Whole pages around it, at the place that VFIO names. */
	addr = bus->ops->bar_map(bus, 4, 0x1010, 0x20);
	assert_non_null(addr);
	assert_int_equal((uintptr_t)addr & 4095, 0x10);
	call = &kernel.calls[kernel_find(0, 0)];
	assert_int_equal(call->a, (UINT64_C(4) << 40) + 0x1000);
	assert_int_equal(call->b, 0x30);
	bus->ops->bar_unmap(bus, addr, 0x20);
	assert_null(bus->ops->bar_map(bus, 4, 0x3000, 0x1001));
	/* Pages that must not be mapped, such as those of the MSI-X table. */
	kernel.no_mmap = true;
	assert_null(bus->ops->bar_map(bus, 4, 0x1000, 0x1000));
	close_bus(bus);
	kernel.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	kernel.ncalls = 0;
	bus = open_bus();
	assert_null(bus->ops->bar_map(bus, 4, 0x1000, 0x1000));
	assert_int_equal(kernel_find(0, 0), -1);
	close_bus(bus);
}

static void test_registers(void **state)
{
	static const uint8_t bytes[] = {0x34, 0x12, 0x56};
	struct pci_bus *bus;
	uint32_t value;

	(void)state;
	CONFORMS("R-PCI-10", "R-PCI-67", "R-MB-18");
	kernel_group();
	bus = open_bus();
	/* Each access is a system call of its own: it is there before the next one is made. */
	assert_int_equal(bus->ops->bar_write(bus, 4, 0x100, 2, 0x1234), 0);
	assert_memory_equal(kernel.registers + 0x100, bytes, 2);
	assert_int_equal(bus->ops->bar_write(bus, 4, 0x102, 1, 0x56), 0);
	assert_memory_equal(kernel.registers + 0x100, bytes, sizeof(bytes));
	assert_int_equal(bus->ops->bar_read(bus, 4, 0x100, 4, &value), 0);
	assert_int_equal(value, 0x561234);
	assert_int_equal(bus->ops->bar_read(bus, 4, 0x3ffe, 4, &value), -EINVAL);
	assert_int_equal(bus->ops->bar_write(bus, 0, 0, 1, 0), -EINVAL);
	assert_int_equal(bus->ops->config_read(bus, 256, 4, &value), -EINVAL);
	kernel.pulled = true;
	assert_int_equal(bus->ops->bar_read(bus, 4, 0x100, 4, &value), -ENOTCONN);
	assert_int_equal(bus->ops->bar_write(bus, 4, 0x100, 4, 0), -ENOTCONN);
	assert_int_equal(bus->ops->config_read(bus, 0, 4, &value), -ENOTCONN);
	assert_int_equal(bus->ops->config_write(bus, 4, 2, 0), -ENOTCONN);
	close_bus(bus);
}

int group_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_what_can_be_missing),
		cmocka_unit_test(test_a_group_without_a_culprit),
		cmocka_unit_test(test_steps_that_fail),
		cmocka_unit_test(test_interrupts),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_coherence_is_asked_for),
		cmocka_unit_test(test_bars),
		cmocka_unit_test(test_registers),
	};

	return cmocka_run_group_tests_name("vfio/group", tests, NULL, NULL);
}
