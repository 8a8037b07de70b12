/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DMA memory: memory that the device can reach, and therefore the only memory that the data path
 * accepts. A pool is one contiguous mapping of at most 8 hugepages with a heap inside; memory of
 * the application's own can be added to it. One pool can serve any number of devices.
 */
#ifndef VSCSI_MEM_H
#define VSCSI_MEM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vscsi_mem;

/* Most hugepages in a pool: the number of memory regions that every vhost-user back-end accepts. */
#define VSCSI_MEM_MAX_PAGES 8

/* Most regions of the application's own in a pool. A device may accept fewer. */
#define VSCSI_MEM_MAX_REGIONS 56

/* vscsi_mem_opts.flags */
#define VSCSI_MEM_ORDINARY (1u << 0) /* without hugepages, take ordinary pages instead */

/* vscsi_mem_opts.numa: 0 is the node of the calling thread */
#define VSCSI_NUMA_LOCAL   0u
#define VSCSI_NUMA_NODE(n) ((uint32_t)(n) + 1u)

/**
 * struct vscsi_mem_opts - How a pool is made; zero means default
 * @size: sizeof(struct vscsi_mem_opts)
 * @flags: VSCSI_MEM_ORDINARY
 * @bytes: at least so many bytes; 0: @pages pages, or 16 MiB where that is 0 too
 * @page_size: bytes of a hugepage, 2 MiB or 1 GiB; 0: the smaller one with which 8 pages suffice
 * @pages: how many hugepages, 1 to 8; 0: as many as @bytes needs
 * @numa: VSCSI_NUMA_LOCAL or VSCSI_NUMA_NODE(n); of no effect on a machine with one node
 */
struct vscsi_mem_opts {
	uint32_t size;
	uint32_t flags;
	uint64_t bytes;
	uint64_t page_size;
	uint32_t pages;
	uint32_t numa;
};

/**
 * struct vscsi_mem_stats - What a pool holds
 * @size: sizeof(struct vscsi_mem_stats), set by the caller
 * @pages: pages of @page_size that the pool was made of
 * @page_size: bytes; 4096 or the like where ordinary pages were taken
 * @bytes: bytes of the pool
 * @used: bytes handed out, rounded up to the heap's unit of 64
 * @peak: the most that @used has been
 * @largest_free: bytes of the largest block that can be had now
 * @blocks: number of blocks handed out
 * @regions: number of the application's own regions
 * @numa_node: node that the pool lies on
 * @reserved: 0
 */
struct vscsi_mem_stats {
	uint32_t size;
	uint32_t pages;
	uint64_t page_size;
	uint64_t bytes;
	uint64_t used;
	uint64_t peak;
	uint64_t largest_free;
	uint64_t blocks;
	uint32_t regions;
	uint32_t numa_node;
	uint64_t reserved;
};

/**
 * vscsi_mem_create - Make a pool of DMA memory
 * @opts: how, or NULL for the defaults
 * @mem: receives the pool, which the caller owns: vscsi_mem_destroy()
 *
 * All pages are there when this returns: zeroed, shareable with a back-end by file descriptor, and
 * sealed, so that nobody can shrink them under us. Slow: system calls, and time for every page.
 *
 * Return: 0; -ENOMEM when the hugepages are not to be had (vscsi_last_error() has the command that
 * reserves them); -EINVAL, -E2BIG for options that can't be met.
 */
int vscsi_mem_create(const struct vscsi_mem_opts *opts, struct vscsi_mem **mem);

/**
 * vscsi_mem_destroy - Give a pool back to the system
 * @mem: the pool; NULL is allowed
 *
 * Blocks still allocated vanish with it; the application's own regions only leave the pool. Any
 * thread, when no other one uses the pool.
 *
 * Return: 0, or -EBUSY while a device is open that uses the pool; then nothing has happened.
 */
int vscsi_mem_destroy(struct vscsi_mem *mem);

/**
 * vscsi_mem_alloc - Take a block from a pool
 * @mem: the pool
 * @len: bytes, at least 1
 * @align: alignment of the address in bytes, a power of two; 0 and all below 64 mean 64
 *
 * The contents are undefined. Any thread; takes the pool's lock, makes no system call.
 *
 * Return: the block, which goes back with vscsi_mem_free(); NULL when no free block is as large,
 * or for arguments that make no sense.
 */
void *vscsi_mem_alloc(struct vscsi_mem *mem, size_t len, size_t align);

/**
 * vscsi_mem_free - Give a block back
 * @mem: the pool that it came from
 * @ptr: what vscsi_mem_alloc() returned; NULL is allowed
 *
 * A block with I/O in flight must not be freed. Any thread; takes the pool's lock.
 *
 * Return: 0, or -EINVAL when @ptr is not a block of this pool or was freed before; then nothing has
 * happened.
 */
int vscsi_mem_free(struct vscsi_mem *mem, void *ptr);

/**
 * vscsi_mem_register - Make the application's own memory DMA memory
 * @mem: the pool that it joins, and so every device that uses the pool, now or later
 * @addr: start, aligned to the page size of the mapping
 * @len: bytes, a multiple of that page size
 * @fd: the file that @addr is a MAP_SHARED mapping of (memfd, hugetlbfs ...), needed by vhost-user;
 *	the library keeps a duplicate and the caller's stays the caller's
 * @fd_offset: where in the file @addr lies, page aligned
 *
 * It must not overlap anything registered. The memory must stay mapped until it is unregistered or
 * the pool destroyed. A running device without the CONFIGURE_MEM_SLOTS protocol feature has to stop
 * its rings for a moment: then no other thread may submit meanwhile, and requests in flight make
 * the call fail. Any thread; slow.
 *
 * Return: 0; -EBUSY (requests in flight, see above, or a device that uses the pool is lost and
 * looked for); -EEXIST (overlap); -ENOSPC (no more regions in the pool or on a device); -EINVAL; or
 * what a device answered. After a failure nothing has changed.
 */
int vscsi_mem_register(struct vscsi_mem *mem, void *addr, size_t len, int fd, uint64_t fd_offset);

/**
 * vscsi_mem_unregister - Take the application's own memory back
 * @mem: the pool
 * @addr: the start that was registered
 *
 * While this runs, new requests in the region may fail with -EFAULT; after it they do. Any thread;
 * slow.
 *
 * Return: 0; -EBUSY while a device that uses the pool is lost and looked for, and while a request
 * submitted earlier uses the memory (or, on devices as described at vscsi_mem_register(), while any
 * request is in flight); -ENOENT when nothing was registered at @addr. After a failure nothing has
 * changed.
 */
int vscsi_mem_unregister(struct vscsi_mem *mem, void *addr);

/**
 * vscsi_mem_get_stats - Tell what a pool holds
 * @mem: the pool
 * @stats: @stats->size set by the caller; the rest is filled in
 *
 * Any thread; takes the pool's locks, so it may wait for a device that is mapping a region.
 *
 * Return: 0, -EINVAL for a size below 4, -E2BIG for one above 4096.
 */
int vscsi_mem_get_stats(struct vscsi_mem *mem, struct vscsi_mem_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
