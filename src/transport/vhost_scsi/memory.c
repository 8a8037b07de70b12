/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory table. The kernel accesses this process's memory by virtual address, so a region needs
 * no file, and IOVAs equal virtual addresses.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "transport/vhost_scsi/endpoint.h"
#include "util/bits.h"
#include "util/error.h"

int vs_send_table(struct vs *vs)
{
	union {
		struct vhost_memory table;
		char bytes[sizeof(struct vhost_memory) +
			   DMA_MAX_REGIONS * sizeof(struct vhost_memory_region)];
	} message = {.table = {.nregions = vs->count}};
	int ret;

	memcpy(message.bytes + sizeof(struct vhost_memory), vs->regions,
	       vs->count * sizeof(*vs->regions));
	ret = vs_call(vs, VHOST_SET_MEM_TABLE, &message, "VHOST_SET_MEM_TABLE");
	if (ret == -E2BIG)
		return error_set(-ENOSPC,
				 "the kernel takes fewer than %u memory regions; raise "
				 "max_mem_regions of its module vhost",
				 vs->count);
	if (ret == -EPERM)
		return error_set(ret, "the endpoint of %s belongs to the process that opened it",
				 vs->target.vhost_wwpn);
	return ret;
}

int vs_mem_map(struct transport *t, const struct dma_region *region, uint64_t *iova)
{
	struct vs *vs = vs_of(t);
	int ret = vs_may_call(vs);

	if (ret)
		return ret;
	if (vs->count == DMA_MAX_REGIONS)
		return error_set(-ENOSPC, "there are %u memory regions already", vs->count);
	vs->regions[vs->count++] = (struct vhost_memory_region){
		.guest_phys_addr = region->addr,
		.memory_size = region->len,
		.userspace_addr = region->addr,
	};
	ret = vs_send_table(vs);
	if (ret)
		vs->count--;
	else
		*iova = region->addr;
	return ret;
}

int vs_mem_unmap(struct transport *t, const struct dma_region *region, uint64_t iova)
{
	struct vs *vs = vs_of(t);
	struct vhost_memory_region moved;
	unsigned at = 0;
	int ret = vs_may_call(vs);

	(void)iova;
	if (ret)
		return ret;
	while (at < vs->count && vs->regions[at].userspace_addr != region->addr)
		at++;
	if (at == vs->count)
		return error_set(-EINVAL, "the memory at 0x%" PRIx64 " isn't mapped", region->addr);
	moved = vs->regions[at];
	vs->regions[at] = vs->regions[--vs->count];
	/* Without an endpoint, the region is only left out of the next table. */
	if (vs_is_gone(vs))
		return 0;
	ret = vs_send_table(vs);
	if (ret) {
		vs->regions[vs->count++] = vs->regions[at];
		vs->regions[at] = moved;
	}
	return ret;
}

/* The kernel accepts a new table at any time. */
bool vs_mem_map_live(struct transport *t)
{
	(void)t;
	return true;
}

bool vs_mem_covers(const struct vs *vs, const void *addr, uint64_t len)
{
	unsigned i;

	for (i = 0; i < vs->count; i++) {
		const struct vhost_memory_region *r = &vs->regions[i];

		if (range_inside((uintptr_t)addr, len, r->userspace_addr, r->memory_size))
			return true;
	}
	return false;
}
