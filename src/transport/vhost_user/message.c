/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages and their answers: framing, acknowledgements, and every check of what comes back
 * (vhost-user, "Header" and "Communication"). Which message to send when is known elsewhere.
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
 * Header and payload leave in one piece, which no message is too large for: there are back-ends
 * that expect the payload to be there as soon as the header is. The socket has to be quiet before,
 * else what lies there would pass for the answer.
 */
static int transmit(struct vu *vu, const struct vu_message *message, uint32_t flags,
		    uint64_t deadline)
{
	char buf[sizeof(struct vu_header) + sizeof(struct vu_table)];
	struct vu_header head = {message->request, VU_VERSION | flags, message->size};
	int ret;

	ret = vu_quiet(vu);
	if (ret)
		return ret;
	memcpy(buf, &head, sizeof(head));
	if (message->size)
		memcpy(buf + sizeof(head), message->payload, message->size);
	return vu_send(vu, buf, sizeof(head) + message->size, message->fds, message->nfds,
		       deadline);
}

/*
 * An answer of another kind or size can't be an answer to this request, and nothing behind it can
 * be told apart any more: the connection ends (vhost-user, "Communication"). The size is compared
 * before a byte of payload is read. Of the flags only version and reply are looked at: some
 * back-ends leave need_reply set in their answers.
 */
static int receive_head(struct vu *vu, uint32_t request, uint32_t size, int *fd, uint64_t deadline,
			uint32_t *got)
{
	struct vu_header head;
	int ret;

	ret = vu_read(vu, &head, sizeof(head), fd, deadline);
	if (ret)
		return ret;
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
	*got = head.size;
	return 0;
}

/* An empty answer to GET_CONFIG is a refusal by the book (vhost-user, GET_CONFIG), not a breach. */
static int receive(struct vu *vu, uint32_t request, void *answer, uint32_t size, int *fd,
		   uint64_t deadline)
{
	uint32_t got = 0;
	int ret;

	ret = receive_head(vu, request, size, fd, deadline, &got);
	if (ret)
		return ret;
	if (got == 0)
		return error_set(-EIO, "the back-end refused %s", names[request]);
	return vu_read(vu, answer, size, fd, deadline);
}

/*
 * need_reply is legal only with REPLY_ACK, and asks for a number of which 0 means done (vhost-user,
 * REPLY_ACK). Without it there is nothing to wait for: errors show as a closed connection.
 */
int vu_set(struct vu *vu, const struct vu_message *message)
{
	uint64_t deadline = vu_deadline(vu);
	bool ack = vu_has(vu, VU_PROTOCOL_REPLY_ACK);
	uint64_t result;
	int ret;

	ret = transmit(vu, message, ack ? VU_NEED_REPLY : 0, deadline);
	if (ret || !ack)
		return ret;
	ret = receive(vu, message->request, &result, sizeof(result), NULL, deadline);
	if (ret)
		return ret;
	if (result)
		return error_set(-EIO, "the back-end refused %s with code %" PRIu64,
				 names[message->request], result);
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
	uint64_t deadline = vu_deadline(vu);
	int ret;

	ret = transmit(vu, message, 0, deadline);
	return ret ? ret : receive(vu, message->request, answer, size, fd, deadline);
}

int vu_get(struct vu *vu, const struct vu_message *message, void *answer, uint32_t size)
{
	return vu_get_fd(vu, message, answer, size, NULL);
}

int vu_get_u64(struct vu *vu, uint32_t request, uint64_t *value)
{
	struct vu_message message = {.request = request};

	return vu_get(vu, &message, value, sizeof(*value));
}

/* GET_FEATURES is legal at any time and changes nothing, which makes it the question to ask. */
int vu_sync(struct vu *vu)
{
	uint64_t ignored;

	if (vu_has(vu, VU_PROTOCOL_REPLY_ACK))
		return 0;
	return vu_get_u64(vu, VU_GET_FEATURES, &ignored);
}
