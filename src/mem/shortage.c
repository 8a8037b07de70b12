/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads the kernel's hugepage counters and suggests a command that reserves enough. The counters
 * are used only for the message: allocation is attempted regardless of them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <numa.h>

#include <vscsi/mem.h>

#include "mem/shortage.h"

/* The sysfs directory with the counters: of the whole machine, or of the required node. */
static void find_directory(const struct pages_want *want, char *directory, size_t len)
{
	char root[64] = "/sys/kernel/mm";

	if (want->numa != VSCSI_NUMA_LOCAL && numa_available() >= 0 && numa_max_node() > 0)
		snprintf(root, sizeof(root), "/sys/devices/system/node/node%u", want->numa - 1);
	snprintf(directory, len, "%s/hugepages/hugepages-%" PRIu64 "kB", root, want->huge / 1024);
}

static int read_count(const char *directory, const char *name, uint64_t *count)
{
	char path[192];
	FILE *file;
	int got;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	got = fscanf(file, "%" SCNu64, count);
	fclose(file);
	return got == 1 ? 0 : -EIO;
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
	uint64_t total;
	uint64_t free;
	char directory[128];
	int err;

	find_directory(want, directory, sizeof(directory));
	err = read_count(directory, "nr_hugepages", &total);
	if (!err)
		err = read_count(directory, "free_hugepages", &free);
	if (err) {
		explain_unread(want, err, why);
		return;
	}
	/* Add all that are needed, not only those missing: free ones may be reserved already. */
	snprintf(why, PAGES_WHY,
		 "%" PRIu64 " hugepages of %" PRIu64 " MiB are not available (%" PRIu64
		 " of %" PRIu64 " are free); reserve more as root: `echo %" PRIu64
		 " > %s/nr_hugepages`, or use VSCSI_MEM_ORDINARY",
		 need, mib, free, total, total + need, directory);
}
