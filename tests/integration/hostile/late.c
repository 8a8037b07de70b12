/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device that keeps commands for ever, and what it makes of task management then. Whatever it
 * does, each request comes back once; the device works on if any of the means helped.
 */
#include "liar.h"

#include <errno.h>
#include <pthread.h>

#define COUNT 64u

/*
 * Limits of a step: one that has to pass, one that has to pass while the next must not, and one
 * that is never reached.
 */
#define PASSES  "?task_timeout_ms=50"
#define BETWEEN "?task_timeout_ms=8000"
#define NEVER   "?task_timeout_ms=600000"

/* Limit of the requests that are kept; others have the device's. */
#define LATE_MS 50u

#define ABORT   0u
#define RESET   5u

/* What is done with a function. */
enum how {
	SERVE,   /* it ends the commands, and is answered */
	GOOD,    /* the commands are answered as if nothing had been, and then it */
	BEFORE,  /* it is answered, and then ends the commands */
	IGNORE,  /* it is answered, no more */
	REFUSE,  /* with FUNCTION REJECTED */
	SILENCE, /* not at all */
};

/**
 * struct row - A way of being late
 * @options: of the address
 * @abort, @reset: what is done with these functions
 * @result: of all requests
 * @resets: how many resets are seen
 * @runs: the device works in the end
 */
struct row {
	const char *name;
	const char *options;
	enum how abort;
	enum how reset;
	int result;
	unsigned resets;
	bool runs;
};

/* Seen so far, by the rig's thread. */
static atomic_uint aborts;
static atomic_uint resets;

/* Completes one command that is kept; a chain without elements has been completed. */
static void end_one(struct liar *liar, struct rig_chain *chain, uint8_t response)
{
	const struct rig_reply reply = {.response = response};

	if (response == VIRTIO_SCSI_S_OK)
		liar_serve(liar, LIAR_QUEUE, chain);
	else
		rig_complete(liar->rig, LIAR_QUEUE, chain, &reply);
	chain->count = 0;
}

/* Ends the command with that tag, or all of them. */
static void end_commands(struct liar *liar, bool all, uint64_t tag, uint8_t response)
{
	unsigned i;

	for (i = 0; i < liar->kept_count && i < COUNT; i++) {
		struct rig_chain *chain = &liar->kept[i];

		if (chain->count && (all || rig_command(chain)->tag == tag))
			end_one(liar, chain, response);
	}
}

static bool do_task(struct liar *liar, const struct rig_chain *chain,
		    const struct virtio_scsi_ctrl_tmf_req *request)
{
	const struct row *row = liar->ctx;
	bool abort = request->subtype == htole32(ABORT);
	enum how how = abort ? row->abort : row->reset;
	uint8_t response = abort ? VIRTIO_SCSI_S_ABORTED : VIRTIO_SCSI_S_RESET;

	assert_true(abort || request->subtype == htole32(RESET));
	(*(abort ? &aborts : &resets))++;
	if (how == SERVE)
		end_commands(liar, !abort, request->tag, response);
	if (how == GOOD)
		end_commands(liar, !abort, request->tag, VIRTIO_SCSI_S_OK);
	if (how != SILENCE) {
		*(uint8_t *)chain->elems[1].addr =
			how == REFUSE ? VIRTIO_SCSI_S_FUNCTION_REJECTED : VIRTIO_SCSI_S_OK;
		rig_put(liar->rig, 0, chain->head, 1);
	}
	if (how == BEFORE)
		end_commands(liar, !abort, request->tag, response);
	return true;
}

/* Polls until all requests are back, each once. */
static void collect(struct liar *liar, unsigned count, int result)
{
	uint64_t limit = now_ms() + 110000;
	bool seen[COUNT] = {false};
	struct vscsi_completion done;

	while (count) {
		assert_true(now_ms() < limit);
		if (vscsi_poll(liar->queue, &done, 1) != 1)
			continue;
		assert_int_equal(done.result, result);
		assert_true(done.user_data < COUNT);
		assert_false(seen[done.user_data]);
		seen[done.user_data] = true;
		count--;
	}
}

