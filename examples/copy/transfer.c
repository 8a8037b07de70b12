/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Moves the data. Many chunks are in flight, each with its own buffer in DMA memory. A chunk is
 * loaded from the input, and then stored in the output: a disk does both asynchronously, a file at
 * once. Files are read and written in their order, so that they may be pipes.
 */
#include "copy.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#define FLUSH_INTERVAL_NS 1000000000u
#define HOLE_LIMIT        (1u << 30) /* for files; the progress is counted in chunks */
#define ILLEGAL_REQUEST   0x05       /* sense key */

static bool is_zero(const unsigned char *data, size_t bytes)
{
	return !data[0] && !memcmp(data, data + 1, bytes - 1);
}

/* Sets the first error; those that follow, often of the same cause, are only counted. */
static void chunk_failed(struct copy *copy, struct chunk *chunk, const struct side *side, int ret,
			 const struct vscsi_completion *done)
{
	chunk->failed = true;
	chunk->state = CHUNK_DONE;
	if (copy->error || interrupted)
		copy->failed++;
	else
		copy->error = complain_side(side, side->output ? "writing" : "reading",
					    chunk->offset + chunk->stored, ret, done);
}

/* At the end of a stream, which may be in the middle of a chunk. */
static int end_of_stream(struct copy *copy, const struct chunk *chunk)
{
	if (chunk->bytes % copy->output.block)
		return complain(-EINVAL, "%s ends within a block of %u bytes", copy->input.name,
				copy->output.block);
	copy->total = copy->started + chunk->bytes;
	return 0;
}

/* Return: 0 with a full chunk or the last one, -EAGAIN, or an error that was printed. */
static int load_stream(struct copy *copy, struct chunk *chunk, uint64_t most)
{
	ssize_t ret;

	while (chunk->bytes < most) {
		/* The disk needs polling while it has requests, and now and then in any case. */
		ret = file_read_stream(&copy->input, chunk->buf + chunk->bytes, most - chunk->bytes,
				       copy->next != copy->oldest ? 0 : 100);
		if (ret == -EAGAIN)
			return -EAGAIN;
		if (ret < 0)
			return complain(-EIO, "reading %s failed: %s", copy->input.name,
					strerror((int)-ret));
		if (!ret)
			return end_of_stream(copy, chunk);
		chunk->bytes += (uint64_t)ret;
	}
	return 0;
}

/* Finds out how long the next chunk is, and whether it is a hole. */
static int measure(struct copy *copy, struct chunk *chunk)
{
	struct side *input = &copy->input;
	uint64_t most = copy->chunk_bytes, left;
	int ret = 0;

	/* A hole of a file is not read, which would tell that the file has become shorter. */
	if (copy->sparse &&
	    (copy->started >= input->extent_end || (!input->disk && input->extent_zero)))
		ret = (input->disk ? disk_extent : file_extent)(input, copy->started, copy->total);
	if (ret)
		return ret;
	left = (copy->sparse ? input->extent_end : copy->total) - copy->started;
	chunk->hole = copy->sparse && input->extent_zero;
	if (chunk->hole)
		most = copy->output.disk ? disk_zero_limit(&copy->output, copy->chunk_bytes)
					 : HOLE_LIMIT;
	chunk->bytes = left < most ? left : most;
	/* The end of an extent of a file may be within a block. */
	left = chunk->bytes % copy->output.block;
	if (left && chunk->bytes > left) {
		chunk->bytes -= left;
	} else if (left) {
		chunk->bytes = copy->output.block;
		chunk->hole = false;
	}
	return 0;
}

/* Return: 0, -EAGAIN if a side is not ready, or an error that was printed. */
static int load(struct copy *copy, struct chunk *chunk)
{
	struct side *input = &copy->input;
	uint64_t left = copy->total - copy->started;
	int ret;

	if (!progress_rate(copy, copy->chunk_bytes))
		return -EAGAIN;
	if (input->stream)
		return load_stream(copy, chunk,
				   left < copy->chunk_bytes ? left : copy->chunk_bytes);
	ret = measure(copy, chunk);
	if (ret || chunk->hole)
		return ret;
	if (input->disk)
		ret = disk_read(input, chunk->buf, copy->started, chunk->bytes, 0,
				copy->next % DEPTH);
	else
		ret = file_read(input, chunk->buf, copy->started, chunk->bytes);
	if (ret && ret != -EAGAIN)
		return complain_side(input, "reading", copy->started, ret, NULL);
	return ret;
}

static int start_chunk(struct copy *copy)
{
	struct chunk *chunk = &copy->chunks[copy->next % DEPTH];
	int ret = load(copy, chunk);

	/* After -EAGAIN the chunk keeps what was read from a pipe. */
	if (ret || !chunk->bytes)
		return ret;
	chunk->state = copy->input.disk && !chunk->hole ? CHUNK_LOADING : CHUNK_LOADED;
	chunk->offset = copy->started;
	copy->next++;
	copy->started += chunk->bytes;
	if (!chunk->hole)
		copy->loaded += chunk->bytes;
	return 0;
}

