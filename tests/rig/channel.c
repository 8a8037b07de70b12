/* SPDX-License-Identifier: BSD-3-Clause */
/* The back-end's end of its own channel, driven by the test. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig/internal.h"

/* The lock is not held while the channel is used: the rig's thread may need it to go on. */
static int channel_of(struct rig *rig)
{
	int fd;

	rig_lock(rig);
	fd = rig->channel;
	rig_unlock(rig);
	return fd;
}

bool rig_has_channel(struct rig *rig)
{
	return channel_of(rig) >= 0;
}

void rig_channel_send(struct rig *rig, uint32_t request, uint32_t flags, uint32_t size,
		      const void *payload, size_t len, unsigned nfds)
{
	struct header head = {request, flags, size};
	uint8_t bytes[sizeof(head) + RIG_MAX_PAYLOAD];

	memcpy(bytes, &head, sizeof(head));
	if (len)
		memcpy(bytes + sizeof(head), payload, len);
	wire_write(channel_of(rig), bytes, sizeof(head) + len, nfds, 0, false);
	/* The rig's thread closes the channel when the connection ends: after this. */
	rig_lock(rig);
	rig_unlock(rig);
}

static bool readable(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, timeout_ms) == 1;
}

bool rig_channel_answer(struct rig *rig, uint32_t request, uint64_t *result, int timeout_ms)
{
	struct message m = {.nfds = 0};
	int fd = channel_of(rig);

	if (!readable(fd, timeout_ms))
		return false;
	if (!wire_read_head(fd, &m, sizeof(m.head)) || m.head.size != sizeof(*result) ||
	    !wire_read_payload(fd, &m, m.head.size))
		return false;
	if (m.head.request != request || m.head.flags != (RIG_VERSION | RIG_REPLY) || m.nfds)
		rig_violate(rig, "answer %u with flags 0x%x and %u descriptors on the channel",
			    m.head.request, m.head.flags, m.nfds);
	memcpy(result, m.payload, sizeof(*result));
	wire_close_fds(&m);
	return true;
}

/* Its end shows as something to read that is nothing. */
bool rig_channel_gone(struct rig *rig, int timeout_ms)
{
	int fd = channel_of(rig);
	char byte;

	return readable(fd, timeout_ms) && recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}
