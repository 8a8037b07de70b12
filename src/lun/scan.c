/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The scan. It ends whatever a target answers: numbers are bounded by the limits of the device,
 * duplicates count once, and the scan as a whole has a time limit.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lun/lun.h"
#include "lun/query.h"
#include "lun/scan.h"
#include "scsi/inquiry.h"
#include "scsi/lun_addr.h"
#include "scsi/report_luns.h"
#include "util/clock.h"
#include "util/error.h"

/* First allocation length of REPORT LUNS, for 511 LUNs, and the one for a longer list. */
#define LIST_BYTES     4096u
#define LIST_BYTES_MAX (8u + 8u * (SCSI_MAX_LUN + 1))

/* LUNs to try on a target without REPORT LUNS: SCSI-2 has eight. */
#define OLD_LUNS 8u

/**
 * struct scan - A scan
 * @query: the current query; @asked: it has begun
 * @limits: of the device when the scan began
 * @limit_ms: deadline, in clock_ms() time
 * @target: current target
 * @listing: the query is REPORT LUNS; otherwise INQUIRY
 * @numbers, @number_count: LUNs of the target, sorted, without duplicates; @number: current index
 * @found, @count, @room: the result
 */
struct scan {
	struct query query;
	bool asked;
	struct lun_limits limits;
	uint64_t limit_ms;
	unsigned target;
	bool listing;
	unsigned *numbers;
	unsigned number_count;
	unsigned number;
	struct vscsi_lun_addr *found;
	unsigned count;
	unsigned room;
};

int scan_begin(struct lun_table *table, struct scan **out)
{
	struct scan *scan = calloc(1, sizeof(*scan));
	int err;

	if (!scan)
		return error_set(-ENOMEM, "out of memory");
	err = query_init(&scan->query, table, LIST_BYTES);
	if (err) {
		scan_end(scan);
		return err;
	}
	pthread_mutex_lock(&table->lock);
	scan->limits = table->limits;
	pthread_mutex_unlock(&table->lock);
	scan->limit_ms = clock_ms() + (uint64_t)SCAN_ANSWERS * table->timeout_ms;
	scan->listing = true;
	*out = scan;
	return 0;
}

void scan_end(struct scan *scan)
{
	query_fini(&scan->query);
	free(scan->numbers);
	free(scan->found);
	free(scan);
}

static int add(struct scan *scan, unsigned lun, unsigned type)
{
	struct vscsi_lun_addr *grown = scan->found;

	if (scan->count == scan->room) {
		scan->room = scan->room ? scan->room * 2 : 16;
		grown = realloc(scan->found, scan->room * sizeof(*grown));
		if (!grown)
			return error_set(-ENOMEM, "out of memory");
		scan->found = grown;
	}
	memset(&grown[scan->count], 0, sizeof(*grown));
	grown[scan->count].target = scan->target;
	grown[scan->count].lun = lun;
	grown[scan->count].type = type;
	scan->count++;
	return 0;
}

/* Begins a query. Each answer has its own time limit; this checks the one of the scan. */
static int ask(struct scan *scan, unsigned lun, uint32_t len)
{
	const struct lun_table *table = scan->query.table;

	if (clock_ms() > scan->limit_ms)
		return error_set(
			-ETIMEDOUT,
			"the scan reached only target %u in %u ms, because the device answers "
			"slowly; raise timeout_ms, or open LUNs by target and number",
			scan->target, SCAN_ANSWERS * table->timeout_ms);
	query_ask(&scan->query, len);
	scan->asked = true;
	return query_address(&scan->query, scan->target, lun);
}

