/* SPDX-License-Identifier: BSD-3-Clause */
/* The way that every peer is walked: find its units, move data, look at the disks themselves. */
#include <stdlib.h>

#include "peer.h"

#define MOST 16u

static void done(const struct peer *peer, const char *what, int err)
{
	if (err)
		fail_msg("%s: %s: %d, %s", peer->habit->name, what, err, vscsi_last_error());
}

static bool is_there(struct peer *peer, const struct vscsi_lun_addr *addr)
{
	unsigned i;

	for (i = 0; i < peer->unit_count; i++) {
		if (peer->units[i].target == addr->target && peer->units[i].lun == addr->lun)
			return true;
	}
	return false;
}

void walk_scan(struct peer *peer)
{
	struct vscsi_lun_addr found[MOST];
	int count = vscsi_dev_scan(peer->dev, found, MOST);
	int i;

	done(peer, "scan", count < 0 ? count : 0);
	assert_int_equal(count, peer->unit_count);
	for (i = 0; i < count; i++) {
		assert_int_equal(found[i].type, VSCSI_TYPE_DISK);
		assert_true(is_there(peer, &found[i]));
		/* In order, so that none is there twice. */
		assert_true(i == 0 || found[i].target > found[i - 1].target ||
			    (found[i].target == found[i - 1].target &&
			     found[i].lun > found[i - 1].lun));
	}
}

static void fill(uint8_t *data, size_t len, uint64_t seed)
{
	size_t i;

	for (i = 0; i < len; i++) {
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		data[i] = (uint8_t)(seed >> 56);
	}
}

/* Whether the disk itself has these data; nothing is in flight, so no other thread uses it. */
static void assert_on_disk(struct peer *peer, unsigned target, unsigned lun, uint64_t lba,
			   const uint8_t *data, size_t len)
{
	const uint8_t *disk = NULL;
	unsigned i;

	pthread_mutex_lock(&peer->lock);
	for (i = 0; i < peer->unit_count; i++) {
		if (peer->units[i].target == target && peer->units[i].lun == lun)
			disk = peer->units[i].data + lba * PEER_BLOCK;
	}
	pthread_mutex_unlock(&peer->lock);
	assert_non_null(disk);
	assert_memory_equal(disk, data, len);
}

/* The calls that wait: any memory, any length, split as the peer needs it. */
static void move_waiting(struct peer *peer, struct vscsi_lun *lun, unsigned target, unsigned number)
{
	static const struct {
		uint64_t lba;
		uint32_t blocks;
	} pieces[] = {{0, 1}, {PEER_BLOCKS - 1, 1}, {7, 8}, {1000, 300}, {5000, 9000}};
	uint8_t *data = malloc(2 * PEER_BYTES);
	uint8_t *back = data + PEER_BYTES;
	unsigned i;

	assert_non_null(data);
	for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		uint64_t at = pieces[i].lba * PEER_BLOCK;
		size_t len = (size_t)pieces[i].blocks * PEER_BLOCK;

		fill(data, len, at + target + number);
		memset(back, 0x5a, len);
		done(peer, "pwrite", vscsi_pwrite(lun, data, len, at, 0));
		assert_on_disk(peer, target, number, pieces[i].lba, data, len);
		done(peer, "pread", vscsi_pread(lun, back, len, at));
		assert_memory_equal(data, back, len);
	}
	done(peer, "sync_flush", vscsi_sync_flush(lun));
	free(data);
}

static void finish_one(struct peer *peer, struct vscsi_queue *queue)
{
	struct vscsi_completion completion;
	int count;

	done(peer, "submit", vscsi_submit(queue));
	do {
		count = vscsi_poll(queue, &completion, 1);
	} while (count == 0);
	assert_int_equal(count, 1);
	assert_int_equal(completion.result, 0);
	assert_int_equal(completion.residual, 0);
	assert_int_equal(completion.user_data, 77);
}

/* The same through a queue, with the data used in place. */
static void move_queued(struct peer *peer, struct vscsi_lun *lun, unsigned target, unsigned number)
{
	struct vscsi_mem *mem = vscsi_dev_mem(peer->dev);
	uint8_t *data = vscsi_mem_alloc(mem, 16 * PEER_BLOCK, 4096);
	uint8_t *back = vscsi_mem_alloc(mem, 16 * PEER_BLOCK, 4096);
	struct vscsi_queue *queue;

	assert_non_null(data);
	assert_non_null(back);
	done(peer, "queue_open", vscsi_queue_open(peer->dev, NULL, &queue));
	fill(data, 16 * PEER_BLOCK, target ^ number);
	memset(back, 0, 16 * PEER_BLOCK);
	done(peer, "write", vscsi_write(queue, lun, data, 4321, 16, 0, 77));
	finish_one(peer, queue);
	assert_on_disk(peer, target, number, 4321, data, 16 * PEER_BLOCK);
	done(peer, "read", vscsi_read(queue, lun, back, 4321, 16, 0, 77));
	finish_one(peer, queue);
	assert_memory_equal(data, back, 16 * PEER_BLOCK);
	done(peer, "flush", vscsi_flush(queue, lun, 77));
	finish_one(peer, queue);
	done(peer, "queue_close", vscsi_queue_close(queue));
	vscsi_mem_free(mem, data);
	vscsi_mem_free(mem, back);
}

void walk_unit(struct peer *peer, unsigned target, unsigned lun)
{
	struct vscsi_lun_info info = {.size = sizeof(info)};
	struct vscsi_lun *handle;

	done(peer, "lun_open", vscsi_lun_open(peer->dev, target, lun, NULL, &handle));
	assert_int_equal(vscsi_lun_get_info(handle, &info), 0);
	assert_int_equal(info.block_size, PEER_BLOCK);
	assert_int_equal(info.blocks, PEER_BLOCKS);
	assert_string_equal(info.product, "HABITUAL DISK");
	if (peer->habit->max_blocks)
		assert_int_equal(info.max_blocks, peer->habit->max_blocks);
	move_waiting(peer, handle, target, lun);
	move_queued(peer, handle, target, lun);
	assert_int_equal(vscsi_lun_close(handle), 0);
}

struct peer *walk(const struct habit *habit)
{
	struct peer *peer = peer_start(habit);
	unsigned i;

	walk_scan(peer);
	for (i = 0; i < habit->unit_count; i++)
		walk_unit(peer, habit->units[i].target, habit->units[i].lun);
	return peer;
}
