/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Logical units: discovery, identity, capacity and limits, and the table of open LUNs. This header
 * is the interface of src/lun/, together with lun/scan.h and lun/find.h.
 *
 * What it provides: opening, refreshing, revalidating and scanning as state machines. A machine has
 * a begin function and a step function. A step sends commands on the library's own queue handle or
 * processes their completions, and returns -EINPROGRESS until the machine is done. The caller polls
 * that handle, passes the completions to call_deliver(), and calls the step function again.
 *
 * What it never does: it never waits, and it knows neither the device nor the event queue. Changes
 * of LUNs are returned as struct lun_change; there are no callbacks.
 *
 * Locking: lun_table.lock guards the table, the state of its LUNs and their info. It is held
 * briefly, never while waiting for a completion, and no kick for a new command is sent with it
 * held. Lock order: lun_table.lock before the locks of the queue layer. A machine belongs to the
 * thread that began it, except revalidation, which any thread may advance.
 */
#ifndef LUN_LUN_H
#define LUN_LUN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <vscsi/lun.h>

#include "queue/queue.h"
#include "scsi/identity.h"

struct call;
struct io_stats;
struct lun_probe;
struct lun_refresh;
struct vscsi_dev;

/**
 * struct lun_limits - Limits of the device for all its LUNs (virtio 1.4, 5.6.4)
 * @max_sectors: maximum transfer size of a request, in units of 512 bytes
 * @cmd_per_lun: maximum number of requests in flight to one LUN
 * @slots: number of requests that all queues together can hold
 * @max_target, @max_lun: largest target and LUN to scan
 */
struct lun_limits {
	uint32_t max_sectors;
	uint32_t cmd_per_lun;
	uint32_t slots;
	uint32_t max_target;
	uint32_t max_lun;
};

/* Buffers that are kept for revalidation: as many as there are LUNs, and this many at most. */
#define LUN_CALLS_KEPT 16u

/**
 * struct lun_table - The open LUNs of a device
 * @lock: guards all fields that are not atomic
 * @first: list of open LUNs
 * @opening: list of LUNs being opened
 * @queue: the library's own handle; this folder sends all its commands on it
 * @timeout_ms: time limit for each command of this folder
 * @io_timeout_ms: vscsi_dev_opts.io_timeout_ms
 * @lost: why the device failed, for error texts. The text may change, the pointer must not
 * @limits: the device layer may change them with @lock held
 * @losses: number of device losses; incremented by lun_table_suspect_all()
 * @kept: requests with their DMA buffers, which any LUN's probe takes and puts back (query.h)
 * @doubts: number of SUSPECT LUNs that the table knows of
 * @due_ms: when lun_table_revalidate() is due, in clock_ms() time
 *
 * The device layer sets @queue to @limits after lun_table_init().
 */
struct lun_table {
	pthread_mutex_t lock;
	struct vscsi_lun *first;
	struct vscsi_lun *opening;
	struct vscsi_queue *queue;
	uint32_t timeout_ms;
	uint32_t io_timeout_ms;
	const char *lost;
	struct lun_limits limits;
	_Atomic uint32_t losses;
	_Atomic(struct call *) kept[LUN_CALLS_KEPT];
	atomic_uint doubts;
	_Atomic uint64_t due_ms;
};

/* Why a LUN is SUSPECT: selects the changes that revalidation reports. */
enum lun_doubt {
	LUN_DOUBT_ATTENTION, /* unit attention or rescan; also while PRESENT */
	LUN_DOUBT_LOSS,      /* the device was lost */
	LUN_DOUBT_PLUG,      /* it was GONE, and its address is in use again; also while GONE */
};

/**
 * struct lun_registration - The persistent reservation key that a handle has registered
 * @key: 0: none; of the handles of an address at most one has one
 * @lost: it is not registered any more, and writes are refused
 */
struct lun_registration {
	uint64_t key;
	bool lost;
};

/**
 * struct vscsi_lun - An open logical unit
 * @io: the part that queues use
 * @dev: its device, for the API layer; not used here
 * @table: its table; @next: next LUN in the table
 * @info: public information, guarded by the table's lock: see lun_get_info()
 * @identity: identity when it was opened
 * @registration: guarded by the table's lock: see lun_set_registration()
 * @probed: false if it was opened for raw commands only
 * @probe: probe for opening and revalidation, allocated at open; its DMA buffer goes back to the
 *	table's when the probe has ended; @probing: revalidation is using it
 * @stale: the LUN may have changed since the probe began: restart it
 * @tries, @losses: while opening: number of attempts, and lun_table.losses when this one began
 * @doubt: why it is SUSPECT
 * @again_ms: when to probe it again; @missing_until: deadline for a missing LUN, 0 if not set
 */
