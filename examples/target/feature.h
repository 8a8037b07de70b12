/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtio and vhost-user features that the target has, by name and number, and switching them
 * off.
 */
#ifndef TARGET_FEATURE_H
#define TARGET_FEATURE_H

#include <stdint.h>
#include <stdio.h>

/* The mask of feature bit @n. */
#define BIT(n) (UINT64_C(1) << (n))

/* VHOST_USER_F_PROTOCOL_FEATURES: a number that virtio leaves to the transport. */
#define F_PROTOCOL_FEATURES 30

/* Protocol features (vhost-user, "Protocol features"). */
#define P_MQ                  0  /* GET_QUEUE_NUM */
#define P_REPLY_ACK           3  /* answers on demand */
#define P_BACKEND_REQ         5  /* a channel for messages of ours */
#define P_CONFIG              9  /* config space by message */
#define P_INFLIGHT_SHMFD      12 /* an area that remembers requests in flight */
#define P_RESET_DEVICE        13 /* reset by message */
#define P_CONFIGURE_MEM_SLOTS 15 /* regions one by one */
#define P_STATUS              16 /* device status by message */

struct features {
	uint64_t virtio;   /* of GET_FEATURES, bit 30 included */
	uint64_t protocol; /* of GET_PROTOCOL_FEATURES */
};

/* features_all - everything the target has. */
struct features features_all(void);

/* features_off - take the comma-separated @names out. 0, or -EINVAL with a sentence. */
int features_off(struct features *f, const char *names);

/* features_list - print all names, one a line. */
void features_list(FILE *to);

#endif
