/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The probe: a table of steps, one command each, walked in order. INQUIRY and the capacity are
 * required. All other pages are optional, and their values have defaults that are safe with any
 * device.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lun/probe.h"
#include "scsi/reserve.h"
#include "util/error.h"

/* The longest answer: VPD page 83h. */
#define ROOM SCSI_IDENTITY_BYTES

/* How often aborted queries are repeated, and walks restarted. */
#define REPEATS  3u
#define RESTARTS 3u

/*
 * Processes the result of a step: @err is 0 and the answer is in @probe->query, or the LUN rejected
 * the command. Return: 0, or the error that the probe fails with.
 */
typedef int take_fn(struct lun_probe *probe, int err);

static bool always(const struct lun_probe *probe, uint8_t page)
{
	(void)probe;
	(void)page;
	return true;
}

/* Page 00h lists the pages; a device without it has none. */
static bool page_listed(const struct lun_probe *probe, uint8_t page)
{
	return scsi_vpd_has(&probe->facts.pages, page);
}

static bool names_cut_off(const struct lun_probe *probe, uint8_t page)
{
	(void)page;
	return probe->names_bytes;
}

static bool has_blocks(const struct lun_probe *probe, uint8_t page)
{
	(void)page;
	return !probe->identity_only && lun_type_has_blocks(probe->facts.inquiry.type);
}

static bool page_of_blocks(const struct lun_probe *probe, uint8_t page)
{
	return has_blocks(probe, page) && page_listed(probe, page);
}

static bool capacity_unknown(const struct lun_probe *probe, uint8_t page)
{
	return has_blocks(probe, page) && !probe->capacity_known;
}

/* On a CD-ROM the header's WP and DPOFUA bits have other meanings. */
static bool mode_unknown(const struct lun_probe *probe, uint8_t page)
{
	return has_blocks(probe, page) && !probe->mode_known &&
	       probe->facts.inquiry.type != VSCSI_TYPE_CDROM;
}

static bool has_key(const struct lun_probe *probe, uint8_t page)
{
	(void)page;
	return probe->key;
}

static int take_inquiry(struct lun_probe *probe, int err)
{
	struct scsi_inquiry *inquiry = &probe->facts.inquiry;
	struct query *q = &probe->query;

	if (err)
		return err;
	if (scsi_inquiry_parse(q->answer, q->received, inquiry))
		return error_set(-EPROTO, "LUN %u:%u answers INQUIRY with only %u bytes",
				 q->io.target, q->io.number, q->received);
	if (inquiry->qualifier != SCSI_QUALIFIER_CONNECTED)
		return error_set(-ENODEV, "there is no LUN %u:%u (INQUIRY says: nothing connected)",
				 q->io.target, q->io.number);
	/* Only a unit attention after this answer can be a change between two answers. */
	atomic_store(&q->io.attention, false);
	return 0;
}

static int take_pages(struct lun_probe *probe, int err)
{
	struct query *q = &probe->query;

	if (!err)
		scsi_vpd_parse_pages(q->answer, q->received, &probe->facts.pages);
	return 0;
}

static int take_serial(struct lun_probe *probe, int err)
{
	struct query *q = &probe->query;

	if (!err) {
		scsi_vpd_parse_serial(q->answer, q->received, probe->facts.serial);
		scsi_identity_add_serial(&probe->facts.identity, q->answer, q->received);
	}
	return 0;
}

/*
 * First the page is read with a one-byte allocation length, like all pages, and then, if it is
 * longer, as a whole. If that fails, the names are discarded: a later read may be cut off
 * elsewhere, and would not compare equal.
 */
static int take_names(struct lun_probe *probe, int err)
{
	static const uint8_t empty[4] = {0, SCSI_VPD_IDENTITY};
	struct scsi_identity *identity = &probe->facts.identity;
	struct query *q = &probe->query;
	uint32_t whole;
	bool first = !probe->names_bytes;

	probe->names_bytes = 0;
	if (err || scsi_identity_set_names(identity, q->answer, q->received)) {
		scsi_identity_set_names(identity, empty, sizeof(empty));
		return 0;
	}
	scsi_vpd_parse_identity(q->answer, q->received, probe->facts.wwid);
	whole = 4u + get_be16(q->answer + 2);
	if (first && whole > q->len)
		probe->names_bytes = whole < ROOM ? whole : ROOM;
	return 0;
}

static int take_limits(struct lun_probe *probe, int err)
{
	struct query *q = &probe->query;

	if (!err)
		scsi_vpd_parse_limits(q->answer, q->received, &probe->facts.limits);
	return 0;
}

