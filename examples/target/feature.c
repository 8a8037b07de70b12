/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of features.
 */
#include "feature.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_scsi.h>
#include <stdbool.h>
#include <string.h>

#include "../../src/util/bits.h"
#include "error.h"

static const struct feature {
	const char *name;
	bool protocol;
	uint8_t bit;
} table[] = {
	{"inout", false, VIRTIO_SCSI_F_INOUT},
	{"hotplug", false, VIRTIO_SCSI_F_HOTPLUG},
	{"change", false, VIRTIO_SCSI_F_CHANGE},
	{"indirect", false, VIRTIO_RING_F_INDIRECT_DESC},
	{"event_idx", false, VIRTIO_RING_F_EVENT_IDX},
	{"protocol_features", false, F_PROTOCOL_FEATURES},
	{"version_1", false, VIRTIO_F_VERSION_1},
	{"packed", false, VIRTIO_F_RING_PACKED},
	{"in_order", false, VIRTIO_F_IN_ORDER},
	{"mq", true, P_MQ},
	{"reply_ack", true, P_REPLY_ACK},
	{"backend_req", true, P_BACKEND_REQ},
	{"config", true, P_CONFIG},
	{"inflight", true, P_INFLIGHT_SHMFD},
	{"reset_device", true, P_RESET_DEVICE},
	{"mem_slots", true, P_CONFIGURE_MEM_SLOTS},
	{"status", true, P_STATUS},
};

/* A new feature needs only an entry in the table. */
struct features features_all(void)
{
	struct features f = {0};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(table); i++)
		*(table[i].protocol ? &f.protocol : &f.virtio) |= BIT(table[i].bit);
	return f;
}

/* @name is not terminated. */
static int disable(struct features *f, const char *name, size_t len)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(table); i++) {
		if (strlen(table[i].name) != len || memcmp(table[i].name, name, len))
			continue;
		*(table[i].protocol ? &f->protocol : &f->virtio) &= ~BIT(table[i].bit);
		return 0;
	}
	return set_error(EINVAL, "unknown feature '%.*s' (--list-features prints all)", (int)len,
			 name);
}

/* An empty name, as in a doubled comma, is an error. */
int features_off(struct features *f, const char *names)
{
	size_t len;
	int rc;

	for (;;) {
		len = strcspn(names, ",");
		rc = disable(f, names, len);
		if (rc || !names[len])
			return rc;
		names += len + 1;
	}
}

void features_list(FILE *to)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(table); i++)
		fprintf(to, "%s\n", table[i].name);
}
