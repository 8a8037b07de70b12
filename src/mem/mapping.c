/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads /proc/self/maps, the only place where the kernel reports which file is mapped. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "mem/mapping.h"
#include "util/error.h"
#include "util/fd.h"

#define MAPS "/proc/self/maps"

/* One line of the file. */
struct mapping {
	uint64_t start;
	uint64_t end;
	uint64_t offset;
	uint64_t inode;
	dev_t dev;
	char access[5];
};

/* Reads the next line; false at the end. Lines end with a path, of any length. */
static bool read_mapping(FILE *maps, struct mapping *m)
{
	unsigned major;
	unsigned minor;

	if (fscanf(maps, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 "%*[^\n]",
		   &m->start, &m->end, m->access, &m->offset, &major, &minor, &m->inode) < 7)
		return false;
	m->dev = makedev(major, minor);
	return true;
}

/* @addr is in the mapping. @st: status of the file that must be mapped; NULL: any. */
static int check_one(const struct mapping *m, uint64_t addr, int fd, uint64_t fd_offset,
		     const struct stat *st)
{
	if (m->access[0] != 'r' || m->access[1] != 'w')
		return error_set(-EINVAL,
				 "the memory at 0x%" PRIx64 " is mapped with access %s; a device "
				 "reads and writes it, so map it for both",
				 addr, m->access);
	if (st && m->access[3] != 's')
		return error_set(-EINVAL,
				 "the memory at 0x%" PRIx64 " is a private mapping, whose contents "
				 "a back-end can't see; map the file with MAP_SHARED",
				 addr);
	if (st && (m->dev != st->st_dev || m->inode != st->st_ino ||
		   m->offset + (addr - m->start) != fd_offset))
		return error_set(-EINVAL,
				 "the memory at 0x%" PRIx64 " is not a mapping of file descriptor "
				 "%d from byte %" PRIu64 " on",
				 addr, fd, fd_offset);
	return 0;
}

static int check_all(FILE *maps, uint64_t addr, size_t len, int fd, uint64_t fd_offset,
		     const struct stat *st, bool *private)
{
	const uint64_t end = addr + len;
	struct mapping m;
	int err;

	*private = false;
	while (addr < end) {
		if (!read_mapping(maps, &m) || addr < m.start)
			return error_set(-EINVAL, "nothing is mapped at 0x%" PRIx64, addr);
		if (addr >= m.end)
			continue;
		err = check_one(&m, addr, fd, fd_offset, st);
		if (err)
			return err;
		*private |= m.access[3] != 's';
		fd_offset += m.end - addr;
		addr = m.end;
	}
	return 0;
}

int mapping_check(const void *addr, size_t len, int fd, uint64_t fd_offset, bool *private)
{
	struct stat st;
	FILE *maps;
	int err;

	if (fd >= 0 && fstat(fd, &st) < 0)
		return error_set(-errno, "getting the status of file descriptor %d: %m", fd);
	maps = fd_open_text(MAPS);
	if (!maps)
		return error_set(-errno,
				 "opening " MAPS ", to see what is mapped: %m; without it, a pool "
				 "made with VSCSI_MEM_UNVERIFIED takes memory as it is");
	err = check_all(maps, (uintptr_t)addr, len, fd, fd_offset, fd < 0 ? NULL : &st, private);
	fclose(maps);
	return err;
}
