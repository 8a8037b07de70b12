/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Registers and unregisters application memory with a pool: the list of regions. check.c validates
 * the arguments, maps.c updates the devices.
 */
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>
#include <sys/mman.h>

#include <vscsi/mem.h>

#include "mem/check.h"
#include "mem/maps.h"
#include "mem/pool.h"
#include "util/error.h"
#include "util/fd.h"

/* R-VU-34 and R-VU-35: regions never overlap. No sum overflows: see check.c. */
static const struct dma_region *find_overlap(const struct vscsi_mem *mem, uint64_t addr,
					     uint64_t len)
{
	const struct dma_region *region;
	unsigned bit;

	for (bit = 0; bit < DMA_MAX_REGIONS; bit++) {
		region = &mem->regions[bit];
		if (mem->present >> bit & 1 && addr < region->addr + region->len &&
		    region->addr < addr + len)
			return region;
	}
	return NULL;
}

/* Skips the pool's own region, which can't be unregistered. */
static struct dma_region *find_registered(struct vscsi_mem *mem, const void *addr)
{
	unsigned bit;

	for (bit = POOL_BIT + 1; bit < DMA_MAX_REGIONS; bit++) {
		if (mem->present >> bit & 1 && mem->regions[bit].addr == (uintptr_t)addr)
			return &mem->regions[bit];
	}
	return NULL;
}

/*
 * Duplicates the region's file descriptor, because the application may close its own before the
 * next device is opened. Excludes private memory from fork(): otherwise the kernel copies a page at
 * the next write, and the parent may get the copy while the device still uses the original.
 */
static int acquire(struct dma_region *region, int fd)
{
	region->fd = fd < 0 ? -1 : fd_copy(fd);
	if (fd >= 0 && region->fd < 0)
		return error_set(-errno, "duplicating file descriptor %d: %m", fd);
	if (region->unforked &&
	    madvise((void *)(uintptr_t)region->addr, region->len, MADV_DONTFORK))
		return error_set(-errno, "excluding the memory at 0x%" PRIx64 " from fork(): %m",
				 region->addr);
	return 0;
}

void region_release(const struct dma_region *region)
{
	if (region->fd >= 0)
		close(region->fd);
	if (region->unforked)
		madvise((void *)(uintptr_t)region->addr, region->len, MADV_DOFORK);
}

static int add_region(struct vscsi_mem *mem, struct dma_region *region, int fd)
{
	const struct dma_region *other = find_overlap(mem, region->addr, region->len);
	const uint64_t all = (UINT64_C(1) << DMA_MAX_REGIONS) - 1;
	int err;

	if (other)
		return error_set(-EEXIST,
				 "%" PRIu64 " bytes at 0x%" PRIx64 " overlap a region of %" PRIu64
				 " bytes at 0x%" PRIx64,
				 region->len, region->addr, other->len, other->addr);
	if (mem->present == all)
		return error_set(-ENOSPC, "the pool already has %d regions, the maximum",
				 VSCSI_MEM_MAX_REGIONS);
	/* A number can be reused: its region was removed only after no request referred to it. */
	region->bit = (unsigned)__builtin_ctzll(~mem->present);
	err = acquire(region, fd);
	if (!err)
		err = maps_add_region(mem->maps, region);
	if (err) {
		region_release(region);
		return err;
	}
	mem->regions[region->bit] = *region;
	mem->present |= UINT64_C(1) << region->bit;
	return 0;
}

int dma_register(struct vscsi_mem *mem, void *addr, size_t len, int fd, uint64_t fd_offset)
{
	struct dma_region region = {.addr = (uintptr_t)addr, .len = len, .fd_offset = fd_offset};
	int err;

	if (!mem)
		return error_set(-EINVAL, "mem is NULL; pass the pool to register memory with");
	err = pool_check(mem);
	if (!err)
		err = check_region(addr, len, fd, fd_offset, !mem->unverified, &region.unforked);
	if (err)
		return err;
	pthread_mutex_lock(&mem->regions_lock);
	err = add_region(mem, &region, fd);
	pthread_mutex_unlock(&mem->regions_lock);
	return err;
}

static int remove_region(struct vscsi_mem *mem, struct dma_region *region)
{
	int err;

	err = maps_remove_region(mem->maps, region);
	if (err)
		return err;
	region_release(region);
	mem->present &= ~(UINT64_C(1) << region->bit);
	return 0;
}

int dma_unregister(struct vscsi_mem *mem, void *addr)
{
	struct dma_region *region;
	int err;

	if (!mem)
		return error_set(-EINVAL,
				 "mem is NULL; pass the pool that the memory is registered with");
	err = pool_check(mem);
	if (err)
		return err;
	pthread_mutex_lock(&mem->regions_lock);
	region = find_registered(mem, addr);
	err = region ? remove_region(mem, region)
		     : error_set(-ENOENT, "no region is registered at %p", addr);
	pthread_mutex_unlock(&mem->regions_lock);
	return err;
}
