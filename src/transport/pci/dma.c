/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Makes memory reachable through the IOMMU. An address is its own I/O virtual address where the
 * IOMMU can translate it and no mapping is there; otherwise a free place is found in the ranges it
 * has. Functions of one IOMMU group have the same I/O virtual addresses: each maps memory for
 * itself, apart from the others, and unmaps only its own. All of them reach what one of them maps,
 * as the IOMMU can't tell them apart.
 */
#include <errno.h>

#include "transport/pci/function.h"
#include "util/bits.h"
#include "util/error.h"
#include "util/log.h"

/* Where regions are placed: hugepages stay hugepages for the IOMMU, and 0 stays free. */
#define PLACE_ALIGN (UINT64_C(2) << 20)

static bool in_ranges(const struct pci_bus *bus, uint64_t iova, uint64_t len)
{
	unsigned i;

	for (i = 0; i < bus->nranges; i++) {
		if (iova >= bus->ranges[i].first && iova <= bus->ranges[i].last &&
		    len - 1 <= bus->ranges[i].last - iova)
			return true;
	}
	return false;
}

static void space_lock(const struct pci_function *f)
{
	if (f->bus->space)
		pthread_mutex_lock(&f->bus->space->lock);
}

static void space_unlock(const struct pci_function *f)
{
	if (f->bus->space)
		pthread_mutex_unlock(&f->bus->space->lock);
}

void pci_space_join(struct pci_function *f)
{
	struct pci_space *space = f->bus->space;

	space_lock(f);
	if (space) {
		f->peer = space->first;
		space->first = f;
	}
	space_unlock(f);
}

void pci_space_leave(struct pci_function *f)
{
	struct pci_function **link;

	if (!f->bus->space)
		return;
	space_lock(f);
	for (link = &f->bus->space->first; *link != f; link = &(*link)->peer)
		;
	*link = f->peer;
	space_unlock(f);
}

/*
 * The mapping that overlaps the range, if any, whichever function's. Ends can't overflow: both were
 * checked before.
 */
static const struct pci_mapping *overlapping(const struct pci_function *f, uint64_t iova,
					     uint64_t len)
{
	const struct pci_function *g;
	unsigned i;

	for (g = f->bus->space ? f->bus->space->first : f; g; g = g->peer) {
		for (i = 0; i < g->nmaps; i++) {
			const struct pci_mapping *m = &g->maps[i];

			if (iova < m->iova + m->region.len && m->iova < iova + len)
				return m;
		}
	}
	return NULL;
}

/*
 * First fit in one range. Each step passes one mapping, so there are no more steps than mappings.
 */
static bool place_in(const struct pci_function *f, const struct pci_range *range, uint64_t len,
		     uint64_t *iova)
{
	uint64_t last = range->last < UINT64_MAX / 4 ? range->last : UINT64_MAX / 4;
	uint64_t at = range->first < PLACE_ALIGN ? PLACE_ALIGN : range->first;
	const struct pci_mapping *other;

	while (at <= last) {
		at = align_up(at, PLACE_ALIGN);
		if (at > last || len - 1 > last - at)
			return false;
		other = overlapping(f, at, len);
		if (!other) {
			*iova = at;
			return true;
		}
		at = other->iova + other->region.len;
	}
	return false;
}

static int place(const struct pci_function *f, const struct dma_region *region, uint64_t *iova)
{
	unsigned i;

	if (in_ranges(f->bus, region->addr, region->len) &&
	    !overlapping(f, region->addr, region->len)) {
		*iova = region->addr;
		return 0;
	}
	for (i = 0; i < f->bus->nranges; i++) {
		if (place_in(f, &f->bus->ranges[i], region->len, iova))
			return 0;
	}
	return error_set(-ENOSPC, "the IOMMU of %s has no room for %llu bytes", f->bus->name,
			 (unsigned long long)region->len);
}

/* The place is taken before the memory is mapped, which can take long: others go on meanwhile. */
static int reserve(struct pci_function *f, const struct dma_region *region, uint64_t *iova)
{
	int ret;

	space_lock(f);
	ret = f->bus->physical ? 0 : place(f, region, iova);
	if (!ret)
		f->maps[f->nmaps++] = (struct pci_mapping){*region, *iova};
	space_unlock(f);
	return ret;
}

static void release(struct pci_function *f, unsigned i)
{
	space_lock(f);
	f->maps[i] = f->maps[--f->nmaps];
	space_unlock(f);
}

int pci_mem_map(struct transport *t, const struct dma_region *region, uint64_t *iova)
{
	struct pci_function *f = pci_of(t);
	int ret = 0;

	if (!region->len || region->len > UINT64_MAX / 4 ||
	    (region->addr | region->len) & (f->bus->page - 1))
		return error_set(-EINVAL,
				 "%llu bytes at 0x%llx can't be mapped by the IOMMU; address and "
				 "length must be multiples of %llu",
				 (unsigned long long)region->len, (unsigned long long)region->addr,
				 (unsigned long long)f->bus->page);
	if (f->nmaps == ARRAY_LEN(f->maps))
		return error_set(-ENOSPC, "%s has %u regions mapped, which is all there can be",
				 f->bus->name, f->nmaps);
	pci_begin(t, __func__);
	if (f->bus->physical)
		ret = f->bus->ops->dma_where(f->bus, region, iova);
	if (!ret)
		ret = reserve(f, region, iova);
	if (ret)
		return ret;
	ret = f->bus->ops->dma_map(f->bus, region, *iova);
	if (ret) {
		release(f, f->nmaps - 1);
		return ret;
	}
	log_debug("%s: %llu bytes at 0x%llx are at 0x%llx for the device", f->bus->name,
		  (unsigned long long)region->len, (unsigned long long)region->addr,
		  (unsigned long long)*iova);
	return 0;
}

int pci_mem_unmap(struct transport *t, const struct dma_region *region, uint64_t iova)
{
	struct pci_function *f = pci_of(t);
	unsigned i = 0;
	int ret;

	while (i < f->nmaps && (f->maps[i].iova != iova || f->maps[i].region.len != region->len))
		i++;
	if (i == f->nmaps)
		return error_set(-ENOENT, "the memory at 0x%llx is not mapped",
				 (unsigned long long)region->addr);
	pci_begin(t, __func__);
	ret = f->bus->ops->dma_unmap(f->bus, iova, region->len);
	if (!ret)
		release(f, i);
	return ret;
}

int pci_mem_restore(struct pci_function *f)
{
	unsigned i;
	int ret = 0;

	for (i = 0; !ret && i < f->nmaps; i++)
		ret = f->bus->ops->dma_map(f->bus, &f->maps[i].region, f->maps[i].iova);
	return ret;
}

/* The IOMMU's tables can change under running rings: what is in them already stays as it is. */
bool pci_mem_map_live(struct transport *t)
{
	(void)t;
	return true;
}

bool pci_iova(const struct pci_function *f, const void *addr, uint64_t len, uint64_t *iova)
{
	uint64_t a = (uint64_t)(uintptr_t)addr;
	unsigned i;

	for (i = 0; i < f->nmaps; i++) {
		const struct pci_mapping *m = &f->maps[i];

		if (!range_inside(a, len, m->region.addr, m->region.len))
			continue;
		*iova = a - m->region.addr + m->iova;
		return true;
	}
	return false;
}
