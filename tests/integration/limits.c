/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sizes and limits of the target and of the library: rings, queues, segments, sectors, commands per
 * LUN, and start addresses of memory.
 */
#include "disk.h"

#include <errno.h>

static struct vscsi_dev_info info_of(struct fixture *f)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};

	assert_int_equal(vscsi_dev_get_info(f->dev, &info), 0);
	assert_int_equal(info.errors, 0);
	return info;
}

/*
 * Writes and reads with a full queue, several rounds: every ring entry is used, and the ring wraps.
 */
static void fill_the_ring(struct fixture *f)
{
	struct vscsi_queue_info info = {.size = sizeof(info)};
	static struct vscsi_completion done[1024];
	unsigned round;
	unsigned i;
	char *data;

	assert_int_equal(vscsi_queue_get_info(f->queue, &info), 0);
	data = alloc_dma(f, info.depth * 512ul);
	for (round = 0; round < 6; round++) {
		for (i = 0; i < info.depth; i++) {
			fill(data + i * 512ul, 512, (round & ~1u) * 5000 + i);
			if (round & 1)
				memset(data + i * 512ul, 0, 512);
			assert_int_equal((round & 1 ? vscsi_read(f->queue, f->lun, data + i * 512ul,
								 i, 1, 0, i)
						    : vscsi_write(f->queue, f->lun,
								  data + i * 512ul, i, 1, 0, i)),
					 0);
		}
		/* A request is never accepted partially. */
		assert_int_equal(vscsi_read(f->queue, f->lun, data, 0, 1, 0, i), -EAGAIN);
		collect(f->queue, done, info.depth);
		for (i = 0; i < info.depth; i++) {
			assert_int_equal(done[i].result, 0);
			assert_true(holds(data + i * 512ul, 512, (round & ~1u) * 5000 + i));
		}
	}
	assert_int_equal(vscsi_mem_free(vscsi_dev_mem(f->dev), data), 0);
}

static void ring_sizes(void **state)
{
	static const char *const modes[] = {"--mode=eventfd", "--mode=poll"};
	char options[64];
	struct fixture *f = *state;
	unsigned size;
	unsigned variant;
	unsigned i;

	CONFORMS("R-PACK-17", "R-PACK-20", "R-PACK-21");
	for (i = 0; i < ARRAY_LEN(modes); i++) {
		START(f, "--lun=0:0,ram=16M", "--cmd-per-lun=100000", modes[i]);
		for (size = 4; size <= 1024; size *= 2) {
			for (variant = 0; variant < 4; variant++) {
				snprintf(options, sizeof(options), "?queue_size=%u%s%s", size,
					 variant & 1 ? "&indirect=off" : "",
					 variant & 2 ? "&event_idx=off" : "");
				open_disk(f, options);
				assert_int_equal(info_of(f).queue_size, size);
				assert_true(info_of(f).max_segs + 2 <= size);
				fill_the_ring(f);
				assert_works(f);
				close_all(f);
			}
		}
		assert_true(target_stop(&f->target));
	}
}

/* A target with smaller rings than requested: vhost-user does not report this in advance. */
static void ring_too_large(void **state)
{
	struct fixture *f = *state;

	START(f, "--lun=0:0,ram=16M", "--queue-size=64");
	assert_int_not_equal(vscsi_dev_open("vhost-user:first.sock?queue_size=128", NULL, &f->dev),
			     0);
	assert_error_text("vscsi_dev_open");
	assert_null(f->dev);
	open_disk(f, "?queue_size=64");
	assert_works(f);
}

static void queue_counts(void **state)
{
	static const unsigned wanted[] = {1, 2, 3, 7, 8, 9, 254};
	char options[64];
	struct fixture *f = *state;
	unsigned i;

	CONFORMS("R-SCSI-03");
	START(f, "--lun=0:0,ram=16M", "--queues=8");
	for (i = 0; i < ARRAY_LEN(wanted); i++) {
		snprintf(options, sizeof(options), "?queues=%u", wanted[i]);
		open_disk(f, options);
		assert_int_equal(info_of(f).queues, wanted[i] < 8 ? wanted[i] : 8);
		assert_works(f);
		close_all(f);
	}
}

