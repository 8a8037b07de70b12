/* SPDX-License-Identifier: BSD-3-Clause */
/* Shows that the other tests here would see a call that blocks, and none that doesn't. */
#include "disk.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <linux/futex.h>

/* One of each kind of descriptor, which blocks or doesn't. */
struct fds {
	int pair[2];
	int pipe[2];
	int event;
	int epoll;
	int socket;
};

static void open_fds(struct fds *fds, bool block)
{
	int flag = block ? 0 : O_NONBLOCK;

	assert_int_equal(socketpair(AF_UNIX,
				    SOCK_STREAM | SOCK_CLOEXEC | (block ? 0 : SOCK_NONBLOCK), 0,
				    fds->pair),
			 0);
	assert_int_equal(pipe2(fds->pipe, O_CLOEXEC | flag), 0);
	fds->event = eventfd(0, EFD_CLOEXEC | (block ? 0 : EFD_NONBLOCK));
	fds->epoll = epoll_create1(EPOLL_CLOEXEC);
	fds->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (block ? 0 : SOCK_NONBLOCK), 0);
}

static void close_fds(const struct fds *fds)
{
	close(fds->pair[0]);
	close(fds->pair[1]);
	close(fds->pipe[0]);
	close(fds->pipe[1]);
	close(fds->event);
	close(fds->epoll);
	close(fds->socket);
}

static void do_poll(struct fds *fds, bool block)
{
	struct pollfd p = {.fd = fds->pair[0], .events = POLLIN};

	poll(&p, 1, block ? 10 : 0);
}

static void do_epoll(struct fds *fds, bool block)
{
	struct epoll_event event;

	epoll_wait(fds->epoll, &event, 1, block ? 10 : 0);
}

static void do_recv(struct fds *fds, bool block)
{
	char byte;

	(void)block;
	recv(fds->pair[0], &byte, 1, 0);
}

static void do_recvmsg(struct fds *fds, bool block)
{
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	(void)block;
	(void)recvmsg(fds->pair[0], &msg, 0);
}

static void do_send(struct fds *fds, bool block)
{
	(void)block;
	send(fds->pair[0], "", 1, 0);
}

static void do_sendmsg(struct fds *fds, bool block)
{
	char byte = 0;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	(void)block;
	sendmsg(fds->pair[0], &msg, 0);
}

/* A blocking socket is as good with this flag. */
static void do_recv_flag(struct fds *fds, bool block)
{
	char byte;

	recv(fds->pair[1], &byte, 1, block ? 0 : MSG_DONTWAIT);
}

static void do_connect(struct fds *fds, bool block)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = "/nowhere"};

	(void)block;
	(void)connect(fds->socket, (const struct sockaddr *)&addr, sizeof(addr));
}

static void do_read(struct fds *fds, bool block)
{
	char byte;

	(void)block;
	assert_int_equal(read(fds->pipe[0], &byte, 1), -1);
}

static void do_eventfd_read(struct fds *fds, bool block)
{
	eventfd_t value;

	(void)block;
	eventfd_read(fds->event, &value);
}

static void do_eventfd_write(struct fds *fds, bool block)
{
	(void)block;
	eventfd_write(fds->event, 1);
}

static void do_nanosleep(struct fds *fds, bool block)
{
	const struct timespec ts = {.tv_nsec = 1};

	(void)fds;
	if (block)
		nanosleep(&ts, NULL);
}

static void do_yield(struct fds *fds, bool block)
{
	(void)fds;
	if (block)
		sched_yield();
}

/* The value is another one, so that nothing waits here in truth. */
static void do_futex(struct fds *fds, bool block)
{
	unsigned word = 1;

	(void)fds;
	syscall(SYS_futex, &word, block ? FUTEX_WAIT_PRIVATE : FUTEX_WAKE_PRIVATE, 0, NULL, NULL,
		0);
}

