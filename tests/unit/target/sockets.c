/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose socket is at a path. listen() and nanosleep() are the linker's (--wrap).
 */
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "target/listen.h"

int __real_listen(int fd, int backlog);
int __wrap_listen(int fd, int backlog);
int __wrap_nanosleep(const struct timespec *time, struct timespec *rest);

static struct loop loop;
static struct listener other;
static const char *other_path; /* of a target that starts before the next listen(), or NULL */
static int other_result;

static void nothing(struct watch *w)
{
	(void)w;
}

static int open_at(struct listener *l, const char *path)
{
	l->watch = (struct watch){-1, nothing, NULL};
	return listener_open(l, &loop, path, NULL);
}

int __wrap_listen(int fd, int backlog)
{
	const char *path = other_path;

	other_path = NULL;
	if (path)
		other_result = open_at(&other, path);
	return __real_listen(fd, backlog);
}

/* The locks that are waited for here don't end. */
int __wrap_nanosleep(const struct timespec *time, struct timespec *rest)
{
	(void)time;
	(void)rest;
	return 0;
}

static bool reachable(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool connected;

	strcpy(addr.sun_path, path);
	connected = !connect(fd, (struct sockaddr *)&addr, sizeof(addr));
	close(fd);
	return connected;
}

/* As a process that is killed leaves it. */
static void leave_socket(const char *path)
{
	struct listener dead;

	assert_int_equal(open_at(&dead, path), 0);
	loop_remove(&loop, &dead.watch);
	assert_false(reachable(path));
}

/* A socket that is bound and not ready yet is not taken for one left over. */
static void two_targets_at_once(void **state)
{
	static const char *const spellings[] = {"v.sock", "./v.sock", ".//v.sock"};
	struct listener first;
	unsigned i;

	(void)state;
	for (i = 0; i < 6; i++) {
		if (i & 1)
			leave_socket("v.sock");
		other_path = spellings[i / 2];
		assert_int_equal(open_at(&first, "v.sock"), 0);
		assert_int_equal(other_result, -EADDRINUSE);
		assert_true(reachable("v.sock"));
		listener_close(&first, &loop);
		assert_int_equal(access("v.sock", F_OK), -1);
	}
}

/* Any process can lock the folder: only replacing a socket is refused then. */
static void a_locked_folder(void **state)
{
	struct listener l;
	int fd;

	(void)state;
	leave_socket("old.sock");
	fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0 && !flock(fd, LOCK_SH));
	assert_int_equal(open_at(&l, "new.sock"), 0);
	assert_true(reachable("new.sock"));
	listener_close(&l, &loop);
	assert_int_equal(open_at(&l, "old.sock"), -EADDRINUSE);
	close(fd);
	assert_int_equal(open_at(&l, "old.sock"), 0);
	listener_close(&l, &loop);
}

static void a_successor(void **state)
{
	struct listener first, second;

	(void)state;
	assert_int_equal(open_at(&first, "v.sock"), 0);
	assert_int_equal(unlink("v.sock"), 0);
	assert_int_equal(open_at(&second, "v.sock"), 0);
	listener_close(&first, &loop);
	assert_true(reachable("v.sock"));
	listener_close(&second, &loop);
	assert_int_equal(access("v.sock", F_OK), -1);
	/* Closing again does nothing. */
	listener_close(&second, &loop);
}

int sockets_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_targets_at_once),
		cmocka_unit_test(a_locked_folder),
		cmocka_unit_test(a_successor),
	};
	int failed;

	if (loop_open(&loop))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	loop_close(&loop);
	return failed;
}
