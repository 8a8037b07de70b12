/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Raw SCSI commands: sense data is returned as the target sent it, and short transfers are
 * reported.
 */
#include "disk.h"

#include <errno.h>

#define OP_TEST_UNIT_READY 0x00
#define OP_INQUIRY         0x12
#define OP_READ_10         0x28
#define OP_UNKNOWN         0xc1

static void start(struct fixture *f)
{
	START(f, "--lun=0:0,ram=16M,serial=RAW");
	open_disk(f, "");
}

static const struct vscsi_command inquiry = {
	.size = sizeof(inquiry),
	.cdb_len = 6,
	.cdb = {OP_INQUIRY, 0, 0, 0, 255},
	.in_count = 1,
};

static void asynchronous_inquiry(void **state)
{
	struct vscsi_command command = inquiry;
	struct vscsi_completion done;
	struct fixture *f = *state;
	struct iovec iov;
	char *data;

	CONFORMS("R-SCSI-54");
	start(f);
	data = alloc_dma(f, 256);
	memset(data, 0xee, 256);
	iov = (struct iovec){data, 255};
	command.in = &iov;
	assert_int_equal(vscsi_prepare_command(f->queue, f->lun, &command, 9), 0);
	/* Only the data buffer is still used. */
	memset(&command, 0xff, sizeof(command));
	memset(&iov, 0xff, sizeof(iov));
	collect(f->queue, &done, 1);
	assert_int_equal(done.user_data, 9);
	assert_int_equal(done.result, 0);
	/* The target has only 96 bytes. */
	assert_int_equal(done.residual, 255 - 96);
	assert_memory_equal(data + 8, "VSCSI   TARGET DISK     ", 24);
	assert_int_equal((uint8_t)data[96], 0xee);
}

static void unknown_command(void **state)
{
	struct vscsi_command command = {
		.size = sizeof(command),
		.cdb_len = 6,
		.cdb = {OP_UNKNOWN},
	};
	struct vscsi_completion done;
	struct fixture *f = *state;

	start(f);
	assert_int_equal(vscsi_prepare_command(f->queue, f->lun, &command, 1), 0);
	collect(f->queue, &done, 1);
	assert_int_equal(done.result, -EOPNOTSUPP);
	assert_int_equal(done.response, 0);
	assert_int_equal(done.status, 2);
	assert_int_equal(done.sense_key, 5);
	assert_int_equal(done.asc, 0x20);
	assert_int_equal(done.ascq, 0);
	/* Fixed format: offsets of key and code (SPC-4, 4.5.3). */
	assert_in_range(done.sense_len, 18, 40);
	assert_int_equal(done.sense[0] & 0x7f, 0x70);
	assert_int_equal(done.sense[2] & 0x0f, 5);
	assert_int_equal(done.sense[12], 0x20);
	/* The next request in the same slot is not affected. */
	assert_works(f);
}

static void synchronous_with_any_memory(void **state)
{
	struct vscsi_command command = {
		.size = sizeof(command),
		.cdb_len = 10,
		.cdb = {OP_READ_10, 0, 0, 0, 0, 8, 0, 0, 2},
		.in_count = 2,
	};
	struct vscsi_completion done;
	struct fixture *f = *state;
	struct iovec iov[2];
	char memory[1024 + 8];
	char written[1024];

	start(f);
	fill(written, sizeof(written), 4);
	assert_int_equal(vscsi_pwrite(f->lun, written, sizeof(written), 8 * 512, 0), 0);
	iov[0] = (struct iovec){memory + 1, 700};
	iov[1] = (struct iovec){memory + 705, 324};
	command.in = iov;
	assert_int_equal(vscsi_sync_command(f->lun, &command, &done), 0);
	assert_int_equal(done.residual, 0);
	assert_memory_equal(memory + 1, written, 700);
	assert_memory_equal(memory + 705, written + 700, 324);
}

/* Not what was in the library's memory before. */
static void synchronous_short_transfer(void **state)
{
	struct vscsi_command command = inquiry;
	struct vscsi_completion done;
	struct fixture *f = *state;
	char memory[255], zeros[255] = {0}, written[1024];
	struct iovec iov = {memory, sizeof(memory)};

	start(f);
	memset(written, 0xee, sizeof(written));
	assert_int_equal(vscsi_pwrite(f->lun, written, sizeof(written), 0, 0), 0);
	command.in = &iov;
	memset(memory, 0xdd, sizeof(memory));
	assert_int_equal(vscsi_sync_command(f->lun, &command, &done), 0);
	assert_int_equal(done.residual, 255 - 96);
	assert_memory_equal(memory + 8, "VSCSI   TARGET DISK     ", 24);
	assert_memory_equal(memory + 96, zeros, 255 - 96);
	/* A page that it doesn't have: the failure came with no data. */
	command.cdb[1] = 1;
	command.cdb[2] = 0xcf;
	assert_int_equal(vscsi_sync_command(f->lun, &command, &done), -EREMOTEIO);
	assert_memory_equal(memory, zeros, sizeof(memory));
}

