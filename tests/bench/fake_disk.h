/* SPDX-License-Identifier: BSD-3-Clause */
/* What the fake device's one disk answers to a command. */
#ifndef BENCH_FAKE_DISK_H
#define BENCH_FAKE_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_scsi.h>

/* The first data-in segment: where, and its bytes. */
struct fake_data {
	void *at;
	uint32_t len;
};

/**
 * fake_disk_answer - Execute a command
 * @cdb: the command
 * @response: is filled in
 * @in: receives data; READ leaves it as it is, since moving data is not what is measured
 */
void fake_disk_answer(const uint8_t *cdb, struct virtio_scsi_cmd_resp *response,
		      const struct fake_data *in);

/* fake_disk_work - Choose how many rounds of work() each READ takes; none at the start */
void fake_disk_work(unsigned rounds);

/* Chooses whether disks are so large that only 16-byte commands can name all of their blocks. */
void fake_disk_huge(bool on);

#endif
