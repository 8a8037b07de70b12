/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Revalidation: nothing is sent to a SUSPECT LUN until a probe has shown that it is still the same
 * disk. Each address is probed once for all its handles.
 */
#include <errno.h>

#include <vscsi/device.h>

#include "lun/probe.h"
#include "lun/table.h"
#include "scsi/sense.h"
#include "util/error.h"

/* Interval between probes of a missing LUN, and its deadline if no device was lost. */
#define PAUSE_MS   50u
#define MISSING_MS 5000u

/* The least time that a command has to be answered in, even at the deadline. */
#define ANSWER_MS 1000u

/*
 * Maximum number of queries in flight, so that a hundred LUNs do not fill the queue. Queries older
 * than SLOW_MS do not count: LUNs that do not answer must not delay the others.
 */
#define ASKING_MOST      16u
#define SLOW_MS          1000u

#define IDENTITY_CHANGED (SCSI_ASC_TARGET_CHANGED << 8 | SCSI_ASCQ_INQUIRY_CHANGED)
#define CAPACITY_CHANGED (SCSI_ASC_PARAMETERS_CHANGED << 8 | SCSI_ASCQ_CAPACITY_CHANGED)

/* The result of comparing a probe with a handle. */
enum verdict {
	SAME,
	SMALLER,
	OTHER,
	MISSING,   /* no such LUN, not ready, or its identity was not reported */
	NOT_ASKED, /* the device was lost, or memory is short */
};

/**
 * struct round - One call of lun_table_revalidate()
 * @table, @now, @missing_until, @changes, @count, @max: its arguments
 * @due: when the next call is due
 * @asking: queries in flight that count
 * @unsent: commands were prepared
 */
struct round {
	struct lun_table *table;
	uint64_t now;
	uint64_t missing_until;
	struct lun_change *changes;
	unsigned count;
	unsigned max;
	uint64_t due;
	unsigned asking;
	bool unsent;
};

static void be_due(struct round *round, uint64_t when)
{
	if (when < round->due)
		round->due = when;
}

/* Adds a change, once for all handles of an address. There is room for one of each type. */
static void add_change(struct round *round, uint32_t type, const struct vscsi_lun *lun,
		       uint32_t code)
{
	const struct lun_change change = {type, lun->io.target, lun->io.number, code};
	unsigned i;

	for (i = 0; i < round->count; i++) {
		const struct lun_change *other = &round->changes[i];

		if (other->type == type && other->target == change.target &&
		    other->number == change.number)
			return;
	}
	round->changes[round->count++] = change;
}

/* Compares the results of a probe with the disk that the handle was opened for. */
static enum verdict compare(const struct vscsi_lun *lun, const struct lun_facts *facts)
{
	const struct scsi_capacity *now = &facts->capacity;

	switch (lun_compare_names(lun, &facts->identity)) {
	case SCSI_IDENTITY_OTHER:
		return OTHER;
	case SCSI_IDENTITY_UNKNOWN:
		return MISSING;
	default:
		break;
	}
	/* A LUN without names is assumed to be the same one without, unless it was GONE. */
	if (!lun->identity.len && lun->doubt == LUN_DOUBT_PLUG)
		return OTHER;
	if (!lun->io.block_size)
		return SAME;
	/* The medium may be inserted again. */
	if (!now->block_size)
		return MISSING;
	if (now->block_size != lun->io.block_size)
		return OTHER;
	return now->blocks < lun->info.blocks ? SMALLER : SAME;
}

static enum verdict decide(const struct vscsi_lun *lun, int err, const struct lun_facts *facts)
{
	switch (err) {
	case 0:
		return compare(lun, facts);
	case -ECONNRESET:
	case -ENOTCONN:
	case -ENOMEM:
	case -EFAULT:
		return NOT_ASKED;
	default:
		return MISSING;
	}
}

static void become_gone(struct round *round, struct vscsi_lun *lun, enum verdict verdict)
{
	if (lun->doubt == LUN_DOUBT_LOSS || (lun->doubt != LUN_DOUBT_PLUG && verdict == SMALLER)) {
		add_change(round, VSCSI_EVENT_CHANGED, lun, IDENTITY_CHANGED);
	} else if (lun->doubt != LUN_DOUBT_PLUG) {
		add_change(round, VSCSI_EVENT_UNPLUGGED, lun, 0);
		if (verdict == OTHER)
			add_change(round, VSCSI_EVENT_PLUGGED, lun, 0);
	}
	lun_table_set_gone(lun);
}