static int take_medium(struct lun_probe *probe, int err)
{
	struct query *q = &probe->query;

	if (!err)
		scsi_vpd_parse_rotation(q->answer, q->received, &probe->facts.rotation);
	return 0;
}

static int take_provisioning(struct lun_probe *probe, int err)
{
	struct query *q = &probe->query;

	if (!err)
		scsi_vpd_parse_provisioning(q->answer, q->received, &probe->facts.provisioning);
	return 0;
}

/* No medium is not an error: the LUN has no blocks then. */
static int end_capacity(struct lun_probe *probe, int err)
{
	struct query *q = &probe->query;

	probe->capacity_known = true;
	if (err == -EPROTO || err == -EOVERFLOW)
		return error_set(
			-EPROTO,
			"LUN %u:%u reports an unsupported capacity: no blocks, a block size "
			"that is not a power of two from %u to %u, or more than 2^64 bytes",
			q->io.target, q->io.number, SCSI_MIN_BLOCK_SIZE, SCSI_MAX_BLOCK_SIZE);
	return err == -ENOMEDIUM ? 0 : err;
}

/*
 * READ CAPACITY(16) comes first, because only this form reports thin provisioning and sizes beyond
 * 2 TiB. Old devices support only the short form, and some answer nonsense to the long one.
 */
static int take_capacity_16(struct lun_probe *probe, int err)
{
	struct query *q = &probe->query;

	if (!err)
		err = scsi_capacity_parse_16(q->answer, q->received, &probe->facts.capacity);
	return err && err != -ENOMEDIUM ? 0 : end_capacity(probe, err);
}

static int take_capacity_10(struct lun_probe *probe, int err)
{
	struct query *q = &probe->query;

	if (!err)
		err = scsi_capacity_parse_10(q->answer, q->received, &probe->facts.capacity);
	return end_capacity(probe, err);
}

/*
 * A disk without a caching page rejects the request for it, and a device may support only one form
 * of the command. A disk that supports none is assumed to be writable and without a cache.
 */
static int take_mode(struct lun_probe *probe, int err)
{
	struct scsi_mode *mode = &probe->facts.mode;
	struct query *q = &probe->query;

	if (!err)
		err = q->cdb[0] == SCSI_MODE_SENSE_10
			      ? scsi_mode_parse_10(q->answer, q->received, mode)
			      : scsi_mode_parse_6(q->answer, q->received, mode);
	probe->mode_known = !err;
	return 0;
}

/* Whatever else the LUN answers, the registration is not known to exist. */
static int take_keys(struct lun_probe *probe, int err)
{
	struct query *q = &probe->query;

	if (err == -EBUSY)
		return err;
	probe->facts.registered = !err && scsi_pr_has_key(q->answer, q->received, probe->key);
	return 0;
}

/* Commands; INQUIRY counts as two. */
enum { STANDARD, PAGE, CAPACITY_16, CAPACITY_10, MODE_6, MODE_10, KEYS };

static const struct step {
	uint8_t command;
	uint8_t page;
	uint16_t len;
	bool (*wanted)(const struct lun_probe *probe, uint8_t page);
	take_fn *take;
} steps[] = {
	{STANDARD, 0, SCSI_INQUIRY_ALLOC, always, take_inquiry},
	{PAGE, SCSI_VPD_PAGES, SCSI_VPD_ALLOC, always, take_pages},
	{PAGE, SCSI_VPD_SERIAL, SCSI_VPD_ALLOC, page_listed, take_serial},
	{PAGE, SCSI_VPD_IDENTITY, SCSI_VPD_ALLOC, page_listed, take_names},
	{PAGE, SCSI_VPD_IDENTITY, 0, names_cut_off, take_names},
	{CAPACITY_16, 0, SCSI_READ_CAPACITY_16_LEN, has_blocks, take_capacity_16},
	{CAPACITY_10, 0, SCSI_READ_CAPACITY_10_LEN, capacity_unknown, take_capacity_10},
	{PAGE, SCSI_VPD_LIMITS, SCSI_VPD_ALLOC, page_of_blocks, take_limits},
	{PAGE, SCSI_VPD_MEDIUM, SCSI_VPD_ALLOC, page_of_blocks, take_medium},
	{PAGE, SCSI_VPD_PROVISIONING, SCSI_VPD_ALLOC, page_of_blocks, take_provisioning},
	{MODE_6, SCSI_MODE_CACHING, SCSI_MODE_ALLOC, mode_unknown, take_mode},
	{MODE_6, SCSI_MODE_ALL, SCSI_MODE_ALLOC, mode_unknown, take_mode},
	{MODE_10, SCSI_MODE_CACHING, SCSI_MODE_ALLOC, mode_unknown, take_mode},
	{MODE_10, SCSI_MODE_ALL, SCSI_MODE_ALLOC, mode_unknown, take_mode},
	{KEYS, 0, ROOM, has_key, take_keys},
};

