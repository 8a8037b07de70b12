/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DMA memory: memory that the device can access. The data path accepts no other memory. A pool is
 * one contiguous mapping of at most 8 hugepages with a heap inside; the application can add memory
 * of its own with vscsi_mem_register(). Any number of devices can use one pool.
 *
 * In a child process of fork(), for a pool that the parent made: vscsi_mem_free() does nothing and
 * returns 0, vscsi_mem_destroy() unmaps the pool from the child, vscsi_mem_alloc() returns NULL
 * with errno ECHILD, and all other calls return -ECHILD. See device.h.
 */
#ifndef VSCSI_MEM_H
#define VSCSI_MEM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vscsi_mem;

/* Maximum number of hugepages in a pool: every vhost-user back-end accepts 8 memory regions. */
#define VSCSI_MEM_MAX_PAGES 8

/* Maximum number of registered regions in a pool. A device may accept fewer. */
#define VSCSI_MEM_MAX_REGIONS 56

/* vscsi_mem_opts.flags */
#define VSCSI_MEM_ORDINARY   (1u << 0) /* use ordinary pages if hugepages are short */
#define VSCSI_MEM_UNVERIFIED (1u << 1) /* skip checks of vscsi_mem_register() */

/* vscsi_mem_opts.numa: LOCAL is the node of the thread that calls vscsi_mem_create() */
#define VSCSI_NUMA_LOCAL   0u
#define VSCSI_NUMA_NODE(n) ((uint32_t)(n) + 1u)

/**
 * struct vscsi_mem_opts - Options for creating a pool; zero means default
 * @size: sizeof(struct vscsi_mem_opts)
 * @flags: VSCSI_MEM_ORDINARY, VSCSI_MEM_UNVERIFIED
 * @bytes: minimum size in bytes, at most 8 GiB; 0: @pages pages, or 16 MiB if @pages is 0 too
 * @page_size: bytes of a hugepage, 2 MiB or 1 GiB; 0: 2 MiB if @bytes is at most 16 MiB, otherwise
 *	1 GiB
 * @pages: number of hugepages, 1 to 8; 0: as many as @bytes needs
 * @numa: VSCSI_NUMA_LOCAL or VSCSI_NUMA_NODE(n). No effect on a machine with one node.
 *	A library built without libnuma accepts only VSCSI_NUMA_LOCAL
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
 * @pages: number of pages in the pool
 * @page_size: bytes of a page; the system's page size, such as 4096, for ordinary pages
 * @bytes: size of the pool in bytes, without registered regions
 * @used: bytes allocated, each block rounded up to a multiple of 64
 * @peak: maximum of @used so far
 * @largest_free: bytes of the largest block that can be allocated now
 * @blocks: number of allocated blocks
 * @regions: number of regions that the application registered
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
 * vscsi_mem_create - Create a pool of DMA memory
 * @opts: options, or NULL for the defaults
 * @mem: receives the pool; the caller owns it and frees it with vscsi_mem_destroy()
 *
 * All pages are allocated and zeroed before this returns. The pool is a file that back-ends receive
 * by file descriptor; it is sealed, so no process can shrink it. A back-end can still punch holes
 * in it, see libvirtioscsi-safety(7).
 *
 * Any thread. Waits for no device, but is slow: it makes system calls and zeroes every page.
 *
 * Return: 0; -ENOMEM if too few hugepages are free and unreserved (vscsi_last_error() has the
 * command that reserves more); -EINVAL for invalid options, or if @opts->bytes don't fit
 * @opts->pages pages; -E2BIG if more than 8 pages are requested or needed, or for an option struct
 * of a newer library; -EFBIG if the pool is larger than RLIMIT_FSIZE allows a file to be; -EMFILE,
 * -ENFILE; -EOPNOTSUPP for VSCSI_NUMA_NODE(n) if the library was built without libnuma.
 */
int vscsi_mem_create(const struct vscsi_mem_opts *opts, struct vscsi_mem **mem);

/**
 * vscsi_mem_destroy - Free a pool
 * @mem: the pool; NULL is allowed
 *
 * Also frees all blocks that are still allocated. Registered regions are unregistered and stay
 * mapped; they remain the application's. Any thread, with no other thread in a call for the pool.
 * Never waits.
 *
 * Return: 0, or -EBUSY while a device that uses the pool is open; then nothing has changed.
 */
int vscsi_mem_destroy(struct vscsi_mem *mem);

/**
 * vscsi_mem_alloc - Allocate a block from a pool
 * @mem: the pool
 * @len: bytes, at least 1
 * @align: alignment of the address in bytes, a power of two; values below 64, 0 included, mean 64
 *
 * The contents are undefined. Any thread; takes the heap's lock briefly; makes no system call
 * unless another thread holds that lock.
 *
 * Return: the block, which the caller frees with vscsi_mem_free(); or NULL with a text in
 * vscsi_last_error() and the reason in errno: ENOMEM (no free block is large enough), EINVAL (an
 * argument is invalid) or ECHILD (the pool belongs to the parent process).
 */
void *vscsi_mem_alloc(struct vscsi_mem *mem, size_t len, size_t align);

