/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What distinguishes a file from all others on this machine, however its path is spelled.
 */
#ifndef TARGET_IDENTITY_H
#define TARGET_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

/*
 * identity_fd - the identity of an open file.
 * Device, inode and time of creation: a copy is another file, and so is one that was deleted and
 * created again, even if it gets the same inode. Of a block device: its number and, if the kernel
 * counts them, which of the disks that had this number. Returns 0 if it can't be determined.
 */
uint64_t identity_fd(int fd);

/*
 * identity_path - the identity of a path at which there may be no file yet: that of its folder and
 * its last part. Returns 0 if there is no such folder.
 */
uint64_t identity_path(const char *path);

/* identity_add - combine an identity, or IDENTITY_START, with @len bytes of @data. */
#define IDENTITY_START UINT64_C(0xcbf29ce484222325)
uint64_t identity_add(uint64_t identity, const void *data, size_t len);

#endif
