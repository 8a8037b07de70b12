/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads 4 KiB blocks in batches of 32, each batch prepared, submitted and polled for once, from a
 * device in this thread. Run under a tool that counts what vscsi_read(), vscsi_submit() and
 * vscsi_poll() cost; instructions.py does that. Argument: the number of batches.
 */
#include <stdio.h>
#include <stdlib.h>

#include <vscsi/vscsi.h>

#include "fake_device.h"

#define BATCH 32u

struct bench {
	struct vscsi_dev *dev;
	struct vscsi_lun *lun;
	struct vscsi_queue *queue;
	char *buffers;
};

static int set_up(struct bench *bench)
{
	int err = vscsi_dev_open("fake:", NULL, &bench->dev);

	if (!err)
		err = vscsi_lun_open(bench->dev, 0, 0, NULL, &bench->lun);
	if (!err)
		err = vscsi_queue_open(bench->dev, NULL, &bench->queue);
	if (err)
		return err;
	bench->buffers = vscsi_mem_alloc(vscsi_dev_mem(bench->dev), BATCH * FAKE_BLOCK_SIZE,
					 FAKE_BLOCK_SIZE);
	fake_device_polls(true);
	return bench->buffers ? 0 : -1;
}

static void tear_down(struct bench *bench)
{
	fake_device_polls(false);
	vscsi_queue_close(bench->queue);
	vscsi_lun_close(bench->lun);
	vscsi_dev_close(bench->dev);
}

/* Whether all of a batch ended as it should; checked outside of what is counted. */
static int check(const struct vscsi_completion *done, int count)
{
	if (count != (int)BATCH)
		return -1;
	for (unsigned i = 0; i < BATCH; i++) {
		if (done[i].result)
			return -1;
	}
	return 0;
}

static int batch(struct bench *bench, uint64_t number)
{
	struct vscsi_completion done[BATCH];
	int err;

	for (uint64_t i = 0; i < BATCH; i++) {
		/* Strides over the disk, so that no two reads are neighbours. */
		uint64_t lba = (number * BATCH + i) * 7919 % FAKE_BLOCKS;

		err = vscsi_read(bench->queue, bench->lun, bench->buffers + i * FAKE_BLOCK_SIZE,
				 lba, 1, 0, i);
		if (err)
			return err;
	}
	err = vscsi_submit(bench->queue);
	if (err < 0)
		return err;
	fake_device_run();
	return check(done, vscsi_poll(bench->queue, done, BATCH));
}

int main(int argc, char **argv)
{
	unsigned long batches = argc > 1 ? strtoul(argv[1], NULL, 10) : 100;
	struct bench bench = {0};
	int err = set_up(&bench);

	for (unsigned long i = 0; !err && i < batches; i++)
		err = batch(&bench, i);
	if (err)
		fprintf(stderr, "failed with %d: %s\n", err, vscsi_last_error());
	tear_down(&bench);
	return err ? 1 : 0;
}
