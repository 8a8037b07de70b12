/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Persistent reservations of two devices on one target: what each type forbids on the data path and
 * to synchronous calls, and what is left of them after a restart of the target.
 */
#include "loss.h"

#include <errno.h>

#define BLOCK  512u
#define FIRST  UINT64_C(0xa1)
#define SECOND UINT64_C(0xb2)

/* The other initiator. */
struct other {
	struct vscsi_dev *dev;
	struct vscsi_lun *lun;
	struct vscsi_queue *queue;
	char *data;
};

static void other_open(struct fixture *f, struct other *o)
{
	assert_int_equal(open_address(f->target.address, NULL, &o->dev), 0);
	assert_int_equal(vscsi_lun_open(o->dev, 0, 0, NULL, &o->lun), 0);
	assert_int_equal(vscsi_queue_open(o->dev, NULL, &o->queue), 0);
	o->data = vscsi_mem_alloc(vscsi_dev_mem(o->dev), BLOCK, BLOCK);
	assert_non_null(o->data);
}

static void other_close(struct other *o)
{
	assert_int_equal(vscsi_queue_close(o->queue), 0);
	assert_int_equal(vscsi_lun_close(o->lun), 0);
	assert_int_equal(vscsi_dev_close(o->dev), 0);
}

/* A transfer on the queue and one by a call, which have to end alike. */
static int read_as(struct other *o)
{
	char block[BLOCK];
	int ret;

	assert_int_equal(vscsi_read(o->queue, o->lun, o->data, 0, 1, 0, 0), 0);
	ret = submit_one(o->queue);
	assert_int_equal(vscsi_pread(o->lun, block, BLOCK, 0), ret);
	return ret;
}

static int write_as(struct other *o)
{
	const char block[BLOCK] = {0};
	int ret;

	assert_int_equal(vscsi_write(o->queue, o->lun, o->data, 0, 1, 0, 0), 0);
	ret = submit_one(o->queue);
	assert_int_equal(vscsi_pwrite(o->lun, block, BLOCK, 0, 0), ret);
	return ret;
}

static void assert_reserved(struct vscsi_lun *lun, uint32_t type, uint64_t key)
{
	struct vscsi_pr_reservation now = {.size = sizeof(now)};

	assert_int_equal(vscsi_pr_read_reservation(lun, &now), 0);
	assert_int_equal(now.type, type);
	assert_int_equal(now.key, key);
}

/* What another initiator may do, unregistered and registered, by type of the reservation. */
static void types(void **state)
{
	static const struct {
		uint32_t type;
		int read, write, registered_read, registered_write;
	} rows[] = {
		{VSCSI_PR_WRITE_EXCLUSIVE, 0, -EBADE, 0, -EBADE},
		{VSCSI_PR_EXCLUSIVE_ACCESS, -EBADE, -EBADE, -EBADE, -EBADE},
		{VSCSI_PR_WRITE_EXCLUSIVE_REGISTRANTS, 0, -EBADE, 0, 0},
		{VSCSI_PR_EXCLUSIVE_ACCESS_REGISTRANTS, -EBADE, -EBADE, 0, 0},
		{VSCSI_PR_WRITE_EXCLUSIVE_ALL, 0, -EBADE, 0, 0},
		{VSCSI_PR_EXCLUSIVE_ACCESS_ALL, -EBADE, -EBADE, 0, 0},
	};
	struct fixture *f = *state;
	struct vscsi_pr_capabilities can = {.size = sizeof(can)};
	struct other o;
	unsigned i;

	start_file(f, "");
	other_open(f, &o);
	assert_int_equal(vscsi_pr_get_capabilities(f->lun, &can), 0);
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		bool all = rows[i].type >= VSCSI_PR_WRITE_EXCLUSIVE_ALL;

		assert_true(can.types & 1u << rows[i].type);
		assert_int_equal(vscsi_pr_reserve(f->lun, FIRST, rows[i].type), -EBADE);
		assert_int_equal(vscsi_pr_register(f->lun, 0, FIRST, 0), 0);
		assert_int_equal(vscsi_pr_reserve(f->lun, FIRST, rows[i].type), 0);
		assert_reserved(o.lun, rows[i].type, all ? 0 : FIRST);
		assert_works(f);
		assert_int_equal(read_as(&o), rows[i].read);
		assert_int_equal(write_as(&o), rows[i].write);
		assert_int_equal(vscsi_pr_register(o.lun, 0, SECOND, 0), 0);
		assert_int_equal(read_as(&o), rows[i].registered_read);
		assert_int_equal(write_as(&o), rows[i].registered_write);
		assert_int_equal(vscsi_pr_release(f->lun, FIRST, rows[i].type), 0);
		assert_reserved(f->lun, 0, 0);
		assert_int_equal(write_as(&o), 0);
		assert_int_equal(vscsi_pr_clear(o.lun, SECOND), 0);
		assert_int_equal(vscsi_pr_read_keys(o.lun, NULL, NULL, 0), 0);
		/* That ended the first one's registration too, which it acknowledges. */
		assert_int_equal(vscsi_pr_register(f->lun, 0, 0, 0), 0);
	}
	other_close(&o);
}

