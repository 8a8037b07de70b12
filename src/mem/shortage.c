/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads the kernel's hugepage counters and suggests a command that reserves enough. The counters
 * are used only for the message: allocation is attempted regardless of them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <vscsi/mem.h>

#include "mem/node.h"
#include "mem/shortage.h"
#include "util/fd.h"

/* The sysfs directory with the counters: of the whole machine, or of the required node. */
static void find_directory(const struct pages_want *want, bool node, char *directory, size_t len)
{
	char root[64] = "/sys/kernel/mm";

	if (node)
		snprintf(root, sizeof(root), "/sys/devices/system/node/node%u", want->numa - 1);
	snprintf(directory, len, "%s/hugepages/hugepages-%" PRIu64 "kB", root, want->huge / 1024);
}

static int read_count(const char *directory, const char *name, uint64_t *count)
{
	char path[192];
	FILE *file;
	int got;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fd_open_text(path);
	if (!file)
		return -errno;
	got = fscanf(file, "%" SCNu64, count);
	fclose(file);
	return got == 1 ? 0 : -EIO;
}

/* Hugepages of one size. @reserved: free, but promised to mappings of other processes already. */
struct count {
	uint64_t total;
	uint64_t free;
	uint64_t reserved;
};

/* A NUMA node's directory has no count of reserved pages. */
static int read_counts(const char *directory, struct count *count)
{
	int err;

	err = read_count(directory, "nr_hugepages", &count->total);
	if (!err)
		err = read_count(directory, "free_hugepages", &count->free);
	if (err)
		return err;
	if (read_count(directory, "resv_hugepages", &count->reserved))
		count->reserved = 0;
	if (count->reserved > count->free)
		count->reserved = count->free;
	return 0;
}

/* ENOENT means that the kernel does not support this page size; other errors say nothing. */
static void explain_unread(const struct pages_want *want, int err, char *why)
{
	const uint64_t mib = want->huge >> 20;

	if (err == -ENOENT)
		snprintf(why, PAGES_WHY,
			 "this kernel has no hugepages of %" PRIu64
			 " MiB; use another page_size, or VSCSI_MEM_ORDINARY",
			 mib);
	else
		snprintf(why, PAGES_WHY,
			 "%" PRIu64 " hugepages of %" PRIu64
			 " MiB are not available, and their number can't be read: %s; reserve "
			 "more, or use VSCSI_MEM_ORDINARY",
			 want->bytes / want->huge, mib, strerror(-err));
}

void shortage_explain(const struct pages_want *want, char *why)
{
	const uint64_t need = want->bytes / want->huge;
	const uint64_t mib = want->huge >> 20;
	struct count all = {0};
	struct count count;
	char directory[128];
	int err;

	find_directory(want, false, directory, sizeof(directory));
	err = read_counts(directory, &all);
	count = all;
	if (!err && want->numa != VSCSI_NUMA_LOCAL && node_choice()) {
		find_directory(want, true, directory, sizeof(directory));
		err = read_counts(directory, &count);
	}
	if (err) {
		explain_unread(want, err, why);
		return;
	}
	/* Reservations belong to no node: any node's pages may satisfy them. */
	if (count.free > all.free - all.reserved)
		count.free = all.free - all.reserved;
	/* Add all that are needed, not only those missing: others may reserve them meanwhile. */
	snprintf(why, PAGES_WHY,
		 "%" PRIu64 " hugepages of %" PRIu64 " MiB are not available (%" PRIu64
		 " of %" PRIu64 " are free and not reserved); reserve more as root: `echo %" PRIu64
		 " > %s/nr_hugepages`, or use VSCSI_MEM_ORDINARY",
		 need, mib, count.free, count.total, count.total + need, directory);
}
