/* SPDX-License-Identifier: BSD-3-Clause */
/* The calls that wait: cutting into parts, copying, and the sentence when a part fails. */
#include <errno.h>
#include <string.h>

#include <linux/virtio_scsi.h>
#include <vscsi/sync.h>

#include "lun/lun.h"
#include "queue/call.h"
#include "scsi/response.h"
#include "util/error.h"
#include "util/export.h"
#include "util/options.h"

/* Most bytes in one part: long enough that a round trip doesn't matter, short of the pool. */
#define PART_BYTES (UINT64_C(1) << 20)

/* A part of a transfer, or one of the calls that move no data. */
struct part {
	struct vscsi_lun *lun;
	uint64_t lba;
	uint32_t blocks;
	uint32_t flags;
	const struct vscsi_range *ranges;
	unsigned range_count;
	const struct vscsi_command *command;
};

/* Whether the result was made of sense, as scsi_result() does it. */
static bool sense_tells(const struct vscsi_completion *c)
{
	if (c->response == VIRTIO_SCSI_S_FAILURE)
		return c->sense_len && c->status == SCSI_CHECK_CONDITION;
	return c->sense_len && c->response == VIRTIO_SCSI_S_OK;
}

/* Why a request has no answer of the device. */
static const char *unanswered(int err)
{
	switch (err) {
	case -ETIMEDOUT:
		return "it took longer than its time limit and was ended";
	case -ECONNRESET:
		return "the device was lost with it, so that it may have been carried out or not";
	case -ENODEV:
		return "the LUN is gone, or is another one now; close it";
	case -ECANCELED:
		return "it was cancelled";
	default:
		return "the device completed the request without an answer";
	}
}

/* What became of a request, in words; NULL where only the errno tells. */
static const char *outcome(const struct vscsi_completion *c, int err)
{
	if (c->response == RESPONSE_UNWRITTEN || err == -ETIMEDOUT)
		return unanswered(err);
	return c->response ? vscsi_response_text(c->response) : NULL;
}

/* Sets the sentence for @err that a request ended with. */
static void explain(const struct vscsi_lun *lun, const struct vscsi_completion *c, int err,
		    const char *what)
{
	const char *text = outcome(c, err);
	unsigned target = lun->info.target;
	unsigned number = lun->info.lun;

	if (err == -ENOTCONN)
		error_set(err,
			  "%s on LUN %u:%u: the device is lost: %s; close it and open it again",
			  what, target, number, lun->dev->failure);
	else if (sense_tells(c))
		error_set(err, "%s on LUN %u:%u: %s (%x/%02x/%02x)", what, target, number,
			  vscsi_sense_text(c->sense_key, c->asc, c->ascq), c->sense_key, c->asc,
			  c->ascq);
	else if (!text && c->status)
		error_set(err, "%s on LUN %u:%u: status %s", what, target, number,
			  vscsi_status_text(c->status));
	else
		error_set(err, "%s on LUN %u:%u: %s", what, target, number,
			  text ? text : strerror(-err));
}

/*
 * Ends a call that @err came out of: sentence, and the call itself unless the device still has it.
 */
static int conclude(struct vscsi_lun *lun, struct sync_call *call, int err, const char *what)
{
	if (err == SYNC_CALL_LEFT)
		return error_set(-ETIMEDOUT, "%s on LUN %u:%u: no answer in %u ms", what,
				 lun->info.target, lun->info.lun, lun->dev->opts.timeout_ms);
	if (err)
		explain(lun, &call->completion, err, what);
	sync_call_destroy(call);
	return err;
}

static int prepare_read(struct vscsi_queue *queue, struct sync_call *call, const void *ctx,
			uint64_t user_data)
{
	const struct part *part = ctx;

	return vscsi_read(queue, part->lun, call->data, part->lba, part->blocks, part->flags,
			  user_data);
}

static int prepare_write(struct vscsi_queue *queue, struct sync_call *call, const void *ctx,
			 uint64_t user_data)
{
	const struct part *part = ctx;

	return vscsi_write(queue, part->lun, call->data, part->lba, part->blocks, part->flags,
			   user_data);
}

/* Checks that a byte range is one of whole blocks on the LUN. */
static int check_range(const struct vscsi_lun *lun, uint64_t bytes, uint64_t offset)
{
	uint32_t size = lun->block_size;

	if (!size)
		return error_set(-EINVAL, "LUN %u:%u has no blocks", lun->info.target,
				 lun->info.lun);
	if (bytes % size || offset % size)
		return error_set(-EINVAL,
				 "%llu bytes at %llu: both must be multiples of the block size, %u",
				 (unsigned long long)bytes, (unsigned long long)offset, size);
	if (!range_inside(offset / size, bytes / size, 0, lun->info.blocks))
		return error_set(
			-EINVAL,
			"%llu bytes at %llu reach past the end of the LUN, %llu blocks of %u",
			(unsigned long long)bytes, (unsigned long long)offset,
			(unsigned long long)lun->info.blocks, size);
	return 0;
}

