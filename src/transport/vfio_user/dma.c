/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory: the server maps the file that it receives. It may delay the answer until requests in
 * flight have completed.
 */
#include <errno.h>

#include "transport/vfio_user/session.h"
#include "util/bits.h"
#include "util/error.h"

int vfu_dma_map(struct pci_bus *bus, const struct dma_region *region, uint64_t iova)
{
	const struct vfu_dma_map map = {
		.argsz = htole32(sizeof(map)),
		.flags = htole32(VFU_DMA_READABLE | VFU_DMA_WRITEABLE),
		.offset = htole64(region->fd_offset),
		.address = htole64(iova),
		.size = htole64(region->len),
	};
	const struct vfu_call call = {
		.command = VFU_DMA_MAP,
		.body = &map,
		.size = sizeof(map),
		.fds = &region->fd,
		.nfds = 1,
	};

	/* The protocol allows it, but no known server can access such memory. */
	if (region->fd < 0)
		return error_set(-EINVAL, "a vfio-user server reaches memory through its file; "
					  "register it with the file descriptor");
	if (region->fd_offset & (bus->page - 1))
		return error_set(
			-EINVAL,
			"a vfio-user server can't map a file from byte %llu on; the offset "
			"must be a multiple of %llu",
			(unsigned long long)region->fd_offset, (unsigned long long)bus->page);
	return vfu_call(vfu_of(bus), &call);
}

int vfu_dma_unmap(struct pci_bus *bus, uint64_t iova, uint64_t len)
{
	const struct vfu_dma_unmap unmap = {
		.argsz = htole32(sizeof(unmap)),
		.address = htole64(iova),
		.size = htole64(len),
	};
	const struct vfu_call call = {
		.command = VFU_DMA_UNMAP,
		.body = &unmap,
		.size = sizeof(unmap),
	};

	/* The end of the connection has unmapped everything. */
	return vfu_of(bus)->connected ? vfu_call(vfu_of(bus), &call) : 0;
}
