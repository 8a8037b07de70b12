/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PERSISTENT RESERVE IN and OUT (SPC-4). Not supported: naming other initiator ports (SPEC_I_PT,
 * REGISTER AND MOVE).
 */
#include <string.h>

#include "../../src/util/bits.h"
#include "error.h"
#include "scsi_op.h"

/* Service actions. */
enum { READ_KEYS, READ_RESERVATION, REPORT_CAPABILITIES, READ_FULL_STATUS };
enum { REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_AND_ABORT, REGISTER_AND_IGNORE };

#define LIST_LEN   24 /* of the OUT parameters */
#define STATUS_LEN 48 /* of a full status descriptor */

/*
 * The TransportID is one of SAS, as virtio has none of its own and Linux's vhost-scsi says the
 * same; the name in it is locally assigned (NAA 3h).
 */
static void put_full_status(uint8_t *d, const struct reservations *r, unsigned int nexus)
{
	put_be64(d, r->keys[nexus]);
	d[12] = 0x02; /* ALL_TG_PT: there is one target port */
	if (reservation_holds(r, nexus)) {
		d[12] |= 0x01;
		d[13] = r->type;
	}
	put_be16(d + 18, TARGET_PORT);
	put_be32(d + 20, STATUS_LEN - 24);
	d[24] = 0x06; /* SAS */
	put_be64(d + 28, UINT64_C(3) << 60 | (nexus + 1));
}

/* The data after the header, of READ KEYS and READ FULL STATUS. Returns its length. */
static uint32_t list_registrants(const struct reservations *r, bool full, uint8_t *d)
{
	uint32_t len = 0;
	unsigned int i;

	for (i = 0; i < NEXUSES; i++) {
		if (!r->keys[i])
			continue;
		if (full)
			put_full_status(d + len, r, i);
		else
			put_be64(d + len, r->keys[i]);
		len += full ? STATUS_LEN : 8;
	}
	return len;
}

/* The same of READ RESERVATION; the holders of a type _ALL have many keys. */
static uint32_t put_reservation(const struct reservations *r, uint8_t *d)
{
	if (!r->type)
		return 0;
	if (!reservation_of_all(r->type))
		put_be64(d, r->keys[r->holder]);
	d[13] = r->type;
	return 16;
}

void run_reserve_in(struct scsi_task *t)
{
	/* ATP_C; TMV, all six types. */
	uint8_t capabilities[8] = {0, 8, 0x04, 0x80, 0xea, 0x01};
	const struct reservations *r = &t->lun->reservations;
	uint8_t d[8 + STATUS_LEN * NEXUSES] = {0};
	uint32_t len;

	if (t->op->action == REPORT_CAPABILITIES) {
		if (*t->lun->reservation_file)
			capabilities[2] |= 0x01; /* PTPL_C */
		if (r->aptpl)
			capabilities[3] |= 0x01; /* PTPL_A */
		task_reply(t, capabilities, sizeof(capabilities));
		return;
	}
	if (t->op->action == READ_RESERVATION)
		len = put_reservation(r, d + 8);
	else
		len = list_registrants(r, t->op->action == READ_FULL_STATUS, d + 8);
	put_be32(d, r->generation);
	put_be32(d + 4, len);
	task_reply(t, d, 8 + len);
}

/* A PERSISTENT RESERVE OUT command in execution. */
struct reserve {
	struct scsi_task *t;
	struct reservations r; /* the state to be; dropped if the command fails */
	uint64_t key;          /* RESERVATION KEY */
	uint64_t new_key;      /* SERVICE ACTION RESERVATION KEY */
	uint8_t type;
};

static void conflict(struct scsi_task *t)
{
	t->status = STATUS_CONFLICT;
}

/* Scope and type of a reservation to be; false after failing the task. */
static bool type_ok(struct reserve *c)
{
	if (c->t->cdb[2] >> 4) { /* the scope is always the logical unit */
		task_fail_field(c->t, true, 2, 7);
		return false;
	}
	if (!(0x1ea >> c->type & 1)) {
		task_fail_field(c->t, true, 2, 3);
		return false;
	}
	return true;
}

static unsigned int registrations(const struct reservations *r)
{
	unsigned int n = 0;
	unsigned int i;

	for (i = 0; i < NEXUSES; i++)
		n += r->keys[i] != 0;
	return n;
}

/* Removes a registration, and the reservation if this was its only holder. */
static void unregister(struct reservations *r, unsigned int nexus)
{
	bool held = reservation_holds(r, nexus);

	r->keys[nexus] = 0;
	if (held && (!reservation_of_all(r->type) || !registrations(r)))
		r->type = 0;
}

static void do_register(struct reserve *c, bool ignore)
{
	uint64_t *key = &c->r.keys[c->t->nexus];

	if (!ignore && c->key != *key)
		conflict(c->t);
	else if (c->new_key)
		*key = c->new_key;
	else
		unregister(&c->r, c->t->nexus);
}

