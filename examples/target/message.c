/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receives vhost-user messages and replies to them: the socket, the table of messages, and the
 * checks common to all.
 */
#include "message.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/virtio_config.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/util/bits.h"
#include "error.h"
#include "session.h"

#define ANY_SIZE 0xffff

/* Preconditions of a message. */
#define NEEDS_OWNER 1
#define NEEDS_BIT30 2 /* protocol features must be offered */
#define HAS_REPLY   4

static const struct rule {
	uint16_t size; /* of the payload */
	uint8_t fds;   /* maximum */
	uint8_t flags;
	int8_t protocol; /* required protocol feature, or -1 */
	int (*run)(struct session *s, struct message *m);
	const char *name;
} rules[] = {
	[MSG_GET_FEATURES] = {0, 0, HAS_REPLY, -1, msg_get_features, "GET_FEATURES"},
	[MSG_SET_FEATURES] = {8, 0, NEEDS_OWNER, -1, msg_set_features, "SET_FEATURES"},
	[MSG_SET_OWNER] = {0, 0, 0, -1, msg_set_owner, "SET_OWNER"},
	[MSG_RESET_OWNER] = {0, 0, 0, -1, msg_reset, "RESET_OWNER"},
	[MSG_SET_MEM_TABLE] = {ANY_SIZE, TABLE_REGIONS, NEEDS_OWNER, -1, msg_set_mem_table,
			       "SET_MEM_TABLE"},
	[MSG_SET_VRING_NUM] = {8, 0, NEEDS_OWNER, -1, msg_set_vring_num, "SET_VRING_NUM"},
	[MSG_SET_VRING_ADDR] = {40, 0, NEEDS_OWNER, -1, msg_set_vring_addr, "SET_VRING_ADDR"},
	[MSG_SET_VRING_BASE] = {8, 0, NEEDS_OWNER, -1, msg_set_vring_base, "SET_VRING_BASE"},
	[MSG_GET_VRING_BASE] = {8, 0, NEEDS_OWNER | HAS_REPLY, -1, msg_get_vring_base,
				"GET_VRING_BASE"},
	[MSG_SET_VRING_KICK] = {8, 1, NEEDS_OWNER, -1, msg_set_vring_kick, "SET_VRING_KICK"},
	[MSG_SET_VRING_CALL] = {8, 1, NEEDS_OWNER, -1, msg_set_vring_call, "SET_VRING_CALL"},
	[MSG_SET_VRING_ERR] = {8, 1, NEEDS_OWNER, -1, msg_set_vring_err, "SET_VRING_ERR"},
	[MSG_GET_PROTOCOL_FEATURES] = {0, 0, NEEDS_BIT30 | HAS_REPLY, -1, msg_get_protocol_features,
				       "GET_PROTOCOL_FEATURES"},
	[MSG_SET_PROTOCOL_FEATURES] = {8, 0, NEEDS_BIT30, -1, msg_set_protocol_features,
				       "SET_PROTOCOL_FEATURES"},
	/* Front-ends may send this before SET_FEATURES. */
	[MSG_GET_QUEUE_NUM] = {0, 0, NEEDS_BIT30 | HAS_REPLY, -1, msg_get_queue_num,
			       "GET_QUEUE_NUM"},
	[MSG_SET_VRING_ENABLE] = {8, 0, NEEDS_OWNER | NEEDS_BIT30, -1, msg_set_vring_enable,
				  "SET_VRING_ENABLE"},
	[MSG_SET_BACKEND_REQ_FD] = {0, 1, 0, P_BACKEND_REQ, msg_set_backend_fd,
				    "SET_BACKEND_REQ_FD"},
	[MSG_GET_CONFIG] = {ANY_SIZE, 0, HAS_REPLY, P_CONFIG, msg_get_config, "GET_CONFIG"},
	[MSG_SET_CONFIG] = {ANY_SIZE, 0, 0, P_CONFIG, msg_set_config, "SET_CONFIG"},
	[MSG_GET_INFLIGHT_FD] = {ANY_SIZE, 0, NEEDS_OWNER | HAS_REPLY, P_INFLIGHT_SHMFD,
				 msg_get_inflight_fd, "GET_INFLIGHT_FD"},
	[MSG_SET_INFLIGHT_FD] = {ANY_SIZE, 1, NEEDS_OWNER, P_INFLIGHT_SHMFD, msg_set_inflight_fd,
				 "SET_INFLIGHT_FD"},
	[MSG_RESET_DEVICE] = {0, 0, 0, P_RESET_DEVICE, msg_reset, "RESET_DEVICE"},
	[MSG_GET_MAX_MEM_SLOTS] = {0, 0, HAS_REPLY, P_CONFIGURE_MEM_SLOTS, msg_get_max_mem_slots,
				   "GET_MAX_MEM_SLOTS"},
	[MSG_ADD_MEM_REG] = {40, 1, NEEDS_OWNER, P_CONFIGURE_MEM_SLOTS, msg_add_mem_reg,
			     "ADD_MEM_REG"},
	/* Some front-ends also send the region's descriptor; it is closed. */
	[MSG_REM_MEM_REG] = {40, 1, NEEDS_OWNER, P_CONFIGURE_MEM_SLOTS, msg_rem_mem_reg,
			     "REM_MEM_REG"},
	[MSG_SET_STATUS] = {8, 0, 0, P_STATUS, msg_set_status, "SET_STATUS"},
	[MSG_GET_STATUS] = {0, 0, HAS_REPLY, P_STATUS, msg_get_status, "GET_STATUS"},
};

