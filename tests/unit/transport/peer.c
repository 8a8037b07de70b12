/* SPDX-License-Identifier: BSD-3-Clause */
/* The process of a back-end that was cut off: when it may still carry out what it had. */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "wrap.h"

#define RINGS 3u

/* A process that does nothing. */
static pid_t start_process(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

static void end_process(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

enum how {
	HUNG,    /* it is cut off */
	DIED,    /* its process ends after that */
	HUNG_UP, /* it closed the connection itself */
	STOPPED, /* it gave all rings back */
	NO_RING, /* it had none */
	SAME,    /* it is the same process that is connected to again */
	UNKNOWN, /* it isn't known which process it is */
};

static void cut_off(struct fx *fx, enum how how, pid_t pid)
{
	if (how == HUNG_UP) {
		rig_hang_up(fx->rig);
		rig_wait_gone(fx->rig);
	}
	if (how == STOPPED)
		assert_int_equal(fx->t->ops->set_status(fx->t, 0), 0);
	fx->t->ops->disconnect(fx->t);
	if (how == DIED)
		end_process(pid);
	wraps.peer = how == SAME ? pid : 0;
}

static void test_process_that_lives_on(void **state)
{
	int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	enum how how;

	(void)state;
	if (self < 0) {
		print_message("no pidfd_open(), which valgrind doesn't have\n");
		skip();
	}
	close(self);
	for (how = HUNG; how <= UNKNOWN; how++) {
		unsigned fds = count_fds();
		pid_t pid = start_process();
		struct fx fx = fx_new();

		fx.ropts.path = "./peer.sock";
		wraps.peer = how == UNKNOWN ? -1 : pid;
		fx_run(&fx, how == NO_RING ? 0 : RINGS);
		cut_off(&fx, how, pid);
		assert_int_equal(fx.t->ops->reopen(fx.t), 0);
		if (fx.t->ops->outlived(fx.t) != (how == HUNG))
			fail_msg("case %d", how);
		/* Told once, and nothing is left of it. */
		assert_false(fx.t->ops->outlived(fx.t));
		fx_down(&fx);
		assert_int_equal(count_fds(), fds);
		if (how != DIED)
			end_process(pid);
	}
	wraps.peer = 0;
}

/* Nothing is kept beyond the connection. */
static void test_closed_without_another(void **state)
{
	unsigned fds = count_fds();
	pid_t pid = start_process();
	struct fx fx = fx_new();

	(void)state;
	fx.ropts.path = "./peer.sock";
	wraps.peer = pid;
	fx_run(&fx, RINGS);
	fx.t->ops->disconnect(fx.t);
	wraps.peer = 0;
	fx_down(&fx);
	end_process(pid);
	assert_int_equal(count_fds(), fds);
}

int peer_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_process_that_lives_on),
		cmocka_unit_test(test_closed_without_another),
	};

	return cmocka_run_group_tests_name("transport/peer", tests, NULL, NULL);
}
