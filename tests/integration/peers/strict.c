/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A reader of messages that ends at a short read, put between the front-end and the rig: the
 * descriptors have to come with the first byte, and the rest of the header and all of the payload
 * have to be there by then. Some back-ends read each with one read() and end when it is short.
 */
#include <stdlib.h>
#include <sys/poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

#define HEADER   12u /* request, flags, size */
#define MOST     (HEADER + RIG_MAX_PAYLOAD)
#define FRONTEND 0
#define RIG      1

/**
 * struct strict - The reader
 * @fds: our ends towards the front-end and towards the rig
 * @peer: the peer that faults are reported to
 */
struct strict {
	int fds[2];
	struct peer *peer;
	pthread_t thread;
};

union ancillary {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(RIG_MAX_FDS * sizeof(int))];
};

/* The first byte, with whatever comes along; @msg keeps it for the rig. */
static ssize_t read_first(int fd, struct msghdr *msg, union ancillary *control, struct iovec *iov)
{
	msg->msg_iov = iov;
	msg->msg_iovlen = 1;
	msg->msg_control = control->bytes;
	msg->msg_controllen = sizeof(control->bytes);
	iov->iov_len = 1;
	return recvmsg(fd, msg, MSG_CMSG_CLOEXEC);
}

static void close_all(struct msghdr *msg)
{
	struct cmsghdr *cmsg;
	size_t i;
	int fd;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		for (i = 0; CMSG_LEN((i + 1) * sizeof(int)) <= cmsg->cmsg_len; i++) {
			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(fd));
			close(fd);
		}
	}
}

/* What is there now, with one call: less than all of it is a fault. */
static bool read_rest(struct strict *strict, uint8_t *at, size_t len, const char *fault)
{
	if (!len || recv(strict->fds[FRONTEND], at, len, MSG_DONTWAIT) == (ssize_t)len)
		return true;
	peer_complain(strict->peer, fault);
	return false;
}

static bool pass_message(struct strict *strict)
{
	uint8_t bytes[MOST];
	union ancillary control;
	struct iovec iov = {.iov_base = bytes};
	struct msghdr msg = {.msg_flags = 0};
	uint32_t size = 0;
	bool ok;

	if (read_first(strict->fds[FRONTEND], &msg, &control, &iov) != 1)
		return false;
	ok = read_rest(strict, bytes + 1, HEADER - 1, "a header came in pieces");
	if (ok)
		memcpy(&size, bytes + 8, sizeof(size));
	if (ok && size > RIG_MAX_PAYLOAD) {
		peer_complain(strict->peer, "a payload is larger than any message's");
		ok = false;
	}
	ok = ok && read_rest(strict, bytes + HEADER, size, "a payload came after its header");
	iov.iov_len = HEADER + size;
	if (!msg.msg_controllen)
		msg.msg_control = NULL;
	if (ok)
		ok = sendmsg(strict->fds[RIG], &msg, MSG_NOSIGNAL) == (ssize_t)iov.iov_len;
	close_all(&msg);
	return ok;
}

static bool pass_answer(struct strict *strict)
{
	uint8_t bytes[MOST];
	ssize_t n = recv(strict->fds[RIG], bytes, sizeof(bytes), 0);

	return n > 0 && send(strict->fds[FRONTEND], bytes, (size_t)n, MSG_NOSIGNAL) == n;
}

/* Until either side hangs up, or the front-end has made a mistake. */
static void *run(void *ctx)
{
	struct strict *strict = ctx;
	bool ok = true;

	while (ok) {
		struct pollfd fds[2] = {{.fd = strict->fds[FRONTEND], .events = POLLIN},
					{.fd = strict->fds[RIG], .events = POLLIN}};

		poll(fds, 2, -1);
		if (fds[FRONTEND].revents)
			ok = pass_message(strict);
		if (ok && fds[RIG].revents)
			ok = pass_answer(strict);
	}
	shutdown(strict->fds[FRONTEND], SHUT_RDWR);
	shutdown(strict->fds[RIG], SHUT_RDWR);
	return NULL;
}

struct strict *strict_start(struct peer *peer, int *frontend)
{
	struct strict *strict = calloc(1, sizeof(*strict));
	int pair[2];

	assert_non_null(strict);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	strict->peer = peer;
	strict->fds[FRONTEND] = pair[0];
	strict->fds[RIG] = rig_socket(peer->rig);
	rig_taken(peer->rig);
	assert_int_equal(pthread_create(&strict->thread, NULL, run, strict), 0);
	*frontend = pair[1];
	return strict;
}

void strict_stop(struct strict *strict)
{
	pthread_join(strict->thread, NULL);
	close(strict->fds[FRONTEND]);
	close(strict->fds[RIG]);
	free(strict);
}
