/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device's side of a ring of either format, with chains of any length and indirect tables: a
 * model to test the driver's side against. It takes chains, holds each against the rules, and gives
 * them back in whatever order the test wants. Written from virtio 1.4, 2.7 and 2.8, and shares no
 * code with what it tests. What a descriptor's address points to is the test's business.
 *
 * A broken rule is noted and never asserted here, since the model may run in a thread of its own.
 */
#ifndef TESTS_UNIT_RING_PEER_H
#define TESTS_UNIT_RING_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_ring.h>

#define PEER_ELEMENTS 8u

/**
 * struct peer - The device's side
 * @desc, @driver, @device: the three parts of the ring, as this side sees them
 * @size: entries
 * @packed, @in_order, @event_idx, @indirect: what was negotiated
 * @next, @next_wrap: where the next chain comes: an index, or an entry and its lap
 * @used, @used_wrap: likewise where the next used entry goes
 * @told, @told_wrap: what @used was when notifications were last decided on
 * @place: in order, where in a split ring's table the next chain has to begin
 * @shadow: the ring's descriptors as they were when they were taken
 * @have: for each id, whether its chain is here
 * @broken: the first rule that the driver broke, NULL while it behaves
 */
struct peer {
	void *desc;
	void *driver;
	void *device;
	unsigned size;
	bool packed;
	bool in_order;
	bool event_idx;
	bool indirect;
	uint16_t next;
	bool next_wrap;
	uint16_t used;
	bool used_wrap;
	uint16_t told;
	bool told_wrap;
	uint16_t place;
	struct vring_packed_desc *shadow;
	bool *have;
	const char *broken;
};

/**
 * struct peer_chain - A chain as it was taken; with more slots, the last one of a batch
 * @first: its first descriptor in the ring; @descs: how many it has there
 * @slots: what the used position moves by when it is given back
 * @count: its elements, @addr and @len of each
 */
struct peer_chain {
	uint16_t id;
	uint16_t first;
	uint16_t descs;
	uint16_t slots;
	unsigned count;
	unsigned readable;
	uint64_t addr[PEER_ELEMENTS];
	uint32_t len[PEER_ELEMENTS];
};

/* Puts the device at its end; the caller has filled in the parts, the size and the features. */
void peer_attach(struct peer *p);
void peer_detach(struct peer *p);

/* Takes the next chain: whether there was one. It was checked. */
bool peer_take(struct peer *p, struct peer_chain *chain);

/* Has to come before a chain is given back or ends in a batch: it is not here any more. */
void peer_check(struct peer *p, const struct peer_chain *chain);

/* Gives it back, with a length. The driver of a split ring sees it after peer_show() only. */
void peer_use(struct peer *p, const struct peer_chain *chain, uint32_t len);

/* Shows what was given back. Return: whether the driver wants a notification. */
bool peer_show(struct peer *p);

/* Asks for a notification of the next chain and looks once more: whether it may sleep. */
bool peer_sleep(struct peer *p);

/* Says that no notifications are needed. */
void peer_poll_mode(struct peer *p);

/* Packed: stores the device's event structure; place with the wrap counter in bit 15. */
void peer_wish(struct peer *p, uint16_t place, uint16_t flags);

/* Packed: writes any used descriptor at any entry, true or not. */
void peer_lie(struct peer *p, unsigned at, uint16_t id, uint32_t len, uint16_t flags);

/* Packed: both bits as a used descriptor has them in this lap. */
uint16_t peer_used_bits(const struct peer *p);

#endif
