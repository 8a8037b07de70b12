/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device's side of a split ring, as a model to test the driver's side against: it takes chains,
 * holds each against the rules, and gives them back in whatever order and with whatever lies the
 * test wants. Written from virtio 1.4, 2.7, and shares no code with what it tests.
 *
 * A broken rule is noted and never asserted here, since the model may run in a thread of its own.
 */
#ifndef TESTS_UNIT_RING_DEVICE_H
#define TESTS_UNIT_RING_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_ring.h>

/**
 * struct ring_device - The device's side of a ring
 * @desc, @avail, @used: the shared parts, as this side sees them
 * @size: entries
 * @event_idx: VIRTIO_F_EVENT_IDX was negotiated
 * @seen: available index up to which chains were taken
 * @avail_idx: available index as last read
 * @used_idx: used index, with what is not shown yet
 * @shown: used index that the driver can see
 * @out: chains taken and not given back
 * @shadow: for each head, its descriptor as it was when the chain was taken
 * @have: for each head, whether its chain is here
 * @broken: the first rule that the driver broke, NULL while it behaves
 */
struct ring_device {
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	unsigned size;
	bool event_idx;
	uint16_t seen;
	uint16_t avail_idx;
	uint16_t used_idx;
	uint16_t shown;
	unsigned out;
	struct vring_desc *shadow;
	bool *have;
	const char *broken;
};

/**
 * device_attach - Put the device at its end of a ring
 * @dev: the device
 * @desc, @avail, @used: where the parts of the ring are
 * @size: entries
 * @event_idx: VIRTIO_F_EVENT_IDX was negotiated
 */
void device_attach(struct ring_device *dev, void *desc, void *avail, void *used, unsigned size,
		   bool event_idx);
void device_detach(struct ring_device *dev);

/**
 * device_take - Take the next chain
 * @head: receives its head
 *
 * Return: whether there was one. The chain was checked.
 */
bool device_take(struct ring_device *dev, uint16_t *head);

/* Puts a chain that was taken into the used ring; the driver can't see it yet. */
void device_use(struct ring_device *dev, uint16_t head, uint32_t len);

/* Puts any used entry there, true or not. */
void device_lie(struct ring_device *dev, uint32_t id, uint32_t len);

/**
 * device_show - Show the driver every used entry
 *
 * Return: whether the driver wants a notification (2.7.7.2): by the event index or by the flags.
 */
bool device_show(struct ring_device *dev);

/* Stores a used index, true or not. */
void device_show_idx(struct ring_device *dev, uint16_t idx);

/**
 * device_sleep - Ask for a notification of the next chain, and look once more
 *
 * Return: true when the device may sleep; false when a chain is there already.
 */
bool device_sleep(struct ring_device *dev);

/* Says that no notifications are needed, as a device that polls does. */
void device_poll_mode(struct ring_device *dev);

/* Stores the two fields that say when to notify, whatever was negotiated. */
void device_wish(struct ring_device *dev, uint16_t flags, uint16_t avail_event);

/* The driver's wish: its avail.flags and its used_event. */
uint16_t device_flags(const struct ring_device *dev);
uint16_t device_used_event(const struct ring_device *dev);

#endif
