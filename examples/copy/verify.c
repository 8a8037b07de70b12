/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads both sides again, all of them, and compares every byte. Neither extents nor anything else
 * that the copy went by is trusted.
 */
#include "copy.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#define PAIRS  (DEPTH / 2)
#define SHOWN  10
#define SECTOR 512

/* The same part of both sides. */
struct pair {
	struct {
		unsigned char *buf;
		bool requested;
		bool done;
	} half[2];
	uint64_t offset;
	uint64_t bytes; /* 0: free */
};

struct verifier {
	struct copy *copy;
	struct side *sides[2];
	struct pair pairs[PAIRS]; /* a ring, as the chunks of the copy */
	unsigned oldest;
	unsigned next;
	uint64_t started;
	unsigned ranges; /* that differ */
	uint64_t range_end;
	int error;
};

static void failed(struct verifier *v, const struct side *side, uint64_t offset, int ret,
		   const struct vscsi_completion *done)
{
	if (!v->error)
		v->error = complain_side(side, "verify: reading", offset, ret, done);
}

/* Starts to read what could not be requested yet, and nothing more after an error. */
static void request(struct verifier *v, unsigned number)
{
	struct pair *pair = &v->pairs[number];
	unsigned i;
	int ret;

	for (i = 0; i < 2; i++) {
		struct side *side = v->sides[i];
		/* From the medium, not from the disk's cache. */
		uint32_t flags = side->info.flags & VSCSI_LUN_FUA ? VSCSI_IO_FUA : 0;

		if (pair->half[i].requested)
			continue;
		ret = v->error;
		if (!ret && side->disk)
			ret = disk_read(side, pair->half[i].buf, pair->offset, pair->bytes, flags,
					number);
		else if (!ret)
			ret = file_read(side, pair->half[i].buf, pair->offset, pair->bytes);
		if (ret == -EAGAIN)
			continue;
		pair->half[i].requested = true;
		pair->half[i].done = ret || !side->disk;
		if (ret)
			failed(v, side, pair->offset, ret, NULL);
	}
}

/* The first sectors that differ are shown, adjoining ones as one range. */
static void show_difference(struct verifier *v, const unsigned char *a, const unsigned char *b,
			    uint64_t offset, uint64_t bytes)
{
	const struct side *input = v->sides[0], *output = v->sides[1];
	bool adjoins = v->ranges && v->range_end == offset;
	uint64_t i, first = bytes;

	for (i = 0; i < bytes; i++) {
		if (a[i] == b[i])
			continue;
		v->copy->different++;
		if (first == bytes)
			first = i;
	}
	v->range_end = offset + bytes;
	if (adjoins)
		return;
	if (v->ranges++ < SHOWN)
		complain(0,
			 "verify: first difference of a range: byte %" PRIu64
			 " of the source is 0x%02x, byte %" PRIu64 " of the destination is 0x%02x",
			 input->start + offset + first, a[first], output->start + offset + first,
			 b[first]);
}

static void compare(struct verifier *v, const struct pair *pair)
{
	const unsigned char *a = pair->half[0].buf, *b = pair->half[1].buf;
	uint64_t at, bytes;

	if (!memcmp(a, b, pair->bytes))
		return;
	for (at = 0; at < pair->bytes; at += bytes) {
		bytes = pair->bytes - at < SECTOR ? pair->bytes - at : SECTOR;
		if (memcmp(a + at, b + at, bytes) != 0)
			show_difference(v, a + at, b + at, pair->offset + at, bytes);
	}
}

/* Each completion is that of one side's half of a pair. */
static void poll_side(struct verifier *v, unsigned which)
{
	struct side *side = v->sides[which];
	struct vscsi_completion done[PAIRS];
	struct pair *pair;
	int count, i;

	if (!side->disk)
		return;
	vscsi_submit(side->queue);
	count = vscsi_poll(side->queue, done, PAIRS);
	for (i = 0; i < count; i++) {
		pair = &v->pairs[done[i].user_data % PAIRS];
		pair->half[which].done = true;
		if (done[i].result)
			failed(v, side, pair->offset, done[i].result, &done[i]);
	}
}

static void start(struct verifier *v)
{
	struct pair *pair = &v->pairs[v->next % PAIRS];
	uint64_t left = v->copy->finished - v->started;

	pair->offset = v->started;
	pair->bytes = left < v->copy->chunk_bytes ? left : v->copy->chunk_bytes;
	pair->half[0].requested = pair->half[1].requested = false;
	v->started += pair->bytes;
	v->copy->loaded += pair->bytes;
	v->next++;
}

static void finish(struct verifier *v)
{
	struct pair *pair = &v->pairs[v->oldest % PAIRS];

	while (v->oldest != v->next && pair->half[0].requested && pair->half[0].done &&
	       pair->half[1].requested && pair->half[1].done) {
		if (!v->error) {
			compare(v, pair);
			v->copy->verified += pair->bytes;
		}
		pair = &v->pairs[++v->oldest % PAIRS];
	}
}

static bool more_to_start(const struct verifier *v)
{
	return !v->error && v->started < v->copy->finished;
}

static void step(struct verifier *v)
{
	unsigned i;

	if (interrupted && !v->error)
		v->error =
			complain(-EINTR, "verify: ended by a signal: %s", strsignal(interrupted));
	if (more_to_start(v) && v->next - v->oldest < PAIRS &&
	    progress_rate(v->copy, v->copy->chunk_bytes))
		start(v);
	for (i = v->oldest; i != v->next; i++)
		request(v, i % PAIRS);
	poll_side(v, 0);
	poll_side(v, 1);
	finish(v);
	progress_show(v->copy, v->copy->verified);
	/* Only the rate limit leaves nothing to do. */
	if (v->next == v->oldest && more_to_start(v))
		poll(NULL, 0, 1);
}

int verify(struct copy *copy)
{
	struct verifier v = {.copy = copy, .sides = {&copy->input, &copy->output}};
	unsigned i;

	for (i = 0; i < PAIRS; i++) {
		v.pairs[i].half[0].buf = copy->chunks[i].buf;
		v.pairs[i].half[1].buf = copy->chunks[i + PAIRS].buf;
	}
	copy->loaded = 0;
	progress_start("verified", 0);
	while (v.oldest != v.next || more_to_start(&v))
		step(&v);
	if (!v.error && copy->different)
		v.error = complain(-EILSEQ,
				   "verify: %" PRIu64 " of %" PRIu64 " bytes differ, in %u range%s",
				   copy->different, copy->verified, v.ranges,
				   v.ranges == 1 ? "" : "s");
	return v.error;
}
