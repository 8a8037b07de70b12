/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an open and idle device takes: bytes in use in its pool, which are DMA memory, and bytes of
 * the process's heap. One line of JSON for each way to open it.
 */
#include <malloc.h>
#include <stdio.h>

#include <vscsi/vscsi.h>

#include "fake_device.h"

#define QUEUES 3u

static int measure(const char *options)
{
	struct vscsi_mem_stats stats = {.size = sizeof(stats)};
	struct vscsi_dev_info info = {.size = sizeof(info)};
	size_t before = mallinfo2().uordblks;
	struct vscsi_dev *dev;
	char address[128];

	snprintf(address, sizeof(address), "fake:?queues=%u%s", QUEUES, options);
	fake_device_offer(QUEUES);
	if (vscsi_dev_open(address, NULL, &dev)) {
		fprintf(stderr, "%s: %s\n", address, vscsi_last_error());
		return 1;
	}
	vscsi_mem_get_stats(vscsi_dev_mem(dev), &stats);
	vscsi_dev_get_info(dev, &info);
	printf("{\"options\": \"%s\", \"queues\": %u, \"slots\": %u, \"pool\": %llu, "
	       "\"heap\": %zu}\n",
	       options, info.queues, info.queues * info.depth, (unsigned long long)stats.used,
	       mallinfo2().uordblks - before);
	return vscsi_dev_close(dev) ? 1 : 0;
}

int main(void)
{
	static const char *const variants[] = {
		"&packed=off",
		"&packed=off&queue_size=1024",
		"&packed=on",
		"&packed=on&queue_size=1024",
	};
	int failed = 0;

	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
		failed |= measure(variants[i]);
	return failed;
}