static int transfer(struct vscsi_lun *lun, char *in, const char *out, uint64_t bytes,
		    uint64_t offset, uint32_t flags)
{
	uint64_t most = (uint64_t)lun->max_blocks * lun->block_size;
	struct part part = {.lun = lun, .flags = flags};
	struct sync_call *call;
	uint64_t done;
	int err;

	err = check_range(lun, bytes, offset);
	if (err || !bytes)
		return err;
	if (most > PART_BYTES)
		most = PART_BYTES;
	err = sync_call_create(lun->dev, lun->block_size, bytes < most ? bytes : most, &call);
	if (err)
		return err;
	for (done = 0; !err && done < bytes; done += (uint64_t)part.blocks * lun->block_size) {
		uint64_t len = bytes - done < call->len ? bytes - done : call->len;

		part.lba = (offset + done) / lun->block_size;
		part.blocks = (uint32_t)(len / lun->block_size);
		if (out)
			memcpy(call->data, out + done, len);
		err = sync_call_run(call, out ? prepare_write : prepare_read, &part);
		if (!err && in)
			memcpy(in + done, call->data, len);
	}
	return conclude(lun, call, err, out ? "write" : "read");
}

EXPORT int vscsi_pread(struct vscsi_lun *lun, void *buf, uint64_t bytes, uint64_t offset)
{
	error_enter(__func__);
	return transfer(lun, buf, NULL, bytes, offset, 0);
}

EXPORT int vscsi_pwrite(struct vscsi_lun *lun, const void *buf, uint64_t bytes, uint64_t offset,
			uint32_t flags)
{
	error_enter(__func__);
	return transfer(lun, NULL, buf, bytes, offset, flags);
}

static int prepare_flush(struct vscsi_queue *queue, struct sync_call *call, const void *ctx,
			 uint64_t user_data)
{
	const struct part *part = ctx;

	(void)call;
	return vscsi_flush(queue, part->lun, user_data);
}

static int prepare_unmap(struct vscsi_queue *queue, struct sync_call *call, const void *ctx,
			 uint64_t user_data)
{
	const struct part *part = ctx;

	(void)call;
	return vscsi_unmap(queue, part->lun, part->ranges, part->range_count, user_data);
}

static int prepare_zeroes(struct vscsi_queue *queue, struct sync_call *call, const void *ctx,
			  uint64_t user_data)
{
	const struct part *part = ctx;

	(void)call;
	return vscsi_write_zeroes(queue, part->lun, part->lba, part->blocks, part->flags,
				  user_data);
}

EXPORT int vscsi_sync_flush(struct vscsi_lun *lun)
{
	struct part part = {.lun = lun};
	struct sync_call *call;
	int err;

	error_enter(__func__);
	err = sync_call_create(lun->dev, 0, 0, &call);
	if (err)
		return err;
	return conclude(lun, call, sync_call_run(call, prepare_flush, &part), "flush");
}

EXPORT int vscsi_sync_unmap(struct vscsi_lun *lun, const struct vscsi_range *ranges, unsigned count)
{
	uint32_t most = lun->info.max_unmap_blocks ? lun->info.max_unmap_blocks : UINT32_MAX;
	struct sync_call *call;
	unsigned i;
	int err;

	error_enter(__func__);
	err = sync_call_create(lun->dev, 0, 0, &call);
	if (err)
		return err;
	/* One range a command: simple, and no limit on the sum of a list has to be kept. */
	for (i = 0; i < count && !err; i++) {
		struct vscsi_range left = ranges[i];

		while (left.blocks && !err) {
			struct vscsi_range now = left;
			struct part part = {.lun = lun, .ranges = &now, .range_count = 1};

			now.blocks = left.blocks < most ? left.blocks : most;
			left.lba += now.blocks;
			left.blocks -= now.blocks;
			err = sync_call_run(call, prepare_unmap, &part);
		}
	}
	return conclude(lun, call, err, "unmap");
}

/* Zeros sent as data, for devices without WRITE SAME. */
static int write_zeros(struct vscsi_lun *lun, uint64_t bytes, uint64_t offset)
{
	static const char zeros[MAX_BLOCK_SIZE];
	uint64_t done;
	int err = 0;

	for (done = 0; done < bytes && !err; done += sizeof(zeros))
		err = transfer(lun, NULL, zeros,
			       bytes - done < sizeof(zeros) ? bytes - done : sizeof(zeros),
			       offset + done, 0);
	return err;
}

