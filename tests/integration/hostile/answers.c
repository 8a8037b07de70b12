/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lies in the answer to a command: response, status, sense, residual and used length. The device
 * goes on; what it said is bounded, and no failure passes for a success.
 */
#include "liar.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#define RESPONSE 108u
#define WHOLE    (RESPONSE + LIAR_BLOCK)

/**
 * struct answer_lie - One answer to a read of one block
 * @written: bytes of the response that the device writes, from the start; the rest stays as it was
 * @used: used length
 * @result, @residual, @sense_len: of the completion
 * @errors: whether it is counted as something that was put right
 */
struct answer_lie {
	const char *name;
	struct virtio_scsi_cmd_resp response;
	uint32_t written;
	uint32_t used;
	int result;
	uint32_t residual;
	uint32_t sense_len;
	bool errors;
};

#define GOOD .written = RESPONSE, .used = WHOLE

/* Fixed format: ILLEGAL REQUEST, and the length of a header that claims more than there is. */
#define SENSE                                                  \
	{                                                      \
		0x70, 0, 5, 0, 0, 0, 0, 0xff, 0, 0, 0, 0, 0x24 \
	}

static const struct answer_lie lies[] = {
	{"response never written", {0}, 0, WHOLE, -EPROTO, LIAR_BLOCK, 0, true},
	{"response never written, used length 0", {0}, 0, 0, -EPROTO, LIAR_BLOCK, 0, true},
	{"response code missing", {0}, 11, 11, -EPROTO, LIAR_BLOCK, 0, true},
	{"used length 0", {0}, RESPONSE, 0, 0, 0, 0, true},
	{"used length 1", {0}, RESPONSE, 1, 0, 0, 0, true},
	{"used length 11", {0}, RESPONSE, 11, 0, 0, 0, true},
	{"used length 12", {0}, RESPONSE, 12, -EBADMSG, LIAR_BLOCK, 0, false},
	{"used length one short", {0}, RESPONSE, WHOLE - 1, -EBADMSG, 1, 0, false},
	{"used length 2^32 - 1", {0}, RESPONSE, UINT32_MAX, 0, 0, 0, false},
	{"residual one more than asked",
	 {.resid = LIAR_BLOCK + 1},
	 RESPONSE,
	 WHOLE,
	 -EBADMSG,
	 LIAR_BLOCK,
	 0,
	 true},
	{"residual 2^32 - 1",
	 {.resid = UINT32_MAX},
	 RESPONSE,
	 WHOLE,
	 -EBADMSG,
	 LIAR_BLOCK,
	 0,
	 true},
	{"residual and used length contradict",
	 {.resid = 100},
	 RESPONSE,
	 WHOLE - 200,
	 -EBADMSG,
	 200,
	 0,
	 false},
	{"sense length 2^32 - 1",
	 {.status = 2, .sense_len = UINT32_MAX, .sense = SENSE},
	 GOOD,
	 -EREMOTEIO,
	 0,
	 40,
	 true},
	{"sense length 97",
	 {.status = 2, .sense_len = 97, .sense = SENSE},
	 GOOD,
	 -EREMOTEIO,
	 0,
	 40,
	 true},
	{"sense length 1",
	 {.status = 2, .sense_len = 1, .sense = SENSE},
	 GOOD,
	 -EREMOTEIO,
	 0,
	 1,
	 false},
	{"sense length 2^32 - 1 with GOOD", {.sense_len = UINT32_MAX}, GOOD, 0, 0, 40, true},
	{"status GOOD with response FAILURE", {.response = 9}, GOOD, -EREMOTEIO, 0, 0, false},
	{"status GOOD with response BAD_TARGET", {.response = 3}, GOOD, -ENODEV, 0, 0, false},
	{"response 10, a task management answer", {.response = 10}, GOOD, -EREMOTEIO, 0, 0, false},
	{"response 200, unknown", {.response = 200}, GOOD, -EREMOTEIO, 0, 0, false},
	{"status 0xff, unknown", {.status = 0xff}, GOOD, -EREMOTEIO, 0, 0, false},
	{"CHECK CONDITION without sense", {.status = 2}, GOOD, -EREMOTEIO, 0, 0, false},
};

/* One bad answer, then a correct one: the bad answer has no effect on the next user of its slot. */
static void answer_lies(void **state)
{
	struct liar *liar = *state;
	const struct answer_lie *lie = liar->ctx;
	struct vscsi_completion done;

	CONFORMS("R-SCSI-51", "R-SCSI-52", "R-SCSI-53", "R-SCSI-54", "R-SCSI-56", "R-SCSI-57");
	CONFORMS("R-HARD-16", "R-HARD-18");
	liar_up(liar);
	liar_hold(liar, 1);
	memcpy(rig_response(&liar->kept[0]), &lie->response, lie->written);
	rig_put(liar->rig, LIAR_QUEUE, liar->kept[0].head, lie->used);
	done = liar_outcome(liar);
	assert_int_equal(done.result, lie->result);
	assert_int_equal(done.residual, lie->residual);
	assert_int_equal(done.sense_len, lie->sense_len);
	assert_int_equal(liar_errors(liar) != 0, lie->errors);
	liar->hold = false;
	assert_int_equal(vscsi_read(liar->queue, liar->lun, liar->buf, 0, 1, 0, 1), 0);
	assert_int_equal(liar_outcome(liar).result, 0);
	assert_true(liar_runs(liar));
	told(lie->name, "%s, residual %u, %u bytes of sense", strerror(-done.result), done.residual,
	     done.sense_len);
}

