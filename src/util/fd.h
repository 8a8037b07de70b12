/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Descriptors above those of the standard streams. An application may have closed a standard
 * stream, and the kernel gives its number to the next descriptor that is created: what the
 * application prints would then go into DMA memory, or to a device.
 */
#ifndef UTIL_FD_H
#define UTIL_FD_H

#include <stdio.h>

/**
 * fd_raise - Move a new descriptor above the standard streams
 * @fd: close-on-exec, known to no other thread yet; -1 for none, with errno
 *
 * The library passes each descriptor that it creates or receives to this function at once.
 *
 * Return: the descriptor, usually the same; -1 with errno, and then @fd is closed.
 */
int fd_raise(int fd);

/**
 * fd_copy - Duplicate a descriptor of the application
 *
 * Return: a descriptor above the standard streams, close-on-exec; -1 with errno.
 */
int fd_copy(int fd);

/**
 * fd_open_text - Open a text file of procfs or sysfs for reading
 *
 * Return: fopen()'s stream, above the standard streams and close-on-exec; NULL with errno.
 */
FILE *fd_open_text(const char *path);

/**
 * fd_take - Empty an eventfd, which the device may have too, or a timerfd
 *
 * Never waits: whether reads block is a property of the open file, not of the descriptor, and the
 * process that received it may have changed that (QEMU has all that it receives block). Linux
 * before 5.8 can't be asked not to.
 *
 * Return: 1 if it was signalled, 0 if not; a negative errno.
 */
int fd_take(int fd);

/* fd_clear - The same where it makes no difference whether it was signalled: 0; a negative errno */
static inline int fd_clear(int fd)
{
	int ret = fd_take(fd);

	return ret < 0 ? ret : 0;
}

#endif
