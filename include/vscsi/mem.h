/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DMA memory: memory that the device can access, and therefore the only memory that the data path
 * accepts. A pool is one contiguous mapping of at most 8 hugepages with a heap inside; memory of
 * the application can be added to it. One pool can serve any number of devices.
 *
 * In a child process of fork(), vscsi_mem_free() does nothing, vscsi_mem_destroy() unmaps the
 * child's mapping, and all other calls for the parent's pools fail with -ECHILD; see device.h.
 */
#ifndef VSCSI_MEM_H
#define VSCSI_MEM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vscsi_mem;

/* Maximum hugepages of a pool: as many memory regions as every vhost-user back-end accepts. */
#define VSCSI_MEM_MAX_PAGES 8

/* Maximum regions of the application in a pool. A device may accept fewer. */
#define VSCSI_MEM_MAX_REGIONS 56

/* vscsi_mem_opts.flags */
#define VSCSI_MEM_ORDINARY   (1u << 0) /* if there are no hugepages, use ordinary pages */
#define VSCSI_MEM_UNVERIFIED (1u << 1) /* believe the application: see vscsi_mem_register() */

/* vscsi_mem_opts.numa: 0 is the node of the calling thread */
#define VSCSI_NUMA_LOCAL   0u
#define VSCSI_NUMA_NODE(n) ((uint32_t)(n) + 1u)

/**
 * struct vscsi_mem_opts - How a pool is made; zero means default
 * @size: sizeof(struct vscsi_mem_opts)
 * @flags: VSCSI_MEM_ORDINARY, VSCSI_MEM_UNVERIFIED
 * @bytes: minimum size; 0: @pages pages, or 16 MiB if that is 0 too
 * @page_size: bytes of a hugepage, 2 MiB or 1 GiB; 0: the smaller one with which 8 pages suffice
 * @pages: number of hugepages, 1 to 8; 0: as many as @bytes needs
 * @numa: VSCSI_NUMA_LOCAL or VSCSI_NUMA_NODE(n); no effect on a machine with one node.
 *	Without libnuma there is no VSCSI_NUMA_NODE(n)
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
 * struct vscsi_mem_stats - State of a pool
 * @size: sizeof(struct vscsi_mem_stats), set by the caller
 * @pages: pages of @page_size that the pool was made of
 * @page_size: bytes; 4096 or similar for ordinary pages
 * @bytes: bytes of the pool
 * @used: bytes allocated, rounded up to the heap's unit of 64
 * @peak: maximum of @used so far
 * @largest_free: bytes of the largest block that can be allocated now
 * @blocks: number of allocated blocks
 * @regions: number of the application's regions
 * @numa_node: NUMA node of the pool
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
 * @opts: options, or NULL for the defaults
 * @mem: receives the pool, which the caller owns: vscsi_mem_destroy()
 *
 * When this returns, all pages are present: zeroed, shareable with a back-end by file descriptor,
 * and sealed, so that nothing can shrink the file. A back-end can still punch holes in it, see
 * libvirtioscsi-safety(7). Any thread. Slow: system calls, and time for
 * every page.
 *
 * Return: 0; -ENOMEM if not enough hugepages are free and unreserved (vscsi_last_error() has the
 * command that reserves more); -EINVAL, -E2BIG for options that can't be met; -EFBIG if the pool is
 * larger than RLIMIT_FSIZE allows a file to be; -EMFILE, -ENFILE; -EOPNOTSUPP for a node by number
 * where the library was built without libnuma.
 */
int vscsi_mem_create(const struct vscsi_mem_opts *opts, struct vscsi_mem **mem);

/**
 * vscsi_mem_destroy - Free a pool
 * @mem: the pool; NULL is allowed
 *
 * Blocks that are still allocated are freed with it; the application's own regions only leave the
 * pool. One thread, with no other thread in a call for the pool.
 *
 * Return: 0, or -EBUSY while a device that uses the pool is open; then nothing has changed.
 */
int vscsi_mem_destroy(struct vscsi_mem *mem);

/**
 * vscsi_mem_alloc - Allocate a block from a pool
 * @mem: the pool
 * @len: bytes, at least 1
 * @align: alignment of the address in bytes, a power of two; 0 and everything below 64 mean 64
 *
 * The contents are undefined. Any thread; takes the pool's lock for a moment; no system call.
 *
 * Return: the block, to be freed with vscsi_mem_free(); or NULL with the reason in
 * vscsi_last_error() and in errno: ENOMEM (no free block is large enough), EINVAL (an argument is
 * invalid) or ECHILD (the pool belongs to the parent process).
 */
void *vscsi_mem_alloc(struct vscsi_mem *mem, size_t len, size_t align);

