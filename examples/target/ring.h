/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device side of a virtqueue. A ring is configured by vhost-user messages and then started;
 * ring_ops hides whether it is split or packed. Knows no SCSI.
 */
#ifndef TARGET_RING_H
#define TARGET_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "inflight.h"
#include "loop.h"
#include "regions.h"
#include "sgl.h"

/* A request taken from a ring. */
struct chain {
	uint16_t id;    /* its head or buffer id */
	uint16_t slots; /* descriptors used in the ring itself */
	uint16_t entry; /* index in the in-flight area */
	struct sgl out; /* device-readable */
	struct sgl in;  /* device-writable */
};

struct counters;
struct ring;
struct worker;

struct ring_ops {
	/*
	 * Locate the ring's parts in memory and load its state. 0 or -errno with the error text
	 * set.
	 */
	int (*attach)(struct ring *r);
	/* Take the next request: 1, 0 if there is none, -errno with the error text set. */
	int (*pop)(struct ring *r, struct chain *c);
	/* Take the next request to replay; there is one. */
	int (*pop_replay)(struct ring *r, struct chain *c);
	/*
	 * Return a request with @written bytes. If it completes a batch, its slots are those of the
	 * whole batch.
	 */
	void (*push)(struct ring *r, const struct chain *c, uint32_t written);
	/*
	 * Whether the driver asked for a notification of what was pushed since the last call: of
	 * r->uncalled slots, or, if !r->called_valid, of anything.
	 */
	bool (*wants_call)(const struct ring *r);
	/*
	 * Enable or disable kicks from the driver. Writes only what changes: the driver reads it
	 * with each submit, and a store takes the cache line away from it.
	 */
	void (*enable_kicks)(struct ring *r, bool on);
	/* Whether pop would return a request. */
	bool (*has_work)(const struct ring *r);
	/* The positions in the format of GET_VRING_BASE and SET_VRING_BASE. */
	uint32_t (*base)(const struct ring *r);
	void (*set_base)(struct ring *r, uint32_t base);
	const struct inflight_ops *inflight;
};

extern const struct ring_ops ring_split_ops;
extern const struct ring_ops ring_packed_ops;

/* Differs from everything that enable_kicks() writes. */
#define KICK_WORD_NONE UINT32_MAX

struct ring {
	unsigned int index;
	const struct ring_ops *ops;
	const struct memory *memory;
	unsigned int region_hint; /* of memory_guest() */
	struct worker *worker;    /* serves it; NULL: the main thread */
	struct loop *loop;        /* of that thread */
	struct counters *counters;
	const struct inflight_area *area;

	/* configured by messages */
	uint32_t num;       /* entries; 0 until SET_VRING_NUM */
	uint64_t desc_addr; /* user addresses of the three parts */
	uint64_t driver_addr;
	uint64_t device_addr;
	bool have_addr;
	uint32_t start_base;
	bool enabled;
	struct watch kick;
	int call_fd; /* -1: the driver polls */
	int err_fd;

	/* while started */
	bool started;
	bool broken;
	bool polled;  /* polled permanently, without kicks */
	bool pending; /* requests are left: check again without a kick */
	bool event_idx;
	bool in_order;
	bool indirect;
	void *desc; /* the three parts, mapped here */
	void *driver;
	void *device;
	uint16_t next_avail;
	uint16_t next_used;
	bool avail_wrap; /* packed rings only */
	bool used_wrap;
	uint16_t avail_idx; /* split rings only: as read last; what is before it is available */
	uint32_t kick_word; /* as written by enable_kicks() last; or KICK_WORD_NONE */
	bool called_valid;  /* wants_call was asked since the start */
	uint32_t uncalled;  /* slots returned since then; can be more than the ring has */
	struct {
		uint16_t id; /* of the last request */
		uint16_t slots;
		uint32_t written;
	} batch; /* returned in order, not published yet */
	struct inflight inflight;

	/* segments of the current chain */
	struct iovec *iov;
	unsigned int iov_max;
	unsigned int iov_count;
	unsigned int out_count; /* how many are device-readable */
	unsigned int desc_count;
	bool has_in;
	uint64_t out_bytes;
	uint64_t chain_bytes; /* of all segments */
};

/*
 * ring_start - start the ring as configured.
 * Returns 0 or a negative errno with the error text set; the ring is then not started.
 */
int ring_start(struct ring *r);

/*
 * ring_reattach - locate the ring's parts again after the memory changed, keeping its positions.
 * Returns 0 or a negative errno with the error text set.
 */
int ring_reattach(struct ring *r);

/* ring_stop - stop, and clear the configuration except the size. Keeps the positions. */
void ring_stop(struct ring *r);

/* ring_runs - whether requests may be taken now. */
bool ring_runs(const struct ring *r);

/*
 * ring_break - the client broke a rule: signal the error descriptor, and don't touch the ring until
 * it is stopped and started again.
 */
void ring_break(struct ring *r);

/*
 * ring_rearm - enable kicks and check for requests once more.
 * Returns true if there are some; there may be no kick for these.
 */
bool ring_rearm(struct ring *r);

/*
 * ring_pop - take the next request, see ring_ops.pop: first those to replay after a crash of
 * another target, then those that the driver makes available.
 */
int ring_pop(struct ring *r, struct chain *c);

/*
 * ring_push - return a request, see ring_ops.push. With IN_ORDER one used entry completes all
 * requests returned before ring_call() (virtio 1.4, 2.7.9, 2.8.8).
 */
void ring_push(struct ring *r, const struct chain *c, uint32_t written);

/*
 * ring_call - publish the returned requests, and notify the driver if it asked for it. Returns
 * whether it was notified.
 */
bool ring_call(struct ring *r);

/* packed_step - advance @at by @n slots, inverting the wrap counter at the end of the ring. */
void packed_step(const struct ring *r, uint16_t *at, bool *wrap, uint32_t n);

/* packed_available - whether descriptor @i is available for wrap counter @wrap. */
bool packed_available(const struct ring *r, uint16_t i, bool wrap);

/*
 * chain_begin, chain_add, chain_end - collect the descriptors of a request.
 * @guest, @len: the memory of a descriptor; @writable: by the device
 * chain_add checks the number of descriptors, their order (readable before writable) and that the
 * memory is the client's. 0 or a negative errno with the error text set.
 */
void chain_begin(struct ring *r);
int chain_add(struct ring *r, uint64_t guest, uint32_t len, bool writable);
void chain_end(struct ring *r, struct chain *c);

/*
 * chain_table - locate an indirect table.
 * @entries: receives the number of descriptors in it
 * Returns NULL with the error text set if indirect tables were not negotiated, or if its length is
 * invalid or it is not in one region.
 */
const void *chain_table(struct ring *r, uint64_t guest, uint32_t len, uint32_t *entries);

#endif
