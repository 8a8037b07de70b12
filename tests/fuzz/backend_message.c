/* SPDX-License-Identifier: BSD-3-Clause */
/* The back-end's part of the protocol: each message, its answer, and what becomes of that. */
#include <sys/socket.h>

#include "backend_parts.h"
#include "kernel.h"
#include "util/bits.h"

#define AREA 4096u /* bytes of the in-flight tracking area */

/* The in-flight tracking area; its content is never read. */
static uint8_t area[AREA];

static void put(const void *bytes, size_t len)
{
	if (len > sizeof(be.reply) - be.reply_len)
		len = sizeof(be.reply) - be.reply_len;
	memcpy(be.reply + be.reply_len, bytes, len);
	be.reply_len += len;
}

static void put_u64(uint64_t value)
{
	put(&value, sizeof(value));
}

static struct ring *ring_of(uint64_t index)
{
	return &be.rings[(index & VU_VRING_INDEX_MASK) % BACKEND_RINGS];
}

/* The first descriptor of a message; the others are closed. */
static int take_fd(void)
{
	int fd = be.nfds ? be.fds[0] : -1;

	if (be.nfds)
		be.fds[0] = -1;
	return fd;
}

static void add_region(const struct vu_region *region)
{
	if (be.nregions < ARRAY_LEN(be.regions))
		be.regions[be.nregions++] = *region;
}

static void set_table(const struct vu_table *table)
{
	unsigned i;

	be.nregions = 0;
	for (i = 0; i < table->count && i < VU_TABLE_REGIONS; i++)
		add_region(&table->regions[i]);
}

static void remove_region(const struct vu_region *region)
{
	unsigned i;

	for (i = 0; i < be.nregions; i++) {
		if (be.regions[i].user == region->user)
			be.regions[i] = be.regions[--be.nregions];
	}
}

static void reset(void)
{
	unsigned i;

	for (i = 0; i < BACKEND_RINGS; i++)
		ring_stop(&be.rings[i]);
	be.accepted = 0;
}

/* What a message about rings does. Return: whether it was one. */
static bool ring_message(uint32_t request, const void *payload)
{
	const struct vhost_vring_state *state = payload;
	struct ring *ring = ring_of(state->index);

	switch (request) {
	case VU_SET_VRING_NUM:
		ring->num = state->num;
		return true;
	case VU_SET_VRING_BASE:
		ring->base = state->num;
		return true;
	case VU_SET_VRING_ADDR:
		memcpy(&ring->addr, payload, sizeof(ring->addr));
		return true;
	case VU_SET_VRING_CALL:
		close_fd(&ring->call);
		ring->call = take_fd();
		return true;
	case VU_SET_VRING_KICK:
		close_fd(&ring->kick);
		ring->kick = take_fd();
		ring_start(ring);
		return true;
	case VU_SET_VRING_ENABLE:
		return true;
	default:
		return false;
	}
}

static void set_message(uint32_t request, const void *payload)
{
	uint64_t value;

	memcpy(&value, payload, sizeof(value));
	if (ring_message(request, payload))
		return;
	switch (request) {
	case VU_SET_FEATURES:
		be.accepted = value;
		break;
	case VU_SET_PROTOCOL_FEATURES:
		be.acked = value;
		break;
	case VU_SET_STATUS:
		be.status = (uint8_t)value;
		break;
	case VU_SET_MEM_TABLE:
		set_table(payload);
		break;
	case VU_ADD_MEM_REG:
		add_region(&((const struct vu_slot *)payload)->region);
		break;
	case VU_REM_MEM_REG:
		remove_region(&((const struct vu_slot *)payload)->region);
		break;
	case VU_SET_VRING_ERR:
		close_fd(&be.err);
		be.err = take_fd();
		break;
	case VU_SET_BACKEND_REQ_FD:
		close_fd(&be.channel);
		be.channel = take_fd();
		break;
	case VU_RESET_DEVICE:
		reset();
		break;
	default:
		break;
	}
}

