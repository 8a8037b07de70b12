/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device's side of a virtqueue, split or packed, in order or not: the one model that unit
 * tests, fuzzers and the rig use. It takes chains, walks direct and indirect tables, holds each
 * chain against virtio 1.4 (2.7 and 2.8), gives chains back in any order, one by one or in batches,
 * and suppresses or requests notifications. It can also lie: every word that a device may write can
 * be written with any value. Written from the specification, it shares no code with src/ring/.
 *
 * A broken rule is recorded in @broken and never asserted, since the model may run in a thread of
 * its own. After the first one nothing more is taken; chains can still be given back.
 *
 * It takes no locks: one thread at a time. Fences are __sync_synchronize(), so that a program which
 * compiles the driver's fences away keeps these.
 *
 * What chains carry is not looked at: see disk.h for SCSI commands.
 */
#ifndef TESTS_DEVICE_RING_H
#define TESTS_DEVICE_RING_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_ring.h>

/**
 * struct device_elem - A piece of memory in a chain
 * @addr: its address as the descriptor has it
 * @at: where the device sees it
 * @len: bytes
 * @writable: whether the device may write it
 */
struct device_elem {
	uint64_t addr;
	void *at;
	uint32_t len;
	bool writable;
};

/**
 * struct device_chain - A chain as it was taken
 * @id: what a used entry calls it
 * @first: its first descriptor in the ring; @descs: how many it has there
 * @slots: how far the used position moves when it is given back
 * @generation: which start of the ring it belongs to
 * @count: its elements, the @readable ones first
 * @indirect: they were in an indirect table
 */
struct device_chain {
	uint16_t id;
	uint16_t first;
	uint16_t descs;
	uint16_t slots;
	unsigned generation;
	unsigned count;
	unsigned readable;
	bool indirect;
};

/**
 * struct device_hold - What the device keeps of a chain while it holds it
 * @table, @table_len: where its indirect table is and how long; 0: there is none
 * @table_hash: of the table as it was when the chain was taken
 * @first, @descs: as in struct device_chain; @descs 0: not held
 */
struct device_hold {
	uint64_t table;
	uint64_t table_hash;
	uint32_t table_len;
	uint16_t first;
	uint16_t descs;
};

/**
 * struct ring_device - The device's side of a ring
 *
 * To be set before device_attach():
 * @desc, @driver, @device: the three parts of the ring, as the device sees them
 * @size: entries
 * @packed, @in_order, @event_idx, @indirect: what was negotiated
 * @check_used: also check that the driver leaves a split ring's used part alone; for rings whose
 *	driver could write it and whose test doesn't
 * @max_elems: most elements of a chain, which the array given to device_take() has room for
 * @translate: where @len bytes at an address of the driver's are, NULL for nowhere; @ctx: for it.
 *	@translate NULL: addresses are pointers
 *
 * The model's own, which tests may look at:
 * @seen, @seen_wrap: where the next chain comes: an index, or an entry and its wrap counter
 * @avail_idx: split: available index as last read
 * @used_idx, @used_wrap: likewise where the next used entry goes
 * @shown, @shown_wrap: what @used_idx was when notifications were last decided on
 * @asked_flags, @asked_event: what device_request() stored last
 * @place: split and in order: where in the table the next chain has to begin
 * @out: what the device holds: chains of a split ring, descriptors of a packed one
 * @generation: number of the start, which device_attach() moves on
 * @shadow: the ring's descriptors as they were when they were taken
 * @owner: split: 1 + id of the chain held that has the descriptor, 0: none
 * @holds: for each id, the chain that the device holds
 * @broken: the first rule that the driver broke, NULL while it behaves; @broken_id: the chain
 */
struct ring_device {
	void *desc;
	void *driver;
	void *device;
	unsigned size;
	bool packed;
	bool in_order;
	bool event_idx;
	bool indirect;
	bool check_used;
	unsigned max_elems;
	void *(*translate)(void *ctx, uint64_t addr, uint64_t len);
	void *ctx;
	uint16_t seen;
	bool seen_wrap;
	uint16_t avail_idx;
	uint16_t used_idx;
	bool used_wrap;
	uint16_t shown;
	bool shown_wrap;
	uint16_t asked_flags;
	uint16_t asked_event;
	uint16_t place;
	unsigned out;
	unsigned generation;
	struct vring_packed_desc *shadow;
	uint32_t *owner;
	struct device_hold *holds;
	const char *broken;
	unsigned broken_id;
};

