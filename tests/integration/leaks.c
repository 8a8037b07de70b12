/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Repeated opening and closing leaks no file descriptor and no mapping, whether opening succeeds or
 * fails.
 */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>

#include "../counts.h"

/*
 * Counts mappings of files, memfds and hugepages, which are all that the library maps itself.
 * Anonymous mappings belong to the allocator, and a sanitizer's grow with every allocation.
 */
#define OF_FILES "/"

/* Runs a round once for one-time allocations, then repeatedly. */
static void assert_no_growth(struct fixture *f, void (*round)(struct fixture *f), unsigned rounds)
{
	unsigned maps;
	unsigned fds;
	unsigned i;

	round(f);
	fds = count_fds();
	maps = count_maps(OF_FILES);
	for (i = 0; i < rounds; i++)
		round(f);
	assert_int_equal(count_fds(), fds);
	assert_int_equal(count_maps(OF_FILES), maps);
}

static void use_all(struct fixture *f)
{
	struct vscsi_queue *second;

	open_disk(f, "?mem=2M&queues=3");
	assert_int_equal(vscsi_queue_open(f->dev, NULL, &second), 0);
	assert_works(f);
	assert_int_equal(vscsi_queue_close(second), 0);
	close_all(f);
}

static void open_and_close(void **state)
{
	struct fixture *f = *state;

	CONFORMS("R-VU-112");
	START(f, "--lun=0:0,ram=16M");
	assert_no_growth(f, use_all, 200);
}

static void fail_opens(struct fixture *f)
{
	struct vscsi_lun *lun;

	assert_int_equal(vscsi_dev_open("vhost-user:first.sock?config=on&mem=2M", NULL, &f->dev),
			 -EOPNOTSUPP);
	assert_int_equal(vscsi_dev_open("vhost-user:first.sock?inout=on&mem=2M", NULL, &f->dev),
			 -EOPNOTSUPP);
	assert_int_not_equal(
		vscsi_dev_open("vhost-user:first.sock?queue_size=512&mem=2M", NULL, &f->dev), 0);
	assert_int_equal(vscsi_dev_open("vhost-user:first.sock?queues=8&queue_size=1024&mem=2M",
					NULL, &f->dev),
			 -ENOMEM);
	assert_int_equal(vscsi_dev_open("vhost-user:absent.sock", NULL, &f->dev), -ENOENT);
	assert_null(f->dev);
	open_dev(f, "?mem=2M");
	assert_int_equal(vscsi_lun_open(f->dev, 9, 9, NULL, &lun), -ENODEV);
	close_all(f);
}

static void failing_opens(void **state)
{
	struct fixture *f = *state;

	CONFORMS("R-VU-112");
	START(f, "--lun=0:0,ram=16M", "--off=config,inout", "--queue-size=128");
	assert_no_growth(f, fail_opens, 50);
}

static void lose_device(struct fixture *f)
{
	START(f, "--lun=0:0,ram=16M");
	open_disk(f, "?mem=2M");
	target_kill(&f->target);
	assert_int_equal(vscsi_sync_flush(f->lun), -ENOTCONN);
	close_all(f);
}

static void lost_devices(void **state)
{
	assert_no_growth(*state, lose_device, 50);
}

/* Descriptors that a child program would inherit. */
static void descriptors_are_close_on_exec(void **state)
{
	struct fixture *f = *state;
	unsigned before[1024];
	unsigned fd;

	CONFORMS("R-VU-111");
	START(f, "--lun=0:0,ram=16M");
	for (fd = 0; fd < ARRAY_LEN(before); fd++)
		before[fd] = fcntl((int)fd, F_GETFD) >= 0;
	open_disk(f, "");
	for (fd = 0; fd < ARRAY_LEN(before); fd++) {
		int flags = fcntl((int)fd, F_GETFD);

		if (!before[fd] && flags >= 0)
			assert_int_equal(flags & FD_CLOEXEC, FD_CLOEXEC);
	}
}

int main(void)
{
	static const struct CMUnitTest leaks[] = {
		TEST(open_and_close),
		TEST(failing_opens),
		TEST(lost_devices),
		TEST(descriptors_are_close_on_exec),
	};

	return RUN_TESTS(leaks);
}