static void become_present(struct round *round, struct vscsi_lun *lun,
			   const struct lun_facts *facts)
{
	const struct notices *notices = &round->table->queue->ioq->set->notices;

	if (lun->doubt == LUN_DOUBT_PLUG)
		add_change(round, VSCSI_EVENT_PLUGGED, lun, 0);
	if (lun->io.block_size && facts->capacity.blocks > lun->info.blocks)
		add_change(round, VSCSI_EVENT_RESIZED, lun, CAPACITY_CHANGED);
	if (lun->registration.key && !facts->registered && !lun->registration.lost) {
		lun->registration.lost = true;
		add_change(round, VSCSI_EVENT_UNREGISTERED, lun, 0);
	}
	if (lun->probed)
		lun_facts_adopt(facts, &round->table->limits, lun);
	lun->doubt = LUN_DOUBT_ATTENTION;
	io_lun_set_state(&lun->io, LUN_PRESENT);
	/* A queue that found it SUSPECT and did not change it had left a notice before. */
	if (notice_pending(notices))
		io_lun_set_state(&lun->io, LUN_SUSPECT);
}

/* Whether the deadline of a missing LUN has expired. */
static bool is_over(const struct round *round, struct vscsi_lun *lun, int err)
{
	if (lun->doubt == LUN_DOUBT_LOSS)
		return round->now >= round->missing_until;
	if (err == -ENODEV)
		return true;
	if (!lun->missing_until)
		lun->missing_until = round->now + MISSING_MS;
	return round->now >= lun->missing_until;
}

/* Whether a handle that was not in doubt was opened for another disk than the one that answered. */
static bool is_other(const struct vscsi_lun *lun, int err, const struct lun_facts *facts)
{
	enum verdict verdict = decide(lun, err, facts);

	return verdict == OTHER || verdict == SMALLER;
}

/* Applies the result of a probe to one handle of its address. */
static void conclude(struct round *round, struct vscsi_lun *lun, int err,
		     const struct lun_facts *facts)
{
	enum verdict verdict = decide(lun, err, facts);

	/*
	 * A handle for raw commands alone may be to an address with no LUN; one with a registration
	 * is to a LUN that may appear a little later than its device.
	 */
	if (verdict == MISSING && !lun->probed &&
	    (!lun->registration.key || is_over(round, lun, err)))
		verdict = SAME;

	if (lun->probing)
		query_release(&lun->probe->query);
	lun->probing = false;
	lun->again_ms = 0;
	if (verdict == SAME) {
		become_present(round, lun, facts);
	} else if (verdict == SMALLER || verdict == OTHER ||
		   (verdict == MISSING && is_over(round, lun, err))) {
		become_gone(round, lun, verdict);
	} else {
		lun->again_ms = round->now + PAUSE_MS;
		be_due(round, lun->again_ms);
	}
}

static bool is_asking(const struct vscsi_lun *lun, uint64_t now)
{
	const struct query *q = &lun->probe->query;

	return lun->probing && q->state != QUERY_DONE && now < q->since_ms + SLOW_MS;
}

/* Whether another handle is probing the same address. */
static bool is_probed_for(const struct lun_table *table, const struct vscsi_lun *lun)
{
	const struct vscsi_lun *other;

	for (other = table->first; other; other = other->next) {
		if (other != lun && other->probing && io_lun_state(&other->io) == LUN_SUSPECT &&
		    lun_has_address(other, lun->io.target, lun->io.number))
			return true;
	}
	return false;
}

/* Whether all handles of the address are for raw commands only. */
static bool is_raw(const struct lun_table *table, const struct vscsi_lun *lun)
{
	const struct vscsi_lun *other;

	for (other = table->first; other; other = other->next) {
		if (other->probed && lun_has_address(other, lun->io.target, lun->io.number))
			return false;
	}
	return true;
}

/* The key that one of the handles of the address has registered, or 0. */
static uint64_t registered_key(const struct lun_table *table, const struct vscsi_lun *lun)
{
	const struct vscsi_lun *other;

	for (other = table->first; other; other = other->next) {
		if (other->registration.key &&
		    lun_has_address(other, lun->io.target, lun->io.number))
			return other->registration.key;
	}
	return 0;
}

