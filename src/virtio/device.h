/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtio device on any transport: reset, status, feature negotiation, configuration, start and
 * shutdown (virtio 1.4, 2.1, 2.2, 2.4, 2.5, 3.1, 3.3).
 *
 * Calls wait for the device unless virtio_set_wait() turned that off. Then a function that returns
 * an errno may return -EINPROGRESS; call it again with the same arguments until it returns
 * something else (transport/transport.h, "Waiting"). To wait for a call in progress use
 * virtio_wait_ready(); to cancel it use virtio_disconnect().
 */
#ifndef VIRTIO_DEVICE_H
#define VIRTIO_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "transport/transport.h"

#define VIRTIO_BIT(n) (UINT64_C(1) << (n))

struct virtio_step;

/**
 * struct virtio_dev - A virtio device
 * @transport: its transport
 * @status: status bits that the driver has written, whether or not the device accepted them
 * @offered: features that it offers, as read at the last negotiation
 * @features: features that were negotiated
 * @steps, @step: the operation in progress, virtio_negotiate() or virtio_run(), NULL: none; its
 *	current step
 * @found: result of the transport's check(), while virtio_check() reads the status
 */
struct virtio_dev {
	struct transport *transport;
	uint8_t status;
	uint64_t offered;
	uint64_t features;
	const struct virtio_step *steps;
	unsigned step;
	unsigned found;
};

/**
 * struct virtio_request - Requested features
 * @want: features to accept if the device offers them
 * @must: required features
 */
struct virtio_request {
	uint64_t want;
	uint64_t must;
};

/**
 * virtio_negotiate - Reset a device and agree on features (virtio 1.4, 3.1.1 steps 1 to 6)
 * @dev: @dev->transport set by the caller
 * @request: requested features; VERSION_1 and the transport's @needs are always required
 *
 * Every status bit is read back after it was set. If this fails, FAILED has been set, and only
 * another virtio_negotiate() may follow; if calls don't wait, only virtio_reopen() or
 * virtio_close().
 *
 * Return: 0; -EOPNOTSUPP (a required feature is missing, or the device rejects the set); or what
 * the transport returned.
 */
int virtio_negotiate(struct virtio_dev *dev, const struct virtio_request *request);

/**
 * virtio_run - Set DRIVER_OK: the device may use its queues (step 8)
 *
 * Return: 0, or a negative errno; then FAILED has been set.
 */
int virtio_run(struct virtio_dev *dev);

/**
 * virtio_fail - Set FAILED, and keep the error text
 * @err: the error that is being handled
 *
 * Never waits for an answer if calls don't wait: the device is disconnected instead.
 *
 * Return: @err.
 */
int virtio_fail(struct virtio_dev *dev, int err);

/**
 * virtio_reset - Reset the device; when this returns 0 it no longer accesses memory (2.4.2, 3.3.1)
 *
 * Return: 0, or a negative errno: then only closing the transport cuts the device off.
 */
int virtio_reset(struct virtio_dev *dev);

/**
 * virtio_open - Connect to the device at an address
 * virtio_hand_back - Return a handed-over connection to the caller, if opening fails later
 * virtio_close - Reset it and disconnect; sets @dev->transport to NULL, and accepts NULL
 *
 * When virtio_close() returns the device is cut off, whatever it answered to the reset. If calls
 * don't wait, it is disconnected without a reset. virtio_open() always waits.
 */
int virtio_open(struct virtio_dev *dev, const char *address, const struct transport_opts *opts);
void virtio_hand_back(struct virtio_dev *dev);
void virtio_close(struct virtio_dev *dev);

/**
 * virtio_set_wait - Set whether calls wait for the device; after virtio_open() they do
 *
 * Allowed while an operation is in progress: the next call continues it in the new mode.
 */
static inline void virtio_set_wait(struct virtio_dev *dev, bool wait)
{
	dev->transport->wait = wait;
}

/**
 * virtio_wait_ready - Sleep until the operation in progress can continue
 * @timeout_ms: the longest sleep; negative: until the device's time limit
 *
 * May return earlier. Return: 0, or a negative errno if sleeping failed.
 */
static inline int virtio_wait_ready(struct virtio_dev *dev, int timeout_ms)
{
	const struct transport_ops *ops = dev->transport->ops;

	return ops->wait_ready ? ops->wait_ready(dev->transport, timeout_ms) : 0;
}

/**
 * virtio_disconnect - Cut the device off at once and forget the operation in progress
 *
 * Doesn't wait. Only virtio_cut_off(), virtio_reopen(), virtio_hand_back() and virtio_close() may
 * follow.
 */
void virtio_disconnect(struct virtio_dev *dev);

/*
 * Whether a disconnected device can no longer access memory, see @cut_off of struct transport_ops.
 * Doesn't wait.
 */
static inline bool virtio_cut_off(struct virtio_dev *dev)
{
	const struct transport_ops *ops = dev->transport->ops;

	return !ops->cut_off || ops->cut_off(dev->transport);
}