/* The parts of a ring, by their types. */
static inline struct vring_desc *device_desc(const struct ring_device *dev)
{
	return dev->desc;
}

static inline struct vring_avail *device_avail(const struct ring_device *dev)
{
	return dev->driver;
}

static inline struct vring_used *device_used(const struct ring_device *dev)
{
	return dev->device;
}

static inline struct vring_packed_desc *device_packed(const struct ring_device *dev)
{
	return dev->desc;
}

/* Puts the device at the beginning of a ring. device_detach() is allowed on a zeroed struct. */
void device_attach(struct ring_device *dev);
void device_detach(struct ring_device *dev);

/**
 * device_move - Put the device anywhere else in a ring from which nothing was taken
 * @seen: where the next chain comes: an index, or an entry with the wrap counter in bit 15
 * @used: likewise where the next used entry goes
 */
void device_move(struct ring_device *dev, uint16_t seen, uint16_t used);

/* Both positions, @used in the upper half, as device_move() takes them. */
uint32_t device_position(const struct ring_device *dev);

/**
 * device_take - Take the next available chain, checked
 * @chain: receives it
 * @elems: receives its elements: an array of @max_elems
 *
 * Return: false when there is none or the driver broke a rule.
 */
bool device_take(struct ring_device *dev, struct device_chain *chain, struct device_elem *elems);

/* How many chains are available and not taken; of a packed ring, whether there is one. */
unsigned device_waiting(const struct ring_device *dev);

/**
 * device_give - Give a chain back
 * @len: the used length
 *
 * Checks first that the driver left the chain alone. A chain that the device doesn't hold, since
 * the ring was restarted or the test gave it back before, is ignored. The driver of a split ring
 * sees it after device_show() only.
 *
 * Return: whether it was given back.
 */
bool device_give(struct ring_device *dev, const struct device_chain *chain, uint32_t len);

/*
 * As device_give(), in order: gives back the oldest @count chains, at least one, with one used
 * entry, which names the last of them.
 */
bool device_give_batch(struct ring_device *dev, const struct device_chain *chains, unsigned count,
		       uint32_t len);

/**
 * device_show - Show the driver what was given back
 *
 * Return: whether the driver wants a notification (2.7.7.2, 2.8.10).
 */
bool device_show(struct ring_device *dev);

/**
 * device_sleep - Request a notification of the next chain, and look once more
 *
 * Return: whether the device may sleep; false when a chain is there already.
 */
bool device_sleep(struct ring_device *dev);

/* Suppresses notifications, as a device that polls does. */
void device_poll_mode(struct ring_device *dev);

/**
 * device_request - Store what tells the driver when to notify, whatever was negotiated
 * @flags: used.flags of a split ring; flags of a packed ring's device event structure
 * @event: avail_event; or an entry with the wrap counter in bit 15
 */
void device_request(struct ring_device *dev, uint16_t flags, uint16_t event);

/* What the driver published of its own: flags, and used_event or the event's offset and wrap. */
uint16_t device_driver_flags(const struct ring_device *dev);
uint16_t device_driver_event(const struct ring_device *dev);

/* -- lies -- */

/* Ends the device's hold on a chain, checked, and gives nothing back. */
void device_drop(struct ring_device *dev, const struct device_chain *chain);

/**
 * device_lie - Append a used entry, true or not
 * @id: its id; what a packed ring has room for is the lower half
 * @len: its length
 *
 * If the device holds a chain of that id, this gives it back, checked as by device_give().
 */
void device_lie(struct ring_device *dev, uint32_t id, uint32_t len);

/* Split: moves on to another used entry, without writing those between. */
void device_move_used(struct ring_device *dev, unsigned by);

/* Split: stores a used index, true or not. */
void device_show_idx(struct ring_device *dev, uint16_t idx);

/* Packed: writes a used descriptor at any entry, and moves nothing. */
void device_write(struct ring_device *dev, unsigned at, uint16_t id, uint32_t len, uint16_t flags);

/* Packed: AVAIL and USED as a used descriptor has them at the current position. */
uint16_t device_used_bits(const struct ring_device *dev);

#endif
