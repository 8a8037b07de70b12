/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Persistent reservations: what the commands of several initiators do to each other.
 */
#include "target.h"

#include <stdio.h>
#include <sys/stat.h>
#include <errno.h>

#include "../src/util/bits.h"

enum { REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_AND_ABORT, REGISTER_AND_IGNORE };

#define APTPL 0x01
#define A     0 /* initiators, by their keys */
#define B     1
#define C     2

static uint64_t key_of(unsigned nexus)
{
	return 0xa0 + nexus;
}

/* Returns the task: its status, and its sense data with CHECK CONDITION. */
static struct scsi_task out(struct lun *lun, unsigned nexus, uint8_t action, uint8_t type,
			    uint64_t key, uint64_t new_key, uint8_t flags)
{
	const uint8_t cdb[16] = {0x5f, action, type, 0, 0, 0, 0, 0, 24};
	uint8_t data[24] = {0};

	put_be64(data, key);
	put_be64(data + 8, new_key);
	data[20] = flags;
	return nexus_command(lun, nexus, cdb, data, sizeof(data));
}

static uint8_t status_of(struct lun *lun, unsigned nexus, uint8_t action, uint8_t type,
			 uint64_t key, uint64_t new_key)
{
	return out(lun, nexus, action, type, key, new_key, 0).status;
}

/* Takes all unit attentions of this initiator; returns the last. */
static uint16_t attention(struct lun *lun, unsigned nexus)
{
	uint16_t last = 0, code;

	while ((code = lun_take_attention(lun, nexus)))
		last = code;
	return last;
}

/* A LUN with the first @count initiators registered, and nothing pending for any of them. */
static struct lun *registered(struct lun_table *luns, const char *text, unsigned count)
{
	struct lun *lun = get_lun(luns, text);
	unsigned i;

	for (i = 0; i < 4; i++)
		attention(lun, i);
	for (i = 0; i < count; i++)
		assert_int_equal(status_of(lun, i, REGISTER, 0, 0, key_of(i)), STATUS_GOOD);
	return lun;
}

/* The data of READ RESERVATION: its length, and type and key if there is a reservation. */
static uint8_t reservation(struct lun *lun, uint64_t *key)
{
	const uint8_t cdb[16] = {0x5e, 0x01, 0, 0, 0, 0, 0, 0, 64};
	uint8_t data[64];
	struct scsi_task t = nexus_command(lun, 3, cdb, data, sizeof(data));

	assert_int_equal(t.status, STATUS_GOOD);
	*key = get_be32(data + 4) ? get_be64(data + 8) : 0;
	return get_be32(data + 4) ? data[21] : 0;
}

static unsigned keys(struct lun *lun)
{
	const uint8_t cdb[16] = {0x5e, 0x00, 0, 0, 0, 0, 0, 0, 64};
	uint8_t data[64];
	struct scsi_task t = nexus_command(lun, 3, cdb, data, sizeof(data));

	assert_int_equal(t.status, STATUS_GOOD);
	return get_be32(data + 4) / 8;
}

static void registration(void **state)
{
	struct lun_table luns = {0};
	struct scsi_task t;
	struct lun *lun;

	(void)state;
	lun = registered(&luns, "0:0,ram=1M", 1);
	/* A second REGISTER needs the key that is registered. */
	assert_int_equal(status_of(lun, A, REGISTER, 0, 0, 5), STATUS_CONFLICT);
	assert_int_equal(status_of(lun, B, REGISTER, 0, 9, 5), STATUS_CONFLICT);
	assert_int_equal(status_of(lun, A, REGISTER, 0, key_of(A), 5), STATUS_GOOD);
	assert_int_equal(status_of(lun, A, REGISTER_AND_IGNORE, 0, 77, 6), STATUS_GOOD);
	assert_int_equal(keys(lun), 1);
	assert_int_equal(status_of(lun, B, RESERVE, WRITE_EXCLUSIVE, 0, 0), STATUS_CONFLICT);
	assert_int_equal(status_of(lun, A, RESERVE, WRITE_EXCLUSIVE, 5, 0), STATUS_CONFLICT);
	assert_int_equal(status_of(lun, A, REGISTER, 0, 6, 0), STATUS_GOOD);
	assert_int_equal(status_of(lun, B, REGISTER_AND_IGNORE, 0, 0, 0), STATUS_GOOD);
	assert_int_equal(keys(lun), 0);
	t = out(lun, A, REGISTER, 0, 0, 1, 0x08); /* SPEC_I_PT */
	expect_sense(&t, KEY_ILLEGAL_REQUEST, ASC_INVALID_PARAM_FIELD);
	t = out(lun, A, REGISTER, 0, 0, 1, APTPL); /* no file to keep it in */
	expect_sense(&t, KEY_ILLEGAL_REQUEST, ASC_INVALID_PARAM_FIELD);
	assert_int_equal(keys(lun), 0);
	lun_table_close(&luns);
}

