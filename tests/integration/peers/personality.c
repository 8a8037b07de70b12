/* SPDX-License-Identifier: BSD-3-Clause */
/* One test for each kind of back-end: the way that all are walked, and what it alone does. */
#include <sched.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "peer.h"

#define REQUEST 2u

static struct vscsi_lun *open_unit(struct peer *peer)
{
	struct vscsi_lun *lun;

	assert_int_equal(vscsi_lun_open(peer->dev, 0, 0, NULL, &lun), 0);
	return lun;
}

static void read_block(struct vscsi_lun *lun)
{
	uint8_t data[PEER_BLOCK];

	assert_int_equal(vscsi_pread(lun, data, sizeof(data), 0), 0);
}

/* Sends a command with a buffer of 64 bytes for data-in. */
static struct vscsi_completion ask(struct vscsi_lun *lun, const uint8_t cdb[6], int expected)
{
	uint8_t data[64] = {0};
	struct iovec in = {data, sizeof(data)};
	struct vscsi_command command = {
		.size = sizeof(command), .cdb_len = 6, .in = &in, .in_count = 1};
	struct vscsi_completion end;

	memcpy(command.cdb, cdb, 6);
	assert_int_equal(vscsi_sync_command(lun, &command, &end), expected);
	return end;
}

static const uint8_t unknown_command[6] = {0xc0};
static const uint8_t inquiry[6] = {0x12, 0, 0, 0, 64};

/*
 * Ends the connection at a short read, and its answers are minimal: no lengths, no response for an
 * absent target, and sense with a FAILURE.
 */
static void test_contrib(void **state)
{
	struct vscsi_completion end;
	struct vscsi_lun *lun;
	struct peer *peer;

	(void)state;
	CONFORMS("R-SPLIT-35", "R-HARD-05", "R-SCSI-34", "R-SCSI-53", "R-VU-05", "R-VU-38",
		 "R-VU-75");
	peer = walk(&habit_contrib);
	assert_int_equal(rig_seen(peer->rig, RIG_GET_CONFIG), 0);
	assert_true(vscsi_lun_open(peer->dev, 0, 1, NULL, &lun) < 0);
	assert_true(vscsi_lun_open(peer->dev, 1, 0, NULL, &lun) < 0);
	lun = open_unit(peer);
	end = ask(lun, unknown_command, -EOPNOTSUPP);
	assert_int_equal(end.response, VIRTIO_SCSI_S_FAILURE);
	assert_int_equal(end.status, 2);
	assert_int_equal(end.sense_key, 5);
	assert_int_equal(end.asc, 0x20);
	/* What the response doesn't tell the sense does. */
	assert_non_null(strstr(vscsi_last_error(), "(5/20/00)"));
	/* The control queue is not served; everything else works during and after the reset. */
	assert_int_equal(vscsi_lun_reset(lun), -ETIMEDOUT);
	read_block(lun);
	assert_int_equal(vscsi_lun_close(lun), 0);
	peer_stop(peer);
}

/* All rings, from the first on, none left out: it starts with the first three that it has. */
static void assert_start_order(struct peer *peer)
{
	unsigned started = rig_seen(peer->rig, RIG_SET_VRING_KICK);
	unsigned i;

	assert_int_equal(started, 4);
	for (i = 0; i < started; i++)
		assert_int_equal(rig_value(peer->rig, RIG_SET_VRING_KICK, i), i);
}

/* Memory that comes later: all rings stop, as it stops whole, and all start again. */
static void add_memory(struct peer *peer)
{
	struct vscsi_mem *mem = vscsi_dev_mem(peer->dev);
	size_t len = 1 << 20;
	int fd = memfd_create("later", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *addr;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)len), 0);
	addr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(addr, MAP_FAILED);
	assert_int_equal(vscsi_mem_register(mem, addr, len, fd, 0), 0);
	assert_int_equal(rig_seen(peer->rig, RIG_GET_VRING_BASE), 4);
	walk_unit(peer, 0, 0);
	assert_int_equal(vscsi_mem_unregister(mem, addr), 0);
	walk_unit(peer, 3, 0);
	munmap(addr, len);
	close(fd);
}

static void resize(struct peer *peer, struct vscsi_lun *lun)
{
	static const uint8_t addr[8] = {1, 0, 0x40, 0};
	struct vscsi_event event;

	pthread_mutex_lock(&peer->lock);
	peer->units[0].asc = 0x2a;
	peer->units[0].ascq = 0x09;
	pthread_mutex_unlock(&peer->lock);
	peer_event(peer, VIRTIO_SCSI_T_PARAM_CHANGE, addr, 0x092a);
	assert_int_equal(vscsi_dev_poll_events(peer->dev, &event, 1), 1);
	assert_int_equal(event.type, VSCSI_EVENT_RESIZED);
	/* The unit attention that follows is the same news, and no failure. */
	read_block(lun);
	while (vscsi_dev_poll_events(peer->dev, &event, 1) > 0)
		assert_int_equal(event.type, VSCSI_EVENT_RESIZED);
}