/* Payloads of messages that have an answer of their own. Return: whether it is one. */
static bool get_message(uint32_t request, const void *payload)
{
	struct vu_config config = {.size = sizeof(be.config)};
	struct vu_inflight inflight = {.size = AREA};
	struct vhost_vring_state state;

	switch (request) {
	case VU_GET_FEATURES:
		put_u64(be.features);
		return true;
	case VU_GET_PROTOCOL_FEATURES:
		put_u64(be.protocol);
		return true;
	case VU_GET_QUEUE_NUM:
		put_u64(be.queues);
		return true;
	case VU_GET_MAX_MEM_SLOTS:
		put_u64(be.slots);
		return true;
	case VU_GET_STATUS:
		put_u64(be.status);
		return true;
	case VU_GET_CONFIG:
		memcpy(config.bytes, &be.config, sizeof(be.config));
		put(&config, sizeof(config));
		return true;
	case VU_GET_INFLIGHT_FD:
		be.gives_file = true;
		put(&inflight, sizeof(inflight));
		return true;
	case VU_GET_VRING_BASE:
		memcpy(&state, payload, sizeof(state));
		state.num = ring_stop(ring_of(state.index));
		put(&state, sizeof(state));
		return true;
	default:
		return false;
	}
}

/* Other values, headers or lengths, twice, with a descriptor, an end, or nothing at all. */
static void distort(unsigned how)
{
	size_t head = sizeof(struct vu_header);
	size_t i;

	switch (how % 10) {
	case 1:
		if (be.reply_len)
			be.reply[input_back(be.in) % be.reply_len] = input_back(be.in);
		break;
	case 2:
		for (i = head; i < be.reply_len; i++)
			be.reply[i] = input_back(be.in);
		break;
	case 3:
		if (be.reply_len)
			be.reply_len = input_back(be.in) % be.reply_len;
		break;
	case 4:
		put(be.reply, be.reply_len);
		break;
	case 5:
		be.gives_file = !be.gives_file;
		break;
	case 6:
		be.dies = true;
		break;
	case 7:
		be.reply_len = 0;
		be.dies = true;
		break;
	case 8:
		be.reply_len = 0;
		break;
	default:
		if (be.reply_len > head)
			be.reply[head] = input_back(be.in);
	}
}

static void send_reply(void)
{
	int file = be.gives_file ? kernel_file(area, AREA) : -1;
	struct iovec iov = {be.reply, be.reply_len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;

	if (file >= 0) {
		memset(&control, 0, sizeof(control));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(file));
		memcpy(CMSG_DATA(&control.head), &file, sizeof(file));
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
	}
	if (be.reply_len)
		sendmsg(be.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (file >= 0)
		close(file);
}

static void handle(const struct vu_header *head, const uint8_t *payload)
{
	struct vu_header reply = {head->request, VU_VERSION | VU_REPLY, 0};
	unsigned lie = backend_lie(&be.message_lies);

	be.reply_len = 0;
	be.gives_file = be.dies = false;
	put(&reply, sizeof(reply));
	if (!get_message(head->request, payload)) {
		set_message(head->request, payload);
		if (head->flags & VU_NEED_REPLY)
			put_u64(0);
		else
			be.reply_len = 0;
	}
	reply.size = (uint32_t)(be.reply_len - sizeof(reply));
	if (be.reply_len)
		memcpy(be.reply, &reply, sizeof(reply));
	if (lie)
		distort(lie);
	send_reply();
	if (be.dies)
		backend_close();
}

/* Reads one message. Return: whether there was one. */
bool backend_receive(void)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(VU_MAX_FDS * sizeof(int))];
	} control;
	union {
		struct vu_table align;
		uint8_t bytes[sizeof(struct vu_table)];
	} payload;
	struct vu_header head;
	struct iovec iov = {&head, sizeof(head)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control.bytes)};
	ssize_t n = be.fd < 0 ? -1 : recvmsg(be.fd, &msg, MSG_DONTWAIT);
	unsigned i;

	if (n == 0)
		backend_close();
	if (n <= 0)
		return false;
	memset(&payload, 0, sizeof(payload));
	MUST(n == sizeof(head) && head.size <= sizeof(payload));
	if (head.size)
		MUST(recv(be.fd, &payload, head.size, MSG_DONTWAIT) == (ssize_t)head.size);
	be.nfds = 0;
	if (msg.msg_controllen) {
		be.nfds = (unsigned)((CMSG_FIRSTHDR(&msg)->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(be.fds, CMSG_DATA(CMSG_FIRSTHDR(&msg)), be.nfds * sizeof(int));
	}
	handle(&head, payload.bytes);
	for (i = 0; i < be.nfds; i++)
		close_fd(&be.fds[i]);
	return true;
}