/*
 * What initiators that are no holder may do (SPC-4 and SBC-3, "commands that are allowed in the
 * presence of"), with the types WRITE EXCLUSIVE and EXCLUSIVE ACCESS. Of those for registrants,
 * this is what the others may do.
 */
static const struct {
	uint8_t cdb[16];
	bool write, access;
} rules[] = {
	{{0x00}, true, true},                              /* TEST UNIT READY */
	{{0x03, 0, 0, 0, 18}, true, true},                 /* REQUEST SENSE */
	{{0x12, 0, 0, 0, 36}, true, true},                 /* INQUIRY */
	{{0x1a, 0, 0x08, 0, 64}, true, false},             /* MODE SENSE(6) */
	{{0x5a, 0, 0x08, 0, 0, 0, 0, 0, 64}, true, false}, /* MODE SENSE(10) */
	{{0x15, 0x10}, false, false},                      /* MODE SELECT(6) */
	{{0x55, 0x10}, false, false},                      /* MODE SELECT(10) */
	{{0x1b, 0, 0, 0, 1}, true, true},                  /* START STOP UNIT: start */
	{{0x1b, 0, 0, 0, 0}, false, false},                /* stop */
	{{0x1d, 0x04}, false, false},                      /* SEND DIAGNOSTIC */
	{{0x1e}, true, true},                              /* PREVENT ALLOW: allow */
	{{0x1e, 0, 0, 0, 1}, false, false},                /* prevent */
	{{0x25}, true, true},                              /* READ CAPACITY(10) */
	{{0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32}, true, true},
	{{0x9e, 0x12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32}, true, false}, /* GET LBA STATUS */
	{{0x08, 0, 0, 0, 1}, true, false},                                /* READ(6) */
	{{0x28, 0, 0, 0, 0, 0, 0, 0, 1}, true, false},                    /* READ(10) */
	{{0x2f, 0, 0, 0, 0, 0, 0, 0, 1}, true, false},                    /* VERIFY(10) */
	{{0x0a, 0, 0, 0, 1}, false, false},                               /* WRITE(6) */
	{{0x2a, 0, 0, 0, 0, 0, 0, 0, 1}, false, false},                   /* WRITE(10) */
	{{0x2e, 0, 0, 0, 0, 0, 0, 0, 1}, false, false},                   /* WRITE AND VERIFY(10) */
	{{0x35}, false, false},                               /* SYNCHRONIZE CACHE(10) */
	{{0x41, 0, 0, 0, 0, 0, 0, 0, 1}, false, false},       /* WRITE SAME(10) */
	{{0x42}, false, false},                               /* UNMAP */
	{{0x4d, 0, 0x40, 0, 0, 0, 0, 0, 64}, true, true},     /* LOG SENSE */
	{{0x5e, 0, 0, 0, 0, 0, 0, 0, 64}, true, true},        /* PERSISTENT RESERVE IN */
	{{0x89}, false, false},                               /* COMPARE AND WRITE */
	{{0xa3, 0x0a, 0, 0, 0, 0, 0, 0, 0, 64}, true, true},  /* TARGET PORT GROUPS */
	{{0xa3, 0x0c, 0, 0, 0, 0, 0, 0, 0, 64}, true, false}, /* OPERATION CODES */
};

