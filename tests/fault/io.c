/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios for a running device: requests, sleeping, events and task management. */
#include <errno.h>
#include <poll.h>
#include <sched.h>

#include "scenario.h"

#define SMALL    "?queues=2"
#define NO_IDX   "&event_idx=off"
#define REQUESTS 4u

/* A second handle, which shares a queue with the library's synchronous calls. */
static void setup_shared(struct world *w)
{
	const struct vscsi_queue_opts opts = {.size = sizeof(opts), .flags = VSCSI_QUEUE_SHARED};

	setup_all(w);
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

/* Returns whether all have completed; the first error is then in w->result. */
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
	/* The disk does not support it. */
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
 * The device answers only after a notification was requested, so that sleeping is unavoidable.
 * (Flag 1 of the driver's part of a ring: no notifications.)
 */
static bool answer_waiters(struct liar *liar, unsigned queue, const struct rig_chain *chain,
			   const uint8_t *cdb)
{
	(void)chain;
	(void)cdb;
	while (liar->lie && rig_avail_flags(liar->rig, queue) & 1)
		sched_yield();
	return false;
}

static void setup_waiter(struct world *w)
{
	setup_all(w);
	w->liar->lie = answer_waiters;
}

static void setup_waiter_shared(struct world *w)
{
	setup_shared(w);
	w->liar->lie = answer_waiters;
}

/* A signal interrupts vscsi_wait(), as documented; then sleep again. */
static int sleep_once(struct vscsi_queue *queue)
{
	int ret;

	do {
		ret = vscsi_wait(queue, 120000);
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

/* The application's own poll() on the descriptor, between arm and poll. */
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

/* Polls all events. Returns an error if one of them says that the device is lost. */
static int poll_events(struct world *w)
{
	struct vscsi_event events[32];
	int count;

	do {
		count = vscsi_dev_poll_events(w->liar->dev, events, 32);
	} while (count > 0);
	return count;
}

/* The device reports missed events, which triggers a scan. */
static void setup_missed(struct world *w)
{
	static const uint8_t no_lun[8];

	w->liar->luns = 20;
	w->liar->opts.config.max_lun = 19;
	setup_all(w);
	assert_int_equal(vscsi_dev_scan(w->liar->dev, NULL, 0), 20);
	w->liar->luns = 3;
	while (!liar_event(w->liar, VIRTIO_SCSI_T_EVENTS_MISSED, no_lun, 0, 16))
		;
}

/* The device's configuration changes, which is reported on the back-end channel. */
static void setup_changed(struct world *w)
{
	setup_all(w);
	rig_channel_send(w->liar->rig, 2, RIG_VERSION | RIG_NEED_REPLY, 0, NULL, 0, 0);
	/* Makes the rig's thread, which closes the channel at the end, aware that it was used. */
	assert_true(rig_connected(w->liar->rig));
}

static int reset_all(struct world *w)
{
	int err = vscsi_lun_reset(w->liar->lun);

	return err ? err : vscsi_target_reset(w->liar->dev, 0);
}

/*
 * Commands are kept until one is aborted; then all of them are, and those that come again served.
 */
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
	liar->hold = false;
	return false;
}

static void setup_kept(struct world *w)
{
	setup_all(w);
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

/* The back-end disconnects with unanswered requests, and accepts a new connection at once. */
static void setup_gone(struct world *w)
{
	setup_all(w);
	liar_hold(w->liar, REQUESTS);
	w->sent = REQUESTS;
	w->liar->hold = false;
	w->liar->kept_count = 0;
	rig_hang_up(w->liar->rig);
}

/* The rig continues at the used index, where the requests are that it had taken. */
static void setup_gone_tracked(struct world *w)
{
	w->liar->opts.protocol |= RIG_P_INFLIGHT;
	setup_gone(w);
}

static int reconnect(struct world *w)
{
	int err;

	if (!w->sent)
		send_some(w);
	while (!collect(w))
		;
	/* Completions have no error text; this call has one if the device has failed. */
	err = vscsi_abort(w->liar->queue, REQUESTS);
	return err == -ENOENT ? w->result : err;
}

const struct scenario io_scenarios[] = {
	{"asynchronous requests", setup_all, async, NO_TEXT | CHANNEL, SMALL},
	{"asynchronous requests on a shared queue", setup_shared, async, NO_TEXT | CHANNEL, SMALL},
	{"bounced synchronous calls", setup_all, sync_all, CHANNEL, SMALL},
	{"a raw command", setup_all, sync_command, CHANNEL, SMALL},
	{"sleep", setup_waiter, wait_for_all, NO_TEXT | CHANNEL, SMALL NO_IDX},
	{"sleep on a shared queue", setup_waiter_shared, wait_for_all, NO_TEXT | CHANNEL,
	 SMALL NO_IDX},
	{"sleep on the descriptor", setup_waiter, arm_for_all, NO_TEXT | CHANNEL, SMALL NO_IDX},
	{"sleep on a shared descriptor", setup_waiter_shared, arm_for_all, NO_TEXT | CHANNEL,
	 SMALL NO_IDX},
	{"missed events", setup_missed, poll_events, CHANNEL, SMALL},
	{"configuration change", setup_changed, poll_events, CHANNEL, SMALL},
	{"resets", setup_all, reset_all, CHANNEL, SMALL},
	{"reconnect", setup_gone, reconnect, PATH | RETRIED,
	 SMALL "&recovery=replay&recovery_ms=200"},
	{"reconnect with in-flight tracking", setup_gone_tracked, reconnect, PATH | RETRIED,
	 SMALL "&recovery=exact&recovery_ms=200"},
	{"abort", setup_kept, abort_one, NO_TEXT | CHANNEL, SMALL},
};
const unsigned io_scenario_count = ARRAY_LEN(io_scenarios);
