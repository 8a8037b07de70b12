/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a good back-end does with each message. It handles valid and invalid messages alike:
 * grammar.c has checked them before, and an invalid message must not crash the rig.
 */
#include <string.h>
#include <unistd.h>

#include "rig/internal.h"

static void say(struct answer *a, const void *bytes, uint32_t len)
{
	memcpy(a->payload, bytes, len);
	a->len = len;
}

static void say_u64(struct answer *a, uint64_t value)
{
	say(a, &value, sizeof(value));
}

/*
 * The whole payload is echoed, and only then filled in: offset, size and flags have to come back.
 */
static void give_config(struct rig *rig, const struct message *m, struct answer *a)
{
	uint32_t words[3];

	memcpy(words, m->payload, sizeof(words));
	say(a, m->payload, m->head.size);
	if (words[0] <= sizeof(rig->opts.config) && words[1] <= sizeof(rig->opts.config) - words[0])
		memcpy(a->payload + 12, (char *)&rig->opts.config + words[0], words[1]);
}

static int set_config(struct rig *rig, const struct message *m)
{
	uint32_t words[3];

	memcpy(words, m->payload, sizeof(words));
	if (words[0] > sizeof(rig->opts.config) || words[1] > sizeof(rig->opts.config) - words[0])
		return 1;
	memcpy((char *)&rig->opts.config + words[0], m->payload + 12, words[1]);
	return 0;
}

/* Answers a query of the front-end. Returns false if the message is none. */
static bool answer_query(struct rig *rig, const struct message *m, struct answer *a)
{
	uint32_t state[2];

	switch (m->head.request) {
	case RIG_GET_FEATURES:
		say_u64(a, rig->opts.features);
		return true;
	case RIG_GET_PROTOCOL_FEATURES:
		say_u64(a, rig->opts.protocol);
		return true;
	case RIG_GET_QUEUE_NUM:
		say_u64(a, rig->opts.queues);
		return true;
	case RIG_GET_MAX_MEM_SLOTS:
		say_u64(a, rig->opts.slots);
		return true;
	case RIG_GET_STATUS:
		say_u64(a, rig->status);
		return true;
	case RIG_GET_CONFIG:
		give_config(rig, m, a);
		return true;
	case RIG_GET_VRING_BASE:
		memcpy(state, m->payload, sizeof(state));
		if (state[1] != 0)
			rig_violate(rig, "GET_VRING_BASE carries %u", state[1]);
		/* The index comes from the other side: it is masked before it is one. */
		state[0] &= RIG_MAX_RINGS - 1;
		state[1] = ring_base(&rig->rings[state[0]]);
		vring_stop(&rig->rings[state[0]]);
		say(a, state, sizeof(state));
		return true;
	case RIG_GET_INFLIGHT_FD:
		inflight_give(rig, m, a);
		return true;
	default:
		return false;
	}
}

/* Memory stays: only what the rings and the status say goes (vhost-user, RESET_DEVICE). */
static int reset_device(struct rig *rig)
{
	unsigned i;

	for (i = 0; i < RIG_MAX_RINGS; i++) {
		if (rig->rings[i].started)
			rig_violate(rig, "RESET_DEVICE while ring %u runs", i);
		vring_stop(&rig->rings[i]);
		rig->rings[i].enabled = false;
	}
	rig->status = 0;
	inflight_reset(rig);
	return 0;
}

static int take_channel(struct rig *rig, struct message *m)
{
	if (m->nfds != 1)
		return 1;
	if (rig->channel >= 0)
		close(rig->channel);
	/* Kept: what is left in the message is closed after it. */
	rig->channel = m->fds[0];
	m->fds[0] = -1;
	return 0;
}

/* What the front-end orders. Returns 0, or a code that tells that it was refused. */
static int obey(struct rig *rig, struct message *m)
{
	uint64_t value;

	memcpy(&value, m->payload, sizeof(value));
	switch (m->head.request) {
	case RIG_SET_OWNER:
		rig->owner = true;
		return 0;
	case RIG_SET_FEATURES:
		rig->features = value;
		return 0;
	case RIG_SET_PROTOCOL_FEATURES:
		rig->protocol = value;
		return 0;
	case RIG_SET_STATUS:
		rig->status = (uint8_t)value;
		if (!value)
			inflight_reset(rig);
		return 0;
	case RIG_SET_CONFIG:
		return set_config(rig, m);
	case RIG_SET_MEM_TABLE:
		return memory_table(rig, m);
	case RIG_ADD_MEM_REG:
		return memory_add(rig, m);
	case RIG_REM_MEM_REG:
		return memory_remove(rig, m);
	case RIG_RESET_DEVICE:
		return reset_device(rig);
	case RIG_SET_BACKEND_REQ_FD:
		return take_channel(rig, m);
	case RIG_SET_INFLIGHT_FD:
		return inflight_take(rig, m);
	default:
		return vring_message(rig, m);
	}
}

void answer_message(struct rig *rig, struct message *m, struct answer *a)
{
	int code;

	a->head.request = m->head.request;
	a->head.flags = RIG_VERSION | RIG_REPLY;
	/*
	 * Either it has an answer of its own, or it is acknowledged if that is asked for; never
	 * both.
	 */
	a->wanted = answer_query(rig, m, a);
	if (!a->wanted) {
		code = obey(rig, m);
		say_u64(a, (uint64_t)code);
		a->wanted = (m->head.flags & RIG_NEED_REPLY) != 0;
	}
	a->head.size = a->len;
}