/* As many as vhost-user messages can address, or as the target has. */
static void maximum_queues(void **state)
{
	struct vscsi_queue_info info = {.size = sizeof(info)};
	struct vscsi_queue_opts exclusive = {.size = sizeof(exclusive),
					     .flags = VSCSI_QUEUE_EXCLUSIVE};
	const uint32_t most = target_max_queues();
	struct vscsi_queue *queues[253];
	struct fixture *f = *state;
	uint32_t i;
	char *data;

	CONFORMS("R-SCSI-03");
	START(f, "--lun=0:0,ram=16M", "--queues=254", "--queue-size=16");
	open_dev(f, "?queues=254&queue_size=16");
	assert_int_equal(vscsi_lun_open(f->dev, 0, 0, NULL, &f->lun), 0);
	assert_int_equal(info_of(f).queues, most);
	data = alloc_dma(f, 512);
	for (i = 0; i < most - 1; i++) {
		assert_int_equal(vscsi_queue_open(f->dev, &exclusive, &queues[i]), 0);
		assert_int_equal(vscsi_queue_get_info(queues[i], &info), 0);
		assert_int_equal(info.index, i + 1);
		fill(data, 512, i);
		assert_int_equal(vscsi_write(queues[i], f->lun, data, i, 1, 0, 0), 0);
		assert_int_equal(submit_one(queues[i]), 0);
		memset(data, 0, 512);
		assert_int_equal(vscsi_read(queues[i], f->lun, data, i, 1, 0, 0), 0);
		assert_int_equal(submit_one(queues[i]), 0);
		assert_true(holds(data, 512, i));
	}
	for (i = 0; i < most - 1; i++)
		assert_int_equal(vscsi_queue_close(queues[i]), 0);
}

/* A target with one request queue: threads share it with synchronous calls. */
static void single_request_queue(void **state)
{
	struct vscsi_queue_info info = {.size = sizeof(info)};
	struct fixture *f = *state;

	START(f, "--lun=0:0,ram=16M", "--queues=1");
	open_disk(f, "?queues=4");
	assert_int_equal(info_of(f).queues, 1);
	assert_int_equal(vscsi_queue_get_info(f->queue, &info), 0);
	assert_int_equal(info.index, 0);
	assert_int_equal(info.exclusive, 0);
	fill_the_ring(f);
	assert_works(f);
}

static void separate_guest_addresses(void **state)
{
	static const char *const options[] = {
		"?guest_base=0x100000000",
		"?guest_base=0x100000000&mem_slots=off",
		"?guest_base=4096&indirect=off",
		"?guest_base=1T&mem=64M",
	};
	struct fixture *f = *state;
	unsigned i;

	CONFORMS("R-VU-36");
	START(f, "--lun=0:0,ram=16M");
	for (i = 0; i < ARRAY_LEN(options); i++) {
		open_disk(f, options[i]);
		fill_the_ring(f);
		assert_works(f);
		close_all(f);
	}
}