static void do_reserve(struct reserve *c)
{
	if (!type_ok(c))
		return;
	if (!c->r.type) {
		c->r.type = c->type;
		c->r.holder = c->t->nexus;
	} else if (c->r.type != c->type || !reservation_holds(&c->r, c->t->nexus)) {
		conflict(c->t);
	}
}

static void do_release(struct reserve *c)
{
	if (!reservation_holds(&c->r, c->t->nexus))
		return;
	if (c->t->cdb[2] >> 4 || c->type != c->r.type)
		task_fail(c->t, KEY_ILLEGAL_REQUEST, ASC_INVALID_RELEASE);
	else
		c->r.type = 0;
}

/* Removes the registrations with a key, or all if it is 0. Returns whether there were any. */
static bool unregister_key(struct reservations *r, uint64_t key)
{
	bool any = false;
	unsigned int i;

	for (i = 0; i < NEXUSES; i++) {
		if (r->keys[i] && (!key || r->keys[i] == key)) {
			unregister(r, i);
			any = true;
		}
	}
	return any;
}

/*
 * The key is that of the holder, or 0 for all holders: the reservation becomes this nexus's.
 * Otherwise only registrations are removed. No task is ever in flight: there is none to abort.
 */
static void do_preempt(struct reserve *c)
{
	struct reservations *r = &c->r;
	bool of_all = reservation_of_all(r->type);

	if (of_all ? c->new_key : !r->type || r->keys[r->holder] != c->new_key) {
		if (!c->new_key)
			task_fail_field(c->t, false, 8, -1);
		else if (!unregister_key(r, c->new_key))
			conflict(c->t);
	} else if (type_ok(c)) {
		unregister_key(r, c->new_key);
		r->keys[c->t->nexus] = c->key;
		r->type = c->type;
		r->holder = c->t->nexus;
	}
}

/* Everything but REGISTER AND IGNORE takes the key of a registration. */
static void do_action(struct reserve *c)
{
	int8_t action = c->t->op->action;

	if (action == REGISTER || action == REGISTER_AND_IGNORE)
		do_register(c, action == REGISTER_AND_IGNORE);
	else if (!c->key || c->r.keys[c->t->nexus] != c->key)
		conflict(c->t);
	else if (action == RESERVE)
		do_reserve(c);
	else if (action == RELEASE)
		do_release(c);
	else if (action == CLEAR)
		unregister_key(&c->r, 0);
	else
		do_preempt(c);
}

/* Tells the other nexuses what they have lost. */
static void tell_others(struct reserve *c)
{
	struct lun *lun = c->t->lun;
	const struct reservations *was = &lun->reservations;
	bool released = was->type >= WRITE_EXCLUSIVE_REGISTRANTS && was->type != c->r.type;
	unsigned int i;

	for (i = 0; i < NEXUSES; i++) {
		if (i == c->t->nexus || !was->keys[i])
			continue;
		if (!c->r.keys[i])
			nexus_attention(lun, i,
					c->t->op->action == CLEAR ? UA_RESERVATIONS_PREEMPTED
								  : UA_REGISTRATIONS_PREEMPTED);
		else if (released)
			nexus_attention(lun, i, UA_RESERVATIONS_RELEASED);
	}
}

/* The state changes when it is in the file, if it is to be kept. */
static void commit(struct reserve *c)
{
	struct lun *lun = c->t->lun;
	int rc = 0;

	if (c->r.aptpl || lun->reservations.aptpl)
		rc = reservation_save(&c->r, lun->reservation_file);
	if (rc) {
		warn("cannot keep the reservations of LUN %d:%d in %s: %s", lun->target,
		     lun->number, lun->reservation_file, strerror(-rc));
		task_fail(c->t, KEY_HARDWARE_ERROR, ASC_TARGET_FAILURE);
		return;
	}
	tell_others(c);
	lun->reservations = c->r;
	c->t->out_done = c->t->wanted;
}

void run_reserve_out(struct scsi_task *t)
{
	struct reserve c = {.t = t, .r = t->lun->reservations, .type = t->cdb[2] & 0x0f};
	int8_t action = t->op->action;
	struct sgl from = t->out;
	uint8_t d[LIST_LEN];

	if (t->wanted != LIST_LEN) {
		task_fail(t, KEY_ILLEGAL_REQUEST, ASC_PARAM_LIST_LENGTH);
		return;
	}
	sgl_read(&from, d, LIST_LEN);
	c.key = get_be64(d);
	c.new_key = get_be64(d + 8);
	if (action == REGISTER || action == REGISTER_AND_IGNORE) {
		if (d[20] & 0x08) { /* SPEC_I_PT */
			task_fail_field(t, false, 20, 3);
			return;
		}
		if (d[20] & 0x01 && !*t->lun->reservation_file) {
			task_fail_field(t, false, 20, 0);
			return;
		}
		c.r.aptpl = d[20] & 0x01;
	}
	do_action(&c);
	if (t->status != STATUS_GOOD)
		return;
	if (action != RESERVE && action != RELEASE)
		c.r.generation++;
	commit(&c);
}
