/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sends and receives messages without waiting, until a deadline; vfu_wait_ready() waits. The other
 * files interpret the contents.
 *
 * Header, body and descriptors are sent with one sendmsg(): some servers block until a message is
 * complete. It also keeps kicks, which other threads send, from splitting a message.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/vfio_user/session.h"
#include "util/bits.h"
#include "util/clock.h"
#include "util/error.h"

/* Milliseconds between two attempts while a listener's backlog is full. */
#define BACKLOG_MS 1

void vfu_wait_for(struct vfu *v, enum vfu_phase phase)
{
	v->phase = phase;
	v->deadline = socket_deadline(v->timeout_ms);
}

bool vfu_is_late(const struct vfu *v)
{
	return clock_ns() >= v->deadline;
}

int vfu_wait_ready(struct pci_bus *bus, int timeout_ms)
{
	struct vfu *v = vfu_of(bus);
	struct pollfd fd = {.fd = v->fd, .events = v->phase == VFU_SENDING ? POLLOUT : POLLIN};
	int ms = socket_ms_left(v->deadline);

	if (v->phase == VFU_IDLE)
		return 1;
	if (v->phase == VFU_CONNECTING) {
		fd.fd = -1;
		ms = ms > BACKLOG_MS ? BACKLOG_MS : ms;
	}
	if (timeout_ms >= 0 && ms > timeout_ms)
		ms = timeout_ms;
	if (poll(&fd, 1, ms) < 0 && errno != EINTR)
		return error_set(-errno, "waiting for %s failed: %s", v->bus.name, strerror(errno));
	return 0;
}

int vfu_fail(struct vfu *v, int err)
{
	atomic_store(&v->ready, false);
	if (v->connected) {
		if (v->bus.running)
			socket_peer_note(&v->left, v->fd);
		/* try_to_connect() closes it, when no thread can be about to kick. */
		shutdown(v->fd, SHUT_RDWR);
	}
	v->connected = false;
	v->bus.watch = -1;
	v->phase = VFU_IDLE;
	v->open = false;
	v->pending = 0;
	v->got = 0;
	v->fds = false;
	return err;
}

/* Every kind of disconnection has the same errno for the layer above. */
static int hung_up(struct vfu *v)
{
	return vfu_fail(v,
			error_set(-ENOTCONN, "%s: the server closed the connection", v->bus.name));
}

void vfu_abandon(struct vfu *v)
{
	if (v->phase == VFU_RECEIVING)
		v->pending++;
	/* It was not sent. */
	if (v->phase == VFU_SENDING)
		v->id--;
	v->phase = VFU_IDLE;
}

