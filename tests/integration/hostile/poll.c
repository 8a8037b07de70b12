/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Waiting for a socket, by the linker's --wrap: it ends often enough to notice that the clock was
 * put forward, as it is when the back-end has what it will not answer, and never before.
 */
#include <poll.h>

/* Longest wait for a socket, in milliseconds. */
#define WAIT_MS 10

int __real_poll(struct pollfd *fds, nfds_t count, int ms);
int __wrap_poll(struct pollfd *fds, nfds_t count, int ms);

int __wrap_poll(struct pollfd *fds, nfds_t count, int ms)
{
	return __real_poll(fds, count, ms < 0 || ms > WAIT_MS ? WAIT_MS : ms);
}
