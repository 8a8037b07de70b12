/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The model of a device at its end of a ring of either format. Fences are __sync_synchronize(): the
 * programs that compile the fences of the driver away must not take away these.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"

#define AVAIL 0x80u
#define USED  0x8000u
#define WRAP  0x8000u

static void broken(struct peer *p, const char *rule)
{
	if (!p->broken)
		p->broken = rule;
}

void peer_attach(struct peer *p)
{
	p->next_wrap = true;
	p->used_wrap = true;
	p->told_wrap = true;
	p->shadow = calloc(p->size, sizeof(*p->shadow));
	p->have = calloc(p->size, sizeof(*p->have));
	if (!p->shadow || !p->have)
		abort();
}

void peer_detach(struct peer *p)
{
	free(p->shadow);
	free(p->have);
}

static struct vring_packed_desc *entry(const struct peer *p, unsigned at)
{
	return (struct vring_packed_desc *)p->desc + at;
}

static uint16_t load(const uint16_t *at)
{
	return le16toh(__atomic_load_n(at, __ATOMIC_ACQUIRE));
}

/* An element of a chain: what the device may write comes last (2.7.4.2, 2.8.17). */
static void add(struct peer *p, struct peer_chain *chain, const struct vring_packed_desc *desc,
		bool writable)
{
	if (chain->count == PEER_ELEMENTS) {
		broken(p, "R-PACK-18: a chain is too long");
		return;
	}
	if (!writable && chain->readable != chain->count)
		broken(p, "R-PACK-08, R-PACK-19: a readable element follows a writable one");
	chain->readable += !writable;
	chain->addr[chain->count] = le64toh(desc->addr);
	chain->len[chain->count++] = le32toh(desc->len);
}

static void add_table(struct peer *p, struct peer_chain *chain, const struct vring_packed_desc *at)
{
	const void *table = (const void *)(uintptr_t)le64toh(at->addr);
	unsigned count = le32toh(at->len) / 16;
	unsigned i;

	if (!p->indirect)
		broken(p, "R-PACK-23: an indirect descriptor was not negotiated");
	if (le32toh(at->len) % 16 || !count)
		broken(p, "R-PACK-27: an indirect table is no whole number of entries");
	for (i = 0; i < count; i++) {
		const struct vring_packed_desc *packed =
			(const struct vring_packed_desc *)table + i;
		const struct vring_desc *split = (const struct vring_desc *)table + i;
		uint16_t flags = le16toh(p->packed ? packed->flags : split->flags);

		if (p->packed && flags & ~VRING_DESC_F_WRITE)
			broken(p, "R-PACK-24: an indirect table has flags other than WRITE");
		if (!p->packed && !(flags & VRING_DESC_F_NEXT) != (i + 1 == count))
			broken(p, "an indirect table ends before its length");
		if (!p->packed && flags & VRING_DESC_F_NEXT && le16toh(split->next) != i + 1)
			broken(p, "R-ORD-04: indirect entries don't follow each other");
		add(p, chain, packed, flags & VRING_DESC_F_WRITE);
	}
}

/* A descriptor of the ring itself, of either format: whether another one follows. */
static bool add_desc(struct peer *p, struct peer_chain *chain, unsigned at, uint16_t flags)
{
	p->shadow[at] = *entry(p, at);
	chain->descs++;
	if (flags & VRING_DESC_F_INDIRECT) {
		if (chain->count || flags & VRING_DESC_F_NEXT)
			broken(p, "R-PACK-26, R-PACK-28: an indirect descriptor in a list");
		add_table(p, chain, entry(p, at));
		return false;
	}
	add(p, chain, entry(p, at), flags & VRING_DESC_F_WRITE);
	return flags & VRING_DESC_F_NEXT;
}

