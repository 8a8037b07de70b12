/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hashes what the kernel knows of a file.
 */
#include "identity.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef BLKGETDISKSEQ
#define BLKGETDISKSEQ _IOR(0x12, 128, uint64_t) /* Linux 5.15 */
#endif

/* FNV-1a. */
uint64_t identity_add(uint64_t identity, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len--)
		/* The analyzer doesn't know the bytes of an initialized integer. */
		/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult) */
		identity = (identity ^ *p++) * UINT64_C(0x100000001b3);
	return identity;
}

/* As statx(2), which musl lacks before 1.2.5. */
static long get_statx(int folder, const char *path, int flags, struct statx *st)
{
	return syscall(SYS_statx, folder, path, flags, STATX_BASIC_STATS | STATX_BTIME, st);
}

/* Fields that the file system doesn't have are 0. */
static uint64_t of_file(const struct statx *st)
{
	const uint64_t words[] = {
		(uint64_t)st->stx_dev_major << 32 | st->stx_dev_minor,
		st->stx_ino,
		(uint64_t)st->stx_btime.tv_sec,
		st->stx_btime.tv_nsec,
	};

	return identity_add(IDENTITY_START, words, sizeof(words));
}

uint64_t identity_fd(int fd)
{
	uint64_t words[2] = {0};
	struct statx st = {0};

	if (get_statx(fd, "", AT_EMPTY_PATH, &st))
		return 0;
	if ((st.stx_mode & S_IFMT) != S_IFBLK)
		return of_file(&st);
	/* The inode is that of a node in /dev, of which there may be several. */
	words[0] = (uint64_t)st.stx_rdev_major << 32 | st.stx_rdev_minor;
	if (ioctl(fd, BLKGETDISKSEQ, &words[1]))
		words[1] = 0;
	return identity_add(IDENTITY_START, words, sizeof(words));
}

uint64_t identity_path(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	char folder[4096] = ".";
	struct statx st = {0};

	/* With the slash, which is the root folder or may follow any other. */
	if (slash && (size_t)(name - path) < sizeof(folder)) {
		memcpy(folder, path, (size_t)(name - path));
		folder[name - path] = 0;
	}
	if (get_statx(AT_FDCWD, folder, 0, &st))
		return 0;
	return identity_add(of_file(&st), name, strlen(name));
}
