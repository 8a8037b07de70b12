/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device side of a virtqueue. A ring is set up field by field by vhost-user messages, then
 * started; ring_ops hides which of the two formats it has. Knows no SCSI.
 */
#ifndef TARGET_RING_H
#define TARGET_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "inflight.h"
#include "loop.h"
#include "regions.h"
#include "sgl.h"

/* One request taken from a ring: what the device may read, and what it may write. */
struct chain {
	uint16_t id;    /* what the driver knows it by */
	uint16_t slots; /* descriptors it takes up in the ring itself */
	uint16_t entry; /* where the in-flight area has it */
	struct sgl out; /* device-readable */
	struct sgl in;  /* device-writable */
};

struct ring;

struct ring_ops {
	/* Find the ring's parts in memory and take over its state. 0 or -errno with a sentence. */
	int (*attach)(struct ring *r);
	/* Take the next request: 1, 0 when there is none, -errno with a sentence. */
	int (*pop)(struct ring *r, struct chain *c);
	/* The same for the next one that was in flight before the start; there is one. */
	int (*pop_again)(struct ring *r, struct chain *c);
	/*
	 * Give a request back, @written bytes of its writable part being valid. One that stands for
	 * a batch has the slots of all of it.
	 */
	void (*push)(struct ring *r, const struct chain *c, uint32_t written);
	/* Whether the driver wants to hear of what was pushed since the last question. */
	bool (*wants_call)(struct ring *r);
	/* Ask the driver to kick for the next request, or not to. */
	void (*ask_kicks)(struct ring *r, bool on);
	/* Whether pop would find something. */
	bool (*has_work)(const struct ring *r);
	/* The positions as GET_VRING_BASE and SET_VRING_BASE carry them. */
	uint32_t (*base)(const struct ring *r);
	void (*set_base)(struct ring *r, uint32_t base);
	const struct inflight_ops *inflight;
};

extern const struct ring_ops ring_split_ops;
extern const struct ring_ops ring_packed_ops;

struct ring {
	unsigned int index;
	const struct ring_ops *ops;
	struct memory *memory;
	const struct inflight_area *area;

	/* set up by messages */
	uint32_t num;       /* entries; 0 until SET_VRING_NUM */
	uint64_t desc_addr; /* the three parts, as user addresses */
	uint64_t driver_addr;
	uint64_t device_addr;
	bool have_addr;
	uint32_t start_base;
	bool enabled;
	struct watch kick;
	int call_fd; /* -1: the driver polls */
	int err_fd;

	/* while it runs */
	bool started;
	bool broken;
	bool polled;  /* looked at all the time, kicks are not needed */
	bool pending; /* work was left, look again without a kick */
	bool event_idx;
	bool in_order;
	bool indirect;
	void *desc; /* the three parts, as mapped here */
	void *driver;
	void *device;
	uint16_t next_avail;
	uint16_t next_used;
	bool avail_wrap; /* packed rings only */
	bool used_wrap;
	uint16_t called_used; /* next_used when the driver was last asked about a call */
	bool called_wrap;
	bool called_valid;
	struct {
		uint16_t id; /* of the last one */
		uint16_t slots;
		uint32_t written;
	} batch; /* given back in order and not yet shown */
	struct inflight inflight;

	/* the pieces of the chain at hand */
	struct iovec *iov;
	unsigned int iov_max;
	unsigned int iov_count;
	unsigned int out_count; /* of them device-readable */
	unsigned int desc_count;
	bool has_in;
	uint64_t chain_bytes;
};

/*
 * ring_start - begin to run with what was set up.
 * Returns 0 or a negative errno with a sentence; the ring is then not started.
 */
int ring_start(struct ring *r);

/*
 * ring_reattach - find the ring's parts again after the memory changed, keeping its positions.
 * Returns 0 or a negative errno with a sentence.
 */
int ring_reattach(struct ring *r);

/* ring_stop - stop and forget the set-up, apart from the number of entries. Keeps the positions. */
void ring_stop(struct ring *r);

/* ring_runs - whether requests may be taken from it now. */
bool ring_runs(const struct ring *r);

/*
 * ring_break - the client broke a rule of the ring: say which (refusal()), raise the error
 * descriptor and never touch the ring again until it is stopped and started anew.
 */
void ring_break(struct ring *r);

/*
 * ring_rearm - ask for kicks again and look once more.
 * Returns true if there is work after all, in which case no kick may come for it.
 */
bool ring_rearm(struct ring *r);

/*
 * ring_pop - take the next request, as ring_ops.pop: first those that were in flight when another
 * target died, then those that the driver made available.
 */
int ring_pop(struct ring *r, struct chain *c);

/*
 * ring_push - give a request back, as ring_ops.push. With in-order use one entry stands for all
 * that are given back before ring_call() (virtio 1.4, 2.7.9, 2.8.8).
 */
void ring_push(struct ring *r, const struct chain *c, uint32_t written);

/*
 * ring_call - show what was given back, and notify the driver if it wants that. Returns whether it
 * was notified.
 */
bool ring_call(struct ring *r);

/* packed_step - go @n slots on from @at, turning the wrap counter at the ring's end. */
void packed_step(const struct ring *r, uint16_t *at, bool *wrap, uint32_t n);

/* packed_available - whether the descriptor at @i was made available in the lap of @wrap. */
bool packed_available(const struct ring *r, uint16_t i, bool wrap);

/*
 * chain_begin, chain_add, chain_end - collect the descriptors of one request.
 * @guest, @len: the memory a descriptor names; @writable: by the device
 * chain_add checks the number of descriptors, the order (readable before writable) and that all
 * memory is the client's. 0 or a negative errno with a sentence.
 */
void chain_begin(struct ring *r);
int chain_add(struct ring *r, uint64_t guest, uint32_t len, bool writable);
void chain_end(struct ring *r, struct chain *c);

/*
 * chain_table - where an indirect table is.
 * @entries: set to the number of descriptors in it
 * Returns NULL with a sentence when it is not negotiated, not whole, or not in one region.
 */
const void *chain_table(struct ring *r, uint64_t guest, uint32_t len, uint32_t *entries);

#endif