static void do_clock(struct fds *fds, bool block)
{
	struct timespec now;
	unsigned i;

	(void)fds;
	for (i = 0; i < (block ? 2000u : 10u); i++)
		clock_gettime(CLOCK_MONOTONIC, &now);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static atomic_uint holding; /* 1: the other thread has it, 2: it is to give it back */

static void give_back(void)
{
	holding = 2;
}

static void *hold(void *ctx)
{
	(void)ctx;
	pthread_mutex_lock(&mutex);
	holding = 1;
	while (holding == 1)
		sched_yield();
	pthread_mutex_unlock(&mutex);
	return NULL;
}

static void do_mutex(struct fds *fds, bool block)
{
	(void)fds;
	(void)block;
	pthread_mutex_lock(&mutex);
	pthread_mutex_unlock(&mutex);
}

static const struct {
	const char *name;
	void (*call)(struct fds *fds, bool block);
} calls[] = {
	{"poll", do_poll},
	{"epoll_wait", do_epoll},
	{"recv", do_recv},
	{"recv with a flag", do_recv_flag},
	{"recvmsg", do_recvmsg},
	{"send", do_send},
	{"sendmsg", do_sendmsg},
	{"connect", do_connect},
	{"read", do_read},
	{"eventfd_read", do_eventfd_read},
	{"eventfd_write", do_eventfd_write},
	{"nanosleep", do_nanosleep},
	{"sched_yield", do_yield},
	{"futex", do_futex},
	{"clock", do_clock},
	{"mutex", do_mutex},
};

static unsigned notes_of(unsigned i, bool block)
{
	struct fds fds;
	unsigned count;

	open_fds(&fds, block);
	blocking_forget();
	blocking_enter(calls[i].name, 0);
	calls[i].call(&fds, block);
	blocking_leave();
	count = blocking_count();
	close_fds(&fds);
	return count;
}

static void each_call(void **state)
{
	pthread_t thread;
	unsigned i;

	(void)state;
	blocking_settle = NULL;
	assert_int_equal(pthread_create(&thread, NULL, hold, NULL), 0);
	while (!holding)
		sched_yield();
	for (i = 0; i < ARRAY_LEN(calls); i++) {
		/* Not for a lock of its own, such as the futex: the mutex must still be held. */
		blocking_contended = calls[i].call == do_mutex ? give_back : NULL;
		if (notes_of(i, true) != 1)
			fail_msg("%s: %u notes", calls[i].name, blocking_count());
		assert_non_null(strstr(blocking_note(0), calls[i].name));
	}
	pthread_join(thread, NULL);
	for (i = 0; i < ARRAY_LEN(calls); i++) {
		if (notes_of(i, false))
			fail_msg("%s: %s", calls[i].name, blocking_note(0));
	}
	blocking_contended = NULL;
	blocking_forget();
	told("each call that can block", "%u noted", (unsigned)ARRAY_LEN(calls));
}

/* Within its time a call may sleep, once; and nothing is noted of a thread that isn't watched. */
static void within_a_time(void **state)
{
	(void)state;
	blocking_settle = NULL;
	clock_freeze();
	assert_int_equal(WATCHED(5, poll(NULL, 0, 5)), 0);
	assert_int_equal(blocking_count(), 0);
	blocking_enter("twice", 5);
	poll(NULL, 0, 3);
	poll(NULL, 0, 3);
	blocking_leave();
	assert_int_equal(blocking_count(), 1);
	WATCHED(INT32_MAX, poll(NULL, 0, -1));
	assert_int_equal(blocking_count(), 2);
	blocking_forget();
	clock_thaw();
	poll(NULL, 0, 1);
	sched_yield();
	assert_int_equal(blocking_count(), 0);
	told("sleeps within a time", "not noted; longer ones are");
}

/* The one function that everybody knows to wait for the device. */
static void opening_waits(void **state)
{
	(void)state;
	liar_start(stall.liar);
	rig_plan(stall.liar->rig, RIG_GET_FEATURES, RIG_FAULT_DELAY, 0);
	blocking_enter("vscsi_dev_open", 0);
	assert_true(liar_open(stall.liar) < 0);
	blocking_leave();
	assert_true(blocking_count() > 0);
	assert_non_null(strstr(blocking_note(0), "vscsi_dev_open"));
	told("vscsi_dev_open()", "%s", blocking_note(0));
	blocking_forget();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		STALL_TEST(each_call),
		STALL_TEST(within_a_time),
		STALL_TEST(opening_waits),
	};

	return cmocka_run_group_tests_name("stall control", tests, NULL, NULL);
}
