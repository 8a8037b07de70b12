/* SPDX-License-Identifier: BSD-3-Clause */
/* A server that is killed, or hangs, with requests in flight, and one that is there again. */
#include "user.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define DEPTH  32u
#define PIECE  (8u * BLOCK)
#define ROUNDS 5u
#define EACH   200u

/* Writes in flight: which piece of the disk each is for, and what is on it. */
struct load {
	struct user *u;
	char *buf;
	unsigned open;
	unsigned done;
	int late;
	unsigned seeds[DISK_BYTES / PIECE];
};

static void prepare(struct load *load, unsigned number)
{
	unsigned piece = number % DEPTH;
	char *at = load->buf + piece * PIECE;

	load->seeds[piece] = number;
	user_fill(at, PIECE, number);
	assert_int_equal(vscsi_write(load->u->queue, load->u->lun, at, piece * 8, 8, 0, piece), 0);
	load->open++;
}

static void collect(struct load *load, unsigned next)
{
	struct vscsi_completion done[DEPTH];
	int n = vscsi_poll(load->u->queue, done, DEPTH);
	int i;

	if (n < 0)
		fail_msg("%d: %s", n, vscsi_last_error());
	for (i = 0; i < n; i++) {
		unsigned piece = (unsigned)done[i].user_data;

		/* One that was late is written again. */
		if (done[i].result)
			assert_int_equal(done[i].result, load->late);
		load->open--;
		load->done++;
		if (next || done[i].result)
			prepare(load, load->seeds[piece] + DEPTH);
	}
	assert_true(vscsi_submit(load->u->queue) == 0);
}

static void look(struct user *u, struct vscsi_event *event)
{
	int n = vscsi_dev_poll_events(u->dev, event, 1);

	/* A search for LUNs that wasn't answered. */
	if (n < 0 && n != -ETIMEDOUT)
		fail_msg("%d: %s", n, vscsi_last_error());
}

static void begin_load(struct load *load, struct user *u)
{
	unsigned i;

	*load = (struct load){.u = u, .buf = user_memory(u, DEPTH * PIECE, 0)};
	for (i = 0; i < DEPTH; i++)
		prepare(load, i + 1);
	assert_int_equal(vscsi_submit(u->queue), 0);
}

/* Every write has come to its end once, and the last one of each piece is on the disk. */
static void end_load(struct load *load)
{
	uint64_t limit = user_ms() + LIMIT_MS;
	unsigned i;

	while (load->open) {
		collect(load, 0);
		assert_true(user_ms() < limit);
	}
	assert_memory_equal(load->u->server->disk.data, load->buf, DEPTH * PIECE);
	for (i = 0; i < DEPTH; i++)
		assert_true(load->seeds[i] > 0);
}

static void test_killed(void **state)
{
	static const size_t kinds[] = {0, 1, 2, 3};
	struct user *u = *state;
	struct load load;
	unsigned round;
	size_t i;

	for (i = 0; i < ARRAY_LEN(kinds); i++) {
		print_message("%s\n", persons[kinds[i]].name);
		user_person(u, &persons[kinds[i]]);
		server_fork(u->server);
		user_open(u, "?recovery=replay&queues=2");
		begin_load(&load, u);
		for (round = 0; round < ROUNDS; round++) {
			uint64_t limit = user_ms() + LIMIT_MS;

			while (load.done < EACH * (round + 1)) {
				collect(&load, 1);
				assert_true(user_ms() < limit);
			}
			server_kill(u->server);
			collect(&load, 1);
			server_fork(u->server);
		}
		end_load(&load);
		user_close(u);
		if (*u->server->broken)
			fail_msg("the client broke a rule: %s", u->server->broken);
		server_free(u->server);
		u->server = NULL;
	}
}

/* It hangs for longer than a request may take, and goes on; requests are late, and polls go on. */
static void test_hangs(void **state)
{
	struct user *u = *state;
	struct load load;
	uint64_t limit;
	unsigned done;
	unsigned i;

	user_person(u, &persons[2]);
	server_fork(u->server);
	user_open(u, "?recovery=replay&timeout_ms=200&io_timeout_ms=300&task_timeout_ms=200");
	begin_load(&load, u);
	load.late = -ETIMEDOUT;
	for (i = 0; i < 2; i++) {
		struct vscsi_event event = {.type = 0};

		kill(u->server->pid, SIGSTOP);
		limit = user_ms() + LIMIT_MS;
		while (event.type != VSCSI_EVENT_LOST) {
			look(u, &event);
			collect(&load, 1);
			assert_true(user_ms() < limit);
		}
		kill(u->server->pid, SIGCONT);
		done = load.done;
		while (event.type != VSCSI_EVENT_BACK || load.done < done + 2 * DEPTH) {
			if (event.type != VSCSI_EVENT_BACK)
				look(u, &event);
			collect(&load, 1);
			assert_true(user_ms() < limit);
		}
	}
	end_load(&load);
}

/* The server says nothing any more, at any message of a reconnect: polls go on, and it returns. */
static void test_silent_while_reconnecting(void **state)
{
	struct user *u = *state;
	struct load load;
	unsigned at;

	user_person(u, &persons[1]);
	server_fork(u->server);
	user_open(u, "?recovery=replay&timeout_ms=50&queues=1");
	begin_load(&load, u);
	for (at = 0; at < 220; at += 11) {
		struct vscsi_event event = {.type = 0};
		uint64_t limit = user_ms() + LIMIT_MS;

		server_kill(u->server);
		server_misbehave(u->server, SERVER_ANY, at, SERVER_SILENT);
		server_fork(u->server);
		while (event.type != VSCSI_EVENT_BACK) {
			look(u, &event);
			collect(&load, 1);
			assert_true(user_ms() < limit);
		}
		server_misbehave(u->server, SERVER_ANY, 0, SERVER_GOOD);
	}
	end_load(&load);
}

/* A reset with requests in flight, of a server that would not survive a status of 0 then. */
static void test_reset_in_flight(void **state)
{
	struct user *u = *state;
	struct load load;

	user_person(u, &persons[2]);
	server_start(u->server);
	user_open(u, "?recovery=replay");
	__atomic_store_n(&u->server->hold, true, __ATOMIC_SEQ_CST);
	begin_load(&load, u);
	while (__atomic_load_n(&u->server->held, __ATOMIC_SEQ_CST) < DEPTH)
		collect(&load, 0);
	__atomic_store_n(&u->server->hold, false, __ATOMIC_SEQ_CST);
	assert_int_equal(vscsi_dev_reset(u->dev), 0);
	end_load(&load);
}

int loss_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_killed, user_begin, user_end),
		cmocka_unit_test_setup_teardown(test_hangs, user_begin, user_end),
		cmocka_unit_test_setup_teardown(test_silent_while_reconnecting, user_begin,
						user_end),
		cmocka_unit_test_setup_teardown(test_reset_in_flight, user_begin, user_end),
	};

	return cmocka_run_group_tests_name("vfio-user/loss", tests, NULL, NULL);
}
