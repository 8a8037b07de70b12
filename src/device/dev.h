/* SPDX-License-Identifier: BSD-3-Clause */
/* The device: what its parts in this folder share. */
#ifndef DEVICE_DEV_H
#define DEVICE_DEV_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <vscsi/device.h>
#include <vscsi/mem.h>

#include "queue/ioq.h"
#include "mem/dma.h"
#include "virtio/device.h"
#include "virtio/virtq.h"

/* Virtqueues that come before the request queues (virtio 1.4, 5.6.2). */
#define VQ_CONTROL 0
#define VQ_EVENT   1
#define VQ_REQUEST 2
#define MAX_QUEUES 254 /* request queues: a vhost-user ring index has eight bits */

/*
 * Limits of a device, from its configuration space or our defaults (virtio 1.4, 5.6.4), made safe.
 */
struct dev_limits {
	uint32_t queues;
	uint32_t seg_max;
	uint32_t max_sectors;
	uint32_t cmd_per_lun;
	uint32_t event_size;
	uint32_t max_target;
	uint32_t max_lun;
};

/**
 * struct recovery - Getting the device back; under the device's lock
 * @lost_ms, @back_ms: when it was lost, and was back, the last time
 * @spent_ms: how long it has been away since it last proved itself, but for the loss that it is
 *	away for now
 * @owed: requests that it was shown when it was back, and that were not returned yet; any thread
 * @answered: it answered one of them since it was back; any thread
 * @limit: when it is given up, in milliseconds
 * @missing: until when LUNs that are missing are waited for
 * @answers_by: until when LUNs have to have told who they are
 * @losses: how often it was lost; read by any thread
 * @due: when the next attempt is; read by any thread
 * @pause: between that and the one after it; longer each time, also from one loss to the next
 *	while it has not proved itself
 * @keep: the device is to go on with what it has in flight, by its own account
 * @asked: request queue on whose spare virtqueue LUNs are asked who they are
 */
struct recovery {
	uint64_t lost_ms;
	uint64_t back_ms;
	uint64_t spent_ms;
	atomic_uint owed;
	atomic_bool answered;
	uint64_t limit;
	uint64_t missing;
	uint64_t answers_by;
	_Atomic uint32_t losses;
	_Atomic uint64_t due;
	unsigned pause;
	bool keep;
	struct ioq *asked;
};

struct events;
struct control;
struct vscsi_lun;
struct vscsi_queue;

/**
 * struct vscsi_dev - A device
 * @state: VSCSI_DEV_*; read by every thread, written under @lock
 * @errors: rules broken that were put right
 * @lock: one thread at a time on the control path: transport, events, control queue, queue handles
 * @opts: as given, with defaults filled in
 * @virtio: the virtio device underneath; @virtio.transport belongs to this structure
 * @mem: pool in use; @own_mem: it is ours to destroy
 * @map: where the device sees the pool
 * @limits: what the device says of itself
 * @ioqs, @queues: request queues that are set up
 * @served: how many of them the device has: fewer, once it came back with fewer, and then nobody
 *	uses the others. Under @lock
 * @events, @control: the other two virtqueues
 * @sync: shared queue on the first request queue, for the calls that wait
 * @zeroes: a block of zeros in DMA memory, for WRITE SAME
 * @question: RECOGNIZE_BYTES of DMA memory, to recognize LUNs; NULL where that is never done
 * @open: LUNs that the application has open, in a list; changed with @lock and @open_lock held, read
 *	with either
 * @probing: LUNs that are being opened, under @open_lock
 * @open_lock: no other lock is taken with it held
 * @strangers: whether one of them is gone, so that each request is asked about its LUN
 * @luns, @handles: LUNs and queues that the application has open
 * @look_ms: how often time limits are to be looked after; 0: there are none
 * @recovery: how far getting it back is
 * @watched_ms: when somebody who sleeps by himself looked at the connection last
 * @in_use: features that were negotiated last, before a loss too. Those that rings and slots are
 *	laid out for stay the same. Read by any thread
 * @failure: why it is VSCSI_DEV_FAILED
 */
struct vscsi_dev {
	_Atomic uint32_t state;
	_Atomic uint64_t errors;
	pthread_mutex_t lock;
	struct vscsi_dev_opts opts;
	struct virtio_dev virtio;
	struct vscsi_mem *mem;
	bool own_mem;
	struct dma_map *map;
	struct dev_limits limits;
	struct ioq **ioqs;
	unsigned queues;
	unsigned served;
	struct events *events;
	struct control *control;
	struct vscsi_queue *sync;
	void *zeroes;
	_Atomic uint32_t look_ms;
	void *question;
	struct vscsi_lun *open;
	struct vscsi_lun *probing;
	pthread_mutex_t open_lock;
	atomic_bool strangers;
	atomic_uint luns;
	atomic_uint handles;
	struct recovery recovery;
	_Atomic uint64_t watched_ms;
	_Atomic uint64_t in_use;
	char failure[256];
};

