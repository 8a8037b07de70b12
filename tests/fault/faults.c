/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of all faults. Each errno is one that the call can return where it is used, according
 * to its manual page.
 */
#include <errno.h>
#include <stddef.h>

#include "fault.h"

#define FAULT(which, how_, errno_, want_, may_succeed_, disconnects_)                          \
	{                                                                                      \
		.call = CALL_##which, .name = #which, .how = (how_), .err = (errno_),          \
		.want = (want_), .may_succeed = (may_succeed_), .disconnects = (disconnects_), \
		.permanent = false,                                                            \
	}

/* The library returns the errno. */
#define REPORTED(which, errno_) FAULT(which, FAILS, errno_, errno_, false, false)

/* Likewise, and all later calls fail too, including those during cleanup. */
#define PERMANENT(which, errno_)                                                               \
	{                                                                                      \
		.call = CALL_##which, .name = #which " permanently", .how = FAILS,             \
		.err = (errno_), .want = (errno_), .may_succeed = false, .disconnects = false, \
		.permanent = true,                                                             \
	}

/* The library returns a different errno. */
#define MAPPED(which, errno_, want_) FAULT(which, FAILS, errno_, want_, false, false)

/* The library returns the errno, or uses a fallback. */
#define MAYBE(which, errno_) FAULT(which, FAILS, errno_, errno_, true, false)

/* The connection is lost. */
#define FATAL(which, errno_, want_) FAULT(which, FAILS, errno_, want_, false, true)

/* The library succeeds. */
#define HARMLESS(which, how_, errno_) FAULT(which, how_, errno_, 0, false, false)

const struct fault faults[] = {
	REPORTED(MALLOC, ENOMEM),
	REPORTED(CALLOC, ENOMEM),
	REPORTED(REALLOC, ENOMEM),
	REPORTED(ALIGNED_ALLOC, ENOMEM),
	PERMANENT(MALLOC, ENOMEM),
	PERMANENT(CALLOC, ENOMEM),
	PERMANENT(REALLOC, ENOMEM),
	PERMANENT(EVENTFD, EMFILE),
	PERMANENT(EPOLL_CREATE, EMFILE),
	/* Without hugepages, ordinary pages are used if that is allowed. */
	REPORTED(MEMFD_CREATE, EMFILE),
	MAYBE(MEMFD_CREATE, ENOMEM),
	REPORTED(FTRUNCATE, EFBIG),
	MAYBE(FALLOCATE, ENOSPC),
	HARMLESS(FALLOCATE, FAILS, EINTR),
	MAYBE(MMAP, ENOMEM),
	REPORTED(MMAP, EAGAIN),
	REPORTED(MADVISE, EAGAIN),
	HARMLESS(MADVISE_POPULATE, FAILS, EINVAL),
	/* Unmapped memory is the caller's error. */
	MAPPED(MSYNC, ENOMEM, EINVAL),
	REPORTED(FCNTL, EMFILE),
	REPORTED(FSTAT, ENOMEM),
	REPORTED(FSTATFS, EIO),
	/* A number in an error text, which is omitted; or what is mapped, needed to register. */
	MAYBE(FDOPEN, ENOMEM),
	HARMLESS(CLOSE, FAILS_LATE, EINTR),
	HARMLESS(CLOSE, FAILS_LATE, EIO),
	/* VFIO: many things may be missing, each with its own errno. */
	MAYBE(OPEN, EMFILE),
	MAYBE(ACCESS, ENOMEM),
	MAYBE(READLINK, ENOMEM),
	MAYBE(OPENDIR, EMFILE),
	MAYBE(READDIR, EIO),
	MAYBE(IOCTL, EIO),
	MAYBE(IOCTL, ENOMEM),
	MAYBE(PREAD, EIO),
	MAYBE(PWRITE, EIO),
	REPORTED(SOCKET, EMFILE),
	REPORTED(SOCKETPAIR, ENFILE),
	REPORTED(CONNECT, ECONNREFUSED),
	/* The backlog is full; there is room at the next attempt. */
	HARMLESS(CONNECT, FAILS, EAGAIN),
	HARMLESS(CONNECT, FAILS, EINTR),
	/* A descriptor that can't be queried is not a socket. */
	MAPPED(GETSOCKOPT, ENOBUFS, EINVAL),
	HARMLESS(SHUTDOWN, FAILS_LATE, ENOTCONN),
	FATAL(SENDMSG, EPIPE, ENOTCONN),
	FATAL(SENDMSG, ECONNRESET, ENOTCONN),
	FATAL(SENDMSG, ENOBUFS, ENOBUFS),
	FATAL(SENDMSG, ETOOMANYREFS, ETOOMANYREFS),
	HARMLESS(SENDMSG, FAILS, EINTR),
	HARMLESS(SENDMSG, FAILS, EAGAIN),
	HARMLESS(SENDMSG, IS_SHORT, 0),
	FATAL(RECV, ECONNRESET, ENOTCONN),
	HARMLESS(RECV, FAILS, EINTR),
	HARMLESS(RECV, FAILS, EAGAIN),
	FATAL(RECVMSG, ECONNRESET, ENOTCONN),
	FATAL(RECVMSG, ENOMEM, ENOMEM),
	HARMLESS(RECVMSG, FAILS, EINTR),
	HARMLESS(RECVMSG, FAILS, EAGAIN),
	HARMLESS(RECVMSG, IS_SHORT, 0),
	/* Replies on the back-end channel: on failure only the channel is closed. */
	HARMLESS(SEND, FAILS, EPIPE),
	FATAL(POLL, ENOMEM, ENOMEM),
	HARMLESS(POLL, FAILS, EINTR),
	REPORTED(EVENTFD, EMFILE),
	REPORTED(EVENTFD, ENFILE),
	REPORTED(EVENTFD, ENOMEM),
	HARMLESS(EVENTFD_READ, FAILS, EAGAIN),
	/* A full counter already wakes the reader. */
	HARMLESS(EVENTFD_WRITE, FAILS_LATE, EAGAIN),
	HARMLESS(READ, FAILS, EAGAIN),
	HARMLESS(READ, FAILS, EINTR),
	REPORTED(EPOLL_CREATE, EMFILE),
	REPORTED(EPOLL_CTL, ENOSPC),
	REPORTED(EPOLL_CTL, ENOMEM),
	REPORTED(TIMERFD, EMFILE),
	REPORTED(TIMERFD, ENOMEM),
	REPORTED(ATFORK, ENOMEM),
	HARMLESS(EPOLL_WAIT, FAILS, EINTR),
	HARMLESS(AFFINITY, FAILS, EINVAL),
	HARMLESS(MEMPOLICY, FAILS, EPERM),
	HARMLESS(NANOSLEEP, FAILS, EINTR),
	{.how = PASSES},
};
