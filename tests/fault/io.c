/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests, sleeping, events and task management on a device that runs. */
#include <errno.h>
#include <poll.h>
#include <sched.h>

#include "scenario.h"

#define SMALL    "?queues=2"
#define NO_IDX   "&event_idx=off"
#define REQUESTS 4u

/* A second handle, which shares a queue with the library's own calls. */
static void up_shared(struct world *w)
{
	const struct vscsi_queue_opts opts = {.size = sizeof(opts), .flags = VSCSI_QUEUE_SHARED};

	up_all(w);
	assert_int_equal(vscsi_queue_close(w->liar->queue), 0);
	w->liar->queue = NULL;
	assert_int_equal(vscsi_queue_open(w->liar->dev, &opts, &w->liar->queue), 0);
}

static int send_some(struct world *w)
{
	unsigned i;
	int err = 0;

	w->result = 0;
	for (i = 0; i < REQUESTS && !err; i++) {
		err = i % 2 ? vscsi_write(w->liar->queue, w->liar->lun, w->liar->buf, i, 1, 0, i)
			    : vscsi_read(w->liar->queue, w->liar->lun, w->liar->buf, i, 1, 0, i);
		w->sent += !err;
	}
	return err ? err : vscsi_submit(w->liar->queue);
}

/* Returns whether all have come; the first error of theirs is w->result then. */
static bool collect(struct world *w)
{
	struct vscsi_completion done[REQUESTS];
	int count = vscsi_poll(w->liar->queue, done, REQUESTS);
	int i;

	for (i = 0; i < count; i++) {
		assert_true(w->sent > 0);
		w->sent--;
		if (!w->result)
			w->result = done[i].result;
	}
	if (count < 0)
		assert_int_equal(w->sent, 0);
	return !w->sent;
}

static int async(struct world *w)
{
	int err = send_some(w);

	while (!collect(w))
		;
	return err ? err : w->result;
}

static int sync_all(struct world *w)
{
	static const struct vscsi_range range = {.lba = 1, .blocks = 1};
	struct vscsi_lun *lun = w->liar->lun;
	int err = vscsi_pread(lun, w->data, WORLD_OWN, 0);

	if (!err)
		err = vscsi_pwrite(lun, w->data, WORLD_OWN, 0, 0);
	if (!err)
		err = vscsi_sync_flush(lun);
	if (!err)
		err = vscsi_sync_write_zeroes(lun, 4 * LIAR_BLOCK, 0, 0);
	if (!err)
		err = vscsi_sync_unmap(lun, &range, 1);
	/* The disk doesn't say that it can. */
	return err == -EOPNOTSUPP ? 0 : err;
}

static int sync_command(struct world *w)
{
	const struct iovec in = {w->data, 4096};
	const struct vscsi_command command = {
		.size = sizeof(command), .cdb_len = 6, .cdb = {0x12}, .in = &in, .in_count = 1};

	return vscsi_sync_command(w->liar->lun, &command, NULL);
}

/*
 * The device answers only when it was asked for a notification, so that there is no way around the
 * sleep. (Flag 1 of the driver's half of a ring: none is wanted.)
 */
static bool answer_sleepers(struct liar *liar, unsigned queue, const struct rig_chain *chain,
			    const uint8_t *cdb)
{
	(void)chain;
	(void)cdb;
	while (liar->lie && rig_avail_flags(liar->rig, queue) & 1)
		sched_yield();
	return false;
}

static void up_sleeper(struct world *w)
{
	up_all(w);
	w->liar->lie = answer_sleepers;
}

static void up_sleeper_shared(struct world *w)
{
	up_shared(w);
	w->liar->lie = answer_sleepers;
}

/* A signal ends vscsi_wait(), as its manual says; then one sleeps again. */
static int sleep_once(struct vscsi_queue *queue)
{
	int ret;

	do {
		ret = vscsi_wait(queue, 10000);
	} while (ret == -EINTR);
	assert_int_not_equal(ret, 0);
	return ret < 0 ? ret : 0;
}

static int wait_for_all(struct world *w)
{
	int err = w->sent ? 0 : send_some(w);

	while (!err && !collect(w))
		err = sleep_once(w->liar->queue);
	return err ? err : w->result;
}

/* The application's own poll() on the descriptor, between arming and polling. */
static int arm_for_all(struct world *w)
{
	struct pollfd pfd = {.events = POLLIN};
	int err = w->sent ? 0 : send_some(w);

	while (!err && !collect(w)) {
		pfd.fd = vscsi_queue_fd(w->liar->queue);
		if (pfd.fd < 0)
			return pfd.fd;
		err = vscsi_arm(w->liar->queue);
		if (!err && poll(&pfd, 1, 10000) < 0 && errno != EINTR)
			return -errno;
		err = err < 0 ? err : 0;
	}
	return err ? err : w->result;
}