/* Room for a question to a LUN: see recognize.c. */
#define RECOGNIZE_BYTES 1024u

/* Largest block that we deal with: the zeros of WRITE SAME are so many. */
#define MAX_BLOCK_SIZE 65536u

/**
 * dev_fail - Declare a device lost for good
 * @why: the rule that it broke, as a sentence
 *
 * Cuts the device off first, then changes the state: whoever sees that may take buffers back. Takes
 * @dev->lock. Only a device that runs fails.
 */
void dev_fail(struct vscsi_dev *dev, const char *why);

/* The same with the lock held, and from any state. */
void dev_fail_locked(struct vscsi_dev *dev, const char *why);

/* dev_fail() for the rule that was broken on a request queue, if the device still has that ring. */
void dev_fail_queue(struct ioq *ioq, const char *why);

/*
 * dev_cut_off - Stop the device from using our memory (virtio 1.4, 3.3.1)
 * dev_close_queues - Then keep everybody from using its rings, with what becomes of what is in them
 *
 * Locked.
 */
void dev_cut_off(struct vscsi_dev *dev);
void dev_close_queues(struct vscsi_dev *dev, enum fate fate);

/*
 * Wakes who sleeps on a queue. After a change of state, as vscsi_arm() looks at that last: a thread
 * that slept through it would have nothing else to wake it. Locked.
 */
void dev_wake_sleepers(struct vscsi_dev *dev);

/*
 * Has the device keep account of what is in flight, where that is possible. Between negotiation and
 * the start of the first virtqueue; 0 or a negative errno with its sentence set.
 */
int dev_track(struct vscsi_dev *dev);

/* Resets the device and agrees on features; those that requests are made for stay. Locked. */
int dev_negotiate(struct vscsi_dev *dev);

/**
 * dev_check - Look whether the device is still there, its configuration the same, its rings whole
 *
 * A few system calls; dev_fail() when it is not there. Takes @dev->lock, or does nothing when
 * another thread has it.
 */
void dev_check(struct vscsi_dev *dev);

/*
 * Reads the configuration anew, as what was known of it is stale (virtio 1.4, 3.2), and tells of
 * it. Locked.
 */
void dev_config_changed(struct vscsi_dev *dev);

/* What sleepers watch besides their queue, as in transport.h; -1: nothing, now. */
int dev_watch_fd(struct vscsi_dev *dev);

/* VSCSI_DEV_*. Acquire pairs with dev_fail(), recover_begin(): cut off before we see that. */
static inline uint32_t dev_state(const struct vscsi_dev *dev)
{
	return atomic_load_explicit(&dev->state, memory_order_acquire);
}

static inline bool dev_running(const struct vscsi_dev *dev)
{
	return dev_state(dev) == VSCSI_DEV_RUNNING;
}

/* Whether a feature was negotiated. Any thread, also while the device is away. */
static inline bool dev_uses(const struct vscsi_dev *dev, unsigned bit)
{
	return atomic_load_explicit(&dev->in_use, memory_order_relaxed) & VIRTIO_BIT(bit);
}

/* Whether it is lost for good. */
static inline bool dev_failed(const struct vscsi_dev *dev)
{
	return dev_state(dev) == VSCSI_DEV_FAILED;
}

/* Sets the sentence for a call that a lost device can't serve. Return: -ENOTCONN. */
int dev_explain_lost(const struct vscsi_dev *dev);

/* Whether it is looked for when it is lost. */
static inline bool dev_recoverable(struct vscsi_dev *dev)
{
	return dev->opts.recovery != VSCSI_RECOVERY_OFF && virtio_can_reopen(&dev->virtio);
}

/**
 * dev_read_limits - Learn a device's limits
 *
 * Before the start it also puts the sizes of CDB and sense data to those of our headers.
 *
 * Return: 0, or a negative errno with its sentence set; then @dev->limits is as before.
 */
int dev_read_limits(struct vscsi_dev *dev);

/* The limits as they are now; they may change while the device runs. Takes @dev->lock. */
struct dev_limits dev_get_limits(struct vscsi_dev *dev);

#endif
