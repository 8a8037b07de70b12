/* SPDX-License-Identifier: BSD-3-Clause */
/* Choosing and naming features. */
#include <stddef.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_scsi.h>

#include "transport/transport.h"
#include "util/bits.h"
#include "virtio/features.h"

uint64_t features_choose(uint64_t offered, uint64_t wanted, uint64_t allowed,
			 const struct feature_rule *rules, unsigned count)
{
	uint64_t chosen = offered & wanted & allowed;
	uint64_t before;
	unsigned i;

	do {
		before = chosen;
		for (i = 0; i < count; i++) {
			if ((chosen & rules[i].needs) != rules[i].needs)
				chosen &= ~rules[i].feature;
		}
	} while (chosen != before);
	return chosen;
}

const char *feature_name(unsigned bit)
{
	static const struct {
		unsigned bit;
		const char *name;
	} names[] = {
		{VIRTIO_SCSI_F_INOUT, "INOUT"},
		{VIRTIO_SCSI_F_HOTPLUG, "HOTPLUG"},
		{VIRTIO_SCSI_F_CHANGE, "CHANGE"},
		{VIRTIO_RING_F_INDIRECT_DESC, "INDIRECT_DESC"},
		{VIRTIO_RING_F_EVENT_IDX, "EVENT_IDX"},
		{VIRTIO_F_VERSION_1, "VERSION_1"},
		{VIRTIO_F_ACCESS_PLATFORM, "ACCESS_PLATFORM"},
		{VIRTIO_F_RING_PACKED, "RING_PACKED"},
		{VIRTIO_F_IN_ORDER, "IN_ORDER"},
		{VIRTIO_F_ORDER_PLATFORM, "ORDER_PLATFORM"},
		{VIRTIO_F_NOTIFICATION_DATA, "NOTIFICATION_DATA"},
		{VIRTIO_F_NOTIF_CONFIG_DATA, "NOTIF_CONFIG_DATA"},
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(names); i++) {
		if (names[i].bit == bit)
			return names[i].name;
	}
	return "feature";
}