static int compare_numbers(const void *a, const void *b)
{
	const unsigned *x = a;
	const unsigned *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Continues with the LUNs of the list, sorted and without duplicates. */
static int take_list(struct scan *scan)
{
	const struct query *q = &scan->query;
	struct scsi_lun_list list;
	unsigned *numbers;
	unsigned count = 0;
	unsigned kept = 0;
	unsigned i;

	scsi_lun_list_begin(&list, q->answer, q->received);
	numbers = malloc((list.left + 1) * sizeof(*numbers));
	if (!numbers)
		return error_set(-ENOMEM, "out of memory");
	while (scsi_lun_list_next(&list, &numbers[count]))
		count++;
	qsort(numbers, count, sizeof(*numbers), compare_numbers);
	for (i = 0; i < count; i++) {
		if (numbers[i] <= scan->limits.max_lun &&
		    (!kept || numbers[i] != numbers[kept - 1]))
			numbers[kept++] = numbers[i];
	}
	scan->numbers = numbers;
	scan->number_count = kept;
	return 0;
}

/* Continues with the first LUNs of a target without REPORT LUNS. */
static int take_first_luns(struct scan *scan)
{
	unsigned i;

	scan->numbers = malloc(OLD_LUNS * sizeof(*scan->numbers));
	if (!scan->numbers)
		return error_set(-ENOMEM, "out of memory");
	for (i = 0; i < OLD_LUNS && i <= scan->limits.max_lun; i++)
		scan->numbers[i] = i;
	scan->number_count = i;
	return 0;
}

/* Whether the list is longer than the allocation length, and must be read again. */
static bool is_cut_off(const struct scan *scan)
{
	const struct query *q = &scan->query;
	struct scsi_lun_list list;

	return q->len < LIST_BYTES_MAX && !scsi_lun_list_begin(&list, q->answer, q->received) &&
	       list.wanted > q->len;
}

static int ask_list(struct scan *scan, uint32_t len)
{
	scsi_cdb_report_luns(scan->query.cdb, SCSI_REPORT_LUNS_PLAIN, len);
	return ask(scan, 0, len);
}

/* Processes the result of REPORT LUNS. Return: 0, or the error that the scan fails with. */
static int end_list(struct scan *scan, int err)
{
	const struct vscsi_completion *done = &scan->query.completion;

	if (query_has_no_answer(err))
		return err;
	if (!err && is_cut_off(scan)) {
		if (scan->query.room < LIST_BYTES_MAX)
			err = query_grow(&scan->query, LIST_BYTES_MAX);
		return err ? err : ask_list(scan, LIST_BYTES_MAX);
	}
	scan->listing = false;
	scan->number = 0;
	if (!err)
		return take_list(scan);
	/*
	 * A response other than OK means that the target does not exist (virtio 1.4, 5.6.6.1.1),
	 * unless it comes with sense data.
	 */
	if (done->response && !done->sense_len)
		return 0;
	return take_first_luns(scan);
}

/* Processes the result of INQUIRY. Return: 0, or the error that the scan fails with. */
static int end_lun(struct scan *scan, int err)
{
	const struct query *q = &scan->query;
	struct scsi_inquiry inquiry;

	scan->number++;
	if (err)
		return query_has_no_answer(err) ? err : 0;
	if (scsi_inquiry_parse(q->answer, q->received, &inquiry) ||
	    inquiry.qualifier != SCSI_QUALIFIER_CONNECTED)
		return 0;
	return add(scan, scan->numbers[scan->number - 1], inquiry.type);
}

/* Begins the next query. Return: 0, 1 if the scan is complete, or a negative errno. */
static int ask_next(struct scan *scan)
{
	if (!scan->listing && scan->number == scan->number_count) {
		free(scan->numbers);
		scan->numbers = NULL;
		scan->number_count = scan->number = 0;
		scan->listing = true;
		scan->target++;
	}
	if (scan->target > scan->limits.max_target)
		return 1;
	if (scan->listing)
		return ask_list(scan, LIST_BYTES);
	scsi_cdb_inquiry(scan->query.cdb, false, 0, SCSI_INQUIRY_ALLOC);
	return ask(scan, scan->numbers[scan->number], SCSI_INQUIRY_ALLOC);
}

static int advance(struct scan *scan, bool *unsent)
{
	int err = 0;

	while (!err) {
		if (!scan->asked)
			err = ask_next(scan);
		if (err)
			break;
		err = query_step(&scan->query, unsent);
		if (err == -EINPROGRESS)
			break;
		scan->asked = false;
		err = scan->listing ? end_list(scan, err) : end_lun(scan, err);
	}
	return err;
}

int scan_step(struct scan *scan, struct vscsi_lun_addr **out)
{
	bool unsent = false;
	int err = advance(scan, &unsent);

	if (unsent)
		query_submit(scan->query.queue);
	if (err < 0)
		return err;
	*out = scan->found;
	scan->found = NULL;
	return (int)scan->count;
}
