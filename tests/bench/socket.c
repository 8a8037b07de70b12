/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads 4 KiB blocks from the device at an address, and tells how many there were and how much of
 * a processor this took, setting up left out. Arguments: address, depth, milliseconds, and what to
 * do while nothing comes back: "poll" again, or "wait".
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <vscsi/vscsi.h>

#define MAX_DEPTH 128u
#define BYTES     4096u

struct bench {
	struct vscsi_dev *dev;
	struct vscsi_lun *lun;
	struct vscsi_queue *queue;
	char *buffers;
	uint64_t blocks;
	uint32_t each;
	unsigned depth;
	bool wait;
};

static double seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int set_up(struct bench *bench, const char *address)
{
	struct vscsi_lun_info info = {.size = sizeof(info)};
	int err = vscsi_dev_open(address, NULL, &bench->dev);

	if (!err)
		err = vscsi_lun_open(bench->dev, 0, 0, NULL, &bench->lun);
	if (!err)
		err = vscsi_lun_get_info(bench->lun, &info);
	if (!err)
		err = vscsi_queue_open(bench->dev, NULL, &bench->queue);
	if (err)
		return err;
	bench->each = BYTES / info.block_size;
	bench->blocks = info.blocks / bench->each * bench->each;
	bench->buffers = vscsi_mem_alloc(vscsi_dev_mem(bench->dev), MAX_DEPTH * BYTES, BYTES);
	return bench->buffers ? 0 : -1;
}

static int prepare(struct bench *bench, unsigned count, uint64_t number)
{
	int err = 0;

	for (; !err && count; count--, number++)
		err = vscsi_read(bench->queue, bench->lun,
				 bench->buffers + number % MAX_DEPTH * BYTES,
				 number * 7919 * bench->each % bench->blocks, bench->each, 0, 0);
	return err ? err : vscsi_submit(bench->queue);
}

/* Completions of one look, or an error where a read failed. Waits only where it may sleep. */
static int collect(struct bench *bench)
{
	struct vscsi_completion done[MAX_DEPTH];
	int count = vscsi_poll(bench->queue, done, MAX_DEPTH);

	for (int i = 0; i < count; i++) {
		if (done[i].result)
			return done[i].result;
	}
	if (!count && bench->wait) {
		int err = vscsi_wait(bench->queue, 1000);

		return err < 0 ? err : 0;
	}
	return count;
}

/* Return: reads done, or a negative errno. */
static int64_t run(struct bench *bench, double duration)
{
	double end = seconds(CLOCK_MONOTONIC) + duration;
	int64_t done = 0;
	unsigned inflight = 0;
	bool over = false;

	while (!over || inflight) {
		int ret = 0;

		over = over || seconds(CLOCK_MONOTONIC) >= end;
		if (!over) {
			ret = prepare(bench, bench->depth - inflight, (uint64_t)done + inflight);
			inflight = bench->depth;
		}
		if (!ret)
			ret = collect(bench);
		if (ret < 0)
			return ret;
		done += ret;
		inflight -= (unsigned)ret;
	}
	return done;
}

int main(int argc, char **argv)
{
	struct bench bench = {.depth = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0};
	double duration = argc > 3 ? strtod(argv[3], NULL) / 1e3 : 0;
	double wall, own;
	int64_t done;

	if (argc != 5 || !bench.depth || bench.depth > MAX_DEPTH) {
		fprintf(stderr, "usage: bench-socket ADDRESS DEPTH MS poll|wait\n");
		return 2;
	}
	bench.wait = strcmp(argv[4], "wait") == 0;
	done = set_up(&bench, argv[1]);
	wall = seconds(CLOCK_MONOTONIC);
	own = seconds(CLOCK_PROCESS_CPUTIME_ID);
	if (!done)
		done = run(&bench, duration);
	if (done > 0)
		printf("{\"reads\": %lld, \"seconds\": %.6f, \"cpu\": %.6f}\n", (long long)done,
		       seconds(CLOCK_MONOTONIC) - wall, seconds(CLOCK_PROCESS_CPUTIME_ID) - own);
	else
		fprintf(stderr, "failed with %d: %s\n", (int)done, vscsi_last_error());
	vscsi_queue_close(bench.queue);
	vscsi_lun_close(bench.lun);
	vscsi_dev_close(bench.dev);
	return done > 0 ? 0 : 1;
}