/* Whether the rule lets this initiator, which isn't the holder, execute its command. */
static bool allowed(unsigned i, uint8_t type, bool registrant)
{
	if (type >= WRITE_EXCLUSIVE_REGISTRANTS && registrant)
		return true;
	return type % 2 && type != EXCLUSIVE_ACCESS ? rules[i].write : rules[i].access;
}

static void conflicts(void **state)
{
	static const uint8_t types[] = {1, 3, 5, 6, 7, 8};
	struct lun_table luns = {0};
	static uint8_t data[4096];
	struct scsi_task t;
	struct lun *lun;
	unsigned i, n, nexus;

	(void)state;
	for (n = 0; n < 6; n++) {
		lun = registered(&luns, "0:0,ram=1M,thin", 2);
		assert_int_equal(status_of(lun, A, RESERVE, types[n], key_of(A), 0), STATUS_GOOD);
		for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
			for (nexus = A; nexus <= C; nexus++) {
				lun->stopped = false;
				memset(data, 0, sizeof(data));
				t = nexus_command(lun, nexus, rules[i].cdb, data, sizeof(data));
				assert_int_equal(t.status,
						 nexus == A || allowed(i, types[n], nexus == B)
							 ? STATUS_GOOD
							 : STATUS_CONFLICT);
			}
		}
		lun_remove(&luns, 0, 0);
	}
}

static void reserve_and_release(void **state)
{
	struct lun_table luns = {0};
	struct scsi_task t;
	struct lun *lun;
	uint64_t key;

	(void)state;
	lun = registered(&luns, "0:0,ram=1M", 2);
	t = out(lun, A, RESERVE, 2, key_of(A), 0, 0);
	expect_sense(&t, KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB);
	t = out(lun, A, RESERVE, 0x10 | 1, key_of(A), 0, 0);
	expect_sense(&t, KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB);
	/* The holder may repeat it, but not change it. */
	assert_int_equal(status_of(lun, A, RESERVE, 5, key_of(A), 0), STATUS_GOOD);
	assert_int_equal(status_of(lun, A, RESERVE, 5, key_of(A), 0), STATUS_GOOD);
	assert_int_equal(status_of(lun, A, RESERVE, 6, key_of(A), 0), STATUS_CONFLICT);
	assert_int_equal(status_of(lun, B, RESERVE, 5, key_of(B), 0), STATUS_CONFLICT);
	/* Others can't release it. */
	assert_int_equal(status_of(lun, B, RELEASE, 5, key_of(B), 0), STATUS_GOOD);
	assert_int_equal(reservation(lun, &key), 5);
	assert_int_equal(key, key_of(A));
	t = out(lun, A, RELEASE, 6, key_of(A), 0, 0);
	expect_sense(&t, KEY_ILLEGAL_REQUEST, ASC_INVALID_RELEASE);
	assert_int_equal(status_of(lun, A, RELEASE, 5, key_of(A), 0), STATUS_GOOD);
	assert_int_equal(reservation(lun, &key), 0);
	assert_int_equal(attention(lun, B), UA_RESERVATIONS_RELEASED);
	assert_int_equal(attention(lun, A), 0);
	/* The end of these types concerns only their holder. */
	assert_int_equal(status_of(lun, A, RESERVE, 1, key_of(A), 0), STATUS_GOOD);
	assert_int_equal(status_of(lun, A, RELEASE, 1, key_of(A), 0), STATUS_GOOD);
	assert_int_equal(attention(lun, B), 0);
	lun_table_close(&luns);
}

/* The reservation goes with the registration of its last holder. */
static void unregistering_releases(void **state)
{
	struct lun_table luns = {0};
	struct lun *lun;
	uint64_t key;

	(void)state;
	lun = registered(&luns, "0:0,ram=1M", 2);
	assert_int_equal(status_of(lun, A, RESERVE, 6, key_of(A), 0), STATUS_GOOD);
	assert_int_equal(status_of(lun, A, REGISTER, 0, key_of(A), 0), STATUS_GOOD);
	assert_int_equal(reservation(lun, &key), 0);
	assert_int_equal(attention(lun, B), UA_RESERVATIONS_RELEASED);
	assert_int_equal(status_of(lun, A, REGISTER, 0, 0, key_of(A)), STATUS_GOOD);
	assert_int_equal(status_of(lun, A, RESERVE, 8, key_of(A), 0), STATUS_GOOD);
	assert_int_equal(status_of(lun, A, REGISTER, 0, key_of(A), 0), STATUS_GOOD);
	assert_int_equal(reservation(lun, &key), 8);
	assert_int_equal(key, 0);
	assert_int_equal(status_of(lun, B, REGISTER, 0, key_of(B), 0), STATUS_GOOD);
	assert_int_equal(reservation(lun, &key), 0);
	lun_table_close(&luns);
}