static bool take_packed(struct peer *p, struct peer_chain *chain)
{
	uint16_t bits = p->next_wrap ? AVAIL : USED;
	uint16_t flags = load(&entry(p, p->next)->flags);

	if ((flags & (AVAIL | USED)) != bits)
		return false;
	chain->first = p->next;
	for (;;) {
		bool more;

		if ((flags & (AVAIL | USED)) != (p->next_wrap ? AVAIL : USED))
			broken(p, "R-PACK-06, R-PACK-22: a list is not all available");
		more = add_desc(p, chain, p->next, flags) && chain->descs < p->size;
		/* That of the last one counts (2.8.6). */
		chain->id = le16toh(entry(p, p->next)->id);
		if (++p->next == p->size) {
			p->next = 0;
			p->next_wrap = !p->next_wrap;
		}
		if (!more)
			break;
		flags = load(&entry(p, p->next)->flags);
	}
	chain->slots = chain->descs;
	return true;
}

static struct vring_avail *avail(const struct peer *p)
{
	return p->driver;
}

static struct vring_used *used(const struct peer *p)
{
	return p->device;
}

static bool take_split(struct peer *p, struct peer_chain *chain)
{
	uint16_t at;
	uint16_t flags;

	if (load(&avail(p)->idx) == p->next)
		return false;
	at = le16toh(avail(p)->ring[p->next++ % p->size]);
	if (p->in_order && at != p->place)
		broken(p, "R-ORD-02: a chain doesn't begin where the one before ended");
	chain->id = at;
	chain->first = at;
	chain->slots = 1;
	do {
		const struct vring_desc *desc = (const struct vring_desc *)p->desc + at;
		unsigned follows = (at + 1u) % p->size;

		flags = le16toh(desc->flags);
		if (!add_desc(p, chain, at, flags))
			flags = 0;
		if (p->in_order && flags && le16toh(desc->next) != follows)
			broken(p, "R-ORD-03: next is not the following descriptor");
		at = flags ? le16toh(desc->next) : (uint16_t)follows;
	} while (flags && chain->descs < p->size);
	p->place = at;
	return true;
}

bool peer_take(struct peer *p, struct peer_chain *chain)
{
	memset(chain, 0, sizeof(*chain));
	if (p->broken || !(p->packed ? take_packed(p, chain) : take_split(p, chain)))
		return false;
	if (chain->id >= p->size || p->have[chain->id]) {
		broken(p, "R-PACK-10, R-PACK-11: an id is out of range or not unique");
		return false;
	}
	p->have[chain->id] = true;
	return true;
}

/* Until a used entry covers them the driver may not touch descriptors (2.8.16). */
static void check_unchanged(struct peer *p, unsigned at, unsigned count)
{
	for (; count--; at = (at + 1) % p->size) {
		if (memcmp(&p->shadow[at], entry(p, at), sizeof(p->shadow[at])) != 0)
			broken(p, "R-PACK-12, R-PACK-13: a descriptor changed meanwhile");
	}
}

void peer_check(struct peer *p, const struct peer_chain *chain)
{
	if (!p->have[chain->id])
		abort();
	p->have[chain->id] = false;
	if (!p->packed)
		check_unchanged(p, chain->first, chain->descs);
}

void peer_lie(struct peer *p, unsigned at, uint16_t id, uint32_t len, uint16_t flags)
{
	struct vring_packed_desc *desc = entry(p, at);

	__atomic_store_n(&desc->id, htole16(id), __ATOMIC_RELAXED);
	__atomic_store_n(&desc->len, htole32(len), __ATOMIC_RELAXED);
	__atomic_store_n(&desc->flags, htole16(flags), __ATOMIC_RELEASE);
}

uint16_t peer_used_bits(const struct peer *p)
{
	return p->used_wrap ? AVAIL | USED : 0;
}

void peer_use(struct peer *p, const struct peer_chain *chain, uint32_t len)
{
	unsigned to = p->used + chain->slots;

	if (!p->packed) {
		struct vring_used_elem *elem = &used(p)->ring[p->used % p->size];

		__atomic_store_n(&elem->id, htole32(chain->id), __ATOMIC_RELAXED);
		__atomic_store_n(&elem->len, htole32(len), __ATOMIC_RELAXED);
		p->used = (uint16_t)to;
		return;
	}
	/* Which descriptors those are has nothing to do with whose chain this is. */
	check_unchanged(p, p->used, chain->slots);
	/* NEXT means nothing there (2.8.6). */
	peer_lie(p, p->used, chain->id, len,
		 (uint16_t)(peer_used_bits(p) | VRING_DESC_F_WRITE | (len & VRING_DESC_F_NEXT)));
	if (to >= p->size) {
		to -= p->size;
		p->used_wrap = !p->used_wrap;
	}
	p->used = (uint16_t)to;
}

