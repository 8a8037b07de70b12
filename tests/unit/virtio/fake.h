/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A transport in memory: a device that offers, refuses and fails what the test says, and a log of
 * every call. It has no rings of its own; what is started is there for the test to look at, or for
 * a model of a device to serve.
 */
#ifndef TESTS_UNIT_VIRTIO_FAKE_H
#define TESTS_UNIT_VIRTIO_FAKE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_scsi.h>

#include "transport/transport.h"

#define FAKE_QUEUES  64
#define FAKE_REGIONS 64
#define FAKE_LOG     4096

/* The calls of struct transport_ops that are logged. */
enum fake_call {
	FAKE_ANY,
	FAKE_CLOSE,
	FAKE_GET_FEATURES,
	FAKE_SET_FEATURES,
	FAKE_GET_STATUS,
	FAKE_SET_STATUS,
	FAKE_READ_CONFIG,
	FAKE_WRITE_CONFIG,
	FAKE_QUEUE_COUNT,
	FAKE_QUEUE_MAX,
	FAKE_QUEUE_START,
	FAKE_QUEUE_STOP,
	FAKE_NOTIFY,
	FAKE_MEM_MAP,
	FAKE_MEM_UNMAP,
	FAKE_CHECK,
	FAKE_DISCONNECT,
	FAKE_WAIT_READY,
};

/* One call; @value is a status, a set of features, a queue, an offset or an address. */
struct fake_entry {
	enum fake_call call;
	uint64_t value;
	uint64_t len;
};

/* A region as the device sees it: its own address is @iova. */
struct fake_region {
	uint64_t iova;
	uint64_t addr;
	uint64_t len;
};

/**
 * struct fake - A transport and its device
 * @transport: what the driver gets
 * @ops: its own, so that @ops.features can be changed; vhost-user's features at first
 * @offer: features that the device offers; @accepted: those that the driver took
 * @status: device status; @refuse: bits of it that the device never shows; @insist: that it always
 *	does
 * @closed: close() was called
 * @keeps: disconnect() doesn't cut it off from memory
 * @config: configuration space; @config_len: bytes that there are, 0: none to read
 * @ignore_config_writes: accept what is written and keep what is there
 * @queue_count, @queue_max: what those calls answer; @fixed_max: the latter for virtqueues 0 and 1,
 *	0: the same
 * @queues, @started, @base: what queue_start() gave and queue_stop() is to answer
 * @notified: kicks for each queue
 * @call_fds: what call_fd() answers, -1 at first
 * @regions, @nregions: memory mapped; @shift: added to each address
 * @map_live: whether memory can change while queues run
 * @events: what the next check() finds
 * @fail, @fail_skip, @fail_err: the call that fails after so many that did not, FAKE_ANY: any; 0:
 *	none
 * @pending, @pending_skip, @pending_times: while @transport.wait is false, the call that is in
 *	progress for so many times before it takes effect, after so many of its kind that were not;
 *	FAKE_ANY: every call. Only when it takes effect it is logged
 * @going_on, @going_value, @going_times: the call that is in progress now, 0: none; its value; and
 *	how many times still
 * @misused: a call came that is not allowed while another is in progress
 * @inside, @overlaps: calls going on, notify() excepted, and those that met another one
 * @hook, @ctx: called within each call, when it took effect; may be NULL
 * @log, @logged: every call in its order
 */
struct fake {
	struct transport transport;
	struct transport_ops ops;
	uint64_t offer;
	uint64_t accepted;
	uint8_t status;
	uint8_t refuse;
	uint8_t insist;
	bool closed;
	bool keeps;
	struct virtio_scsi_config config;
	unsigned config_len;
	bool ignore_config_writes;
	int queue_count;
	int queue_max;
	int fixed_max;
	struct transport_queue queues[FAKE_QUEUES];
	bool started[FAKE_QUEUES];
	uint32_t base[FAKE_QUEUES];
	atomic_uint notified[FAKE_QUEUES];
	int call_fds[FAKE_QUEUES];
	struct fake_region regions[FAKE_REGIONS];
	unsigned nregions;
	uint64_t shift;
	bool map_live;
	atomic_uint events;
	enum fake_call fail;
	unsigned fail_skip;
	int fail_err;
	enum fake_call pending;
	unsigned pending_skip;
	unsigned pending_times;
	enum fake_call going_on;
	uint64_t going_value;
	unsigned going_times;
	bool misused;
	atomic_uint inside;
	atomic_uint overlaps;
	void (*hook)(void *ctx, enum fake_call call, unsigned queue);
	void *ctx;
	pthread_mutex_t lock;
	unsigned logged;
	struct fake_entry log[FAKE_LOG];
};

/* Makes a device that offers all there is, with four request queues of 128 entries. */
void fake_init(struct fake *fake);
void fake_fini(struct fake *fake);

/* Forgets the log. */
void fake_forget(struct fake *fake);

/* Where call number @skip (from 0) of its kind stands in the log; -1 for nowhere. */
int fake_find(const struct fake *fake, enum fake_call call, unsigned skip);

/* How many calls of a kind there were. */
unsigned fake_count(const struct fake *fake, enum fake_call call);

/* Every status written, in order; at most @max. Returns how many there were. */
unsigned fake_statuses(const struct fake *fake, uint8_t *out, unsigned max);

/* Whether no status written lacks a bit of the one before, a reset excepted (virtio 1.4, 2.1.1). */
bool fake_status_only_grows(const struct fake *fake);

/* Memory at an address of the device; NULL unless all @len bytes are in one region. */
void *fake_memory(const struct fake *fake, uint64_t iova, uint64_t len);

#endif