struct vscsi_lun {
	struct io_lun io;
	struct vscsi_dev *dev;
	struct lun_table *table;
	struct vscsi_lun *next;
	struct vscsi_lun_info info;
	struct scsi_identity identity;
	struct lun_registration registration;
	bool probed;
	struct lun_probe *probe;
	bool probing;
	bool stale;
	unsigned tries;
	uint32_t losses;
	enum lun_doubt doubt;
	uint64_t again_ms;
	uint64_t missing_until;
};

void lun_table_init(struct lun_table *table);
/* Only when no LUN is open or being opened. */
void lun_table_fini(struct lun_table *table);

/**
 * struct lun_open_opts - How a LUN is opened
 * @retries: number of retries of a request
 * @timeout_ms: as vscsi_lun_opts.timeout_ms
 * @raw: do not probe: only the address is known, and only raw commands are possible
 */
struct lun_open_opts {
	uint16_t retries;
	uint32_t timeout_ms;
	bool raw;
};

/**
 * lun_open_begin - Begin to open a LUN
 * @table: table of the device
 * @dev: stored in the handle
 * @target, @number: its address
 * @opts: options
 * @out: receives the LUN, for lun_open_step()
 *
 * Return: 0; -EINVAL, -ENOMEM with the text set.
 */
int lun_open_begin(struct lun_table *table, struct vscsi_dev *dev, unsigned target, unsigned number,
		   const struct lun_open_opts *opts, struct vscsi_lun **out);

/**
 * lun_open_step - Advance the opening of a LUN
 *
 * Restarts the probe if the device was lost or the LUN was removed or swapped meanwhile, so that
 * all answers come from one disk. Fails at the third such event.
 *
 * Return: 0 when the LUN is open and in the table; -EINPROGRESS; or a negative errno with the text
 * set, after freeing the LUN.
 */
int lun_open_step(struct vscsi_lun *lun);

/* Stops opening a LUN and frees it. Not after lun_open_step() returned 0 or an error. */
void lun_open_cancel(struct vscsi_lun *lun);

/**
 * lun_close - Close a LUN
 *
 * O(slots of all queues).
 *
 * Return: 0, or -EBUSY with the text set while requests to it are in flight.
 */
int lun_close(struct vscsi_lun *lun);

/*
 * In a child process: lun_table_in_child() makes the lock again, which a thread may have held; and
 * lun_abandon() frees a LUN whatever is in flight, and touches no shared memory.
 */
void lun_table_in_child(struct lun_table *table);
void lun_abandon(struct vscsi_lun *lun);

/* Copies the public information. Takes the table's lock. */
void lun_get_info(struct vscsi_lun *lun, struct vscsi_lun_info *info);

/**
 * lun_set_identity - Give a LUN that was opened for raw commands alone an identity
 * @identity: what it must be. Until revalidation has asked, nothing is sent to it
 */
void lun_set_identity(struct vscsi_lun *lun, const struct scsi_identity *identity);

/**
 * lun_set_registration - Remember that a key was registered through a handle
 * @key: 0: none is registered any more
 * @losses: lun_table.losses before the command was sent. If the device was lost since then, all
 *	handles of the LUN become SUSPECT, and revalidation finds out whether it is still registered
 *
 * The other handles of the LUN forget their key. Writes are no longer refused for a lost one.
 */
void lun_set_registration(struct vscsi_lun *lun, uint64_t key, uint32_t losses);

/**
 * lun_refresh_begin - Begin to read the capacity and limits of a LUN again
 * @lun: must stay open until lun_refresh_end()
 * @out: receives the refresh
 *
 * Return: 0; -ENOMEM, -EINVAL (opened for raw commands only) with the text set.
 */
int lun_refresh_begin(struct vscsi_lun *lun, struct lun_refresh **out);

/**
 * lun_refresh_step - Advance a refresh
 *
 * Return: 0 when the new capacity and limits apply; -EINPROGRESS; or a negative errno with the text
 * set and nothing changed: -EPROTO if the block size is different, -ENODEV if the LUN is GONE or
 * now a different disk. A LUN that turns out to be a different disk becomes SUSPECT.
 */
int lun_refresh_step(struct lun_refresh *refresh);
void lun_refresh_end(struct lun_refresh *refresh);

/*
 * Events that change the state of LUNs. They apply to all handles of an address. Any thread.
 *
 * lun_table_suspect_all - The device was lost: PRESENT becomes SUSPECT, and table->losses is
 *	incremented. Call it before requests can be sent again
 * lun_table_suspect - A unit attention arrived, or a rescan found a LUN at the address: PRESENT and
 *	GONE become SUSPECT, and a revalidation in progress restarts. Returns whether one is open
 * lun_table_remove - The LUN was removed: it is GONE. Returns whether this is new to the
 *	application, that is, whether an open LUN was not GONE before
 * lun_table_recount - Update table->doubts
 *
 * A queue that decodes a unit attention makes the LUN SUSPECT and leaves a notice. Pass each notice
 * to lun_table_suspect(), and call lun_table_recount() if some were lost.
 */