static void preempting(void **state)
{
	struct lun_table luns = {0};
	struct scsi_task t;
	struct lun *lun;
	uint64_t key;

	(void)state;
	lun = registered(&luns, "0:0,ram=1M", 3);
	assert_int_equal(status_of(lun, A, RESERVE, 5, key_of(A), 0), STATUS_GOOD);
	/* Only a registration. */
	assert_int_equal(status_of(lun, B, PREEMPT, 3, key_of(B), key_of(C)), STATUS_GOOD);
	assert_int_equal(attention(lun, C), UA_REGISTRATIONS_PREEMPTED);
	assert_int_equal(attention(lun, A), 0);
	assert_int_equal(reservation(lun, &key), 5);
	assert_int_equal(status_of(lun, B, PREEMPT, 3, key_of(B), 0x777), STATUS_CONFLICT);
	t = out(lun, B, PREEMPT, 3, key_of(B), 0, 0);
	expect_sense(&t, KEY_ILLEGAL_REQUEST, ASC_INVALID_PARAM_FIELD);
	assert_int_equal(status_of(lun, C, REGISTER, 0, 0, key_of(C)), STATUS_GOOD);
	/* The reservation, which changes its type. */
	assert_int_equal(status_of(lun, B, PREEMPT_AND_ABORT, 3, key_of(B), key_of(A)),
			 STATUS_GOOD);
	assert_int_equal(reservation(lun, &key), 3);
	assert_int_equal(key, key_of(B));
	assert_int_equal(keys(lun), 2);
	assert_int_equal(attention(lun, A), UA_REGISTRATIONS_PREEMPTED);
	assert_int_equal(attention(lun, C), UA_RESERVATIONS_RELEASED);
	assert_int_equal(attention(lun, B), 0);
	/* One's own, to change the type. */
	assert_int_equal(status_of(lun, B, PREEMPT, 7, key_of(B), key_of(B)), STATUS_GOOD);
	assert_int_equal(reservation(lun, &key), 7);
	/* All holders at once. */
	assert_int_equal(status_of(lun, B, PREEMPT, 1, key_of(B), 0), STATUS_GOOD);
	assert_int_equal(reservation(lun, &key), 1);
	assert_int_equal(keys(lun), 1);
	assert_int_equal(attention(lun, C), UA_REGISTRATIONS_PREEMPTED);
	/* CLEAR is the end of everything. */
	assert_int_equal(status_of(lun, C, REGISTER, 0, 0, key_of(C)), STATUS_GOOD);
	assert_int_equal(status_of(lun, C, CLEAR, 0, key_of(C), 0), STATUS_GOOD);
	assert_int_equal(keys(lun) + reservation(lun, &key), 0);
	assert_int_equal(attention(lun, B), UA_RESERVATIONS_PREEMPTED);
	lun_table_close(&luns);
}

/* PRGENERATION counts what changes registrations, nothing else (SPC-4). */
static void generation(void **state)
{
	const uint8_t cdb[16] = {0x5e, 0x03, 0, 0, 0, 0, 0, 0, 255};
	struct lun_table luns = {0};
	uint8_t data[255];
	struct scsi_task t;
	struct lun *lun;

	(void)state;
	lun = registered(&luns, "0:0,ram=1M", 2);
	status_of(lun, A, RESERVE, 1, key_of(A), 0);
	status_of(lun, B, REGISTER, 0, 99, 1); /* a conflict */
	t = command(lun, cdb, data, sizeof(data));
	assert_int_equal(get_be32(data), 2);
	assert_int_equal(get_be32(data + 4), 2 * 48);
	assert_int_equal(t.in_done, 8 + 2 * 48);
	assert_int_equal(get_be64(data + 8), key_of(A));
	assert_int_equal(data[8 + 12], 0x03);
	assert_int_equal(data[8 + 13], 1);
	assert_int_equal(data[8 + 48 + 12], 0x02);
	assert_memory_not_equal(data + 8 + 24, data + 8 + 48 + 24, 24);
	status_of(lun, A, RELEASE, 1, key_of(A), 0);
	status_of(lun, A, CLEAR, 0, key_of(A), 0);
	command(lun, cdb, data, sizeof(data));
	assert_int_equal(get_be32(data), 3);
	lun_table_close(&luns);
}