/* The residual says that nothing was taken, and GOOD that it was done; the latter counts. */
static void unmap(struct peer *peer, struct vscsi_lun *lun)
{
	const struct vscsi_range range = {.lba = 64, .blocks = 2};
	static const uint8_t zeros[2 * PEER_BLOCK];
	uint8_t data[2 * PEER_BLOCK];

	memset(data, 0x77, sizeof(data));
	assert_int_equal(vscsi_pwrite(lun, data, sizeof(data), 64 * PEER_BLOCK, 0), 0);
	assert_int_equal(vscsi_sync_unmap(lun, &range, 1), 0);
	pthread_mutex_lock(&peer->lock);
	assert_memory_equal(peer->units[0].data + 64 * PEER_BLOCK, zeros, sizeof(zeros));
	pthread_mutex_unlock(&peer->lock);
}

/* Starts and stops as a whole, polls, has no event index, and answers only what it must. */
static void test_spdk(void **state)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};
	struct vscsi_completion end;
	struct vscsi_lun *lun;
	struct peer *peer;
	uint64_t kicks;

	(void)state;
	CONFORMS("R-SCSI-28", "R-VU-75", "R-HARD-05");
	peer = walk(&habit_spdk);
	assert_int_equal(vscsi_dev_get_info(peer->dev, &info), 0);
	assert_int_equal(info.queues, 2);
	assert_start_order(peer);
	add_memory(peer);
	/* It has the target and not the unit. */
	assert_int_equal(vscsi_lun_open(peer->dev, 0, 1, NULL, &lun), -ENODEV);
	lun = open_unit(peer);
	/* Where there is no sense its length is not written: what stands there is old. */
	end = ask(lun, unknown_command, -EOPNOTSUPP);
	assert_int_equal(end.sense_len, 18);
	end = ask(lun, inquiry, 0);
	assert_int_equal(end.residual, 64 - 36);
	assert_int_equal(end.sense_len, 0);
	unmap(peer, lun);
	peer_wait_serving(peer);
	kicks = rig_kicks(peer->rig, REQUEST) + rig_kicks(peer->rig, REQUEST + 1);
	walk_unit(peer, 7, 0);
	assert_int_equal(rig_kicks(peer->rig, REQUEST) + rig_kicks(peer->rig, REQUEST + 1), kicks);
	assert_int_equal(vscsi_lun_reset(lun), 0);
	assert_true(vscsi_target_reset(peer->dev, 0) < 0);
	resize(peer, lun);
	assert_int_equal(vscsi_lun_close(lun), 0);
	peer_stop(peer);
}

/* Accepts one form of LUN, ends at any SET_CONFIG, and leaves the residual of reads at 0. */
static void test_rust(void **state)
{
	struct vscsi_completion end;
	struct vscsi_lun *lun;
	struct peer *peer;

	(void)state;
	CONFORMS("R-SCSI-34", "R-SCSI-56", "R-VU-71", "R-VU-74");
	peer = walk(&habit_rust);
	assert_true(rig_seen(peer->rig, RIG_GET_CONFIG) > 0);
	assert_int_equal(rig_seen(peer->rig, RIG_SET_CONFIG), 0);
	lun = open_unit(peer);
	end = ask(lun, inquiry, 0);
	/* 36 bytes came, which only the used length tells. */
	assert_int_equal(end.residual, 64 - 36);
	assert_int_equal(vscsi_lun_close(lun), 0);
	peer_stop(peer);
}

static void expect_plugged(struct peer *peer, unsigned target, unsigned lun)
{
	struct vscsi_event event[2];
	int count;

	/* A call never waits for the scan: it goes on with it. */
	while (!(count = vscsi_dev_poll_events(peer->dev, event, 2)))
		sched_yield();
	assert_int_equal(count, 1);
	assert_int_equal(event[0].type, VSCSI_EVENT_PLUGGED);
	assert_int_equal(event[0].target, target);
	assert_int_equal(event[0].lun, lun);
}

