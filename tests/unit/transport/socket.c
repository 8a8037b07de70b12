/* SPDX-License-Identifier: BSD-3-Clause */
/* Getting the main socket: by path, handed over, and every way that fails. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "transport/vhost_user/vhost_user.h"
#include "util/error.h"
#include "util/fd.h"

/* A path of this process alone, in the folder for temporary files or else where the test runs. */
static const char *path(void)
{
	static char name[100];
	const char *dir = getenv("TMPDIR");

	snprintf(name, sizeof(name), "%s/vu-%d.sock", dir ? dir : ".", getpid());
	return name;
}

static int try(const char *where, unsigned timeout_ms)
{
	struct transport_opts opts = {.timeout_ms = timeout_ms};
	struct transport *t;
	int ret = vhost_user_ops.open(where, &opts, &t);

	if (ret == 0)
		t->ops->close(t);
	return ret;
}

static void test_by_path(void **state)
{
	struct fx fx = fx_new();

	CONFORMS("R-VU-01", "R-VU-13");
	(void)state;
	fx.ropts.path = path();
	fx_up(&fx);
	assert_int_equal(fx_life(&fx), 0);
	rig_wait_gone(fx.rig);
	assert_int_equal(fx_life(&fx), 0);
	/* Each connection has its owner. */
	assert_int_equal(rig_seen(fx.rig, RIG_SET_OWNER), 2);
	fx_down(&fx);
}

/* What is in front of the colon has to be one of the schemes, all of it and no more. */
static void test_schemes(void **state)
{
	static const char *const wrong[] = {"",      "vhost-user",  "/run/vhost.0",  "",
					    ":x",    "vhost-use:x", "vhost-users:x", "vhost-used:x",
					    "pcx:x", "VHOST-USER:x"};
	struct transport_opts opts = {.timeout_ms = 50};
	struct transport *t;
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(transport_open(wrong[i], &opts, &t), -EINVAL);
		assert_non_null(strstr(error_text(), "it must begin with vhost-user:, vfio-user:, "
						     "pci: or vhost-scsi:"));
	}
	assert_int_equal(transport_open("vhost-user:./no-such.sock", &opts, &t), -ENOENT);
	assert_int_equal(transport_open("pci:no-such", &opts, &t), -EINVAL);
	assert_null(strstr(error_text(), "it must begin with"));
}

static void test_eventfd_that_blocks(void **state)
{
	const int fd = eventfd(3, EFD_CLOEXEC);

	(void)state;
	need_reads_that_dont_wait();
	alarm(30);
	assert_int_equal(fd_take(fd), 1);
	assert_int_equal(fd_take(fd), 0);
	alarm(0);
	close(fd);
	assert_int_equal(fd_take(fd), -EBADF);
}

static void test_paths_that_lead_nowhere(void **state)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char longer[200];
	int fd;

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	assert_int_equal(try("", 50), -EINVAL);
	assert_int_equal(try(longer, 50), -ENAMETOOLONG);
	assert_int_equal(try("./there-is-no-such.sock", 50), -ENOENT);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path());
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(try(path(), 50), -ECONNREFUSED);
	close(fd);
	unlink(path());
}

/* The working directory changes while the device is open; and its path from / may be too long. */
static void reconnect_from_elsewhere(const char *folder)
{
	struct fx fx = fx_new();
	char *before = realpath(".", NULL);

	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(chdir(folder), 0);
	fx.ropts.path = "./there.sock";
	fx_connect(&fx);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(fx.t->ops->reopen(fx.t), 0);
	assert_int_equal(chdir(before), 0);
	assert_int_equal(chdir(folder), 0);
	fx_down(&fx);
	unlink("there.sock");
	assert_int_equal(chdir(before), 0);
	assert_int_equal(rmdir(folder), 0);
	free(before);
}

static void test_relative_path_after_chdir(void **state)
{
	unsigned fds = count_fds();
	char folder[150];

	(void)state;
	reconnect_from_elsewhere("elsewhere");
	memset(folder, 'f', sizeof(folder) - 1);
	folder[sizeof(folder) - 1] = 0;
	reconnect_from_elsewhere(folder);
	assert_int_equal(count_fds(), fds);
}

/* In a folder that is gone there is nothing to be relative to. */
static void test_relative_path_without_a_folder(void **state)
{
	char *before = realpath(".", NULL);

	(void)state;
	assert_int_equal(mkdir("gone", 0700), 0);
	assert_int_equal(chdir("gone"), 0);
	assert_int_equal(rmdir("../gone"), 0);
	assert_int_equal(try("there.sock", 50), -ENOENT);
	assert_non_null(strstr(error_text(), "is relative to"));
	assert_int_equal(chdir(before), 0);
	free(before);
}

