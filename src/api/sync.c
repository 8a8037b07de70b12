/* SPDX-License-Identifier: BSD-3-Clause */
/* The calls that wait: cutting into parts, copying, and the error text when a part fails. */
#include <errno.h>
#include <string.h>

#include <linux/virtio_scsi.h>
#include <vscsi/sync.h>

#include "api/sync.h"
#include "device/device.h"
#include "queue/call.h"
#include "queue/explain.h"
#include "scsi/cdb.h"
#include "scsi/lba_status.h"
#include "scsi/sense.h"
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

/*
 * How long a part may take, in milliseconds. A command with a limit of its own is aborted then, two
 * scans for late requests later at most, and has the time of two steps to come back: see
 * escalate.c.
 */
static uint64_t time_for(const struct vscsi_dev *dev, const struct vscsi_command *command)
{
	uint64_t ms = command ? command->timeout_ms : 0;

	if (!ms)
		return dev->opts.timeout_ms;
	if (ms == VSCSI_NO_TIMEOUT)
		return DEVICE_NO_LIMIT;
	return ms + ms / 4 + 2 * (uint64_t)dev->opts.task_timeout_ms;
}

/*
 * Ends a call that @err came out of, whose last part had @ms: sets the text, and frees the call
 * unless the device still has it.
 */
static int conclude_after(struct vscsi_lun *lun, struct call *call, int err, const char *what,
			  uint64_t ms)
{
	if (err == CALL_ABANDONED)
		return error_set(-ETIMEDOUT, "%s on LUN %u:%u: no answer in %llu ms", what,
				 lun->io.target, lun->io.number, (unsigned long long)ms);
	if (err == -EBUSY && !call->completion.status && !call->completion.response)
		error_set(err, "%s on LUN %u:%u: no slot of the queue became free in %llu ms", what,
			  lun->io.target, lun->io.number, (unsigned long long)ms);
	else if (err)
		completion_explain(lun->io.target, lun->io.number, &call->completion, err, what,
				   lun->dev->failure);
	call_destroy(call);
	return err;
}

static int conclude(struct vscsi_lun *lun, struct call *call, int err, const char *what)
{
	return conclude_after(lun, call, err, what, lun->dev->opts.timeout_ms);
}

/* Sends a part and waits for it. */
static int run(struct call *call,
	       int (*prepare)(struct vscsi_queue *queue, struct call *call, const void *ctx,
			      uint64_t user_data),
	       const struct part *part)
{
	struct vscsi_dev *dev = part->lun->dev;

	return device_run_call(dev, call, prepare, part, time_for(dev, part->command));
}

static int prepare_read(struct vscsi_queue *queue, struct call *call, const void *ctx,
			uint64_t user_data)
{
	const struct part *part = ctx;

	return vscsi_read(queue, part->lun, call->data, part->lba, part->blocks, part->flags,
			  user_data);
}

static int prepare_write(struct vscsi_queue *queue, struct call *call, const void *ctx,
			 uint64_t user_data)
{
	const struct part *part = ctx;

	return vscsi_write(queue, part->lun, call->data, part->lba, part->blocks, part->flags,
			   user_data);
}

/*
 * Checks that a byte range is one of whole blocks on the LUN, whose size another thread may be
 * about to learn again.
 */
static int check_range(struct vscsi_lun *lun, uint64_t bytes, uint64_t offset)
{
	const uint32_t size = lun->io.block_size;
	struct vscsi_lun_info info;

	if (!size)
		return error_set(-EINVAL, "LUN %u:%u has no blocks", lun->io.target,
				 lun->io.number);
	if (bytes % size || offset % size)
		return error_set(-EINVAL,
				 "%llu bytes at %llu: both must be multiples of the block size, %u",
				 (unsigned long long)bytes, (unsigned long long)offset, size);
	lun_get_info(lun, &info);
	if (!range_inside(offset / size, bytes / size, 0, info.blocks))
		return error_set(
			-EINVAL,
			"%llu bytes at %llu reach past the end of the LUN, %llu blocks of %u",
			(unsigned long long)bytes, (unsigned long long)offset,
			(unsigned long long)info.blocks, size);
	return 0;
}

