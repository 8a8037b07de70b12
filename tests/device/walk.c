/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How the model takes chains. Each rule names its number in tests/conformance, so that a failing
 * test says which one was broken. The model checks a copy and uses only that copy, whatever the
 * driver does meanwhile.
 */
#include <string.h>

#include "device/walk.h"

/* A descriptor of either format. */
struct piece {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

/* On the way through one chain. */
struct walk {
	struct ring_device *dev;
	struct device_chain *chain;
	struct device_elem *elems;
	struct device_hold hold;
	uint64_t bytes;
};

bool walk_broken(struct ring_device *dev, unsigned id, const char *rule)
{
	if (!dev->broken) {
		dev->broken = rule;
		dev->broken_id = id;
	}
	return false;
}

static bool broken(struct walk *w, const char *rule)
{
	return walk_broken(w->dev, w->chain->id, rule);
}

static struct piece piece_of(const struct ring_device *dev, const struct vring_packed_desc *desc)
{
	struct vring_desc split;

	memcpy(&split, desc, sizeof(split));
	return (struct piece){
		.addr = le64toh(desc->addr),
		.len = le32toh(desc->len),
		.flags = le16toh(dev->packed ? desc->flags : split.flags),
		.next = dev->packed ? 0 : le16toh(split.next),
	};
}

static void *memory_at(const struct ring_device *dev, uint64_t addr, uint64_t len)
{
	return dev->translate ? dev->translate(dev->ctx, addr, len) : (void *)(uintptr_t)addr;
}

/* One element, of the ring or of a table. The limits on the count also end every loop. */
static bool add_element(struct walk *w, const struct piece *p)
{
	struct device_chain *chain = w->chain;
	bool writable = p->flags & VRING_DESC_F_WRITE;
	struct device_elem *e = &w->elems[chain->count];

	if (chain->count == w->dev->max_elems || (!w->dev->packed && chain->count == w->dev->size))
		return broken(w,
			      "R-SPLIT-08, 13, R-PACK-17, 18, 25: a chain is too long, or a loop");
	if (!writable && chain->readable != chain->count)
		return broken(w,
			      "R-SPLIT-05, R-PACK-08, 19: readable element after a writable one");
	if (!p->len)
		return broken(w, "R-SPLIT-16: element of zero bytes");
	w->bytes += p->len;
	if (w->bytes > UINT64_C(1) << 32)
		return broken(w, "R-SPLIT-07: more than 2^32 bytes");
	*e = (struct device_elem){p->addr, memory_at(w->dev, p->addr, p->len), p->len, writable};
	if (!e->at)
		return broken(w, "R-VU-37: element outside the memory regions");
	chain->count++;
	chain->readable += !writable;
	return true;
}

/* FNV-1a: enough to see that a table changed while the device held its chain. */
static uint64_t hash(const void *memory, size_t len)
{
	const uint8_t *bytes = memory;
	uint64_t h = 0xcbf29ce484222325;

	while (len--)
		h = (h ^ *bytes++) * 0x100000001b3;
	return h;
}

/* A split table is used from entry 0 on along next, and all of it is used (2.7.5.3). */
static bool walk_split_table(struct walk *w, const struct vring_packed_desc *table, unsigned count)
{
	unsigned at = 0;
	unsigned i;

	for (i = 0; i < count; i++) {
		struct vring_packed_desc copy = table[at];
		struct piece p = piece_of(w->dev, &copy);

		if (p.flags & VRING_DESC_F_INDIRECT)
			return broken(w, "R-SPLIT-12: INDIRECT inside an indirect table");
		if (p.flags & ~(VRING_DESC_F_NEXT | VRING_DESC_F_WRITE))
			return broken(w, "unknown descriptor flags");
		if (!add_element(w, &p))
			return false;
		if (!(p.flags & VRING_DESC_F_NEXT))
			return i + 1 == count || broken(w, "R-SPLIT-15: entries left over");
		if (p.next >= count)
			return broken(w, "R-SPLIT-09: next outside the indirect table");
		if (w->dev->in_order && p.next != at + 1)
			return broken(w, "R-ORD-04: indirect entries don't follow each other");
		at = p.next;
	}
	return broken(w, "R-SPLIT-08 or 09: indirect table without end");
}

static bool walk_packed_table(struct walk *w, const struct vring_packed_desc *table, unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		struct vring_packed_desc copy = table[i];
		struct piece p = piece_of(w->dev, &copy);

		if (p.flags & ~VRING_DESC_F_WRITE)
			return broken(w, "R-PACK-24: an indirect table has flags other than WRITE");
		if (!add_element(w, &p))
			return false;
	}
	return true;
}