static int send_message(struct vfu *v, const struct vfu_call *call)
{
	const size_t size = sizeof(struct vfu_header) + call->size + call->data_size;
	struct vfu_header head = {.id = htole16(v->id),
				  .command = htole16((uint16_t)call->command),
				  .size = htole32((uint32_t)size)};
	struct iovec iov[] = {
		{.iov_base = &head, .iov_len = sizeof(head)},
		{.iov_base = (void *)(uintptr_t)call->body, .iov_len = call->size},
		{.iov_base = (void *)(uintptr_t)call->data, .iov_len = call->data_size},
	};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = ARRAY_LEN(iov)};
	union socket_control control;
	ssize_t n;

	if (call->nfds)
		socket_attach(&msg, &control, call->fds, call->nfds);
	do {
		n = sendmsg(v->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return -EINPROGRESS;
	if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
		return hung_up(v);
	if (n != (ssize_t)size)
		return vfu_fail(v,
				error_set(n < 0 ? -errno : -EIO, "sending to %s failed: %s",
					  v->bus.name, n < 0 ? strerror(errno) : "half a message"));
	vfu_wait_for(v, VFU_RECEIVING);
	return 0;
}

/* The id of the next answer; while no message is under way, an id that was not sent yet. */
static uint16_t next_answer(const struct vfu *v)
{
	return (uint16_t)(v->id - v->pending + (v->phase == VFU_IDLE));
}

static int check_head(struct vfu *v)
{
	const struct vfu_header *head = &v->in.head;
	uint32_t size = le32toh(head->size);

	if ((le32toh(head->flags) & VFU_TYPE_MASK) != VFU_REPLY)
		return error_set(-EPROTO,
				 "%s sent a request, %u, instead of an answer; a server has no "
				 "request to send, as all memory comes with a file",
				 v->bus.name, le16toh(head->command));
	if (size < sizeof(*head) || size > VFU_MAX_MESSAGE)
		return error_set(-EPROTO, "%s sent a message of %u bytes", v->bus.name, size);
	if (le16toh(head->id) != next_answer(v))
		return error_set(-EPROTO, "%s answered message %u instead of %u", v->bus.name,
				 le16toh(head->id), next_answer(v));
	return 0;
}

/* Receives a part of a message. Closes descriptors that arrive with it. */
static int receive_piece(struct vfu *v)
{
	size_t head = sizeof(v->in.head);
	size_t want = v->got < head ? head : le32toh(v->in.head.size);
	ssize_t n;

	n = socket_recv(v->fd, v->in.bytes + v->got, want - v->got, NULL, &v->fds);
	if (n == -EAGAIN)
		return -EINPROGRESS;
	if (n == 0 || n == -ECONNRESET)
		return hung_up(v);
	if (n == -EPROTO)
		return vfu_fail(v, error_set(-EPROTO, "%s sent too many file descriptors",
					     v->bus.name));
	if (n < 0)
		return vfu_fail(v, error_set((int)n, "reading from %s failed: %s", v->bus.name,
					     strerror((int)-n)));
	v->got += (size_t)n;
	if (v->got == head && check_head(v))
		return vfu_fail(v, -EPROTO);
	return 0;
}

/*
 * Receives until the answer is complete, and discards answers to abandoned messages. A server may
 * attach a file only to GET_REGION_INFO, for a region that can be mapped.
 */
static int receive(struct vfu *v)
{
	while (v->pending || v->phase == VFU_RECEIVING) {
		int ret = receive_piece(v);

		if (ret)
			return ret;
		if (v->got < sizeof(v->in.head) || v->got < le32toh(v->in.head.size))
			continue;
		if (v->fds && le16toh(v->in.head.command) != VFU_GET_REGION_INFO)
			return vfu_fail(v, error_set(-EPROTO,
						     "%s sent file descriptors with message %u",
						     v->bus.name, le16toh(v->in.head.command)));
		v->got = 0;
		v->fds = false;
		if (!v->pending)
			return 0;
		v->pending--;
	}
	return 0;
}

/* A refusal may have a body, whose content is ignored. */
static int refused(struct vfu *v, const struct vfu_call *call)
{
	uint32_t code = le32toh(v->in.head.error);

	return error_set(-EIO, "%s refused message %u: %s", v->bus.name, call->command,
			 code && code < 4096 ? strerror((int)code) : "no reason given");
}

static int take_answer(struct vfu *v, const struct vfu_call *call)
{
	const char *body = v->in.bytes + sizeof(v->in.head);
	size_t size = le32toh(v->in.head.size) - sizeof(v->in.head);
	uint32_t value = 0;

	if (le16toh(v->in.head.command) != call->command)
		return vfu_fail(v,
				error_set(-EPROTO, "%s answered message %u as if it were %u",
					  v->bus.name, call->command, le16toh(v->in.head.command)));
	if (le32toh(v->in.head.flags) & VFU_ERROR)
		return refused(v, call);
	if (size < call->least)
		return vfu_fail(v, error_set(-EPROTO,
					     "%s answered message %u with %zu bytes instead of %zu",
					     v->bus.name, call->command, size, call->least));
	if (call->answer) {
		memset(call->answer, 0, call->room);
		memcpy(call->answer, body, size < call->room ? size : call->room);
	}
	if (!call->value)
		return 0;
	if (memcmp(body, call->body, call->size))
		return vfu_fail(v, error_set(-EPROTO, "%s answered for another register",
					     v->bus.name));
	memcpy(&value, body + call->size, call->width);
	*call->value = le32toh(value);
	return 0;
}

/* Sends the message, then receives the answer; -EINPROGRESS while either is incomplete. */
static int advance(struct vfu *v, const struct vfu_call *call)
{
	int ret = 0;

	if (v->phase == VFU_SENDING)
		ret = send_message(v, call);
	return ret ? ret : receive(v);
}

int vfu_exchange(struct vfu *v, const struct vfu_call *call)
{
	int ret;

	if (!v->connected)
		return error_set(-ENOTCONN, "the connection to %s is lost", v->bus.name);
	if (v->phase == VFU_IDLE) {
		v->id++;
		vfu_wait_for(v, VFU_SENDING);
	}
	while ((ret = advance(v, call)) == -EINPROGRESS) {
		if (vfu_is_late(v))
			return vfu_fail(v, error_set(-ETIMEDOUT,
						     "%s gave no answer to message %u in %u ms; "
						     "disconnecting",
						     v->bus.name, call->command, v->timeout_ms));
		if (!v->wait)
			return ret;
		ret = vfu_wait_ready(&v->bus, -1);
		if (ret < 0)
			return vfu_fail(v, ret);
	}
	if (ret)
		return ret;
	v->phase = VFU_IDLE;
	return take_answer(v, call);
}

/*
 * A write without an answer. While @kicks is not 0, the socket is neither closed nor replaced by
 * that of the next connection. If the connection has ended, the control path notices.
 */
bool vfu_kick(struct pci_bus *bus, unsigned bar, uint64_t offset, unsigned width, uint32_t value)
{
	struct vfu *v = vfu_of(bus);
	struct {
		struct vfu_header head;
		struct vfu_access access;
		uint32_t value;
	} kick;
	const size_t size = offsetof(typeof(kick), value) + width;
	ssize_t n = 0;

	kick.head = (struct vfu_header){.command = htole16(VFU_REGION_WRITE),
					.size = htole32((uint32_t)size),
					.flags = htole32(VFU_NO_REPLY)};
	kick.access = (struct vfu_access){htole64(offset), htole32(bar), htole32(width)};
	kick.value = htole32(value);
	atomic_fetch_add(&v->kicks, 1);
	if (atomic_load(&v->ready))
		n = send(v->fd, &kick, size, MSG_NOSIGNAL | MSG_DONTWAIT);
	atomic_fetch_sub(&v->kicks, 1);
	return n >= 0 || errno != EAGAIN;
}

int vfu_look(struct pci_bus *bus)
{
	struct vfu *v = vfu_of(bus);
	ssize_t n;
	char byte;
	int ret;

	if (!v->connected)
		return error_set(-ENOTCONN, "the connection to %s is lost", v->bus.name);
	/* Bytes on the socket belong to the answer. */
	if (v->phase != VFU_IDLE)
		return 0;
	ret = receive(v);
	if (ret)
		return ret == -EINPROGRESS ? 0 : ret;
	do {
		n = recv(v->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		return vfu_fail(v,
				error_set(-EPROTO, "%s sent bytes without a request", v->bus.name));
	return n < 0 && errno == EAGAIN ? 0 : hung_up(v);
}