/* Never sets a used length, not even that of an event, and takes event buffers of one size only. */
static void test_linux(void **state)
{
	static const uint8_t addr[8] = {1, 0, 0, 5};
	struct peer *peer;

	(void)state;
	CONFORMS("R-SPLIT-35", "R-HARD-05", "R-SCSI-84");
	peer = walk(&habit_linux);
	peer_plug(peer, 0, 5);
	peer_event(peer, VIRTIO_SCSI_T_TRANSPORT_RESET, addr, VIRTIO_SCSI_EVT_RESET_RESCAN);
	expect_plugged(peer, 0, 5);
	walk_unit(peer, 0, 5);
	peer_stop(peer);
}

/* No protocol features, so one request queue, and no message that would need one. */
static void test_minimal(void **state)
{
	static const uint32_t none[] = {RIG_GET_PROTOCOL_FEATURES,
					RIG_SET_PROTOCOL_FEATURES,
					RIG_GET_QUEUE_NUM,
					RIG_SET_VRING_ENABLE,
					RIG_SET_BACKEND_REQ_FD,
					RIG_GET_CONFIG,
					RIG_SET_STATUS,
					RIG_ADD_MEM_REG};
	struct vscsi_dev_info info = {.size = sizeof(info)};
	struct peer *peer;
	unsigned i;

	(void)state;
	CONFORMS("R-VU-26", "R-VU-75");
	peer = walk(&habit_minimal);
	assert_int_equal(vscsi_dev_get_info(peer->dev, &info), 0);
	assert_int_equal(info.queues, 1);
	assert_int_equal(info.protocol_features, 0);
	for (i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_int_equal(rig_seen(peer->rig, none[i]), 0);
	peer_stop(peer);
}

/* Claims to have written more than it can, and tells of lost events with no address. */
static void test_qemu(void **state)
{
	static const uint8_t zeros[8];
	static const uint8_t addr[8] = {1, 9, 0, 1};
	struct vscsi_completion end;
	struct vscsi_lun *lun;
	struct peer *peer;

	(void)state;
	CONFORMS("R-SCSI-34", "R-SCSI-56", "R-SCSI-86", "R-SPLIT-35");
	peer = walk(&habit_qemu);
	lun = open_unit(peer);
	/* Nothing came, and the residual says that all of it did: the result is what counts. */
	end = ask(lun, unknown_command, -EOPNOTSUPP);
	assert_int_equal(end.residual, 0);
	assert_int_equal(end.sense_key, 5);
	/* Here it is right, though the used length says otherwise. */
	end = ask(lun, inquiry, 0);
	assert_int_equal(end.residual, 64 - 36);
	assert_int_equal(vscsi_lun_close(lun), 0);
	peer_plug(peer, 9, 1);
	peer_event(peer, VIRTIO_SCSI_T_TRANSPORT_RESET, addr, VIRTIO_SCSI_EVT_RESET_RESCAN);
	expect_plugged(peer, 9, 1);
	peer_plug(peer, 40, 2);
	peer_event(peer, VIRTIO_SCSI_T_EVENTS_MISSED | VIRTIO_SCSI_T_NO_EVENT, zeros, 0);
	expect_plugged(peer, 40, 2);
	walk_unit(peer, 40, 2);
	peer_stop(peer);
}

/* No known back-end is like that: every format of ring, with and without what goes with it. */
static void test_rings_of_all_kinds(void **state)
{
	static const uint64_t kinds[] = {
		RIG_F_IN_ORDER,
		RIG_F_IN_ORDER | RIG_F_INDIRECT | RIG_F_EVENT_IDX,
		RIG_F_PACKED,
		RIG_F_PACKED | RIG_F_INDIRECT,
		RIG_F_PACKED | RIG_F_INDIRECT | RIG_F_EVENT_IDX,
		RIG_F_PACKED | RIG_F_IN_ORDER,
		RIG_F_PACKED | RIG_F_IN_ORDER | RIG_F_INDIRECT | RIG_F_EVENT_IDX,
	};
	unsigned i;

	(void)state;
	CONFORMS("R-PACK-46", "R-VU-52");
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct habit habit = habit_minimal;
		struct peer *peer;

		habit.features |= kinds[i];
		peer = walk(&habit);
		assert_int_equal(rig_value(peer->rig, RIG_SET_FEATURES, 0), habit.features);
		peer_stop(peer);
	}
}

int personality_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contrib),
		cmocka_unit_test(test_spdk),
		cmocka_unit_test(test_rust),
		cmocka_unit_test(test_linux),
		cmocka_unit_test(test_minimal),
		cmocka_unit_test(test_qemu),
		cmocka_unit_test(test_rings_of_all_kinds),
	};

	return cmocka_run_group_tests_name("peers/personality", tests, NULL, NULL);
}
