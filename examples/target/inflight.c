/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The in-flight area: what both layouts have in common.
 */
#include "inflight.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "error.h"
#include "ring.h"

#define AREA_VERSION 1

/* The file is sealed, so that the client can hand it to another target without checks. */
int inflight_make(const struct inflight_ops *ops, uint16_t queues, uint16_t entries, uint64_t *size)
{
	int fd;

	*size = queues * ops->size(entries);
	fd = memfd_create("vscsi-inflight", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return set_error(errno, "cannot make an in-flight area: %s", strerror(errno));
	if (ftruncate(fd, (off_t)*size) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
		close(fd);
		return set_error(ENOMEM, "cannot make an in-flight area of %llu bytes",
				 (unsigned long long)*size);
	}
	return fd;
}

int inflight_map(struct inflight_area *a, const struct inflight_ops *ops, uint64_t size,
		 uint64_t offset, int fd)
{
	uint64_t needed = a->queues * ops->size(a->entries);

	if (size < needed)
		return set_error(EINVAL,
				 "an in-flight area of %u rings of %u has %llu bytes, not %llu",
				 a->queues, a->entries, (unsigned long long)size,
				 (unsigned long long)needed);
	/* Its words have eight bytes at most. */
	if (offset % 8)
		return set_error(EINVAL, "the in-flight area at offset %#llx is not aligned",
				 (unsigned long long)offset);
	/* Bytes after the last part are ignored. */
	return region_map(&a->region, needed, offset, fd);
}

void inflight_unmap(struct inflight_area *a)
{
	if (a->region.size)
		region_unmap(&a->region);
	*a = (struct inflight_area){0};
}

/* Allocates everything for a ring; inflight_stop() frees it, even if incomplete. */
static int allocate(struct inflight *f, unsigned int index)
{
	f->entries = calloc(f->size, sizeof(*f->entries));
	f->done = calloc(f->size, sizeof(*f->done));
	f->replay = calloc(f->size, sizeof(*f->replay));
	f->descs = calloc(f->size, sizeof(*f->descs));
	if (!f->entries || !f->done || !f->replay || !f->descs)
		return set_error(ENOMEM, "no memory left for ring %u", index);
	return 0;
}

/* The features determine the layout; they may differ from those when the area was created. */
int inflight_start(struct ring *r)
{
	const struct inflight_area *a = r->area;
	uint64_t size = r->ops->inflight->size(a->entries);
	struct inflight *f = &r->inflight;
	int rc;

	if (!a->region.size || r->index >= a->queues)
		return 0;
	/*
	 * QEMU 10 asks for an area of virtqueue_size entries (128), and offers its guest rings of
	 * 1024. Refusing the ring would end QEMU's device, so it works as without an area.
	 */
	if (r->num > a->entries) {
		warn("ring %u has %u entries and the in-flight area %u: its requests are not "
		     "tracked",
		     r->index, r->num, a->entries);
		return 0;
	}
	if (size * (r->index + 1) > a->region.size)
		return set_error(EINVAL, "the in-flight area was made for another ring format");
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
	free(f->replay);
	free(f->descs);
	*f = (struct inflight){0};
}

const struct inflight_replay *inflight_replay(const struct inflight *f)
{
	return f->replay_next < f->replay_count ? &f->replay[f->replay_next] : NULL;
}

int inflight_check(const struct ring *r, uint64_t features, uint16_t version, uint16_t entries)
{
	if (version != AREA_VERSION || features)
		return set_error(EINVAL,
				 "the in-flight area of ring %u has version %u, features %#llx",
				 r->index, version, (unsigned long long)features);
	if (entries != r->inflight.size)
		return set_error(EINVAL,
				 "the in-flight area of ring %u has %u entries instead of %u",
				 r->index, entries, r->inflight.size);
	return 0;
}

/* Never overflows: each entry is added at most once. */
struct inflight_replay *inflight_add_replay(struct inflight *f, uint16_t entry, uint64_t counter)
{
	struct inflight_replay *a = &f->replay[f->replay_count++];

	*a = (struct inflight_replay){.entry = entry, .counter = counter, .slots = 1};
	return a;
}

/* Equal counters are invalid; the order only has to be deterministic. */
static int compare(const void *a, const void *b)
{
	const struct inflight_replay *x = a;
	const struct inflight_replay *y = b;

	if (x->counter != y->counter)
		return x->counter < y->counter ? -1 : 1;
	return (int)x->entry - (int)y->entry;
}

void inflight_sort(struct inflight *f)
{
	if (!f->replay_count)
		return;
	qsort(f->replay, f->replay_count, sizeof(*f->replay), compare);
	f->counter = f->replay[f->replay_count - 1].counter + 1;
}