/* With APTPL the state is there again after a restart of the target; without, nothing is. */
static void persistence(void **state)
{
	static const char text[] = "0:0,ram=1M,reservations=state";
	struct lun_table luns = {0};
	struct lun *lun;
	uint64_t key;

	(void)state;
	lun = registered(&luns, text, 0);
	assert_int_equal(out(lun, A, REGISTER, 0, 0, key_of(A), APTPL).status, STATUS_GOOD);
	assert_int_equal(out(lun, B, REGISTER, 0, 0, key_of(B), APTPL).status, STATUS_GOOD);
	assert_int_equal(status_of(lun, B, RESERVE, 6, key_of(B), 0), STATUS_GOOD);
	lun_table_close(&luns);
	lun = registered(&luns, text, 0);
	assert_int_equal(keys(lun), 2);
	assert_int_equal(reservation(lun, &key), 6);
	assert_int_equal(key, key_of(B));
	/* The last REGISTER decides. */
	assert_int_equal(status_of(lun, B, REGISTER, 0, key_of(B), key_of(B)), STATUS_GOOD);
	assert_int_equal(keys(lun), 2);
	lun_table_close(&luns);
	lun = registered(&luns, text, 0);
	assert_int_equal(keys(lun) + reservation(lun, &key), 0);
	lun_table_close(&luns);
}

/* A change that can't be kept does not happen. */
static void nothing_is_lost_on_errors(void **state)
{
	static const char *const damaged[] = {
		"",
		"vscsi-target reservations 1\n",
		"vscsi-target reservations 1\nregister 0 5\n",
		"vscsi-target reservations 1\nregister 64 5\nend\n",
		"vscsi-target reservations 1\nregister 0 0\nend\n",
		"vscsi-target reservations 1\nregister 0 5 6\nend\n",
		"vscsi-target reservations 1\nregister 0 5\nregister 0 6\nend\n",
		"vscsi-target reservations 1\nreserve 1 0\nend\n",
		"vscsi-target reservations 1\nregister 0 5\nreserve 2 0\nend\n",
	};
	struct lun_table luns = {0};
	struct scsi_task t;
	struct lun *lun;
	unsigned i;
	FILE *f;

	(void)state;
	assert_int_equal(mkdir("state-folder", 0700), 0);
	lun = registered(&luns, "0:0,ram=1M,reservations=state-folder/state", 0);
	assert_int_equal(out(lun, A, REGISTER, 0, 0, key_of(A), APTPL).status, STATUS_GOOD);
	assert_int_equal(rename("state-folder", "moved-state"), 0);
	t = out(lun, B, REGISTER, 0, 0, key_of(B), APTPL);
	expect_sense(&t, KEY_HARDWARE_ERROR, ASC_TARGET_FAILURE);
	assert_int_equal(keys(lun), 1);
	lun_table_close(&luns);
	for (i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		f = fopen("damaged", "w");
		assert_non_null(f);
		fputs(damaged[i], f);
		fclose(f);
		assert_int_equal(add_lun(&luns, "0:0,ram=1M,reservations=damaged"), -EINVAL);
	}
	lun_table_close(&luns);
}

int reserve_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registration),        cmocka_unit_test(conflicts),
		cmocka_unit_test(reserve_and_release), cmocka_unit_test(unregistering_releases),
		cmocka_unit_test(preempting),          cmocka_unit_test(generation),
		cmocka_unit_test(persistence),         cmocka_unit_test(nothing_is_lost_on_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
