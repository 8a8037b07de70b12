/* SPDX-License-Identifier: BSD-3-Clause */
/* What servers are like that others have written, one habit at a time. */
#include "bench.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void start(struct bench *b, unsigned habits)
{
	b->server->habits = habits;
	server_start(b->server);
}

/* The server would give a file, and is not asked for it; one that comes all the same is closed. */
static void test_nothing_is_mapped(void **state)
{
	struct bench *b = *state;

	start(b, SERVER_MAPPABLE);
	bench_open(b);
	assert_int_equal(bench_run(b), 0);
	assert_int_equal(b->server->asked_fds, 0);
	bench_close(b);
	server_misbehave(b->server, SERVER_REGION_INFO, 4, SERVER_FD);
	bench_open(b);
	assert_int_equal(bench_run(b), 0);
}

/* A refusal ends the call and nothing else, with a body or without. */
static void test_refusals(void **state)
{
	static const unsigned faults[] = {SERVER_ERROR, SERVER_ERROR_BODY, SERVER_ERROR_ZERO};
	struct bench *b = *state;
	uint64_t iova;
	size_t i;

	start(b, 0);
	bench_open(b);
	for (i = 0; i < ARRAY_LEN(faults); i++) {
		server_misbehave(b->server, SERVER_READ, 0, faults[i]);
		assert_int_equal(b->t->ops->get_status(b->t), -EIO);
		assert_non_null(strstr(error_text(), faults[i] == SERVER_ERROR_ZERO
							     ? "no reason given"
							     : strerror(EPERM)));
		assert_int_equal(b->t->ops->get_status(b->t), 0);
	}
	server_misbehave(b->server, SERVER_DMA_MAP, 0, SERVER_ERROR_BODY);
	assert_int_equal(b->t->ops->mem_map(b->t, &b->region, &iova), -EIO);
	assert_int_equal(b->t->ops->get_status(b->t), 0);
	/* The server did map it, and says so the next time. */
	assert_int_equal(b->t->ops->mem_map(b->t, &b->region, &iova), -EIO);
	assert_non_null(strstr(error_text(), strerror(EEXIST)));
}

/* An answer that is sound, of another register or another region. */
static void test_other_places(void **state)
{
	struct bench *b = *state;

	start(b, 0);
	server_misbehave(b->server, SERVER_REGION_INFO, 3, SERVER_WRONG_PLACE);
	assert_int_equal(bench_try(b, AMPLE_MS), -EPROTO);
	assert_non_null(strstr(error_text(), "instead of 3"));
	bench_open(b);
	server_misbehave(b->server, SERVER_READ, 0, SERVER_WRONG_PLACE);
	assert_int_equal(b->t->ops->get_status(b->t), -EPROTO);
	assert_non_null(strstr(error_text(), "another register"));
}

/* A second client connects, and is never answered. */
static void test_one_client(void **state)
{
	struct bench *b = *state;
	struct transport *first;

	start(b, 0);
	bench_open(b);
	first = b->t;
	b->t = NULL;
	assert_int_equal(bench_try(b, 20), -ETIMEDOUT);
	b->t = first;
	assert_int_equal(bench_run(b), 0);
}

