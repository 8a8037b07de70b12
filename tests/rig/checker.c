/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Holds a chain of a split ring against virtio 1.4, 2.7.4 to 2.7.5 and against the framing of SCSI
 * requests (5.6.6). Each rule names its number, so that a failing test says which one was broken.
 */
#include <string.h>

#include "rig/internal.h"

#define HEADER   19u /* of a command, before the CDB (5.6.6.1) */
#define RESPONSE 12u /* of a command, before the sense data */
#define TMF      24u /* 5.6.6.2 */
#define AN       16u
#define EVENT    16u /* 5.6.6.3 */

/* On the way through one chain. @hash is of every descriptor that was passed. */
struct walk {
	struct rig *rig;
	struct ring *ring;
	unsigned queue;
	uint16_t head;
	struct rig_chain *chain;
	uint64_t bytes;
	uint64_t hash;
};

static bool broken(struct walk *w, const char *rule)
{
	rig_violate(w->rig, "queue %u, chain %u: %s", w->queue, w->head, rule);
	return false;
}

static void mix(struct walk *w, const struct vring_desc *d)
{
	const uint8_t *bytes = (const uint8_t *)d;
	size_t i;

	/* FNV-1a: enough to see that a descriptor changed while the device had it. */
	for (i = 0; i < sizeof(*d); i++)
		w->hash = (w->hash ^ bytes[i]) * 0x100000001b3ull;
}

/*
 * One element, direct or of a table. The count is limited by the ring's size for both (2.7.5.3.1),
 * which also ends every loop. The address is looked up for the whole length: half a buffer is not a
 * buffer.
 */
static bool add_element(struct walk *w, const struct vring_desc *d)
{
	struct rig_chain *chain = w->chain;
	struct rig_elem *e = &chain->elems[chain->count];
	bool writable = d->flags & VRING_DESC_F_WRITE;

	if (d->flags & ~(VRING_DESC_F_NEXT | VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT))
		return broken(w, "unknown descriptor flags");
	if (chain->count == w->ring->size || chain->count == RIG_MAX_ELEMS)
		return broken(w, "R-SPLIT-13 or 08: longer than the ring, or a loop");
	if (!writable && chain->count > chain->readable)
		return broken(w, "R-SPLIT-05: readable element behind a writable one");
	if (d->len == 0)
		return broken(w, "R-SPLIT-16: element of zero bytes");
	w->bytes += d->len;
	if (w->bytes > UINT64_C(1) << 32)
		return broken(w, "R-SPLIT-07: more than 2^32 bytes");
	*e = (struct rig_elem){d->addr, rig_guest(w->rig, d->addr, d->len), d->len, writable};
	if (!e->addr)
		return broken(w, "R-VU-37: element outside the memory regions");
	chain->count++;
	chain->readable += !writable;
	return true;
}

/* The table is used from entry 0 on along next, and has no entry that is not used (2.7.5.3). */
static bool walk_indirect(struct walk *w, const struct vring_desc *d)
{
	unsigned entries = d->len / 16;
	struct vring_desc *table = rig_guest(w->rig, d->addr, d->len);
	unsigned at = 0;
	unsigned i;

	if (!(w->rig->features & RIG_F_INDIRECT))
		return broken(w, "R-SPLIT-11: indirect without the feature");
	if (d->flags & VRING_DESC_F_NEXT)
		return broken(w, "R-SPLIT-14: INDIRECT with NEXT");
	if (d->flags & VRING_DESC_F_WRITE || d->len == 0 || d->len % 16 || !table)
		return broken(w, "R-SPLIT-15: indirect table malformed or out of reach");
	w->chain->indirect = true;
	for (i = 0; i < entries; i++) {
		/*
		 * A copy: what is judged must be what is used, whatever the driver does meanwhile.
		 */
		struct vring_desc e = table[at];

		mix(w, &e);
		if (e.flags & VRING_DESC_F_INDIRECT)
			return broken(w, "R-SPLIT-12: INDIRECT inside an indirect table");
		if (!add_element(w, &e))
			return false;
		if (!(e.flags & VRING_DESC_F_NEXT))
			return i == entries - 1 || broken(w, "R-SPLIT-15: entries left over");
		at = e.next;
		if (at >= entries)
			return broken(w, "R-SPLIT-09: next outside the indirect table");
	}
	return broken(w, "R-SPLIT-08 or 09: indirect table without end");
}

/*
 * Descriptors on the way are marked with their head, so that two chains in flight can't share any.
 */
static bool walk_direct(struct walk *w)
{
	unsigned at = w->head;
	unsigned i;

	for (i = 0; i < w->ring->size; i++) {
		struct vring_desc d = w->ring->desc[at];

		if (w->ring->owner[at] && w->ring->owner[at] != w->head + 1u)
			return broken(w, "descriptor belongs to another chain in flight");
		w->ring->owner[at] = w->head + 1u;
		mix(w, &d);
		if (d.flags & VRING_DESC_F_INDIRECT)
			return walk_indirect(w, &d);
		if (!add_element(w, &d))
			return false;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return true;
		at = d.next;
		if (at >= w->ring->size)
			return broken(w, "R-SPLIT-09: next outside the table");
	}
	return broken(w, "R-SPLIT-08: loop");
}

bool checker_walk(struct rig *rig, unsigned queue, uint16_t head, struct rig_chain *chain,
		  uint64_t *hash)
{
	struct walk w = {
		.rig = rig,
		.ring = &rig->rings[queue],
		.queue = queue,
		.head = head,
		.chain = chain,
		.hash = 0xcbf29ce484222325ull,
	};
	bool ok;

	chain->head = head;
	chain->count = 0;
	chain->readable = 0;
	chain->indirect = false;
	ok = head < w.ring->size ? walk_direct(&w) : broken(&w, "head outside the table");
	*hash = w.hash;
	return ok;
}

/*
 * 2.7.4 leaves the framing free, but real back-ends take the first readable descriptor for the
 * header and the first writable one for the response, so that each has to be alone in its own.
 */
static void check_command(struct rig *rig, unsigned queue, const struct rig_chain *chain)
{
	uint32_t header = HEADER + rig->opts.config.cdb_size;
	uint32_t response = RESPONSE + rig->opts.config.sense_size;

	if (chain->readable == 0 || chain->elems[0].len != header)
		rig_violate(rig, "queue %u, chain %u: R-SCSI-28: no header alone in front", queue,
			    chain->head);
	if (chain->readable == chain->count || chain->elems[chain->readable].len != response)
		rig_violate(rig, "queue %u, chain %u: R-SCSI-27, 28: no response alone behind",
			    queue, chain->head);
}

static void check_control(struct rig *rig, const struct rig_chain *chain)
{
	uint32_t len = chain->readable ? chain->elems[0].len : 0;

	if (chain->count != 2 || chain->readable != 1 || (len != TMF && len != AN))
		rig_violate(rig, "control queue, chain %u: malformed request", chain->head);
}

void checker_framing(struct rig *rig, unsigned queue, const struct rig_chain *chain)
{
	if (queue >= 2)
		check_command(rig, queue, chain);
	else if (queue == 0)
		check_control(rig, chain);
	else if (chain->count != 1 || chain->readable || chain->elems[0].len < EVENT)
		rig_violate(rig, "event queue, chain %u: no buffer for an event", chain->head);
}
