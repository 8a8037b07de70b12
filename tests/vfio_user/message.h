/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the server share: a message on its way. Not for tests. */
#ifndef TESTS_VFIO_USER_MESSAGE_H
#define TESTS_VFIO_USER_MESSAGE_H

#include <endian.h>
#include <stddef.h>

#include "vfio_user/server.h"

#define HEAD     16u
#define MAX_BODY 2048u
#define MAX_FDS  32u

struct message {
	uint16_t id;
	uint16_t command;
	uint32_t size;
	uint32_t flags;
	uint32_t error;
	uint8_t body[MAX_BODY];
};

/* Between the byte order of this machine and that of the protocol, little-endian. */
static inline void message_turn(struct message *m)
{
	m->id = htole16(m->id);
	m->command = htole16(m->command);
	m->size = htole32(m->size);
	m->flags = htole32(m->flags);
	m->error = htole32(m->error);
}

/* A message, as received or to be sent: bytes of its body, and descriptors. */
struct exchange {
	struct message m;
	uint32_t len;
	int fds[MAX_FDS];
	unsigned nfds;
};

/* Makes an answer of the request. @error receives its errno. Return: false: there is none. */
bool server_handle(struct server *s, struct exchange *x, int *error);

/* Sends an answer, with whatever the test wants to be wrong with it. */
void server_reply(struct server *s, struct exchange *x, int error);

#endif
