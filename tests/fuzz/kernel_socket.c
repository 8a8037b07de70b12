/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel in memory: Unix stream sockets, and descriptors that go through them. */
#include "kernel_parts.h"

void kernel_pair(int pair[2])
{
	struct object *a = kernel_object(SOCKET);
	struct object *b;

	pair[0] = kernel_fd(a);
	b = kernel_object(SOCKET);
	pair[1] = kernel_fd(b);
	a->peer = b;
	b->peer = a;
}

int __wrap_socketpair(int domain, int type, int protocol, int pair[2])
{
	if (!k.on)
		return __real_socketpair(domain, type, protocol, pair);
	kernel_pair(pair);
	return 0;
}

int __wrap_socket(int domain, int type, int protocol)
{
	return k.on ? kernel_fd(kernel_object(SOCKET)) : __real_socket(domain, type, protocol);
}

int __wrap_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct object *other;
	int err;
	int end;

	if (!is_ours(fd))
		return __real_connect(fd, addr, len);
	other = kernel_object(SOCKET);
	end = kernel_fd(other);
	other->peer = object_of(fd);
	object_of(fd)->peer = other;
	err = k.hooks.connect ? k.hooks.connect(end) : -ECONNREFUSED;
	if (!err)
		return 0;
	__wrap_close(end);
	return fail(-err);
}

int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
	if (!is_ours(fd))
		return __real_getsockopt(fd, level, option, value, len);
	if (object_of(fd)->kind != SOCKET)
		return fail(ENOTSOCK);
	*(int *)value = option == SO_DOMAIN ? AF_UNIX : SOCK_STREAM;
	return 0;
}

int __wrap_shutdown(int fd, int how)
{
	struct object *object;

	if (!is_ours(fd))
		return __real_shutdown(fd, how);
	object = object_of(fd);
	object->shut = true;
	if (object->peer)
		object->peer->shut = true;
	return 0;
}

/* A parcel that finds no room is lost; the program sends nothing like that many. */
static void send_fds(struct inbox *to, const struct msghdr *msg)
{
	const struct cmsghdr *cmsg = msg->msg_controllen ? CMSG_FIRSTHDR(msg) : NULL;
	struct parcel *parcel = &to->parcels[to->nparcels];
	unsigned count;
	unsigned i;
	int fd;

	if (!cmsg || to->nparcels == PARCELS)
		return;
	count = (unsigned)((cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	MUST(count <= PARCEL);
	parcel->at = to->first + to->len;
	parcel->count = count;
	for (i = 0; i < count; i++) {
		memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(fd), sizeof(fd));
		MUST(object_of(fd) || !is_ours(fd));
		/* A file of libc's arrives as nothing much: its content is not looked at. */
		parcel->objects[i] = object_of(fd) ? object_of(fd) : kernel_object(EVENT);
		parcel->objects[i]->refs++;
	}
	to->nparcels++;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct object *object = object_of(fd);
	struct inbox *to;
	ssize_t sent = 0;
	size_t i;

	if (!is_ours(fd))
		return __real_sendmsg(fd, msg, flags);
	if (!object->peer || object->shut)
		return fail(EPIPE);
	to = object->peer->inbox;
	if (to->len == ROOM)
		return fail(EAGAIN);
	send_fds(to, msg);
	for (i = 0; i < msg->msg_iovlen; i++) {
		size_t len = msg->msg_iov[i].iov_len;

		if (len > ROOM - to->len)
			len = ROOM - to->len;
		if (len)
			memcpy(to->bytes + to->len, msg->msg_iov[i].iov_base, len);
		to->len += len;
		sent += (ssize_t)len;
	}
	kernel_turn();
	return sent;
}

ssize_t __wrap_send(int fd, const void *buf, size_t len, int flags)
{
	struct iovec iov = {(void *)(uintptr_t)buf, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	return is_ours(fd) ? __wrap_sendmsg(fd, &msg, flags) : __real_send(fd, buf, len, flags);
}

/* The descriptors that come with the next byte. */
static void receive_fds(struct inbox *from, struct msghdr *msg)
{
	struct parcel parcel = from->parcels[0];
	size_t room = msg->msg_controllen < CMSG_LEN(0) ? 0 : msg->msg_controllen - CMSG_LEN(0);
	struct cmsghdr *cmsg = room ? CMSG_FIRSTHDR(msg) : NULL;
	unsigned count = 0;
	unsigned i;
	int fd;

	memmove(from->parcels, from->parcels + 1, --from->nparcels * sizeof(parcel));
	for (i = 0; i < parcel.count; i++) {
		if (cmsg && (count + 1) * sizeof(fd) <= room) {
			fd = kernel_fd(parcel.objects[i]);
			memcpy(CMSG_DATA(cmsg) + count++ * sizeof(fd), &fd, sizeof(fd));
		} else {
			msg->msg_flags |= MSG_CTRUNC;
		}
		kernel_drop(parcel.objects[i]);
	}
	msg->msg_controllen = count ? CMSG_SPACE(count * sizeof(fd)) : 0;
	if (!count)
		return;
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(count * sizeof(fd));
}

/* A read ends before the next descriptors, so that they come with their own byte. */
static size_t readable(const struct inbox *from)
{
	unsigned i;

	for (i = 0; i < from->nparcels; i++) {
		if (from->parcels[i].at > from->first)
			return (size_t)(from->parcels[i].at - from->first);
	}
	return from->len;
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct object *object = object_of(fd);
	struct inbox *from;
	size_t n = 0;
	size_t most;
	size_t i;

	if (!is_ours(fd))
		return __real_recvmsg(fd, msg, flags);
	from = object->inbox;
	msg->msg_flags = 0;
	if (!from->len && !is_over(object))
		return fail(EAGAIN);
	if (!from->len) {
		msg->msg_controllen = 0;
		return 0;
	}
	most = readable(from);
	for (i = 0; i < msg->msg_iovlen && n < most; i++) {
		size_t len = msg->msg_iov[i].iov_len;

		if (len > most - n)
			len = most - n;
		if (len)
			memcpy(msg->msg_iov[i].iov_base, from->bytes + n, len);
		n += len;
	}
	if (flags & MSG_PEEK)
		return (ssize_t)n;
	if (from->nparcels && from->parcels[0].at == from->first)
		receive_fds(from, msg);
	else
		msg->msg_controllen = 0;
	memmove(from->bytes, from->bytes + n, from->len - n);
	from->len -= n;
	from->first += n;
	return (ssize_t)n;
}

ssize_t __wrap_recv(int fd, void *buf, size_t len, int flags)
{
	struct iovec iov = {buf, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	return is_ours(fd) ? __wrap_recvmsg(fd, &msg, flags) : __real_recv(fd, buf, len, flags);
}
