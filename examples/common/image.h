/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opens disk images so that two programs don't write to one, and none reads what another changes.
 */
#ifndef EXAMPLES_COMMON_IMAGE_H
#define EXAMPLES_COMMON_IMAGE_H

#include <stddef.h>

/* Bytes that image_open() needs for its error text at most; a longer path is truncated. */
#define IMAGE_ERROR_LEN 512

/*
 * image_open - Open a file and lock it
 * @path: its path
 * @flags: for open(): O_RDONLY, O_WRONLY or O_RDWR, with or without O_CREAT; O_TRUNC takes effect
 *	once the file is locked
 * @error: on failure, receives what went wrong in at most IMAGE_ERROR_LEN bytes
 *
 * A regular file or block device that is opened for writing can't be opened by another program that
 * locks it, and one that is opened for reading can't be opened for writing. QEMU's locks are
 * respected, and QEMU respects these. A block device is opened exclusively (O_EXCL), which fails
 * while it is mounted. Other kinds of files are not locked. Locks end when the descriptor is closed
 * or the process ends.
 *
 * Return: the descriptor, or a negative errno: -EBUSY if the file is in use.
 */
int image_open(const char *path, int flags, char *error);

#endif
