/* SPDX-License-Identifier: BSD-3-Clause */
/* Not the device lies here: an application is careless, within what the calls promise to refuse. */
#include "liar.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define PIECE (UINT64_C(512) << 20)

/* With header and response it would be a chain of more than 2^32 bytes (virtio 1.4, 2.7.5.2). */
static void nearly_four_gib(void **state)
{
	struct vscsi_command command = {
		.size = sizeof(command), .cdb_len = 16, .cdb = {0x88}, .in_count = 8};
	struct liar *liar = *state;
	struct iovec iov[8];
	int fd = memfd_create("large", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *memory;
	unsigned i;

	liar_up(liar);
	/* Never touched, so it takes no memory. */
	assert_int_equal(ftruncate(fd, (off_t)PIECE), 0);
	memory = mmap(NULL, PIECE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	assert_int_equal(vscsi_mem_register(vscsi_dev_mem(liar->dev), memory, PIECE, fd, 0), 0);
	for (i = 0; i < 8; i++)
		iov[i] = (struct iovec){memory, PIECE};
	command.in = iov;
	assert_int_equal(vscsi_prepare_command(liar->queue, liar->lun, &command, 0), -E2BIG);
	iov[7].iov_len = PIECE - 1;
	assert_int_equal(vscsi_prepare_command(liar->queue, liar->lun, &command, 0), -E2BIG);
	iov[7].iov_len = PIECE - 51 - 108;
	assert_int_equal(vscsi_prepare_command(liar->queue, liar->lun, &command, 0), -E2BIG);
	iov[7].iov_len = PIECE - 51 - 108 - 1;
	liar->hold = true;
	assert_int_equal(vscsi_prepare_command(liar->queue, liar->lun, &command, 0), 0);
	assert_int_equal(vscsi_submit(liar->queue), 0);
	liar_wait_kept(liar, 1);
	/* Nothing of it transferred, and that is not taken for everything. */
	memset(rig_response(&liar->kept[0]), 0, 108);
	rig_put(liar->rig, LIAR_QUEUE, liar->kept[0].head, 108);
	assert_int_equal(liar_outcome(liar).residual, 8 * PIECE - 51 - 108 - 1);
	assert_int_equal(vscsi_mem_unregister(vscsi_dev_mem(liar->dev), memory), 0);
	munmap(memory, PIECE);
	close(fd);
	told("a transfer of nearly 4 GiB", "refused from where its length would wrap");
}

static void segments_without_an_array(void **state)
{
	struct vscsi_command command = {.size = sizeof(command), .cdb_len = 6};
	struct liar *liar = *state;

	liar_up(liar);
	command.in_count = 1;
	assert_int_equal(vscsi_prepare_command(liar->queue, liar->lun, &command, 0), -EINVAL);
	assert_int_equal(vscsi_sync_command(liar->lun, &command, NULL), -EINVAL);
	command.in_count = 0;
	command.out_count = 1;
	assert_int_equal(vscsi_prepare_command(liar->queue, liar->lun, &command, 0), -EINVAL);
	assert_int_equal(vscsi_sync_command(liar->lun, &command, NULL), -EINVAL);
	assert_non_null(strstr(vscsi_last_error(), "is NULL although"));
	told("segments without an array", "refused");
}

/* What its sum makes of them would be a small buffer. */
static void lengths_that_wrap(void **state)
{
	struct vscsi_command command = {.size = sizeof(command), .cdb_len = 6};
	struct liar *liar = *state;
	char data[512] = {0};
	struct iovec iov[2] = {{data, SIZE_MAX}, {data, sizeof(data) + 1}};

	liar_up(liar);
	command.in = iov;
	command.in_count = 2;
	assert_int_equal(vscsi_sync_command(liar->lun, &command, NULL), -ENOMEM);
	command.out = iov;
	command.out_count = 1;
	assert_int_equal(vscsi_sync_command(liar->lun, &command, NULL), -ENOMEM);
	iov[0].iov_len = SIZE_MAX - sizeof(data);
	assert_int_equal(vscsi_sync_command(liar->lun, &command, NULL), -ENOMEM);
	assert_int_equal(vscsi_prepare_command(liar->queue, liar->lun, &command, 0), -EFAULT);
	told("lengths that wrap", "refused");
}

static void closes_in_the_wrong_order(void **state)
{
	struct liar *liar = *state;

	liar_up(liar);
	liar_hold(liar, 1);
	assert_int_equal(vscsi_dev_close(liar->dev), -EBUSY);
	assert_int_equal(vscsi_lun_close(liar->lun), -EBUSY);
	assert_int_equal(vscsi_queue_close(liar->queue), -EBUSY);
	liar_serve(liar, LIAR_QUEUE, &liar->kept[0]);
	assert_int_equal(liar_outcome(liar).result, 0);
	assert_int_equal(vscsi_dev_close(liar->dev), -EBUSY);
	told("closes in the wrong order", "busy, nothing has happened");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		LIAR_TEST(nearly_four_gib),
		LIAR_TEST(segments_without_an_array),
		LIAR_TEST(lengths_that_wrap),
		LIAR_TEST(closes_in_the_wrong_order),
	};

	return cmocka_run_group_tests_name("hostile careless", tests, NULL, NULL);
}