EXPORT int vscsi_sync_write_zeroes(struct vscsi_lun *lun, uint64_t bytes, uint64_t offset,
				   uint32_t flags)
{
	struct part part = {.lun = lun, .flags = flags};
	struct sync_call *call;
	uint64_t left;
	int err;

	error_enter(__func__);
	err = check_range(lun, bytes, offset);
	if (err || !bytes)
		return err;
	err = sync_call_create(lun->dev, 0, 0, &call);
	if (err)
		return err;
	part.lba = offset / lun->block_size;
	for (left = bytes / lun->block_size; left && !err; left -= part.blocks) {
		/* Not 0 where there are blocks. */
		uint64_t most = lun->info.max_zeroes_blocks;

		part.lba += part.blocks;
		part.blocks = (uint32_t)(left < most ? left : most);
		err = sync_call_run(call, prepare_zeroes, &part);
	}
	if (err != -EOPNOTSUPP)
		return conclude(lun, call, err, "write zeroes");
	sync_call_destroy(call);
	return write_zeros(lun, bytes, offset);
}

static int prepare_compare(struct vscsi_queue *queue, struct sync_call *call, const void *ctx,
			   uint64_t user_data)
{
	const struct part *part = ctx;

	return vscsi_compare_and_write(queue, part->lun, call->data, call->data + call->len / 2,
				       part->lba, part->blocks, 0, user_data);
}

EXPORT int vscsi_sync_compare_and_write(struct vscsi_lun *lun, const void *compare,
					const void *data, uint64_t bytes, uint64_t offset)
{
	struct part part = {.lun = lun};
	struct sync_call *call;
	int err;

	error_enter(__func__);
	err = check_range(lun, bytes, offset);
	if (err || !bytes)
		return err;
	if (bytes / lun->block_size > lun->info.max_caw_blocks)
		return error_set(lun->info.max_caw_blocks ? -E2BIG : -EOPNOTSUPP,
				 "%llu bytes at once; LUN %u:%u takes %u blocks of %u",
				 (unsigned long long)bytes, lun->info.target, lun->info.lun,
				 lun->info.max_caw_blocks, lun->block_size);
	err = sync_call_create(lun->dev, 2 * bytes, 2 * bytes, &call);
	if (err)
		return err;
	part.lba = offset / lun->block_size;
	part.blocks = (uint32_t)(bytes / lun->block_size);
	memcpy(call->data, compare, bytes);
	memcpy(call->data + bytes, data, bytes);
	return conclude(lun, call, sync_call_run(call, prepare_compare, &part),
			"compare and write");
}

static uint64_t sum(const struct iovec *iov, unsigned count)
{
	uint64_t bytes = 0;
	unsigned i;

	for (i = 0; i < count; i++)
		bytes += iov[i].iov_len;
	return bytes;
}

/* Copies between the caller's segments and one piece of memory. */
static void copy(const struct iovec *iov, unsigned count, char *data, bool out)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		if (!iov[i].iov_len)
			continue;
		memcpy(out ? data : iov[i].iov_base, out ? iov[i].iov_base : data, iov[i].iov_len);
		data += iov[i].iov_len;
	}
}

/* The caller's command with one segment for each direction, in the call's memory. */
static int prepare_command(struct vscsi_queue *queue, struct sync_call *call, const void *ctx,
			   uint64_t user_data)
{
	const struct part *part = ctx;
	struct vscsi_command command = *part->command;
	uint64_t bytes = sum(command.out, command.out_count);
	struct iovec out = {.iov_base = call->data, .iov_len = bytes};
	struct iovec in = {.iov_base = call->data + bytes, .iov_len = call->len - bytes};

	command.out = &out;
	command.out_count = 1;
	command.in = &in;
	command.in_count = 1;
	return vscsi_command(queue, part->lun, &command, user_data);
}

int sync_command(struct vscsi_lun *lun, const struct vscsi_command *user,
		 struct vscsi_completion *completion)
{
	struct vscsi_command command;
	struct part part = {.lun = lun, .command = &command};
	struct sync_call *call;
	uint64_t bytes;
	uint64_t out;
	int err;

	err = options_copy(&command, sizeof(command), user);
	if (err)
		return err;
	if ((command.out_count && !command.out) || (command.in_count && !command.in))
		return error_set(-EINVAL, "a command with segments, and no array of them");
	out = sum(command.out, command.out_count);
	bytes = out + sum(command.in, command.in_count);
	err = sync_call_create(lun->dev, bytes, bytes, &call);
	if (err)
		return err;
	copy(command.out, command.out_count, call->data, true);
	err = sync_call_run(call, prepare_command, &part);
	if (err == SYNC_CALL_LEFT)
		return conclude(lun, call, err, "command");
	if (!err)
		copy(command.in, command.in_count, call->data + out, false);
	if (completion)
		*completion = call->completion;
	return conclude(lun, call, err, "command");
}

EXPORT int vscsi_sync_command(struct vscsi_lun *lun, const struct vscsi_command *command,
			      struct vscsi_completion *completion)
{
	error_enter(__func__);
	return sync_command(lun, command, completion);
}