/* Transfers are limited by max_sectors, in units of 512 bytes for every block size. */
static void sectors(void **state)
{
	struct fixture *f = *state;
	char *memory = malloc(MIB);
	char *data;

	CONFORMS("R-SCSI-14");
	assert_non_null(memory);
	START(f, "--lun=0:0,ram=16M,block=4096", "--max-sectors=24");
	open_disk(f, "");
	assert_int_equal(f->info.max_blocks, 3);
	data = alloc_dma(f, 16384);
	assert_int_equal(vscsi_read(f->queue, f->lun, data, 0, 4, 0, 0), -E2BIG);
	assert_int_equal(vscsi_read(f->queue, f->lun, data, 0, 3, 0, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	fill(memory, MIB, 5);
	assert_int_equal(vscsi_pwrite(f->lun, memory, MIB, 4096, 0), 0);
	memset(memory, 0, MIB);
	assert_int_equal(vscsi_pread(f->lun, memory, MIB, 4096), 0);
	assert_true(holds(memory, MIB, 5));
	free(memory);
}

static void segments(void **state)
{
	struct fixture *f = *state;
	struct iovec iov[4];
	char *data;
	unsigned i;

	CONFORMS("R-SCSI-13", "R-PACK-16", "R-PACK-25");
	START(f, "--lun=0:0,ram=16M", "--seg-max=3");
	open_disk(f, "");
	assert_int_equal(info_of(f).max_segs, 3);
	data = alloc_dma(f, 8192);
	for (i = 0; i < 4; i++)
		iov[i] = (struct iovec){data + 1024 * i, 512};
	assert_int_equal(vscsi_readv(f->queue, f->lun, iov, 4, 0, 4, 0, 0), -E2BIG);
	/* Two of them are contiguous: three segments are left. */
	iov[3].iov_base = data + 1024 * 2 + 512;
	fill(data, 8192, 1);
	assert_int_equal(vscsi_writev(f->queue, f->lun, iov, 4, 0, 4, 0, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	close_all(f);
	open_disk(f, "?max_segs=1");
	assert_int_equal(info_of(f).max_segs, 1);
	data = alloc_dma(f, 8192);
	for (i = 0; i < 2; i++)
		iov[i] = (struct iovec){data + 1024 * i, 512};
	assert_int_equal(vscsi_readv(f->queue, f->lun, iov, 2, 0, 2, 0, 0), -E2BIG);
	assert_works(f);
}

/* cmd_per_lun is counted over all queues, separately for each LUN. */
static void limit_cmd_per_lun(void **state)
{
	struct vscsi_completion done[8];
	struct vscsi_queue *other;
	struct fixture *f = *state;
	struct vscsi_lun *lun;
	char *data;

	CONFORMS("R-SCSI-11");
	START(f, "--lun=0:0,ram=16M", "--lun=0:1,ram=16M", "--cmd-per-lun=3");
	open_disk(f, "?queues=3");
	assert_int_equal(f->info.queue_limit, 3);
	data = alloc_dma(f, 4096);
	assert_int_equal(vscsi_lun_open(f->dev, 0, 1, NULL, &lun), 0);
	assert_int_equal(vscsi_queue_open(f->dev, NULL, &other), 0);
	assert_int_equal(vscsi_read(f->queue, f->lun, data, 0, 1, 0, 0), 0);
	assert_int_equal(vscsi_read(f->queue, f->lun, data + 512, 0, 1, 0, 0), 0);
	assert_int_equal(vscsi_read(other, f->lun, data + 1024, 0, 1, 0, 0), 0);
	assert_int_equal(vscsi_read(other, f->lun, data + 1536, 0, 1, 0, 0), -EAGAIN);
	assert_int_equal(vscsi_read(f->queue, f->lun, data + 1536, 0, 1, 0, 0), -EAGAIN);
	assert_int_equal(vscsi_read(other, lun, data + 2048, 0, 1, 0, 0), 0);
	collect(f->queue, done, 2);
	assert_int_equal(vscsi_read(other, f->lun, data + 1536, 0, 1, 0, 0), 0);
	collect(other, done, 3);
	assert_int_equal(vscsi_queue_close(other), 0);
	assert_int_equal(vscsi_lun_close(lun), 0);
	assert_works(f);
}

/*
 * Several queues, each filled without polling until it is full: the requests in flight never exceed
 * the limit, and each queue gets a share.
 */
static void cmd_per_lun_with_several_queues(void **state)
{
	static struct vscsi_completion done[40];
	struct vscsi_queue *queues[3];
	struct fixture *f = *state;
	unsigned out[3];
	unsigned round;
	unsigned i;
	char *data;

	CONFORMS("R-SCSI-11");
	START(f, "--lun=0:0,ram=16M", "--queues=4", "--cmd-per-lun=40");
	open_disk(f, "?queues=4");
	assert_int_equal(f->info.queue_limit, 40);
	data = alloc_dma(f, 512);
	queues[0] = f->queue;
	for (i = 1; i < 3; i++)
		assert_int_equal(vscsi_queue_open(f->dev, NULL, &queues[i]), 0);
	for (round = 0; round < 60; round++) {
		for (i = 0; i < 3; i++) {
			unsigned k = (round + i) % 3;

			/* At most half of what is left, so that the last queue gets a share. */
			for (out[k] = 0; out[k] < 40u >> (i + 1); out[k]++) {
				if (vscsi_read(queues[k], f->lun, data, 0, 1, 0, 0))
					break;
			}
			assert_true(out[k] >= 5);
		}
		while (vscsi_read(f->queue, f->lun, data, 0, 1, 0, 0) == 0)
			out[0]++;
		assert_in_range(out[0] + out[1] + out[2], 20, 40);
		for (i = 0; i < 3; i++)
			collect(queues[i], done, out[i]);
	}
	for (i = 1; i < 3; i++)
		assert_int_equal(vscsi_queue_close(queues[i]), 0);
	assert_works(f);
}

int main(void)
{
	static const struct CMUnitTest limits[] = {
		TEST(ring_sizes),
		TEST(ring_too_large),
		TEST(queue_counts),
		TEST(maximum_queues),
		TEST(single_request_queue),
		TEST(separate_guest_addresses),
		TEST(sectors),
		TEST(segments),
		TEST(limit_cmd_per_lun),
		TEST(cmd_per_lun_with_several_queues),
	};

	return RUN_TESTS(limits);
}
