/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages and their answers: framing, acknowledgements, and the validation of answers (vhost-user,
 * "Header" and "Communication"). The other files decide which messages to send.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "transport/vhost_user/session.h"
#include "util/bits.h"
#include "util/error.h"

static const char *const names[] = {
	[VU_GET_FEATURES] = "GET_FEATURES",
	[VU_SET_FEATURES] = "SET_FEATURES",
	[VU_SET_OWNER] = "SET_OWNER",
	[VU_SET_MEM_TABLE] = "SET_MEM_TABLE",
	[VU_SET_VRING_NUM] = "SET_VRING_NUM",
	[VU_SET_VRING_ADDR] = "SET_VRING_ADDR",
	[VU_SET_VRING_BASE] = "SET_VRING_BASE",
	[VU_GET_VRING_BASE] = "GET_VRING_BASE",
	[VU_SET_VRING_KICK] = "SET_VRING_KICK",
	[VU_SET_VRING_CALL] = "SET_VRING_CALL",
	[VU_SET_VRING_ERR] = "SET_VRING_ERR",
	[VU_GET_PROTOCOL_FEATURES] = "GET_PROTOCOL_FEATURES",
	[VU_SET_PROTOCOL_FEATURES] = "SET_PROTOCOL_FEATURES",
	[VU_GET_QUEUE_NUM] = "GET_QUEUE_NUM",
	[VU_SET_VRING_ENABLE] = "SET_VRING_ENABLE",
	[VU_SET_BACKEND_REQ_FD] = "SET_BACKEND_REQ_FD",
	[VU_GET_CONFIG] = "GET_CONFIG",
	[VU_SET_CONFIG] = "SET_CONFIG",
	[VU_GET_INFLIGHT_FD] = "GET_INFLIGHT_FD",
	[VU_SET_INFLIGHT_FD] = "SET_INFLIGHT_FD",
	[VU_RESET_DEVICE] = "RESET_DEVICE",
	[VU_GET_MAX_MEM_SLOTS] = "GET_MAX_MEM_SLOTS",
	[VU_ADD_MEM_REG] = "ADD_MEM_REG",
	[VU_REM_MEM_REG] = "REM_MEM_REG",
	[VU_SET_STATUS] = "SET_STATUS",
	[VU_GET_STATUS] = "GET_STATUS",
};

/*
 * Header and payload are sent together: some back-ends expect the payload to be there as soon as
 * the header is. The socket must have no unread bytes before, which would be taken for the answer.
 */
static int begin(struct vu *vu, const struct vu_message *message, uint32_t flags, bool takes_fd)
{
	struct vu_header head = {message->request, VU_VERSION | flags, message->size};
	struct vu_exchange *x = &vu->exchange;
	int ret;

	ret = vu_quiet(vu, NULL);
	if (ret)
		return ret;
	memcpy(x->out, &head, sizeof(head));
	if (message->size)
		memcpy(x->out + sizeof(head), message->payload, message->size);
	if (message->nfds)
		memcpy(x->fds, message->fds, message->nfds * sizeof(*message->fds));
	x->len = sizeof(head) + message->size;
	x->nfds = message->nfds;
	x->takes_fd = takes_fd;
	x->sent = x->got = 0;
	vu_begin(vu, VU_SENDING);
	return 0;
}

/*
 * An answer with another request or size doesn't belong to this message, and later answers could
 * not be assigned either: the connection ends (vhost-user, "Communication"). The size is checked
 * before a byte of payload is read. Of the flags only version and reply are checked, because some
 * back-ends leave need_reply set in their answers.
 */
static int check_head(struct vu *vu, uint32_t request, uint32_t size)
{
	const struct vu_header head = vu->exchange.in.head;

	if (head.request != request)
		return vu_fail(vu, error_set(-EPROTO, "the back-end answered %s with message %u",
					     names[request], head.request));
	if ((head.flags & (VU_VERSION_MASK | VU_REPLY)) != (VU_VERSION | VU_REPLY))
		return vu_fail(vu,
			       error_set(-EPROTO,
					 "the back-end answered %s with flags 0x%x, which are not "
					 "those of an answer of version 1",
					 names[request], head.flags));
	if (head.size != size && !(request == VU_GET_CONFIG && head.size == 0))
		return vu_fail(vu, error_set(-EPROTO,
					     "the back-end answered %s with %u bytes, %u are right",
					     names[request], head.size, size));
	return 0;
}

