/* SPDX-License-Identifier: BSD-3-Clause */
/* <vscsi/mem.h> */
#include <errno.h>

#include <vscsi/mem.h>

#include "mem/dma.h"
#include "util/error.h"
#include "util/export.h"

static int check_pool(const struct vscsi_mem *mem)
{
	return mem ? 0 : error_set(-EINVAL, "mem is NULL; pass a pool");
}

EXPORT int vscsi_mem_create(const struct vscsi_mem_opts *opts, struct vscsi_mem **out)
{
	error_enter(__func__);
	return dma_pool_create(opts, out);
}

EXPORT int vscsi_mem_destroy(struct vscsi_mem *mem)
{
	error_enter(__func__);
	return mem ? dma_pool_destroy(mem) : 0;
}

EXPORT void *vscsi_mem_alloc(struct vscsi_mem *mem, size_t len, size_t align)
{
	error_enter(__func__);
	if (!check_pool(mem))
		return dma_alloc(mem, len, align);
	errno = EINVAL;
	return NULL;
}

EXPORT int vscsi_mem_free(struct vscsi_mem *mem, void *ptr)
{
	error_enter(__func__);
	if (!ptr)
		return 0;
	return check_pool(mem) ? -EINVAL : dma_free(mem, ptr);
}

EXPORT int vscsi_mem_register(struct vscsi_mem *mem, void *addr, size_t len, int fd,
			      uint64_t fd_offset)
{
	error_enter(__func__);
	return check_pool(mem) ? -EINVAL : dma_register(mem, addr, len, fd, fd_offset);
}

EXPORT int vscsi_mem_unregister(struct vscsi_mem *mem, void *addr)
{
	error_enter(__func__);
	return check_pool(mem) ? -EINVAL : dma_unregister(mem, addr);
}

EXPORT int vscsi_mem_get_stats(struct vscsi_mem *mem, struct vscsi_mem_stats *stats)
{
	error_enter(__func__);
	return check_pool(mem) ? -EINVAL : dma_pool_stats(mem, stats);
}
