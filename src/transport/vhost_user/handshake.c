/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The beginning of a connection: which protocol features are used, how many rings and regions there
 * may be, and the virtio features, among which the two bits of vhost's own stay hidden.
 */
#include <errno.h>
#include <inttypes.h>

#include "transport/vhost_user/session.h"
#include "transport/vhost_user/vhost_user.h"
#include "util/bits.h"
#include "util/error.h"

#define VHOST_BITS   (BIT(VU_F_LOG_ALL) | BIT(VU_F_PROTOCOL_FEATURES))
#define FIXED_VRINGS 2u /* control and event (virtio 1.4, 5.6.2) */

/* The layer above names these features by bits of its own, which are taken over as they are. */
_Static_assert(TRANSPORT_MQ == BIT(VU_PROTOCOL_MQ), "MQ");
_Static_assert(TRANSPORT_REPLY_ACK == BIT(VU_PROTOCOL_REPLY_ACK), "REPLY_ACK");
_Static_assert(TRANSPORT_BACKEND_REQ == BIT(VU_PROTOCOL_BACKEND_REQ), "BACKEND_REQ");
_Static_assert(TRANSPORT_CONFIG_SPACE == BIT(VU_PROTOCOL_CONFIG), "CONFIG");
_Static_assert(TRANSPORT_INFLIGHT == BIT(VU_PROTOCOL_INFLIGHT_SHMFD), "INFLIGHT_SHMFD");
_Static_assert(TRANSPORT_RESET_DEVICE == BIT(VU_PROTOCOL_RESET_DEVICE), "RESET_DEVICE");
_Static_assert(TRANSPORT_MEM_SLOTS == BIT(VU_PROTOCOL_CONFIGURE_MEM_SLOTS), "MEM_SLOTS");
_Static_assert(TRANSPORT_STATUS == BIT(VU_PROTOCOL_STATUS), "STATUS");

static const struct {
	unsigned bit;
	const char *name;
} wanted[] = {
	{VU_PROTOCOL_MQ, "MQ"},
	{VU_PROTOCOL_REPLY_ACK, "REPLY_ACK"},
	{VU_PROTOCOL_BACKEND_REQ, "BACKEND_REQ"},
	{VU_PROTOCOL_CONFIG, "CONFIG"},
	{VU_PROTOCOL_INFLIGHT_SHMFD, "INFLIGHT_SHMFD"},
	{VU_PROTOCOL_RESET_DEVICE, "RESET_DEVICE"},
	{VU_PROTOCOL_CONFIGURE_MEM_SLOTS, "CONFIGURE_MEM_SLOTS"},
	{VU_PROTOCOL_STATUS, "STATUS"},
};

/* One table for use and for names: a feature can't be asked for and have none. */
static uint64_t wanted_mask(void)
{
	uint64_t mask = 0;
	size_t i;

	for (i = 0; i < ARRAY_LEN(wanted); i++)
		mask |= BIT(wanted[i].bit);
	return mask;
}

/* Bits that nobody here knows can be asked for too; then at least the number is told. */
static int check_must(uint64_t have, uint64_t must)
{
	uint64_t missing = must & ~have;
	size_t i;

	for (i = 0; i < ARRAY_LEN(wanted); i++) {
		if (missing & BIT(wanted[i].bit))
			return error_set(
				-ENOTSUP,
				"the back-end doesn't offer the protocol feature %s, which "
				"was asked for",
				wanted[i].name);
	}
	if (missing)
		return error_set(-ENOTSUP,
				 "protocol features 0x%" PRIx64
				 " were asked for and are not known here",
				 missing);
	return 0;
}

/*
 * Both messages are legal only when bit 30 was offered (vhost-user, GET_PROTOCOL_FEATURES);
 * accepting the bit may come later. With nothing to use, neither is sent, and rings then need no
 * enabling (vhost-user, "Ring states").
 */