static void synchronous_failure(void **state)
{
	struct vscsi_command command = {
		.size = sizeof(command),
		.cdb_len = 6,
		.cdb = {OP_UNKNOWN},
	};
	struct vscsi_completion done;
	struct fixture *f = *state;

	start(f);
	assert_int_equal(vscsi_sync_command(f->lun, &command, &done), -EOPNOTSUPP);
	assert_error_text("vscsi_sync_command");
	assert_error_text("5/20/00");
	assert_int_equal(done.result, -EOPNOTSUPP);
	assert_int_equal(done.sense_key, 5);
	assert_int_equal(vscsi_sync_command(f->lun, &command, NULL), -EOPNOTSUPP);
}

static void no_data(void **state)
{
	struct vscsi_command command = {
		.size = sizeof(command),
		.cdb_len = 6,
		.cdb = {OP_TEST_UNIT_READY},
		.attr = VSCSI_ATTR_ORDERED,
	};
	struct fixture *f = *state;

	CONFORMS("R-SCSI-39");
	start(f);
	assert_int_equal(vscsi_prepare_command(f->queue, f->lun, &command, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	assert_works(f);
}

/* The target returns OVERRUN if the buffer is shorter than the command's data. */
static void buffer_too_short(void **state)
{
	struct vscsi_command command = {
		.size = sizeof(command),
		.cdb_len = 10,
		.cdb = {OP_READ_10, 0, 0, 0, 0, 0, 0, 0, 2},
		.in_count = 1,
	};
	struct vscsi_completion done;
	struct fixture *f = *state;
	struct iovec iov;

	start(f);
	iov = (struct iovec){alloc_dma(f, 512), 512};
	command.in = &iov;
	assert_int_equal(vscsi_prepare_command(f->queue, f->lun, &command, 0), 0);
	collect(f->queue, &done, 1);
	assert_int_equal(done.response, 1);
	assert_int_equal(done.result, -EOVERFLOW);
	assert_works(f);
}

static void invalid_commands(void **state)
{
	struct vscsi_command command = {
		.size = sizeof(command),
		.cdb_len = 6,
		.cdb = {OP_TEST_UNIT_READY},
	};
	struct fixture *f = *state;
	struct iovec iov;

	start(f);
	iov = (struct iovec){alloc_dma(f, 512), 512};
	command.cdb_len = 5;
	assert_int_equal(vscsi_prepare_command(f->queue, f->lun, &command, 0), -EINVAL);
	command.cdb_len = VSCSI_MAX_CDB + 1;
	assert_int_equal(vscsi_prepare_command(f->queue, f->lun, &command, 0), -E2BIG);
	command.cdb_len = 6;
	command.attr = VSCSI_ATTR_ACA + 1;
	assert_int_equal(vscsi_prepare_command(f->queue, f->lun, &command, 0), -EINVAL);
	command.attr = VSCSI_ATTR_SIMPLE;
	command.in_count = 1;
	assert_int_equal(vscsi_prepare_command(f->queue, f->lun, &command, 0), -EINVAL);
	command.in = &iov;
	command.size = 4;
	assert_int_not_equal(vscsi_prepare_command(f->queue, f->lun, &command, 0), 0);
	assert_works(f);
}

/*
 * Bidirectional data is sent with INOUT, and rejected by the library without it (virtio 1.4,
 * 5.6.6.1.1).
 */
static void bidirectional_data(void **state)
{
	struct vscsi_command command = {
		.size = sizeof(command),
		.cdb_len = 6,
		.cdb = {OP_UNKNOWN},
		.out_count = 1,
		.in_count = 1,
	};
	struct vscsi_completion done;
	struct fixture *f = *state;
	struct iovec iov[2];

	CONFORMS("R-SCSI-04");
	start(f);
	iov[0] = (struct iovec){alloc_dma(f, 512), 512};
	iov[1] = (struct iovec){alloc_dma(f, 512), 512};
	command.out = &iov[0];
	command.in = &iov[1];
	assert_int_equal(vscsi_prepare_command(f->queue, f->lun, &command, 0), 0);
	collect(f->queue, &done, 1);
	assert_int_equal(done.sense_key, 5);
	assert_int_equal(done.asc, 0x20);
	close_all(f);
	open_disk(f, "?inout=off");
	iov[0] = (struct iovec){alloc_dma(f, 512), 512};
	iov[1] = (struct iovec){alloc_dma(f, 512), 512};
	assert_int_equal(vscsi_prepare_command(f->queue, f->lun, &command, 0), -EOPNOTSUPP);
	command.in_count = 0;
	assert_int_equal(vscsi_prepare_command(f->queue, f->lun, &command, 0), 0);
	assert_int_equal(submit_one(f->queue), -EOPNOTSUPP);
	assert_works(f);
}

int main(void)
{
	static const struct CMUnitTest raw[] = {
		TEST(asynchronous_inquiry),
		TEST(unknown_command),
		TEST(synchronous_with_any_memory),
		TEST(synchronous_short_transfer),
		TEST(synchronous_failure),
		TEST(no_data),
		TEST(buffer_too_short),
		TEST(invalid_commands),
		TEST(bidirectional_data),
	};

	return RUN_TESTS(raw);
}
