/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The target's virtio and vhost-user features by name and number.
 */
#ifndef TARGET_FEATURE_H
#define TARGET_FEATURE_H

#include <stdint.h>
#include <stdio.h>

/* The mask of feature bit @n. */
#define BIT(n) (UINT64_C(1) << (n))

/* VHOST_USER_F_PROTOCOL_FEATURES: a bit that virtio reserves for the transport. */
#define F_PROTOCOL_FEATURES 30

/* Protocol features (vhost-user, "Protocol features"). */
#define P_MQ                  0  /* GET_QUEUE_NUM */
#define P_REPLY_ACK           3  /* replies on request */
#define P_BACKEND_REQ         5  /* back-end channel */
#define P_CONFIG              9  /* config space messages */
#define P_INFLIGHT_SHMFD      12 /* in-flight area */
#define P_RESET_DEVICE        13 /* reset message */
#define P_CONFIGURE_MEM_SLOTS 15 /* single memory regions */
#define P_STATUS              16 /* device status messages */

struct features {
	uint64_t virtio;   /* of GET_FEATURES, bit 30 included */
	uint64_t protocol; /* of GET_PROTOCOL_FEATURES */
};

/* features_all - all features of the target. */
struct features features_all(void);

/* features_off - remove the comma-separated @names. 0, or -EINVAL with the error text set. */
int features_off(struct features *f, const char *names);

/* features_list - print all names, one per line. */
void features_list(FILE *to);

#endif
