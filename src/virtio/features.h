/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Choosing features: pure functions over sets of bits (virtio 1.4, 2.2.1).
 */
#ifndef VIRTIO_FEATURES_H
#define VIRTIO_FEATURES_H

#include <stdint.h>

/* A feature that may be accepted only together with others. */
struct feature_rule {
	uint64_t feature;
	uint64_t needs;
};

/**
 * features_choose - Choose what to accept
 * @offered: what the device offers
 * @wanted: what the driver supports and requests
 * @allowed: what may be negotiated over this transport
 * @rules, @count: dependencies between features
 *
 * A feature whose dependencies are not accepted is dropped, repeatedly until nothing changes.
 * Unknown bits are ignored.
 *
 * Return: the set to accept, a subset of all three.
 */
uint64_t features_choose(uint64_t offered, uint64_t wanted, uint64_t allowed,
			 const struct feature_rule *rules, unsigned count);

/**
 * feature_name - Name a feature bit of a virtio-scsi device
 * @bit: its number
 *
 * Return: such as "EVENT_IDX"; "feature" for an unknown bit.
 */
const char *feature_name(unsigned bit);

#endif