static bool walk_table(struct walk *w, const struct piece *p)
{
	const unsigned entry = sizeof(struct vring_packed_desc);
	const void *table;

	if (!w->dev->indirect)
		return broken(w, "R-SPLIT-11, R-PACK-23: indirect without the feature");
	if (w->chain->count || p->flags & VRING_DESC_F_NEXT)
		return broken(w, "R-SPLIT-14, R-PACK-26, 28: INDIRECT in a list");
	if (p->flags & VRING_DESC_F_WRITE || !p->len || p->len % entry)
		return broken(w, "R-SPLIT-15, R-PACK-27: malformed indirect table");
	table = memory_at(w->dev, p->addr, p->len);
	if (!table)
		return broken(w, "R-SPLIT-15, R-VU-37: indirect table outside the memory regions");
	w->chain->indirect = true;
	w->hold.table = p->addr;
	w->hold.table_len = p->len;
	w->hold.table_hash = hash(table, p->len);
	return w->dev->packed ? walk_packed_table(w, table, p->len / entry)
			      : walk_split_table(w, table, p->len / entry);
}

/* A descriptor of the ring itself. @more receives whether another one follows. */
static bool walk_descriptor(struct walk *w, unsigned at, struct piece *p, bool *more)
{
	const unsigned known = VRING_DESC_F_NEXT | VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT |
			       (w->dev->packed ? DEVICE_AVAIL | DEVICE_USED : 0);

	w->dev->shadow[at] = device_packed(w->dev)[at];
	*p = piece_of(w->dev, &w->dev->shadow[at]);
	w->chain->descs++;
	*more = p->flags & VRING_DESC_F_NEXT;
	if (p->flags & ~known)
		return broken(w, "unknown descriptor flags");
	return p->flags & VRING_DESC_F_INDIRECT ? walk_table(w, p) : add_element(w, p);
}

static bool is_available(const struct ring_device *dev, uint16_t flags)
{
	return (flags & (DEVICE_AVAIL | DEVICE_USED)) ==
	       (dev->seen_wrap ? DEVICE_AVAIL : DEVICE_USED);
}

static bool take_packed(struct walk *w)
{
	struct ring_device *dev = w->dev;
	struct device_chain *chain = w->chain;
	bool more = true;
	struct piece p;

	chain->first = dev->seen;
	while (more) {
		if (!is_available(dev, device_load(&device_packed(dev)[dev->seen].flags)))
			return broken(w, "R-PACK-06, 22: a list is not all available");
		if (chain->descs == dev->size - dev->out)
			return broken(w,
				      "R-PACK-17, 20: more descriptors are available than entries");
		if (!walk_descriptor(w, dev->seen, &p, &more))
			return false;
		/* That of the last one counts (2.8.6). */
		chain->id = le16toh(dev->shadow[dev->seen].id);
		if (++dev->seen == dev->size) {
			dev->seen = 0;
			dev->seen_wrap = !dev->seen_wrap;
		}
	}
	chain->slots = chain->descs;
	if (chain->id >= dev->size || dev->holds[chain->id].descs)
		return broken(w, "R-PACK-10, 11: an id is out of range or in flight already");
	dev->out += chain->descs;
	return true;
}

/* The ring's own descriptors, each of which belongs to one chain in flight only. */
static bool walk_split(struct walk *w)
{
	struct ring_device *dev = w->dev;
	unsigned at = w->chain->first;
	bool more = true;
	struct piece p;

	while (more) {
		unsigned follows = (at + 1) % dev->size;

		if (dev->owner[at] && dev->owner[at] != w->chain->id + 1u)
			return broken(w, "descriptor belongs to another chain in flight");
		dev->owner[at] = w->chain->id + 1u;
		if (!walk_descriptor(w, at, &p, &more))
			return false;
		if (more && p.next >= dev->size)
			return broken(w, "R-SPLIT-09: next outside the table");
		if (more && dev->in_order && p.next != follows)
			return broken(w, "R-ORD-03: next is not the following descriptor");
		at = more ? p.next : follows;
	}
	dev->place = (uint16_t)at;
	return true;
}

