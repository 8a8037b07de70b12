/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device that answers late, only in part, or no more. Every wait has an end, memory that the
 * device may still use stays its own until then, and nothing is returned twice.
 */
#include "clock.h"
#include "liar.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#define CONFIG_CHANGE 2u /* a message of the back-end's */

/* The limit for each answer, which passes when the back-end has what it will not answer. */
#define LIMIT_MS 600000u
#define OPTIONS  "?timeout_ms=600000"

static bool keep_command(struct liar *liar, unsigned queue, const struct rig_chain *chain,
			 const uint8_t *cdb)
{
	bool kept = liar_keep(liar, queue, chain, cdb);

	clock_skip(LIMIT_MS + 1000);
	return kept;
}

static bool keep_function(struct liar *liar, const struct rig_chain *chain,
			  const struct virtio_scsi_ctrl_tmf_req *request)
{
	(void)request;
	return keep_command(liar, 0, chain, NULL);
}

static void keep_message(struct rig *rig, void *ctx)
{
	(void)rig;
	(void)ctx;
	clock_skip(LIMIT_MS + 1000);
}

static void resets_never_answered(void **state)
{
	struct liar *liar = *state;
	unsigned i;

	liar->options = OPTIONS;
	liar_up(liar);
	liar->task = keep_function;
	for (i = 0; i < 8; i++)
		assert_int_equal(vscsi_lun_reset(liar->lun), -ETIMEDOUT);
	assert_int_equal(vscsi_lun_reset(liar->lun), -EBUSY);
	/* What was late is taken back, and serves again. */
	liar_wait_kept(liar, 8);
	for (i = 0; i < 8; i++)
		rig_put(liar->rig, 0, liar->kept[i].head, 1);
	liar->task = NULL;
	for (i = 0; i < 20; i++)
		assert_int_equal(vscsi_lun_reset(liar->lun), 0);
	told("8 resets never answered", "timed out, then busy, then works again");
}

static void answer_to_no_reset(void **state)
{
	struct liar *liar = *state;

	liar_up(liar);
	assert_int_equal(vscsi_lun_reset(liar->lun), 0);
	rig_put(liar->rig, 0, 0, 1);
	assert_int_equal(vscsi_lun_reset(liar->lun), -EPROTO);
	assert_non_null(strstr(vscsi_last_error(), "the used index exceeds"));
	assert_false(liar_runs(liar));
	told("answers a reset that was not asked for", "lost: the used index exceeds");
}

/* The reset is answered first and the commands only then, backwards. */
static void completes_after_the_reset(void **state)
{
	const struct rig_reply reset = {.response = VIRTIO_SCSI_S_RESET};
	struct liar *liar = *state;
	bool seen[16] = {false};
	struct vscsi_completion done;
	unsigned i;

	CONFORMS("R-HARD-15");
	liar_up(liar);
	liar_hold(liar, 16);
	assert_int_equal(vscsi_lun_reset(liar->lun), 0);
	assert_int_equal(vscsi_poll(liar->queue, &done, 1), 0);
	assert_int_equal(vscsi_lun_close(liar->lun), -EBUSY);
	for (i = 16; i-- > 0;)
		rig_complete(liar->rig, LIAR_QUEUE, &liar->kept[i], &reset);
	for (i = 0; i < 16; i++) {
		assert_int_equal(vscsi_poll(liar->queue, &done, 1), 1);
		assert_int_equal(done.result, -ECANCELED);
		assert_false(seen[done.user_data]);
		seen[done.user_data] = true;
	}
	assert_int_equal(vscsi_poll(liar->queue, &done, 1), 0);
	told("completes after the reset was answered", "16 of 16 cancelled, each once");
}

#define LATE 5u

/* The late answers come when call and LUN are gone, and after other calls had their turn. */
static void answers_after_the_limit(void **state)
{
	static const struct rig_reply good = {.residual = 0};
	struct liar *liar = *state;
	struct vscsi_lun *lun;
	char block[LIAR_BLOCK];
	unsigned i;

	CONFORMS("R-HARD-15");
	/* No abort is late before it is answered: an hour is longer than all that is skipped. */
	liar->options = OPTIONS "&task_timeout_ms=3600000";
	liar_up(liar);
	assert_int_equal(vscsi_lun_open(liar->dev, 0, 0, NULL, &lun), 0);
	liar->lie = keep_command;
	for (i = 0; i < LATE; i++) {
		memset(block, 0x55, sizeof(block));
		if (vscsi_pread(lun, block, sizeof(block), 0) != -ETIMEDOUT)
			fail_msg("%u: %s", i, vscsi_last_error());
	}
	assert_int_equal(vscsi_lun_close(lun), 0);
	liar_wait_kept(liar, LATE);
	liar->lie = NULL;
	for (i = 0; i < LATE; i++)
		rig_complete(liar->rig, 2, &liar->kept[i], &good);
	assert_int_equal(block[7], 0x55);
	for (i = 0; i < LATE; i++)
		assert_int_equal(vscsi_pread(liar->lun, block, sizeof(block), 0), 0);
	told("answers after the time limit", "timed out, memory its own until then, works again");
}

