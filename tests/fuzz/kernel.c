/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel in memory: see kernel.h. Only what the library and vscsi-target use of each call. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"
#include "kernel.h"

#define FIRST   4096 /* number of the first descriptor: out of libc's way */
#define FDS     1024u
#define OBJECTS 1024u
#define ROOM    16384u /* bytes that a socket holds */
#define PARCELS 32u    /* sets of descriptors that a socket holds */
#define PARCEL  16u    /* descriptors in one */
#define MEMBERS 48u    /* of an epoll set */
#define TICK_NS 50000u /* what a look at the clock takes */

enum kind { NONE, SOCKET, EVENT, TIMER, EPOLL, FILE_ };

/* Descriptors on their way, with the byte that they came with: counted from the first one ever. */
struct parcel {
	uint64_t at;
	unsigned count;
	struct object *objects[PARCEL];
};

/* What arrives at a socket. */
struct inbox {
	uint64_t first; /* number of bytes[0] */
	size_t len;
	uint8_t bytes[ROOM];
	unsigned nparcels;
	struct parcel parcels[PARCELS];
};

struct member {
	struct object *object;
	struct epoll_event event;
	bool off; /* EPOLLONESHOT */
};

struct set {
	unsigned count;
	struct member members[MEMBERS];
};

/**
 * struct object - What descriptors are of
 * @refs: descriptors, also those on their way, and mappings
 * @peer: of a socket; NULL: it is closed, or not connected
 * @shut: nothing is sent or received any more
 * @inbox, @set: of a socket and an epoll set; kept from one execution to the next
 * @watched: by how many epoll sets
 * @count: of an eventfd; @due_ns: of a timer, 0: stopped
 * @memory, @len, @own: of a file
 */
struct object {
	enum kind kind;
	unsigned refs;
	struct object *peer;
	bool shut;
	struct inbox *inbox;
	uint64_t count;
	uint64_t due_ns;
	struct set *set;
	unsigned watched;
	uint8_t *memory;
	size_t len;
	bool own;
};

static struct {
	bool on;
	bool turning;
	struct kernel_hooks hooks;
	uint64_t now_ns;
	struct object objects[OBJECTS];
	struct object *fds[FDS];
	unsigned lowest_fd;     /* no descriptor below is free */
	unsigned lowest_object; /* likewise */
	unsigned open;          /* objects in use */
} k;

#define REAL(type, name, ...)            \
	type __real_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__)

REAL(int, socket, int domain, int type, int protocol);
REAL(int, socketpair, int domain, int type, int protocol, int pair[2]);
REAL(int, connect, int fd, const struct sockaddr *addr, socklen_t len);
REAL(int, getsockopt, int fd, int level, int option, void *value, socklen_t *len);
REAL(int, shutdown, int fd, int how);
REAL(int, close, int fd);
REAL(int, dup, int fd);
REAL(int, fcntl64, int fd, int command, ...);
REAL(ssize_t, sendmsg, int fd, const struct msghdr *msg, int flags);
REAL(ssize_t, send, int fd, const void *buf, size_t len, int flags);
REAL(ssize_t, recvmsg, int fd, struct msghdr *msg, int flags);
REAL(ssize_t, recv, int fd, void *buf, size_t len, int flags);
REAL(ssize_t, read, int fd, void *buf, size_t len);
REAL(ssize_t, write, int fd, const void *buf, size_t len);
REAL(int, poll, struct pollfd *fds, nfds_t n, int timeout);
REAL(int, eventfd, unsigned count, int flags);
REAL(int, eventfd_read, int fd, eventfd_t *value);
REAL(int, eventfd_write, int fd, eventfd_t value);
REAL(int, timerfd_create, int clock, int flags);
REAL(int, timerfd_settime, int fd, int flags, const struct itimerspec *when,
     struct itimerspec *old);
REAL(int, epoll_create1, int flags);
REAL(int, epoll_ctl, int set, int op, int fd, struct epoll_event *event);
REAL(int, epoll_wait, int set, struct epoll_event *out, int max, int timeout);
REAL(int, memfd_create, const char *name, unsigned flags);
REAL(int, ftruncate64, int fd, off_t len);
REAL(int, fstat64, int fd, struct stat *st);
REAL(void *, mmap64, void *addr, size_t len, int prot, int flags, int fd, off_t offset);
REAL(int, munmap, void *addr, size_t len);
REAL(int, clock_gettime, clockid_t clock, struct timespec *ts);
REAL(int, nanosleep, const struct timespec *wanted, struct timespec *left);
REAL(int, sched_yield, void);

/* -- objects and descriptors -- */

static int fail(int err)
{
	errno = err;
	return -1;
}

static struct object *object_of(int fd)
{
	return k.on && fd >= FIRST && fd < FIRST + (int)FDS ? k.fds[fd - FIRST] : NULL;
}

