/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers, and what may be wrong with them. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vfio_user/message.h"

static void send_bytes(struct server *s, const void *bytes, size_t len, const int *fds,
		       unsigned nfds)
{
	struct iovec iov = {(void *)(uintptr_t)bytes, len};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(MAX_FDS * sizeof(int))];
	} control = {.bytes = {0}};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;

	if (nfds) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	}
	sendmsg(s->fd, &msg, MSG_NOSIGNAL);
}

/* Whether it is this message's turn. */
static unsigned take_fault(struct server *s, unsigned command)
{
	unsigned wanted = __atomic_load_n(&s->fault_command, __ATOMIC_SEQ_CST);
	unsigned fault = __atomic_load_n(&s->fault, __ATOMIC_SEQ_CST);

	if (!fault || (wanted && wanted != command))
		return SERVER_GOOD;
	if (s->fault_skip) {
		s->fault_skip--;
		return SERVER_GOOD;
	}
	__atomic_store_n(&s->fault, SERVER_GOOD, __ATOMIC_SEQ_CST);
	return fault;
}

static void make_error(struct exchange *x, int error, bool body)
{
	x->m.flags |= 0x20;
	x->m.error = (uint32_t)error;
	if (!body)
		x->len = 0;
}

/* Changes an answer, which has a header without a size yet. Return: bytes to be sent of it. */
static size_t spoil(struct exchange *x, unsigned fault)
{
	switch (fault) {
	case SERVER_SHORT:
		x->len = x->len > 4 ? x->len - 4 : 0;
		break;
	case SERVER_LONG:
		memset(x->m.body + x->len, 0xa5, 40);
		x->len += 40;
		break;
	case SERVER_ERROR:
	case SERVER_ERROR_BODY:
	case SERVER_ERROR_ZERO:
		make_error(x, fault == SERVER_ERROR_ZERO ? 0 : EPERM, fault == SERVER_ERROR_BODY);
		break;
	case SERVER_WRONG_ID:
		x->m.id++;
		break;
	case SERVER_WRONG_COMMAND:
		x->m.command ^= 1;
		break;
	case SERVER_WRONG_PLACE:
		x->m.body[x->m.command == SERVER_REGION_INFO ? 8 : 0] ^= 4;
		break;
	case SERVER_REQUEST:
		x->m.flags = 0;
		break;
	case SERVER_FD:
		x->fds[x->nfds++] = dup(0);
		break;
	case SERVER_MANY_FDS:
		while (x->nfds < 20)
			x->fds[x->nfds++] = dup(0);
		break;
	}
	x->m.size = fault == SERVER_TINY ? 8 : fault == SERVER_HUGE ? UINT32_MAX : HEAD + x->len;
	return fault == SERVER_HALF_HEAD   ? 7
	       : fault == SERVER_HALF_BODY ? HEAD + x->len - 1
					   : HEAD + x->len;
}

void server_reply(struct server *s, struct exchange *x, int error)
{
	unsigned fault = take_fault(s, x->m.command);
	size_t len;
	size_t i;

	x->m.flags = 1;
	x->m.error = 0;
	if (error)
		make_error(x, error, s->habits & SERVER_ECHOES);
	if (__atomic_load_n(&s->gated, __ATOMIC_SEQ_CST))
		sem_wait(&s->gate);
	if (fault == SERVER_SILENT)
		s->silent = true;
	if (fault == SERVER_HANGS_UP)
		shutdown(s->fd, SHUT_RDWR);
	if (s->silent || fault == SERVER_HANGS_UP)
		return;
	len = spoil(x, fault);
	message_turn(&x->m);
	if (fault == SERVER_PIECES) {
		for (i = 0; i < len; i++)
			send_bytes(s, (char *)&x->m + i, 1, NULL, 0);
		return;
	}
	send_bytes(s, &x->m, len, x->fds, x->nfds);
	if (fault == SERVER_TWICE)
		send_bytes(s, &x->m, len, NULL, 0);
	if (fault == SERVER_HALF_HEAD || fault == SERVER_HALF_BODY)
		s->silent = true;
}
