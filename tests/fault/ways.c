/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of all ways in which calls fail. Each errno is one that the call can come to where it
 * is made, by its manual.
 */
#include <errno.h>
#include <stddef.h>

#include "fault.h"

#define WAY(which, how_, errno_, want_, either_, ends_)                                          \
	{                                                                                        \
		.call = CALL_##which, .name = #which, .how = how_, .err = errno_, .want = want_, \
		.either = either_, .ends = ends_, .lasts = false,                                \
	}

/* The caller learns the errno. */
#define REPORTED(which, errno_) WAY(which, FAILS, errno_, errno_, false, false)

/* Likewise, and from then on there is no more of it, also for what cleans up. */
#define USED_UP(which, errno_)                                                                 \
	{                                                                                      \
		.call = CALL_##which, .name = #which " for good", .how = FAILS, .err = errno_, \
		.want = errno_, .either = false, .ends = false, .lasts = true,                 \
	}

/* It learns another one. */
#define MAPPED(which, errno_, want_) WAY(which, FAILS, errno_, want_, false, false)

/* It does, or there is another way. */
#define MAYBE(which, errno_) WAY(which, FAILS, errno_, errno_, true, false)

/* The connection is not used any more. */
#define FATAL(which, errno_, want_) WAY(which, FAILS, errno_, want_, false, true)

/* It makes no difference. */
#define HARMLESS(which, how_, errno_) WAY(which, how_, errno_, 0, false, false)

const struct fault faults[] = {
	REPORTED(MALLOC, ENOMEM),
	REPORTED(CALLOC, ENOMEM),
	REPORTED(REALLOC, ENOMEM),
	REPORTED(ALIGNED_ALLOC, ENOMEM),
	USED_UP(MALLOC, ENOMEM),
	USED_UP(CALLOC, ENOMEM),
	USED_UP(REALLOC, ENOMEM),
	USED_UP(EVENTFD, EMFILE),
	USED_UP(EPOLL_CREATE, EMFILE),
	/* Where hugepages are not to be had, ordinary ones are taken if that is allowed. */
	REPORTED(MEMFD_CREATE, EMFILE),
	MAYBE(MEMFD_CREATE, ENOMEM),
	REPORTED(FTRUNCATE, EFBIG),
	MAYBE(FALLOCATE, ENOSPC),
	HARMLESS(FALLOCATE, FAILS, EINTR),
	MAYBE(MMAP, ENOMEM),
	REPORTED(MMAP, EAGAIN),
	REPORTED(MADVISE, EAGAIN),
	HARMLESS(MADVISE_POPULATE, FAILS, EINVAL),
	/* That memory is not mapped is the caller's mistake. */
	MAPPED(MSYNC, ENOMEM, EINVAL),
	REPORTED(FCNTL, EMFILE),
	REPORTED(FSTAT, ENOMEM),
	REPORTED(FSTATFS, EIO),
	/* A count for a sentence; the sentence goes without. */
	HARMLESS(FOPEN, FAILS, EMFILE),
	HARMLESS(CLOSE, IS_DONE, EINTR),
	HARMLESS(CLOSE, IS_DONE, EIO),
	/* Of VFIO: many things that it is asked for may be missing, each for its own errno. */
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
	MAPPED(CONNECT, EAGAIN, ETIMEDOUT),
	HARMLESS(CONNECT, FAILS, EINTR),
	REPORTED(SETSOCKOPT, ENOBUFS),
	/* What can't be asked is no socket. */
	MAPPED(GETSOCKOPT, ENOBUFS, EINVAL),
	HARMLESS(SHUTDOWN, IS_DONE, ENOTCONN),
	FATAL(SENDMSG, EPIPE, ENOTCONN),
	FATAL(SENDMSG, ECONNRESET, ENOTCONN),
	FATAL(SENDMSG, ENOBUFS, ENOBUFS),
	FATAL(SENDMSG, ETOOMANYREFS, ETOOMANYREFS),
	HARMLESS(SENDMSG, FAILS, EINTR),
	HARMLESS(SENDMSG, FAILS, EAGAIN),
	HARMLESS(SENDMSG, IS_CUT, 0),
	FATAL(RECV, ECONNRESET, ENOTCONN),
	HARMLESS(RECV, FAILS, EINTR),
	HARMLESS(RECV, FAILS, EAGAIN),
	FATAL(RECVMSG, ECONNRESET, ENOTCONN),
	FATAL(RECVMSG, ENOMEM, ENOMEM),
	HARMLESS(RECVMSG, FAILS, EINTR),
	HARMLESS(RECVMSG, FAILS, EAGAIN),
	HARMLESS(RECVMSG, IS_CUT, 0),
	/* Answers on the back-end's channel: without them the channel is given up, and no more. */
	HARMLESS(SEND, FAILS, EPIPE),
	FATAL(POLL, ENOMEM, ENOMEM),
	HARMLESS(POLL, FAILS, EINTR),
	REPORTED(EVENTFD, EMFILE),
	REPORTED(EVENTFD, ENFILE),
	REPORTED(EVENTFD, ENOMEM),
	HARMLESS(EVENTFD_READ, FAILS, EAGAIN),
	/* A full counter wakes whoever sleeps as well as another one would. */
	HARMLESS(EVENTFD_WRITE, IS_DONE, EAGAIN),
	HARMLESS(READ, FAILS, EAGAIN),
	HARMLESS(READ, FAILS, EINTR),
	REPORTED(EPOLL_CREATE, EMFILE),
	REPORTED(EPOLL_CTL, ENOSPC),
	REPORTED(EPOLL_CTL, ENOMEM),
	HARMLESS(EPOLL_WAIT, FAILS, EINTR),
	HARMLESS(AFFINITY, FAILS, EINVAL),
	HARMLESS(MEMPOLICY, FAILS, EPERM),
	HARMLESS(NANOSLEEP, FAILS, EINTR),
	{.how = GOES_ON},
};