/* Begins a probe if it is due. Return: whether this LUN is being probed. */
static bool begin(struct round *round, struct vscsi_lun *lun)
{
	struct vscsi_queue *queue = round->table->queue;

	if (lun->probing && !lun->stale)
		return true;
	if (round->now < lun->again_ms) {
		be_due(round, lun->again_ms);
		return false;
	}
	/* By then the queries in flight have completed or are SLOW_MS old. */
	if (!lun->probing && round->asking >= ASKING_MOST) {
		be_due(round, round->now + SLOW_MS);
		return false;
	}
	round->asking += !lun->probing;
	lun->probing = true;
	lun->stale = false;
	query_use(&lun->probe->query, queue);
	lun_probe_begin(lun->probe, is_raw(round->table, lun), registered_key(round->table, lun));
	return true;
}

static void conclude_all(struct round *round, const struct vscsi_lun *probed, int err)
{
	const struct notices *notices = &round->table->queue->ioq->set->notices;
	const struct lun_facts *facts = &probed->probe->facts;
	const uint32_t target = probed->io.target;
	const uint32_t number = probed->io.number;
	struct vscsi_lun *lun;

	/* No room, or a pending notice may concern this LUN: retry at the next call. */
	if (round->max - round->count < LUN_CHANGES_LEAST || notice_pending(notices)) {
		be_due(round, round->now);
		return;
	}
	for (lun = round->table->first; lun; lun = lun->next) {
		if (!lun_has_address(lun, target, number))
			continue;
		if (io_lun_state(&lun->io) == LUN_PRESENT && is_other(lun, err, facts))
			lun_table_doubt(lun);
		if (io_lun_state(&lun->io) == LUN_SUSPECT)
			conclude(round, lun, err, facts);
	}
}

/* Until when the answer to a command is waited for. */
static uint64_t answer_until(const struct round *round, const struct vscsi_lun *lun)
{
	const struct query *q = &lun->probe->query;
	uint64_t limit = q->since_ms + round->table->timeout_ms + 1;
	uint64_t least = q->since_ms + ANSWER_MS;
	uint64_t until = round->missing_until < least ? least : round->missing_until;

	return lun->doubt == LUN_DOUBT_LOSS && until < limit ? until : limit;
}

static void advance(struct round *round, struct vscsi_lun *lun)
{
	uint64_t until;
	int err;

	if ((!lun->probing && is_probed_for(round->table, lun)) || !begin(round, lun))
		return;
	err = lun_probe_step(lun->probe, &round->unsent);
	until = answer_until(round, lun);
	if (err != -EINPROGRESS)
		conclude_all(round, lun, err);
	else if (round->now >= until)
		conclude_all(round, lun, -ETIMEDOUT);
	else
		be_due(round, lun->probe->query.state == QUERY_UNSENT ? round->now + 1 : until);
}

static void take_round(struct round *round)
{
	struct lun_table *table = round->table;
	struct vscsi_lun *lun;

	for (lun = table->first; lun; lun = lun->next)
		round->asking += is_asking(lun, round->now);
	for (lun = table->first; lun; lun = lun->next) {
		if (io_lun_state(&lun->io) == LUN_SUSPECT)
			advance(round, lun);
	}
	lun_table_count(table);
	atomic_store_explicit(&table->due_ms, round->due, memory_order_relaxed);
}

unsigned lun_table_revalidate(struct lun_table *table, uint64_t now, uint64_t missing_until,
			      struct lun_change *changes, unsigned max, unsigned *count)
{
	struct round round = {
		.table = table,
		.now = now,
		.missing_until = missing_until,
		.changes = changes,
		.max = max,
		.due = UINT64_MAX,
	};

	*count = 0;
	if (!ioq_running(table->queue->ioq))
		return lun_table_doubts(table);
	/* The caller keeps the error text of what it was called for. */
	error_keep(true);
	pthread_mutex_lock(&table->lock);
	take_round(&round);
	pthread_mutex_unlock(&table->lock);
	error_keep(false);
	if (round.unsent)
		query_submit(table->queue);
	*count = round.count;
	return lun_table_doubts(table);
}
