/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The back-end's channel, on which it sends requests and the driver answers (vhost-user, "Back-end
 * communication"). The only request that is accepted reports a configuration change; the layer
 * above acts on it.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/vhost_user/session.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/log.h"

/* Maximum number of messages, or parts of one, that a call handles. */
#define BUDGET 64

void vu_channel_close(struct vu *vu)
{
	if (vu->channel.fd >= 0)
		close(vu->channel.fd);
	if (vu->channel.theirs >= 0)
		close(vu->channel.theirs);
	vu->channel.fd = -1;
	vu->channel.theirs = -1;
	vu->channel.got = 0;
	vu->channel.fds = false;
}

/*
 * A device works without the channel, so a malformed message closes the channel and not the
 * connection (vhost-user leaves open which of the two).
 */
static void fail_channel(struct vu *vu, const char *why)
{
	log_warn("the back-end's channel is closed: %s", why);
	vu_channel_close(vu);
}

int vu_channel_open(struct vu *vu, void *arg)
{
	struct vu_message message = {
		.request = VU_SET_BACKEND_REQ_FD, .fds = &vu->channel.theirs, .nfds = 1};
	int pair[2];
	int ret;

	(void)arg;
	if (!vu_has(vu, VU_PROTOCOL_BACKEND_REQ))
		return 0;
	if (vu->channel.fd < 0) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
			return error_set(-errno, "creating a pair of sockets failed: %m");
		vu->channel.fd = fd_raise(pair[0]);
		vu->channel.theirs = fd_raise(pair[1]);
		if (vu->channel.fd < 0 || vu->channel.theirs < 0) {
			ret = error_set(-errno, "creating a pair of sockets failed: %m");
			vu_channel_close(vu);
			return ret;
		}
	}
	/* The back-end has a channel already. */
	if (vu->channel.theirs < 0)
		return 0;
	ret = vu_set(vu, &message);
	if (ret == -EINPROGRESS)
		return ret;
	/* The back-end has a duplicate; if this one stayed open, a hang-up would not be noticed. */
	if (vu->channel.theirs >= 0)
		close(vu->channel.theirs);
	vu->channel.theirs = -1;
	if (ret)
		vu_channel_close(vu);
	return ret;
}

/*
 * An answer is sent only if REPLY_ACK is in use and the message asks for it (vhost-user, "Back-end
 * message types"). Does not wait for room: a back-end that doesn't read would block the driver.
 */
static void answer(struct vu *vu, uint64_t result)
{
	struct {
		struct vu_header head;
		uint64_t result;
	} __attribute__((packed)) reply = {
		.head = {vu->channel.head.request, VU_VERSION | VU_REPLY, sizeof(result)},
		.result = result,
	};

	if (!vu_has(vu, VU_PROTOCOL_REPLY_ACK) || !(vu->channel.head.flags & VU_NEED_REPLY))
		return;
	if (send(vu->channel.fd, &reply, sizeof(reply), MSG_NOSIGNAL | MSG_DONTWAIT) !=
	    (ssize_t)sizeof(reply))
		fail_channel(vu, "the back-end doesn't read the answers");
}

/*
 * Handles a complete message. Any number of config changes set one flag. Descriptors are legal only
 * with BACKEND_SEND_FD, which is not used: a message with descriptors is refused.
 */
static void handle(struct vu *vu)
{
	struct vu_channel *channel = &vu->channel;
	bool known = channel->head.request == VU_BACKEND_CONFIG_CHANGE && channel->head.size == 0 &&
		     !channel->fds && vu_has(vu, VU_PROTOCOL_CONFIG);

	if (known)
		vu->config_changed = true;
	channel->got = 0;
	channel->fds = false;
	answer(vu, known ? 0 : 1);
}

/* Number of bytes until the current message is complete. */
static size_t missing(const struct vu_channel *channel)
{
	size_t want = sizeof(channel->head);

	if (channel->got >= want)
		want += channel->head.size;
	return want - channel->got;
}

/*
 * Checks the header before a byte of payload is read: the size must fit the buffer.
 */
static bool head_is_sound(const struct vu_header *head)
{
	return (head->flags & (VU_VERSION_MASK | VU_REPLY)) == VU_VERSION &&
	       head->size <= VU_CHANNEL_PAYLOAD;
}

/*
 * Receives a part of a message, without waiting. Never reads beyond the message, so descriptors are
 * counted to the right one. Returns whether to go on.
 */
static bool step(struct vu *vu)
{
	struct vu_channel *channel = &vu->channel;
	size_t head = sizeof(channel->head);
	char *to = channel->got < head ? (char *)&channel->head + channel->got
				       : (char *)channel->payload + (channel->got - head);
	ssize_t n;

	n = socket_recv(channel->fd, to, missing(channel), NULL, &channel->fds);
	if (n == -EAGAIN)
		return false;
	if (n <= 0) {
		fail_channel(vu, n ? strerror((int)-n) : "the back-end hung up");
		return false;
	}
	channel->got += (size_t)n;
	if (channel->got == head && !head_is_sound(&channel->head)) {
		fail_channel(vu, "a message is malformed");
		return false;
	}
	if (channel->got >= head && missing(channel) == 0)
		handle(vu);
	return channel->fd >= 0;
}

void vu_channel_serve(struct vu *vu)
{
	int i;

	for (i = 0; i < BUDGET && vu->channel.fd >= 0 && step(vu); i++)
		;
}
