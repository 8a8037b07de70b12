/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads 4 KiB blocks from a device in this thread, in batches that are prepared, submitted and
 * polled for once, with so many in flight before each poll. Run under a tool that counts what
 * vscsi_read(), vscsi_submit() and vscsi_poll() cost between counting_begins() and counting_ends();
 * counting.py does that. Exit status 77: the library doesn't know such rings.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake_device.h"
#include "load.h"

/* What the program is told by its options. */
struct plan {
	struct load_opts load;
	unsigned depth;
	unsigned batch;
	unsigned reads;
};

/* Where a read stands: the next to prepare, and the one that has to come back next. */
struct progress {
	uint64_t prepared;
	uint64_t done;
};

/* Names for the tool to start and to stop at. */
void counting_begins(void);
void counting_ends(void);

__attribute__((noinline)) void counting_begins(void)
{
	/* Keeps the compiler from leaving the call out. */
	__asm__ volatile("");
}

__attribute__((noinline)) void counting_ends(void)
{
	__asm__ volatile("");
}

/* All ended well, in the order of their submission, as the device serves them in. */
static int check(const struct vscsi_completion *done, int count, unsigned expected,
		 struct progress *at)
{
	if (count != (int)expected) {
		fprintf(stderr, "%d completions came instead of %u\n", count, expected);
		return -1;
	}
	for (int i = 0; i < count; i++, at->done++) {
		if (done[i].result || done[i].user_data != at->done) {
			fprintf(stderr, "read %llu ended with %d\n",
				(unsigned long long)done[i].user_data, done[i].result);
			return -1;
		}
	}
	return 0;
}

static int prepare(struct load *load, unsigned count, struct progress *at)
{
	int err = 0;

	for (; !err && count; count--, at->prepared++)
		err = load_read(load, load->queue, at->prepared);
	return err ? err : vscsi_submit(load->queue);
}

/* Gives the device so many of the oldest reads and takes them back. */
static int complete(struct load *load, unsigned count, struct progress *at)
{
	struct vscsi_completion done[LOAD_MAX_DEPTH];

	if (!count)
		return 0;
	fake_device_serve(load_queue_index(load->queue), count);
	return check(done, vscsi_poll(load->queue, done, LOAD_MAX_DEPTH), count, at);
}

static int run_batches(struct load *load, unsigned batch, uint64_t reads, struct progress *at)
{
	uint64_t end = at->prepared + reads;
	int err = 0;

	while (!err && at->prepared < end) {
		err = prepare(load, batch, at);
		if (!err)
			err = complete(load, batch, at);
	}
	return err;
}

static int run(struct load *load, const struct plan *plan)
{
	/* Every slot, LUN and region is used before it counts. */
	uint64_t warm = 2 * (LOAD_MAX_DEPTH + load->opts.luns + load->opts.spread);
	unsigned rest = plan->depth - plan->batch;
	struct progress at = {0, 0};
	int err = prepare(load, rest, &at);

	if (!err)
		err = run_batches(load, plan->batch, warm, &at);
	counting_begins();
	if (!err)
		err = run_batches(load, plan->batch, plan->reads, &at);
	counting_ends();
	return err ? err : complete(load, rest, &at);
}

/* Every option is a number. */
static int parse(int argc, char **argv, struct plan *plan)
{
	unsigned direct = 0, packed = 0, shared = 0, wide = 0, mixed = 0, stats = 0;
	const struct {
		const char *name;
		unsigned *value;
		unsigned min;
		unsigned max;
	} table[] = {
		{"depth", &plan->depth, 1, LOAD_MAX_DEPTH},
		{"batch", &plan->batch, 1, LOAD_MAX_DEPTH},
		{"reads", &plan->reads, 1, 1u << 30},
		{"queues", &plan->load.queues, 2, FAKE_QUEUES},
		{"luns", &plan->load.luns, 1, FAKE_LUNS},
		{"regions", &plan->load.regions, 0, VSCSI_MEM_MAX_REGIONS},
		{"spread", &plan->load.spread, 0, VSCSI_MEM_MAX_REGIONS},
		{"limit", &plan->load.limit, 0, UINT32_MAX},
		{"segs", &plan->load.segs, 1, LOAD_MAX_SEGS},
		{"direct", &direct, 0, 1},
		{"packed", &packed, 0, 1},
		{"shared", &shared, 0, 1},
		{"wide", &wide, 0, 1},
		{"mixed", &mixed, 0, 1},
		{"stats", &stats, 0, 1},
	};
	struct option options[sizeof(table) / sizeof(table[0]) + 1] = {{NULL, 0, NULL, 0}};
	int id;

	for (int i = 0; i < (int)(sizeof(table) / sizeof(table[0])); i++)
		options[i] = (struct option){table[i].name, required_argument, NULL, i};
	while ((id = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (id == '?')
			return -1;
		*table[id].value = (unsigned)strtoul(optarg, NULL, 10);
		if (*table[id].value < table[id].min || *table[id].value > table[id].max)
			return -1;
	}
	plan->load.direct = direct;
	plan->load.packed = packed;
	plan->load.shared = shared;
	plan->load.wide = wide;
	plan->load.mixed = mixed;
	plan->load.stats = stats;
	return plan->batch <= plan->depth && plan->load.spread <= plan->load.regions ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct plan plan = {
		.load = {.queues = 2, .luns = 1, .segs = 1},
		.depth = 32,
		.batch = 32,
		.reads = 4096,
	};
	struct load load;
	int err;

	if (parse(argc, argv, &plan)) {
		fprintf(stderr, "usage: bench-instructions [--depth=N] [--batch=N] [--reads=N]\n"
				"  [--queues=N] [--luns=N] [--regions=N] [--spread=N] [--limit=N]\n"
				"  [--segs=N] [--direct=1] [--packed=1] [--shared=1] [--wide=1]\n"
				"  [--mixed=1] [--stats=1]\n");
		return 2;
	}
#ifndef VSCSI_HAVE_PACKED
	if (plan.load.packed) {
		fprintf(stderr, "this library has no packed rings\n");
		return 77;
	}
#endif
	err = load_open(&load, &plan.load);
	if (!err)
		err = run(&load, &plan);
	if (err)
		fprintf(stderr, "failed with %d: %s\n", err, vscsi_last_error());
	load_close(&load);
	return err ? 1 : 0;
}