/* The driver's event structure: the place in the low half, the flags in the high one. */
static uint32_t driver_event(struct peer *p)
{
	uint32_t word = le32toh(__atomic_load_n((const uint32_t *)p->driver, __ATOMIC_RELAXED));
	uint16_t flags = (uint16_t)(word >> 16);

	if (flags & ~3u || flags == 3)
		broken(p, "R-PACK-40: reserved bits in the driver's event structure");
	if (flags == VRING_PACKED_EVENT_FLAG_DESC && !p->event_idx)
		broken(p, "R-PACK-39: a descriptor event without the event index");
	return word;
}

/* One entry at a time, as the text of 2.8.10 has it; the driver's formula is not used here. */
static bool wants_packed(struct peer *p)
{
	uint32_t event = driver_event(p);
	uint16_t flags = (uint16_t)(event >> 16);
	uint16_t place = (uint16_t)event;
	bool wants = false;

	while (p->told != p->used || p->told_wrap != p->used_wrap) {
		wants |= flags == VRING_PACKED_EVENT_FLAG_ENABLE ||
			 (flags == VRING_PACKED_EVENT_FLAG_DESC &&
			  place == (p->told | (p->told_wrap ? WRAP : 0)));
		if (++p->told == p->size) {
			p->told = 0;
			p->told_wrap = !p->told_wrap;
		}
	}
	return wants;
}

static bool wants_split(struct peer *p)
{
	uint16_t event = le16toh(__atomic_load_n(&avail(p)->ring[p->size], __ATOMIC_RELAXED));
	bool flag = le16toh(__atomic_load_n(&avail(p)->flags, __ATOMIC_RELAXED));
	bool wants = false;

	for (; p->told != p->used; p->told++)
		wants |= p->event_idx ? p->told == event : !flag;
	return wants;
}

bool peer_show(struct peer *p)
{
	if (!p->packed)
		__atomic_store_n(&used(p)->idx, htole16(p->used), __ATOMIC_RELEASE);
	__sync_synchronize();
	return p->packed ? wants_packed(p) : wants_split(p);
}

void peer_wish(struct peer *p, uint16_t place, uint16_t flags)
{
	uint32_t word = place | (uint32_t)flags << 16;

	__atomic_store_n((uint32_t *)p->device, htole32(word), __ATOMIC_RELAXED);
}

static void wish_split(struct peer *p, uint16_t flags, uint16_t event)
{
	__atomic_store_n(&used(p)->flags, htole16(flags), __ATOMIC_RELAXED);
	__atomic_store_n((uint16_t *)(void *)&used(p)->ring[p->size], htole16(event),
			 __ATOMIC_RELAXED);
}

bool peer_sleep(struct peer *p)
{
	if (!p->packed)
		wish_split(p, 0, p->next);
	else if (p->event_idx)
		peer_wish(p, (uint16_t)(p->next | (p->next_wrap ? WRAP : 0)),
			  VRING_PACKED_EVENT_FLAG_DESC);
	else
		peer_wish(p, 0, VRING_PACKED_EVENT_FLAG_ENABLE);
	__sync_synchronize();
	if (!p->packed)
		return load(&avail(p)->idx) == p->next;
	return (load(&entry(p, p->next)->flags) & (AVAIL | USED)) != (p->next_wrap ? AVAIL : USED);
}

void peer_poll_mode(struct peer *p)
{
	if (p->packed)
		peer_wish(p, 0, VRING_PACKED_EVENT_FLAG_DISABLE);
	else
		wish_split(p, p->event_idx ? 0 : VRING_USED_F_NO_NOTIFY, (uint16_t)(p->next - 1));
}