/* What is said of a socket that this user may not open; root may open all. */
static void test_socket_of_another_user(void **state)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t child;
	int status;

	(void)state;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path());
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(chmod(path(), 0), 0);
	child = fork();
	if (child == 0) {
		if (geteuid() == 0 && setuid(65534))
			_exit(2);
		_exit(try(addr.sun_path, 50) == -EACCES &&
				      strstr(error_text(), "let this user write") &&
				      !strstr(error_text(), "listening")
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(fd);
	unlink(path());
}

/* A listener that never accepts: once its backlog is full, connect() would wait for ever. */
static void test_listener_that_never_accepts(void **state)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	unsigned fds = count_fds();
	unsigned i;
	int fd;

	CONFORMS("R-VU-110");
	(void)state;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path());
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 0), 0);
	for (i = 0; i < 4; i++)
		assert_int_equal(try(path(), 20), -ETIMEDOUT);
	close(fd);
	unlink(path());
	assert_int_equal(count_fds(), fds);
}

static void test_descriptors_that_are_no_socket(void **state)
{
	char where[32];
	int pair[2];

	(void)state;
	assert_int_equal(try("fd=", 50), -EINVAL);
	assert_int_equal(try("fd=-1", 50), -EINVAL);
	assert_int_equal(try("fd=x", 50), -EINVAL);
	assert_int_equal(try("fd=3x", 50), -EINVAL);
	assert_int_equal(try("fd=99999999999999999999", 50), -EINVAL);
	assert_int_equal(try("fd=4294967296", 50), -EINVAL);
	assert_int_equal(try("fd=999999", 50), -EINVAL);
	assert_int_equal(pipe(pair), 0);
	snprintf(where, sizeof(where), "fd=%d", pair[0]);
	assert_int_equal(try(where, 50), -EINVAL);
	close(pair[0]);
	close(pair[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	snprintf(where, sizeof(where), "fd=%d", pair[0]);
	assert_int_equal(try(where, 50), -EINVAL);
	close(pair[0]);
	close(pair[1]);
	/* A number that would do, with something after it. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	snprintf(where, sizeof(where), "fd=%dx", pair[0]);
	assert_int_equal(try(where, 50), -EINVAL);
	close(pair[0]);
	close(pair[1]);
}

static void test_ownership_of_a_handed_over_socket(void **state)
{
	struct fx fx = fx_new();
	int fd;

	CONFORMS("R-VU-01", "R-VU-07");
	(void)state;
	fx_up(&fx);
	fd = rig_socket(fx.rig);
	assert_int_equal(fx_open(&fx), 0);
	fx.t->ops->close(fx.t);
	fx.t = NULL;
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	fx_down(&fx);

	fx = fx_new();
	fx_up(&fx);
	fd = rig_socket(fx.rig);
	rig_plan(fx.rig, RIG_GET_FEATURES, RIG_FAULT_ID, 2);
	assert_int_equal(fx_open(&fx), -EPROTO);
	/* Still the caller's; but the back-end sees the end. */
	assert_int_not_equal(fcntl(fd, F_GETFD), -1);
	rig_wait_gone(fx.rig);
	fx_down(&fx);
}

/* The peer reads no more: EPIPE, which must not be a signal. */
static void test_peer_that_reads_no_more(void **state)
{
	char where[32];
	int pair[2];

	CONFORMS("R-VU-06", "R-VU-111");
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(shutdown(pair[1], SHUT_RD), 0);
	snprintf(where, sizeof(where), "fd=%d", pair[0]);
	assert_int_equal(try(where, 1000), -ENOTCONN);
	close(pair[0]);
	close(pair[1]);
}

int socket_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_path),
		cmocka_unit_test(test_schemes),
		cmocka_unit_test(test_eventfd_that_blocks),
		cmocka_unit_test(test_paths_that_lead_nowhere),
		cmocka_unit_test(test_relative_path_after_chdir),
		cmocka_unit_test(test_relative_path_without_a_folder),
		cmocka_unit_test(test_socket_of_another_user),
		cmocka_unit_test(test_listener_that_never_accepts),
		cmocka_unit_test(test_descriptors_that_are_no_socket),
		cmocka_unit_test(test_ownership_of_a_handed_over_socket),
		cmocka_unit_test(test_peer_that_reads_no_more),
	};

	return cmocka_run_group_tests_name("socket", tests, NULL, NULL);
}