/* Memory without a file, or from the middle of a page of it, is refused without a message. */
static void test_memory(void **state)
{
	struct bench *b = *state;
	struct dma_region region = b->region;
	unsigned before;
	uint64_t iova;

	start(b, 0);
	bench_open(b);
	before = b->server->messages;
	region.fd = -1;
	assert_int_equal(b->t->ops->mem_map(b->t, &region, &iova), -EINVAL);
	assert_non_null(strstr(error_text(), "through its file"));
	region.fd = b->region.fd;
	region.fd_offset = 512;
	assert_int_equal(b->t->ops->mem_map(b->t, &region, &iova), -EINVAL);
	region.fd_offset = 0;
	region.len = 4096 + 512;
	assert_int_equal(b->t->ops->mem_map(b->t, &region, &iova), -EINVAL);
	assert_int_equal(b->server->messages, before);
	/* Two regions, taken away as they were given. */
	region.len = 8192;
	assert_int_equal(b->t->ops->mem_map(b->t, &region, &iova), 0);
	assert_int_equal(iova, region.addr);
	region.addr += 8192;
	region.fd_offset = 8192;
	assert_int_equal(b->t->ops->mem_map(b->t, &region, &iova), 0);
	assert_int_equal(b->t->ops->mem_unmap(b->t, &region, iova), 0);
	assert_int_equal(b->t->ops->mem_unmap(b->t, &region, iova), -ENOENT);
	assert_true(b->t->ops->mem_map_live(b->t));
	/* On a connection that has ended it can leave, and none can join. */
	assert_int_equal(b->t->ops->mem_map(b->t, &region, &iova), 0);
	b->t->ops->disconnect(b->t);
	assert_int_equal(b->t->ops->mem_unmap(b->t, &region, iova), 0);
	assert_int_equal(b->t->ops->mem_map(b->t, &region, &iova), -ENOTCONN);
}

/* Interrupts are set in pieces of what the server takes; one if it doesn't say. */
static void test_interrupts_in_pieces(void **state)
{
	static const unsigned max[] = {0, 1, 3, 8, 500};
	struct bench *b = *state;
	size_t i;
	unsigned k;

	b->server->queues = 12;
	start(b, SERVER_NEEDS_UNMASK | SERVER_NEEDS_ENABLE);
	for (i = 0; i < ARRAY_LEN(max); i++) {
		b->server->max_fds = max[i];
		bench_open(b);
		assert_int_equal(bench_run(b), 0);
		for (k = 0; k < 11; k++)
			assert_true(b->server->irqs[k] >= 0);
		assert_int_equal(b->server->irqs[11], -1);
		assert_true(b->server->unmasked);
		assert_true(b->server->config[0x53] & 0x80);
		bench_close(b);
	}
}

/* BARs have no address, and lose it with each reset. */
static void test_addresses(void **state)
{
	struct bench *b = *state;

	start(b, SERVER_NEEDS_PLACE | SERVER_FORGETS | SERVER_NEEDS_ENABLE);
	bench_open(b);
	assert_int_equal(bench_run(b), 0);
	assert_int_equal(b->server->resets, 1);
	assert_int_equal(bench_run(b), 0);
	assert_int_equal(b->server->resets, 2);
}

/* What the driver published before a queue was enabled is there afterwards. */
static void test_index_is_put_back(void **state)
{
	struct bench *b = *state;
	uint16_t *head = (uint16_t *)(b->memory + 2 * 4096 + 1024);
	bool wait;

	start(b, SERVER_ZEROES);
	bench_open(b);
	for (wait = true;; wait = false) {
		b->t->wait = wait;
		head[0] = htole16(1);
		head[1] = htole16(7);
		assert_int_equal(bench_run(b), 0);
		assert_int_equal(head[0], htole16(1));
		assert_int_equal(head[1], htole16(7));
		if (!wait)
			break;
	}
}

/* A status of 0 with requests in flight is the end of the device: it is reset as a whole before. */
static void test_reset_comes_first(void **state)
{
	struct bench *b = *state;

	start(b, SERVER_WEDGES);
	bench_open(b);
	assert_int_equal(bench_run(b), 0);
	__atomic_store_n(&b->server->held, 1, __ATOMIC_SEQ_CST);
	b->server->holds[0].queue = 1;
	assert_int_equal(b->t->ops->set_status(b->t, 0), 0);
	assert_int_equal(b->server->resets, 2);
	assert_int_equal(bench_run(b), 0);
}

