/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The beginning of a connection: negotiates protocol features, the limits of rings and regions, and
 * virtio features. The two feature bits of vhost are hidden from the layer above.
 */
#include <errno.h>
#include <inttypes.h>

#include "transport/vhost_user/session.h"
#include "transport/vhost_user/vhost_user.h"
#include "util/bits.h"
#include "util/error.h"

#define VHOST_BITS   (BIT(VU_F_LOG_ALL) | BIT(VU_F_PROTOCOL_FEATURES))
#define FIXED_VRINGS 2u /* control and event (virtio 1.4, 5.6.2) */

const struct transport_feature vu_features[VU_FEATURES] = {
	{"mq", "MQ", BIT(VU_PROTOCOL_MQ), "several request queues"},
	{"reply_ack", "REPLY_ACK", BIT(VU_PROTOCOL_REPLY_ACK), "acknowledged messages"},
	{"backend_req", "BACKEND_REQ", BIT(VU_PROTOCOL_BACKEND_REQ), "messages from the back-end"},
	{"config", "CONFIG", BIT(VU_PROTOCOL_CONFIG), "configuration space"},
	{"inflight", "INFLIGHT_SHMFD", BIT(VU_PROTOCOL_INFLIGHT_SHMFD),
	 "in-flight tracking by the back-end"},
	{"reset_device", "RESET_DEVICE", BIT(VU_PROTOCOL_RESET_DEVICE), "reset message"},
	{"mem_slots", "CONFIGURE_MEM_SLOTS", BIT(VU_PROTOCOL_CONFIGURE_MEM_SLOTS),
	 "memory added one region at a time"},
	{"status", "STATUS", BIT(VU_PROTOCOL_STATUS), "device status"},
};

static uint64_t known_features(void)
{
	uint64_t mask = 0;
	unsigned i;

	for (i = 0; i < ARRAY_LEN(vu_features); i++)
		mask |= vu_features[i].mask;
	return mask;
}

/* Required bits that have no name here are reported as a number. */
static int check_must(uint64_t have, uint64_t must)
{
	uint64_t missing = must & ~have;
	size_t i;

	for (i = 0; i < ARRAY_LEN(vu_features); i++) {
		if (missing & vu_features[i].mask)
			return error_set(
				-EOPNOTSUPP,
				"the back-end doesn't offer the protocol feature %s, which "
				"was asked for",
				vu_features[i].spec);
	}
	if (missing)
		return error_set(-EOPNOTSUPP,
				 "protocol features 0x%" PRIx64
				 " were asked for and are not known here",
				 missing);
	return 0;
}

static int ask_features(struct vu *vu, void *arg)
{
	(void)arg;
	return vu_get_u64(vu, VU_GET_FEATURES, &vu->offered);
}

/*
 * This message and the next are legal only if bit 30 was offered (vhost-user,
 * GET_PROTOCOL_FEATURES), even before it is accepted.
 */
static int ask_protocol(struct vu *vu, void *arg)
{
	uint64_t mask = known_features() & ~vu->opts.protocol_off;
	int ret;

	(void)arg;
	vu->chosen = 0;
	if (mask && vu->offered & BIT(VU_F_PROTOCOL_FEATURES)) {
		ret = vu_get_u64(vu, VU_GET_PROTOCOL_FEATURES, &vu->chosen);
		if (ret)
			return ret;
	}
	vu->chosen &= mask;
	return check_must(vu->chosen, vu->opts.protocol_must);
}

/* Without protocol features it isn't sent, and rings start enabled (vhost-user, "Ring states"). */
static int choose_protocol(struct vu *vu, void *arg)
{
	int ret;

	(void)arg;
	if (!vu->chosen)
		return 0;
	ret = vu_set_u64(vu, VU_SET_PROTOCOL_FEATURES, vu->chosen);
	if (ret)
		return ret;
	/* Last: need_reply is not legal in the message that negotiates it. */
	vu->protocol = vu->chosen;
	return 0;
}

/*
 * GET_QUEUE_NUM counts all rings, including control and event, and is legal only with MQ; without
 * MQ there is one request ring. Rings beyond an 8-bit index can't be used.
 */
