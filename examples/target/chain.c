/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Collecting the descriptors of one request. Each descriptor was copied out of shared memory
 * before it comes here, so what is checked is what is used.
 */
#include <errno.h>

#include "ring.h"
#include "say.h"

/*
 * The pieces live in the ring, one chain at a time: a request is finished before the next is taken.
 */
void chain_begin(struct ring *r)
{
	r->iov_count = 0;
	r->out_count = 0;
	r->desc_count = 0;
	r->chain_bytes = 0;
	r->has_in = false;
}

int chain_add(struct ring *r, uint64_t guest, uint32_t len, bool writable)
{
	uint64_t room;
	void *p;

	/* Bounds every walk: a loop comes to this point too (virtio 1.4, 2.7.5.3.1). */
	if (++r->desc_count > r->num)
		return refuse(ELOOP, "a request has more descriptors than the ring's %u entries",
			      r->num);
	if (!writable && r->has_in)
		return refuse(EINVAL, "a readable descriptor follows a writable one");
	r->has_in |= writable;
	r->chain_bytes += len;
	if (r->chain_bytes > UINT64_C(1) << 32)
		return refuse(EMSGSIZE, "a request has more than 4 GiB (virtio 1.4, 2.7.5.2)");
	/* A buffer may cross from one region into the next (vhost-user, "Memory access"). */
	while (len) {
		p = memory_guest(r->memory, guest, &room);
		if (!p)
			return refuse(EFAULT,
				      "address %#llx of a descriptor is in no memory region",
				      (unsigned long long)guest);
		if (r->iov_count == r->iov_max)
			return refuse(E2BIG, "a request is in more than %u pieces", r->iov_max);
		if (room > len)
			room = len;
		r->iov[r->iov_count++] = (struct iovec){.iov_base = p, .iov_len = (size_t)room};
		r->out_count += !writable;
		guest += room;
		len -= (uint32_t)room;
	}
	return 0;
}

/* Lengths are summed up here once; after that nobody looks at descriptors any more. */
static struct sgl list(const struct iovec *iov, unsigned int count)
{
	struct sgl s = {.iov = iov, .count = count};
	unsigned int i;

	for (i = 0; i < count; i++)
		s.len += iov[i].iov_len;
	return s;
}

void chain_end(struct ring *r, struct chain *c)
{
	c->out = list(r->iov, r->out_count);
	c->in = list(r->iov + r->out_count, r->iov_count - r->out_count);
}

const void *chain_table(struct ring *r, uint64_t guest, uint32_t len, uint32_t *entries)
{
	const void *table;
	uint64_t room;

	if (!r->indirect) {
		refuse(EINVAL, "an indirect descriptor was used without being negotiated");
		return NULL;
	}
	*entries = len / 16;
	/* virtio 1.4, 2.7.5.3: entries of 16 bytes, and at least one. */
	if (!len || len % 16) {
		refuse(EINVAL, "an indirect table has %u bytes, which is no multiple of 16", len);
		return NULL;
	}
	table = memory_guest(r->memory, guest, &room);
	if (!table || room < len) {
		refuse(EFAULT, "the indirect table at %#llx is not inside a memory region",
		       (unsigned long long)guest);
		return NULL;
	}
	return table;
}