/* A reset takes MSI-X Enable, too, and threads may be sleeping on interrupts. */
static void test_interrupts_after_a_reset(void **state)
{
	struct bench *b = *state;

	start(b, SERVER_FORGETS | SERVER_NEEDS_ENABLE);
	bench_open(b);
	assert_int_equal(bench_run(b), 0);
	assert_true(b->server->config[0x53] & 0x80);
	assert_int_equal(b->t->ops->set_status(b->t, 0), 0);
	assert_int_equal(b->server->resets, 2);
	assert_true(b->server->config[0x53] & 0x80);
}

/* A server that is cut off learns it at once, and serves the next connection. */
static void test_cut_off(void **state)
{
	struct bench *b = *state;
	unsigned what;

	start(b, 0);
	bench_open(b);
	assert_int_equal(bench_run(b), 0);
	assert_true(b->t->ops->can_reopen(b->t));
	assert_true(b->t->ops->watch_fd(b->t) >= 0);
	b->t->ops->disconnect(b->t);
	assert_int_equal(b->t->ops->watch_fd(b->t), -1);
	assert_int_equal(b->t->ops->get_status(b->t), -ENOTCONN);
	assert_int_equal(b->t->ops->check(b->t, &what), -ENOTCONN);
	assert_int_equal(b->t->ops->reopen(b->t), 0);
	assert_false(b->t->ops->outlived(b->t));
	assert_int_equal(bench_run(b), 0);
	assert_int_equal(b->server->connections, 2);
	/* The server's end shows without a register being read. */
	bench_session(b)->timeout_ms = 1;
	what = b->server->messages;
	server_stop(b->server);
	assert_int_equal(b->t->ops->check(b->t, &what), -ENOTCONN);
}

static void test_versions(void **state)
{
	struct bench *b = *state;

	start(b, 0);
	b->server->minor = 0;
	bench_open(b);
	bench_close(b);
	b->server->minor = 2;
	assert_int_equal(bench_try(b, AMPLE_MS), -EPROTO);
	assert_non_null(strstr(error_text(), "vfio-user 0.2"));
}

/* It came back with less than what is in use. */
static void test_fewer_interrupts(void **state)
{
	struct bench *b = *state;

	start(b, 0);
	bench_open(b);
	assert_int_equal(bench_run(b), 0);
	b->t->ops->disconnect(b->t);
	server_stop(b->server);
	b->server->vectors = 2;
	server_start(b->server);
	assert_int_equal(b->t->ops->reopen(b->t), -EOPNOTSUPP);
	b->t->ops->disconnect(b->t);
	server_stop(b->server);
	b->server->vectors = 16;
	b->server->queues = 4;
	server_start(b->server);
	assert_int_equal(b->t->ops->reopen(b->t), 0);
	assert_int_equal(b->t->ops->queue_count(b->t), 4);
}

int habits_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing_is_mapped, bench_begin, bench_end),
		cmocka_unit_test_setup_teardown(test_refusals, bench_begin, bench_end),
		cmocka_unit_test_setup_teardown(test_other_places, bench_begin, bench_end),
		cmocka_unit_test_setup_teardown(test_one_client, bench_begin, bench_end),
		cmocka_unit_test_setup_teardown(test_memory, bench_begin, bench_end),
		cmocka_unit_test_setup_teardown(test_interrupts_in_pieces, bench_begin, bench_end),
		cmocka_unit_test_setup_teardown(test_addresses, bench_begin, bench_end),
		cmocka_unit_test_setup_teardown(test_index_is_put_back, bench_begin, bench_end),
		cmocka_unit_test_setup_teardown(test_reset_comes_first, bench_begin, bench_end),
		cmocka_unit_test_setup_teardown(test_interrupts_after_a_reset, bench_begin,
						bench_end),
		cmocka_unit_test_setup_teardown(test_cut_off, bench_begin, bench_end),
		cmocka_unit_test_setup_teardown(test_versions, bench_begin, bench_end),
		cmocka_unit_test_setup_teardown(test_fewer_interrupts, bench_begin, bench_end),
	};

	return cmocka_run_group_tests_name("vfio-user/habits", tests, NULL, NULL);
}
