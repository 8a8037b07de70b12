/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Collects the descriptors of a request. The caller has copied them out of shared memory, so what
 * is checked here is what is used.
 */
#include <errno.h>

#include "error.h"
#include "ring.h"

/*
 * The segments are kept in the ring, for one chain at a time: a request is finished before the next
 * one is taken.
 */
void chain_begin(struct ring *r)
{
	r->iov_count = 0;
	r->out_count = 0;
	r->out_bytes = 0;
	r->desc_count = 0;
	r->chain_bytes = 0;
	r->has_in = false;
}

int chain_add(struct ring *r, uint64_t guest, uint32_t len, bool writable)
{
	uint64_t room;
	void *p;

	/* Also ends the walk over a loop of descriptors (virtio 1.4, 2.7.5.3.1). */
	if (++r->desc_count > r->num)
		return set_error(ELOOP, "a request has more descriptors than the ring's %u entries",
				 r->num);
	if (!writable && r->has_in)
		return set_error(EINVAL, "a readable descriptor follows a writable one");
	r->has_in |= writable;
	r->out_bytes += writable ? 0 : len;
	r->chain_bytes += len;
	if (r->chain_bytes > UINT64_C(1) << 32)
		return set_error(EMSGSIZE, "a request has more than 4 GiB (virtio 1.4, 2.7.5.2)");
	/* A buffer may span adjacent regions (vhost-user, "Memory access"). */
	while (len) {
		p = memory_guest(r->memory, &r->region_hint, guest, &room);
		if (!p)
			return set_error(EFAULT,
					 "address %#llx of a descriptor is in no memory region",
					 (unsigned long long)guest);
		if (r->iov_count == r->iov_max)
			return set_error(E2BIG, "a request has more than %u segments", r->iov_max);
		if (room > len)
			room = len;
		r->iov[r->iov_count++] = (struct iovec){.iov_base = p, .iov_len = (size_t)room};
		r->out_count += !writable;
		guest += room;
		len -= (uint32_t)room;
	}
	return 0;
}

void chain_end(struct ring *r, struct chain *c)
{
	c->out = (struct sgl){.iov = r->iov, .count = r->out_count, .len = r->out_bytes};
	c->in = (struct sgl){.iov = r->iov + r->out_count,
			     .count = r->iov_count - r->out_count,
			     .len = r->chain_bytes - r->out_bytes};
}

const void *chain_table(struct ring *r, uint64_t guest, uint32_t len, uint32_t *entries)
{
	const void *table;
	uint64_t room;

	if (!r->indirect) {
		set_error(EINVAL, "an indirect descriptor was used, but not negotiated");
		return NULL;
	}
	*entries = len / 16;
	/* virtio 1.4, 2.7.5.3: entries of 16 bytes, at least one. */
	if (!len || len % 16) {
		set_error(EINVAL, "an indirect table has %u bytes, which is not a multiple of 16",
			  len);
		return NULL;
	}
	table = memory_guest(r->memory, &r->region_hint, guest, &room);
	if (!table || room < len) {
		set_error(EFAULT, "the indirect table at %#llx is not inside a memory region",
			  (unsigned long long)guest);
		return NULL;
	}
	return table;
}