/* No descriptors, nothing received. */
void message_init(struct message *m)
{
	*m = (struct message){.answer_fd = -1};
}

int message_take_fd(struct message *m)
{
	int fd;

	if (!m->fd_count)
		return -1;
	fd = m->fds[0];
	m->fd_count--;
	memmove(m->fds, m->fds + 1, m->fd_count * sizeof(fd));
	return fd;
}

void message_drop_fds(struct message *m)
{
	while (m->fd_count)
		close(m->fds[--m->fd_count]);
}

/* The rule for the message; NULL with the error text set if it is not allowed now. */
static const struct rule *rule_for(const struct session *s, const struct message *m)
{
	const struct rule *r =
		m->header.request < ARRAY_LEN(rules) ? &rules[m->header.request] : NULL;
	uint64_t offered = s->device->options.features.virtio;

	if (!r || !r->run) {
		set_error(EOPNOTSUPP, "message %u is not supported", m->header.request);
		return NULL;
	}
	if (r->size != ANY_SIZE && r->size != m->header.size) {
		set_error(EBADMSG, "%s has %u bytes instead of %u", r->name, m->header.size,
			  r->size);
		return NULL;
	}
	if (m->fd_count > r->fds) {
		set_error(EBADMSG, "%s has %u descriptors", r->name, m->fd_count);
		return NULL;
	}
	if ((r->flags & NEEDS_BIT30 && !(offered & BIT(F_PROTOCOL_FEATURES))) ||
	    (r->protocol >= 0 && !(s->protocol & BIT(r->protocol)))) {
		set_error(EPROTO, "%s requires a feature that was not negotiated", r->name);
		return NULL;
	}
	if (r->flags & NEEDS_OWNER && !s->owned) {
		set_error(EPROTO, "%s was sent before SET_OWNER", r->name);
		return NULL;
	}
	return r;
}

/*
 * A client that does not read its replies is disconnected: nothing here waits for a client. Returns
 * -ESHUTDOWN if the client has closed the connection, as receive().
 */
static int reply(struct session *s, struct message *m, uint32_t size)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct iovec iov[2] = {{&m->header, sizeof(m->header)}, {&m->body, size}};
	struct msghdr hdr = {.msg_iov = iov, .msg_iovlen = 2};
	ssize_t sent;
	bool gone;

	m->header.flags = MSG_VERSION | MSG_REPLY;
	m->header.size = size;
	if (m->answer_fd >= 0) {
		memcpy(CMSG_DATA(&control.head), &m->answer_fd, sizeof(int));
		hdr.msg_control = &control;
		hdr.msg_controllen = CMSG_SPACE(sizeof(int));
	}
	sent = sendmsg(s->watch.fd, &hdr, MSG_NOSIGNAL | MSG_DONTWAIT);
	gone = sent < 0 && (errno == EPIPE || errno == ECONNRESET);
	if (m->answer_fd >= 0)
		close(m->answer_fd);
	m->answer_fd = -1;
	if (sent == (ssize_t)(sizeof(m->header) + size))
		return 0;
	return gone ? -ESHUTDOWN : set_error(EPIPE, "it does not read replies");
}

