/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scanning: REPORT LUNS to LUN 0 of every target, INQUIRY to each LUN found, and LUN by LUN where a
 * target doesn't know REPORT LUNS. Whatever a target answers, there is an end to it: numbers are
 * bounded by the device's limits, what is found twice counts once, and the whole has a time limit.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vscsi/lun.h>
#include <vscsi/queue.h>

#include "device/events.h"
#include "lun/inquire.h"
#include "lun/lun.h"
#include "lun/scan.h"
#include "scsi/cdb.h"
#include "scsi/inquiry.h"
#include "scsi/lun_addr.h"
#include "scsi/report_luns.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/export.h"

/*
 * First try of REPORT LUNS: enough for 511 LUNs; a longer list is asked for again, up to them all.
 */
#define LIST_BYTES     4096u
#define LIST_BYTES_MAX (8u + 8u * (SCSI_MAX_LUN + 1))

/* LUNs of a target that doesn't know REPORT LUNS: SCSI-2 has eight. */
#define OLD_LUNS 8u

/* A scan takes as long as so many answers may at most, however many targets there are. */
#define SCAN_ANSWERS 4u

/* The list being made; @limit is when it has to be complete, by clock_ms(). */
struct scan {
	struct vscsi_dev *dev;
	uint64_t limit;
	struct dev_limits limits;
	struct vscsi_lun_addr *found;
	unsigned count;
	unsigned room;
};

static int add(struct scan *scan, unsigned target, unsigned lun, unsigned type)
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
	grown[scan->count].target = target;
	grown[scan->count].lun = lun;
	grown[scan->count].type = type;
	scan->count++;
	return 0;
}

/* Every answer may come within its own limit, and the scan take for ever. */
static int check_time(const struct scan *scan, unsigned target)
{
	if (clock_ms() <= scan->limit)
		return 0;
	return error_set(-ETIMEDOUT,
			 "the scan was given up at target %u after %u ms; the device answers "
			 "slowly: raise timeout_ms, or open LUNs by their numbers",
			 target, SCAN_ANSWERS * scan->dev->opts.timeout_ms);
}

/* Adds a LUN if INQUIRY finds a device there. Return: 0, or a fatal error. */
static int try_lun(struct scan *scan, unsigned target, unsigned number)
{
	uint8_t data[SCSI_INQUIRY_ALLOC];
	struct scsi_inquiry inquiry;
	uint8_t cdb[SCSI_CDB_LEN];
	struct vscsi_lun lun;
	uint32_t received;
	int err;

	err = check_time(scan, target);
	if (!err)
		err = lun_init(&lun, scan->dev, target, number);
	if (err)
		return err;
	scsi_cdb_inquiry(cdb, false, 0, sizeof(data));
	err = inquire(&lun, cdb, data, sizeof(data), &received, NULL);
	if (err)
		return inquire_got_nowhere(err) ? err : 0;
	if (scsi_inquiry_parse(data, received, &inquiry) ||
	    inquiry.qualifier != SCSI_QUALIFIER_CONNECTED)
		return 0;
	return add(scan, target, number, inquiry.type);
}

static int compare_numbers(const void *a, const void *b)
{
	const unsigned *x = a;
	const unsigned *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Tries every LUN of a list, sorted and each once. */
static int try_list(struct scan *scan, unsigned target, const uint8_t *data, uint32_t received)
{
	struct scsi_lun_list list;
	unsigned *numbers;
	unsigned count = 0;
	unsigned i;
	int err = 0;

	if (scsi_lun_list_begin(&list, data, received))
		return 0;
	numbers = malloc((list.left + 1) * sizeof(*numbers));
	if (!numbers)
		return error_set(-ENOMEM, "out of memory");
	while (scsi_lun_list_next(&list, &numbers[count]))
		count++;
	qsort(numbers, count, sizeof(*numbers), compare_numbers);
	for (i = 0; i < count && !err; i++) {
		if (numbers[i] <= scan->limits.max_lun && (i == 0 || numbers[i] != numbers[i - 1]))
			err = try_lun(scan, target, numbers[i]);
	}
	free(numbers);
	return err;
}

/* Asks for the list, once more when it is longer than expected. */
static int report_luns(struct vscsi_lun *lun, uint8_t *data, uint32_t *received,
		       struct vscsi_completion *done)
{
	uint32_t want = LIST_BYTES;
	struct scsi_lun_list list;
	uint8_t cdb[SCSI_CDB_LEN];
	int err;

	for (;;) {
		scsi_cdb_report_luns(cdb, SCSI_REPORT_LUNS_PLAIN, want);
		err = inquire(lun, cdb, data, want, received, done);
		if (err || want == LIST_BYTES_MAX)
			return err;
		if (scsi_lun_list_begin(&list, data, *received) || list.wanted <= want)
			return 0;
		want = LIST_BYTES_MAX;
	}
}

static int try_target(struct scan *scan, unsigned target, uint8_t *data)
{
	struct vscsi_completion done;
	struct vscsi_lun lun;
	uint32_t received;
	unsigned i;
	int err;

	err = check_time(scan, target);
	if (!err)
		err = lun_init(&lun, scan->dev, target, 0);
	if (err)
		return err;
	err = report_luns(&lun, data, &received, &done);
	if (!err)
		return try_list(scan, target, data, received);
	if (inquire_got_nowhere(err))
		return err;
	/*
	 * A response but OK means that nobody is there (virtio 1.4, 5.6.6.1.1); sense is an answer.
	 */
	if (done.response && !done.sense_len)
		return 0;
	for (i = 0, err = 0; i < OLD_LUNS && i <= scan->limits.max_lun && !err; i++)
		err = try_lun(scan, target, i);
	return err;
}

int scan_all(struct vscsi_dev *dev, struct vscsi_lun_addr **out)
{
	struct scan scan = {.dev = dev, .limits = dev_get_limits(dev)};
	uint8_t *data = malloc(LIST_BYTES_MAX);
	unsigned target;
	int err = 0;

	if (!data)
		return error_set(-ENOMEM, "out of memory");
	scan.limit = clock_ms() + (uint64_t)SCAN_ANSWERS * dev->opts.timeout_ms;
	for (target = 0; target <= scan.limits.max_target && !err; target++)
		err = try_target(&scan, target, data);
	free(data);
	if (err) {
		free(scan.found);
		return err;
	}
	*out = scan.found;
	return (int)scan.count;
}

int scan_identities(struct vscsi_dev *dev)
{
	struct vscsi_lun_addr *list;
	struct vscsi_lun lun;
	int count = lun_list(dev, &list);
	int err = count < 0 ? count : 0;
	int i;

	if (err)
		return err;
	for (i = 0; i < count && !err; i++) {
		lun_init(&lun, dev, list[i].target, list[i].lun);
		err = lun_probe_identity(&lun);
		if (!err)
			events_identity(dev, &lun.info);
		else if (!inquire_got_nowhere(err))
			err = 0;
	}
	free(list);
	return err;
}

EXPORT int vscsi_dev_scan(struct vscsi_dev *dev, struct vscsi_lun_addr *out, unsigned max)
{
	struct vscsi_lun_addr *found = NULL;
	int count;

	error_enter(__func__);
	if (max && !out)
		return error_set(-EINVAL, "%u elements of NULL", max);
	count = scan_all(dev, &found);
	if (count < 0)
		return count;
	if (max && count)
		memcpy(out, found, sizeof(*out) * (max < (unsigned)count ? max : (unsigned)count));
	events_set_known(dev, found, (unsigned)count);
	return count;
}