/* A number that was ours and is closed must not reach libc: it is a mistake of the program's. */
static bool is_ours(int fd)
{
	MUST(!k.on || fd < FIRST || object_of(fd));
	return object_of(fd);
}

static void make_socket(struct object *object)
{
	if (!object->inbox)
		object->inbox = malloc(sizeof(*object->inbox));
	MUST(object->inbox);
	object->inbox->first = object->inbox->len = 0;
	object->inbox->nparcels = 0;
}

static void make_set(struct object *object)
{
	if (!object->set)
		object->set = malloc(sizeof(*object->set));
	MUST(object->set);
	object->set->count = 0;
}

static struct object *new_object(enum kind kind)
{
	struct object *object;

	while (k.objects[k.lowest_object].kind)
		MUST(++k.lowest_object < OBJECTS);
	object = &k.objects[k.lowest_object];
	*object = (struct object){.kind = kind, .inbox = object->inbox, .set = object->set};
	if (kind == SOCKET)
		make_socket(object);
	if (kind == EPOLL)
		make_set(object);
	k.open++;
	return object;
}

static int new_fd(struct object *object)
{
	while (k.fds[k.lowest_fd])
		MUST(++k.lowest_fd < FDS);
	k.fds[k.lowest_fd] = object;
	object->refs++;
	return FIRST + (int)k.lowest_fd;
}

static void forget_member(struct set *set, unsigned i)
{
	set->members[i].object->watched--;
	set->members[i] = set->members[--set->count];
}

static void leave_sets(const struct object *object)
{
	struct object *set;
	unsigned i;

	for (set = k.objects; object->watched; set++) {
		for (i = set->kind == EPOLL ? set->set->count : 0; i-- > 0;) {
			if (set->set->members[i].object == object)
				forget_member(set->set, i);
		}
	}
}

static void drop(struct object *object);

static void drop_parcel(struct parcel *parcel)
{
	unsigned i;

	for (i = 0; i < parcel->count; i++)
		drop(parcel->objects[i]);
}

static void drop(struct object *object)
{
	unsigned i;

	MUST(object->refs);
	if (--object->refs)
		return;
	leave_sets(object);
	for (i = 0; object->kind == SOCKET && i < object->inbox->nparcels; i++)
		drop_parcel(&object->inbox->parcels[i]);
	if (object->peer)
		object->peer->peer = NULL;
	while (object->kind == EPOLL && object->set->count)
		forget_member(object->set, 0);
	if (object->own)
		free(object->memory);
	object->kind = NONE;
	if (object - k.objects < k.lowest_object)
		k.lowest_object = (unsigned)(object - k.objects);
	k.open--;
}

static void turn(void)
{
	if (k.turning || !k.hooks.turn)
		return;
	k.turning = true;
	k.hooks.turn();
	k.turning = false;
}

void kernel_begin(const struct kernel_hooks *hooks)
{
	k.hooks = *hooks;
	k.now_ns = UINT64_C(1000000000);
	k.on = true;
}

void kernel_end(void)
{
	MUST(!k.open);
	k.lowest_fd = k.lowest_object = 0;
	k.on = false;
}

int __wrap_close(int fd)
{
	struct object *object;

	if (!is_ours(fd))
		return __real_close(fd);
	object = object_of(fd);
	k.fds[fd - FIRST] = NULL;
	if ((unsigned)(fd - FIRST) < k.lowest_fd)
		k.lowest_fd = (unsigned)(fd - FIRST);
	drop(object);
	return 0;
}

int __wrap_dup(int fd)
{
	return is_ours(fd) ? new_fd(object_of(fd)) : __real_dup(fd);
}

int __wrap_fcntl64(int fd, int command, ...)
{
	va_list args;
	long arg;

	va_start(args, command);
	arg = va_arg(args, long);
	va_end(args);
	if (!is_ours(fd))
		return __real_fcntl64(fd, command, arg);
	if (command == F_DUPFD_CLOEXEC)
		return new_fd(object_of(fd));
	return 0;
}

/* -- time -- */

void kernel_sleep_ms(unsigned ms)
{
	k.now_ns += ms * UINT64_C(1000000);
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	if (!k.on)
		return __real_clock_gettime(clock, ts);
	k.now_ns += TICK_NS;
	*ts = (struct timespec){(time_t)(k.now_ns / 1000000000), (long)(k.now_ns % 1000000000)};
	return 0;
}

/* Who yields or sleeps waits for something: the longer it does, the sooner its time is over. */
int __wrap_nanosleep(const struct timespec *wanted, struct timespec *left)
{
	if (!k.on)
		return __real_nanosleep(wanted, left);
	turn();
	kernel_sleep_ms(10);
	return 0;
}