/* All of them. That the device is lost is one of them, and then there is an error. */
static int hear(struct world *w)
{
	struct vscsi_event events[32];
	int count;

	do {
		count = vscsi_dev_poll_events(w->liar->dev, events, 32);
	} while (count > 0);
	return count;
}

/* The device says that it has lost events, so that all is scanned. */
static void up_missed(struct world *w)
{
	static const uint8_t nobody[8];

	w->liar->luns = 20;
	w->liar->opts.config.max_lun = 19;
	up_all(w);
	assert_int_equal(vscsi_dev_scan(w->liar->dev, NULL, 0), 20);
	w->liar->luns = 3;
	while (!liar_event(w->liar, VIRTIO_SCSI_T_EVENTS_MISSED, nobody, 0, 16))
		;
}

/* The device's configuration changes, which comes by the back-end's channel. */
static void up_changed(struct world *w)
{
	up_all(w);
	rig_channel_send(w->liar->rig, 2, RIG_VERSION | RIG_NEED_REPLY, 0, NULL, 0, 0);
	/* The rig's thread, which closes the channel in the end, knows by this that it was used. */
	assert_true(rig_connected(w->liar->rig));
}

static int reset_all(struct world *w)
{
	int err = vscsi_lun_reset(w->liar->lun);

	return err ? err : vscsi_target_reset(w->liar->dev, 0);
}

/* The commands are kept until they are aborted; then all of them are answered. */
static bool answer_aborted(struct liar *liar, const struct rig_chain *chain,
			   const struct virtio_scsi_ctrl_tmf_req *request)
{
	const struct rig_reply aborted = {.response = VIRTIO_SCSI_S_ABORTED};
	unsigned i;

	(void)chain;
	(void)request;
	for (i = 0; i < liar->kept_count; i++)
		rig_complete(liar->rig, LIAR_QUEUE, &liar->kept[i], &aborted);
	liar->kept_count = 0;
	return false;
}

static void up_kept(struct world *w)
{
	up_all(w);
	w->liar->task = answer_aborted;
	liar_hold(w->liar, REQUESTS);
	w->sent = REQUESTS;
}

static int abort_one(struct world *w)
{
	int err = w->sent ? vscsi_abort(w->liar->queue, 0) : 0;

	while (!collect(w))
		;
	return err ? err : w->result == -ECANCELED ? 0 : w->result;
}

/* The back-end goes with requests that it has not answered; it is there again at once. */
static void up_gone(struct world *w)
{
	up_all(w);
	liar_hold(w->liar, REQUESTS);
	w->sent = REQUESTS;
	w->liar->hold = false;
	w->liar->kept_count = 0;
	rig_hang_up(w->liar->rig);
}

/* The rig goes on at the used index, where the requests are that it had taken. */
static void up_gone_tracked(struct world *w)
{
	w->liar->opts.protocol |= RIG_P_INFLIGHT;
	up_gone(w);
}

static int come_back(struct world *w)
{
	int err;

	if (!w->sent)
		send_some(w);
	while (!collect(w))
		;
	/* Completions have no sentence; this has one where the device was given up. */
	err = vscsi_abort(w->liar->queue, REQUESTS);
	return err == -ENOENT ? w->result : err;
}

const struct scenario io_scenarios[] = {
	{"asynchronous requests", up_all, async, SILENT | CHANNEL, SMALL},
	{"asynchronous requests on a shared queue", up_shared, async, SILENT | CHANNEL, SMALL},
	{"calls that copy", up_all, sync_all, CHANNEL, SMALL},
	{"a raw command", up_all, sync_command, CHANNEL, SMALL},
	{"sleep", up_sleeper, wait_for_all, SILENT | CHANNEL, SMALL NO_IDX},
	{"sleep on a shared queue", up_sleeper_shared, wait_for_all, SILENT | CHANNEL,
	 SMALL NO_IDX},
	{"sleep on the descriptor", up_sleeper, arm_for_all, SILENT | CHANNEL, SMALL NO_IDX},
	{"sleep on a shared descriptor", up_sleeper_shared, arm_for_all, SILENT | CHANNEL,
	 SMALL NO_IDX},
	{"events that were missed", up_missed, hear, CHANNEL, SMALL},
	{"a change of the configuration", up_changed, hear, CHANNEL, SMALL},
	{"resets", up_all, reset_all, CHANNEL, SMALL},
	{"a back-end that comes back", up_gone, come_back, PATH | RETRIED,
	 SMALL "&recovery=replay&recovery_ms=200"},
	{"a back-end that comes back to what it had", up_gone_tracked, come_back, PATH | RETRIED,
	 SMALL "&recovery=exact&recovery_ms=200"},
	{"abort", up_kept, abort_one, SILENT | CHANNEL, SMALL},
};
const unsigned io_scenario_count = ARRAY_LEN(io_scenarios);