/* Whether LUNs can be reset, see @no_lun_reset of struct transport_ops. */
static inline bool virtio_resets_luns(const struct virtio_dev *dev)
{
	return !dev->transport->ops->no_lun_reset;
}

/* Whether virtio_reopen() is possible. */
static inline bool virtio_can_reopen(struct virtio_dev *dev)
{
	const struct transport_ops *ops = dev->transport->ops;

	return ops->can_reopen && ops->can_reopen(dev->transport);
}

/**
 * virtio_reopen - Connect to the same device again; virtio_negotiate() has to follow
 *
 * Return: 0, or a negative errno; then the caller may try again.
 */
static inline int virtio_reopen(struct virtio_dev *dev)
{
	dev->steps = NULL;
	dev->found = 0;
	return dev->transport->ops->reopen(dev->transport);
}

/* Whether an earlier back-end may still execute requests, see @outlived of struct transport_ops. */
static inline bool virtio_outlived(struct virtio_dev *dev)
{
	const struct transport_ops *ops = dev->transport->ops;

	return ops->outlived && ops->outlived(dev->transport);
}

/* Makes the device track its requests in flight, see @track of struct transport_ops. */
static inline int virtio_track(struct virtio_dev *dev, unsigned count, unsigned size)
{
	const struct transport_ops *ops = dev->transport->ops;

	return ops->track ? ops->track(dev->transport, count, size) : 0;
}

/* Whether it does, see @tracked of struct transport_ops. */
static inline bool virtio_tracked(struct virtio_dev *dev)
{
	const struct transport_ops *ops = dev->transport->ops;

	return ops->tracked && ops->tracked(dev->transport);
}

/* Results of virtio_check(); a set. */
#define VIRTIO_CHANGED (1u << 0) /* configuration space changed */
#define VIRTIO_BROKEN  (1u << 1) /* a ring is broken, or the device needs a reset */

/**
 * virtio_check - Check the device, without waiting
 * @what: receives VIRTIO_*
 *
 * A configuration change can also mean that the device needs a reset, so the status is read then
 * (2.1.2, 3.2).
 *
 * Return: 0, or a negative errno if the device is gone.
 */
int virtio_check(struct virtio_dev *dev, unsigned *what);

/* The rest passes calls to the transport for the layer above: see transport/transport.h. */
static inline int virtio_read_config(struct virtio_dev *dev, unsigned offset, void *buf,
				     unsigned len)
{
	return dev->transport->ops->read_config(dev->transport, offset, buf, len);
}

static inline int virtio_write_config(struct virtio_dev *dev, unsigned offset, const void *buf,
				      unsigned len)
{
	return dev->transport->ops->write_config(dev->transport, offset, buf, len);
}

static inline int virtio_queue_count(struct virtio_dev *dev)
{
	return dev->transport->ops->queue_count(dev->transport);
}

static inline int virtio_queue_max(struct virtio_dev *dev, unsigned index)
{
	return dev->transport->ops->queue_max(dev->transport, index);
}

static inline int virtio_mem_map(struct virtio_dev *dev, const struct dma_region *region,
				 uint64_t *iova)
{
	return dev->transport->ops->mem_map(dev->transport, region, iova);
}

static inline int virtio_mem_unmap(struct virtio_dev *dev, const struct dma_region *region,
				   uint64_t iova)
{
	return dev->transport->ops->mem_unmap(dev->transport, region, iova);
}

/* In a child process: frees the transport without sending anything to the device. */
static inline void virtio_abandon(struct virtio_dev *dev)
{
	if (dev->transport && dev->transport->ops->abandon)
		dev->transport->ops->abandon(dev->transport);
	dev->transport = NULL;
}

static inline int virtio_watch_fd(struct virtio_dev *dev)
{
	const struct transport_ops *ops = dev->transport->ops;

	return ops->watch_fd ? ops->watch_fd(dev->transport) : -1;
}

static inline bool virtio_mem_map_live(struct virtio_dev *dev)
{
	return dev->transport->ops->mem_map_live(dev->transport);
}

static inline uint64_t virtio_protocol(struct virtio_dev *dev)
{
	return dev->transport->ops->protocol(dev->transport);
}

static inline const char *virtio_scheme(const struct virtio_dev *dev)
{
	return dev->transport->ops->scheme;
}

/**
 * virtio_protocol_mask - Find a feature of a transport's own protocol by name
 * @address: its scheme selects the transport
 * @name: as an option of the address
 *
 * Return: its bit in struct transport_opts, 0 if the transport has no such feature.
 */
uint64_t virtio_protocol_mask(const char *address, const char *name);

/* Whether the transport of an address has an option that is not a feature, such as "iommu". */
bool virtio_has_option(const char *address, const char *name);

/* The virtio features that the transport of an address allows; 0 for an unknown scheme. */
uint64_t virtio_possible_features(const char *address);

#endif