int __wrap_sched_yield(void)
{
	if (!k.on)
		return __real_sched_yield();
	turn();
	kernel_sleep_ms(1);
	return 0;
}

/* -- sockets -- */

void kernel_pair(int pair[2])
{
	struct object *a = new_object(SOCKET);
	struct object *b;

	pair[0] = new_fd(a);
	b = new_object(SOCKET);
	pair[1] = new_fd(b);
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
	return k.on ? new_fd(new_object(SOCKET)) : __real_socket(domain, type, protocol);
}

int __wrap_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct object *other;
	int err;
	int end;

	if (!is_ours(fd))
		return __real_connect(fd, addr, len);
	other = new_object(SOCKET);
	end = new_fd(other);
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
		parcel->objects[i] = object_of(fd) ? object_of(fd) : new_object(EVENT);
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
	turn();
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
			fd = new_fd(parcel.objects[i]);
			memcpy(CMSG_DATA(cmsg) + count++ * sizeof(fd), &fd, sizeof(fd));
		} else {
			msg->msg_flags |= MSG_CTRUNC;
		}
		drop(parcel.objects[i]);
	}
	msg->msg_controllen = count ? CMSG_SPACE(count * sizeof(fd)) : 0;
	if (!count)
		return;
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(count * sizeof(fd));
}

static bool is_over(const struct object *object)
{
	return object->shut || !object->peer;
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
	if (!from->len)
		return is_over(object) ? 0 : fail(EAGAIN);
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

/* -- eventfds, timers and waiting for them -- */

int __wrap_eventfd(unsigned count, int flags)
{
	struct object *object;

	if (!k.on)
		return __real_eventfd(count, flags);
	object = new_object(EVENT);
	object->count = count;
	return new_fd(object);
}

int __wrap_eventfd_write(int fd, eventfd_t value)
{
	struct object *object = object_of(fd);

	if (!is_ours(fd))
		return __real_eventfd_write(fd, value);
	if (object->kind == EVENT)
		object->count += value;
	turn();
	return 0;
}

int __wrap_eventfd_read(int fd, eventfd_t *value)
{
	if (!is_ours(fd))
		return __real_eventfd_read(fd, value);
	return __wrap_read(fd, value, sizeof(*value)) == sizeof(*value) ? 0 : -1;
}

static bool is_ready(const struct object *object)
{
	unsigned i;

	switch (object->kind) {
	case SOCKET:
		return object->inbox->len || is_over(object);
	case EVENT:
		return object->count;
	case TIMER:
		return object->due_ns && object->due_ns <= k.now_ns;
	case EPOLL:
		for (i = 0; i < object->set->count; i++) {
			if (!object->set->members[i].off &&
			    is_ready(object->set->members[i].object))
				return true;
		}
		return false;
	default:
		return true;
	}
}

ssize_t __wrap_read(int fd, void *buf, size_t len)
{
	struct object *object = object_of(fd);
	uint64_t value;

	if (!is_ours(fd))
		return __real_read(fd, buf, len);
	if (object->kind == SOCKET)
		return __wrap_recv(fd, buf, len, 0);
	if (object->kind != EVENT && object->kind != TIMER)
		return fail(EINVAL);
	if (len < sizeof(value) || !is_ready(object))
		return fail(len < sizeof(value) ? EINVAL : EAGAIN);
	value = object->kind == EVENT ? object->count : 1;
	object->count = object->due_ns = 0;
	memcpy(buf, &value, sizeof(value));
	return sizeof(value);
}

ssize_t __wrap_write(int fd, const void *buf, size_t len)
{
	uint64_t value;

	if (!is_ours(fd))
		return __real_write(fd, buf, len);
	if (object_of(fd)->kind == SOCKET)
		return __wrap_send(fd, buf, len, 0);
	if (object_of(fd)->kind != EVENT || len < sizeof(value))
		return fail(EINVAL);
	memcpy(&value, buf, sizeof(value));
	return __wrap_eventfd_write(fd, value) ? -1 : (ssize_t)sizeof(value);
}

int __wrap_timerfd_create(int clock, int flags)
{
	return k.on ? new_fd(new_object(TIMER)) : __real_timerfd_create(clock, flags);
}

int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *old)
{
	uint64_t ns =
		(uint64_t)when->it_value.tv_sec * 1000000000 + (uint64_t)when->it_value.tv_nsec;

	if (!is_ours(fd))
		return __real_timerfd_settime(fd, flags, when, old);
	object_of(fd)->due_ns = ns ? k.now_ns + ns : 0;
	return 0;
}