/* An empty answer to GET_CONFIG is a valid refusal (vhost-user, GET_CONFIG). */
static int receive(struct vu *vu, uint32_t request, uint32_t size)
{
	const struct vu_header *head = &vu->exchange.in.head;
	int ret;

	ret = vu_read(vu, sizeof(*head));
	if (!ret)
		ret = check_head(vu, request, size);
	if (ret)
		return ret;
	if (head->size == 0)
		return error_set(-EIO, "the back-end refused %s", names[request]);
	return vu_read(vu, sizeof(*head) + size);
}

/* Sends a message and receives its answer, or continues to. @size 0: it has no answer. */
static int exchange(struct vu *vu, const struct vu_message *message, uint32_t flags, void *answer,
		    uint32_t size, int *fd)
{
	struct vu_exchange *x = &vu->exchange;
	int ret = 0;

	if (x->phase == VU_IDLE)
		ret = begin(vu, message, flags, fd);
	if (!ret && x->phase == VU_SENDING) {
		ret = vu_send(vu);
		if (!ret)
			x->phase = VU_RECEIVING;
	}
	if (!ret && size)
		ret = receive(vu, message->request, size);
	if (ret == -EINPROGRESS)
		return ret;
	if (!ret && size)
		memcpy(answer, x->in.payload, size);
	if (!ret && fd) {
		*fd = x->fd;
		x->fd = -1;
	}
	vu_forget_message(vu);
	return ret;
}

/*
 * need_reply is legal only with REPLY_ACK, and requests an answer with a code, 0 for success
 * (vhost-user, REPLY_ACK). Without it there is no answer: errors show as a closed connection.
 */
int vu_set_code(struct vu *vu, const struct vu_message *message, uint64_t *code)
{
	bool ack = vu_has(vu, VU_PROTOCOL_REPLY_ACK);

	*code = 0;
	return exchange(vu, message, ack ? VU_NEED_REPLY : 0, code, ack ? sizeof(*code) : 0, NULL);
}

int vu_set(struct vu *vu, const struct vu_message *message)
{
	uint64_t code;
	int ret;

	ret = vu_set_code(vu, message, &code);
	if (ret)
		return ret;
	if (code)
		return error_set(-EIO, "the back-end refused %s with code %" PRIu64,
				 names[message->request], code);
	return 0;
}

int vu_set_u64(struct vu *vu, uint32_t request, uint64_t value)
{
	struct vu_message message = {.request = request, .size = sizeof(value), .payload = &value};

	return vu_set(vu, &message);
}

int vu_set_vring(struct vu *vu, uint32_t request, unsigned index, uint32_t value)
{
	struct vhost_vring_state state = {.index = index, .num = value};
	struct vu_message message = {.request = request, .size = sizeof(state), .payload = &state};

	return vu_set(vu, &message);
}

/* No need_reply here: a message with an answer of its own must not get two. */
int vu_get_fd(struct vu *vu, const struct vu_message *message, void *answer, uint32_t size, int *fd)
{
	return exchange(vu, message, 0, answer, size, fd);
}

int vu_get(struct vu *vu, const struct vu_message *message, void *answer, uint32_t size)
{
	return exchange(vu, message, 0, answer, size, NULL);
}

int vu_get_u64(struct vu *vu, uint32_t request, uint64_t *value)
{
	struct vu_message message = {.request = request};

	return vu_get(vu, &message, value, sizeof(*value));
}

/* GET_FEATURES is legal at any time and changes nothing. */
int vu_sync(struct vu *vu, void *arg)
{
	uint64_t ignored;

	(void)arg;
	if (vu_has(vu, VU_PROTOCOL_REPLY_ACK))
		return 0;
	return vu_get_u64(vu, VU_GET_FEATURES, &ignored);
}