/* The one that is preempted can't write any more; the other holds the reservation. */
static void preempted(void **state)
{
	struct fixture *f = *state;
	uint64_t keys[2];
	struct other o;

	start_file(f, "");
	other_open(f, &o);
	assert_int_equal(vscsi_pr_register(o.lun, 0, SECOND, 0), 0);
	assert_int_equal(vscsi_pr_reserve(o.lun, SECOND, VSCSI_PR_WRITE_EXCLUSIVE), 0);
	assert_int_equal(vscsi_pr_register(f->lun, 0, FIRST, 0), 0);
	assert_int_equal(vscsi_pr_read_keys(f->lun, NULL, keys, 2), 2);
	assert_int_equal(vscsi_pr_preempt(f->lun, FIRST, SECOND, VSCSI_PR_WRITE_EXCLUSIVE,
					  VSCSI_PR_ABORT),
			 0);
	assert_int_equal(vscsi_pr_read_keys(f->lun, NULL, keys, 2), 1);
	assert_int_equal(keys[0], FIRST);
	assert_reserved(f->lun, VSCSI_PR_WRITE_EXCLUSIVE, FIRST);
	assert_int_equal(write_as(&o), -EBADE);
	assert_int_equal(vscsi_pr_reserve(o.lun, SECOND, VSCSI_PR_WRITE_EXCLUSIVE), -EBADE);
	assert_works(f);
	other_close(&o);
}

/* @persist: the registration outlives the target, unnoticed; else its loss is reported. */
static void restart(struct fixture *f, bool persist)
{
	const char *lun = persist ? FILE_LUN ",reservations=pr" : FILE_LUN;
	struct vscsi_event event = {0};
	uint64_t limit = now_ms() + TIMEOUT_MS;
	int results[16];
	char *data;
	unsigned i;

	make_file("disk.img", 16 * MIB);
	START(f, lun);
	open_disk(f, "?recovery=replay");
	data = alloc_dma(f, 16 * BLOCK);
	assert_int_equal(vscsi_pr_register(f->lun, 0, FIRST, persist ? VSCSI_PR_PERSIST : 0), 0);
	assert_int_equal(vscsi_pr_reserve(f->lun, FIRST, VSCSI_PR_WRITE_EXCLUSIVE), 0);
	target_kill(&f->target);
	await_loss(f);
	/* These are held back until the LUN has proved to be the same. */
	prepare_writes(f, f->queue, data, 16);
	START(f, lun);
	collect_results(f->queue, 16, results);
	for (i = 0; i < 16; i++)
		assert_int_equal(results[i], persist ? 0 : -EBADE);
	while (event.type != (persist ? VSCSI_EVENT_BACK : VSCSI_EVENT_UNREGISTERED)) {
		assert_true(now_ms() < limit);
		assert_true(vscsi_dev_poll_events(f->dev, &event, 1) >= 0);
	}
	assert_reserved(f->lun, persist ? VSCSI_PR_WRITE_EXCLUSIVE : 0, persist ? FIRST : 0);
	if (!persist)
		assert_int_equal(vscsi_pr_register(f->lun, 0, FIRST, 0), 0);
	assert_works(f);
}

static void kept_by_a_restart(void **state)
{
	restart(*state, true);
}

static void lost_by_a_restart(void **state)
{
	restart(*state, false);
}

int main(void)
{
	static const struct CMUnitTest reserve[] = {
		TEST(types),
		TEST(preempted),
		TEST(kept_by_a_restart),
		TEST(lost_by_a_restart),
	};

	return RUN_TESTS(reserve);
}