void lun_table_suspect_all(struct lun_table *table);
bool lun_table_suspect(struct lun_table *table, unsigned target, unsigned number);
bool lun_table_remove(struct lun_table *table, unsigned target, unsigned number);
void lun_table_recount(struct lun_table *table);

/*
 * The application is about to reset a LUN, or with LUN_EVERY a target: requests in flight to it end
 * with -ECANCELED where that cuts them short. Any thread.
 */
#define LUN_EVERY UINT32_MAX
void lun_table_note_reset(struct lun_table *table, unsigned target, unsigned number);

/* How many LUNs are open. */
unsigned lun_table_open(struct lun_table *table);

struct vscsi_lun_addr;
struct lun_change;

/**
 * lun_table_compare - Compare the LUNs that are open with what a scan found
 * @found, @count: its list, sorted
 * @gone: receives those that it didn't find, which are GONE now, as UNPLUGGED
 * @max: elements of @gone
 *
 * Those that it found become SUSPECT: they may be other disks. Return: number of elements written;
 * call it again where that is @max.
 */
unsigned lun_table_compare(struct lun_table *table, const struct vscsi_lun_addr *found,
			   unsigned count, struct lun_change *gone, unsigned max);

/**
 * struct lun_change - What became of a LUN
 * @type: VSCSI_EVENT_*
 * @target, @number: its address
 * @code: ASC << 8 | ASCQ, or 0
 */
struct lun_change {
	uint32_t type;
	uint32_t target;
	uint32_t number;
	uint32_t code;
};

/* Minimum size of the array of changes that lun_table_revalidate() takes. */
#define LUN_CHANGES_LEAST 5u

/**
 * lun_table_revalidate - Find out whether SUSPECT LUNs are still the same disks
 * @table: the table. Take the notices of the queues first: no verdict is reached while one is
 *	pending, as it may concern the LUN
 * @now: clock_ms()
 * @missing_until: deadline for LUNs that are missing or not ready after a device loss
 * @changes: receives the changes to report to the application
 * @max: elements of @changes, at least LUN_CHANGES_LEAST. Changes that do not fit are left for the
 *	next call
 * @count: receives the number of changes
 *
 * Advances every SUSPECT LUN as far as possible without waiting. LUNs do not wait for each other.
 * Does nothing unless the library's queue is RUNNING.
 *
 *   suspected by       found                         state     change
 *   any                same disk, not smaller        PRESENT   PLUGGED if it was GONE,
 *                                                              RESIZED (2A/09) if it grew
 *   device loss        other disk, smaller, missing  GONE      CHANGED (3F/03)
 *   unit attention     other disk                    GONE      UNPLUGGED, PLUGGED
 *   or rescan          smaller                       GONE      CHANGED (3F/03)
 *                      missing                       GONE      UNPLUGGED
 *   (it was GONE)      other disk, smaller, missing  GONE      none
 *
 * In addition UNREGISTERED, where the key that a handle has registered is not any more.
 * A LUN that does not answer, is not ready or does not report its identity is probed again every
 * 50 ms, and is missing when the deadline expires. Without a device loss the deadline is five
 * seconds after the first such result, and 'no such LUN' counts as missing at once. A LUN that has
 * no names and was GONE cannot be recognized: it counts as another disk, and so does one that has
 * some now.
 *
 * Return: number of LUNs that are still SUSPECT.
 */
unsigned lun_table_revalidate(struct lun_table *table, uint64_t now, uint64_t missing_until,
			      struct lun_change *changes, unsigned max, unsigned *count);

/* Number of LUNs to revalidate. Any thread, takes no lock. */
static inline unsigned lun_table_doubts(const struct lun_table *table)
{
	return atomic_load_explicit(&table->doubts, memory_order_relaxed);
}

/*
 * Milliseconds until lun_table_revalidate() is due: 0 for now, UINT32_MAX for never. It is also due
 * after each completion on the library's handle. While the device is away the result has no
 * meaning. Any thread, takes no lock.
 */
static inline uint32_t lun_table_pause(const struct lun_table *table, uint64_t now)
{
	uint64_t due = atomic_load_explicit(&table->due_ms, memory_order_relaxed);

	if (!lun_table_doubts(table))
		return UINT32_MAX;
	if (due <= now)
		return 0;
	return due - now < UINT32_MAX ? (uint32_t)(due - now) : UINT32_MAX;
}

/*
 * Sums of the stats of a measured device (queue/stats.h), added to @sum: those of a LUN over all
 * request queues, and those of a request queue over all open LUNs. Any thread.
 */
void lun_sum_stats(const struct vscsi_lun *lun, struct io_stats *sum);
void lun_table_sum_stats(struct lun_table *table, const struct ioq *ioq, struct io_stats *sum);

#endif
