/* SPDX-License-Identifier: BSD-3-Clause */
/* The device that hangs. */
#include "disk.h"

#include <errno.h>
#include <unistd.h>

/* More steps than anything here takes, and the limit for a whole test. */
#define MOST_STEPS 3000u
#define LIMIT_S    300

#define NEVER      UINT32_MAX

struct stall stall;

static char path[64];

static void settle(void)
{
	rig_settle(stall.liar->rig);
}

int stall_begin(void **state)
{
	int err = liar_begin(state);

	alarm(LIMIT_S);
	memset(&stall, 0, sizeof(stall));
	stall.liar = *state;
	stall.hang_at = NEVER;
	stall.queues = 2;
	snprintf(path, sizeof(path), "./stall-%d.sock", (int)getpid());
	stall.liar->opts.path = path;
	blocking_settle = settle;
	blocking_moments = false;
	blocking_forget();
	return err;
}

int stall_end(void **state)
{
	blocking_leave();
	stall.keep = false;
	if (stall.liar->rig && stall_hangs())
		stall_release();
	clock_thaw();
	if (stall.other.queue)
		vscsi_queue_close(stall.other.queue);
	return liar_end(state);
}

/* Pages that allow what io.h has; else as the liar's. */
static bool serve_pages(struct liar *liar, unsigned queue, const struct rig_chain *chain,
			const uint8_t *cdb)
{
	static const uint8_t pages[] = {0, 0, 0, 3, 0x00, 0xb0, 0xb2};
	static const uint8_t thin[8] = {0, 0xb2, 0, 4, 0, 0x80, 2};
	static const uint8_t limits[64] = {
		[1] = 0xb0, [3] = 60, [5] = 8, [22] = 1, [27] = 13, [42] = 1};
	static const uint8_t capacity[32] = {[6] = 7, [7] = 0xff, [10] = 2, [14] = 0x80};

	if (cdb[0] == 0x9e)
		liar_data(liar, queue, chain, capacity, sizeof(capacity));
	else if (cdb[0] == 0x12 && cdb[1] & 1 && cdb[2] == 0)
		liar_data(liar, queue, chain, pages, sizeof(pages));
	else if (cdb[0] == 0x12 && cdb[1] & 1 && cdb[2] == 0xb0)
		liar_data(liar, queue, chain, limits, sizeof(limits));
	else if (cdb[0] == 0x12 && cdb[1] & 1 && cdb[2] == 0xb2)
		liar_data(liar, queue, chain, thin, sizeof(thin));
	else
		return false;
	return true;
}

/* Whether it is one of the commands by which the library gets to know a LUN. */
static bool is_probe(uint8_t op)
{
	return op == 0x00 || op == 0x12 || op == 0x1a || op == 0x25 || op == 0x5a || op == 0x9e ||
	       op == 0xa0;
}

static bool is_absent(const struct liar *liar, const struct rig_chain *chain)
{
	const uint8_t *lun = rig_command(chain)->lun;

	return lun[1] || lun[3] >= liar->luns;
}

static void keep(unsigned queue, const struct rig_chain *chain)
{
	stall.kept = *chain;
	stall.kept_queue = queue;
}

/* The rig's thread. */
static bool serve(struct liar *liar, unsigned queue, const struct rig_chain *chain,
		  const uint8_t *cdb)
{
	if (!is_probe(cdb[0])) {
		if (!stall.keep)
			return false;
		keep(queue, chain);
		liar->kept_count++;
		return true;
	}
	if (stall.commands++ == stall.hang_at) {
		keep(queue, chain);
		stall.hangs = true;
		return true;
	}
	return !is_absent(liar, chain) && serve_pages(liar, queue, chain, cdb);
}

void stall_up(bool packed, const char *options)
{
	static const struct vscsi_queue_opts shared = {.size = sizeof(shared),
						       .flags = VSCSI_QUEUE_SHARED};
	static char all[256];
	struct liar *liar = stall.liar;

	if (packed)
		liar->opts.features |= RIG_F_PACKED;
	snprintf(all, sizeof(all), "?queues=%u%s", stall.queues, options);
	liar->options = all;
	liar->lie = serve;
	liar_up(liar);
	if (vscsi_queue_open(liar->dev, &shared, &stall.other.queue))
		fail_msg("%s", vscsi_last_error());
	stall.own = stall.other;
	stall.own.queue = liar->queue;
	stall.own.dev = stall.other.dev = liar->dev;
	stall.own.lun = stall.other.lun = liar->lun;
	stall.own.buf = stall.other.buf = liar->buf;
	stall.skip_ms = 1;
	clock_freeze();
}