int lun_probe_create(struct lun_table *table, unsigned target, unsigned number,
		     struct lun_probe **out)
{
	struct lun_probe *probe = calloc(1, sizeof(*probe));
	int err;

	if (!probe)
		return error_set(-ENOMEM, "out of memory");
	err = query_init(&probe->query, table, ROOM);
	if (!err)
		err = query_address(&probe->query, target, number);
	if (err) {
		lun_probe_destroy(probe);
		return err;
	}
	*out = probe;
	return 0;
}

void lun_probe_destroy(struct lun_probe *probe)
{
	if (!probe)
		return;
	query_fini(&probe->query);
	free(probe);
}

static void begin_walk(struct lun_probe *probe)
{
	probe->step = 0;
	probe->asked = false;
	probe->names_bytes = 0;
	probe->capacity_known = false;
	probe->mode_known = false;
	probe->repeats = 0;
	atomic_store(&probe->query.io.attention, false);
	memset(&probe->facts, 0, sizeof(probe->facts));
}

void lun_probe_begin(struct lun_probe *probe, bool identity_only, uint64_t key)
{
	begin_walk(probe);
	probe->identity_only = identity_only;
	probe->key = key;
	probe->restarts = 0;
	/* Waiting for it needs no memory; abandoning it would require a new call. */
	probe->dropping = probe->query.state == QUERY_SENT;
	if (probe->dropping)
		query_restart_timeout(&probe->query);
}

static void ask(struct lun_probe *probe, const struct step *step)
{
	uint8_t *cdb = probe->query.cdb;
	uint32_t len = step->len ? step->len : probe->names_bytes;

	switch (step->command) {
	case STANDARD:
		scsi_cdb_inquiry(cdb, false, 0, (uint16_t)len);
		break;
	case PAGE:
		scsi_cdb_inquiry(cdb, true, step->page, (uint16_t)len);
		break;
	case CAPACITY_16:
		scsi_cdb_read_capacity_16(cdb);
		break;
	case CAPACITY_10:
		scsi_cdb_read_capacity_10(cdb);
		break;
	case KEYS:
		scsi_cdb_pr_in(cdb, SCSI_PR_READ_KEYS, (uint16_t)len);
		break;
	case MODE_6:
		scsi_cdb_mode_sense_6(cdb, step->page, (uint8_t)len);
		break;
	default:
		scsi_cdb_mode_sense_10(cdb, step->page, (uint16_t)len);
	}
	query_ask(&probe->query, len);
	probe->asked = true;
}

/*
 * Whether the walk must be restarted: a unit attention between two answers can mean that the disk
 * was swapped between them. A disk that reports one in each walk is accepted after RESTARTS.
 */
static bool is_mixed(struct lun_probe *probe)
{
	if (!probe->query.io.attention || probe->restarts == RESTARTS)
		return false;
	probe->restarts++;
	return true;
}

/* Walks the table from @probe->step as far as possible. */
static int walk(struct lun_probe *probe, bool *unsent)
{
	const struct step *step;
	int err;

	for (; probe->step < ARRAY_LEN(steps); probe->step++) {
		step = &steps[probe->step];
		if (!probe->asked && !step->wanted(probe, step->page))
			continue;
		do {
			if (!probe->asked)
				ask(probe, step);
			err = query_step(&probe->query, unsent);
			if (err == -EINPROGRESS)
				return err;
			probe->asked = false;
			/* Aborted by a reset of another initiator: the page may exist. */
		} while (err == -ECANCELED && probe->repeats++ < REPEATS);
		if (query_has_no_answer(err))
			return err;
		err = step->take(probe, err);
		if (err)
			return err;
	}
	return 0;
}

int lun_probe_step(struct lun_probe *probe, bool *unsent)
{
	int err;

	if (probe->dropping && query_step(&probe->query, unsent) == -EINPROGRESS)
		return -EINPROGRESS;
	probe->dropping = false;
	for (;;) {
		err = walk(probe, unsent);
		if (err || !is_mixed(probe))
			return err;
		begin_walk(probe);
	}
}
