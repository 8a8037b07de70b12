/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a virtio device on any transport: reset, status, feature negotiation, configuration,
 * running, and the way back down (virtio 1.4, 2.1, 2.2, 2.4, 2.5, 3.1, 3.3).
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
 * @transport: the way to it
 * @status: status bits that we have written, whether the device took them or not
 * @offered: features that it offers, as read at the last negotiation
 * @features: features that are in force
 * @steps, @step: what virtio_negotiate() or virtio_run() has in progress, NULL: nothing; its step
 * @found: what the transport's check() found, while virtio_check() asks for the status
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
 * struct virtio_request - What a driver wants of the features
 * @want: features to take where they are offered
 * @must: those of them without which the device is of no use
 */
struct virtio_request {
	uint64_t want;
	uint64_t must;
};

/**
 * virtio_negotiate - Reset a device and agree on features (virtio 1.4, 3.1.1 steps 1 to 6)
 * @dev: @dev->transport set by the caller
 * @request: what the driver wants; VERSION_1 and the transport's needs are wanted
 *	and needed in any case
 *
 * Every status bit is read back after it was set. When this fails the device has been told so
 * with FAILED, and only another virtio_negotiate() may follow; where calls don't wait, only
 * virtio_reopen() or virtio_close().
 *
 * Return: 0; -EOPNOTSUPP (a needed feature isn't there, or it refuses the set); what the transport
 * returned.
 */
int virtio_negotiate(struct virtio_dev *dev, const struct virtio_request *request);

/**
 * virtio_run - Set DRIVER_OK: the device may use its queues (step 8)
 *
 * Return: 0, or a negative errno; then FAILED has been set.
 */
int virtio_run(struct virtio_dev *dev);

/**
 * virtio_fail - Tell the device that driving it failed, without losing the error text
 * @err: the error that is being handled
 *
 * Never -EINPROGRESS: where calls don't wait and the device has to answer, it is disconnected
 * instead of heard.
 *
 * Return: @err.
 */
int virtio_fail(struct virtio_dev *dev, int err);

/**
 * virtio_reset - Reset the device; when this returns 0 it uses none of our memory (2.4.2, 3.3.1)
 *
 * Return: 0, or a negative errno: then only closing the transport cuts the device off.
 */
int virtio_reset(struct virtio_dev *dev);

/**
 * virtio_open - Connect to the device at an address
 * virtio_hand_back - Leave a handed-over connection to the caller, as the opening failed after all
 * virtio_close - Reset it and disconnect; @dev->transport is NULL then. Allowed when it is NULL
 * before
 *
 * Whatever the device answers to the reset, it is cut off when virtio_close() returns. Where calls
 * don't wait, it isn't reset but disconnected. virtio_open() always waits.
 */
int virtio_open(struct virtio_dev *dev, const char *address, const struct transport_opts *opts);
void virtio_hand_back(struct virtio_dev *dev);
void virtio_close(struct virtio_dev *dev);

/**
 * virtio_set_wait - Say whether calls wait for the device; they do after virtio_open()
 *
 * Allowed while something is in progress: the next call goes on with it in the new way.
 */
static inline void virtio_set_wait(struct virtio_dev *dev, bool wait)
{
	dev->transport->wait = wait;
}

/**
 * virtio_wait_ready - Sleep until what is in progress can go on
 * @timeout_ms: for at most so long; negative: as long as it takes, which the device's time limit
 *	bounds
 *
 * May return earlier. Return: 0, or a negative errno when sleeping failed.
 */
static inline int virtio_wait_ready(struct virtio_dev *dev, int timeout_ms)
{
	const struct transport_ops *ops = dev->transport->ops;

	return ops->wait_ready ? ops->wait_ready(dev->transport, timeout_ms) : 0;
}

/**
 * virtio_disconnect - Cut the device off at once and forget what is in progress
 *
 * Doesn't wait. Only virtio_cut_off(), virtio_reopen(), virtio_hand_back() and virtio_close() may
 * follow.
 */
void virtio_disconnect(struct virtio_dev *dev);

/*
 * Whether a disconnected device can't reach memory any more, see @cut_off of struct transport_ops.
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
 * Return: 0, or a negative errno; then it may be tried again.
 */
static inline int virtio_reopen(struct virtio_dev *dev)
{
	dev->steps = NULL;
	dev->found = 0;
	return dev->transport->ops->reopen(dev->transport);
}

/* Whether another process may still carry out requests, see @outlived of struct transport_ops. */
static inline bool virtio_outlived(struct virtio_dev *dev)
{
	const struct transport_ops *ops = dev->transport->ops;

	return ops->outlived && ops->outlived(dev->transport);
}

/* Has the device track its requests in flight, as struct transport_ops has it for @track. */
static inline int virtio_track(struct virtio_dev *dev, unsigned count, unsigned size)
{
	const struct transport_ops *ops = dev->transport->ops;

	return ops->track ? ops->track(dev->transport, count, size) : 0;
}

/* Whether it does. */
static inline bool virtio_tracked(struct virtio_dev *dev)
{
	const struct transport_ops *ops = dev->transport->ops;

	return ops->tracked && ops->tracked(dev->transport);
}

/* What virtio_check() found; a set. */
#define VIRTIO_CHANGED (1u << 0) /* configuration space changed */
#define VIRTIO_BROKEN  (1u << 1) /* a ring is broken, or the device needs a reset */

/**
 * virtio_check - Look without waiting how the device is
 * @what: receives VIRTIO_*
 *
 * A configuration change can also mean that the device needs a reset: the status is read again then
 * (2.1.2, 3.2).
 *
 * Return: 0, or a negative errno when it is gone.
 */
int virtio_check(struct virtio_dev *dev, unsigned *what);

/*
 * The rest is the transport's own, handed through for the layer above: see transport/transport.h.
 */
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

/* In a child process: forgets the transport without a word to the device. */
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
 * @address: whose scheme names the transport
 * @name: as an option of the address
 *
 * Return: its bit in struct transport_opts, 0 when the transport has no such feature.
 */
uint64_t virtio_protocol_mask(const char *address, const char *name);

/* Whether the transport of an address has an option that is no feature, such as "iommu". */
bool virtio_has_option(const char *address, const char *name);

/* The virtio features that are possible over the transport of an address; 0: there is none. */
uint64_t virtio_possible_features(const char *address);

/* Whether feature bit @bit is in force. */
static inline bool virtio_has(const struct virtio_dev *dev, unsigned bit)
{
	return dev->features & VIRTIO_BIT(bit);
}

#endif
