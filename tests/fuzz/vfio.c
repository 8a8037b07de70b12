/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a kernel may say of a PCI function that VFIO serves: links, groups, interrupts, BARs, the
 * addresses of its IOMMU, and calls that fail. It is trusted more than a device is, but its
 * structures are of any length and in any order.
 */
#include <errno.h>

#include <linux/vfio.h>

#include "fuzz.h"
#include "vfio/kernel.h"

static struct input in;

static bool fail_some(const char *call)
{
	(void)call;
	errno = EIO;
	return in.left && input_back(&in) == 0xff;
}

/* A machine of one of three kinds, and what is different about this one. */
static void make_machine(uint8_t *info)
{
	static void (*const kinds[])(void) = {kernel_group, kernel_iommufd, kernel_noiommu};
	static const unsigned long requests[] = {
		0,
		VFIO_GET_API_VERSION,
		VFIO_CHECK_EXTENSION,
		VFIO_GROUP_GET_STATUS,
		VFIO_SET_IOMMU,
		VFIO_IOMMU_GET_INFO,
		VFIO_DEVICE_GET_INFO,
		VFIO_DEVICE_GET_REGION_INFO,
		VFIO_DEVICE_GET_IRQ_INFO,
	};
	uint8_t how = input_u8(&in);
	unsigned i;

	kinds[how % 3]();
	kernel.fail = requests[(how >> 2) % (sizeof(requests) / sizeof(*requests))];
	kernel.fail_errno = ENOTTY;
	how = input_u8(&in);
	kernel.viable = how & 1;
	kernel.coherent = how & 2;
	kernel.no_mmap = how & 4;
	kernel.nranges = how >> 5;
	kernel.total = input_u8(&in);
	for (i = 0; i < kernel.nranges; i++) {
		kernel.ranges[i].first = (uint64_t)input_u16(&in) << 24;
		kernel.ranges[i].last = (uint64_t)input_u16(&in) << 24;
	}
	kernel.alignment = (uint64_t)input_u16(&in) << 4;
	kernel.flags = input_u8(&in);
	kernel.irq_flags = input_u8(&in);
	kernel.irqs[VFIO_PCI_MSIX_IRQ_INDEX] = input_u32(&in);
	if (how & 8) {
		kernel.info_len = input_u8(&in);
		input_take(&in, info, kernel.info_len);
		kernel.info = info;
	}
	input_take(&in, kernel.registers, 64);
}

static void drive(struct pci_bus *bus)
{
	uint32_t value;
	unsigned bar;

	bus->ops->config_read(bus, input_u8(&in) & 0xfcu, 4, &value);
	for (bar = 0; bar < PCI_BARS; bar++) {
		if (bus->ops->bar_size(bus, bar) >= 4)
			bus->ops->bar_read(bus, bar, 0, 4, &value);
	}
	if (!bus->ops->dma_map(bus, &(struct dma_region){.addr = 0x7f0000000000, .len = 0x200000},
			       0x40000000))
		bus->ops->dma_unmap(bus, 0x40000000, 0x200000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t info[256] __attribute__((aligned(8)));
	struct pci_bus *bus;

	in = (struct input){data, size};
	memset(info, 0, sizeof(info));
	make_machine(info);
	kernel_fails = fail_some;
	if (!vfio_open(NAME, input_u8(&in) % 4, &bus)) {
		drive(bus);
		bus->ops->close(bus);
	}
	kernel_fails = NULL;
	MUST(!kernel.open);
	return 0;
}
