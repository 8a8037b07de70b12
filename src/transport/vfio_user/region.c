/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Regions: the sizes of the BARs and of the configuration space, and accesses to them.
 *
 * Regions are not mapped, even if a server offers it: it could truncate the file under a mapping,
 * and a store would then raise SIGBUS in this process. GET_REGION_INFO is sent with room for no
 * more than the sizes, so that the server has no reason to send the file.
 */
#include <errno.h>

#include "transport/vfio_user/session.h"
#include "util/bits.h"
#include "util/error.h"

/* Smallest configuration space (PCI 3.0, 6.1). */
#define CONFIG_SIZE 256u

static uint64_t area_size(const struct vfu *v, unsigned index)
{
	return le64toh(v->areas[index].size);
}

static int read_area(struct vfu *v, unsigned index)
{
	const struct vfio_region_info ask = {.argsz = htole32(sizeof(ask)),
					     .index = htole32(index)};
	const struct vfu_call call = {
		.command = VFU_GET_REGION_INFO,
		.body = &ask,
		.size = sizeof(ask),
		.least = sizeof(ask),
		.answer = &v->areas[index],
		.room = sizeof(ask),
	};
	int ret;

	ret = vfu_call(v, &call);
	/* A region that the server refuses does not exist. */
	if (ret == -EIO)
		v->areas[index].size = 0;
	else if (ret)
		return ret;
	else if (le32toh(v->areas[index].index) != index)
		return vfu_fail(v, error_set(-EPROTO, "%s answered for region %u instead of %u",
					     v->bus.name, le32toh(v->areas[index].index), index));
	return 0;
}

int vfu_read_areas(struct vfu *v)
{
	unsigned i;
	int ret = 0;

	for (i = 0; i < PCI_BARS && !ret; i++)
		ret = read_area(v, i);
	if (!ret)
		ret = read_area(v, VFIO_PCI_CONFIG_REGION_INDEX);
	if (ret || area_size(v, VFIO_PCI_CONFIG_REGION_INDEX) >= CONFIG_SIZE)
		return ret;
	return error_set(-EPROTO, "%s reports %llu bytes of configuration space, less than %u",
			 v->bus.name,
			 (unsigned long long)area_size(v, VFIO_PCI_CONFIG_REGION_INDEX),
			 CONFIG_SIZE);
}

static int check_access(const struct vfu *v, unsigned index, uint64_t offset, unsigned width)
{
	if (range_inside(offset, width, 0, area_size(v, index)))
		return 0;
	return error_set(-EINVAL, "%s: no %u bytes at %llu of region %u", v->bus.name, width,
			 (unsigned long long)offset, index);
}

static int area_read(struct vfu *v, unsigned index, uint64_t offset, unsigned width,
		     uint32_t *value)
{
	const struct vfu_access ask = {htole64(offset), htole32(index), htole32(width)};
	const struct vfu_call call = {
		.command = VFU_REGION_READ,
		.body = &ask,
		.size = sizeof(ask),
		.least = sizeof(ask) + width,
		.value = value,
		.width = width,
	};
	int ret = check_access(v, index, offset, width);

	return ret ? ret : vfu_call(v, &call);
}

static int area_write(struct vfu *v, unsigned index, uint64_t offset, unsigned width,
		      uint32_t value)
{
	const struct vfu_access ask = {htole64(offset), htole32(index), htole32(width)};
	const uint32_t bytes = htole32(value);
	const struct vfu_call call = {
		.command = VFU_REGION_WRITE,
		.body = &ask,
		.size = sizeof(ask),
		.data = &bytes,
		.data_size = width,
	};
	int ret = check_access(v, index, offset, width);

	return ret ? ret : vfu_call(v, &call);
}

int vfu_config_read(struct pci_bus *bus, unsigned offset, unsigned width, uint32_t *value)
{
	return area_read(vfu_of(bus), VFIO_PCI_CONFIG_REGION_INDEX, offset, width, value);
}

int vfu_config_write(struct pci_bus *bus, unsigned offset, unsigned width, uint32_t value)
{
	return area_write(vfu_of(bus), VFIO_PCI_CONFIG_REGION_INDEX, offset, width, value);
}

uint64_t vfu_bar_size(struct pci_bus *bus, unsigned bar)
{
	return bar < PCI_BARS ? area_size(vfu_of(bus), bar) : 0;
}

int vfu_bar_read(struct pci_bus *bus, unsigned bar, uint64_t offset, unsigned width,
		 uint32_t *value)
{
	return area_read(vfu_of(bus), bar, offset, width, value);
}

int vfu_bar_write(struct pci_bus *bus, unsigned bar, uint64_t offset, unsigned width,
		  uint32_t value)
{
	return area_write(vfu_of(bus), bar, offset, width, value);
}