static int look(struct pollfd *fds, nfds_t n)
{
	int ready = 0;
	nfds_t i;

	for (i = 0; i < n; i++) {
		const struct object *object = object_of(fds[i].fd);

		fds[i].revents = 0;
		if (object && (is_ready(object) || fds[i].events & POLLOUT))
			fds[i].revents = fds[i].events;
		ready += fds[i].revents != 0;
	}
	return ready;
}

/* What isn't there after one turn of the other side won't come by itself: the time is over. */
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	int ready;

	if (!k.on)
		return __real_poll(fds, n, timeout);
	ready = look(fds, n);
	if (ready || !timeout)
		return ready;
	turn();
	ready = look(fds, n);
	MUST(ready || timeout > 0);
	if (!ready)
		kernel_sleep_ms((unsigned)timeout);
	return ready;
}

int __wrap_epoll_create1(int flags)
{
	return k.on ? new_fd(new_object(EPOLL)) : __real_epoll_create1(flags);
}

int __wrap_epoll_ctl(int fd, int op, int member, struct epoll_event *event)
{
	struct object *object = object_of(member);
	struct set *set;
	unsigned at = 0;

	if (!is_ours(fd))
		return __real_epoll_ctl(fd, op, member, event);
	MUST(is_ours(member));
	set = object_of(fd)->set;
	while (at < set->count && set->members[at].object != object)
		at++;
	if ((op == EPOLL_CTL_ADD) == (at < set->count))
		return fail(op == EPOLL_CTL_ADD ? EEXIST : ENOENT);
	if (op == EPOLL_CTL_DEL) {
		forget_member(set, at);
		return 0;
	}
	if (op == EPOLL_CTL_ADD)
		MUST(set->count++ < MEMBERS);
	object->watched += op == EPOLL_CTL_ADD;
	set->members[at] = (struct member){object, *event, false};
	return 0;
}

/* Never waits: who could wait asks the set itself by poll(). */
int __wrap_epoll_wait(int fd, struct epoll_event *out, int max, int timeout)
{
	struct set *set;
	int count = 0;
	unsigned i;

	if (!is_ours(fd))
		return __real_epoll_wait(fd, out, max, timeout);
	set = object_of(fd)->set;
	for (i = 0; i < set->count && count < max; i++) {
		struct member *member = &set->members[i];

		if (member->off || !is_ready(member->object))
			continue;
		out[count++] = member->event;
		member->off = member->event.events & EPOLLONESHOT;
	}
	return count;
}

/* -- files -- */

int kernel_file(void *memory, size_t len)
{
	struct object *object = new_object(FILE_);

	object->memory = memory;
	object->len = len;
	return new_fd(object);
}

int __wrap_memfd_create(const char *name, unsigned flags)
{
	return k.on ? kernel_file(NULL, 0) : __real_memfd_create(name, flags);
}

static void fill(struct object *object, size_t len)
{
	object->len = len;
	object->memory = aligned_alloc(4096, (len + 4095) & ~(size_t)4095);
	object->own = true;
	MUST(object->memory);
	memset(object->memory, 0, len);
}

/* Once, and not to sizes that would be another limit's business. */
int __wrap_ftruncate64(int fd, off_t len)
{
	struct object *object = object_of(fd);

	if (!is_ours(fd))
		return __real_ftruncate64(fd, len);
	if (object->kind != FILE_ || object->memory || len <= 0 || len > 16 << 20)
		return fail(EINVAL);
	fill(object, (size_t)len);
	return 0;
}

int __wrap_fstat64(int fd, struct stat *st)
{
	if (!is_ours(fd))
		return __real_fstat64(fd, st);
	memset(st, 0, sizeof(*st));
	st->st_mode = object_of(fd)->kind == FILE_ ? S_IFREG : 0;
	st->st_size = (off_t)object_of(fd)->len;
	return 0;
}

static void *anonymous(size_t len)
{
	struct object *object = new_object(FILE_);

	fill(object, len);
	object->refs++;
	return object->memory;
}

void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	struct object *object = object_of(fd);

	if (k.on && flags & MAP_ANONYMOUS)
		return anonymous(len);
	if (!is_ours(fd))
		return __real_mmap64(addr, len, prot, flags, fd, offset);
	if (object->kind != FILE_ || offset < 0 || (size_t)offset > object->len || !len ||
	    len > ((object->len + 4095) & ~(size_t)4095) - (size_t)offset) {
		errno = ENODEV;
		return MAP_FAILED;
	}
	object->refs++;
	return object->memory + offset;
}

int __wrap_munmap(void *addr, size_t len)
{
	unsigned i;

	for (i = 0; k.on && i < OBJECTS; i++) {
		struct object *object = &k.objects[i];

		if (object->kind == FILE_ && (uint8_t *)addr >= object->memory &&
		    (uint8_t *)addr < object->memory + object->len) {
			drop(object);
			return 0;
		}
	}
	return __real_munmap(addr, len);
}