/* Writes one length after the other over that of an answer, until it is told to stop. */
struct flipper {
	uint32_t *sense_len;
	atomic_bool runs;
	atomic_bool stop;
};

static void *flip(void *arg)
{
	struct flipper *f = arg;

	while (!atomic_load(&f->stop)) {
		__atomic_store_n(f->sense_len, UINT32_MAX, __ATOMIC_RELAXED);
		__atomic_store_n(f->sense_len, 18, __ATOMIC_RELAXED);
		atomic_store(&f->runs, true);
	}
	return NULL;
}

/*
 * The length of the sense changes while the answer is decoded. Either value may be used, but the
 * same one must be checked and used.
 */
static void length_that_changes(void **state)
{
	struct liar *liar = *state;
	const struct virtio_scsi_cmd_resp answer = {.status = 2, .sense_len = 18, .sense = SENSE};
	unsigned seen[2] = {0, 0};
	unsigned i;

	CONFORMS("R-HARD-19");
	liar_up(liar);
	for (i = 0; i < 300; i++) {
		struct flipper f = {.stop = false};
		struct vscsi_completion done;
		struct rig_chain *kept = &liar->kept[0];
		pthread_t thread;

		atomic_store(&liar->kept_count, 0);
		liar_hold(liar, 1);
		memcpy(rig_response(kept), &answer, RESPONSE);
		/* It is the first field. */
		f.sense_len = kept->elems[kept->readable].addr;
		assert_int_equal(pthread_create(&thread, NULL, flip, &f), 0);
		while (!atomic_load(&f.runs))
			sched_yield();
		rig_put(liar->rig, LIAR_QUEUE, kept->head, RESPONSE);
		done = liar_outcome(liar);
		atomic_store(&f.stop, true);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_int_equal(done.result, -EREMOTEIO);
		assert_true(done.sense_len == 18 || done.sense_len == 40);
		assert_int_equal(done.sense_key, answer.sense[2] & 15);
		seen[done.sense_len == 40]++;
	}
	liar->hold = false;
	assert_true(liar_runs(liar));
	told("sense length that changes meanwhile", "18 bytes %u times, all there is %u times",
	     seen[0], seen[1]);
}

/* The same answer for ever; commands before the test are left alone. */
struct endless_lie {
	const char *name;
	uint8_t status;
	uint8_t sense[18];
	int result;
};

/* A disk that was reset has to report its identity, and this one never does. */
static const struct endless_lie endless[] = {
	{"UNIT ATTENTION for ever", 2, {0x70, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x29}, -ENODEV},
	{"BUSY for ever", 8, {0}, -EBUSY},
	{"TASK SET FULL for ever", 0x28, {0}, -EBUSY},
	{"NOT READY, becoming ready, for ever",
	 2,
	 {0x70, 0, 2, 0, 0, 0, 0, 10, 0, 0, 0, 0, 4, 1},
	 -EBUSY},
};

static bool answer_the_same(struct liar *liar, unsigned queue, const struct rig_chain *chain,
			    const uint8_t *cdb)
{
	const struct endless_lie *lie = liar->ctx;
	struct rig_reply reply = {.status = lie->status,
				  .sense = lie->sense,
				  .sense_len = lie->sense[0] ? sizeof(lie->sense) : 0};

	(void)cdb;
	rig_complete(liar->rig, queue, chain, &reply);
	return true;
}

/* One that is answered after its time limit has timed out, however it is answered. */
static bool ends_like(int result, const struct endless_lie *lie)
{
	return result == lie->result || (lie->result == -EBUSY && result == -ETIMEDOUT);
}

static void endless_lies(void **state)
{
	struct liar *liar = *state;
	const struct endless_lie *lie = liar->ctx;
	uint64_t start;

	CONFORMS("R-HARD-12");
	/* A busy LUN is asked again as long as the request may take. */
	if (lie->result == -EBUSY)
		liar->options = "?io_timeout_ms=1000";
	liar_up(liar);
	liar->lie = answer_the_same;
	start = now_ms();
	assert_int_equal(vscsi_read(liar->queue, liar->lun, liar->buf, 0, 1, 0, 1), 0);
	assert_true(ends_like(liar_outcome(liar).result, lie));
	assert_true(ends_like(vscsi_pread(liar->lun, liar->buf, 512, 0), lie));
	assert_true(now_ms() - start < 20000);
	assert_true(liar_runs(liar));
	told(lie->name, "%s in the end", strerror(-lie->result));
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_LEN(lies) + ARRAY_LEN(endless) + 1];
	unsigned n = 0;
	unsigned i;

	for (i = 0; i < ARRAY_LEN(lies); i++)
		tests[n++] = (struct CMUnitTest)LIAR_ROW(answer_lies, &lies[i]);
	for (i = 0; i < ARRAY_LEN(endless); i++)
		tests[n++] = (struct CMUnitTest)LIAR_ROW(endless_lies, &endless[i]);
	tests[n++] = (struct CMUnitTest)LIAR_TEST(length_that_changes);
	return _cmocka_run_group_tests("hostile answers", tests, n, NULL, NULL);
}