static void keeps_commands(void **state)
{
	struct liar *liar = *state;
	const struct row *row = liar->ctx;
	struct vscsi_completion done;
	struct vscsi_lun *lun;
	char block[LIAR_BLOCK];

	CONFORMS("R-SCSI-69", "R-SCSI-71", "R-SCSI-72");
	aborts = 0;
	resets = 0;
	liar->options = row->options;
	liar->timeout_ms = LATE_MS;
	liar_up(liar);
	liar->task = do_task;
	liar_hold(liar, COUNT);
	collect(liar, COUNT, row->result);
	assert_int_equal(vscsi_poll(liar->queue, &done, 1), row->runs ? 0 : -ENOTCONN);
	assert_int_equal(liar_runs(liar), row->runs);
	assert_true(aborts && aborts <= COUNT);
	/* One that helps no one may be tried again for those whose abort was refused after it. */
	assert_true(resets <= (row->runs ? row->resets : COUNT));
	/* One that is cut off 50 ms later may not have seen it. */
	if (row->runs)
		assert_int_equal(resets, row->resets);
	liar->hold = false;
	if (row->runs) {
		assert_int_equal(vscsi_lun_open(liar->dev, 0, 0, NULL, &lun), 0);
		assert_int_equal(vscsi_pread(lun, block, sizeof(block), 0), 0);
		assert_int_equal(vscsi_lun_close(lun), 0);
	}
	told(row->name, "%u of %u returned once: %s; %s", COUNT, COUNT,
	     row->result ? strerror(-row->result) : "good", row->runs ? "works" : "failed");
}

/* After a reset was answered, every request that it ended can be polled at once. */
static void ended_before_the_answer(void **state)
{
	static const struct row serve = {.reset = SERVE};
	struct vscsi_completion done[COUNT];
	struct liar *liar = *state;
	unsigned rounds;
	unsigned i;

	CONFORMS("R-SCSI-69", "R-SCSI-70", "R-MB-21");
	liar_up(liar);
	liar->ctx = &serve;
	liar->task = do_task;
	for (rounds = 0; rounds < 20; rounds++) {
		liar->kept_count = 0;
		liar_hold(liar, COUNT);
		assert_int_equal(vscsi_lun_reset(liar->lun), 0);
		assert_int_equal(vscsi_poll(liar->queue, done, COUNT), COUNT);
		for (i = 0; i < COUNT; i++)
			assert_int_equal(done[i].result, -ECANCELED);
	}
	told("resets when told", "all were there when it said so");
}

#define THREADS 3u
#define ROUNDS  40u
#define DEPTH   4u

/* One that polls for its own, on a queue that all share. It asserts nothing: it counts. */
struct sharer {
	struct liar *liar;
	struct vscsi_queue *queue;
	pthread_t thread;
	unsigned sent;
	unsigned good;
	unsigned late;
	unsigned other;
};

static void count_one(struct sharer *s, const struct vscsi_completion *done)
{
	if (done->result == -ETIMEDOUT || done->result == -ECANCELED)
		s->late++;
	else if (done->result || done->user_data >= s->sent)
		s->other++;
	else
		s->good++;
}

static void *share(void *arg)
{
	uint64_t limit = now_ms() + 110000;
	struct sharer *s = arg;
	unsigned back = 0;

	while (back < ROUNDS && now_ms() < limit) {
		struct vscsi_completion done[DEPTH];
		int count;
		int i;

		while (s->sent < ROUNDS && s->sent - back < DEPTH &&
		       !vscsi_read(s->queue, s->liar->lun, s->liar->buf, 0, 1, 0, s->sent))
			s->sent++;
		vscsi_submit(s->queue);
		/* Some are aborted by their thread, perhaps after they were answered. */
		if (s->sent % 8 == 0)
			vscsi_abort(s->queue, s->sent - 1);
		count = vscsi_poll(s->queue, done, DEPTH);
		for (i = 0; i < count; i++)
			count_one(s, &done[i]);
		back += count > 0 ? (unsigned)count : 0;
	}
	return NULL;
}

/* Chains that are kept, in places that are free; the rig's thread alone. */
static struct rig_chain stuck[LIAR_KEPT];

/* Commands that were aborted before the rig had taken them from their ring, by their slot. */
static bool early[COUNT * 2];

static bool *early_of(uint64_t tag)
{
	return &early[le64toh(tag) % (COUNT * 2)];
}

static bool keep_every_tenth(struct liar *liar, unsigned queue, const struct rig_chain *chain,
			     const uint8_t *cdb)
{
	static unsigned number;
	bool was_gone;
	bool *gone;
	unsigned i;

	(void)liar;
	(void)cdb;
	if (queue != 2)
		return false;
	gone = early_of(rig_command(chain)->tag);
	was_gone = *gone;
	*gone = false;
	if (++number % 10)
		return false;
	/* The driver was told that this one is gone: the next one is kept instead. */
	if (was_gone) {
		number--;
		return false;
	}
	for (i = 0; i < LIAR_KEPT && stuck[i].count; i++)
		;
	assert_true(i < LIAR_KEPT);
	stuck[i] = *chain;
	return true;
}