static int check_flags(uint32_t flags, uint32_t known, const char *name)
{
	if (flags & ~known)
		return error_set(-EINVAL, "flags 0x%x: unknown bits; use %s or 0", flags, name);
	return 0;
}

/*
 * Whether a part of a call was too long because the device came back with a smaller limit: the call
 * goes on in smaller ones.
 */
static bool is_outdated(int err, uint32_t blocks, uint64_t limit)
{
	return err == -E2BIG && blocks > limit;
}

static uint32_t max_blocks(const struct vscsi_lun *lun)
{
	return IO_LUN_LIMIT(&lun->io, max_blocks);
}

static int transfer(struct vscsi_lun *lun, char *in, const char *out, uint64_t bytes,
		    uint64_t offset, uint32_t flags)
{
	uint64_t most = (uint64_t)max_blocks(lun) * lun->io.block_size;
	struct part part = {.lun = lun, .flags = flags};
	struct iovec source;
	struct call *call;
	uint64_t done;
	int err;

	err = check_range(lun, bytes, offset);
	if (err || !bytes)
		return err;
	if (most > PART_BYTES)
		most = PART_BYTES;
	err = call_create(lun->dev->sync, lun->io.block_size, bytes < most ? bytes : most, &call);
	if (err)
		return err;
	for (done = 0; !err && done < bytes;) {
		uint64_t len = bytes - done < call->len ? bytes - done : call->len;

		/* A device that comes back may take less than before. */
		part.lba = (offset + done) / lun->io.block_size;
		part.blocks = least(len / lun->io.block_size, max_blocks(lun));
		len = (uint64_t)part.blocks * lun->io.block_size;
		source = (struct iovec){(void *)(uintptr_t)(out + done), len};
		call->out = &source;
		call->out_count = out != NULL;
		call_copy_out(call);
		err = run(call, out ? prepare_write : prepare_read, &part);
		if (!err && in)
			memcpy(in + done, call->data, len);
		if (!err)
			done += len;
		else if (is_outdated(err, part.blocks, max_blocks(lun)))
			err = 0;
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
	int err;

	error_enter(__func__);
	err = check_flags(flags, VSCSI_IO_FUA, "VSCSI_IO_FUA");
	return err ? err : transfer(lun, NULL, buf, bytes, offset, flags);
}

static int prepare_flush(struct vscsi_queue *queue, struct call *call, const void *ctx,
			 uint64_t user_data)
{
	const struct part *part = ctx;

	(void)call;
	return vscsi_flush(queue, part->lun, user_data);
}

static int prepare_unmap(struct vscsi_queue *queue, struct call *call, const void *ctx,
			 uint64_t user_data)
{
	const struct part *part = ctx;

	(void)call;
	return vscsi_unmap(queue, part->lun, part->ranges, part->range_count, user_data);
}

static int prepare_zeroes(struct vscsi_queue *queue, struct call *call, const void *ctx,
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
	struct call *call;
	int err;

	error_enter(__func__);
	err = call_create(lun->dev->sync, 0, 0, &call);
	if (err)
		return err;
	return conclude(lun, call, run(call, prepare_flush, &part), "flush");
}

EXPORT int vscsi_sync_unmap(struct vscsi_lun *lun, const struct vscsi_range *ranges, unsigned count)
{
	struct call *call;
	unsigned i;
	int err;

	error_enter(__func__);
	for (i = 0; i < count; i++) {
		if (ranges[i].reserved)
			return error_set(-EINVAL, "range %u: its reserved field is not 0", i);
	}
	err = call_create(lun->dev->sync, 0, 0, &call);
	if (err)
		return err;
	/* One range a command: simple, and no limit on the sum of a list has to be kept. */
	for (i = 0; i < count && !err; i++) {
		struct vscsi_range left = ranges[i];

		while (left.blocks && !err) {
			struct vscsi_range now = left;
			struct part part = {.lun = lun, .ranges = &now, .range_count = 1};
			uint32_t most = IO_LUN_LIMIT(&lun->io, max_unmap_blocks);

			/* 0 where there is no UNMAP, which is the answer then. */
			now.blocks = least(left.blocks, most ? most : 1);
			err = run(call, prepare_unmap, &part);
			if (!err) {
				left.lba += now.blocks;
				left.blocks -= now.blocks;
			} else if (is_outdated(err, now.blocks,
					       IO_LUN_LIMIT(&lun->io, max_unmap_blocks))) {
				err = 0;
			}
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
	struct call *call;
	uint64_t left;
	int err;

	error_enter(__func__);
	err = check_flags(flags, VSCSI_IO_UNMAP, "VSCSI_IO_UNMAP");
	if (!err)
		err = check_range(lun, bytes, offset);
	if (err || !bytes)
		return err;
	err = call_create(lun->dev->sync, 0, 0, &call);
	if (err)
		return err;
	part.lba = offset / lun->io.block_size;
	for (left = bytes / lun->io.block_size; left && !err;) {
		/* Not 0 where there are blocks. */
		uint64_t most = IO_LUN_LIMIT(&lun->io, max_zeroes_blocks);

		part.blocks = (uint32_t)(left < most ? left : most);
		err = run(call, prepare_zeroes, &part);
		if (!err) {
			part.lba += part.blocks;
			left -= part.blocks;
		} else if (is_outdated(err, part.blocks,
				       IO_LUN_LIMIT(&lun->io, max_zeroes_blocks))) {
			err = 0;
		}
	}
	if (err != -EOPNOTSUPP)
		return conclude(lun, call, err, "write zeroes");
	call_destroy(call);
	return write_zeros(lun, bytes, offset);
}

static int prepare_compare(struct vscsi_queue *queue, struct call *call, const void *ctx,
			   uint64_t user_data)
{
	const struct part *part = ctx;

	return vscsi_compare_and_write(queue, part->lun, call->data, call->data + call->len / 2,
				       part->lba, part->blocks, 0, user_data);
}

EXPORT int vscsi_sync_compare_and_write(struct vscsi_lun *lun, const void *compare,
					const void *data, uint64_t bytes, uint64_t offset)
{
	const uint32_t most = io_lun_max_caw(&lun->io);
	struct part part = {.lun = lun};
	struct call *call;
	int err;

	error_enter(__func__);
	err = check_range(lun, bytes, offset);
	if (err || !bytes)
		return err;
	if (bytes / lun->io.block_size > most)
		return error_set(most ? -E2BIG : -EOPNOTSUPP,
				 "%llu bytes at once; LUN %u:%u takes %u blocks of %u",
				 (unsigned long long)bytes, lun->io.target, lun->io.number, most,
				 lun->io.block_size);
	err = call_create(lun->dev->sync, 2 * bytes, 2 * bytes, &call);
	if (err)
		return err;
	part.lba = offset / lun->io.block_size;
	part.blocks = (uint32_t)(bytes / lun->io.block_size);
	memcpy(call->data, compare, bytes);
	memcpy(call->data + bytes, data, bytes);
	return conclude(lun, call, run(call, prepare_compare, &part), "compare and write");
}

/* At most 2^63 - 1: no memory has that much, and two of them can be added. */
static uint64_t sum(const struct iovec *iov, unsigned count)
{
	uint64_t bytes = 0;
	unsigned i;

	for (i = 0; i < count; i++) {
		uint64_t room = INT64_MAX - bytes;

		bytes += iov[i].iov_len < room ? iov[i].iov_len : room;
	}
	return bytes;
}

/* Copies to the caller's segments. */
static void copy_in(const struct iovec *iov, unsigned count, const char *data)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		if (!iov[i].iov_len)
			continue;
		memcpy(iov[i].iov_base, data, iov[i].iov_len);
		data += iov[i].iov_len;
	}
}

/* The caller's command with one segment for each direction, in the call's memory. */
static int prepare_command(struct vscsi_queue *queue, struct call *call, const void *ctx,
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
	return vscsi_prepare_command(queue, part->lun, &command, user_data);
}

static int check_command(const struct vscsi_command *command)
{
	if (command->cdb_len < SCSI_MIN_CDB || command->cdb_len > VSCSI_MAX_CDB)
		return error_set(command->cdb_len > VSCSI_MAX_CDB ? -E2BIG : -EINVAL,
				 "a CDB of %u bytes; it has %u to %u", command->cdb_len,
				 SCSI_MIN_CDB, VSCSI_MAX_CDB);
	if (command->attr > VSCSI_ATTR_ACA)
		return error_set(-EINVAL, "attr %u: unknown; use VSCSI_ATTR_*", command->attr);
	if ((command->out_count && !command->out) || (command->in_count && !command->in))
		return error_set(-EINVAL, "a command with segments, and no array of them");
	return check_flags(command->flags, VSCSI_COMMAND_REPEATABLE, "VSCSI_COMMAND_REPEATABLE");
}

int sync_command(struct vscsi_lun *lun, const struct vscsi_command *user,
		 struct vscsi_completion *completion)
{
	struct vscsi_command command;
	struct part part = {.lun = lun, .command = &command};
	struct call *call;
	uint64_t bytes;
	uint64_t out;
	int err;

	err = options_copy(&command, sizeof(command), user);
	if (!err)
		err = check_command(&command);
	if (err)
		return err;
	out = sum(command.out, command.out_count);
	bytes = out + sum(command.in, command.in_count);
	err = call_create(lun->dev->sync, bytes, bytes, &call);
	if (err)
		return err;
	call->out = command.out;
	call->out_count = command.out_count;
	call_copy_out(call);
	/* The memory had other users, and a short transfer leaves some of it as it was. */
	if (bytes > out)
		memset(call->data + out, 0, bytes - out);
	err = run(call, prepare_command, &part);
	/* Data may come with a failure too, such as a recovered or a medium error. */
	if (!err || (call->completion.result && !call->completion.response))
		copy_in(command.in, command.in_count, call->data + out);
	/* One that could not be sent has none: the call's error is all there is. */
	if (completion && (!err || call->completion.result))
		*completion = call->completion;
	return conclude_after(lun, call, err, "command", time_for(lun->dev, &command));
}

/* Runs of one GET LBA STATUS: more than the devices known here send at once, and 2 KiB. */
#define MAX_RUNS 127u

EXPORT int vscsi_sync_get_extents(struct vscsi_lun *lun, uint64_t bytes, uint64_t offset,
				  struct vscsi_extent *out, unsigned max)
{
	uint8_t data[SCSI_LBA_STATUS_LEN(MAX_RUNS)] = {0};
	const struct iovec in = {.iov_base = data, .iov_len = sizeof(data)};
	struct vscsi_command command = {
		.size = sizeof(command), .cdb_len = SCSI_CDB_LEN, .in = &in, .in_count = 1};
	struct scsi_lba_run runs[MAX_RUNS];
	struct vscsi_completion completion = {0};
	uint64_t lba;
	int count;
	int err;
	int i;

	error_enter(__func__);
	err = check_range(lun, bytes, offset);
	if (err)
		return err;
	if (!max)
		return error_set(-EINVAL, "no room for an extent");
	if (!bytes)
		return 0;
	lba = offset / lun->io.block_size;
	scsi_cdb_get_lba_status(command.cdb, lba, sizeof(data));
	err = sync_command(lun, &command, &completion);
	/* An unknown service action is an invalid field. */
	if (err && completion.sense_key == SCSI_KEY_ILLEGAL_REQUEST && completion.asc == 0x24)
		return error_set(-EOPNOTSUPP, "LUN %u:%u doesn't know GET LBA STATUS",
				 lun->io.target, lun->io.number);
	if (err)
		return err;
	count = scsi_lba_status_parse(data, sizeof(data) - completion.residual, lba, runs,
				      least(max, MAX_RUNS));
	if (count < 0)
		return error_set(count,
				 "GET LBA STATUS on LUN %u:%u: the answer doesn't begin at block "
				 "%llu",
				 lun->io.target, lun->io.number, (unsigned long long)lba);
	for (i = 0; i < count && bytes; i++) {
		const uint64_t whole = runs[i].blocks * lun->io.block_size;

		out[i] = (struct vscsi_extent){
			.offset = offset,
			.bytes = whole < bytes ? whole : bytes,
			.state = runs[i].status,
		};
		offset += out[i].bytes;
		bytes -= out[i].bytes;
	}
	return i;
}

EXPORT int vscsi_sync_command(struct vscsi_lun *lun, const struct vscsi_command *command,
			      struct vscsi_completion *completion)
{
	error_enter(__func__);
	return sync_command(lun, command, completion);
}