static int count_rings(struct vu *vu, void *arg)
{
	uint64_t n = FIXED_VRINGS + 1;
	int ret;

	(void)arg;
	if (vu_has(vu, VU_PROTOCOL_MQ)) {
		ret = vu_get_u64(vu, VU_GET_QUEUE_NUM, &n);
		if (ret)
			return ret;
	}
	if (n < FIXED_VRINGS + 1)
		return error_set(-EOPNOTSUPP,
				 "the back-end has %" PRIu64
				 " queues; a SCSI device needs 3 or more",
				 n);
	vu->vring_count = n > VU_MAX_VRINGS ? VU_MAX_VRINGS : (unsigned)n;
	return 0;
}

/* At least one slot is required; more than the pool has regions are never used. */
static int count_slots(struct vu *vu, void *arg)
{
	uint64_t n = VU_TABLE_REGIONS;
	int ret;

	(void)arg;
	if (vu_has(vu, VU_PROTOCOL_CONFIGURE_MEM_SLOTS)) {
		ret = vu_get_u64(vu, VU_GET_MAX_MEM_SLOTS, &n);
		if (ret)
			return ret;
	}
	if (n == 0)
		return error_set(-EOPNOTSUPP, "the back-end has no slot for memory");
	vu->slots = n > DMA_MAX_REGIONS ? DMA_MAX_REGIONS : (unsigned)n;
	return 0;
}

static int set_owner(struct vu *vu, void *arg)
{
	struct vu_message owner = {.request = VU_SET_OWNER};

	(void)arg;
	return vu_set(vu, &owner);
}

int vu_handshake(struct vu *vu)
{
	/* SET_OWNER comes last, once for a connection: a failure before it changes nothing. */
	static vu_step *const steps[] = {
		vu_connect,      ask_features, /* GET_FEATURES */
		ask_protocol,                  /* GET_PROTOCOL_FEATURES, with bit 30 */
		choose_protocol,               /* SET_PROTOCOL_FEATURES, likewise */
		count_rings,                   /* GET_QUEUE_NUM, with MQ */
		count_slots,                   /* GET_MAX_MEM_SLOTS, with CONFIGURE_MEM_SLOTS */
		set_owner,                     /* SET_OWNER */
	};

	return vu_run_steps(vu, steps, ARRAY_LEN(steps), NULL);
}

/* Returns the handshake's answer: a back-end's offer doesn't change while it is connected. */
int vu_get_features(struct transport *t, uint64_t *features)
{
	static vu_step *const steps[] = {vu_quiet};
	struct vu *vu = vu_of(t);
	int ret;

	ret = vu_run_steps(vu, steps, ARRAY_LEN(steps), NULL);
	if (ret)
		return ret;
	*features = vu->offered & ~VHOST_BITS;
	return 0;
}

static int accept_features(struct vu *vu, void *arg)
{
	uint64_t extra = vu->protocol ? BIT(VU_F_PROTOCOL_FEATURES) : 0;
	const uint64_t *features = arg;
	int ret;

	ret = vu_set_u64(vu, VU_SET_FEATURES, *features | extra);
	if (ret)
		return ret;
	vu->bit30 = extra != 0;
	vu->accepted = true;
	return 0;
}

int vu_set_features(struct transport *t, uint64_t features)
{
	/* The channel is legal once bit 30 is negotiated (vhost-user, SET_BACKEND_REQ_FD). */
	static vu_step *const steps[] = {accept_features, vu_channel_open};
	struct vu *vu = vu_of(t);

	/*
	 * A back-end may close the connection if it gets a bit that it didn't offer (vhost-user,
	 * SET_FEATURES).
	 */
	if (features & ~(vu->offered & vhost_user_ops.features))
		return error_set(-EINVAL,
				 "features 0x%" PRIx64
				 " are not offered or not possible over vhost-user",
				 features & ~(vu->offered & vhost_user_ops.features));
	/* The features determine the layout of a ring, so they can't change while one runs. */
	if (vu->running)
		return error_set(-EBUSY, "features can't change while %u queues run", vu->running);
	return vu_run_steps(vu, steps, ARRAY_LEN(steps), &features);
}