/* Handles a complete message. Returns an error if the client must be disconnected. */
static int dispatch(struct session *s, struct message *m)
{
	const struct rule *r = rule_for(s, m);
	bool wants_ack = m->header.flags & MSG_NEED_REPLY && s->protocol & BIT(P_REPLY_ACK);
	int rc = r ? r->run(s, m) : -1;

	message_drop_fds(m);
	s->device->counters.bad_messages += rc != 0;
	if (r && !rc)
		log_line(LOG_DEBUG, "client %" PRIu64 ": %s", s->client, r->name);
	if (r && r->flags & HAS_REPLY)
		return rc ? rc : reply(s, m, m->header.size);
	if (!wants_ack)
		return rc;
	if (rc)
		warn("client %" PRIu64 ": rejected: %s", s->client, last_error());
	m->body.u64 = rc != 0;
	return reply(s, m, sizeof(m->body.u64));
}

/* The kernel drops descriptors that don't fit and sets MSG_CTRUNC. */
static void keep_fds(struct message *m, struct msghdr *hdr)
{
	struct cmsghdr *c;
	size_t n;

	for (c = CMSG_FIRSTHDR(hdr); c; c = CMSG_NXTHDR(hdr, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		if (n > MESSAGE_FDS - m->fd_count)
			n = MESSAGE_FDS - m->fd_count;
		memcpy(m->fds + m->fd_count, CMSG_DATA(c), n * sizeof(int));
		m->fd_count += (unsigned int)n;
	}
}

/*
 * Reads up to the end of the header or the body, never past it: descriptors that arrive then belong
 * to this message. Returns 1 if bytes were read, 0 if there are none, -ESHUTDOWN if the client
 * disconnected between two messages, any other negative errno with the error text set.
 */
static int receive(struct session *s, struct message *m)
{
	const size_t head = sizeof(m->header);
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * MESSAGE_FDS)];
	} control;
	struct msghdr hdr = {.msg_iovlen = 1};
	struct iovec iov;
	ssize_t n;

	iov = (struct iovec){(char *)&m->header + m->have, head - m->have};
	if (m->have >= head)
		iov = (struct iovec){m->body.bytes + (m->have - head),
				     head + m->header.size - m->have};
	hdr.msg_iov = &iov;
	/* If there are descriptors already, more don't fit and MSG_CTRUNC tells. */
	if (!m->fd_count) {
		hdr.msg_control = control.bytes;
		hdr.msg_controllen = sizeof(control.bytes);
	}
	n = recvmsg(s->watch.fd, &hdr, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	/* It has closed the socket without reading the last reply. */
	if (n < 0 && errno == ECONNRESET && !m->have)
		return -ESHUTDOWN;
	if (n < 0)
		return set_error(errno, "reading from the client failed: %s", strerror(errno));
	if (!n)
		return m->have ? set_error(EPIPE, "the client disconnected inside a message")
			       : -ESHUTDOWN;
	keep_fds(m, &hdr);
	if (hdr.msg_flags & MSG_CTRUNC)
		return set_error(EMSGSIZE, "a message has more than %d descriptors", MESSAGE_FDS);
	m->have += (size_t)n;
	return 1;
}

/* Called before the body is read, because it has the size of the body. */
static int check_header(const struct message_header *h)
{
	if ((h->flags & MSG_VERSION_MASK) != MSG_VERSION || h->flags & MSG_REPLY)
		return set_error(EBADMSG,
				 "message %u has flags %#x, which are not those of a request",
				 h->request, h->flags);
	if (h->size > PAYLOAD_MAX)
		return set_error(EMSGSIZE, "message %u has %u bytes, more than any message",
				 h->request, h->size);
	return 0;
}

/* Reads once; epoll calls again while there is more. */
void message_receive(struct session *s)
{
	struct message *m = &s->message;
	int rc;

	rc = receive(s, m);
	if (rc > 0 && m->have == sizeof(m->header) && check_header(&m->header))
		rc = -EBADMSG;
	if (!rc)
		return;
	if (rc > 0) {
		if (m->have < sizeof(m->header) || m->have < sizeof(m->header) + m->header.size)
			return;
		m->have = 0;
		rc = dispatch(s, m);
	}
	if (rc == -ESHUTDOWN)
		session_close(s, "it closed the connection");
	else if (rc)
		session_drop(s, last_error());
}
