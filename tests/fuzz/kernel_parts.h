/* SPDX-License-Identifier: BSD-3-Clause */
/* What kernel.c, kernel_socket.c and kernel_wait.c share. */
#ifndef TESTS_FUZZ_KERNEL_PARTS_H
#define TESTS_FUZZ_KERNEL_PARTS_H

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
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

struct kernel {
	bool on;
	bool turning;
	struct kernel_hooks hooks;
	uint64_t now_ns;
	struct object objects[OBJECTS];
	struct object *fds[FDS];
	unsigned lowest_fd;     /* no descriptor below is free */
	unsigned lowest_object; /* likewise */
	unsigned open;          /* objects in use */
};

extern struct kernel k;

/* The call as libc has it, and as it is here. */
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
REAL(int, fd_take, int fd);
REAL(int, timerfd_create, int clock, int flags);
REAL(int, timerfd_settime, int fd, int flags, const struct itimerspec *when,
     struct itimerspec *old);
REAL(int, epoll_create1, int flags);
REAL(int, epoll_ctl, int fd, int op, int member, struct epoll_event *event);
REAL(int, epoll_wait, int set, struct epoll_event *out, int max, int timeout);
REAL(int, memfd_create, const char *name, unsigned flags);
REAL(int, ftruncate64, int fd, off_t len);
REAL(int, fstat64, int fd, struct stat *st);
REAL(void *, mmap64, void *addr, size_t len, int prot, int flags, int fd, off_t offset);
REAL(int, munmap, void *addr, size_t len);
REAL(int, clock_gettime, clockid_t clock, struct timespec *ts);
REAL(int, nanosleep, const struct timespec *wanted, struct timespec *left);
REAL(int, sched_yield, void);

static inline int fail(int err)
{
	errno = err;
	return -1;
}

static inline struct object *object_of(int fd)
{
	return k.on && fd >= FIRST && fd < FIRST + (int)FDS ? k.fds[fd - FIRST] : NULL;
}

/* A number that was ours and is closed must not reach libc: it is a mistake of the program's. */
static inline bool is_ours(int fd)
{
	MUST(!k.on || fd < FIRST || object_of(fd));
	return object_of(fd);
}

/* Nothing more comes to a socket than what is there. */
static inline bool is_over(const struct object *object)
{
	return object->shut || !object->peer;
}

/* Makes an object, a descriptor of one, and lets one of its references go. */
struct object *kernel_object(enum kind kind);
int kernel_fd(struct object *object);
void kernel_drop(struct object *object);

/* Takes a member out of an epoll set. */
void kernel_forget_member(struct set *set, unsigned i);

/* Lets the other side do something. */
void kernel_turn(void);

#endif