static bool take_split(struct walk *w)
{
	struct ring_device *dev = w->dev;
	struct device_chain *chain = w->chain;

	chain->id = le16toh(
		__atomic_load_n(&device_avail(dev)->ring[dev->seen % dev->size], __ATOMIC_RELAXED));
	chain->first = chain->id;
	chain->slots = 1;
	dev->seen++;
	if (chain->id >= dev->size)
		return broken(w, "R-SPLIT-18: head outside the table");
	if (dev->holds[chain->id].descs)
		return broken(w, "R-SPLIT-19: a chain is in flight already");
	if (dev->in_order && chain->id != dev->place)
		return broken(w, "R-ORD-02: a chain doesn't begin where the one before ended");
	if (!walk_split(w))
		return false;
	dev->out++;
	return true;
}

/* The driver's flags have no other bits; it writes nothing into the used part (2.7.7, 2.7.8). */
static void check_parts(struct ring_device *dev)
{
	uint16_t flags = device_load(&device_avail(dev)->flags);

	if (flags > (dev->event_idx ? 0 : 1))
		walk_broken(dev, dev->seen, "R-SPLIT-20, 22: wrong bits in avail.flags");
	if (dev->check_used && (device_load(&device_used(dev)->idx) != dev->shown ||
				device_load(&device_used(dev)->flags) != dev->asked_flags))
		walk_broken(dev, dev->seen, "R-SPLIT-40: the driver wrote the used ring");
}

/* The index only ever grows, by no more than there are free entries (2.7.6.1, 2.7.13). */
static bool look_split(struct ring_device *dev)
{
	uint16_t idx = device_load(&device_avail(dev)->idx);
	unsigned fresh = (uint16_t)(idx - dev->seen);

	if (fresh < (uint16_t)(dev->avail_idx - dev->seen))
		walk_broken(dev, dev->seen, "R-SPLIT-17: the available index went backwards");
	if (fresh > dev->size - dev->out)
		walk_broken(dev, dev->seen,
			    "R-SPLIT-17, 19: more chains are available than entries");
	dev->avail_idx = idx;
	return idx != dev->seen;
}

bool walk_look(struct ring_device *dev)
{
	if (dev->packed)
		return is_available(dev, device_load(&device_packed(dev)[dev->seen].flags));
	return look_split(dev);
}

unsigned device_waiting(const struct ring_device *dev)
{
	if (dev->packed)
		return is_available(dev, device_load(&device_packed(dev)[dev->seen].flags));
	return (uint16_t)(device_load(&device_avail(dev)->idx) - dev->seen);
}

bool device_take(struct ring_device *dev, struct device_chain *chain, struct device_elem *elems)
{
	struct walk w = {.dev = dev, .chain = chain, .elems = elems};

	memset(chain, 0, sizeof(*chain));
	chain->generation = dev->generation;
	if (!dev->packed)
		check_parts(dev);
	if (!walk_look(dev) || dev->broken)
		return false;
	if (!(dev->packed ? take_packed(&w) : take_split(&w)))
		return false;
	w.hold.first = chain->first;
	w.hold.descs = chain->descs;
	dev->holds[chain->id] = w.hold;
	return true;
}

static bool is_unchanged(const struct ring_device *dev, unsigned at)
{
	const struct vring_packed_desc *shadow = &dev->shadow[at];

	return memcmp(shadow, &device_packed(dev)[at], sizeof(*shadow)) == 0;
}

void walk_check_held(struct ring_device *dev, uint16_t id)
{
	const struct device_hold *hold = &dev->holds[id];
	unsigned at = hold->first;
	const void *table;
	unsigned i;

	for (i = 0; !dev->packed && i < hold->descs; i++) {
		if (!is_unchanged(dev, at))
			walk_broken(dev, id,
				    "R-SPLIT-32, R-CLN-01: a descriptor changed in flight");
		at = piece_of(dev, &dev->shadow[at]).next;
	}
	if (!hold->table_len)
		return;
	table = memory_at(dev, hold->table, hold->table_len);
	if (!table || hash(table, hold->table_len) != hold->table_hash)
		walk_broken(dev, id, "R-SPLIT-15, R-PACK-12: an indirect table changed in flight");
}

void walk_check_covered(struct ring_device *dev, unsigned count)
{
	unsigned at = dev->used_idx;

	for (; count--; at = (at + 1) % dev->size) {
		if (!is_unchanged(dev, at))
			walk_broken(dev, at, "R-PACK-12, 13: a descriptor changed in flight");
	}
}
