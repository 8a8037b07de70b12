/* SPDX-License-Identifier: BSD-3-Clause */
/* Whatever is wrong with any answer, it ends the connection or does no harm. */
#include "bench.h"
#include "kernel.h"

#include <stdio.h>
#include <string.h>

static bool is_late(unsigned fault)
{
	return fault == SERVER_SILENT || fault == SERVER_HALF_HEAD || fault == SERVER_HALF_BODY;
}

/* What may become of a call when an answer to it is spoilt. */
static bool may_return(unsigned fault, int ret)
{
	switch (fault) {
	case SERVER_PIECES:
	case SERVER_LONG:
		return ret == 0;
	case SERVER_SILENT:
	case SERVER_HALF_HEAD:
	case SERVER_HALF_BODY:
		return ret == -ETIMEDOUT;
	case SERVER_HANGS_UP:
		return ret == -ENOTCONN;
	case SERVER_TINY:
	case SERVER_HUGE:
	case SERVER_WRONG_ID:
	case SERVER_WRONG_COMMAND:
	case SERVER_REQUEST:
		return ret == -EPROTO;
	case SERVER_MANY_FDS:
		return ret == -EPROTO || (ret == 0 && !kernel_truncates());
	case SERVER_ERROR:
	case SERVER_ERROR_BODY:
	case SERVER_ERROR_ZERO:
		/* A region or interrupts that it doesn't know of are not there. */
		return ret == -EIO || ret == -EPROTO || ret == -EOPNOTSUPP || ret == 0;
	default:
		/* No harm where the answer has nothing to say; the last one isn't followed. */
		return ret == -EPROTO || ret == -ENOTCONN || ret == 0;
	}
}

static void check(unsigned fault, unsigned at, int ret)
{
	if (!may_return(fault, ret))
		fail_msg("fault %u at message %u: %d: %s", fault, at, ret, error_text());
	if (ret)
		assert_true(*error_text());
}

static void test_open(void **state)
{
	struct bench *b = *state;
	unsigned fault;
	unsigned at;
	unsigned n;
	int ret;

	server_start(b->server);
	bench_open(b);
	n = b->server->messages;
	bench_close(b);
	for (fault = 1; fault < SERVER_FAULTS; fault++) {
		for (at = 0; at < n; at++) {
			server_misbehave(b->server, SERVER_ANY, at, fault);
			ret = bench_try(b, AMPLE_MS);
			check(fault, at, ret);
			bench_close(b);
			bench_settle(b);
		}
	}
	server_misbehave(b->server, SERVER_ANY, 0, SERVER_GOOD);
	bench_open(b);
	assert_int_equal(bench_run(b), 0);
}

static int reopen(struct bench *b, unsigned arg)
{
	(void)arg;
	return b->t->ops->reopen(b->t);
}

/* Connects again, and brings the device to where it runs. */
static int come_back(struct bench *b)
{
	int ret = bench_repeat(b, reopen, 0);

	return ret ? ret : bench_run(b);
}

/* Calls that don't wait never do, and the next connection knows nothing of the one before. */
static void test_reopen(void **state)
{
	struct bench *b = *state;
	unsigned fault;
	unsigned at;
	unsigned n;
	int ret;

	bench_start(b);
	b->t->wait = false;
	b->server->messages = 0;
	assert_int_equal(come_back(b), 0);
	n = b->server->messages;
	for (fault = 1; fault < SERVER_FAULTS; fault++) {
		for (at = 0; at < n; at += is_late(fault) ? 7 : 3) {
			server_misbehave(b->server, SERVER_ANY, at, fault);
			ret = come_back(b);
			check(fault, at, ret);
			bench_settle(b);
		}
		server_misbehave(b->server, SERVER_ANY, 0, SERVER_GOOD);
	}
	assert_int_equal(come_back(b), 0);
}

int hostile_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_open, bench_begin, bench_end),
		cmocka_unit_test_setup_teardown(test_reopen, bench_begin, bench_end),
	};

	return cmocka_run_group_tests_name("vfio-user/hostile", tests, NULL, NULL);
}