static int protocol_features(struct vu *vu, const struct transport_opts *opts)
{
	uint64_t mask = wanted_mask() & ~opts->protocol_off;
	uint64_t offered = 0;
	int ret;

	if (mask && vu->offered & BIT(VU_F_PROTOCOL_FEATURES)) {
		ret = vu_get_u64(vu, VU_GET_PROTOCOL_FEATURES, &offered);
		if (ret)
			return ret;
	}
	mask &= offered;
	ret = check_must(mask, opts->protocol_must);
	if (ret || !mask)
		return ret;
	ret = vu_set_u64(vu, VU_SET_PROTOCOL_FEATURES, mask);
	if (ret)
		return ret;
	/* Only now: need_reply is not legal in the message that negotiates it. */
	vu->protocol = mask;
	return 0;
}

/*
 * GET_QUEUE_NUM counts all rings, the two fixed ones included, and is legal with MQ only; without
 * it there is one ring for requests. More than the eight bits of a ring's index can name are no
 * use.
 */
static int vring_limit(struct vu *vu)
{
	uint64_t n = FIXED_VRINGS + 1;
	int ret;

	if (vu_has(vu, VU_PROTOCOL_MQ)) {
		ret = vu_get_u64(vu, VU_GET_QUEUE_NUM, &n);
		if (ret)
			return ret;
	}
	if (n < FIXED_VRINGS + 1)
		return error_set(-ENOTSUP,
				 "the back-end has %" PRIu64
				 " queues; a SCSI device needs 3 or more",
				 n);
	vu->vring_count = n > VU_MAX_VRINGS ? VU_MAX_VRINGS : (unsigned)n;
	return 0;
}

/* Memory can't be shown in no slots; more slots than the pool has regions are never filled. */
static int region_limit(struct vu *vu)
{
	uint64_t n = VU_TABLE_REGIONS;
	int ret;

	if (vu_has(vu, VU_PROTOCOL_CONFIGURE_MEM_SLOTS)) {
		ret = vu_get_u64(vu, VU_GET_MAX_MEM_SLOTS, &n);
		if (ret)
			return ret;
	}
	if (n == 0)
		return error_set(-ENOTSUP, "the back-end has no slot for memory");
	vu->slots = n > DMA_MAX_REGIONS ? DMA_MAX_REGIONS : (unsigned)n;
	return 0;
}

int vu_handshake(struct vu *vu, const struct transport_opts *opts)
{
	struct vu_message owner = {.request = VU_SET_OWNER};
	int ret;

	ret = vu_get_u64(vu, VU_GET_FEATURES, &vu->offered);
	if (ret)
		return ret;
	ret = protocol_features(vu, opts);
	if (ret)
		return ret;
	ret = vring_limit(vu);
	if (ret)
		return ret;
	ret = region_limit(vu);
	if (ret)
		return ret;
	/* Last, when nothing else can be found missing: it is sent once for a connection. */
	return vu_set(vu, &owner);
}

/* As asked at the beginning: what a back-end offers doesn't change while it is connected. */
int vu_get_features(struct transport *t, uint64_t *features)
{
	struct vu *vu = vu_of(t);
	int ret;

	ret = vu_quiet(vu);
	if (ret)
		return ret;
	*features = vu->offered & ~VHOST_BITS;
	return 0;
}

int vu_set_features(struct transport *t, uint64_t features)
{
	struct vu *vu = vu_of(t);
	uint64_t extra = vu->protocol ? BIT(VU_F_PROTOCOL_FEATURES) : 0;
	int ret;

	/*
	 * A back-end may end the connection over a bit it didn't offer (vhost-user, SET_FEATURES).
	 */
	if (features & ~(vu->offered & vhost_user_ops.features))
		return error_set(-EINVAL,
				 "features 0x%" PRIx64
				 " are not offered or not possible over vhost-user",
				 features & ~(vu->offered & vhost_user_ops.features));
	/* The layout of a ring follows from the features: none may change below a running one. */
	if (vu->running)
		return error_set(-EBUSY, "features can't change while %u queues run", vu->running);
	ret = vu_set_u64(vu, VU_SET_FEATURES, features | extra);
	if (ret)
		return ret;
	vu->bit30 = extra != 0;
	vu->accepted = true;
	/* Legal only from here on: bit 30 has to be negotiated (vhost-user, SET_BACKEND_REQ_FD). */
	if (vu_has(vu, VU_PROTOCOL_BACKEND_REQ))
		return vu_channel_open(vu);
	return 0;
}