/* The bytes from @chunk->stored on that are all zeros, or all to be written as they are. */
static void find_run(const struct copy *copy, struct chunk *chunk)
{
	uint64_t at = chunk->stored, bytes;
	bool zero;

	chunk->run_zero = chunk->hole;
	chunk->run = chunk->bytes - at;
	if (!copy->sparse || chunk->hole || copy->output.stream)
		return;
	while (at < chunk->bytes) {
		/* Aligned in the output, so that whole blocks of a file system become holes. */
		bytes = copy->sparse - (copy->output.start + chunk->offset + at) % copy->sparse;
		if (bytes > chunk->bytes - at)
			bytes = chunk->bytes - at;
		zero = is_zero(chunk->buf + at, bytes);
		if (at == chunk->stored)
			chunk->run_zero = zero;
		else if (zero != chunk->run_zero)
			break;
		at += bytes;
	}
	chunk->run = at - chunk->stored;
}

static void run_stored(struct copy *copy, struct chunk *chunk)
{
	if (chunk->run_zero)
		copy->zeros += chunk->run;
	chunk->stored += chunk->run;
	chunk->state = chunk->stored < chunk->bytes ? CHUNK_LOADED : CHUNK_DONE;
}

/* Return: 0 if a request is on its way or the run is stored, or an error. */
static int store_run(struct copy *copy, struct chunk *chunk)
{
	const unsigned number = (unsigned)(chunk - copy->chunks);
	struct side *output = &copy->output;
	uint64_t offset = chunk->offset + chunk->stored;
	unsigned char *data = chunk->buf + (chunk->hole ? 0 : chunk->stored);
	int ret = 0;

	if (chunk->run_zero && output->blank) {
		run_stored(copy, chunk);
		return 0;
	}
	if (!output->disk) {
		ret = chunk->run_zero ? file_zero(output, offset, chunk->run)
				      : file_write(output, data, offset, chunk->run);
		if (!ret)
			run_stored(copy, chunk);
		return ret;
	}
	if (chunk->run_zero)
		ret = disk_zero(output, data, offset, chunk->run, number);
	else
		ret = disk_write(output, data, offset, chunk->run, number);
	if (!ret)
		chunk->state = CHUNK_STORING;
	chunk->run_command = chunk->run_zero && output->zeroing != ZEROING_UNSUPPORTED;
	return ret;
}

static void store_chunk(struct copy *copy, struct chunk *chunk)
{
	int ret = 0;

	while (!ret && chunk->state == CHUNK_LOADED) {
		find_run(copy, chunk);
		ret = store_run(copy, chunk);
	}
	if (ret && ret != -EAGAIN)
		chunk_failed(copy, chunk, &copy->output, ret, NULL);
}

/* A file gets chunks in order, and none after one that failed. */
static void store_chunks(struct copy *copy)
{
	struct chunk *chunk;
	unsigned i;

	for (i = copy->oldest; i != copy->next && !(copy->broken && !copy->output.disk); i++) {
		chunk = &copy->chunks[i % DEPTH];
		if (chunk->state == CHUNK_LOADED)
			store_chunk(copy, chunk);
		if (!copy->output.disk && (chunk->state != CHUNK_DONE || chunk->failed))
			break;
	}
}

/* Chunks are finished in order; what follows one that failed does not count. */
static void finish_chunks(struct copy *copy)
{
	struct chunk *chunk = &copy->chunks[copy->oldest % DEPTH];

	while (copy->oldest != copy->next && chunk->state != CHUNK_LOADING &&
	       chunk->state != CHUNK_STORING) {
		/* One that is still to be stored will be, unless an earlier one has failed. */
		if (chunk->state == CHUNK_LOADED && !copy->broken)
			break;
		copy->broken |= chunk->failed;
		if (!copy->broken)
			copy->finished += chunk->bytes;
		*chunk = (struct chunk){.buf = chunk->buf};
		chunk = &copy->chunks[++copy->oldest % DEPTH];
	}
}

static void take_flush(struct copy *copy, const struct vscsi_completion *done)
{
	if (!done->result)
		copy->stable = copy->flushing;
	else if (!copy->error)
		copy->error = complain_side(&copy->output, "flushing", UNKNOWN, done->result, done);
	copy->flushing = UNKNOWN;
}

static void take_completion(struct copy *copy, const struct vscsi_completion *done)
{
	struct chunk *chunk = &copy->chunks[done->user_data % DEPTH];
	const bool loading = chunk->state == CHUNK_LOADING;
	struct side *output = &copy->output;

	if (done->user_data == FLUSH) {
		take_flush(copy, done);
	} else if (!loading && chunk->run_command && done->sense_key == ILLEGAL_REQUEST &&
		   output->zeroing != ZEROING_WORKS) {
		/* The command, or its UNMAP bit, is not supported: zeros are sent. */
		output->zeroing = ZEROING_UNSUPPORTED;
		chunk->state = CHUNK_LOADED;
	} else if (done->result) {
		chunk_failed(copy, chunk, loading ? &copy->input : output, done->result, done);
	} else if (loading) {
		chunk->state = CHUNK_LOADED;
	} else {
		if (chunk->run_command && output->zeroing == ZEROING_UNTRIED)
			output->zeroing = ZEROING_WORKS;
		run_stored(copy, chunk);
	}
}

