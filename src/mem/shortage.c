/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads the kernel's counts of hugepages, and makes them a command that can be pasted. The counts
 * are for people only: whether pages can be had is found out by taking them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <numa.h>

#include <vscsi/mem.h>

#include "mem/shortage.h"

/*
 * The folder with the counts: of the whole machine, or of the one node that the pages must be on.
 */
static void find_folder(const struct pages_want *want, char *folder, size_t len)
{
	char root[64] = "/sys/kernel/mm";

	if (want->numa != VSCSI_NUMA_LOCAL && numa_available() >= 0 && numa_max_node() > 0)
		snprintf(root, sizeof(root), "/sys/devices/system/node/node%u", want->numa - 1);
	snprintf(folder, len, "%s/hugepages/hugepages-%" PRIu64 "kB", root, want->huge / 1024);
}

static int read_count(const char *folder, const char *name, uint64_t *count)
{
	char path[192];
	FILE *file;
	int got;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	got = fscanf(file, "%" SCNu64, count);
	fclose(file);
	return got == 1 ? 0 : -EIO;
}

/* A kernel without this size of page has no such folder; any other error tells nothing of pages. */
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
			 " MiB can't be had, and how many there are can't be read: %s; reserve "
			 "more, or use VSCSI_MEM_ORDINARY",
			 want->bytes / want->huge, mib, strerror(-err));
}

void shortage_explain(const struct pages_want *want, char *why)
{
	const uint64_t need = want->bytes / want->huge;
	const uint64_t mib = want->huge >> 20;
	uint64_t total;
	uint64_t free;
	char folder[128];
	int err;

	find_folder(want, folder, sizeof(folder));
	err = read_count(folder, "nr_hugepages", &total);
	if (!err)
		err = read_count(folder, "free_hugepages", &free);
	if (err) {
		explain_unread(want, err, why);
		return;
	}
	/*
	 * As many more as are needed, not as many as are missing: those that are free may be spoken
	 * for.
	 */
	snprintf(why, PAGES_WHY,
		 "%" PRIu64 " hugepages of %" PRIu64 " MiB can't be had (of %" PRIu64 ", %" PRIu64
		 " are free); reserve more as root: `echo %" PRIu64
		 " > %s/nr_hugepages`, or use VSCSI_MEM_ORDINARY",
		 need, mib, total, free, total + need, folder);
}