/**
 * vscsi_mem_free - Free a block
 * @mem: the pool that the block was allocated from
 * @ptr: the block, as returned by vscsi_mem_alloc(); NULL is allowed
 *
 * Don't free a block while a request that uses it is in flight: the library doesn't check this. Any
 * thread; takes the heap's lock briefly.
 *
 * Return: 0, or -EINVAL if @ptr is not a block of this pool or was freed before; then nothing has
 * changed.
 */
int vscsi_mem_free(struct vscsi_mem *mem, void *ptr);

/**
 * vscsi_mem_register - Make memory of the application DMA memory
 * @mem: the pool to add the memory to; every device that uses the pool, now or later, can access it
 * @addr: start of the memory, aligned to the page size of the mapping
 * @len: bytes, a multiple of that page size
 * @fd: the file that is mapped at @addr with MAP_SHARED, open for reading and writing; required for
 *	vhost-user and vfio-user. -1: none. The library keeps a duplicate; the caller still owns @fd
 *	and may close it
 * @fd_offset: file offset that is mapped at @addr, page aligned
 *
 * The memory must be readable and writable, must not overlap another region of the pool, and must
 * stay mapped until it is unregistered or the pool is destroyed. The library reads /proc/self/maps
 * to verify that all of the memory is mapped, and that it maps @fd from @fd_offset on.
 *
 * The file must not be able to shrink. A back-end can write to the file: if it truncated it, the
 * next access of the memory would end this process with SIGBUS. These files are accepted:
 *
 * - a memfd with F_SEAL_SHRINK;
 * - a memfd made with MFD_ALLOW_SEALING; the library adds F_SEAL_SHRINK, permanently;
 * - a file that is not a regular file, such as a DAX device.
 *
 * Other regular files, such as those of hugetlbfs and tmpfs, can't be sealed and are refused with
 * -EPERM.
 *
 * In a pool with VSCSI_MEM_UNVERIFIED the library checks neither the mapping nor the seal. Use it
 * for files that can't be sealed, if you trust every process that can write to them, or if this
 * process has no /proc.
 *
 * Private memory without a file (in a pool with VSCSI_MEM_UNVERIFIED: all memory without a file) is
 * not inherited by children of fork() while it is registered: the library sets MADV_DONTFORK, and
 * MADV_DOFORK afterwards. If a child inherited it, the kernel would copy a page at the next write,
 * and the device could be left with the page of the other process.
 *
 * A vhost-user device without the protocol feature CONFIGURE_MEM_SLOTS can't change its memory
 * while its rings run: the library stops them during this call. For such a device the call fails
 * with -EBUSY if requests are in flight, and no other thread may submit during the call.
 *
 * Any thread. Waits for each running device of the pool: for one answer or, if its rings are
 * stopped, for eleven answers for each queue and one more, each at most vscsi_dev_opts.timeout_ms.
 * Over vhost-scsi it waits without limit, until all requests that the kernel has in flight have
 * ended.
 *
 * Return: 0; -EBUSY (requests are in flight, see above, or a device that uses the pool is
 * reconnecting); -EEXIST (overlaps another region); -ENOSPC (the pool or a device has no room for
 * another region); -EINVAL (invalid range or alignment, not mapped as required, or beyond the end
 * of the file); -EPERM (the file can shrink); -ENOENT or another errno of opening /proc/self/maps;
 * -ENOTCONN, -ETIMEDOUT (a device that uses the pool has failed: close it first; or it was lost
 * during this call and is reconnected as after any loss); -EMFILE; -ECHILD; or the error that a
 * device returned. After a failure the memory is not registered, but the file may be sealed.
 */
int vscsi_mem_register(struct vscsi_mem *mem, void *addr, size_t len, int fd, uint64_t fd_offset);

/**
 * vscsi_mem_unregister - Remove memory of the application from a pool
 * @mem: the pool
 * @addr: start of the memory, as passed to vscsi_mem_register()
 *
 * During this call, new requests that use the region may fail with -EFAULT; after it succeeds, they
 * always do. Other threads may prepare requests during this call, except for devices that have to
 * stop their rings (see vscsi_mem_register()): a request that uses the region either is refused or
 * makes this call fail with -EBUSY. A device that is lost during this call is reconnected without
 * the region, and the call succeeds.
 *
 * Any thread. Waits as vscsi_mem_register() does.
 *
 * Return: 0; -EBUSY while a device that uses the pool is reconnecting, while a request that uses
 * the memory is in flight or, if a device has to stop its rings, while any of its requests is in
 * flight; -ENOENT if no region is registered at @addr; -ENOSYS, -EPERM if a device uses the pool
 * and the kernel or a sandbox doesn't allow membarrier(2); -ECHILD; or the error that a device
 * returned. After a failure the memory is still registered.
 */
int vscsi_mem_unregister(struct vscsi_mem *mem, void *addr);

/**
 * vscsi_mem_get_stats - Get the state of a pool
 * @mem: the pool
 * @stats: @stats->size set by the caller; the rest is filled in
 *
 * Any thread. Waits for any thread that is in vscsi_mem_register() or vscsi_mem_unregister() for
 * this pool, because it takes the same lock.
 *
 * Return: 0, -EINVAL for a size below 4, -E2BIG for one above 4096, -ECHILD.
 */
int vscsi_mem_get_stats(struct vscsi_mem *mem, struct vscsi_mem_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
