/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rules of the vhost-user protocol: sizes, descriptors, and what may be sent in which state.
 * Each message is checked before it is acted upon.
 */
#include <string.h>

#include "rig/internal.h"

#define ANY_SIZE 0xffffffffu

/*
 * @need: protocol features without which the message is not legal; @ack: it has no answer of its
 * 	own
 */
static const struct rule {
	bool known;
	bool ack;
	uint32_t size;
	unsigned min_fds, max_fds;
	uint64_t need;
} rules[] = {
	[RIG_GET_FEATURES] = {true, false, 0, 0, 0, 0},
	[RIG_SET_FEATURES] = {true, true, 8, 0, 0, 0},
	[RIG_SET_OWNER] = {true, true, 0, 0, 0, 0},
	[RIG_SET_MEM_TABLE] = {true, true, ANY_SIZE, 1, 8, 0},
	[RIG_SET_VRING_NUM] = {true, true, 8, 0, 0, 0},
	[RIG_SET_VRING_ADDR] = {true, true, 40, 0, 0, 0},
	[RIG_SET_VRING_BASE] = {true, true, 8, 0, 0, 0},
	[RIG_GET_VRING_BASE] = {true, false, 8, 0, 0, 0},
	[RIG_SET_VRING_KICK] = {true, true, 8, 0, 1, 0},
	[RIG_SET_VRING_CALL] = {true, true, 8, 0, 1, 0},
	[RIG_SET_VRING_ERR] = {true, true, 8, 0, 1, 0},
	[RIG_GET_PROTOCOL_FEATURES] = {true, false, 0, 0, 0, 0},
	[RIG_SET_PROTOCOL_FEATURES] = {true, true, 8, 0, 0, 0},
	[RIG_GET_QUEUE_NUM] = {true, false, 0, 0, 0, RIG_P_MQ},
	[RIG_SET_VRING_ENABLE] = {true, true, 8, 0, 0, 0},
	[RIG_SET_BACKEND_REQ_FD] = {true, true, 0, 1, 1, RIG_P_BACKEND_REQ},
	[RIG_GET_CONFIG] = {true, false, ANY_SIZE, 0, 0, RIG_P_CONFIG},
	[RIG_SET_CONFIG] = {true, true, ANY_SIZE, 0, 0, RIG_P_CONFIG},
	[RIG_GET_INFLIGHT_FD] = {true, false, 24, 0, 0, RIG_P_INFLIGHT},
	[RIG_SET_INFLIGHT_FD] = {true, true, 24, 1, 1, RIG_P_INFLIGHT},
	[RIG_RESET_DEVICE] = {true, true, 0, 0, 0, RIG_P_RESET_DEVICE},
	[RIG_GET_MAX_MEM_SLOTS] = {true, false, 0, 0, 0, RIG_P_MEM_SLOTS},
	[RIG_ADD_MEM_REG] = {true, true, 40, 1, 1, RIG_P_MEM_SLOTS},
	[RIG_REM_MEM_REG] = {true, true, 40, 0, 0, RIG_P_MEM_SLOTS},
	[RIG_SET_STATUS] = {true, true, 8, 0, 0, RIG_P_STATUS},
	[RIG_GET_STATUS] = {true, false, 0, 0, 0, RIG_P_STATUS},
};

/* A message that has no rule is one that this library never has a reason to send. */
static const struct rule *rule_of(uint32_t request)
{
	if (request >= sizeof(rules) / sizeof(rules[0]) || !rules[request].known)
		return NULL;
	return &rules[request];
}

bool grammar_has_answer(uint32_t request)
{
	const struct rule *rule = rule_of(request);

	return rule && !rule->ack;
}

/* need_reply is for messages without an answer of their own, and with REPLY_ACK only. */
static void check_header(struct rig *rig, const struct header *head, const struct rule *rule)
{
	uint32_t allowed = RIG_VERSION;

	if (rig->protocol & RIG_P_REPLY_ACK && rule->ack)
		allowed |= RIG_NEED_REPLY;
	if ((head->flags & 3) != RIG_VERSION || head->flags & ~allowed)
		rig_violate(rig, "message %u has flags 0x%x", head->request, head->flags);
	if (rule->size != ANY_SIZE && head->size != rule->size)
		rig_violate(rig, "message %u has %u bytes of payload, not %u", head->request,
			    head->size, rule->size);
}