void stall_down(void)
{
	clock_thaw();
	assert_int_equal(vscsi_queue_close(stall.other.queue), 0);
	stall.other.queue = NULL;
	liar_close(stall.liar);
	rig_stop(stall.liar->rig);
	stall.liar->rig = NULL;
}

void stall_step(void (*round)(struct user *user))
{
	round(&stall.own);
	round(&stall.other);
	settle();
	clock_skip(stall.skip_ms);
}

void stall_fill(void)
{
	unsigned steps;

	stall.skip_ms = 1;
	stall.liar->kept_count = 0;
	stall.keep = true;
	user_begin(&stall.own);
	user_begin(&stall.other);
	user_prepare(&stall.own);
	user_prepare(&stall.other);
	/* A device that was just lost may have to be asked about its LUNs before it gets them. */
	for (steps = 0; stall.liar->kept_count < stall.own.issued + stall.other.issued; steps++) {
		if (steps == MOST_STEPS)
			fail_msg("the requests do not arrive");
		stall_step(user_poll);
	}
}

/* The first message after a silent loss is about its reset: from then on the device works. */
static void wake_up(struct rig *rig, void *ctx)
{
	(void)rig;
	(void)ctx;
	stall.keep = false;
	stall.liar->deaf = false;
}

void stall_plan(enum hang hang, unsigned number)
{
	static const enum rig_kind kinds[] = {[HANG_UNREAD] = RIG_FAULT_UNREAD,
					      [HANG_HALF] = RIG_FAULT_HALF,
					      [HANG_UNANSWERED] = RIG_FAULT_DELAY};

	stall.commands = 0;
	stall.point = number;
	stall.hang_at = hang == HANG_COMMAND ? number : NEVER;
	if (stall.liar->deaf && number)
		rig_fault(stall.liar->rig, (struct rig_fault){.before = wake_up});
	if (hang != HANG_COMMAND)
		rig_fault(stall.liar->rig, (struct rig_fault){.skip = number, .kind = kinds[hang]});
}

void stall_lose(enum loss loss)
{
	stall.skip_ms = loss == LOSS_SILENT ? 100 : 1;
	if (loss == LOSS_SILENT) {
		stall.liar->deaf = true;
		return;
	}
	rig_hang_up(stall.liar->rig);
	stall.keep = false;
}

bool stall_hangs(void)
{
	return stall.hangs || rig_stalled(stall.liar->rig);
}

void stall_release(void)
{
	struct liar *liar = stall.liar;

	stall.keep = false;
	liar->deaf = false;
	stall.hang_at = NEVER;
	if (!stall.hangs) {
		rig_release(liar->rig);
		return;
	}
	stall.hangs = false;
	if (!serve(liar, stall.kept_queue, &stall.kept, rig_command(&stall.kept)->cdb))
		liar_serve(liar, stall.kept_queue, &stall.kept);
	rig_call(liar->rig, stall.kept_queue);
}

void stall_reach(void)
{
	unsigned steps;

	for (steps = 0; !stall_hangs(); steps++) {
		if (steps == MOST_STEPS)
			fail_msg("at %u: the device was not made to hang", stall.point);
		stall_step(user_poll);
	}
	stall.skip_ms = 1;
}

void stall_finish(void)
{
	unsigned steps;

	for (steps = 0; !user_idle(&stall.own) || !user_idle(&stall.other); steps++) {
		if (steps == MOST_STEPS)
			fail_msg("at %u: %u of %u and %u of %u requests were returned", stall.point,
				 stall.own.done, stall.own.issued, stall.other.done,
				 stall.other.issued);
		stall_step(user_poll);
	}
}

void stall_return(void)
{
	unsigned steps;

	stall_finish();
	for (steps = 0; !liar_runs(stall.liar); steps++) {
		if (steps == MOST_STEPS)
			fail_msg("at %u: the device doesn't come back", stall.point);
		stall_step(user_poll);
	}
	stall_finish();
}
