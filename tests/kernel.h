/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a test needs of the kernel, and skips itself without. Programs of other architectures run
 * under qemu-user, which stands between, and does these things otherwise. Include it after
 * <cmocka.h>.
 */
#ifndef TESTS_KERNEL_H
#define TESTS_KERNEL_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <linux/fs.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

/* That advice for memory is taken: qemu-user ignores it, also what is none. */
static inline void need_advice(void)
{
	if (madvise(NULL, 0, 9999) == 0) {
		print_message("madvise() is ignored here\n");
		skip();
	}
}

/* That a read of an eventfd can be told not to wait: Linux since 5.8, and not qemu-user. */
static inline void need_reads_that_dont_wait(void)
{
	uint64_t count;
	struct iovec iov = {&count, sizeof(count)};
	int counter = eventfd(1, EFD_CLOEXEC);
	ssize_t n = syscall(SYS_preadv2, counter, &iov, 1UL, -1L, -1L, RWF_NOWAIT);

	close(counter);
	if (n != sizeof(count)) {
		print_message("reads of an eventfd can't be told not to wait here\n");
		skip();
	}
}

/* Sends an eventfd twice over a socket to itself; @fds receives as many descriptors as arrive. */
static inline bool kernel_pass(int counter, int *fds, unsigned room, unsigned *count)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = {.head = {CMSG_LEN(2 * sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	char byte = 0;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control)};
	int pair[2];

	memcpy(CMSG_DATA(&control.head), (int[]){counter, counter}, 2 * sizeof(int));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(sendmsg(pair[0], &msg, 0), 1);
	msg.msg_controllen = CMSG_LEN(room * sizeof(int));
	assert_int_equal(recvmsg(pair[1], &msg, 0), 1);
	*count = (unsigned)((control.head.cmsg_len - CMSG_LEN(0)) / sizeof(int));
	memcpy(fds, CMSG_DATA(&control.head), *count * sizeof(int));
	close(pair[0]);
	close(pair[1]);
	return msg.msg_flags & MSG_CTRUNC;
}

/* Whether descriptors that find no room are closed and reported: qemu-user does neither. */
static inline bool kernel_truncates(void)
{
	int counter = eventfd(0, 0);
	unsigned count;
	int fds[2];
	bool truncated = kernel_pass(counter, fds, 1, &count);

	close(counter);
	while (count)
		close(fds[--count]);
	return truncated;
}

static inline void need_truncation(void)
{
	if (!kernel_truncates()) {
		print_message("descriptors that find no room are not reported here\n");
		skip();
	}
}

/* That an eventfd from elsewhere counts: qemu-user turns the bytes of those that it made itself. */
static inline void need_passed_counters(void)
{
	int counter = eventfd(1, 0);
	uint64_t value = 0;
	unsigned count;
	int fds[2];

	kernel_pass(counter, fds, 2, &count);
	assert_int_equal(read(fds[0], &value, sizeof(value)), sizeof(value));
	close(counter);
	while (count)
		close(fds[--count]);
	if (value != 1) {
		print_message("an eventfd that was sent counts otherwise here\n");
		skip();
	}
}

#endif