/* Descriptors that come with a later byte than the first may be taken for the next message's. */
static void check_fds(struct rig *rig, const struct message *m, const struct rule *rule)
{
	if (m->nfds < rule->min_fds || m->nfds > rule->max_fds)
		rig_violate(rig, "message %u came with %u descriptors", m->head.request, m->nfds);
	if (m->first_nfds != m->nfds)
		rig_violate(rig, "the descriptors of message %u came late", m->head.request);
}

static bool any_started(const struct rig *rig)
{
	unsigned i;

	for (i = 0; i < RIG_MAX_RINGS; i++) {
		if (rig->rings[i].started)
			return true;
	}
	return false;
}

/*
 * Bit 26 would start a log, bit 33 would change what addresses mean: both are more than a feature.
 */
static void check_features(struct rig *rig, uint64_t value)
{
	if (value & ~rig->opts.features)
		rig_violate(rig, "features 0x%llx were not offered",
			    (unsigned long long)(value & ~rig->opts.features));
	if (value & (RIG_F_LOG_ALL | 1ull << 33))
		rig_violate(rig, "LOG_ALL or ACCESS_PLATFORM was accepted");
	if (!(value & RIG_F_VERSION_1))
		rig_violate(rig, "VERSION_1 was not accepted");
	if (any_started(rig))
		rig_violate(rig, "features were set while rings run");
	if (!rig->owner)
		rig_violate(rig, "features were set before the owner");
}

static void check_protocol_features(struct rig *rig, uint64_t value)
{
	if (!(rig->opts.features & RIG_F_PROTOCOL))
		rig_violate(rig, "protocol features were set, bit 30 was not offered");
	if (value & ~rig->opts.protocol)
		rig_violate(rig, "protocol features were set that were not offered");
}

/* Whole from offset 0 when read; only sense_size and cdb_size when written (virtio 1.4, 5.6.4). */
static void check_config(struct rig *rig, const struct message *m)
{
	uint32_t words[3];

	memcpy(words, m->payload, sizeof(words));
	if (m->head.size < 12 || m->head.size != 12 + words[1] || words[2] != 0)
		rig_violate(rig, "config message of %u bytes says size %u, flags %u", m->head.size,
			    words[1], words[2]);
	if (m->head.request == RIG_GET_CONFIG && (words[0] != 0 || words[1] != 36))
		rig_violate(rig, "GET_CONFIG asks for %u bytes at %u", words[1], words[0]);
	if (m->head.request == RIG_SET_CONFIG && (words[0] < 20 || words[0] + words[1] > 28))
		rig_violate(rig, "SET_CONFIG writes %u bytes at %u", words[1], words[0]);
}

/* What a message may do depends on those before it. */
static void check_order(struct rig *rig, const struct message *m)
{
	uint64_t value;

	memcpy(&value, m->payload, sizeof(value));
	switch (m->head.request) {
	case RIG_SET_OWNER:
		if (rig->owner)
			rig_violate(rig, "SET_OWNER came twice");
		break;
	case RIG_SET_FEATURES:
		check_features(rig, value);
		break;
	case RIG_GET_PROTOCOL_FEATURES:
		if (!(rig->opts.features & RIG_F_PROTOCOL))
			rig_violate(rig, "GET_PROTOCOL_FEATURES without bit 30");
		break;
	case RIG_SET_PROTOCOL_FEATURES:
		check_protocol_features(rig, value);
		break;
	case RIG_SET_VRING_ENABLE:
	case RIG_SET_BACKEND_REQ_FD:
		if (!(rig->features & RIG_F_PROTOCOL))
			rig_violate(rig, "message %u without bit 30", m->head.request);
		break;
	case RIG_GET_CONFIG:
	case RIG_SET_CONFIG:
		check_config(rig, m);
		break;
	case RIG_GET_INFLIGHT_FD:
	case RIG_SET_INFLIGHT_FD:
		if (any_started(rig))
			rig_violate(rig, "message %u came while rings run", m->head.request);
		break;
	case RIG_SET_MEM_TABLE:
	case RIG_ADD_MEM_REG:
		if (!rig->owner)
			rig_violate(rig, "memory came before the owner");
		break;
	default:
		break;
	}
}

bool grammar_check(struct rig *rig, const struct message *m)
{
	const struct rule *rule = rule_of(m->head.request);

	if (!rule) {
		rig_violate(rig, "message %u is not one of ours", m->head.request);
		return false;
	}
	check_header(rig, &m->head, rule);
	check_fds(rig, m, rule);
	if (rule->need & ~rig->protocol)
		rig_violate(rig, "message %u needs a protocol feature that is not in use",
			    m->head.request);
	check_order(rig, m);
	return true;
}