static bool abort_stuck(struct liar *liar, const struct rig_chain *chain,
			const struct virtio_scsi_ctrl_tmf_req *request)
{
	const struct rig_reply aborted = {.response = VIRTIO_SCSI_S_ABORTED};
	bool found = false;
	unsigned i;

	for (i = 0; i < LIAR_KEPT; i++) {
		if (!stuck[i].count || rig_command(&stuck[i])->tag != request->tag)
			continue;
		rig_complete(liar->rig, 2, &stuck[i], &aborted);
		stuck[i].count = 0;
		found = true;
	}
	*early_of(request->tag) = !found;
	*(uint8_t *)chain->elems[1].addr = VIRTIO_SCSI_S_OK;
	rig_put(liar->rig, 0, chain->head, 1);
	resets += request->subtype != htole32(ABORT);
	return true;
}

/* Threads that share a ring find each other's late requests, and end them while others submit. */
static void keeps_commands_of_threads(void **state)
{
	static const struct vscsi_queue_opts shared = {.size = sizeof(shared),
						       .flags = VSCSI_QUEUE_SHARED};
	struct sharer sharers[THREADS];
	struct liar *liar = *state;
	unsigned late = 0;
	unsigned i;

	resets = 0;
	memset(stuck, 0, sizeof(stuck));
	memset(early, 0, sizeof(early));
	liar->options = "?queues=2&task_timeout_ms=600000";
	liar->timeout_ms = LATE_MS;
	liar_up(liar);
	liar->task = abort_stuck;
	liar->lie = keep_every_tenth;
	for (i = 0; i < THREADS; i++) {
		sharers[i] = (struct sharer){.liar = liar};
		assert_int_equal(vscsi_queue_open(liar->dev, &shared, &sharers[i].queue), 0);
	}
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&sharers[i].thread, NULL, share, &sharers[i]), 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(sharers[i].thread, NULL);
	liar->lie = NULL;
	for (i = 0; i < THREADS; i++) {
		struct sharer *s = &sharers[i];

		assert_int_equal(s->good + s->late, ROUNDS);
		assert_int_equal(s->other, 0);
		assert_int_equal(vscsi_queue_close(s->queue), 0);
		late += s->late;
	}
	assert_true(late >= THREADS * ROUNDS / 20);
	assert_int_equal(resets, 0);
	assert_true(liar_runs(liar));
	told("keeps every tenth command of 3 threads", "all aborted, each returned once");
}

static const struct row rows[] = {
	{"aborts when told", NEVER, SERVE, SILENCE, -ETIMEDOUT, 0, true},
	{"answers the abort first", NEVER, BEFORE, SILENCE, -ETIMEDOUT, 0, true},
	{"answers the command instead", NEVER, GOOD, SILENCE, 0, 0, true},
	{"says that it aborts and doesn't", BETWEEN, IGNORE, SERVE, -ETIMEDOUT, 1, true},
	{"refuses to abort", NEVER, REFUSE, SERVE, -ETIMEDOUT, 1, true},
	{"doesn't answer the abort", BETWEEN, SILENCE, SERVE, -ETIMEDOUT, 1, true},
	{"answers the reset first", NEVER, REFUSE, BEFORE, -ETIMEDOUT, 1, true},
	{"refuses the reset too", PASSES, REFUSE, REFUSE, -ETIMEDOUT, 1, false},
	{"says that it resets and doesn't", PASSES, REFUSE, IGNORE, -ETIMEDOUT, 1, false},
	{"doesn't answer the reset", PASSES, REFUSE, SILENCE, -ETIMEDOUT, 1, false},
	{"has a dead control queue", PASSES, SILENCE, SILENCE, -ETIMEDOUT, 1, false},
};

int main(void)
{
	struct CMUnitTest tests[ARRAY_LEN(rows) + 2] = {
		LIAR_TEST(keeps_commands_of_threads),
		LIAR_TEST(ended_before_the_answer),
	};
	unsigned i;

	for (i = 0; i < ARRAY_LEN(rows); i++)
		tests[i + 2] = (struct CMUnitTest)LIAR_ROW(keeps_commands, &rows[i]);
	return cmocka_run_group_tests_name("hostile late", tests, NULL, NULL);
}
