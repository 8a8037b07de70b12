/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The area of requests in flight, and what both layouts have in common.
 */
#include "inflight.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ring.h"
#include "say.h"

#define AREA_VERSION 1

/* The client gets a file that nobody can cut short, so that handing it back is never a mistake. */
int inflight_make(const struct inflight_ops *ops, uint16_t queues, uint16_t entries, uint64_t *size)
{
	int fd;

	*size = queues * ops->size(entries);
	fd = memfd_create("vscsi-inflight", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return refuse(errno, "cannot make an in-flight area: %s", strerror(errno));
	if (ftruncate(fd, (off_t)*size) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
		close(fd);
		return refuse(ENOMEM, "cannot make an in-flight area of %llu bytes",
			      (unsigned long long)*size);
	}
	return fd;
}

int inflight_map(struct inflight_area *a, const struct inflight_ops *ops, uint64_t size,
		 uint64_t offset, int fd)
{
	uint64_t needed = a->queues * ops->size(a->entries);

	if (size < needed)
		return refuse(EINVAL,
			      "an in-flight area of %u rings of %u has %llu bytes, not %llu",
			      a->queues, a->entries, (unsigned long long)size,
			      (unsigned long long)needed);
	/* Its words are eight bytes at most. */
	if (offset % 8)
		return refuse(EINVAL, "the in-flight area at offset %#llx is not aligned",
			      (unsigned long long)offset);
	/* What lies behind the last part is nobody's business. */
	return region_map(&a->region, needed, offset, fd);
}

void inflight_unmap(struct inflight_area *a)
{
	if (a->region.size)
		region_unmap(&a->region);
	*a = (struct inflight_area){0};
}

/* All for one ring at once; inflight_stop() gives back whatever was had. */
static int allocate(struct inflight *f, unsigned int index)
{
	f->entries = calloc(f->size, sizeof(*f->entries));
	f->done = calloc(f->size, sizeof(*f->done));
	f->again = calloc(f->size, sizeof(*f->again));
	f->descs = calloc(f->size, sizeof(*f->descs));
	if (!f->entries || !f->done || !f->again || !f->descs)
		return refuse(ENOMEM, "no memory left for ring %u", index);
	return 0;
}

/* The features decide on the layout, and they may be others than when the area came. */
int inflight_start(struct ring *r)
{
	const struct inflight_area *a = r->area;
	uint64_t size = r->ops->inflight->size(a->entries);
	struct inflight *f = &r->inflight;
	int rc;

	if (!a->region.size || r->index >= a->queues)
		return 0;
	if (r->num > a->entries)
		return refuse(EINVAL, "ring %u has %u entries, the in-flight area but %u", r->index,
			      r->num, a->entries);
	if (size * (r->index + 1) > a->region.size)
		return refuse(EINVAL, "the in-flight area was made for another format of rings");
	f->size = a->entries;
	rc = allocate(f, r->index);
	if (!rc) {
		f->part = a->region.host + size * r->index;
		rc = r->ops->inflight->resume(r);
	}
	if (rc)
		inflight_stop(f);
	return rc;
}

void inflight_stop(struct inflight *f)
{
	free(f->entries);
	free(f->done);
	free(f->again);
	free(f->descs);
	*f = (struct inflight){0};
}

const struct inflight_again *inflight_again(const struct inflight *f)
{
	return f->again_at < f->again_count ? &f->again[f->again_at] : NULL;
}

int inflight_check(const struct ring *r, uint64_t features, uint16_t version, uint16_t entries)
{
	if (version != AREA_VERSION || features)
		return refuse(EINVAL,
			      "the in-flight area of ring %u has version %u, features %#llx",
			      r->index, version, (unsigned long long)features);
	if (entries != r->inflight.size)
		return refuse(EINVAL, "the in-flight area of ring %u has %u entries instead of %u",
			      r->index, entries, r->inflight.size);
	return 0;
}

/* No more than there are entries, each of which is added but once. */
struct inflight_again *inflight_add_again(struct inflight *f, uint16_t entry, uint64_t counter)
{
	struct inflight_again *a = &f->again[f->again_count++];

	*a = (struct inflight_again){.entry = entry, .counter = counter, .slots = 1};
	return a;
}

/* Equal ones are a lie, for which any order is good, if always the same. */
static int compare(const void *a, const void *b)
{
	const struct inflight_again *x = a;
	const struct inflight_again *y = b;

	if (x->counter != y->counter)
		return x->counter < y->counter ? -1 : 1;
	return (int)x->entry - (int)y->entry;
}

void inflight_sort(struct inflight *f)
{
	if (!f->again_count)
		return;
	qsort(f->again, f->again_count, sizeof(*f->again), compare);
	f->counter = f->again[f->again_count - 1].counter + 1;
}
