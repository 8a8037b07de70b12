/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Service actions, and REPORT SUPPORTED OPERATION CODES.
 */
#include "target.h"

#include "target/scsi_op.h"

#include "../src/util/bits.h"

#define REPORT_LEN 4096

/* A pointer to bit 4 of byte 1 in the CDB (SPC-4, "Field pointer sense key specific data"). */
static void expect_action_refused(const struct scsi_task *t)
{
	static const uint8_t pointer[3] = {0x80 | 0x40 | 0x08 | 4, 0, 1};

	expect_sense(t, KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB);
	assert_memory_equal(t->sense + 15, pointer, 3);
}

/* Every service action of every opcode with any is executed or refused in this way. */
static void unsupported_service_actions(void **state)
{
	struct lun_table luns = {0};
	uint8_t cdb[16] = {0};
	unsigned opcode, action;
	struct scsi_task t;
	struct lun *lun;

	(void)state;
	lun = get_lun(&luns, "0:0,ram=1M,thin");
	for (opcode = 0; opcode < 256; opcode++) {
		cdb[0] = (uint8_t)opcode;
		if (!scsi_op_find(cdb) && !scsi_op_has_actions(cdb[0])) {
			t = command(lun, cdb, NULL, 0);
			expect_sense(&t, KEY_ILLEGAL_REQUEST, ASC_INVALID_OPCODE);
		}
		for (action = 0; scsi_op_has_actions(cdb[0]) && action < 32; action++) {
			cdb[1] = (uint8_t)action;
			if (scsi_op_find(cdb))
				continue;
			t = command(lun, cdb, NULL, 0);
			expect_action_refused(&t);
		}
		cdb[1] = 0;
	}
	lun_table_close(&luns);
}

static void known_service_actions(void **state)
{
	/* REPORT REFERRALS, REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS, REGISTER AND MOVE */
	static const uint8_t cdbs[][16] = {{0x9e, 0x13}, {0xa3, 0x0d}, {0x5f, 0x07}};
	struct lun_table luns = {0};
	struct scsi_task t;
	struct lun *lun;
	unsigned i;

	(void)state;
	lun = get_lun(&luns, "0:0,ram=1M");
	for (i = 0; i < 3; i++) {
		t = command(lun, cdbs[i], NULL, 0);
		expect_action_refused(&t);
	}
	/* Elsewhere the LUN or the opcode is what is wrong. */
	t = (struct scsi_task){.to = TO_ABSENT_LUN, .cdb = cdbs[0]};
	scsi_run(&t);
	expect_sense(&t, KEY_ILLEGAL_REQUEST, ASC_LUN_NOT_SUPPORTED);
	t = (struct scsi_task){.to = TO_REPORT_LUNS, .cdb = cdbs[1]};
	scsi_run(&t);
	expect_sense(&t, KEY_ILLEGAL_REQUEST, ASC_INVALID_OPCODE);
	lun_table_close(&luns);
}

static uint32_t report(struct lun *lun, uint8_t options, uint8_t opcode, uint8_t action,
		       uint8_t *data)
{
	uint8_t cdb[16] = {0xa3, 0x0c, options, opcode, 0, action};
	struct scsi_task t;

	put_be32(cdb + 6, REPORT_LEN);
	memset(data, 0xee, REPORT_LEN);
	t = command(lun, cdb, data, REPORT_LEN);
	expect_sense(&t, 0, 0);
	return (uint32_t)t.in_done;
}

static void expect_timeouts(const uint8_t *d)
{
	static const uint8_t none[12] = {0, 0x0a};

	assert_memory_equal(d, none, sizeof(none));
}

/* With RCTD the entries are the same ones, each with CTDP and a timeouts descriptor. */
static void all_commands(void **state)
{
	uint8_t plain[REPORT_LEN], with[REPORT_LEN];
	struct lun_table luns = {0};
	struct lun *lun;
	uint32_t n, i;

	(void)state;
	lun = get_lun(&luns, "0:0,ram=1M,thin");
	n = (report(lun, 0, 0, 0, plain) - 4) / 8;
	assert_int_equal(get_be32(plain), 8 * n);
	assert_int_equal(report(lun, 0x80, 0, 0, with), 4 + 20 * n);
	assert_int_equal(get_be32(with), 20 * n);
	for (i = 0; i < n; i++) {
		assert_int_equal(plain[4 + 8 * i + 5] & 2, 0);
		assert_int_equal(with[4 + 20 * i + 5] & 2, 2);
		with[4 + 20 * i + 5] &= (uint8_t)~2;
		assert_memory_equal(with + 4 + 20 * i, plain + 4 + 8 * i, 8);
		expect_timeouts(with + 4 + 20 * i + 8);
	}
	lun_table_close(&luns);
}

static void one_command(void **state)
{
	uint8_t plain[REPORT_LEN], with[REPORT_LEN];
	struct lun_table luns = {0};
	struct lun *lun;
	uint32_t len;

	(void)state;
	lun = get_lun(&luns, "0:0,ram=1M,thin");
	len = report(lun, 1, 0x88, 0, plain);
	assert_int_equal(len, 4 + 16);
	assert_int_equal(plain[1], 3);
	assert_int_equal(report(lun, 0x81, 0x88, 0, with), len + 12);
	assert_int_equal(with[1], 0x83);
	assert_memory_equal(with + 2, plain + 2, len - 2);
	expect_timeouts(with + len);
	/* The command's own usage data shows that RCTD is supported. */
	assert_int_equal(report(lun, 2, 0xa3, 0x0c, plain), 4 + 12);
	assert_int_equal(plain[4 + 2], 0x87);
	/* There is nothing to say of one that is not supported. */
	assert_int_equal(report(lun, 0x83, 0x77, 0, with), 4);
	assert_int_equal(with[1], 1);
	lun_table_close(&luns);
}

/* The default self-test is all there is. */
static void send_diagnostic(void **state)
{
	struct lun_table luns = {0};
	uint8_t cdb[16] = {0x1d, 0x04};
	struct scsi_task t;
	struct lun *lun;

	(void)state;
	lun = get_lun(&luns, "0:0,ram=1M");
	t = command(lun, cdb, NULL, 0);
	assert_int_equal(t.status, STATUS_GOOD);
	cdb[1] = 0x24; /* a self-test code as well */
	t = command(lun, cdb, NULL, 0);
	expect_sense(&t, KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB);
	cdb[1] = 0x04;
	cdb[4] = 1; /* a parameter list */
	t = command(lun, cdb, NULL, 0);
	expect_sense(&t, KEY_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB);
	lun_table_close(&luns);
}

int commands_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unsupported_service_actions),
		cmocka_unit_test(known_service_actions),
		cmocka_unit_test(all_commands),
		cmocka_unit_test(one_command),
		cmocka_unit_test(send_diagnostic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
