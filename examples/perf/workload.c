/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Selects requests. A mark counts how often this run has written a piece; one bit of it is set
 * while a write or a checked read of the piece is in flight.
 */
#include "workload.h"

#define MARK_BUSY       (1u << 31)
#define MARK_GENERATION (MARK_BUSY - 1)

static unsigned only_direction(uint64_t rw)
{
	if (rw & RW_TRIM)
		return DIR_TRIM;
	return rw & RW_WRITE ? DIR_WRITE : DIR_READ;
}

static unsigned choose_direction(struct job *job)
{
	const struct job_options *options = job->options;

	/* Use a random number only if there is a choice, so that write-only jobs are repeatable. */
	if ((options->rw & (RW_READ | RW_WRITE)) != (RW_READ | RW_WRITE))
		return only_direction(options->rw);
	return random_next(&job->dice) % 100 < options->rwmixread ? DIR_READ : DIR_WRITE;
}

static uint64_t next_piece(struct pattern *order, struct skew *skew)
{
	return skew->kind == SKEW_NONE ? pattern_next(order) : skew_next(skew);
}

/* Marks what a write-only job must have written: its order depends only on the seed. */
static void mark_written(struct job *job)
{
	struct pattern order = job->order[DIR_WRITE];
	struct skew skew = job->skew;
	uint64_t i;

	for (i = 0; i < job->limit && i < job->request_limit; i++)
		job->marks[next_piece(&order, &skew)]++;
}

void workload_init(struct job *job)
{
	const struct job_options *options = job->options;
	enum pattern_order order = PATTERN_SEQUENTIAL;
	uint64_t seed = job->seed;
	unsigned dir;

	if (options->rw & RW_RANDOM)
		order = options->norandommap ? PATTERN_RANDOM : PATTERN_SHUFFLED;

	job->dice = random_next(&seed);
	for (dir = 0; dir < DIR_COUNT; dir++)
		pattern_init(&job->order[dir], job->pieces, order, random_next(&seed));
	skew_parse(options->rw & RW_RANDOM ? options->random_distribution : "", &job->skew);
	if (job->skew.kind != SKEW_NONE)
		skew_init(&job->skew, job->pieces, random_next(&seed));
	job->limit = options->time_based ? UINT64_MAX : job->amount;
	job->request_limit = options->number_ios ? options->number_ios : UINT64_MAX;
	if (options->verify_only)
		mark_written(job);
}

/* The region and the amount may end before the request does. */
static void choose_length(struct job *job, struct io *io)
{
	uint64_t bytes = split_choose(&job->split, io->dir, random_next(&job->dice));
	uint64_t length = bytes / job->options->bs;

	if (length > job->pieces - io->piece)
		length = job->pieces - io->piece;
	if (length > job->limit - job->issued)
		length = job->limit - job->issued;
	io->length = (uint32_t)length;
	pattern_skip(&job->order[io->dir], length - 1);
}

int workload_next(struct job *job, struct io *io)
{
	uint64_t fsync = job->options->fsync;

	io->generation = 0;
	if (fsync && job->writes_since_flush >= fsync) {
		job->writes_since_flush = 0;
		io->dir = DIR_SYNC;
		io->length = 0;
		return 1;
	}
	if (job->issued >= job->limit || job->requests >= job->request_limit)
		return 0;
	job->requests++;
	io->dir = choose_direction(job);
	io->piece = next_piece(&job->order[io->dir], &job->skew);
	io->length = 1;
	if (job->split.count[0])
		choose_length(job, io);
	job->issued += io->length;
	job->writes_since_flush += io->dir == DIR_WRITE;
	return 1;
}

int readback_next(struct job *job, struct io *io)
{
	/*
	 * In disk order, whatever the order of writing: fast, and detects misplaced neighbours.
	 */
	while (job->issued < job->pieces && !job->marks[job->issued])
		job->issued++;
	if (job->issued >= job->pieces)
		return 0;
	io->dir = DIR_READ;
	io->length = 1;
	io->piece = job->issued++;
	io->generation = 0;
	return 1;
}

bool workload_ready(const struct job *job, struct io *io)
{
	uint32_t mark;

	if (!job->marks || io->dir == DIR_SYNC)
		return true;
	mark = job->marks[io->piece];
	if (io->dir == DIR_READ) {
		io->generation = mark & MARK_BUSY ? 0 : mark;
		return true;
	}
	if (mark & MARK_BUSY)
		return false;
	io->generation = mark < MARK_GENERATION ? mark + 1 : 1;
	return true;
}

void workload_started(struct job *job, const struct io *io)
{
	if (io->generation)
		job->marks[io->piece] |= MARK_BUSY;
}

void workload_finished(struct job *job, const struct io *io, bool good)
{
	/* Not checked now or later: the mark belongs to another request. */
	if (!io->generation)
		return;
	job->marks[io->piece] = good || io->dir == DIR_READ ? io->generation : 0;
}