/**
 * vscsi_mem_free - Free a block
 * @mem: the pool that it was allocated from
 * @ptr: what vscsi_mem_alloc() returned; NULL is allowed
 *
 * A block with I/O in flight must not be freed. Any thread; takes the pool's lock for a moment.
 *
 * Return: 0, or -EINVAL if @ptr is not a block of this pool or was freed before; then nothing has
 * changed.
 */
int vscsi_mem_free(struct vscsi_mem *mem, void *ptr);

/**
 * vscsi_mem_register - Make memory of the application DMA memory
 * @mem: the pool that it joins, and so every device that uses the pool, now or later
 * @addr: start, aligned to the page size of the mapping
 * @len: bytes, a multiple of that page size
 * @fd: the file that @addr is a MAP_SHARED mapping of, needed by vhost-user and vfio-user; -1 for
 *	none. The library keeps a duplicate, the caller's stays the caller's
 * @fd_offset: file offset of @addr, page aligned
 *
 * It must be readable and writable, must not overlap any other region, and must stay mapped until
 * it is unregistered or the pool is destroyed. That all of it is a mapping of @fd from @fd_offset
 * on is verified with /proc/self/maps.
 *
 * The file must not be able to shrink: a back-end, which can write to it, could truncate it, and
 * the next access would end this process with SIGBUS. So it is a memfd that has F_SEAL_SHRINK, or
 * one made with MFD_ALLOW_SEALING, which then gets that seal permanently; or no regular file at
 * all, such as a DAX device. A file of hugetlbfs or tmpfs can't be sealed.
 *
 * With VSCSI_MEM_UNVERIFIED neither of the two is checked: for files that can't be sealed while all
 * processes that can write to them are trusted, and for processes without /proc.
 *
 * Memory without a file that is mapped privately is not inherited by children of fork() while it is
 * registered (MADV_DONTFORK, undone afterwards): a page that both have would be copied for the one
 * that writes first, and the device might be left with the other's.
 *
 * A running device without the CONFIGURE_MEM_SLOTS protocol feature has to stop its
 * rings for a moment: no other thread may submit meanwhile, and the call fails if requests are in
 * flight.
 *
 * Any thread. Waits, for each device of the pool at most vscsi_dev_opts.timeout_ms for each answer:
 * one, or if its rings have to be stopped eleven for each queue and one more. Over vhost-scsi it
 * waits without limit: until the requests that the device has in flight have ended.
 *
 * Return: 0; -EBUSY (requests in flight, see above, or a device that uses the pool is
 * reconnecting); -EEXIST (overlap); -ENOSPC (no more regions in the pool or on a device); -EINVAL;
 * -EPERM (the file can shrink); -ENOENT or another errno of opening /proc/self/maps; -ENOTCONN,
 * -ETIMEDOUT (a device that uses the pool has failed: close it first; or it was lost over this, and
 * is reconnected as after any loss); -EMFILE; -ECHILD; or what a device answered. After a failure
 * nothing has changed, but that the file may be sealed.
 */
int vscsi_mem_register(struct vscsi_mem *mem, void *addr, size_t len, int fd, uint64_t fd_offset);

/**
 * vscsi_mem_unregister - Remove memory of the application from a pool
 * @mem: the pool
 * @addr: the start that was registered
 *
 * While this runs, new requests in the region may fail with -EFAULT; after it they do. Other
 * threads may prepare requests meanwhile: one of theirs either makes this fail, or is refused. Any
 * thread. Waits as vscsi_mem_register() does. A device that is lost over this is reconnected
 * without the region, and this succeeds.
 *
 * Return: 0; -EBUSY while a device that uses the pool is reconnecting, and while a request
 * submitted earlier uses the memory (or, on devices as described at vscsi_mem_register(), while any
 * request is in flight); -ENOENT if nothing is registered at @addr; -ENOSYS, -EPERM on a kernel or
 * in a sandbox without membarrier(2), while a device uses the pool; -ECHILD; or what a device
 * answered. After a failure nothing has changed.
 */
int vscsi_mem_unregister(struct vscsi_mem *mem, void *addr);

/**
 * vscsi_mem_get_stats - Get the state of a pool
 * @mem: the pool
 * @stats: @stats->size set by the caller; the rest is filled in
 *
 * Any thread. Takes the pool's locks, so it waits for a thread that is in vscsi_mem_register() or
 * vscsi_mem_unregister().
 *
 * Return: 0, -EINVAL for a size below 4, -E2BIG for one above 4096, -ECHILD.
 */
int vscsi_mem_get_stats(struct vscsi_mem *mem, struct vscsi_mem_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