static void poll_disk(struct copy *copy, struct side *disk)
{
	struct vscsi_completion done[DEPTH];
	int count, i;

	if (!disk->disk)
		return;
	/* Ignore errors: a lost device is reported by the completions. */
	vscsi_submit(disk->queue);
	count = vscsi_poll(disk->queue, done, DEPTH);
	for (i = 0; i < count; i++)
		take_completion(copy, &done[i]);
	if (count < 0 && !copy->error)
		copy->error =
			complain(count, "waiting for %s failed: %s", disk->name, strerror(-count));
}

/* Now and then, so that most of the copy need not be repeated if the disk is lost. */
static void start_flush(struct copy *copy)
{
	if (!copy->output.disk || copy->flushing != UNKNOWN || copy->finished == copy->stable ||
	    clock_now() - copy->flush_ns < FLUSH_INTERVAL_NS)
		return;
	if (vscsi_flush(copy->output.queue, copy->output.lun, FLUSH))
		return;
	copy->flush_ns = clock_now();
	copy->flushing = copy->finished;
}

static bool more_to_start(const struct copy *copy)
{
	return !copy->error && copy->started < copy->total;
}

static void step(struct copy *copy)
{
	int ret = 0;

	if (interrupted && !copy->error)
		copy->error = complain(-EINTR, "ended by a signal: %s", strsignal(interrupted));
	while (!ret && more_to_start(copy) && copy->next - copy->oldest < DEPTH)
		ret = start_chunk(copy);
	if (ret && ret != -EAGAIN)
		copy->error = ret;
	store_chunks(copy);
	if (!copy->error)
		start_flush(copy);
	poll_disk(copy, &copy->input);
	poll_disk(copy, &copy->output);
	store_chunks(copy);
	finish_chunks(copy);
	progress_show(copy, copy->finished);
	/* Only the rate limit, or a pipe, leaves nothing to do. */
	if (ret == -EAGAIN && copy->next == copy->oldest)
		poll(NULL, 0, 1);
}

/* Skips what --skip and --resume-from say; a pipe has to be read for that. */
static int skip(struct copy *copy)
{
	struct side *input = &copy->input;
	uint64_t left = input->start + copy->resume;
	ssize_t ret;

	while (input->stream && left && !interrupted) {
		ret = file_read_stream(input, copy->buffers,
				       left < copy->chunk_bytes ? left : copy->chunk_bytes, 100);
		if (ret == -EAGAIN)
			continue;
		if (ret <= 0)
			return complain(-ENODATA, "%s ends before byte %" PRIu64, input->name,
					input->start + copy->resume);
		left -= (uint64_t)ret;
	}
	copy->started = copy->finished = copy->stable = copy->resume;
	copy->flushing = UNKNOWN;
	return 0;
}

/* A pipe that has more than the disk has room for. */
static int check_end(const struct copy *copy)
{
	char name[SIDE_NAME_LEN];
	unsigned char byte;
	ssize_t ret = -EAGAIN;

	if (!copy->input.stream || copy->count <= copy->total || copy->total < copy->output.size)
		return 0;
	while (ret == -EAGAIN && !interrupted)
		ret = file_read_stream(&copy->input, &byte, 1, 100);
	if (ret != 1)
		return 0;
	return complain(-EFBIG, "%s has more than the %" PRIu64 " bytes of %s", copy->input.name,
			copy->total, side_name(name, &copy->output));
}

int transfer(struct copy *copy)
{
	copy->error = skip(copy);
	progress_start("copied", copy->resume);
	copy->flush_ns = clock_now();
	/* After an error too, wait for the rest: the buffers belong to the device until then. */
	while (copy->oldest != copy->next || copy->flushing != UNKNOWN || more_to_start(copy))
		step(copy);
	if (copy->failed && !interrupted)
		complain(0, "%u other requests failed too", copy->failed);
	return copy->error ? copy->error : check_end(copy);
}

int transfer_flush(struct copy *copy)
{
	struct side *output = &copy->output;
	int ret =
		output->disk ? vscsi_sync_flush(output->lun) : file_finish(output, copy->finished);

	if (!ret)
		copy->stable = copy->finished;
	/* After a failure it was tried, and what it means for the copy was said. */
	else if (!copy->error)
		ret = output->disk ? complain(ret, "%s", vscsi_last_error())
				   : complain(ret, "flushing %s: %s", output->name, strerror(-ret));
	return ret;
}