static void never_answers_again(void **state)
{
	struct liar *liar = *state;
	char block[LIAR_BLOCK];

	liar->options = OPTIONS;
	liar_up(liar);
	liar->lie = keep_command;
	assert_int_equal(vscsi_pread(liar->lun, block, sizeof(block), 0), -ETIMEDOUT);
	rig_fault(liar->rig, (struct rig_fault){.request = RIG_GET_VRING_BASE,
						.kind = RIG_FAULT_STALL,
						.before = keep_message});
	liar_close(liar);
	rig_release(liar->rig);
	told("never answers again, not even to the close", "timed out, closed");
}

static void *hang_up(void *ctx)
{
	struct liar *liar = ctx;

	/* The waiting thread has sent its request by then. */
	liar_wait_kept(liar, 1);
	rig_hang_up(liar->rig);
	return NULL;
}

static void hangs_up_under_a_call_that_waits(void **state)
{
	struct liar *liar = *state;
	char block[LIAR_BLOCK];
	pthread_t thread;

	/* None of its limits passes: the end of the connection is noticed by itself. */
	liar->options = OPTIONS "&io_timeout_ms=600000";
	liar_up(liar);
	liar->lie = liar_keep;
	assert_int_equal(pthread_create(&thread, NULL, hang_up, liar), 0);
	assert_int_equal(vscsi_pread(liar->lun, block, sizeof(block), 0), -ENOTCONN);
	assert_non_null(strstr(vscsi_last_error(), "closed the connection"));
	pthread_join(thread, NULL);
	told("hangs up under a call that waits", "the device is lost: closed the connection");
}

/* A sleeping thread is woken, whichever thread notices the end of the connection. */
static void hangs_up_under_a_waiter(void **state)
{
	struct liar *liar = *state;

	liar->options = OPTIONS "&io_timeout_ms=600000";
	liar_up(liar);
	liar_hold(liar, 8);
	rig_hang_up(liar->rig);
	assert_int_equal(vscsi_wait(liar->queue, -1), 1);
	liar_expect_lost(liar, 8, "closed the connection");
	told("hangs up under a thread that sleeps", "woken; 8 of 8 returned once");
}

static void *reset_device(void *dev)
{
	return (void *)(intptr_t)vscsi_dev_reset(dev);
}

/* It is stopped over the connection that it has, once the answer that is due has come. */
static void reset_before_an_answer(void **state)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};
	struct liar *liar = *state;
	struct vscsi_event event;
	struct rig_record stop;
	pthread_t thread;
	char path[64];
	void *result;

	snprintf(path, sizeof(path), "./gone-%d.sock", (int)getpid());
	liar->opts.path = path;
	liar_up(liar);
	rig_plan(liar->rig, RIG_GET_CONFIG, RIG_FAULT_DELAY, 0);
	rig_channel_send(liar->rig, CONFIG_CHANGE, RIG_VERSION, 0, NULL, 0, 0);
	while (!rig_stalled(liar->rig))
		assert_true(vscsi_dev_poll_events(liar->dev, &event, 1) >= 0);
	assert_int_equal(pthread_create(&thread, NULL, reset_device, liar->dev), 0);
	do {
		assert_int_equal(vscsi_dev_get_info(liar->dev, &info), 0);
	} while (info.state == VSCSI_DEV_RUNNING);
	rig_release(liar->rig);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_int_equal((intptr_t)result, 0);
	assert_true(rig_record(liar->rig, RIG_GET_VRING_BASE, 0, &stop));
	assert_int_equal(stop.connection, 0);
	assert_int_equal(vscsi_read(liar->queue, liar->lun, liar->buf, 0, 1, 0, 0), 0);
	assert_int_equal(liar_outcome(liar).result, 0);
	told("a reset before the configuration has come", "stopped, and back");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		LIAR_TEST(resets_never_answered),     LIAR_TEST(answer_to_no_reset),
		LIAR_TEST(completes_after_the_reset), LIAR_TEST(answers_after_the_limit),
		LIAR_TEST(never_answers_again),       LIAR_TEST(hangs_up_under_a_call_that_waits),
		LIAR_TEST(hangs_up_under_a_waiter),   LIAR_TEST(reset_before_an_answer),
	};

	return cmocka_run_group_tests_name("hostile gone", tests, NULL, NULL);
}
